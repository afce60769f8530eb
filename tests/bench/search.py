#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures searches over IMAP, mailsift beside other servers on the same mailbox in one run, each answer compared with a plain scan's.

    search.py [-n MESSAGES] [--queries FILE] [--only REGEX] [--repeats 7] [--peers dovecot,cyrus] [--peer-seconds 300]
              [--peer-queries N] [--peer-timeout 120]

Prints for each query of queries.txt: hits; from the command sent to its tagged answer the median and the 95th percentile of the
repeats, in ms, and the least CPU time that the server used for it; how long a plain scan of the text store for all of its strings takes, and
the ratio (the least time of the repeats to the least of several scans: others' load is in neither); the peers' medians (of up to three; one
if it takes longer than two seconds) and how many times as long that is, with the number of messages that the peer's answer has too many or
too few. A peer gets --peer-seconds in all and --peer-timeout for each query, and up to --peer-queries: first those that queries.txt marks with
"*", a sample of the shapes, then the others, spread over all. Then the figures that the targets are about.

The exit status is 1 if an answer of mailsift is wrong. NO or BAD instead of a peer's time: it answered that; "late": nothing in time."""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import expect  # noqa: E402
import mailbox  # noqa: E402
import peers  # noqa: E402
from lib import harness  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SLOW_SECONDS = 2
IMAP_MS = 0.5       # of a command that finds nothing, about: no scan has that


def numbers_of_set(text):
    out = []
    for part in text.split(b','):
        first, _, last = part.partition(b':')
        out += range(int(first), int(last or first) + 1)
    return out


def found_numbers(command, answer):
    """([numbers in the order of the answer], or None if the answer does not list them; the problem, or None)"""
    if command.verb == 'THREAD':
        return [int(x) for x in re.findall(rb'\d+', b''.join(re.findall(rb'(?m)^\* THREAD(.*)', answer)))], None
    m = re.search(rb'(?m)^\* (?:SEARCH|SORT)((?: \d+)*)(?: \(MODSEQ \d+\))?\s*$', answer)
    if m:
        return [int(x) for x in m[1].split()], None
    m = re.search(rb'(?m)^\* ESEARCH(?: \(TAG "?[^")]*"?\))?(?: UID)?(.*)\r$', answer)
    if m is None:
        return None, 'no answer: %r' % answer[:100]
    words = m[1].split()
    items = dict(zip(words[::2], words[1::2]))
    numbers = numbers_of_set(items[b'ALL']) if b'ALL' in items else [] if 'ALL' in command.returns else None
    if numbers is not None and b'COUNT' in items and int(items[b'COUNT']) != len(numbers):
        return numbers, 'COUNT is not that of ALL'
    if numbers and (b'MIN' in items and int(items[b'MIN']) != numbers[0] or b'MAX' in items and int(items[b'MAX']) != numbers[-1]):
        return numbers, 'MIN or MAX is not that of ALL'
    if numbers is None:
        return None, b'%d' % int(items[b'COUNT'])
    return numbers, None


def compare(command, answer, expected):
    """How many messages are too many or too few; -1 if the order or the form is wrong."""
    numbers, problem = found_numbers(command, answer)
    if numbers is None:
        return abs(int(problem) - len(expected)) if isinstance(problem, bytes) else -1
    differ = len(set(numbers) ^ set(expected))
    if differ:
        return differ
    if problem or len(numbers) != len(expected):
        return -1
    # The messages of scale.py are in the order of their dates.
    if command.orders in (['DATE'], ['ARRIVAL']) and numbers != expected or \
            command.orders == ['REVERSE', 'DATE'] and numbers != expected[::-1]:
        return -1
    return 0


class Row:
    def __init__(self, command, comment):
        self.command = command
        self.comment = comment
        self.expected = []
        self.times = []         # mailsift's, in seconds
        self.cpu = []           # and those of its CPU
        self.differ = 0
        self.scan = None        # ms
        self.scan_cpu = None    # ms
        self.engine = None      # ms, and how
        self.peers = {}         # name -> (seconds, differ) or (None, status)

    @property
    def ms(self):
        return statistics.median(self.times) * 1000

    @property
    def ratio(self):
        return min(self.times) * 1000 / self.scan

    @property
    def is_above(self):
        """Above twice the plain scan: (by the clock, by CPU time)"""
        return tuple(min(took) * 1000 > max(2 * scan, scan + IMAP_MS) for took, scan in ((self.times, self.scan), (self.cpu, self.scan_cpu)))

    @property
    def p95(self):
        return sorted(self.times)[max(0, round(len(self.times) * 0.95) - 1)] * 1000

    @property
    def kind(self):
        """text: strings in bodies or headers; field: in From or Subject only; meta; sort, thread: of all messages."""
        leaves = self.command.leaves()
        if leaves:
            return 'field' if all(leaf[2] in (b'from', b'subject') for leaf in leaves) else 'text'
        return {'SEARCH': 'meta', 'SORT': 'sort', 'THREAD': 'thread'}[self.command.verb]


def plain_scans(server, rows):
    """Sets row.scan and row.engine by the program plain-scan over the index of the server."""
    leaves = []
    for row in rows:
        leaves += [leaf for leaf in row.command.leaves() if leaf not in leaves]
    if not leaves:
        return
    lines = ''.join('%s %s %s\n' % (leaf[1], (leaf[2] or b'').hex() or '-', leaf[3].hex() or '-') for leaf in leaves)
    done = subprocess.run([harness.program('tests/bench/plain-scan'), server.index_dir(mailbox.USER)], input=lines,
                          stdout=subprocess.PIPE, text=True, check=True)
    by_leaf = dict(zip(leaves, (line.split() for line in done.stdout.splitlines())))
    for row in rows:
        mine = [by_leaf[leaf] for leaf in row.command.leaves()]
        if mine:
            row.scan = sum(int(words[0]) for words in mine) / 1000
            row.scan_cpu = sum(int(words[7]) for words in mine) / 1000
            row.engine = ', '.join('%.1f %s %st %sc' % (int(words[2]) / 1000, *words[4:7]) for words in mine)


def ask_mailsift(n, rows, repeats):
    with peers.Mailsift(n) as peer:
        for row in rows:
            for i in range(repeats + 1):
                cpu = peer.cpu_seconds()
                took, status, answer = peer.connection.ask(row.command.text)
                cpu = peer.cpu_seconds() - cpu
                if i == 0:      # fills the page cache
                    row.differ = compare(row.command, answer, row.expected) if status == 'OK' else -1
                    continue
                row.times.append(took)
                row.cpu.append(cpu)
        server = peer.server
    plain_scans(server, rows)


def ask_peer(peer_class, n, rows, limits):
    """limits: args with peer_seconds, peer_queries, peer_timeout. Returns whether it could be asked."""
    begin = time.monotonic()
    # the sample, then spread over all kinds: every 16th, then what is between
    spread = [i for start in (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15) for i in range(start, len(rows), 16)]
    waiting = sorted((rows[i] for i in spread), key=lambda row: not row.comment.startswith('*'))[:limits.peer_queries]
    waiting.reverse()
    try:
        while waiting and time.monotonic() - begin < limits.peer_seconds:
            try:
                with peer_class(n) as peer:
                    while waiting and time.monotonic() - begin < limits.peer_seconds:
                        row = waiting.pop()
                        row.peers[peer_class.name] = None, 'late'
                        row.peers[peer_class.name] = ask_one(peer, row, limits.peer_timeout)
            except peers.TimedOut:
                pass
        return True
    except peers.Unavailable as e:
        print('%s left out: %s' % (peer_class.name, e))
        return False


def ask_one(peer, row, timeout):
    """(seconds, how many messages differ) or (None, status)"""
    times = []
    while len(times) < 3 and sum(times) < SLOW_SECONDS:
        took, status, answer = peer.connection.ask(row.command.text, timeout)
        if status != 'OK':
            return None, status
        times.append(took)
    return statistics.median(times), compare(row.command, answer, row.expected)


def print_rows(rows, names):
    print('%8s %9s %9s %9s %9s %6s%s  query' % ('hits', 'ms', 'p95', 'cpu', 'scan', 'ratio', ''.join('%11s %7s %6s' % (n, 'times', 'differ') for n in names)))
    for row in rows:
        line = '%8d %9.2f %9.2f %9.2f ' % (len(row.expected), row.ms, row.p95, min(row.cpu) * 1000)
        line += '%9.2f %6.2f' % (row.scan, row.ratio) if row.scan else '%9s %6s' % ('-', '-')
        for name in names:
            if name not in row.peers:
                line += '%11s %7s %6s' % ('', '', '')
            elif row.peers[name][0] is None:
                line += '%11s %7s %6s' % (row.peers[name][1], '', '')
            else:
                seconds, differ = row.peers[name]
                line += '%11.2f %7.0f %6s' % (seconds * 1000, seconds * 1000 / row.ms, differ or '-')
        print('%s  %s%s' % (line, row.command.text[:90], '' if row.differ == 0 else '   WRONG: %d' % row.differ))


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))]


