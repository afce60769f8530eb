# SPDX-License-Identifier: GPL-3.0-or-later
"""Several sessions on one mailbox: each is told of the others' work, in time and with the right numbers."""

import random
import time

import pytest

from lib.imap import CommandFailed, Disconnected, format_set, parse_set


def mail(n):
    return b'From: a@example.org\r\nSubject: number %d\r\n\r\nbody %d\r\n' % (n, n)


class Follower:
    """A client that keeps a copy of the mailbox by what it is told alone: UIDs by position, and flags by UID."""

    def __init__(self, client):
        self.client = client
        client.select()
        self.uids = list(client.sync_uids())
        self.flags = self.state()
        client.clear()

    def follow(self, result):
        """Takes in what a command has brought, in its order; of new messages it asks for UID and flags."""
        for u in result.untagged:
            if u.name == 'EXPUNGE':
                self.flags.pop(self.uids.pop(u.number - 1), None)
            elif u.name == 'EXISTS':
                assert u.number >= len(self.uids)
                self.uids += [None] * (u.number - len(self.uids))
            elif u.name == 'FETCH':
                items, known = u.args[0], self.uids[u.number - 1]
                uid = items.get('UID', known)
                assert known in (None, uid), 'number %d is UID %s, told as %s' % (u.number, known, uid)
                self.uids[u.number - 1] = uid
                if uid is not None and 'FLAGS' in items:
                    self.flags[uid] = set(items['FLAGS']) - {'\\Recent'}
        if None in self.uids:
            first = self.uids.index(None) + 1
            self.follow(self.client.cmd('FETCH', '%d:%d' % (first, len(self.uids)), '(UID FLAGS)'))

    def state(self):
        """What the server says now."""
        got = self.client.fetch('1:*', '(UID FLAGS)') if self.client.exists else {}
        return {item['UID']: set(item['FLAGS']) - {'\\Recent'} for item in got.values()}


@pytest.fixture
def filled(account):
    client = account.connect()
    for n in range(1, 11):
        client.append('INBOX', mail(n))
    client.logout()
    return account


def two(account):
    a, b = account.connect(), account.connect()
    a.select()
    b.select()
    return a, b


def test_append_is_told_with_the_next_command(filled):
    a, b = two(filled)
    a.append('INBOX', mail(11))
    assert a.exists == 11
    assert b.exists == 10
    result = b.noop()
    assert result.one('EXISTS').number == 11
    assert not b.noop().untagged


def recent(client):
    return {n for n, items in client.fetch('1:*', '(FLAGS)').items() if '\\Recent' in items['FLAGS']}


def test_a_message_is_recent_in_one_session_only(account):
    """RFC 3501 section 2.3.2."""
    c, a = account.connect(), account.connect()
    c.append('INBOX', mail(1))
    a.select()
    assert recent(a) == {1}
    c.append('INBOX', mail(2))
    b = account.connect()
    b.select()
    c.append('INBOX', mail(3))
    assert a.noop().one('RECENT').number == 2       # 1 and 3; 2 came to b first
    assert a.search('RECENT') == [1, 3] and a.search('NEW') == [1, 3] and a.search('OLD') == [2]
    b.noop()
    assert recent(b) == {2} and b.search('RECENT') == [2]
    assert recent(a) == {1, 3}
    c.append('INBOX', mail(4))
    examiner = account.connect()
    examiner.select(readonly=True)
    b.noop()
    a.noop()
    assert recent(b) == {2, 4} and recent(a) == {1, 3}
    c.select()
    assert recent(c) == set()


def test_expunge_is_told_highest_first_and_not_during_fetch(filled):
    a, b = two(filled)
    a.store('2,4,6:8', '+FLAGS.SILENT', ['\\Deleted'])
    assert a.expunge() == [8, 7, 6, 4, 2]
    # By number: the old numbers hold, and expunged messages keep theirs.
    for command in ('FETCH 10 (UID)', 'SEARCH ALL', 'STORE 10 +FLAGS (\\Seen)'):
        result = b.cmd(command)
        assert not result.all('EXPUNGE')
    assert b.fetch(10, '(UID)')[10]['UID'] == 10
    assert [u.number for u in b.noop().all('EXPUNGE')] == [8, 7, 6, 4, 2]
    assert b.exists == 5
    assert [b.fetch(n, '(UID)')[n]['UID'] for n in range(1, 6)] == [1, 3, 5, 9, 10]


