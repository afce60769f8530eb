# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the server before each single step that makes something last (fsync, rename, link, unlink, write to the database), one
after the other, in a fixed run of commands. kill-at.c does it from inside of the server."""

import os
import random
import re
import shlex
import subprocess

from crash import model
from lib import harness, imap

STEPS_MAX = 400
STEPS = int(os.environ.get('MAILSIFT_CRASH_STEPS', '40'))   # how many of them, spread evenly from a random first one; 0: all


class Scenario(model.Worker):
    """The same commands every time."""

    def run_all(self, client):
        client.select('INBOX')
        self.append(client, 'INBOX', [self.new_message()])
        self.append(client, 'INBOX', [self.new_message() for _ in range(3)])
        uids = sorted(self.there['INBOX'])
        self.store(client, 'INBOX', uids[:2])
        self.copy(client, 'INBOX', 'Other', uids[:2])
        self.copy(client, 'INBOX', 'Other', uids[1:3], move=True)
        self.expunge(client, 'INBOX', [uids[0]])
        self.append(client, 'Other', [self.new_message()])
        self.store(client, 'INBOX', [uids[3]])


def build(folder):
    target = os.path.join(folder, 'kill-at.so')
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'kill-at.c')
    subprocess.run(shlex.split(os.environ.get('CC', 'cc')) + ['-shared', '-fPIC', '-O1', '-o', target, source, '-ldl'], check=True)
    return target


def run_once(make_server, library, n):
    """Kills at step @n. Returns the number of steps if the scenario came to its end before."""
    server = make_server(start=False)
    server.add_user('crash', 'secret')
    armed, log = os.path.join(server.root, 'armed'), os.path.join(server.root, 'steps')
    os.environ.update(KILL_AT=str(n), KILL_AT_ARMED=armed, KILL_AT_LOG=log)
    server.preload = library
    try:
        server.start()
    finally:
        for name in ('KILL_AT', 'KILL_AT_ARMED', 'KILL_AT_LOG'):
            del os.environ[name]
    worker = Scenario('s', 7)
    client = server.login('crash', 'secret')
    client.create('Other')
    with open(armed, 'w', encoding='ascii'):
        pass
    ended = True
    try:
        worker.run_all(client)
    except (imap.Disconnected, ConnectionError):
        ended = False
    client.close()
    os.unlink(armed)
    try:
        with open(log, encoding='ascii') as f:
            steps = f.read().split('\n')[:-1]
    except FileNotFoundError:
        steps = []
    if ended:
        server.stop()
    else:
        server.process.wait(10)
        server.kill()
    server.preload = None
    server.start()
    try:
        client = server.login('crash', 'secret')
        model.verify(client, [worker], {})
        model.check_searches(client, [worker], random.Random(n))
        # and the account works on
        worker.append(client, 'INBOX', [worker.new_message()])
        model.verify(client, [worker], {})
        client.logout()
        server.stop()
        server.check()
    except BaseException:
        print('killed before step %d: %s; pending: %r' % (n, steps[-1:], worker.pending))
        print(server.log_tail(60))
        raise
    return len(steps) if ended else None


def test_a_kill_at_any_durable_step_loses_nothing(make_server, session_dir):
    library = build(session_dir)
    total = run_once(make_server, library, 1000000)
    assert total and 10 < total < STEPS_MAX, 'the preloaded library sees %r steps' % total
    stride = -(-total // STEPS) if STEPS else 1
    done = 0
    for n in range(random.randrange(stride) + 1, total + 1, stride):
        run_once(make_server, library, n)
        done += 1
    harness.NOTES.append('crash: killed at %d of %d durable steps' % (done, total))


# One letter for each step; what has to be on disk, in order, before the command's OK. RFC 3501 knows no fsync: the promise is ours.
LETTERS = {'fsync': 'f', 'fdatasync': 'd', 'rename': 'r', 'renameat': 'r', 'renameat2': 'r', 'link': 'l', 'linkat': 'l',
           'unlink': 'u', 'unlinkat': 'u', 'pwrite64': 'w', 'ftruncate64': 't'}
ORDER = [
    # the file, its name, the folder, then the database
    ('APPEND', lambda c: c.append('INBOX', b'Subject: a\r\n\r\nb\r\n'), 'f[^w]*r[^w]*f[^w]*w+d'),
    ('MULTIAPPEND', lambda c: c.cmd('APPEND INBOX', imap.Literal(b'Subject: c\r\n\r\nd\r\n'), imap.Literal(b'Subject: e\r\n\r\nf\r\n')),
     # the files, then their names in the database; the rest as for one
     'f[^w]*f[^w]*w+d[^w]*r[^w]*f[^w]*w+d'),
    ('STORE', lambda c: c.store('1', '+FLAGS', ['\\Flagged', 'kw']), 'w+d'),
    ('COPY', lambda c: c.copy('1', 'Other'), '[lr][^w]*f[^w]*w+d'),
    # a file goes only when the database does not know it any more
    ('EXPUNGE', lambda c: (c.store('1', '+FLAGS.SILENT', ['\\Deleted']), c.expunge()), '[^u]*w+d[^u]*w+du?.*'),
    ('MOVE', lambda c: c.copy('1', 'Other', move=True), '[lr][^wu]*f[^wu]*w+d.*'),
]


def test_what_is_answered_with_ok_was_synced_in_order(make_server, session_dir):
    library = build(session_dir)
    server = make_server(start=False)
    server.add_user('crash', 'secret')
    armed, log = os.path.join(server.root, 'armed'), os.path.join(server.root, 'steps')
    os.environ.update(KILL_AT='0', KILL_AT_ARMED=armed, KILL_AT_LOG=log)
    server.preload = library
    try:
        server.start()
    finally:
        for name in ('KILL_AT', 'KILL_AT_ARMED', 'KILL_AT_LOG'):
            del os.environ[name]
    client = server.login('crash', 'secret')
    client.create('Other')
    client.append('INBOX', b'Subject: x\r\n\r\ny\r\n')
    client.append('INBOX', b'Subject: z\r\n\r\ny\r\n')
    client.select('INBOX')
    for name, command, expected in ORDER:
        with open(log, 'w', encoding='ascii'):
            pass
        with open(armed, 'w', encoding='ascii'):
            pass
        command(client)
        os.unlink(armed)
        with open(log, encoding='ascii') as f:
            steps = ''.join(LETTERS[line.split()[1]] for line in f)
        assert re.match(expected, steps), '%s: %s' % (name, steps)
    client.logout()
