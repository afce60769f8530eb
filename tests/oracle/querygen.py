# SPDX-License-Identifier: GPL-3.0-or-later
"""Random SEARCH programs of every key and shape, and what real clients send.

    gen = Generator(seed, texts, box)
    query = gen.query()            # a Query: .tree (for scanner.Box), .uid, .returns (None or a list), .send(client)

Strings to search for are taken from what the messages say, so that many of them are found: words, parts of words, phrases
over word and line borders, punctuation, digits, single characters, long strings, whole addresses and Message-IDs, in other
cases and normal forms, with ignorable characters inside; and near misses that must not be found. The same seed and mail give
the same queries.
"""

import datetime
import itertools
import random
import re
import unicodedata

from lib.imap import Literal, Quoted, _ATOM_SPECIALS
from oracle import dates

SYSTEM = {'ANSWERED': '\\Answered', 'DELETED': '\\Deleted', 'DRAFT': '\\Draft', 'FLAGGED': '\\Flagged', 'SEEN': '\\Seen'}
KEYWORDS = ['$Forwarded', '$label1', 'Junk', 'todo', 'NonJunk', '$MDNSent', 'x-1']
ADDRESS_FIELDS = ['FROM', 'TO', 'CC', 'BCC', 'SUBJECT']
HEADERS = ['Message-ID', 'References', 'In-Reply-To', 'List-Id', 'Content-Type', 'Received', 'X-Mailer', 'Subject', 'From',
           'To', 'Cc', 'Date', 'DKIM-Signature', 'User-Agent', 'Reply-To', 'Mime-Version', 'X-Spam-Status', 'Return-Path',
           'Content-Transfer-Encoding', 'Sender', 'X-No-Such-Field', 'Content-Disposition', 'Delivered-To']
COMMON = ['the', 'of the', 'e', 'x', '.', '-', '--', '->', '@', 'http', 'www', '0', '2', '2.6', '()', 'if (', '> ', ' - ', ', ',
          'a', '日', '。', '本', 'é', 'ß', 'ñ', 'и', 'ό', '한', '😀', '�', '\u00ad', ' ', '  ', "'", '"', '\\', '{', '}', '%', '*', '_',
          '=?utf-8', '@gmail.com', '.com', 'com>', '<', '>', ': ', ':', '; ', 're:', 'Re: ', 'unsubscribe', '\ufeff', '\u200d', 'İ',
          'ı', 'ﬁ', 'Ａ', '²', 'ς', 'ſ', 'K', '\u0301', '\t', 'e\u0301']

