# SPDX-License-Identifier: GPL-3.0-or-later
"""What the right answers are, for mailboxes of scale.py of any size: SEARCH commands as text, answered by looking at every message.

The same as oracle/scanner.py does for a few thousand messages, in passes over files of folded texts. Those are made once, by the
server's own extraction (oracle-dump; of every 500th message it is compared with the oracle's own, mailtext.py); what is found in
them is found by bytes.find(). Answers are kept beside the mailbox."""

import array
import bisect
import datetime
import hashlib
import json
import multiprocessing
import os
import re
import subprocess
import sys

import mailbox
from lib import harness
from oracle import dates, mailtext

SECTIONS = ('header', 'parts', 'body')
CHUNK = 64 << 20
SAMPLE = 500

# --- commands ---------------------------------------------------------------------------------------------------------

_WORD = re.compile(r'\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|([^\s()"]+))')
_FLAGS = {'ANSWERED': 'R', 'DELETED': 'T', 'DRAFT': 'D', 'FLAGGED': 'F', 'SEEN': 'S'}


class Command:
    """verb: SEARCH, SORT or THREAD; uid: bool; orders: of SORT, the words; key: a tree of tuples:

    ('all',) ('flag', letter) ('larger', n) ('smaller', n) ('internal', op, date) ('sent', op, date) ('set', uid, [(first, last)])
    ('text', scope, field, needle)       scope: header, body, text; field and needle folded
    ('not', k) ('or', k, k) ('and', [k, ...])"""

    def __init__(self, text):
        self.text = text
        self.words = [m for m in _WORD.finditer(text)]
        self.at = 0
        self.uid = self._peek() == 'UID'
        self.at += self.uid
        self.verb = self._take().upper()
        self.orders = []
        self.returns = []
        if self._peek() == 'RETURN':
            self.at += 1
            self.returns = self._list()
        if self.verb == 'SORT':
            self.orders = self._list()
        elif self.verb == 'THREAD':
            self.orders = [self._take()]
        if self.verb in ('SORT', 'THREAD'):
            self._take()        # charset
        elif self._peek() == 'CHARSET':
            self.at += 2
        keys = []
        while self.at < len(self.words):
            keys.append(self._key())
        self.key = keys[0] if len(keys) == 1 else ('and', keys)

    def _peek(self):
        m = self.words[self.at] if self.at < len(self.words) else None
        return None if m is None else (m[1] or m[2] or m[4] or '').upper()

    def _take(self):
        m = self.words[self.at]
        self.at += 1
        if m[3] is not None:
            return re.sub(r'\\(.)', r'\1', m[3])
        return m[1] or m[2] or m[4]

    def _list(self):
        assert self._take() == '('
        out = []
        while self._peek() != ')':
            out.append(self._take().upper())
        self.at += 1
        return out

    def _key(self):
        m = self.words[self.at]
        if m[1]:
            self.at += 1
            keys = []
            while self._peek() != ')':
                keys.append(self._key())
            self.at += 1
            return ('and', keys)
        word = self._take().upper()
        if word == 'ALL':
            return ('all',)
        if word == 'NOT':
            return ('not', self._key())
        if word == 'OR':
            return ('or', self._key(), self._key())
        if word in _FLAGS:
            return ('flag', _FLAGS[word])
        if word.startswith('UN') and word[2:] in _FLAGS:
            return ('not', ('flag', _FLAGS[word[2:]]))
        if word in ('KEYWORD', 'UNKEYWORD'):
            flag = ('flag', 'ab'[mailbox.scale.KEYWORDS.index(self._take())])
            return flag if word == 'KEYWORD' else ('not', flag)
        if word in ('LARGER', 'SMALLER'):
            return (word.lower(), int(self._take()))
        if word in ('BEFORE', 'ON', 'SINCE'):
            return ('internal', word, self._date())
        if word in ('SENTBEFORE', 'SENTON', 'SENTSINCE'):
            return ('sent', word[4:], self._date())
        if word in ('BODY', 'TEXT'):
            return ('text', word.lower(), None, mailtext.fold_needle(self._take()))
        if word in ('FROM', 'TO', 'CC', 'BCC', 'SUBJECT', 'HEADER'):
            field = self._take() if word == 'HEADER' else word
            return ('text', 'header', mailtext.fold(field), mailtext.fold_needle(self._take()))
        if word == 'UID':
            return ('set', True, self._set(self._take()))
        assert word[0] in '0123456789*', 'unknown key %s in %s' % (word, self.text)
        return ('set', False, self._set(word))

    def _date(self):
        day, month, year = self._take().split('-')
        return datetime.date(int(year), dates.MONTHS.index(month.lower()) + 1, int(day))

    @staticmethod
    def _set(text):
        out = []
        for part in text.split(','):
            first, _, last = part.partition(':')
            out.append(tuple(None if end == '*' else int(end) for end in (first, last or first)))
        return out

    def leaves(self):
        """The distinct text keys."""
        out = []

        def walk(key):
            if key[0] == 'text':
                if key not in out:
                    out.append(key)
            elif key[0] == 'and':
                for part in key[1]:
                    walk(part)
            elif key[0] in ('not', 'or'):
                for part in key[1:]:
                    walk(part)
        walk(self.key)
        return out


