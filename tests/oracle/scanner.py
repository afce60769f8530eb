# SPDX-License-Identifier: GPL-3.0-or-later
"""A plain scan: which messages of a mailbox an IMAP SEARCH finds, by looking at all of them.

Texts holds what messages say (mailtext.py), each content once, and finds strings in them. Box is a mailbox as a session
sees it: messages in the order of their sequence numbers. Box.search(query) returns the positions (0-based) that match.

A query is a tree of tuples, made by querygen.py:

    ('all',)  ('flag', '\\\\Seen')  ('keyword', 'x')  ('new',) ('old',) ('recent',)      UNSEEN is ('not', ('flag', ..))
    ('larger', n) ('smaller', n)  ('before', date) ('on', date) ('since', date)  ('sentbefore', date) ...
    ('header', name, string)  ('body', string)  ('text', string)       FROM x is ('header', 'From', x)
    ('uid', set) ('seq', set)     a set is a list of (first, last), None for '*'
    ('saved', uid)  $ or UID $    ('older', seconds) ('younger', seconds)    ('savedbefore', date) ('savedon', date) ...
    ('savedatesupported',)  ('emailid', id) ('threadid', id)  ('modseq', n)
    ('not', q)  ('or', q, q)  ('and', [q, ...])
"""

import bisect

from oracle.mailtext import fold, fold_needle

KEPT = 2000     # bitmaps of strings, so that queries with the same string look once


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
        self.fields = {}        # folded name -> _Field
        self.found = {}         # what find() has answered, and how many contents there were

    def add(self, text):
        """Returns the content's number."""
        self.texts.append(text)
        self.body.add(text.body)
        self.rest.add(text.header + text.parts)
        return len(self.texts) - 1

    def _field(self, name):
        folded = fold(name)
        if folded not in self.fields:
            self.fields[folded] = _Field(folded)
        field = self.fields[folded]
        field.read(self.texts)
        return field

    def find(self, query):
        """A bitmap of the contents that a text key matches."""
        kept = self.found.get(query)
        if kept is None or kept[1] != len(self.texts):
            if len(self.found) > KEPT:
                self.found.clear()
            kept = self.found[query] = self._find(query), len(self.texts)
        return kept[0]

    def _find(self, query):
        needle = fold_needle(query[-1])
        if query[0] == 'header':
            field = self._field(query[1])
            return field.values.find(needle) & field.exists if needle else field.exists
        if not needle:
            return (1 << len(self.texts)) - 1
        found = self.body.find(needle)
        return found | self.rest.find(needle) if query[0] == 'text' else found


class _Field:
    """The values of one field in each content, and which contents have it."""

    def __init__(self, folded):
        self.start = folded + b': '
        self.values = _Blob()
        self.exists = 0
        self.n_read = 0

    def read(self, texts):
        for text in texts[self.n_read:]:
            values = []
            if self.start in text.header:
                values = [line[len(self.start):] for line in text.header.split(b'\n') if line.startswith(self.start)]
            self.values.add(b'\n'.join(values))
            self.exists |= bool(values) << self.n_read
            self.n_read += 1


class Content:
    """What messages of the same octets share. number: in Texts; sent: datetime.date or None; sent_time: Unix seconds or None; keys:
    sorting.Keys."""

    __slots__ = ('number', 'size', 'sent', 'sent_time', 'keys')

    def __init__(self, number, size, sent, sent_time, keys):
        self.number = number
        self.size = size
        self.sent = sent
        self.sent_time = sent_time
        self.keys = keys


