# SPDX-License-Identifier: GPL-3.0-or-later
"""EXPUNGE (RFC 3501 section 6.4.3) and UID EXPUNGE (RFC 4315 section 2.1)."""

import random

import pytest


@pytest.fixture
def six(client):
    for i in range(6):
        client.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    client.select()
    client.sync_uids()
    return client


def test_deleted_messages_go_and_numbers_follow(six):
    six.store('2,5:6', '+FLAGS.SILENT', ['\\Deleted'])
    six.expunge()
    assert six.exists == 3 and six.uids == [1, 3, 4]
    got = six.fetch('1:*', '(UID BODY.PEEK[HEADER.FIELDS (Subject)])')
    assert [got[n]['UID'] for n in (1, 2, 3)] == [1, 3, 4]
    assert got[3]['BODY[HEADER.FIELDS (SUBJECT)]'] == b'Subject: 3\r\n\r\n'


def test_nothing_deleted_nothing_told(six):
    assert six.expunge() == []
    assert six.exists == 6


def test_uid_expunge_takes_only_its_uids(six):
    six.store('1:4', '+FLAGS.SILENT', ['\\Deleted'])
    six.expunge('2:3,5,100')
    assert six.uids == [1, 4, 5, 6]         # 5 is not \Deleted, 100 is not there
    assert '\\Deleted' in six.fetch('1', 'FLAGS')[1]['FLAGS']


@pytest.mark.parametrize('command', ['EXPUNGE 1', 'EXPUNGE ', 'UID EXPUNGE', 'UID EXPUNGE ', 'UID EXPUNGE 0', 'UID EXPUNGE x', 'UID EXPUNGE 1 2'])
def test_wrong_commands_are_bad_and_do_nothing(six, command):
    six.store('1:*', '+FLAGS.SILENT', ['\\Deleted'])
    assert six.cmd(command, ok=False).status == 'BAD'
    six.noop()
    assert six.exists == 6


def test_uids_are_not_used_again(six):
    six.store('1:*', '+FLAGS.SILENT', ['\\Deleted'])
    six.expunge()
    assert six.append('INBOX', b'Subject: new\r\n\r\nx') == 7


def test_other_sessions_learn_it_when_they_may(account):
    a, b = account.connect(), account.connect()
    for i in range(4):
        a.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    a.select()
    b.select()
    b.sync_uids()
    a.store('1,3', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    assert not b.cmd('FETCH 1:4 FLAGS').all('EXPUNGE')
    assert not b.cmd('STORE 2 +FLAGS (x)').all('EXPUNGE')
    assert not b.cmd('SEARCH ALL').all('EXPUNGE')
    b.noop()
    assert b.uids == [2, 4]
    assert 'x' in b.fetch('1', 'FLAGS')[1]['FLAGS']


def test_close_expunges_and_unselect_does_not(six):
    six.store('1', '+FLAGS.SILENT', ['\\Deleted'])
    assert not six.cmd('UNSELECT').all('EXPUNGE')
    assert six.select().exists == 6
    assert not six.cmd('CLOSE').all('EXPUNGE')
    assert six.select().exists == 5


def test_random_sessions_agree_about_numbers(account):
    """Appends, deletions and expunges by three sessions; each one's numbers must name the same messages as its UIDs."""
    r = random.Random(9)
    clients = [account.connect() for _ in range(3)]
    clients[0].append('INBOX', b'Subject: 0\r\n\r\nx')
    for c in clients:
        c.select()
        c.sync_uids()
    for i in range(1, 150):
        c = r.choice(clients)
        action = r.random()
        if action < 0.4:
            c.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
        elif action < 0.7 and c.exists:
            c.store(str(r.randint(1, c.exists)), '+FLAGS' + r.choice(['', '.SILENT']), ['\\Deleted'], uid=False) \
                if r.random() < 0.5 else c.cmd('UID STORE %d +FLAGS (\\Deleted)' % r.choice(c.uids or [1]))
        elif action < 0.8:
            c.expunge()
        else:
            c.noop()
        if c.exists and r.random() < 0.3:
            got = c.fetch('1:*', '(UID)')       # numbers and UIDs as this session sees them
            c.uids = [got[n]['UID'] for n in sorted(got)]
            assert c.uids == sorted(set(c.uids)) and len(c.uids) == c.exists
    final = []
    for c in clients:
        c.noop()
        c.sync_uids() if c.exists else None
        final.append((c.exists, c.uids if c.exists else []))
    assert final[0] == final[1] == final[2]
