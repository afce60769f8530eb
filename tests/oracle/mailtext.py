# SPDX-License-Identifier: GPL-3.0-or-later
"""What a message says: the text rules of store/README once more, sharing no line with the server's C code.

    text = MailText(octets)        # the message in any line ends
    text.header, text.parts, text.body        # bytes: folded lines, each ended by LF
    text.in_body(fold_needle('größe')), text.in_text(needle), text.in_field('Subject', needle)

Written for clearness and as a second opinion, not for speed. From the standard library: Unicode data, html.unescape and the
table of iconv names; glibc's iconv does the charsets, since the rules say that it decides.

    python3 mailtext.py FILE...    prints the three sections of messages
"""

import binascii
import ctypes
import functools
import html
import re
import sys
import unicodedata

# Raise it with every change of what comes out: cached texts carry it.
RULES_VERSION = 1

MAX_DEPTH = 100      # LIMIT_MIME_DEPTH
MAX_PARTS = 10000    # LIMIT_MIME_PARTS

# --- folding: i;unicode-casemap (RFC 5051), DESIGN.md "Text", rule 4 --------------------------------------------------

_WHITE_SPACE = {*range(0x09, 0x0e), 0x20, 0x85, 0xa0, 0x1680, *range(0x2000, 0x200b), 0x2028, 0x2029, 0x202f, 0x205f, 0x3000}

# Default_Ignorable_Code_Point of DerivedCoreProperties.txt
_IGNORABLE = [(0xad, 0xad), (0x34f, 0x34f), (0x61c, 0x61c), (0x115f, 0x1160), (0x17b4, 0x17b5), (0x180b, 0x180f),
              (0x200b, 0x200f), (0x202a, 0x202e), (0x2060, 0x206f), (0x3164, 0x3164), (0xfe00, 0xfe0f), (0xfeff, 0xfeff),
              (0xffa0, 0xffa0), (0xfff0, 0xfff8), (0x1bca0, 0x1bca3), (0x1d173, 0x1d17a), (0xe0000, 0xe0fff)]


def simple_titlecase(char):
    """UnicodeData.txt's simple titlecase mapping. str.title() has the full mapping, which differs exactly where it is longer
    than one character; those characters have no simple one (test_mailtext.py compares with UnicodeData.txt)."""
    title = char.title()
    return title if len(title) == 1 else char