class Message:
    """Of a mailbox. flags: set of str, system flags as '\\\\Seen', keywords in lower case; date: INTERNALDATE's day; arrived_at: the moment, Unix
    seconds; saved: the day of SAVEDATE; emailid: str."""

    __slots__ = ('uid', 'content', 'flags', 'date', 'arrived_at', 'saved', 'emailid', 'modseq', 'recent')

    def __init__(self, uid, content, flags, date, arrived_at, saved, emailid, modseq, recent=False):
        self.uid = uid
        self.content = content
        self.flags = set(flags)
        self.date = date
        self.arrived_at = arrived_at
        self.saved = saved
        self.emailid = emailid
        self.modseq = modseq
        self.recent = recent

    @property
    def size(self):
        return self.content.size

    @property
    def sent_at(self):
        """What SORT and THREAD call the sent date (RFC 5256 2.2)."""
        return self.arrived_at if self.content.sent_time is None else self.content.sent_time

    @property
    def keys(self):
        return self.content.keys


class Box:
    """messages: in the order of their sequence numbers; saved: the UIDs of $, as this box's session has them."""

    def __init__(self, texts, messages):
        self.texts = texts
        self.messages = messages
        self.saved = set()
        self.now = 0

    def search(self, query, now=0):
        """Positions; @now: Unix seconds, for OLDER and YOUNGER."""
        self.now = now
        found = self._bits(query)
        return [i for i in range(len(self.messages)) if found >> i & 1] if found else []

    def _where(self, test):
        return int(''.join(['1' if test(m) else '0' for m in self.messages[::-1]]) or '0', 2)

    def _bits(self, query):
        kind = query[0]
        everything = (1 << len(self.messages)) - 1
        if kind in ('all', 'savedatesupported'):
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
            digits = bin(found | 1 << len(self.texts.texts))[:2:-1]     # of each content, in their order
            return int(''.join([digits[m.content.number] for m in self.messages[::-1]]), 2) if found and self.messages else 0
        if kind == 'seq':
            return self._in_set(query[1], range(1, len(self.messages) + 1))
        if kind == 'uid':
            return self._in_set(query[1], [m.uid for m in self.messages])
        return self._where(self._test(query))

    def _test(self, query):
        """A predicate of Message, for the keys that look at one alone."""
        kind, value = query[0], query[-1]
        if kind == 'flag':
            return lambda m: value in m.flags
        if kind == 'keyword':
            keyword = value.lower()
            return lambda m: keyword in m.flags
        if kind == 'recent':
            return lambda m: m.recent
        if kind == 'old':
            return lambda m: not m.recent
        if kind == 'new':
            return lambda m: m.recent and '\\Seen' not in m.flags
        if kind == 'larger':
            return lambda m: m.size > value
        if kind == 'smaller':
            return lambda m: m.size < value
        if kind in ('before', 'on', 'since'):
            return lambda m: _compare(kind, m.date, value)
        if kind in ('sentbefore', 'senton', 'sentsince'):
            # store/README, server/README: a message without a readable Date counts by its internal date
            return lambda m: _compare(kind[4:], m.content.sent or m.date, value)
        if kind in ('savedbefore', 'savedon', 'savedsince'):
            return lambda m: _compare(kind[5:], m.saved, value)
        if kind == 'older':
            return lambda m: m.arrived_at <= self.now - value
        if kind == 'younger':
            return lambda m: m.arrived_at >= self.now - value
        if kind == 'saved':
            return lambda m: m.uid in self.saved
        if kind == 'emailid':
            return lambda m: m.emailid == value
        if kind == 'modseq':
            return lambda m: m.modseq >= value
        if kind == 'threadid':
            return lambda m: False      # RFC 8474 5.2: messages have none here
        raise AssertionError('unknown key %r' % (query,))

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
        text = self.texts.texts[self.messages[i].content.number]

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


def has_key(query, name):
    """Whether the key is anywhere in the tree."""
    if query[0] in ('not', 'or'):
        return any(has_key(part, name) for part in query[1:])
    return query[0] == name or query[0] == 'and' and any(has_key(part, name) for part in query[1])


def _compare(kind, a, b):
    return {'before': a < b, 'on': a == b, 'since': a >= b}[kind]