def print_summary(rows, names):
    print('\n%-10s %4s %9s %9s %9s  worst' % ('', 'n', 'median', 'p95', 'worst'))
    for title, kinds in (('text', ('text', 'field')), ('field', ('field',)), ('meta', ('meta',)), ('sort', ('sort',)), ('thread', ('thread',)),
                         ('all', ('text', 'field', 'meta', 'sort', 'thread'))):
        some = [row for row in rows if row.kind in kinds]
        if some:
            times = [row.ms for row in some]
            print('%-10s %4d %9.2f %9.2f %9.2f  %s' % (title, len(some), statistics.median(times), quantile(times, 0.95), max(times),
                                                      max(some, key=lambda row: row.ms).command.text[:80]))
    scanned = [row for row in rows if row.scan]
    by_clock, by_cpu = ([row for row in scanned if row.is_above[i]] for i in (0, 1))
    both_ways = [row for row in by_clock if row in by_cpu]
    print('above twice the plain scan of the text store (and above it by %.1f ms), of %d: by the clock %d, by CPU time %d, by both %d' %
          (IMAP_MS, len(scanned), len(by_clock), len(by_cpu), len(both_ways)))
    for row in sorted(both_ways, key=lambda row: -row.ratio):
        print('    %.2f ms (CPU %.2f), scan %.2f (CPU %.2f): %s   [%s]' % (min(row.times) * 1000, min(row.cpu) * 1000, row.scan, row.scan_cpu,
                                                                       row.command.text[:100], row.engine))
    for name in names:
        both = [row for row in rows if row.peers.get(name, (None,))[0] is not None]
        for title, some in (('text', [row for row in both if row.kind in ('text', 'field')]), ('all', both)):
            if some:
                ratios = [row.peers[name][0] * 1000 / row.ms for row in some]
                print('%s, %s: asked %d, median %.2f ms (ours of the same %.2f), times ours: median %.1f, least %.1f; other than exact: %d' %
                      (name, title, len(some), statistics.median(row.peers[name][0] * 1000 for row in some),
                       statistics.median(row.ms for row in some), statistics.median(ratios), min(ratios),
                       sum(1 for row in some if row.peers[name][1])))
    wrong = [row for row in rows if row.differ]
    print('answers of mailsift that differ from the plain scan\'s: %d of %d' % (len(wrong), len(rows)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-n', type=int, default=10000, metavar='MESSAGES')
    parser.add_argument('--queries', default=os.path.join(HERE, 'queries.txt'), metavar='FILE')
    parser.add_argument('--only', default='', metavar='REGEX')
    parser.add_argument('--repeats', type=int, default=7)
    parser.add_argument('--peers', default='dovecot,cyrus')
    parser.add_argument('--peer-seconds', type=float, default=300)
    parser.add_argument('--peer-queries', type=int, default=None, metavar='N')
    parser.add_argument('--peer-timeout', type=float, default=120, metavar='SECONDS')
    args = parser.parse_args()
    rows = [Row(command, comment) for command, comment in expect.load(args.queries, args.n) if re.search(args.only, command.text)]
    answers = expect.Expected(args.n, [row.command for row in rows])
    for row in rows:
        row.expected = answers[row.command.text]
    ask_mailsift(args.n, rows, args.repeats)
    names = []
    for name in filter(None, args.peers.split(',')):
        if not hasattr(peers, name.title()):
            print('%s left out: nobody has written how to run it' % name)
        elif ask_peer(getattr(peers, name.title()), args.n, rows, args):
            names.append(getattr(peers, name.title()).name)
    print('%d messages, load average %.1f' % (args.n, os.getloadavg()[0]))
    print_rows(rows, names)
    print_summary(rows, names)
    sys.exit(any(row.differ for row in rows))


if __name__ == '__main__':
    main()
