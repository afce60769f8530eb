# SPDX-License-Identifier: GPL-3.0-or-later
"""COPY (RFC 3501 section 6.4.7), MOVE (RFC 6851), COPYUID (RFC 4315)."""

import pytest


@pytest.fixture
def four(client):
    for i in range(4):
        client.append('INBOX', b'Subject: %d\r\n\r\nx' % i, flags=['\\Seen', 'k%d' % i], date='%2d-Jan-2020 10:00:00 +0130' % (i + 1))
    client.create('there')
    client.select()
    return client


def contents(client, mailbox):
    """(subject octets, flags, date) of each message, in order."""
    other = client
    other.select(mailbox)
    if not other.exists:
        return []
    got = other.fetch('1:*', '(FLAGS INTERNALDATE BODY.PEEK[])')
    return [(got[n]['BODY[]'], set(got[n]['FLAGS']) - {'\\Recent'}, got[n]['INTERNALDATE']) for n in sorted(got)]


def message(i):
    return b'Subject: %d\r\n\r\nx' % i, {'\\Seen', 'k%d' % i}, b'%2d-Jan-2020 10:00:00 +0130' % (i + 1)


@pytest.mark.parametrize('uid', [False, True])
def test_copies_have_flags_and_dates(four, uid):
    validity = four.status('there', '(UIDVALIDITY)')['UIDVALIDITY']
    assert four.copy('2:3', 'there', uid=uid) == (validity, [2, 3], [1, 2])
    assert four.exists == 4
    assert contents(four, 'there') == [message(1), message(2)]


@pytest.mark.parametrize('uid', [False, True])
def test_moved_messages_go(four, uid):
    validity = four.status('there', '(UIDVALIDITY)')['UIDVALIDITY']
    result = four.cmd('UID MOVE' if uid else 'MOVE', '2,4', 'there')
    names = [u.name for u in result.untagged]
    code = result.all('OK')[0].code
    assert code[0] == 'COPYUID' and code[1:] == [validity, '2,4', '1:2']
    assert names.index('OK') < names.index('EXPUNGE')       # RFC 6851 section 4.3
    assert sorted(u.number for u in result.all('EXPUNGE')) in ([2, 3], [2, 4])
    assert result.code is None or result.code[0] != 'COPYUID'
    assert four.exists == 2
    assert contents(four, 'there') == [message(1), message(3)]
    assert contents(four, 'INBOX') == [message(0), message(2)]


def test_copy_into_the_same_mailbox(four):
    assert four.copy('1', 'INBOX')[1:] == ([1], [5])
    four.noop()
    assert four.exists == 5


def test_the_order_of_the_set_does_not_matter(four):
    assert four.copy('4,1:2', 'there')[1:] == ([1, 2, 4], [1, 2, 3])
    assert contents(four, 'there') == [message(0), message(1), message(3)]


def test_copies_are_recent_in_their_mailbox(four):
    four.copy('1:2', 'there')
    assert four.status('there', '(RECENT MESSAGES UNSEEN)') == {'RECENT': 2, 'MESSAGES': 2, 'UNSEEN': 0}


@pytest.mark.parametrize('command', ['COPY', 'MOVE', 'UID COPY', 'UID MOVE'])
def test_a_missing_target_can_be_created(four, command):
    result = four.cmd(command, '1 "no such"', ok=False)
    assert result.status == 'NO' and result.has_code('TRYCREATE')
    assert four.noop().status == 'OK' and four.exists == 4


@pytest.mark.parametrize('command', [
    'COPY', 'COPY 1', 'COPY 1 ', 'COPY 1 there x', 'COPY 0 there', 'COPY 5 there', 'COPY 1:5 there', 'COPY x there', 'COPY 1 "there',
    'COPY  1 there', 'COPY 1 R&D', 'MOVE 5 there', 'MOVE 1', 'UID COPY 0 there', 'UID MOVE', 'COPY 1 %',
])
def test_wrong_commands_are_bad_and_do_nothing(four, command):
    result = four.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10
    assert four.status('there', '(MESSAGES)') == {'MESSAGES': 0}
    assert four.exists == 4


@pytest.mark.parametrize('command', ['UID COPY', 'UID MOVE'])
def test_uids_that_are_not_there_are_no_error(four, command):
    result = four.cmd(command, '50:60 there')
    assert result.status == 'OK' and not result.has_code('COPYUID') and not result.all('EXPUNGE')


def test_expunged_messages_are_not_copied(account):
    a, b = account.connect(), account.connect()
    for i in range(3):
        a.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    a.create('there')
    a.select()
    b.select()
    a.store('2', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    assert b.copy('1:3', 'there')[1:] == ([1, 3], [1, 2])


def test_other_sessions_are_told_of_both(account):
    a, b, c = account.connect(), account.connect(), account.connect()
    a.create('there')
    a.append('INBOX', b'Subject: x\r\n\r\nx')
    a.append('INBOX', b'Subject: y\r\n\r\nx')
    a.select()
    b.select()
    c.select('there')
    a.copy('1', 'there', move=True)
    assert [u.number for u in b.noop().all('EXPUNGE')] == [1]
    assert c.noop().one('EXISTS').number == 1


def test_many_messages(client):
    client.create('there')
    client.append('INBOX', b'Subject: x\r\n\r\nx')
    client.select()
    for _ in range(10):
        client.cmd('COPY 1:* INBOX')
    client.noop()
    n = client.exists
    assert n == 1024
    assert client.copy('1:*', 'there', move=True)[1:] == (list(range(1, n + 1)), list(range(1, n + 1)))
    assert client.exists == 0
    assert client.status('there', '(MESSAGES)') == {'MESSAGES': n}