# --- folded texts -----------------------------------------------------------------------------------------------------

def _extract(paths):
    """[(header, parts, body)] of the messages."""
    octets = []
    for path in paths:
        with open(path, 'rb') as f:
            octets.append(f.read())
    given = b''.join(b'%d\n' % len(data) + data for data in octets)
    done = subprocess.run([harness.program('tests/oracle/oracle-dump'), 'text'], input=given, stdout=subprocess.PIPE, check=True)
    out, at = [], 0
    for i, data in enumerate(octets):
        sections = []
        for _ in SECTIONS:
            lf = done.stdout.index(b'\n', at)
            end = lf + 1 + int(done.stdout[at:lf])
            sections.append(done.stdout[lf + 1:end])
            at = end
        if i % SAMPLE == 0:
            text = mailtext.MailText(data)
            assert sections == [text.header, text.parts, text.body], '%s: the oracle reads another text' % paths[i]
        out.append(sections)
    return out


class Folded:
    """The folded texts of a mailbox in three files, and where each message's part of them ends."""

    def __init__(self, n):
        self.folder = os.path.join(mailbox.folder_of(n), 'folded-%d' % mailtext.RULES_VERSION)
        self.n = n
        if not os.path.exists(os.path.join(self.folder, 'complete')):
            self._make()
        self.ends = {}
        for section in SECTIONS:
            self.ends[section] = array.array('Q')
            with open(self._path(section + '.ends'), 'rb') as f:
                self.ends[section].frombytes(f.read())
        with open(self._path('days'), encoding='ascii') as f:
            self.days = [None if line == '\n' else datetime.date.fromisoformat(line.strip()) for line in f]

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _make(self):
        print('folding the texts of %d messages ...' % self.n, flush=True)
        os.makedirs(self.folder, exist_ok=True)
        paths = mailbox.files(self.n)
        pieces = [paths[i:i + SAMPLE] for i in range(0, self.n, SAMPLE)]
        out = {section: open(self._path(section), 'wb') for section in SECTIONS}
        ends = {section: array.array('Q') for section in SECTIONS}
        with multiprocessing.get_context('fork').Pool(2) as pool, open(self._path('days'), 'w', encoding='ascii') as days:
            for texts in pool.imap(_extract, pieces):
                for text in texts:
                    for section, data in zip(SECTIONS, text):
                        out[section].write(data)
                        ends[section].append(out[section].tell())
                    m = re.search(rb'(?:^|\n)date: (.*)', text[0])
                    day = None if m is None else dates.sent_day(m[1])
                    days.write('%s\n' % (day.isoformat() if day else ''))
        for section in SECTIONS:
            out[section].close()
            with open(self._path(section + '.ends'), 'wb') as f:
                ends[section].tofile(f)
        with open(self._path('complete'), 'w', encoding='ascii'):
            pass

    def chunks(self, section):
        """(data, first message, [where each message's part ends in data])"""
        ends = self.ends[section]
        first, offset = 0, 0
        with open(self._path(section), 'rb') as f:
            while first < self.n:
                last = max(first + 1, bisect.bisect_right(ends, offset + CHUNK))
                data = f.read(ends[last - 1] - offset)
                yield data, first, [end - offset for end in ends[first:last]]
                offset, first = ends[last - 1], last


def _mark(data, first, ends, needle, found):
    at, low = data.find(needle), 0
    while at >= 0:
        low = bisect.bisect_right(ends, at, low)
        found[first + low] = 1
        at = data.find(needle, ends[low])


def _values(data, ends, field):
    """The values of one field, each ended by LF, and where those of each message end."""
    out, where, size = [], [], 0
    start, i, low = b'\n' + field + b': ', 0, 0
    at = 0 if data.startswith(start[1:]) else data.find(start) + 1
    if at == 0 and not data.startswith(start[1:]):
        at = -1
    while at >= 0:
        low = bisect.bisect_right(ends, at, low)
        while i < low:
            where.append(size)
            i += 1
        lf = data.index(b'\n', at)
        value = data[at + len(start) - 1:lf + 1]
        out.append(value)
        size += len(value)
        at = data.find(start, lf)
        at = at + 1 if at >= 0 else -1
    where += [size] * (len(ends) - i)
    return b''.join(out), where


