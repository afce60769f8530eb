# SPDX-License-Identifier: GPL-3.0-or-later
"""The indexer keeps to its memory (index.indexer_memory) with large messages: VmHWM and what of it is anonymous, of the real program."""

import os
import random
import subprocess

from lib import harness

MESSAGES, OCTETS = 40, 3000000
MEMORY_MIB = 32
# Beside what it holds until a commit: the program, one message's text in the making (several times its size), and what is read ahead.
BESIDE_MIB = 64


def test_large_messages_do_not_take_more_memory_than_is_allowed(make_server):
    server = make_server(settings={'index': {'indexer_path': '/bin/false'}}, start=False)
    server.add_user('large', 'secret')
    server.start()
    client = server.login('large', 'secret', timeout=120)
    rand = random.Random(5)
    words = ['%x' % rand.randrange(1 << 40) for _ in range(40000)]
    for number in range(MESSAGES):
        rand.shuffle(words)
        lines = [' '.join(words[i:i + 8]) for i in range(0, len(words), 8)]
        body = '\r\n'.join(lines)
        body = (body + '\r\n') * (OCTETS // len(body))
        client.append('INBOX', ('Subject: large %d\r\n\r\n%s' % (number, body)).encode())
    client.logout()
    server.stop()
    process = subprocess.Popen([harness.program('mailsift-indexer'), '--mail-root', server.mail_root, '--index-root', server.index_root,
                                '--account', 'large', '--once', '-o', 'log.level=error', '--memory', '%dM' % MEMORY_MIB],
                               stdin=subprocess.DEVNULL)
    # It waits to be reaped, with its numbers still there.
    anonymous = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        with open('/proc/%d/status' % process.pid, encoding='ascii', errors='replace') as f:
            for line in f:
                if line.startswith('RssAnon:'):
                    anonymous = max(anonymous, int(line.split()[1]))
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    harness.NOTES.append('indexer with --memory %dM and messages of %.0f MB: peak %d MiB, of it anonymous %d MiB' %
                         (MEMORY_MIB, OCTETS / 1e6, usage.ru_maxrss // 1024, anonymous // 1024))
    assert anonymous / 1024 < MEMORY_MIB + BESIDE_MIB
    server.mailsift('check', 'large')