# What clients send (clients/search-shapes.txt), without SORT, THREAD, ESEARCH (the command), PARTIAL, MODSEQ, SAVE and EMAILID.
# A: a string, the same in all of a line; B, C: others; H: a header's name; D, E: dates; N: a number; U: a UID.
SHAPES = '''
UID UNDELETED BODY A
UID UNDELETED OR SUBJECT A FROM A
UID UNDELETED SUBJECT A
UID UNDELETED OR TO A HEADER CC A
UID UNDELETED NOT TO A NOT HEADER CC A
UID UNDELETED HEADER H A
UID UNDELETED SENTSINCE D SENTBEFORE E
UID UNDELETED LARGER N KEYWORD $label1
UID RETURN(ALL) ( OR FROM A ( OR SUBJECT A ( OR TO A ( OR CC A BODY A ) ) ) ) NOT DELETED
UID RETURN(ALL) OR HEADER SUBJECT A HEADER FROM A
UID ALL OR HEADER SUBJECT A HEADER FROM A
UID ALL UNSEEN SINCE D OR HEADER SUBJECT A BODY A OR HEADER SUBJECT B BODY B
UID ALL TEXT A
UID ALL OR OR OR HEADER Content-Type application/ HEADER Content-Type multipart/mixed HEADER Content-Type multipart/signed HEADER Content-Type multipart/report
UID ALL OR HEADER REPLY-TO A HEADER MAIL-REPLY-TO A
UID RETURN(COUNT) ALL UNDELETED UNSEEN
UID RETURN(COUNT,ALL,MAX) ALL UNDELETED
SEQ RETURN(COUNT) ALL UNSEEN
UID TEXT A UNDELETED
UID OR OR OR FROM A TO A CC A SUBJECT A UNDELETED
UID OR OR FROM A TO A CC A SINCE D UNDELETED
UID OR OR OR HEADER Content-Type application/ HEADER Content-Type multipart/m HEADER Content-Type multipart/signed HEADER Content-Type multipart/report UNDELETED
UID OR HEADER Message-ID A HEADER References A
UID RETURN(ALL,COUNT) BODY A BODY B
UID OR OR OR OR SUBJECT A FROM A TO A CC A BCC A NOT DELETED
UID TEXT A FLAGGED NOT DELETED
UID TEXT A TEXT B
UID S SINCE D NOT DELETED
UID OR SUBJECT A FROM A
SEQ OR OR OR OR OR FROM A TO A CC A BCC A SUBJECT A BODY A ALL
SEQ OR FROM A BODY A UNSEEN SINCE D ALL
UID BODY A
UID ( OR BODY A NOT BODY B )
UID HEADER H A
UID TEXT A
UID UNSEEN SUBJECT A
UID RETURN(ALL) ( SINCE D BODY A UNSEEN OR ( FROM B ) ( TO B ) )
SEQ ( ALL )
UID BODY A BODY B
UID HEADER List-Id A
UID ALL
UID RETURN(COUNT,MIN,MAX,ALL) SUBJECT A
SEQ HEADER MESSAGE-ID A NOT SEEN
SEQ UNSEEN UNDELETED
UID UNSEEN UID U
UID HEADER X-Asterisk-VM-Context default
UID UNSEEN
UID FLAGGED
UID ANSWERED
SEQ ( UID U SMALLER N )
SEQ ( SINCE D )
UID HEADER X-OfflineIMAP A
SEQ SENTSINCE D SENTBEFORE E
UID UID 1:*
SEQ RETURN(COUNT) 1:* DELETED
UID RETURN(COUNT) UID 1:* UNSEEN
SEQ RETURN(ALL) 1:* NOT DELETED
SEQ ( OR OR OR FROM A FROM B FROM C FROM "USPS SUBJECT A SINCE D )
'''.strip().split('\n')


class Query:
    def __init__(self, tree, uid, returns, parts):
        self.tree = tree
        self.uid = uid
        self.returns = returns
        self.parts = parts

    def send(self, client):
        """Sends it; returns the tag."""
        command = b'UID SEARCH' if self.uid else b'SEARCH'
        return client.send_pieces(client.new_tag(), command.decode(), [b' ' + command] + self.parts)

    def __str__(self):
        shown = b'UID SEARCH' * self.uid + b'SEARCH' * (not self.uid) + b''.join(p if isinstance(p, bytes) else b'{%d%s}%s' % (len(p.data), b'' if p.sync else b'+', p.data)
                          for p in self.parts)
        return shown.decode('utf-8', 'replace')


