# SPDX-License-Identifier: GPL-3.0-or-later
"""Which octets a section of a message names: read anew from RFC 3501 section 6.4.5 and store/README, to compare the server with.

    part = Part.of(data)                       # data in CRLF form
    section(part, '3.1.MIME')                  # bytes, or None if there is no such section
"""

from oracle import mailtext

MAX_DEPTH = 100
MAX_PARTS = 10000
_MESSAGES = {('message', 'rfc822'), ('message', 'global'), ('message', 'news')}


class Part:
    """header and body are octets. children: of a multipart; message: the one inside of a message/rfc822, or None."""

    def __init__(self):
        self.type = ('text', 'plain')
        self.encoding = ''
        self.header = self.body = b''
        self.header_end = False     # the empty line is there
        self.fields = []
        self.children = []
        self.message = None

    @staticmethod
    def of(data):
        return _Split(data).part(0, True, False, 0)[0]


class _Split(mailtext._Walk):
    def __init__(self, data):
        super().__init__(None, data)

    def end_before(self, hit):
        """Where what the delimiter ended ends: the line end before it is the delimiter's own."""
        start = hit[2]
        if hit[0] >= 0 and start > 0:
            start -= 1
            if start > 0 and self.data[start - 1] == 13:
                start -= 1
        return start

    def part(self, pos, is_message, in_digest, depth):
        """(Part, the delimiter that ended it)."""
        part = Part()
        self.n_parts += 1
        if self.n_parts >= MAX_PARTS:
            part.body = self.data[pos:]
            return part, (-1, False, len(self.data), len(self.data))
        header = mailtext.Header(self.data, pos, is_message, lambda start, end: self.delimiter(start, end) is not None)
        kind = mailtext.content_type(header.first(b'content-type'))
        part.type = kind or (('message', 'rfc822') if in_digest else ('text', 'plain'))
        part.encoding = mailtext.first_token(header.first(b'content-transfer-encoding'))
        params = mailtext.joined_parameters(mailtext.parse_parameters(header.first(b'content-type')))
        boundary = params.get('boundary', (None, b'', False))[1].rstrip(b' \t')
        divide = depth < MAX_DEPTH
        if part.type in _MESSAGES and part.encoding not in ('base64', 'quoted-printable') and divide:
            part.message, hit = self.part(header.end, True, False, depth + 1)
        elif part.type[0] == 'multipart' and boundary and divide and not header.cut:
            hit = self.divide(part, header.end, boundary, depth)
        else:
            hit = self.next_delimiter(header.end)
        end = self.end_before(hit)
        start, middle = min(pos, end), min(header.end, end)
        part.header, part.body = self.data[start:middle], self.data[middle:end]
        return part, hit

    def divide(self, part, pos, boundary, depth):
        level = len(self.boundaries)
        self.boundaries.append(boundary)
        hit = self.next_delimiter(pos)
        while hit[0] == level and not hit[1]:
            child, hit = self.part(hit[3], False, part.type[1] == 'digest', depth + 1)
            part.children.append(child)
        self.boundaries.pop()
        return self.next_delimiter(hit[3]) if hit[0] == level else hit


def is_opaque(part):
    """A message that is not looked into."""
    return part.message is None and part.type in (('message', 'rfc822'), ('message', 'global'))


def _find(root, path):
    """(Part, what it stands for: 'message', 'part', 'body' of that message, 'opaque' text), or None."""
    part, kind = root, 'message'
    for number in path:
        if kind == 'opaque':
            return None
        if kind != 'message' and part.message is not None:
            part, kind = part.message, 'message'
        if part.children and (kind == 'message' or kind == 'part'):
            if number > len(part.children):
                return None
            part, kind = part.children[number - 1], 'part'
        elif number == 1 and kind == 'message':
            kind = 'body'
        elif number == 1 and is_opaque(part):
            kind = 'opaque'
        else:
            return None
    return part, kind


def section(root, spec):
    words = spec.split('.') if spec else []
    path = [int(w) for w in words if w.isdigit()]
    word = ''.join(w for w in words if not w.isdigit())
    found = _find(root, path)
    if found is None:
        return None
    part, kind = found
    if not path:
        return {'': part.header + part.body, 'HEADER': part.header, 'TEXT': part.body}[word]
    if word == '':
        return part.body
    if word == 'MIME':
        return b'' if kind == 'opaque' else part.header
    if kind == 'opaque':
        return None
    if part.message is not None:
        return part.message.header if word == 'HEADER' else part.message.body
    if is_opaque(part):
        return b'' if word == 'HEADER' else part.body
    return None