def test_uid_commands_may_tell_of_expunges(filled):
    a, b = two(filled)
    a.store('1', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    result = b.cmd('UID SEARCH ALL')
    assert b.exists == 10 - len(result.all('EXPUNGE'))
    assert result.one('SEARCH').args in (list(range(1, 11)), list(range(2, 11)))


def test_numbers_hold_when_mail_comes_and_goes_at_once(filled):
    a, b = two(filled)
    a.store('1:3', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    a.append('INBOX', mail(11))
    a.append('INBOX', mail(12))
    b.cmd('FETCH 10 (UID)')         # tells of the new ones, behind the ten that are still counted
    assert b.exists == 12
    assert b.fetch('11:12', '(UID)') == {11: {'UID': 11}, 12: {'UID': 12}}
    b.noop()
    assert b.exists == 9
    assert b.sync_uids() == list(range(4, 13))


def test_message_that_came_and_went_is_never_told(filled):
    a, b = two(filled)
    a.append('INBOX', mail(11))
    a.store('11', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    assert not b.noop().all('EXPUNGE')
    assert b.exists == 10


def test_flags_are_told_once(filled):
    a, b = two(filled)
    a.store('3:4', '+FLAGS', ['\\Flagged', 'Work'])
    result = b.noop()
    told = {u.number: set(u.args[0]['FLAGS']) for u in result.all('FETCH')}
    assert set(told) == {3, 4} and all({'\\Flagged', 'Work'} <= flags for flags in told.values())
    assert 'Work' in result.one('FLAGS').args[0]    # a new keyword is announced
    assert not b.noop().untagged
    assert not a.noop().all('FETCH')                # who did it was told in its own command


def test_silent_store_is_told_to_others_only(filled):
    a, b = two(filled)
    result = a.store('5', '+FLAGS.SILENT', ['\\Seen'])
    assert not result.all('FETCH')
    assert not a.noop().all('FETCH')
    assert [u.number for u in b.noop().all('FETCH')] == [5]


def test_uid_command_tells_the_uid_with_flags(filled):
    a, b = two(filled)
    a.store('5', '+FLAGS', ['\\Seen'])
    news = b.cmd('UID SEARCH ALL').all('FETCH')
    assert [(u.number, u.args[0].get('UID')) for u in news] == [(5, 5)]


def test_numbers_beyond_the_end_are_bad_and_uids_are_not(filled):
    a = filled.connect()
    a.select()
    for command in ('FETCH 11 FLAGS', 'FETCH 1:11 FLAGS', 'FETCH 0 FLAGS', 'STORE 11 FLAGS ()', 'COPY 11 INBOX', 'FETCH 1,,2 FLAGS',
                    'FETCH 1: FLAGS', 'FETCH 4294967296 FLAGS', 'UID FETCH 0 FLAGS', 'UID FETCH 4294967296 FLAGS', 'FETCH -1 FLAGS'):
        assert a.cmd(command, ok=False).status == 'BAD', command
    assert not a.cmd('UID FETCH 11:20 FLAGS').all('FETCH')
    assert [u.number for u in a.cmd('UID FETCH 11:* FLAGS').all('FETCH')] == [10]   # RFC 3501: "*" is 10, and 10:11 is 11:10
    assert [u.number for u in a.cmd('FETCH *:9 FLAGS').all('FETCH')] == [9, 10]


def test_set_with_a_star_in_an_empty_mailbox_is_empty(client):
    client.select()
    assert not client.cmd('UID FETCH 1:* FLAGS').all('FETCH')
    assert not client.cmd('FETCH 1:* FLAGS').all('FETCH')


def test_expunged_message_can_be_read_no_more_but_the_session_goes_on(filled):
    a, b = two(filled)
    a.store('5', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    result = b.cmd('FETCH 4:6 (UID BODY.PEEK[])', ok=False)
    assert result.status in ('OK', 'NO')
    if result.status == 'NO':
        assert result.has_code('EXPUNGEISSUED')
    assert b.fetch(6, '(BODY.PEEK[])')[6]['BODY[]'] == mail(6)
    b.noop()
    assert b.fetch(5, '(BODY.PEEK[])')[5]['BODY[]'] == mail(6)


def test_deleted_mailbox_says_bye(account):
    a, b = account.connect(), account.connect()
    a.create('box')
    b.select('box')
    a.cmd('DELETE', 'box')
    with pytest.raises(Disconnected):
        for _ in range(10):
            b.noop()
    assert any(u.name == 'BYE' for u in b.untagged)


def test_renamed_mailbox_stays_selected(account):
    a, b = account.connect(), account.connect()
    a.create('box')
    a.append('box', mail(1))
    b.select('box')
    a.cmd('RENAME', 'box', 'other')
    a.append('other', mail(2))
    b.noop()
    assert b.exists == 2
    assert b.fetch(2, '(BODY.PEEK[])')[2]['BODY[]'] == mail(2)


@pytest.mark.parametrize('seed', range(4))
def test_sessions_that_do_random_things_agree(account, seed):
    """Three sessions at random; each must know, by what it was told, what a session that comes new is shown."""
    rng = random.Random(seed)
    starter = account.connect()
    for n in range(20):
        starter.append('INBOX', mail(n))
    followers = [Follower(account.connect()) for _ in range(3)]
    for step in range(250):
        follower = rng.choice(followers)
        c = follower.client
        what = rng.choice(['append', 'store', 'store', 'delete', 'expunge', 'noop', 'fetch', 'search', 'uidsearch', 'copy', 'move'])
        c.clear()
        numbers = format_set(rng.sample(range(1, c.exists + 1), min(c.exists, rng.randint(1, 4)))) if c.exists else None
        if what == 'append':
            result = c.cmd(*c.append_parts('INBOX', mail(1000 + step), flags=rng.choice([None, ['\\Seen'], ['kw%d' % rng.randint(1, 5)]])))
        elif what == 'noop' or numbers is None:
            result = c.noop()
        elif what == 'store':
            uid = rng.random() < 0.5
            target = rng.sample(follower.uids, min(len(follower.uids), 3)) if uid else None
            action = rng.choice(['+FLAGS', '-FLAGS', 'FLAGS'])
            # NO [EXPUNGEISSUED] where another session has expunged one of them: the rest is done.
            result = c.cmd('UID STORE' if uid else 'STORE', format_set(target) if uid else numbers, action,
                           '(%s)' % ' '.join(rng.sample(['\\Seen', '\\Flagged', 'kw1', 'kw2'], 2)), ok=False)
            assert result.status == 'OK' or result.has_code('EXPUNGEISSUED')
        elif what == 'delete':
            silent = rng.random() < 0.5
            targets = [follower.uids[n - 1] for n in parse_set(numbers)]
            result = c.cmd('STORE', numbers, '+FLAGS%s (\\Deleted)' % ('.SILENT' if silent else ''), ok=False)
            if silent:      # what the client did itself it knows
                for uid in targets:
                    follower.flags[uid] = follower.flags[uid] | {'\\Deleted'}
            assert result.status == 'OK' or result.has_code('EXPUNGEISSUED')
        elif what == 'expunge':
            result = c.cmd('EXPUNGE')
        elif what == 'fetch':
            known = list(follower.uids)
            result = c.cmd('FETCH', numbers, '(UID)')
            for u in result.all('FETCH'):
                if 'UID' in u.args[0] and u.number <= len(known):
                    assert u.args[0]['UID'] == known[u.number - 1]
        elif what == 'search':
            known = list(follower.uids)
            result = c.cmd('SEARCH', 'UID', known[-1])
            assert result.one('SEARCH').args in ([len(known)], [])
        elif what == 'uidsearch':
            result = c.cmd('UID SEARCH ALL')
        else:
            result = c.cmd('COPY' if what == 'copy' else 'MOVE', numbers, 'INBOX', ok=False)
            assert result.status in ('OK', 'NO')
        follower.follow(result)
    fresh = Follower(account.connect())
    for follower in followers:
        follower.follow(follower.client.noop())
        assert follower.uids == fresh.uids
        assert follower.flags == fresh.flags
        assert not follower.client.noop().untagged


def test_server_that_stops_lets_commands_finish(make_server, make_account):
    server = make_server()
    account = make_account(server)
    clients = [account.connect() for _ in range(4)]
    for client in clients:
        client.select()
    tags = [client.send(*client.append_parts('INBOX', mail(n))) for n, client in enumerate(clients)]
    answers = [client.wait(tag) for client, tag in zip(clients, tags)]
    server.process.terminate()
    for client in clients:
        with pytest.raises((Disconnected, CommandFailed)):
            while True:
                client.read_response(timeout=20)
        assert client.untagged[-1].name == 'BYE'
    server.stop()
    server.start()
    assert account.connect().select().exists == sum(answer.status == 'OK' for answer in answers) == 4


def test_session_is_logged_with_user_and_address(server, account):
    client = account.connect()
    client.logout()
    end = time.monotonic() + 5
    while True:
        lines = [line for line in server.log_text().splitlines() if 'user=%s ' % account.name in line]
        events = [word for line in lines for word in line.split() if word.startswith('event=')]
        if 'event=session.end' in events:
            break
        assert time.monotonic() < end
        time.sleep(0.02)
    assert 'event=login.ok' in events
    assert all('peer=127.0.0.1' in line for line in lines if 'event=login.ok' in line or 'event=session.end' in line)