class Generator:
    def __init__(self, seed, texts, box):
        self.random = random.Random(seed)
        self.texts = texts
        self.box = box          # may change under us; .messages is read at each query
        self.long_runs = self._find_long_runs()

    def _find_long_runs(self):
        """Runs of letters and digits that are so long that an index may cut them into pieces; a few of each message."""
        out = []
        for message in self.box.messages:
            text = self.texts.texts[message.content]
            for section in (text.body, text.header):
                out += [m[0][:1000].decode('utf-8', 'ignore')
                        for m in itertools.islice(re.finditer(rb'[0-9a-z\x80-\xff]{66,}', section), 2)]
        return out

    # --- strings ---

    def line(self, field=None):
        """A random line of what a random message says; of a field's values if one is given. str without the LF."""
        r = self.random
        for _ in range(30):
            text = self.texts.texts[r.choice(self.box.messages).content]
            if field is not None:
                values = text.values(field)
                if values:
                    return r.choice(values).decode()
                continue
            section = r.choice([text.header, text.parts, text.body, text.body, text.body])
            if section:
                at = r.randrange(len(section))
                start, end = section.rfind(b'\n', 0, at) + 1, section.find(b'\n', at)
                # bodies are one line: take the neighbourhood
                start, end = max(start, at - 1500), min(end, at + 1500)
                return section[start:end].decode('utf-8', 'ignore')
        return 'nothing'

    def string(self, field=None):
        r = self.random
        kind = r.random()
        if kind < 0.10:
            return r.choice(COMMON)
        if kind < 0.11:
            return ''
        if kind < 0.18 and field is None and self.long_runs:
            # around the lengths at which they are cut, at any place
            run = r.choice(self.long_runs)
            length = r.choice((32, 33, 34, 40, 48, 52, 56, 60, 62, 64, 65, 66, 80, 97))
            at = r.randrange(max(1, len(run) - length + 1))
            return run[at:at + length]
        return self.change(self.piece(self.line(field), field))

    def piece(self, line, field):
        r = self.random
        kind = r.random()
        words = re.findall(r'\w+', line)
        if kind < 0.22 and words:                           # a word
            return r.choice(words)
        if kind < 0.40 and words:                           # a part of one
            word = r.choice(words)
            a = r.randrange(len(word))
            return word[a:a + r.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12, 30))]
        if kind < 0.50 and line:                            # a phrase, cut anywhere
            a = r.randrange(len(line))
            return line[a:a + r.randrange(3, 60)]
        if kind < 0.60 and len(words) > 1:                  # whole words
            a = r.randrange(len(words) - 1)
            m = re.search(r'\W+'.join(map(re.escape, words[a:a + r.choice((2, 2, 2, 3, 4, 6))])), line)
            return m[0] if m else words[a]
        if kind < 0.65:                                     # punctuation, with and without its neighbours
            found = re.findall(r'\w?[^\w\s]+\w?|\w* ?[^\w\s]+ ?\w*', line)
            return r.choice(found) if found else '!'
        if kind < 0.70:
            found = re.findall(r'[\d.:/-]*\d[\d.:/-]*', line)
            return r.choice(found) if found else '7'
        if kind < 0.75:                                     # long ones
            a = r.randrange(max(1, len(line)))
            return line[a:a + r.choice((64, 100, 200, 500, 1000))]
        if kind < 0.79:                                     # around the length at which long words are cut into pieces
            found = re.findall(r'\w{30,}', line) or re.findall(r'\S{20,}', line)
            if found:
                word = r.choice(found)
                a = r.randrange(len(word))
                return word[a:a + r.choice((31, 32, 33, 34, 35, 63, 64, 65, 66, 97))]
            return line[:33]
        if kind < 0.84:
            found = re.findall(r'[\w.+-]+@[\w.-]+|<[^<> ]+@[^<> ]*>|https?://\S+|\w+\.\w+\.\w+', line)
            return r.choice(found) if found else line[:20]
        if kind < 0.87:
            found = re.findall('[\u0250-\U0001ffff]{1,12}', line)
            if found:
                run = r.choice(found)
                a = r.randrange(len(run))
                return run[a:a + r.randrange(1, 5)]
            return line[-9:]
        if kind < 0.90 and line:                            # one character
            return r.choice(line)
        if kind < 0.93 and field is None:                   # over the border of two fields or parts: not to be found
            text = self.texts.texts[r.choice(self.box.messages).content]
            borders = [m.start() for m in re.finditer(rb'\n', (text.header + text.parts + text.body)[:50000])]
            if len(borders) > 1:
                at = r.choice(borders[:-1])
                both = (text.header + text.parts + text.body)[:60000]
                return (both[max(0, at - r.randrange(1, 15)):at].decode('utf-8', 'ignore')
                        + r.choice(('', ' ')) + both[at + 1:at + r.randrange(2, 15)].decode('utf-8', 'ignore')) or 'q'
        if line:                                            # near misses
            a = r.randrange(len(line))
            piece = line[a:a + r.randrange(2, 25)]
            i = r.randrange(len(piece))
            other = r.choice((r.choice('aeioutnsr0 .-'), '', piece[i] * 2, r.choice(line)))
            return piece[:i] + other + piece[i + 1:]
        return 'zqx'

    def change(self, text):
        """The same string as somebody might type it; what folding makes equal stays equal."""
        r = self.random
        kind = r.random()
        if kind < 0.2:
            text = text.upper() if r.random() < 0.5 else text.title()
        elif kind < 0.25:
            text = text.swapcase()
        elif kind < 0.35:
            text = unicodedata.normalize(r.choice(('NFC', 'NFD', 'NFKC')), text)
        elif kind < 0.38 and text:
            i = r.randrange(len(text) + 1)
            text = text[:i] + r.choice('\u00ad\u200b\ufeff\u2060') + text[i:]
        elif kind < 0.42:
            text = text.replace(' ', r.choice(('  ', '\t', '\u00a0', '\r\n ', '\u3000')))
        elif kind < 0.44:
            text = ''.join(chr(ord(c) + 0xfee0) if '!' <= c <= '~' and r.random() < 0.3 else c for c in text)
        elif kind < 0.47:
            text = r.choice((' ', '')) + text + r.choice((' ', ''))
        text = text.replace('\0', ' ')
        while len(text.encode()) > 1000:
            text = text[:-1]
        return text

    # --- keys ---

    def a_day(self):
        r = self.random
        message = r.choice(self.box.messages)
        day = message.date if r.random() < 0.5 or message.sent is None else message.sent
        day += datetime.timedelta(days=r.choice((-400, -30, -1, -1, 0, 0, 0, 0, 1, 1, 30)))
        return day if 1 < day.year < 9999 else datetime.date(2001, 9, 9)

    def a_size(self):
        size = self.random.choice(self.box.messages).size
        return max(0, size + self.random.choice((-1, 0, 0, 1, 1000)))

    def a_set(self, numbers):
        """Ranges of numbers that are there, that are not, reversed, with '*'."""
        r = self.random
        top = numbers[-1] if numbers else 1

        def number():
            kind = r.random()
            if kind < 0.7 and numbers:
                return r.choice(numbers)
            return r.choice((1, top, top + 1, top + 1000, r.randrange(1, top + 2), 4294967295))
        ranges = []
        for _ in range(r.choice((1, 1, 1, 2, 3, 6))):
            first = number()
            kind = r.random()
            if kind < 0.3:
                ranges.append((first, first))
            elif kind < 0.5:
                ranges.append((first, min(first + r.randrange(0, 300), 4294967295)))
            elif kind < 0.6:
                ranges.append(r.choice(((first, None), (None, first), (None, None))))
            else:
                ranges.append((first, number()))
        return ranges

    def text_key(self):
        r = self.random
        kind = r.random()
        if kind < 0.30:
            return ('body', self.string())
        if kind < 0.50:
            return ('text', self.string())
        if kind < 0.75:
            name = r.choice(ADDRESS_FIELDS)
            return ('header', name, self.string(name if r.random() < 0.85 else None))
        name = r.choice(HEADERS)
        if r.random() < 0.3:
            text = self.texts.texts[r.choice(self.box.messages).content]
            names = [line.split(b': ')[0] for line in text.header.split(b'\n') if b': ' in line]
            names = [n.decode() for n in names if re.fullmatch(rb'[!-9;-~]{1,60}', n)]
            name = r.choice(names) if names else name
        return ('header', r.choice((name, name.lower(), name.upper())),
                '' if r.random() < 0.15 else self.string(name if r.random() < 0.85 else None))

    def cheap_key(self):
        r = self.random
        kind = r.randrange(8)
        if kind == 0:
            return ('all',)
        if kind in (1, 2):
            key = ('flag', r.choice(list(SYSTEM.values())))
            return key if r.random() < 0.5 else ('not', key)
        if kind == 3:
            key = ('keyword', r.choice(KEYWORDS + ['never-used', '$LABEL1', 'JUNK']))
            return key if r.random() < 0.5 else ('not', key)
        if kind == 4:
            return r.choice((('new',), ('old',), ('recent',), ('larger', self.a_size()), ('smaller', self.a_size())))
        if kind in (5, 6):
            return (r.choice(('before', 'on', 'since', 'sentbefore', 'senton', 'sentsince')), self.a_day())
        if r.random() < 0.5:
            return ('seq', self.a_set(range(1, len(self.box.messages) + 1)))
        return ('uid', self.a_set([m.uid for m in self.box.messages]))

    def tree(self, depth=0):
        r = self.random
        kind = r.random()
        if depth > 4 or kind < 0.45:
            return self.text_key() if r.random() < 0.6 else self.cheap_key()
        if kind < 0.60:
            return ('not', self.tree(depth + 1))
        if kind < 0.78:
            return ('or', self.tree(depth + 1), self.tree(depth + 1))
        return ('and', [self.tree(depth + 1) for _ in range(r.choice((1, 2, 2, 3)))])

    # --- whole commands ---

    def query(self):
        r = self.random
        kind = r.random()
        if kind < 0.25:
            tree, uid, returns = self.shape(r.choice(SHAPES))
        else:
            uid = r.random() < 0.7
            returns = None
            if r.random() < 0.35:
                options = ['MIN', 'MAX', 'ALL', 'COUNT']
                returns = r.sample(options, r.randrange(0, 5))
            if kind < 0.60:
                tree = self.text_key()
                if r.random() < 0.4:
                    tree = ('and', [tree, self.cheap_key()])
            elif kind < 0.70:
                tree = self.cheap_key()
            elif kind < 0.75:
                # many arms with the same string
                string = self.string()
                tree = ('header', 'From', string)
                for key in r.sample([('header', 'To', string), ('header', 'Cc', string), ('header', 'Subject', string),
                                     ('body', string), ('text', string), ('header', 'Message-ID', string)], 4):
                    tree = ('or', tree, key)
            else:
                tree = self.tree()
        parts = []
        if returns is not None:
            options = [self.word(o) for o in returns]
            parts.append(b'%s (%s)' % (self.word('RETURN'), b' '.join(options)))
        ascii_only = _is_ascii(tree)
        charset = r.choice((None, None, 'UTF-8', 'utf-8', '"UTF-8"') + (('US-ASCII', 'us-ascii') if ascii_only else ()))
        if charset:
            parts += [self.word('CHARSET'), charset.encode()]
        self.render_list(tree, parts, top=True)
        return Query(tree, uid, returns, _joined(parts))

    def shape(self, shape):
        words = shape.split()
        uid = words.pop(0) == 'UID'
        returns = None
        if words[0].startswith('RETURN'):
            returns = words.pop(0)[7:-1].split(',')
        r = self.random
        name = r.choice(HEADERS)
        strings = {c: self.string(r.choice((None, 'From', 'Subject', 'To'))) for c in 'ABC'}
        days = sorted((self.a_day(), self.a_day()))
        if 'H' in words:
            strings['A'] = self.string(name)
        if 'MESSAGE-ID' in words or 'Message-ID' in words:
            strings['A'] = r.choice((self.line('Message-ID'), self.string('References')))

        def parse():
            word = words.pop(0)
            if word == '(':
                keys = []
                while words[0] != ')':
                    keys.append(parse())
                words.pop(0)
                return ('and', keys)
            if word == 'OR':
                return ('or', parse(), parse())
            if word == 'NOT':
                return ('not', parse())
            if word in SYSTEM:
                return ('flag', SYSTEM[word])
            if word[:2] == 'UN' and word[2:] in SYSTEM:
                return ('not', ('flag', SYSTEM[word[2:]]))
            if word == 'ALL':
                return ('all',)
            if word in ('BODY', 'TEXT'):
                return (word.lower(), value())
            if word in ADDRESS_FIELDS:
                return ('header', word, value())
            if word == 'HEADER':
                field = words.pop(0)
                return ('header', name if field == 'H' else field, value())
            if word in ('SINCE', 'BEFORE', 'ON', 'SENTSINCE', 'SENTBEFORE', 'SENTON'):
                return (word.lower(), days['DE'.index(words.pop(0))])
            if word in ('LARGER', 'SMALLER'):
                words.pop(0)
                return (word.lower(), self.a_size())
            if word == 'KEYWORD':
                return ('keyword', words.pop(0))
            if word == 'UID':
                return ('uid', [(1, None)] if words.pop(0) == '1:*' else self.a_set([m.uid for m in self.box.messages]))
            if word == '1:*':
                return ('seq', [(1, None)])
            if word == 'S':
                return ('seq', self.a_set(range(1, len(self.box.messages) + 1)))
            raise AssertionError('shape: %r' % word)

        def value():
            word = words.pop(0)
            return strings.get(word, word)
        keys = []
        while words:
            keys.append(parse())
        return ('and', keys), uid, returns

    # --- the wire ---

    def word(self, text):
        r = self.random.random()
        return (text if r < 0.8 else text.lower() if r < 0.9 else text.title()).encode()

    def render_list(self, tree, parts, top=False):
        """Keys side by side at the top, else in parentheses."""
        keys = tree[1] if tree[0] == 'and' else [tree]
        if not top:
            parts.append(b'(')
        for key in keys:
            self.render(key, parts)
        if not top:
            parts.append(b')')

    def render(self, tree, parts):
        r = self.random
        kind = tree[0]
        if kind == 'and':
            self.render_list(tree, parts)
        elif r.random() < 0.04:
            parts.append(b'(')
            self.render(tree, parts)
            parts.append(b')')
        elif kind == 'not' and tree[1][0] in ('flag', 'keyword') and r.random() < 0.8:
            if tree[1][0] == 'flag':
                parts.append(self.word('UN' + tree[1][1][1:].upper()))
            else:
                parts += [self.word('UNKEYWORD'), tree[1][1].encode()]
        elif kind == 'not':
            parts.append(self.word('NOT'))
            self.render(tree[1], parts)
        elif kind == 'or':
            parts.append(self.word('OR'))
            self.render(tree[1], parts)
            self.render(tree[2], parts)
        elif kind == 'flag':
            parts.append(self.word(tree[1][1:].upper()))
        elif kind == 'keyword':
            parts += [self.word('KEYWORD'), tree[1].encode()]
        elif kind in ('larger', 'smaller'):
            parts += [self.word(kind.upper()), b'%d' % tree[1]]
        elif kind in ('body', 'text'):
            parts += [self.word(kind.upper()), self.astring(tree[1])]
        elif kind == 'header':
            if tree[1].upper() in ADDRESS_FIELDS and r.random() < 0.7:
                parts += [self.word(tree[1].upper()), self.astring(tree[2])]
            else:
                parts += [self.word('HEADER'), self.astring(tree[1]), self.astring(tree[2])]
        elif kind in ('seq', 'uid'):
            if kind == 'uid':
                parts.append(self.word('UID'))
            parts.append(','.join(_range(a, b) for a, b in tree[1]).encode())
        elif len(tree) == 2:
            date = dates.imap_date(tree[1])
            if date[1] == '-' and r.random() < 0.3:
                date = '0' + date
            date = r.choice((date, date, date.upper(), date.lower()))
            parts += [self.word(kind.upper()), ('"%s"' % date if r.random() < 0.3 else date).encode()]
        else:
            parts.append(self.word(kind.upper()))

    def astring(self, text):
        r = self.random
        data = text.encode()
        kind = r.random()
        if re.search(rb'[\r\n]', data) or kind < 0.12:
            return Literal(data, sync=r.random() < 0.5)
        if data and kind < 0.4 and not _ATOM_SPECIALS.search(data) and b'{' not in data and b']' not in data:
            return data
        return Quoted(data)


def _range(a, b):
    a, b = ('*' if n is None else str(n) for n in (a, b))
    return a if a == b else a + ':' + b


def _is_ascii(tree):
    if tree[0] in ('header', 'body', 'text'):
        return tree[-1].isascii()
    if tree[0] in ('not', 'or'):
        return all(map(_is_ascii, tree[1:]))
    return all(map(_is_ascii, tree[1])) if tree[0] == 'and' else True


def _joined(parts):
    """Keys to the octets of the command's arguments, spaces between them: bytes and Literals that follow each other."""
    out = []
    tight = False
    for part in parts:
        if not tight and part != b')':
            out.append(b' ')
        out.append(part)
        tight = part == b'('
    pieces = []
    for part in out:
        if isinstance(part, bytes) and pieces and isinstance(pieces[-1], bytes):
            pieces[-1] += part
        else:
            pieces.append(part)
    return pieces