def decompose(char):
    """Full decomposition of any kind, recursively; Hangul by its arithmetic."""
    code = ord(char)
    if 0xac00 <= code <= 0xd7a3:
        index = code - 0xac00
        out = chr(0x1100 + index // 588) + chr(0x1161 + index % 588 // 28)
        return out + (chr(0x11a7 + index % 28) if index % 28 else '')
    mapping = unicodedata.decomposition(char)
    if not mapping:
        return char
    codes = [c for c in mapping.split() if not c.startswith('<')]
    return ''.join(decompose(chr(int(c, 16))) for c in codes)


def fold_char(char):
    code = ord(char)
    if code in _WHITE_SPACE or unicodedata.category(char) == 'Cc':
        return ' '
    if any(first <= code <= last for first, last in _IGNORABLE):
        return ''
    return decompose(simple_titlecase(char)).translate(_SWAP)


_SWAP = {**{c: c + 32 for c in range(65, 91)}, **{c: c - 32 for c in range(97, 123)}}


class _FoldTable(dict):
    def __missing__(self, code):
        self[code] = fold_char(chr(code))
        return self[code]


_FOLD = _FoldTable()


def fold(text):
    """Folds a str without lone surrogates; returns bytes (UTF-8)."""
    return re.sub('  +', ' ', text.translate(_FOLD)).encode()


def fold_needle(needle):
    """A search string (str, or bytes of UTF-8) as it is looked for."""
    return fold(needle.decode('utf-8', 'replace') if isinstance(needle, bytes) else needle)


# --- charsets ---------------------------------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)
_libc.iconv_open.restype = ctypes.c_void_p
_libc.iconv_open.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
_libc.iconv.restype = ctypes.c_size_t
_libc.iconv.argtypes = [ctypes.c_void_p] + [ctypes.c_void_p] * 4
_EILSEQ, _EINVAL, _E2BIG = 84, 22, 7

# What is read as another charset; names in lower case without their punctuation.
_READ_AS = {name: target for target, names in {
    'guess': 'usascii ascii us 646 iso646us iso646irv1991 isoir6 ansix341968 ansix341986 cp367 ibm367 csascii',
    'utf-8': 'utf8 csutf8',
    'cp1252': 'iso88591 iso885911987 88591 latin1 l1 isoir100 cp819 ibm819 csisolatin1 windows1252 cp1252 win1252 xcp1252 ansi1252',
    'CP1254': 'windows1254 win1254 xcp1254 iso88599 iso885991989 latin5 l5 isoir148 csisolatin5',
    'CP874': 'iso885911 tis620 tis62025330 tis62025331 tis62025291 isoir166',
    'GB18030': 'gb2312 gb231280 csgb2312 csiso58gb231280 isoir58 chinese euccn cngb gbk xgbk cp936 ms936 windows936',
    'CP949': 'ksc56011987 ksc56011989 ksc5601 csksc56011987 korean isoir149 euckr cseuckr cp949 ms949 windows949 uhc',
    'CP932': 'shiftjis sjis xsjis mskanji csshiftjis cp932 ms932 windows31j cswindows31j',
    'BIG5-HKSCS': 'big5 bigfive cnbig5 csbig5 xxbig5 cp950 windows950 big5hkscs',
    'utf-16': 'utf16 csutf16 ucs2 iso10646ucs2 csunicode unicode',
    'utf-32': 'utf32 csutf32 ucs4 iso10646ucs4 csucs4',
    'utf-16-be': 'utf16be csutf16be unicodebig',
    'utf-16-le': 'utf16le csutf16le unicodelittle',
    'utf-32-be': 'utf32be csutf32be',
    'utf-32-le': 'utf32le csutf32le',
    'hz': 'hzgb2312 hz',
    **{'CP%d' % n: 'windows%d win%d xcp%d' % (n, n, n) for n in (1250, 1251, 1253, 1255, 1256, 1257, 1258)},
    'ISO-8859-8': 'iso88598i iso88598e csiso88598i csiso88598e',
}.items() for name in names.split()}
# Python's codecs for these have what the rules say: U+FFFD for a maximal subpart of UTF-8, for a unit of UTF-16 and UTF-32.
_PYTHON = {'utf-8', 'cp1252', 'utf-16-be', 'utf-16-le', 'utf-32-be', 'utf-32-le'}


@functools.lru_cache(maxsize=None)
def _iconv_open(name):
    handle = _libc.iconv_open(b'UTF-8', name.encode())
    return None if handle in (None, ctypes.c_void_p(-1).value) else handle


def _iconv(name, data):
    """glibc's iconv to str; an octet that it cannot decode is U+FFFD, and decoding goes on after it."""
    handle = _iconv_open(name)
    _libc.iconv(handle, None, None, None, None)
    source = ctypes.create_string_buffer(data, len(data) + 1)
    room = max(4 * len(data), 64) + 64
    target = ctypes.create_string_buffer(room)
    s, s_left = ctypes.c_void_p(ctypes.addressof(source)), ctypes.c_size_t(len(data))
    out = []

    def run(with_source):
        t, t_left = ctypes.c_void_p(ctypes.addressof(target)), ctypes.c_size_t(room)
        result = _libc.iconv(handle, ctypes.byref(s) if with_source else None,
                             ctypes.byref(s_left) if with_source else None, ctypes.byref(t), ctypes.byref(t_left))
        errno = ctypes.get_errno()
        out.append(target.raw[:room - t_left.value])
        return errno if result == ctypes.c_size_t(-1).value else 0

    while s_left.value:
        errno = run(True)
        if errno in (_EILSEQ, _EINVAL) and s_left.value:
            out.append('\ufffd'.encode())
            s.value += 1
            s_left.value -= 1
        elif errno not in (0, _E2BIG):
            raise OSError(errno, 'iconv from %s' % name)
    run(False)
    return b''.join(out).decode('utf-8', 'replace')


def decode_guess(data):
    """Octets without a (known) charset: UTF-8 if all of them are, else windows-1252."""
    try:
        return data.decode('utf-8')
    except UnicodeDecodeError:
        return data.decode('cp1252', 'replace')


def _hz_to_gb(data):
    """HZ (RFC 1843) to GB 18030."""
    out, gb, i = bytearray(), False, 0
    while i < len(data):
        pair = data[i:i + 2]
        i += 2
        if pair in (b'~{', b'~}'):
            gb = pair == b'~{'
        elif pair == b'~~':
            out += b'~'
        elif pair == b'~\n':
            pass
        elif gb and re.fullmatch(rb'[!-}][!-~]', pair):
            out += bytes(octet | 0x80 for octet in pair)
        else:
            out.append(pair[0])
            gb = gb and pair[0] != 10
            i -= 1
    return bytes(out)


def decode(charset, data):
    """Octets in a charset as mail names it (str or None) to str."""
    name = (charset or '').strip(' \t"\'').lower()
    if not re.fullmatch(r'[a-z0-9_.:+()-]{1,60}', name):
        return decode_guess(data)
    name = _READ_AS.get(re.sub('[^a-z0-9]', '', name), name)
    if name in ('utf-16', 'utf-32'):
        width = int(name[-2:]) // 8
        little, big = '\ufeff'.encode(name + '-le'), '\ufeff'.encode(name + '-be')
        name += '-le' if data.startswith(little) else '-be'
        data = data[width:] if data.startswith((little, big)) else data
    if name in _PYTHON:
        return data.decode(name, 'replace')
    if name == 'hz':
        name, data = 'GB18030', _hz_to_gb(data)
    if _iconv_open(name) is None:
        name = (name[2:] if name.startswith('x-') and len(name) > 2 else name).replace('_', '-')
    if name in ('', 'guess') or _iconv_open(name) is None:
        return decode_guess(data)
    return _iconv(name, data)


# --- transfer encodings -----------------------------------------------------------------------------------------------

_B64 = {c: i for i, c in enumerate(b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/')}
_NOT_B64 = bytes(c for c in range(256) if c not in _B64 and c != 61)


def decode_base64(data):
    """Octets outside of the alphabet are skipped; "=" ends a quantum; an incomplete one gives the octets it has."""
    out = bytearray()
    for run in data.translate(None, _NOT_B64).split(b'='):
        whole = len(run) // 4 * 4
        out += binascii.a2b_base64(run[:whole])
        rest = [_B64[c] for c in run[whole:]]
        if len(rest) >= 2:
            out.append(rest[0] << 2 | rest[1] >> 4)
        if len(rest) == 3:
            out.append((rest[1] << 4 | rest[2] >> 2) & 0xff)
    return bytes(out)


def _hex_octet(match):
    return bytes([int(match[1], 16)])


def decode_quoted_printable(data):
    out = bytearray()
    for line in re.findall(rb'[^\n]*\n|[^\n]+', data):
        m = re.fullmatch(rb'(.*?)(\r?\n)?', line, re.S)
        text, end = m[1], m[2] or b''
        if end:
            text = text.rstrip(b' \t')
        if end and text.endswith(b'='):
            text, end = text[:-1], b''
        out += re.sub(rb'=([0-9A-Fa-f]{2})', _hex_octet, text) + end
    return bytes(out)


def decode_uuencode(data):
    out = bytearray()
    lines = [data[start:end] for start, end, _ in split_lines(data)]
    begin = next((i for i, line in enumerate(lines) if line.startswith(b'begin ')), None)
    if begin is None:
        return b''
    for line in lines[begin + 1:]:
        if line.strip(b' \t\r') == b'end':
            break
        if not line:
            continue
        n = (line[0] - 32) & 63
        values = [(c - 32) & 63 for c in line[1:]]
        values += [0] * (-len(values) % 4)
        octets = bytearray()
        for i in range(0, len(values), 4):
            a, b, c, d = values[i:i + 4]
            octets += bytes([(a << 2 | b >> 4) & 255, (b << 4 | c >> 2) & 255, (c << 6 | d) & 255])
        out += octets[:n]
    return bytes(out)


def decode_transfer(encoding, data):
    if encoding == 'base64':
        return decode_base64(data)
    if encoding == 'quoted-printable':
        return decode_quoted_printable(data)
    if encoding in ('x-uuencode', 'uuencode', 'x-uue'):
        return decode_uuencode(data)
    return data


# --- HTML -------------------------------------------------------------------------------------------------------------

_BLOCKS = set('''address article aside blockquote body br button caption center dd details dialog dir div dl dt
    fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 head header hr html iframe legend li main menu nav
    noframes ol optgroup option p pre section select summary table tbody td textarea tfoot th thead title tr ul'''.split())
_HTML_SPACE = ' \t\n\r\f'


class _Html:
    def __init__(self, source):
        self.source = source
        self.pos = 0
        self.pieces = []
        self.attributes = []

    def text(self):
        source, n, run = self.source, len(self.source), 0

        def flush(end):
            if end > run:
                self.pieces.append(html.unescape(source[run:end]))

        while True:
            at = source.find('<', self.pos)
            if at < 0:
                flush(n)
                break
            following = source[at + 1:at + 2]
            if source.startswith('<!--', at):
                flush(at)
                if source.startswith('>', at + 4):
                    self.pos = at + 5
                elif source.startswith('->', at + 4):
                    self.pos = at + 6
                else:
                    self.pos = self.after('-->', at + 4)
            elif following in ('!', '?') and following:
                flush(at)
                self.pos = self.after('>', at + 2)
            elif re.compile('</?[a-zA-Z]').match(source, at):
                flush(at)
                self.tag(at)
            else:
                self.pos = at + 1   # a "<" that is text: it stays in the run
                continue
            run = self.pos
        return ''.join(self.pieces) + ''.join(' ' + html.unescape(value) for value in self.attributes)

    def after(self, end, start):
        at = self.source.find(end, start)
        return len(self.source) if at < 0 else at + len(end)

    def tag(self, at):
        source, n = self.source, len(self.source)
        m = re.compile(r'<(/?)([^ \t\n\r\f/>]*)').match(source, at)
        name, pos = m[2].lower(), m.end()
        attributes = []
        while True:
            while pos < n and source[pos] in _HTML_SPACE + '/':
                pos += 1
            if pos >= n:
                self.pos = n    # a tag that does not end is dropped, with its attributes
                return
            if source[pos] == '>':
                pos += 1
                break
            start = pos
            pos += source[pos] == '='
            while pos < n and source[pos] not in _HTML_SPACE + '/>=':
                pos += 1
            attribute = source[start:pos].lower()
            value = None
            look = pos
            while look < n and source[look] in _HTML_SPACE:
                look += 1
            if look < n and source[look] == '=':
                pos = look + 1
                while pos < n and source[pos] in _HTML_SPACE:
                    pos += 1
                if pos < n and source[pos] in '"\'':
                    end = source.find(source[pos], pos + 1)
                    if end < 0:
                        self.pos = n
                        return
                    value, pos = source[pos + 1:end], end + 1
                else:
                    start = pos
                    while pos < n and source[pos] not in _HTML_SPACE + '>':
                        pos += 1
                    value = source[start:pos]
            if value is not None and attribute in ('alt', 'title', 'href'):
                attributes.append(value)
        self.attributes += attributes
        self.pos = pos
        if name in _BLOCKS:
            self.pieces.append(' ')
        if name in ('script', 'style') and not m[1]:
            end = re.compile('</' + name, re.I).search(source, pos)
            if end is None:
                self.pos = n
            else:
                self.tag(end.start())


def html_to_text(source):
    return _Html(source).text()


# --- header fields ----------------------------------------------------------------------------------------------------

_FIELD = re.compile(rb'([\x21-\x39\x3b-\x7e]+)[ \t]*:')


def split_lines(data, pos=0):
    """(start, end of the text, end with the line end) of each line."""
    n = len(data)
    while pos < n:
        lf = data.find(b'\n', pos)
        if lf < 0:
            yield pos, n, n
            return
        yield pos, lf - 1 if lf > pos and data[lf - 1] == 13 else lf, lf + 1
        pos = lf + 1


class Header:
    """The fields of one header block: [(name or None, raw value with its folding removed)]; end: where the body begins."""

    def __init__(self, data, pos, is_message, is_delimiter=lambda start, end: False):
        self.fields = []
        self.end = pos
        self.cut = False        # a delimiter ended it
        if is_message and (data.startswith(b'From ', pos) or data.startswith(b'>From ', pos)):
            lines = split_lines(data, pos)
            start, end, after = next(lines)
            following = next(lines, None)
            if not _FIELD.match(data[start:end]) and following is not None:
                line = data[following[0]:following[1]]
                third = next(lines, None)
                # an empty line whose line end is a delimiter's is none
                cut = third is not None and data.startswith(b'--', third[0]) and is_delimiter(third[0], third[1])
                if _FIELD.match(line) or (not line and not cut):
                    self.end = pos = after
        fields = []
        for start, end, after in split_lines(data, pos):
            line = data[start:end]
            if line.startswith(b'--') and is_delimiter(start, end):
                self.cut = True
                break
            m = _FIELD.match(line)
            if not line:
                self.end = after
                break
            if fields and line[:1] in (b' ', b'\t'):
                fields[-1][1] += line
            elif m:
                fields.append([m[1], bytearray(line[m.end():])])
            elif not fields:
                break               # no header at all
            else:
                fields.append([None, bytearray(line)])
            self.end = after
        self.fields = [(name, bytes(value)) for name, value in fields]

    def first(self, name):
        return next((value for n, value in self.fields if n is not None and n.lower() == name), None)

    def lines(self):
        return b''.join(field_line(name, value) for name, value in self.fields)


_WORD = re.compile(rb'=\?([^?* \t]+)(?:\*[^? \t]*)?\?([BbQq])\?([^?]*)\?=')


def decode_words(value):
    """Decodes RFC 2047 encoded words wherever they stand; what is around them is UTF-8 if the whole value is, else
    windows-1252."""
    try:
        value.decode('utf-8')
        plain = functools.partial(bytes.decode, encoding='utf-8')
    except UnicodeDecodeError:
        def plain(octets):
            return octets.decode('cp1252', 'replace')
    out, pos = [], 0
    charset, octets = None, b''         # of the encoded words that are being joined
    for m in _WORD.finditer(value):
        between = value[pos:m.start()]
        adjacent = charset is not None and not between.strip(b' \t')
        name = m[1].decode('latin-1').lower()
        if m[2] in b'Bb':
            data = decode_base64(m[3])
        else:
            data = re.sub(rb'=([0-9A-Fa-f]{2})', _hex_octet, m[3].replace(b'_', b' '))
        if adjacent and name == charset:
            octets += data
        else:
            if charset is not None:
                out.append(decode(charset, octets))
            if not adjacent:
                out.append(plain(between))
            charset, octets = name, data
        pos = m.end()
    if charset is not None:
        out.append(decode(charset, octets))
    out.append(plain(value[pos:]))
    return ''.join(out)


def _skip_cfws(value, pos):
    """The position after white space and comments (nested, with quoted pairs)."""
    depth = 0
    while pos < len(value):
        c = value[pos]
        if c == 40:
            depth += 1
        elif depth and c == 41:
            depth -= 1
        elif depth and c == 92:
            pos += 1
        elif not depth and c not in b' \t\r\0':
            break
        pos += 1
    return min(pos, len(value))


_TOKEN = re.compile(rb'[^\x00-\x20\x7f()<>@,;:\\"/\[\]?=]+')
_WORD_OF_PARAM = re.compile(rb'[^ \t\r\0;=(]*')
_BARE_VALUE = re.compile(rb'[^ \t\r\0;]*')
MAX_PARAMETERS = 100     # LIMIT_MIME_PARAMETERS


def _main_value(value):
    """([tokens of the main value: one, or two if there is a "/"], where it ends)."""
    tokens = []
    pos = _skip_cfws(value, 0)
    m = _TOKEN.match(value, pos)
    if m is None:
        return tokens, pos
    tokens.append(m[0].lower().decode('latin-1'))
    pos = m.end()
    slash = _skip_cfws(value, pos)
    if value[slash:slash + 1] == b'/':
        pos = _skip_cfws(value, slash + 1)
        m = _TOKEN.match(value, pos)
        if m:
            tokens.append(m[0].lower().decode('latin-1'))
            pos = m.end()
    return tokens, pos


def parse_parameters(value):
    """[(name as written in lower case, octets of the value)] of a Content-Type or Content-Disposition."""
    params = []
    if value is None:
        return params
    pos = _main_value(value)[1]
    while len(params) < MAX_PARAMETERS:
        pos = _skip_cfws(value, pos)
        while value[pos:pos + 1] == b';':
            pos = _skip_cfws(value, pos + 1)
        if pos >= len(value):
            break
        m = _WORD_OF_PARAM.match(value, pos)
        name = m[0].lower().decode('latin-1')
        pos = _skip_cfws(value, m.end())
        if value[pos:pos + 1] != b'=':
            continue
        pos = _skip_cfws(value, pos + 1)
        if value[pos:pos + 1] == b'"':
            m = re.compile(rb'"((?:[^"\\]|\\.)*)\\?"?', re.S).match(value, pos)
            octets = re.sub(rb'\\(.)', rb'\1', m[1], flags=re.S)
        else:
            m = _BARE_VALUE.match(value, pos)
            octets = m[0]
        pos = m.end()
        if name:
            params.append((name, octets))
    return params


def _percent(octets):
    return re.sub(rb'%([0-9A-Fa-f]{2})', _hex_octet, octets)


def joined_parameters(params):
    """{name: (charset or None, octets, whether it is in an RFC 2231 form)} in order of first appearance."""
    plain, sections, order = {}, {}, []
    for name, octets in params:
        m = re.fullmatch(r'(.+?)\*(?:([0-9]{1,4})(\*?))?', name, re.S)
        if m is None:
            plain.setdefault(name, octets)
        else:
            name = m[1]
            sections.setdefault(name, {}).setdefault(int(m[2] or 0), (octets, m[2] is None or m[3] == '*'))
        if name not in order:
            order.append(name)
    out = {}
    for name in order:
        if 0 not in sections.get(name, {}):
            if name in plain:
                out[name] = (None, plain[name], False)
            continue
        charset, joined, number = None, b'', 0
        while number in sections[name]:
            octets, encoded = sections[name][number]
            if number == 0 and encoded and octets.count(b"'") >= 2:
                charset, _, octets = octets.split(b"'", 2)
                charset = charset.decode('latin-1')
            joined += _percent(octets) if encoded else octets
            number += 1
        out[name] = (charset, joined, True)
    return out


def extended_parameters(params):
    """[(name, str)] of the parameters in an RFC 2231 form."""
    return [(name, decode(charset, octets)) for name, (charset, octets, extended) in joined_parameters(params).items()
            if extended]


def trim(folded):
    folded = folded[1:] if folded.startswith(b' ') else folded
    return folded[:-1] if folded.endswith(b' ') else folded


def field_line(name, raw):
    text = decode_words(raw)
    if name is None:
        return trim(fold(text)) + b'\n'
    if name.lower() in (b'content-type', b'content-disposition'):
        for parameter_name, value in extended_parameters(parse_parameters(raw)):
            text += '; %s="%s"' % (parameter_name.encode('latin-1').decode('utf-8', 'replace'), value)
    return fold(name.decode('ascii')) + b': ' + trim(fold(text)) + b'\n'


# --- MIME structure ---------------------------------------------------------------------------------------------------

def content_type(raw):
    """(type, subtype) in lower case, or None if there are not both."""
    tokens = [] if raw is None else _main_value(raw)[0]
    return tuple(tokens) if len(tokens) == 2 else None


def first_token(raw):
    if raw is None:
        return ''
    m = _TOKEN.match(raw, _skip_cfws(raw, 0))
    return m[0].lower().decode('latin-1') if m else ''


class MailText:
    def __init__(self, data):
        self._header, self._parts, self._body = [], [], []
        _Walk(self, data).entity(0, True, False, 0, top=True)
        self.header = b''.join(self._header)
        self.parts = b''.join(self._parts)
        self.body = b''.join(self._body)
        del self._header, self._parts, self._body

    def in_body(self, needle):
        return not needle or needle in self.body

    def in_text(self, needle):
        return not needle or needle in self.body or needle in self.header or needle in self.parts

    def values(self, name):
        """The folded values of the header's fields of that name."""
        start = fold(name) + b': '
        return [line[len(start):] for line in self.header.split(b'\n') if line.startswith(start)]

    def in_field(self, name, needle):
        return any(needle in value for value in self.values(name))


_MESSAGES = {('message', 'rfc822'), ('message', 'global'), ('message', 'news')}


class _Walk:
    """One pass over the octets of a message (or of one that had a transfer encoding inside another)."""

    def __init__(self, text, data):
        self.text = text
        self.data = data
        self.n_parts = 0
        self.boundaries = []        # of the multiparts that are open, outermost first

    def delimiter(self, start, end):
        """(level, closes) if the line is a delimiter of an open multipart: the innermost first."""
        line = self.data[start:end]
        for level in range(len(self.boundaries) - 1, -1, -1):
            boundary = self.boundaries[level]
            if not line.startswith(b'--' + boundary):
                continue
            rest = line[2 + len(boundary):]
            if not rest.strip(b' \t'):
                return level, False
            if rest.startswith(b'--') and not rest[2:].strip(b' \t'):
                return level, True
        return None

    def next_delimiter(self, pos):
        """(level, closes, start of the line, where the next line starts); at the end of the data level is -1."""
        data, n = self.data, len(self.data)
        while self.boundaries and pos < n:
            at = pos if data.startswith(b'--', pos) and (pos == 0 or data[pos - 1] == 10) else data.find(b'\n--', pos) + 1
            if at == 0 and not (pos == 0 and data.startswith(b'--')):
                break
            start, end, after = next(split_lines(data, at))
            found = self.delimiter(start, end)
            if found:
                return found[0], found[1], start, after
            pos = end
        return -1, False, n, n

    def before(self, start, begin):
        """Where the text ends that a delimiter at @start ends: the line end before it is the delimiter's."""
        if start < len(self.data) and start > begin and self.data[start - 1] == 10:
            start -= 1
            if start > begin and self.data[start - 1] == 13:
                start -= 1
        return start

    def entity(self, pos, is_message, in_digest, depth, top=False):
        """Reads a message or a part from @pos on; returns the delimiter that ends it, as next_delimiter() does."""
        text, data = self.text, self.data
        self.n_parts += 1
        if self.n_parts >= MAX_PARTS:
            hit = -1, False, len(data), len(data)
            self.leaf(pos, hit, 'plain', '', None)
            return hit
        header = Header(data, pos, is_message, lambda start, end: self.delimiter(start, end) is not None)
        (text._header if top else text._body if is_message else text._parts).append(header.lines())
        begin = header.end
        raw_type = header.first(b'content-type')
        kind = content_type(raw_type)
        params = joined_parameters(parse_parameters(raw_type))
        encoding = first_token(header.first(b'content-transfer-encoding'))
        if kind is None:
            kind = ('message', 'rfc822') if in_digest else ('text', 'plain')
        charset, octets, _ = params.get('charset', (None, b'', False))
        charset = decode(charset, octets)
        if kind[0] == 'multipart' or kind in _MESSAGES:
            charset = None
            boundary = params.get('boundary', (None, b'', False))[1].rstrip(b' \t')
            if depth < MAX_DEPTH and kind in _MESSAGES:
                return self.message(begin, encoding, depth)
            if depth < MAX_DEPTH and boundary and not header.cut:
                hit, n_children = self.multipart(begin, boundary, kind[1] == 'digest', depth)
                if not n_children:      # all of it is text, its own "--boundary--" too
                    self.leaf(begin, hit, 'plain', encoding, None)
                return hit
            kind = ('text', 'plain')
        hit = self.next_delimiter(begin)
        if kind[0] in ('text', 'message'):
            self.leaf(begin, hit, kind[1] if kind[0] == 'text' else 'plain', encoding, charset)
        return hit

    def message(self, begin, encoding, depth):
        if encoding not in ('base64', 'quoted-printable'):
            return self.entity(begin, True, False, depth + 1)
        hit = self.next_delimiter(begin)
        inner = decode_transfer(encoding, self.data[begin:self.before(hit[2], begin)])
        _Walk(self.text, inner).entity(0, True, False, depth + 1)
        return hit

    def multipart(self, begin, boundary, is_digest, depth):
        level = len(self.boundaries)
        self.boundaries.append(boundary)
        n_children = 0
        hit = self.next_delimiter(begin)
        while hit[0] == level and not hit[1]:
            n_children += 1
            hit = self.entity(hit[3], False, is_digest, depth + 1)
        self.boundaries.pop()
        if hit[0] == level:         # "--boundary--": up to the next delimiter of an outer multipart all is epilogue
            hit = self.next_delimiter(hit[3])
        return hit, n_children

    def leaf(self, begin, hit, subtype, encoding, charset):
        octets = decode_transfer(encoding, self.data[begin:self.before(hit[2], begin)])
        source = decode(charset, octets)
        if subtype == 'html':
            source = html_to_text(source)
        self.text._body.append(fold(source) + b'\n')


def main():
    for path in sys.argv[1:]:
        with open(path, 'rb') as f:
            text = MailText(f.read())
        for name in ('header', 'parts', 'body'):
            sys.stdout.buffer.write(b'--- %s %s\n' % (name.encode(), path.encode()) + getattr(text, name))


if __name__ == '__main__':
    main()
