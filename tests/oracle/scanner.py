# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain scan: which messages of a mailbox an IMAP SEARCH finds, by looking at all of them.

Texts holds what messages say (mailtext.py), each content once, and finds strings in them. Box is a mailbox as a session
sees it: messages in the order of their sequence numbers. Box.search(query) returns the positions (0-based) that match.

A query is a tree of tuples, made by querygen.py:

    ('all',)  ('flag', '\\\\Seen')  ('keyword', 'x')  ('new',) ('old',) ('recent',)      UNSEEN is ('not', ('flag', ..))
    ('larger', n) ('smaller', n)  ('before', date) ('on', date) ('since', date)  ('sentbefore', date) ...
    ('header', name, string)  ('body', string)  ('text', string)       FROM x is ('header', 'From', x)
    ('uid', set) ('seq', set)     a set is a list of (first, last), None for '*'
    ('not', q)  ('or', q, q)  ('and', [q, ...])
"""

import bisect

from oracle.mailtext import fold, fold_needle


class _Blob:
    """Texts behind each other, each ended by LF, and where each begins."""

    def __init__(self):
        self.pieces = []
        self.data = b''
        self.starts = [0]

    def add(self, text):
        self.pieces.append(text if text.endswith(b'\n') else text + b'\n')
        self.starts.append(self.starts[-1] + len(self.pieces[-1]))

    def find(self, needle):
        """A bitmap (int) of the texts that have the needle."""
        if self.starts[-1] != len(self.data):
            self.data = b''.join([self.data] + self.pieces)
            self.pieces = []
        found, pos = 0, 0
        while True:
            at = self.data.find(needle, pos)
            if at < 0:
                return found
            i = bisect.bisect_right(self.starts, at) - 1
            found |= 1 << i
            pos = self.starts[i + 1]


class Texts:
    def __init__(self):
        self.texts = []         # MailText, by content number
        self.body = _Blob()
        self.rest = _Blob()     # header and parts: what TEXT sees beside the body
        self.fields = {}        # folded name -> (_Blob of values, bitmap of the contents that have the field)

    def add(self, text):
        """Returns the content's number."""
        self.texts.append(text)
        self.body.add(text.body)
        self.rest.add(text.header + text.parts)
        self.fields.clear()
        return len(self.texts) - 1

    def _field(self, name):
        folded = fold(name)
        if folded not in self.fields:
            blob, exists = _Blob(), 0
            start = folded + b': '
            for i, text in enumerate(self.texts):
                values = [line[len(start):] for line in text.header.split(b'\n') if line.startswith(start)]
                blob.add(b'\n'.join(values))
                exists |= bool(values) << i
            self.fields[folded] = (blob, exists)
        return self.fields[folded]

    def find(self, query):
        """A bitmap of the contents that a text key matches."""
        needle = fold_needle(query[-1])
        if query[0] == 'header':
            blob, exists = self._field(query[1])
            return blob.find(needle) & exists if needle else exists
        if not needle:
            return (1 << len(self.texts)) - 1
        found = self.body.find(needle)
        return found | self.rest.find(needle) if query[0] == 'text' else found


class Message:
    """Of a mailbox. flags: set of str, system flags as '\\\\Seen', keywords in lower case; date, sent: datetime.date."""

    __slots__ = ('uid', 'content', 'flags', 'size', 'date', 'sent', 'recent')

    def __init__(self, uid, content, flags, size, date, sent, recent=False):
        self.uid = uid
        self.content = content
        self.flags = set(flags)
        self.size = size
        self.date = date
        self.sent = sent
        self.recent = recent


class Box:
    def __init__(self, texts, messages):
        self.texts = texts
        self.messages = messages

    def search(self, query):
        found = self._bits(query)
        return [i for i in range(len(self.messages)) if found >> i & 1]

    def _where(self, test):
        bits = 0
        for i, message in enumerate(self.messages):
            if test(i, message):
                bits |= 1 << i
        return bits

    def _bits(self, query):
        kind = query[0]
        everything = (1 << len(self.messages)) - 1
        if kind == 'all':
            return everything
        if kind == 'not':
            return everything & ~self._bits(query[1])
        if kind == 'or':
            return self._bits(query[1]) | self._bits(query[2])
        if kind == 'and':
            bits = everything
            for part in query[1]:
                bits &= self._bits(part)
            return bits
        if kind in ('header', 'body', 'text'):
            found = self.texts.find(query)
            return self._where(lambda i, m: found >> m.content & 1)
        if kind == 'flag':
            return self._where(lambda i, m: query[1] in m.flags)
        if kind == 'keyword':
            return self._where(lambda i, m: query[1].lower() in m.flags)
        if kind == 'recent':
            return self._where(lambda i, m: m.recent)
        if kind == 'old':
            return self._where(lambda i, m: not m.recent)
        if kind == 'new':
            return self._where(lambda i, m: m.recent and '\\Seen' not in m.flags)
        if kind == 'larger':
            return self._where(lambda i, m: m.size > query[1])
        if kind == 'smaller':
            return self._where(lambda i, m: m.size < query[1])
        if kind in ('before', 'on', 'since'):
            return self._where(lambda i, m: _compare(kind, m.date, query[1]))
        if kind in ('sentbefore', 'senton', 'sentsince'):
            # store/README, server/README: a message without a readable Date counts by its internal date
            return self._where(lambda i, m: _compare(kind[4:], m.sent or m.date, query[1]))
        if kind == 'seq':
            return self._in_set(query[1], range(1, len(self.messages) + 1))
        if kind == 'uid':
            return self._in_set(query[1], [m.uid for m in self.messages])
        raise AssertionError('unknown key %r' % kind)

    def _in_set(self, ranges, numbers):
        last = numbers[-1] if numbers else 0
        bits = 0
        for first, end in ranges:
            first, end = last if first is None else first, last if end is None else end
            low, high = min(first, end), max(first, end)
            a, b = bisect.bisect_left(numbers, low), bisect.bisect_right(numbers, high)
            if b > a:
                bits |= ((1 << (b - a)) - 1) << a
        return bits

    def explain(self, query, i):
        """For a message that differs: each text key with the line in which its string is, or None."""
        out = []
        text = self.texts.texts[self.messages[i].content]

        def walk(q):
            if q[0] in ('not', 'or'):
                for part in q[1:]:
                    walk(part)
            elif q[0] == 'and':
                for part in q[1]:
                    walk(part)
            elif q[0] in ('header', 'body', 'text'):
                needle = fold_needle(q[-1])
                lines = {'header': text.header, 'body': text.body, 'text': text.header + text.parts + text.body}[q[0]]
                hit = None
                for line in lines.split(b'\n'):
                    if q[0] == 'header':
                        start = fold(q[1]) + b': '
                        if not line.startswith(start):
                            continue
                        line = line[len(start):]
                    at = line.find(needle)
                    if at >= 0:
                        hit = line[max(0, at - 60):at + len(needle) + 60]
                        break
                out.append('%r (folded %r): %s' % (q, needle[:200], 'not there' if hit is None else 'in %r' % hit))
            else:
                out.append('%r: %s' % (q, bool(self._bits(q) >> i & 1)))
        walk(query)
        return out


def _compare(kind, a, b):
    return {'before': a < b, 'on': a == b, 'since': a >= b}[kind]
