# SPDX-License-Identifier: GPL-3.0-or-later
"""APPEND (RFC 3501 section 6.3.11), MULTIAPPEND (RFC 3502), APPENDUID (RFC 4315), APPENDLIMIT (RFC 7889)."""

import os
import threading

import pytest

from lib.imap import CommandFailed, Literal

MESSAGE = b'From: joe@example.org\r\nSubject: one\r\n\r\nbody\r\n'


def append(client, *parts, mailbox='INBOX'):
    return client.cmd('APPEND', mailbox, *parts, ok=False)


@pytest.mark.parametrize('sync', [True, False])
@pytest.mark.parametrize('size', [1, 100, 100000, 3000000])
def test_octets_come_back_as_they_were(client, sync, size):
    message = (b'Subject: x\r\n\r\n' + b'0123456789abcde\r\n' * (size // 17 + 1))[:size].rstrip(b'\r') or b'x'
    assert client.append('INBOX', message, sync=sync) == 1
    client.select()
    assert client.fetch('1', '(RFC822.SIZE BODY.PEEK[])')[1] == {'RFC822.SIZE': len(message), 'BODY[]': message}


def test_lone_line_feeds_become_line_ends(inbox):
    inbox.append('INBOX', b'Subject: x\n\none\r\ntwo\n')
    inbox.noop()
    assert inbox.fetch('1', '(RFC822.SIZE BODY.PEEK[])')[1] == {'RFC822.SIZE': 24, 'BODY[]': b'Subject: x\r\n\r\none\r\ntwo\r\n'}


def test_flags_and_date_are_set(inbox):
    inbox.append('INBOX', MESSAGE, flags=['\\Seen', '\\Draft', '$Work', 'x'], date=' 7-Feb-1994 22:43:04 -0800')
    inbox.noop()
    got = inbox.fetch('1', '(FLAGS INTERNALDATE)')[1]
    assert set(got['FLAGS']) == {'\\Seen', '\\Draft', '$Work', 'x', '\\Recent'}
    assert got['INTERNALDATE'] == b' 7-Feb-1994 22:43:04 -0800'


def test_appenduid_is_the_uid(client):
    for expected in (1, 2):
        result = append(client, Literal(MESSAGE))
        assert result.status == 'OK'
        assert result.code[:1] + result.code[2:] == ['APPENDUID', expected]
        assert result.code[1] == client.status('INBOX')['UIDVALIDITY']


def test_the_selected_mailbox_is_told_before_the_answer(account):
    a, b = account.connect(), account.connect()
    a.select()
    b.select()
    assert append(a, Literal(MESSAGE)).one('EXISTS').number == 1
    assert b.noop().one('EXISTS').number == 1


def test_several_messages_at_once(client):
    big = b'Subject: big\r\n\r\n' + b'x' * 500000
    result = append(client, '(\\Seen)', '"17-Jul-1996 02:44:25 -0700"', Literal(MESSAGE), Literal(big), '(\\Flagged k)', Literal(MESSAGE, sync=False),
                    '" 1-Jan-2000 00:00:00 +0000"', Literal(b'x'))
    assert result.status == 'OK' and result.code[2] == '1:4'
    client.select()
    got = client.fetch('1:*', '(FLAGS INTERNALDATE BODY.PEEK[])')
    assert [got[n]['BODY[]'] for n in (1, 2, 3, 4)] == [MESSAGE, big, MESSAGE, b'x']
    assert [set(got[n]['FLAGS']) - {'\\Recent'} for n in (1, 2, 3, 4)] == [{'\\Seen'}, set(), {'\\Flagged', 'k'}, set()]
    assert got[1]['INTERNALDATE'] == b'17-Jul-1996 02:44:25 -0700'
    assert got[4]['INTERNALDATE'] == b' 1-Jan-2000 00:00:00 +0000'


@pytest.mark.parametrize('second', [[Literal(b'')], [Literal(b'a\0b')], ['(\\Foo)', Literal(b'x')], ['"x"', Literal(b'x')], ['x', Literal(b'x')]])
@pytest.mark.parametrize('size', [10, 500000])
def test_all_or_none(client, second, size):
    with_first = [Literal(b'x' * size, sync=False)] + [p if not isinstance(p, Literal) else Literal(p.data, sync=False) for p in second]
    assert append(client, *with_first).status in ('NO', 'BAD')
    assert client.status('INBOX')['MESSAGES'] == 0
    assert append(client, Literal(MESSAGE)).code[2] == 1


@pytest.mark.parametrize('size', [200, 300000])
def test_many_messages_take_few_descriptors(own_server, make_account, size):
    account = make_account(own_server)
    client = account.connect()
    folder = '/proc/%d/fd' % own_server.process.pid
    messages = [b'Subject: %d\r\n\r\n' % i + b'x' * size for i in range(200)]
    before, most, done = len(os.listdir(folder)), 0, threading.Event()

    def count():
        nonlocal most
        while not done.is_set():
            most = max(most, len(os.listdir(folder)))
    counter = threading.Thread(target=count)
    counter.start()
    try:
        client.cmd('APPEND INBOX', *[Literal(message) for message in messages])
    finally:
        done.set()
        counter.join()
    assert most - before < 110, '%d descriptors for 200 messages' % (most - before)
    assert client.select().exists == 200
    got = client.fetch('1,64:66,129,200', '(BODY.PEEK[])')
    assert all(items['BODY[]'] == messages[n - 1] for n, items in got.items())
    assert os.listdir(os.path.join(own_server.maildir(account.name), 'tmp')) == []


def test_an_empty_message_cancels(client):
    result = append(client, Literal(b''))
    assert result.status == 'NO' and 'empty' in result.text        # RFC 3502 section 6.3.11


@pytest.mark.parametrize('size', [10, 500000])
def test_nul_is_refused_clearly(client, size):
    result = append(client, Literal(b'Subject: x\r\n\r\n\0' + b'x' * size))
    assert result.status in ('NO', 'BAD') and 'NUL' in result.text
    assert client.status('INBOX')['MESSAGES'] == 0


def test_literal8_needs_binary(client):
    result = append(client, Literal(MESSAGE, binary=True, sync=False))
    assert result.status == 'BAD' and 'BINARY' in result.text
    assert client.status('INBOX')['MESSAGES'] == 0


@pytest.mark.parametrize('size', [10, 500000])
def test_a_missing_mailbox_can_be_created(client, size):
    result = append(client, Literal(b'x' * size, sync=False), mailbox='"no such"')
    assert result.status == 'NO' and result.has_code('TRYCREATE')
    client.create('no such')
    assert append(client, Literal(b'x' * size, sync=False), mailbox='"no such"').status == 'OK'


def test_the_mailbox_name_may_be_a_literal(client):
    assert append(client, Literal(MESSAGE), mailbox=Literal(b'inbox')).status == 'OK'
    assert client.status('INBOX')['MESSAGES'] == 1


@pytest.mark.parametrize('command', [
    'APPEND', 'APPEND INBOX', 'APPEND INBOX ', 'APPEND INBOX x', 'APPEND INBOX "x"', 'APPEND INBOX (\\Seen)', 'APPEND INBOX (\\Seen {1+}\r\nx',
    'APPEND INBOX (\\Recent) {1+}\r\nx', 'APPEND INBOX (\\Seen){1}', 'APPEND INBOX  {1+}\r\nx', 'APPEND INBOX {1+}\r\nxy', 'APPEND INBOX {1+}\r\nx ',
    'APPEND INBOX "32-Jan-2000 00:00:00 +0000" {1+}\r\nx', 'APPEND INBOX "1-Jan-2000" {1+}\r\nx', 'APPEND INBOX "01-Jan-2000 00:00:00 +0000" (\\Seen) {1+}\r\nx',
    'APPEND INBOX NIL {1+}\r\nx', 'APPEND R&D {1+}\r\nx', 'APPEND {5+}\r\nINBOX',
])
def test_wrong_commands_are_bad(client, command):
    result = client.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10
    assert client.noop().status == 'OK'
    assert client.status('INBOX')['MESSAGES'] == 0


def test_too_large_messages_are_refused_before_they_come(make_server, make_account):
    server = make_server(settings={'limits': {'append_limit': '64k'}})
    client = make_account(server).connect()
    assert 'APPENDLIMIT=65536' in client.capability()
    assert client.status('INBOX', '(APPENDLIMIT)') == {'APPENDLIMIT': 65536}
    with pytest.raises(CommandFailed) as failed:
        client.cmd('APPEND INBOX', Literal(b'x' * 65537))
    assert failed.value.result.status == 'NO' and failed.value.result.has_code('TOOBIG')
    result = client.cmd('APPEND INBOX', Literal(b'x' * 65537, sync=False), ok=False)
    assert result.status == 'NO' and result.has_code('TOOBIG')
    assert client.append('INBOX', b'x' * 65536) == 1


def test_nothing_is_left_behind(server, account):
    client = account.connect()
    append(client, Literal(b'x' * 500000, sync=False), Literal(b'', sync=False))
    append(client, Literal(b'x' * 500000, sync=False), mailbox='nowhere')
    append(client, '(\\Foo)', Literal(b'x' * 500000, sync=False))
    client.write(b'x1 APPEND INBOX {1000000+}\r\n' + b'x' * 600000)
    client.close()
    other = account.connect()
    other.append('INBOX', MESSAGE)
    assert other.status('INBOX')['MESSAGES'] == 1
    tmp = os.path.join(server.maildir(account.name), 'tmp')
    for _ in range(100):
        if not os.listdir(tmp):
            break
        other.noop()
    assert os.listdir(tmp) == []
