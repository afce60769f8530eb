# SPDX-License-Identifier: GPL-3.0-or-later
"""What crash tests know: for each mailbox and UID what was acknowledged, and what was on its way when the server died.

A Worker speaks on one connection and changes messages that it made itself, so several can share mailboxes and each still
knows what must be there. Before a command goes out it is noted in worker.pending; after its OK it is in worker.there. When
the server is gone, verify() compares the mailboxes with all workers: what was acknowledged must be there, octet by octet; what
was pending may have happened, as a whole or not at all; nothing else may be there. The message of a pending APPEND may have only
the flags that a file name holds: its file was in cur/. Those of an APPEND of several (RFC 3502) are all there as asked for, or none.
"""

import random

from lib import imap

MAILBOXES = ('INBOX', 'Other')
FLAGS = ('\\Seen', '\\Flagged', '\\Answered', '\\Draft', 'kw1', '$Label')


class Message:
    def __init__(self, marker, data, flags):
        self.marker = marker
        self.data = data
        self.flags = frozenset(flags)


def make_message(marker, r):
    """Octets that say who they are, in a field and in the body."""
    size = r.choice((0, 10, 100, 1000, 5000)) if r.random() < 0.97 else 200000
    filler = b''.join(b'%d filler line of text\r\n' % r.randrange(10 ** 9) for _ in range(size // 30 + 1))
    return b'X-Crash: %s\r\nSubject: crash test\r\n\r\nbody%sword\r\n%s' % (marker.encode(), marker.encode(), filler)


class Worker:
    def __init__(self, name, seed):
        self.name = name
        self.random = random.Random(seed)
        self.there = {box: {} for box in MAILBOXES}     # uid -> Message
        self.highest = dict.fromkeys(MAILBOXES, 0)      # of all UIDs that were ever told
        self.pending = None
        self.n_made = 0
        self.n_done = 0
        self.error = None

    def note_uid(self, box, uid):
        assert uid > self.highest[box], 'UID %d in %s is not above %d' % (uid, box, self.highest[box])
        self.highest[box] = uid

    def new_message(self):
        self.n_made += 1
        marker = '%sx%d' % (self.name, self.n_made)
        flags = [f for f in FLAGS if self.random.random() < 0.3]
        return Message(marker, make_message(marker, self.random), flags)

    def run(self, login, stop=lambda: False):
        """Works until the connection breaks or stop() says so; what went wrong otherwise is in .error."""
        client = None
        try:
            client = login()
            box = self.random.choice(MAILBOXES)
            client.select(box)
            while not stop():
                if self.random.random() < 0.1:
                    box = self.random.choice(MAILBOXES)
                    client.select(box)
                self.step(client, box)
                client.clear()
        except (imap.Disconnected, ConnectionError, TimeoutError) as error:
            if isinstance(error, TimeoutError):
                self.error = error
        except BaseException as error:   # noqa: B902 (the thread's error is the test's)
            self.error = error
        finally:
            if client is not None:
                client.close()

    def begin(self, kind, **what):
        self.pending = dict(what, kind=kind)

    def end(self):
        self.pending = None
        self.n_done += 1

    def step(self, client, box):
        r = self.random
        mine = self.there[box]
        some = r.sample(sorted(mine), min(len(mine), r.choice((1, 1, 2, 5)))) if mine else []
        kind = r.random()
        if not some or kind < 0.40 and len(mine) < 40:
            self.append(client, r.choice(MAILBOXES), [self.new_message() for _ in range(r.choice((1, 1, 1, 3)))])
        elif kind < 0.60:
            self.store(client, box, some)
        elif kind < 0.72:
            self.copy(client, box, r.choice(MAILBOXES), some)
        elif kind < 0.82:
            self.copy(client, box, MAILBOXES[1 - MAILBOXES.index(box)], some, move=True)
        elif kind < 0.97:
            self.expunge(client, box, some)
        else:
            client.noop()

    def append(self, client, box, messages):
        parts = ['APPEND', box]
        for message in messages:
            parts += ['(%s)' % ' '.join(sorted(message.flags)), imap.Literal(message.data, sync=False)]
        self.begin('append', box=box, messages=messages)
        result = client.cmd(*parts)
        uids = imap.parse_set(result.code[2])
        assert len(uids) == len(messages)
        for uid, message in zip(uids, messages):
            self.note_uid(box, uid)
            self.there[box][uid] = message
        self.end()

    def store(self, client, box, uids):
        r = self.random
        action = r.choice(('FLAGS', '+FLAGS', '-FLAGS'))
        flags = frozenset(f for f in FLAGS if r.random() < 0.4)
        after = {}
        for uid in uids:
            old = self.there[box][uid].flags
            after[uid] = {'FLAGS': flags, '+FLAGS': old | flags, '-FLAGS': old - flags}[action]
        self.begin('store', box=box, after=after)
        client.store(imap.format_set(uids), action, sorted(flags), uid=True)
        for uid, new in after.items():
            old = self.there[box][uid]
            self.there[box][uid] = Message(old.marker, old.data, new)
        self.end()

    def copy(self, client, box, target, uids, move=False):
        self.begin('move' if move else 'copy', box=box, target=target, uids=list(uids))
        _, sources, targets = client.copy(imap.format_set(uids), target, uid=True, move=move)
        assert sources == sorted(uids) and len(targets) == len(sources)
        for source, uid in zip(sources, targets):
            self.note_uid(target, uid)
            self.there[target][uid] = self.there[box][source]
            if move:
                del self.there[box][source]
        self.end()

    def expunge(self, client, box, uids):
        marked = {uid: self.there[box][uid].flags | {'\\Deleted'} for uid in uids}
        self.begin('store', box=box, after=marked)
        client.store(imap.format_set(uids), '+FLAGS.SILENT', ['\\Deleted'], uid=True)
        for uid, flags in marked.items():
            old = self.there[box][uid]
            self.there[box][uid] = Message(old.marker, old.data, flags)
        self.begin('expunge', box=box, uids=list(uids))
        client.expunge(imap.format_set(uids))
        for uid in uids:
            del self.there[box][uid]
        self.end()


def read_mailbox(client, box):
    """(uidvalidity, uidnext, {uid: (flags, octets)})"""
    opened = client.select(box)
    found = {}
    if opened.exists:
        for seq, got in client.fetch('1:*', '(UID FLAGS BODY.PEEK[])').items():
            assert got['UID'] not in found, 'UID %d twice in %s' % (got['UID'], box)
            found[got['UID']] = (frozenset(got['FLAGS']) - {'\\Recent'}, got['BODY[]'])
    assert len(found) == opened.exists
    return opened.uidvalidity, opened.uidnext, found


def marker_of(octets):
    assert octets.startswith(b'X-Crash: '), 'a message that nobody made: %r' % octets[:200]
    return octets[9:octets.index(b'\r\n')].decode()


def verify(client, workers, uidvalidity):
    """Compares what is there with what the workers know, and lets each worker take over what it finds. uidvalidity: {mailbox:
    number} of the rounds before; filled."""
    found = {}
    for box in MAILBOXES:
        validity, uidnext, found[box] = read_mailbox(client, box)
        assert uidvalidity.setdefault(box, validity) == validity, 'UIDVALIDITY of %s changed' % box
        highest = max([w.highest[box] for w in workers] + list(found[box]))
        assert uidnext > highest, 'UIDNEXT %d of %s: UID %d was given out' % (uidnext, box, highest)
    rest = {box: dict(found[box]) for box in MAILBOXES}

    def take(box, uid, message, flags, why):
        got_flags, octets = rest[box].pop(uid)
        assert octets == message.data, '%s UID %d: other octets (%s)' % (box, uid, why)
        assert got_flags in flags, '%s UID %d: flags %r, expected %r (%s)' % (box, uid, sorted(got_flags), [sorted(f) for f in flags], why)
        return Message(message.marker, message.data, got_flags)

    taken = {worker: {box: {} for box in MAILBOXES} for worker in workers}
    moved = {}
    for worker in workers:
        pending = worker.pending or {'kind': None}
        for box in MAILBOXES:
            for uid, message in worker.there[box].items():
                flags, may_be_gone = [message.flags], False
                if pending['kind'] == 'store' and box == pending['box'] and uid in pending['after']:
                    flags.append(pending['after'][uid])
                if pending['kind'] in ('expunge', 'move') and box == pending['box'] and uid in pending['uids']:
                    may_be_gone = True
                if uid not in rest[box]:
                    assert may_be_gone, 'lost: %s UID %d (%s), acknowledged; pending: %r' % (box, uid, message.marker, pending)
                    if pending['kind'] == 'move':
                        moved.setdefault(worker, []).append(uid)
                    continue
                taken[worker][box][uid] = take(box, uid, message, flags, 'acknowledged')
    # What is left has to come from commands that were on their way, each wholly or not at all.
    for worker in workers:
        pending = worker.pending or {'kind': None}
        if pending['kind'] == 'append':
            box, expected = pending['box'], pending['messages']
        elif pending['kind'] in ('copy', 'move'):
            box = pending['target']
            expected = [worker.there[pending['box']][uid] for uid in sorted(pending['uids'])]
        else:
            continue
        by_marker = {m.marker: m for m in expected}
        came = {uid: by_marker[marker_of(octets)] for uid, (_, octets) in rest[box].items() if marker_of(octets) in by_marker}
        got = sorted((m.marker, sorted(rest[box][uid][0])) for uid, m in came.items())
        if pending['kind'] == 'append':
            assert len({marker for marker, _ in got}) == len(got), 'twice in %s: %r' % (box, got)
            assert len(got) in (0, len(expected)), 'half of an APPEND to %s: %r of %d' % (box, got, len(expected))
        else:
            whole = sorted((m.marker, sorted(m.flags)) for m in expected)
            assert not got or got == whole, 'half of %s to %s: %r instead of %r' % (pending['kind'], box, got, whole)
        if pending['kind'] == 'move':
            assert len(moved.get(worker, [])) == len(came), 'MOVE: %d gone from %s, %d came to %s' % (
                len(moved.get(worker, [])), pending['box'], len(came), box)
        for uid, message in came.items():
            flags = [message.flags] if pending['kind'] == 'append' else [rest[box][uid][0]]
            if pending['kind'] == 'append' and len(expected) == 1:
                flags.append(frozenset(f for f in message.flags if f.startswith('\\')))    # what a file name holds
            taken[worker][box][uid] = take(box, uid, message, flags, pending['kind'])
    for box in MAILBOXES:
        assert not rest[box], '%s has what nobody put there: %r' % (
            box, [(uid, marker_of(octets)) for uid, (_, octets) in rest[box].items()])
    for worker in workers:
        worker.there = taken[worker]
        worker.pending = None
        for box in MAILBOXES:
            worker.highest[box] = max([worker.highest[box]] + list(taken[worker][box]))
    return found


def check_searches(client, workers, r, n=4):
    """Right at once, whatever the index has: one message by a field and by a word, and all."""
    for box in MAILBOXES:
        client.select(box, readonly=True)
        there = {uid: m for w in workers for uid, m in w.there[box].items()}
        assert sorted(client.uid_search('ALL')) == sorted(there)
        markers = sorted({m.marker for m in there.values()})
        for marker in r.sample(markers, min(n, len(markers))):
            uids = sorted(uid for uid, m in there.items() if m.marker == marker)
            assert sorted(client.uid_search('BODY', imap.Quoted('BODY%sWord' % marker))) == uids, (box, marker)
            assert sorted(client.uid_search('HEADER X-Crash', imap.Quoted(marker.upper()))) == sorted(
                uid for uid, m in there.items() if marker in m.marker), (box, marker)
            assert sorted(client.uid_search('TEXT', imap.Quoted('crash: ' + marker), 'UNDRAFT')) == sorted(
                uid for uid, m in there.items() if m.marker.startswith(marker) and '\\Draft' not in m.flags), (box, marker)
