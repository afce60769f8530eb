# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGKILL in loops while several connections append, flag, copy, move and expunge; then what was acknowledged must be there, and
every search right at once. model.py tells how that is known.

MAILSIFT_CRASH_ROUNDS (default 110) and MAILSIFT_CRASH_SEED (default: random, printed)."""

import os
import random
import threading
import time

from crash import model
from lib import harness, imap

ROUNDS = int(os.environ.get('MAILSIFT_CRASH_ROUNDS', '110'))
SEED = int(os.environ.get('MAILSIFT_CRASH_SEED') or random.SystemRandom().randrange(1 << 32))
WORKERS = 3


class Rounds:
    """A server that is killed again and again, and its workers."""

    def __init__(self, server, seed):
        self.server = server
        self.random = random.Random(seed)
        self.workers = [model.Worker('w%d' % i, seed + i) for i in range(WORKERS)]
        self.uidvalidity = {}
        server.add_user('crash', 'secret')
        server.start()
        client = self.login()
        client.create('Other')
        client.logout()

    def login(self):
        return self.server.login('crash', 'secret', timeout=30)

    def work(self, seconds, then):
        """Lets the workers work for a while, does then(), and waits until they have ended."""
        over = threading.Event()
        threads = [threading.Thread(target=w.run, args=(self.login, over.is_set)) for w in self.workers]
        for thread in threads:
            thread.start()
        time.sleep(seconds)
        then()
        over.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), 'a worker hangs; log:\n' + self.server.log_tail()
        for worker in self.workers:
            if worker.error is not None:
                raise worker.error

    def verify(self):
        client = self.login()
        if self.random.random() < 0.5:      # sometimes the very first thing is a search
            client.select('INBOX')
            uids = set(client.uid_search('ALL'))
            sure = {uid for w in self.workers for uid in w.there['INBOX']
                    if not (w.pending and w.pending['kind'] in ('expunge', 'move'))}
            assert sure <= uids
        model.verify(client, self.workers, self.uidvalidity)
        model.check_searches(client, self.workers, self.random)
        client.logout()


def test_nothing_acknowledged_is_lost_by_sigkill(make_server):
    print('MAILSIFT_CRASH_SEED=%d' % SEED)
    server = make_server(start=False)
    rounds = Rounds(server, SEED)
    r = rounds.random
    kinds = {'server': 0, 'both': 0, 'indexer': 0}
    for i in range(ROUNDS):
        kind = r.choice(('server', 'both', 'both', 'indexer'))
        kinds[kind] += 1
        seconds = r.choice((0.01, 0.05, 0.1, 0.2, 0.3))
        try:
            if kind == 'indexer':
                rounds.work(seconds, server.kill_indexer)
            else:
                # killed amid the work; with `server` the old indexer may still be there when the next server starts
                rounds.work(seconds, lambda: server.kill(indexer=kind == 'both'))
                server.start()
            rounds.verify()
            server.check()
        except BaseException:
            print('round %d, kind %s, seed %d; pending: %r' % (i, kind, SEED, [w.pending for w in rounds.workers]))
            print(server.log_tail(20))
            raise
    # At the end the index catches up to exactly what is there.
    state = server.wait_indexed('crash')
    there = sum(len(w.there[box]) for w in rounds.workers for box in model.MAILBOXES)
    assert state['messages'] == there
    rounds.verify()
    done = sum(w.n_done for w in rounds.workers)
    harness.NOTES.append('crash: %d rounds of SIGKILL (%s), %d commands acknowledged, %d messages at the end; MAILSIFT_CRASH_SEED=%d'
                         % (ROUNDS, ', '.join('%s %d' % item for item in kinds.items()), done, there, SEED))
    assert done > 2 * ROUNDS


def test_an_indexer_that_is_killed_at_random_ends_with_everything_indexed(make_server):
    server = make_server(start=False)
    server.add_user('ann', 'secret')
    server.start()
    r = random.Random(SEED)
    client = server.login('ann', 'secret')
    client.select('INBOX')
    worker = model.Worker('i', SEED)
    killed = 0
    for i in range(40):
        messages = [worker.new_message() for _ in range(10)]
        worker.append(client, 'INBOX', messages)
        time.sleep(r.choice((0, 0.01, 0.05, 0.1)))
        killed += server.kill_indexer()
        m = r.choice(list(worker.there['INBOX'].items()))
        assert client.uid_search('BODY', imap.Quoted('body%sword' % m[1].marker)) == [m[0]]
        if i % 5 == 4:
            gone = r.sample(sorted(worker.there['INBOX']), 10)
            worker.expunge(client, 'INBOX', gone)
        client.clear()
    assert killed >= 3      # after each the server waits longer before it starts another
    state = server.wait_indexed('ann')
    assert state['messages'] == len(worker.there['INBOX']) and state['indexed'] == state['messages']
    for uid, message in worker.there['INBOX'].items():
        assert client.uid_search('BODY', imap.Quoted('body%sword' % message.marker)) == [uid]
    assert client.uid_search('BODY filler') == sorted(worker.there['INBOX'])


def test_an_indexer_ends_with_its_server(make_server):
    server = make_server()
    deadline = time.monotonic() + 10
    while not server.indexer_pids():
        assert time.monotonic() < deadline, 'no indexer runs'
        time.sleep(0.02)
    server.kill(indexer=False)
    server.wait_indexers_gone()
