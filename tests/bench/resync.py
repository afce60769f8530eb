#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What it costs a client to come back to a large mailbox (QRESYNC, CONDSTORE): resync.py [MESSAGES]. Prints medians of wall times seen by the
client, the server's CPU time, and octets; the first SELECT of a mailbox reads it from the database, the others find it in memory."""

import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from lib import harness  # noqa: E402 (tests/ has to be in the path first)
from lib.imap import Literal  # noqa: E402

BATCH = 1000
ROUNDS = 15


def fill(client, n):
    for first in range(0, n, BATCH):
        parts = ['APPEND INBOX']
        for i in range(first, min(first + BATCH, n)):
            parts.append(Literal(b'From: a@example.org\r\nSubject: %d\r\n\r\nhello\r\n' % i, sync=False))
        client.cmd(*parts, timeout=600)


def cpu_seconds(pid):
    with open('/proc/%d/stat' % pid, encoding='latin-1') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def measure(what, server, client, command, rounds=ROUNDS):
    times, octets = [], 0
    before = cpu_seconds(server.process.pid)
    for _ in range(rounds):
        start = time.perf_counter()
        result = client.cmd(command, timeout=600)
        times.append((time.perf_counter() - start) * 1000)
        octets = sum(len(u.raw) + 2 for u in result.untagged)
    cpu = (cpu_seconds(server.process.pid) - before) * 1000 / rounds
    print('%-64s %9.2f ms %9.2f ms CPU %9d octets %7d lines' % (what, statistics.median(times), cpu, octets, len(result.untagged)), flush=True)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    with tempfile.TemporaryDirectory(prefix='mailsift-resync-') as root:
        server = harness.Server(root, settings={'limits': {'command_limit': '64M'}})
        server.add_user('ann', 'x')
        server.start()
        other = server.login('ann', 'x')
        fill(other, n)
        other.select()
        other.cmd('UID STORE 1:%d +FLAGS.SILENT (\\Deleted)' % (n // 10), timeout=600)
        other.cmd('EXPUNGE', timeout=600)
        at = other.status('INBOX', '(HIGHESTMODSEQ UIDVALIDITY)')
        since, valid = at['HIGHESTMODSEQ'], at['UIDVALIDITY']
        for uid in range(n // 2, n // 2 + 10):
            other.cmd('UID STORE %d +FLAGS.SILENT (\\Flagged)' % uid)
        other.cmd('UID STORE %d:%d +FLAGS.SILENT (\\Deleted)' % (n - 20, n - 10))
        other.cmd('EXPUNGE')
        now = other.status('INBOX', '(HIGHESTMODSEQ)')['HIGHESTMODSEQ']
        other.close()
        server.stop()
        server.start()
        print('%d messages were appended, %d are left' % (n, n - n // 10 - 11))
        c = server.login('ann', 'x')
        c.cmd('ENABLE QRESYNC')
        qresync = 'SELECT INBOX (QRESYNC (%d %d' % (valid, since)
        measure('the first SELECT (QRESYNC ...), 10 flags and 11 expunges since', server, c, qresync + '))', 1)
        measure('SELECT', server, c, 'SELECT INBOX')
        measure('SELECT (QRESYNC ...), 10 flags and 11 expunges since', server, c, qresync + '))')
        measure('  with known UIDs 1:%d' % n, server, c, qresync + ' 1:%d))' % n)
        odd = ','.join(str(uid) for uid in range(1, n, 2))
        measure('  with %d known UIDs one by one' % (n // 2), server, c, qresync + ' %s))' % odd)
        measure('  with match data 1:%d' % n, server, c, qresync + ' (1:%d 1:%d)))' % (n, n))
        measure('SELECT (QRESYNC ...), nothing since', server, c, 'SELECT INBOX (QRESYNC (%d %d))' % (valid, now))
        measure('SELECT (QRESYNC ...), all flags and a tenth expunged since', server, c, 'SELECT INBOX (QRESYNC (%d 1))' % valid, 3)
        measure('UID FETCH 1:* (FLAGS) (CHANGEDSINCE n VANISHED)', server, c, 'UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)' % since)
        measure('UID FETCH 1:* (FLAGS), what it saves', server, c, 'UID FETCH 1:* (FLAGS)', 3)
        measure('UID SEARCH MODSEQ n', server, c, 'UID SEARCH MODSEQ %d' % since)
        server.stop()


if __name__ == '__main__':
    main()
