# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict reader of FETCH responses: RFC 3501 section 9 and no more (msg-att, envelope, body), octet by octet.

lib.imap reads answers leniently, so that tests see what is in them; this one is for tests of the form itself.

    for pieces in responses:                      # of Client.read_pieces(): [bytes, Literal, bytes, ...]
        number, items = parse_fetch(pieces)       # GrammarError says what was expected, and where

items: FLAGS a list of str; UID and RFC822.SIZE int; INTERNALDATE str; ENVELOPE an Envelope; BODY and BODYSTRUCTURE a Body;
'BODY[...]' and RFC822* bytes or None. Keys are as sent, with the names in upper case.
"""

import re
from collections import namedtuple

Envelope = namedtuple('Envelope', 'date subject sender_from sender reply_to to cc bcc in_reply_to message_id')
Address = namedtuple('Address', 'name adl mailbox host')


class Body:
    """One part of a body structure; parts is None for what is no multipart."""

    parts = params = id = description = encoding = size = lines = envelope = body = md5 = None
    disposition = language = location = None
    type = subtype = None
    extended = False

    def walk(self, path=()):
        """(part number as a tuple, Body) of all parts that have one, in order. RFC 3501 section 6.4.5."""
        if self.parts is not None:
            for i, part in enumerate(self.parts, 1):
                yield from part._as_part(path + (i,))
        else:
            yield from self._as_part(path + (1,))

    def _as_part(self, path):
        yield path, self
        if self.parts is not None:
            yield from self.walk(path)
        elif self.body is not None:
            yield from self.body.walk(path)


class GrammarError(AssertionError):
    pass


_ATOM = re.compile(rb'[!#$&\'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+')     # ATOM-CHAR: no ( ) { SP CTL % * " \ ]
_NUMBER = re.compile(rb'0|[1-9][0-9]*')
_DATE_TIME = re.compile(rb'(?: [1-9]|[12][0-9]|3[01])-(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)-[0-9]{4} '
                        rb'(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9] [+-][0-9]{4}')
_SYSTEM_FLAGS = ('\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', '\\Recent')


class _Reader:
    def __init__(self, pieces):
        self.pieces = pieces
        self.i = 0
        self.pos = 0

    def fail(self, what):
        line = self.pieces[self.i]
        raise GrammarError('expected %s at %r of %r' % (what, bytes(line[self.pos:self.pos + 40]), self.pieces))

    def looking_at(self, text):
        return self.pieces[self.i].startswith(text, self.pos)

    def skip(self, text):
        if not self.looking_at(text):
            self.fail(repr(text))
        self.pos += len(text)

    def match(self, pattern, what):
        m = pattern.match(self.pieces[self.i], self.pos)
        if m is None:
            self.fail(what)
        self.pos = m.end()
        return m[0]

    def number(self, nz=False):
        n = int(self.match(_NUMBER, 'a number'))
        if n > 4294967295 or nz and n == 0:
            self.fail('a number in its range')
        return n

    def at_literal(self):
        return self.pos == len(self.pieces[self.i]) and self.i + 1 < len(self.pieces)

    def string(self):
        if self.at_literal():
            literal = self.pieces[self.i + 1]
            self.i += 2
            self.pos = 0
            if literal.binary:
                self.fail('no literal8')
            if b'\0' in literal.data:
                self.fail('a literal without NUL')
            return literal.data
        self.skip(b'"')
        out = bytearray()
        line = self.pieces[self.i]
        while True:
            if self.pos >= len(line):
                self.fail('the end of a quoted string')
            c = line[self.pos]
            self.pos += 1
            if c == 0x22:
                return bytes(out)
            if c == 0x5c:
                if self.pos >= len(line) or line[self.pos] not in b'"\\':
                    self.fail('a quoted special')
                c = line[self.pos]
                self.pos += 1
            elif c == 0 or c >= 0x80 or c in b'\r\n':
                self.fail('a QUOTED-CHAR')
            out.append(c)

    def nil(self):
        if self.looking_at(b'NIL') and not self.at_literal():
            self.pos += 3
            return True
        return False

    def nstring(self):
        return None if self.nil() else self.string()

    # --- items ---

    def flags(self):
        self.skip(b'(')
        out = []
        while not self.looking_at(b')'):
            if out:
                self.skip(b' ')
            if self.looking_at(b'\\'):
                self.pos += 1
                flag = '\\' + self.match(_ATOM, 'a flag').decode()
                if flag not in _SYSTEM_FLAGS:
                    self.fail('a system flag, not %s' % flag)
            else:
                flag = self.match(_ATOM, 'a flag').decode()
            if flag.lower() in (f.lower() for f in out):
                self.fail('flag %s once' % flag)
            out.append(flag)
        self.skip(b')')
        return out

    def addresses(self):
        if self.nil():
            return None
        self.skip(b'(')
        out = []
        while not out or self.looking_at(b'('):
            self.skip(b'(')
            parts = []
            for i in range(4):
                parts.append(self.nstring())
                self.skip(b' ' if i < 3 else b')')
            out.append(Address(*parts))
        self.skip(b')')
        in_group = False
        for a in out:       # RFC 3501 section 7.4.2: groups open and close
            if a.host is None:
                if a.name is not None or a.adl is not None or in_group == (a.mailbox is not None):
                    self.fail('groups that fit together in %r' % (out,))
                in_group = a.mailbox is not None
        if in_group:
            self.fail('the end of a group in %r' % (out,))
        return out

    def envelope(self):
        self.skip(b'(')
        out = []
        for i in range(10):
            out.append(self.addresses() if 2 <= i <= 7 else self.nstring())
            self.skip(b' ' if i < 9 else b')')
        return Envelope(*out)

    def params(self):
        if self.nil():
            return None
        self.skip(b'(')
        out = {}
        while not out or self.looking_at(b' '):
            if out:
                self.skip(b' ')
            name = self.string().lower()
            self.skip(b' ')
            if name in out:
                self.fail('parameter %r once' % name)
            out[name] = self.string()
        self.skip(b')')
        return out

    def extension(self, body):
        """SP body-fld-dsp SP body-fld-lang SP body-fld-loc; we always send all of it."""
        self.skip(b' ')
        if not self.nil():
            self.skip(b'(')
            kind = self.string()
            self.skip(b' ')
            body.disposition = kind, self.params()
            self.skip(b')')
        self.skip(b' ')
        if self.looking_at(b'('):
            self.skip(b'(')
            body.language = [self.string()]
            while self.looking_at(b' '):
                self.skip(b' ')
                body.language.append(self.string())
            self.skip(b')')
        else:
            body.language = self.nstring()
        self.skip(b' ')
        body.location = self.nstring()

    def body(self, extended):
        self.skip(b'(')
        body = Body()
        body.extended = extended
        if self.looking_at(b'('):
            body.parts = []
            while self.looking_at(b'('):
                body.parts.append(self.body(extended))
            self.skip(b' ')
            body.type = b'multipart'
            body.subtype = self.string().lower()
            if extended:
                self.skip(b' ')
                body.params = self.params()
                self.extension(body)
        else:
            self.one_part(body, extended)
        self.skip(b')')
        return body

    def one_part(self, body, extended):
        body.type = self.string().lower()
        self.skip(b' ')
        body.subtype = self.string().lower()
        self.skip(b' ')
        body.params = self.params()
        self.skip(b' ')
        body.id = self.nstring()
        self.skip(b' ')
        body.description = self.nstring()
        self.skip(b' ')
        body.encoding = self.string().lower()
        self.skip(b' ')
        body.size = self.number()
        if (body.type, body.subtype) == (b'message', b'rfc822'):
            self.skip(b' ')
            body.envelope = self.envelope()
            self.skip(b' ')
            body.body = self.body(extended)
            self.skip(b' ')
            body.lines = self.number()
        elif body.type == b'text':
            self.skip(b' ')
            body.lines = self.number()
        elif body.type == b'multipart':
            self.fail('parts of a multipart')
        if extended:
            self.skip(b' ')
            body.md5 = self.nstring()
            self.extension(body)

    def section(self):
        """Behind "BODY[": to the end of the name; returns it."""
        out = 'BODY['
        while not self.looking_at(b']'):
            if self.looking_at(b' ('):          # header-list
                self.skip(b' (')
                names = []
                while not names or self.looking_at(b' '):
                    if names:
                        self.skip(b' ')
                    quoted = self.looking_at(b'"') or self.at_literal()
                    name = self.string() if quoted else self.match(_ATOM, 'a field name')
                    names.append(name.decode('latin-1'))
                self.skip(b')')
                out += ' (%s)' % ' '.join(names)
            else:
                out += self.match(re.compile(rb'[0-9A-Za-z.]+'), 'a section').decode().upper()
        self.skip(b']')
        out += ']'
        if self.looking_at(b'<'):
            self.skip(b'<')
            out += '<%d>' % int(self.match(_NUMBER, 'a number'))
            self.skip(b'>')
        return out

    def item(self):
        if self.looking_at(b'BODY['):
            self.skip(b'BODY[')
            name = self.section()
            self.skip(b' ')
            return name, self.nstring()
        name = self.match(re.compile(rb'[A-Z0-9.]+'), 'an item').decode()
        self.skip(b' ')
        if name == 'FLAGS':
            return name, self.flags()
        if name == 'UID':
            return name, self.number(nz=True)
        if name == 'RFC822.SIZE':
            return name, self.number()
        if name == 'INTERNALDATE':
            self.skip(b'"')
            value = self.match(_DATE_TIME, 'a date-time').decode()
            self.skip(b'"')
            return name, value
        if name == 'ENVELOPE':
            return name, self.envelope()
        if name in ('BODY', 'BODYSTRUCTURE'):
            return name, self.body(name == 'BODYSTRUCTURE')
        if name in ('RFC822', 'RFC822.HEADER', 'RFC822.TEXT'):
            return name, self.nstring()
        return self.fail('an item, not %s' % name)


def is_fetch(pieces):
    return re.match(rb'\* [0-9]+ FETCH ', pieces[0]) is not None


def parse_fetch(pieces):
    r = _Reader(pieces)
    r.skip(b'* ')
    number = r.number(nz=True)
    r.skip(b' FETCH (')
    items = {}
    while not items or r.looking_at(b' '):
        if items:
            r.skip(b' ')
        name, value = r.item()
        if name in items:
            r.fail('item %s once' % name)
        items[name] = value
    r.skip(b')')
    if r.pos != len(pieces[r.i]) or r.i != len(pieces) - 1:
        r.fail('the end of the line')
    return number, items