def find_all(folded, leaves):
    """{leaf: bytearray with 1 for each message that matches}, in one pass over each section."""
    found = {leaf: bytearray(folded.n) for leaf in leaves}
    for section in SECTIONS:
        asked = [leaf for leaf in leaves if leaf[1] == 'text' or leaf[1] == section and section != 'header']
        fields = {}
        for leaf in leaves:
            if leaf[1] == 'header' == section:
                fields.setdefault(leaf[2], []).append(leaf)
        if not asked and not fields:
            continue
        for data, first, ends in folded.chunks(section):
            for leaf in asked:
                _mark(data, first, ends, leaf[3], found[leaf])
            for field, of_field in fields.items():
                values, where = _values(data, ends, field)
                for leaf in of_field:
                    # an empty string: the field is there, if only with an empty value
                    _mark(values, first, where, leaf[3] or b'\n', found[leaf])
    return found


# --- answers ----------------------------------------------------------------------------------------------------------

class Expected:
    """expected[command text] -> sorted sequence numbers (which are the UIDs, too)"""

    def __init__(self, n, commands):
        self.n = n
        self.folder = os.path.join(mailbox.folder_of(n), 'answers-%d' % mailtext.RULES_VERSION)
        os.makedirs(self.folder, exist_ok=True)
        missing = [c for c in commands if not os.path.exists(self._path(c.text))]
        if missing:
            print('looking for %d answers in all %d messages ...' % (len(missing), n), flush=True)
            self._make(missing)

    def _path(self, text):
        return os.path.join(self.folder, hashlib.sha256(text.encode()).hexdigest()[:24])

    def __getitem__(self, text):
        out = array.array('I')
        with open(self._path(text), 'rb') as f:
            out.frombytes(f.read())
        return out.tolist()

    def _make(self, commands):
        folded = Folded(self.n)
        leaves = []
        for command in commands:
            leaves += [leaf for leaf in command.leaves() if leaf not in leaves]
        self.found = {leaf: int.from_bytes(bits, 'little') for leaf, bits in find_all(folded, leaves).items()}
        self.all = int.from_bytes(b'\1' * self.n, 'little')
        names = mailbox.files(self.n)
        self.flags = [name.rpartition(':2,')[2] for name in names]
        self.sizes = [int(re.search(r',W=(\d+)', name)[1]) for name in names]
        self.internal = [datetime.datetime.fromtimestamp(int(os.path.basename(name).split('.')[0]), datetime.timezone.utc).date()
                         for name in names]
        self.sent = [day or other for day, other in zip(folded.days, self.internal)]
        for command in commands:
            bits = self._bits(command.key).to_bytes(self.n, 'little')
            numbers = array.array('I', (i + 1 for i, bit in enumerate(bits) if bit))
            with open(self._path(command.text) + '.new', 'wb') as f:
                numbers.tofile(f)
            os.rename(self._path(command.text) + '.new', self._path(command.text))

    def _where(self, test, column):
        return int.from_bytes(bytes(map(test, column)), 'little')

    def _bits(self, key):
        """An int whose octet i is 1 if message i matches."""
        kind = key[0]
        if kind == 'all':
            return self.all
        if kind == 'not':
            return self.all ^ self._bits(key[1])
        if kind == 'or':
            return self._bits(key[1]) | self._bits(key[2])
        if kind == 'and':
            bits = self.all
            for part in key[1]:
                bits &= self._bits(part)
            return bits
        if kind == 'text':
            return self.found[key]
        if kind == 'flag':
            return self._where(lambda flags: key[1] in flags, self.flags)
        if kind == 'larger':
            return self._where(lambda size: size > key[1], self.sizes)
        if kind == 'smaller':
            return self._where(lambda size: size < key[1], self.sizes)
        if kind in ('internal', 'sent'):
            compare = {'BEFORE': key[2].__gt__, 'ON': key[2].__eq__, 'SINCE': key[2].__le__}[key[1]]
            return self._where(compare, self.internal if kind == 'internal' else self.sent)
        assert kind == 'set'
        bits = bytearray(self.n)
        for first, last in key[2]:
            low, high = sorted((first or self.n, last or self.n))
            for i in range(low, min(high, self.n) + 1):
                bits[i - 1] = 1
        return int.from_bytes(bits, 'little')


def load(path, n):
    """[(Command, comment)] of a file like queries.txt."""
    out = []
    with open(path, encoding='utf-8') as f:
        for line in f:
            line = line.rstrip('\n')
            if line and not line.startswith('#'):
                text, _, comment = line.partition('\t')
                out.append((Command(text.replace('{N}', '%d' % ((n + 99) // 100))), comment))
    return out


if __name__ == '__main__':
    # what is expected, as JSON: expect.py MESSAGES COMMAND
    command_ = Command(sys.argv[2])
    print(json.dumps(Expected(int(sys.argv[1]), [command_])[command_.text]))
