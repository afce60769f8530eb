#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexing from scratch by mailsift-indexer --once, as a table: speed, memory, what was written, what the index takes.

    index.py [-n MESSAGES[,MESSAGES...]] [--memory SIZE]

The mailbox is made by scale.py if it is not there yet (mailbox.py says where). The index stays, for search.py."""

import argparse
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import mailbox  # noqa: E402
from lib import harness  # noqa: E402

SAMPLE_SECONDS = 0.02


def status_kib(pid, name):
    try:
        with open('/proc/%d/status' % pid, encoding='ascii', errors='replace') as f:
            for line in f:
                if line.startswith(name + ':'):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0


def run(command, environment):
    """Runs it to its end: {wall, cpu, user, system: seconds; rss, anon: KiB; written, read: bytes}"""
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)
    begin = time.monotonic()
    anon = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        anon = max(anon, status_kib(process.pid, 'RssAnon'))
        time.sleep(SAMPLE_SECONDS)
    wall = time.monotonic() - begin
    io = {}
    with open('/proc/%d/io' % process.pid, encoding='ascii') as f:
        for line in f:
            key, value = line.split(': ')
            io[key] = int(value)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise harness.HarnessError('%s: exit status %d' % (command[0], process.returncode))
    return {'wall': wall, 'user': usage.ru_utime, 'system': usage.ru_stime, 'cpu': usage.ru_utime + usage.ru_stime,
            'rss': usage.ru_maxrss, 'anon': anon, 'written': io['write_bytes'], 'read': io['read_bytes']}


def sizes(folder):
    """{part of the index: octets}: xapian by table, text by stream, vocabulary."""
    out = {}
    for path, _, names in os.walk(folder):
        for name in names:
            part = os.path.relpath(path, folder).split(os.sep)
            part = part[1] if len(part) > 1 else '.'
            detail = name if part == 'xapian' else name.split('.')[-1] if part == 'text' else ''
            key = '%s %s' % (part, detail)
            out[key] = out.get(key, 0) + os.path.getsize(os.path.join(path, name))
    return out


def measure(n, memory):
    server = mailbox.server(n)
    server.remove_index(mailbox.USER)
    command = [harness.program('mailsift-indexer'), '--mail-root', server.mail_root, '--index-root', server.index_root,
               '--account', mailbox.USER, '--once'] + (['--memory', memory] if memory else [])
    cost = run(command, dict(os.environ, LC_ALL='C.UTF-8', TZ='UTC'))
    mail = mailbox.mail_bytes(n)
    parts = sizes(server.index_dir(mailbox.USER))
    index = sum(parts.values())
    print('%d messages, %.1f MB of mail (%.1f kB each)' % (n, mail / 1e6, mail / n / 1e3))
    print('  CPU %.1f s (user %.1f, system %.1f), wall %.1f s' % (cost['cpu'], cost['user'], cost['system'], cost['wall']))
    print('  %.0f messages and %.2f MB a CPU second; of 5.5 kB that would be %.0f messages' %
          (n / cost['cpu'], mail / 1e6 / cost['cpu'], mail / cost['cpu'] / 5500))
    print('  peak memory %.0f MiB, of it anonymous %.0f MiB' % (cost['rss'] / 1024, cost['anon'] / 1024))
    print('  written %.1f MB (%.1f kB a message), read %.1f MB' % (cost['written'] / 1e6, cost['written'] / n / 1e3, cost['read'] / 1e6))
    print('  index %.1f MB: %.3f of the mail' % (index / 1e6, index / mail))
    for part, octets in sorted(parts.items(), key=lambda item: -item[1]):
        print('    %-24s %9.2f MB  %.3f' % (part, octets / 1e6, octets / mail))
    sys.stdout.flush()
    return n / cost['cpu'] * mail / n


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-n', default='10000', metavar='MESSAGES')
    parser.add_argument('--memory', metavar='SIZE')
    args = parser.parse_args()
    for n in args.n.split(','):
        measure(int(n), args.memory)


if __name__ == '__main__':
    main()
