# SPDX-License-Identifier: GPL-3.0-or-later
"""From octets to commands: lines, literals, limits, pipelining."""

import socket
import threading
import time

import pytest

from lib.imap import CommandFailed, Disconnected, Literal, Tagged, Untagged


def message(size, fill=b'x'):
    head = b'Subject: framing\r\n\r\n'
    body = (fill * 60 + b'\r\n') * (size // 62 + 1)
    return (head + body)[:size - 2] + b'\r\n'


def memory_of(server):
    with open('/proc/%d/statm' % server.process.pid, encoding='ascii') as f:
        return int(f.read().split()[1]) * 4096


def body_of(client, uid):
    return client.fetch(uid, '(BODY.PEEK[])', uid=True)[uid]['BODY[]']


def read_all(sock):
    out = b''
    while True:
        data = sock.recv(65536)
        if not data:
            return out
        out += data


def test_commands_may_come_octet_by_octet(client):
    client.adopt('x1', 'CREATE')
    for octet in b'x1 CREATE {3+}\r\nabc\r\n':
        client.write(bytes([octet]))
    assert client.wait('x1').status == 'OK'


def test_bare_line_feeds_are_taken(client):
    client.adopt('x1', 'NOOP')
    client.write(b'x1 NOOP\n')
    assert client.wait('x1').status == 'OK'


@pytest.mark.parametrize('sync', [True, False])
@pytest.mark.parametrize('size', [40, 32 * 1024, 32 * 1024 + 1, 300000, 2000000])
def test_append_keeps_every_octet(inbox, size, sync):
    data = message(size)
    assert len(data) == size
    uid = inbox.append('INBOX', data, sync=sync)
    assert body_of(inbox, uid) == data


def test_multiappend_mixes_small_and_large(inbox):
    messages = [message(n, fill) for n, fill in [(50, b'a'), (100000, b'b'), (60, b'c'), (600000, b'd'), (40000, b'e')]]
    parts = ['APPEND', 'INBOX']
    for i, data in enumerate(messages):
        parts.append(Literal(data, sync=i % 2 == 0))
    result = inbox.cmd(*parts)
    assert result.code[0] == 'APPENDUID'
    inbox.noop()
    uids = inbox.sync_uids()[-5:]
    assert [body_of(inbox, uid) for uid in uids] == messages


def test_mailbox_name_of_append_may_be_a_literal(inbox):
    inbox.cmd('APPEND', Literal('INBOX', sync=True), Literal(message(100000), sync=True))
    inbox.cmd('APPEND', Literal('INBOX', sync=False), '(\\Seen)', Literal(message(100000), sync=False))


def test_too_big_message_is_refused_before_it_is_sent(make_server, make_account):
    client = make_account(make_server({'limits': {'append_limit': '100k'}})).connect()
    assert 'APPENDLIMIT=102400' in client.capability()
    with pytest.raises(CommandFailed) as refused:
        client.append('INBOX', message(102401), sync=True)
    assert refused.value.result.status == 'NO' and refused.value.result.has_code('TOOBIG')
    assert client.noop().status == 'OK'
    # Sent without asking: read, thrown away, refused, and the connection goes on.
    result = client.cmd(*client.append_parts('INBOX', message(5000000), sync=False), ok=False)
    assert result.status == 'NO' and result.has_code('TOOBIG')
    # ... also when it is the second one of several, and others follow.
    result = client.cmd('APPEND', 'INBOX', Literal(message(50000), sync=False), Literal(message(200000), sync=False),
                        Literal(message(60), sync=False), ok=False)
    assert result.status == 'NO' and result.has_code('TOOBIG')
    assert client.append('INBOX', message(102400)) is not None
    assert client.status('INBOX')['MESSAGES'] == 1


def test_nothing_is_left_of_a_message_that_did_not_come_whole(server, account):
    client = account.connect()
    for size in (1000, 500000):
        other = account.connect()
        other.write(b'z1 APPEND INBOX {%d+}\r\n' % size + message(size)[:size // 2])
        time.sleep(0.1)
        other.close()
    assert client.status('INBOX')['MESSAGES'] == 0
    end = time.monotonic() + 10
    tmp = server.maildir(account.name) + '/tmp'
    import os
    while os.listdir(tmp) and time.monotonic() < end:
        time.sleep(0.02)
    assert os.listdir(tmp) == []


def test_long_line_before_login_ends_the_connection(server):
    client = server.connect()
    with pytest.raises(Disconnected):
        client.write(b'a LOGIN ' + b'x' * 100000)
        bye = client.read_response()
        assert bye.name == 'BYE'
        client.read_response()


def test_large_literal_before_login_is_refused(server):
    client = server.connect()
    result = client.cmd('LOGIN', Literal(b'x' * 100000, sync=True), 'y', ok=False)
    assert result.status == 'NO'
    assert client.noop().status == 'OK'


def test_long_command_after_login_is_refused_and_the_next_one_is_taken(client):
    result = client.cmd('UID SEARCH UID', ','.join(str(n) for n in range(1, 400000, 2)), ok=False)
    assert result.status == 'BAD'
    assert client.noop().status == 'OK'


def test_long_uid_set_within_the_limit_is_taken(inbox):
    assert inbox.uid_search('UID', ','.join(str(n) for n in range(1, 200000, 2))) == []


def test_pipelined_commands_are_answered_in_order(client):
    tags = ['p%d' % n for n in range(200)]
    for tag in tags:
        client.adopt(tag, 'NOOP')
    client.write(b''.join(b'%s NOOP\r\n' % tag.encode() for tag in tags))
    seen = []
    while len(seen) < len(tags):
        response = client.read_response()
        if isinstance(response, Tagged):
            client._finish(response)
            seen.append(response.tag)
    assert seen == tags


def test_pipelined_login_and_select_see_each_other(server, account):
    client = server.connect()
    client.write(b'l1 LOGIN "%s" "%s"\r\ns1 SELECT INBOX\r\nt1 APPEND INBOX {70000+}\r\n%s\r\nn1 NOOP\r\n'
                 % (account.name.encode(), account.password.encode(), message(70000)))
    for tag in ('l1', 's1', 't1', 'n1'):
        client.adopt(tag)
    assert [client.wait(tag).status for tag in ('l1', 's1', 't1', 'n1')] == ['OK'] * 4
    assert client.exists == 1


def test_client_that_closes_its_side_gets_its_answers(server, account):
    with socket.create_connection(('127.0.0.1', server.port), timeout=30) as sock:
        sock.sendall(b'a LOGIN "%s" "%s"\r\nb STATUS INBOX (MESSAGES)\r\nc NOOP\r\n'
                     % (account.name.encode(), account.password.encode()))
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert b'\r\na OK ' in answer and b'\r\nb OK ' in answer and b'\r\nc OK ' in answer


def test_unfinished_command_at_the_end_is_dropped(server):
    with socket.create_connection(('127.0.0.1', server.port), timeout=30) as sock:
        sock.sendall(b'a CAPABILITY\r\nb CAPAB')
        sock.shutdown(socket.SHUT_WR)
        answer = read_all(sock)
    assert b'a OK' in answer and b'\r\nb ' not in answer


@pytest.mark.parametrize('line', [
    b'', b' ', b'a', b'a ', b' a NOOP', b'a  NOOP', b'a NOOP ', b'a NOOP x', b'a UID', b'a UID ', b'a UID NOOP', b'* NOOP', b'+ NOOP',
    b'a{ NOOP', b'\xff\xfe NOOP', b'a NO\x00OP', b'a NO\xc3\xa9P', b'a LOGIN', b'a SELECT "unclosed', b'a SELECT {5',
    b'a SELECT {-5}', b'a ' + b'X' * 500, b'a' * 500 + b' NOOP', b'a XYZZY (((((', b'a SELECT INBOX\x00'])
def test_rubbish_is_bad_and_the_connection_goes_on(client, line):
    client.write(line + b'\r\n')
    response = client.read_response()
    assert (response.status if isinstance(response, Tagged) else response.name) == 'BAD', response.raw
    assert b'\x00' not in response.raw and max(response.raw) < 0x80
    assert client.noop().status == 'OK'


def test_too_many_errors_in_a_row_end_the_connection(client):
    with pytest.raises(Disconnected):
        for n in range(100):
            client.write(b'e%d XYZZY\r\n' % n)
            client.read_response()
    assert any(u.name == 'BYE' for u in client.untagged)


def test_errors_between_good_commands_do_not(client):
    for _ in range(50):
        assert client.cmd('XYZZY', ok=False).status == 'BAD'
        client.noop()


def test_web_browser_is_sent_away(server):
    with socket.create_connection(('127.0.0.1', server.port), timeout=30) as sock:
        sock.sendall(b'GET / HTTP/1.1\r\nHost: x\r\n' + b'X-Y: z\r\n' * 50 + b'\r\n')
        answer = read_all(sock)
    assert b'* BYE' in answer


@pytest.mark.parametrize('command', [b'APPEND INBOX (\\Seen)', b'APPEND INBOX', b'SEARCH SUBJECT foo', b'APPEND "INBOX"', b'XYZZY x'])
@pytest.mark.parametrize('size', [60, 100000])
def test_literal_without_a_space_before_it_is_bad_and_not_read_as_commands(client, command, size):
    mail = message(size - 40) + b'x1 CREATE stolen\r\nx2 LOGOUT\r\n'
    client.adopt('n1', 'NOOP')
    client.write(b'a1 %s{%d+}\r\n%s\r\nn1 NOOP\r\n' % (command, len(mail), mail))
    bad = client.read_response()
    assert isinstance(bad, Tagged) and bad.tag == 'a1' and bad.status == 'BAD'
    assert client.wait('n1').status == 'OK'
    # Asked whether it may send, a client is told no at once.
    client.write(b'a2 %s{%d}\r\n' % (command, len(mail)))
    bad = client.read_response()
    assert isinstance(bad, Tagged) and bad.tag == 'a2' and bad.status == 'BAD'
    assert client.noop().status == 'OK'
    assert client.status('INBOX')['MESSAGES'] == 0


def test_brace_in_a_quoted_string_is_no_literal(inbox):
    assert inbox.search('SUBJECT "foo {6+}"') == []
    inbox.adopt('n1', 'NOOP')
    inbox.write(b'a1 SEARCH SUBJECT "foo {6+}\r\nn1 NOOP\r\n')
    bad = inbox.read_response()
    assert isinstance(bad, Tagged) and bad.tag == 'a1' and bad.status == 'BAD'
    assert inbox.wait('n1').status == 'OK'


def test_client_that_does_not_read_keeps_nobody_waiting(account, inbox):
    for _ in range(4):
        inbox.append('INBOX', message(1000000))
    slow = account.connect()
    slow.select()
    tags = ['f%d' % n for n in range(10)]
    for tag in tags:
        slow.adopt(tag, 'FETCH')
        slow.write(b'%s FETCH 1:4 BODY.PEEK[]\r\n' % tag.encode())
    time.sleep(0.3)
    for _ in range(50):
        assert inbox.noop().status == 'OK'
    assert all(slow.wait(tag).status == 'OK' for tag in tags)
    assert [u.number for u in slow.untagged if u.name == 'FETCH'] == [1, 2, 3, 4] * len(tags)


def test_commands_of_a_client_that_does_not_read_wait(server, client):
    """256 KiB of answers wait; what it sends on top of that stays in the kernel, and is answered when it reads."""
    n = 100000      # their answers would be more than 30 MB
    sent = b''.join(b'q%d CAPABILITY\r\n' % i for i in range(n))
    sender = threading.Thread(target=client.sock.sendall, args=(sent,))
    before = memory_of(server)
    sender.start()
    time.sleep(0.5)
    with open('/proc/%d/maps' % server.process.pid, encoding='utf-8') as f:
        sanitized = 'libasan' in f.read()       # which keeps what was freed
    assert sanitized or memory_of(server) - before < 8 * 1024 * 1024
    answers, last = bytearray(), b'q%d OK ' % (n - 1)
    while last not in answers[-200:]:
        data = client.sock.recv(1 << 20)
        assert data
        answers += data
    assert answers.count(b' OK CAPABILITY completed\r\n') >= n - 1      # the last may not be whole yet
    sender.join()


def test_answers_do_not_repeat_line_ends_of_the_client(client):
    result = client.cmd('SELECT', Literal(b'no\r\n* BYE such', sync=False), ok=False)
    assert result.status in ('NO', 'BAD')
    assert all(isinstance(u, Untagged) and u.name != 'BYE' for u in client.untagged)
    assert client.noop().status == 'OK'
