# SPDX-License-Identifier: GPL-3.0-or-later
"""Kills the indexer before single steps that make something last (fsync, rename, link, write to a file) while it builds an index in parts, merges
them, rolls the database into a part and swaps generations. Then the next one has to come to a whole index, which mailsift check
compares with the mail; and searches are right before it does."""

import os
import random
import shutil
import subprocess

import pytest

from crash.test_kill_at import build
from lib import harness

USER = 'parts'
STEPS = int(os.environ.get('MAILSIFT_CRASH_INDEXER_STEPS', '24'))   # of each scenario, spread evenly from a random first one; 0: all
SEARCH_EVERY = 8
MESSAGES = 60

# What the indexer is told; parts of a few messages, or a small database that is rolled at once.
BULK = ['--bulk-emails=20', '--memory=100K']
SMALL = ['--bulk-emails=1000000', '--memory=64M', '--roll-bytes=1']


def message(number):
    words = ' '.join('word%d' % (number * k % 977) for k in range(1, 60))
    return b'Subject: number%d\r\nFrom: a@example.org\r\n\r\n%s common needle%d\r\n' % (number, words.encode(), number)


class Bench:
    def __init__(self, make_server, library):
        self.server = make_server(settings={'index': {'indexer_path': '/bin/false'}}, start=False)
        self.server.add_user(USER, 'secret')
        self.library = library
        self.armed = os.path.join(self.server.root, 'armed')
        self.log = os.path.join(self.server.root, 'steps')
        self.appended = 0
        with open(self.armed, 'w', encoding='ascii'):
            pass

    def append(self, n):
        self.server.start()
        client = self.server.login(USER, 'secret')
        for number in range(self.appended, self.appended + n):
            client.append('INBOX', message(number))
        self.appended += n
        client.logout()
        self.server.stop()

    def save(self, name):
        target = os.path.join(self.server.root, name)
        shutil.copytree(self.server.index_dir(USER), target, symlinks=True)
        return target

    def restore(self, saved):
        self.server.remove_index(USER)
        if saved is not None:
            shutil.copytree(saved, self.server.index_dir(USER), symlinks=True)

    def index(self, options, kill_at=None):
        """One run to the end, or to the kill. Returns the steps that were made (with kill_at)."""
        environment = dict(os.environ)
        if kill_at is not None:
            if os.path.exists(self.log):
                os.unlink(self.log)
            environment.update(KILL_AT=str(kill_at), KILL_AT_ARMED=self.armed, KILL_AT_LOG=self.log, LD_PRELOAD=self.library,
                               KILL_AT_PROGRAM='mailsift-indexer')
        done = subprocess.run([harness.program('mailsift-indexer'), '--mail-root', self.server.mail_root, '--index-root', self.server.index_root,
                               '--account', USER, '--once', '-o', 'log.level=error'] + options,
                              env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False, timeout=120)
        assert done.returncode in ((0,) if kill_at is None else (0, -9)), done.stderr.decode()
        if kill_at is None:
            return []
        with open(self.log, encoding='ascii') as f:
            return f.read().split('\n')[:-1]

    def search(self):
        """With whatever of an index there is."""
        self.server.start()
        client = self.server.login(USER, 'secret')
        client.select('INBOX')
        assert len(client.uid_search('BODY common')) == self.appended
        assert len(client.uid_search('BODY needle%d' % (self.appended - 1))) == 1
        assert len(client.uid_search('SUBJECT number%d' % (self.appended // 2))) == 1
        client.logout()
        self.server.stop()

    def parts(self):
        path = os.path.join(self.server.index_dir(USER), 'current', 'parts')
        return sorted(int(name) for name in os.listdir(path)) if os.path.isdir(path) else []


def run(bench, saved, options):
    """Kills it at STEPS of all steps; every time a second run has to come to the end."""
    bench.restore(saved)
    total = len(bench.index(options, 1000000000))
    bench.server.mailsift('check', USER)
    assert total > 20, total
    parts = bench.parts()
    stride = max(total // STEPS, 1) if STEPS else 1
    killed = 0
    for n in range(random.randrange(stride) + 1, total + 1, stride):
        bench.restore(saved)
        steps = bench.index(options, n)
        try:
            if killed % SEARCH_EVERY == 0:
                bench.search()
            bench.index(options)
            bench.server.mailsift('check', USER)
        except BaseException:
            print('killed before step %d of %d: %s' % (n, total, steps[-1:]))
            raise
        generations = [name for name in os.listdir(bench.server.index_dir(USER)) if name.startswith('gen-')]
        assert len(generations) == 1, (n, steps[-1:], generations)
        killed += 1
    harness.NOTES.append('crash: the indexer was killed at %d of %d steps (%s)' % (killed, total, options[0]))
    return parts


@pytest.fixture
def bench(make_server, session_dir):
    return Bench(make_server, build(session_dir))


def test_a_kill_while_parts_are_written_and_merged_costs_time_only(bench):
    bench.append(2 * MESSAGES)
    parts = run(bench, None, BULK)
    assert len(parts) == 1 and parts[0] > 3, parts      # several were merged


def test_a_kill_while_a_database_is_rolled_and_swapped_in_costs_time_only(bench):
    bench.append(MESSAGES)
    bench.index(SMALL)
    assert len(bench.parts()) == 1
    saved = bench.save('first')
    bench.append(MESSAGES)
    parts = run(bench, saved, SMALL)
    assert len(parts) == 1 and parts[0] > 2, parts      # rolled to a second one, and merged with the first
