# SPDX-License-Identifier: GPL-3.0-or-later
"""IDLE (RFC 2177): news at once, and back to work."""

import os
import shlex
import subprocess
import time

import pytest

from lib import harness
from lib.imap import Disconnected

MAIL = b'From: a@example.org\r\nSubject: news\r\n\r\nhello\r\n'
SOON = 1.0


@pytest.fixture
def idler(account):
    for _ in range(3):
        account.connect().append('INBOX', MAIL)
    client = account.connect()
    client.select()
    client.idle()
    return client


def test_another_sessions_append_is_told_at_once(account, idler):
    other = account.connect()
    for n in range(4, 14):
        start = time.monotonic()
        other.append('INBOX', MAIL)
        assert idler.wait_untagged('EXISTS', timeout=SOON).number == n
        assert time.monotonic() - start < SOON
    assert idler.done().status == 'OK'
    assert len(idler.fetch('1:*', '(UID)')) == 13


def test_flags_and_expunges_are_told_at_once(account, idler):
    other = account.connect()
    other.select()
    other.store(2, '+FLAGS', ['\\Deleted', 'Work'])
    fetch = idler.wait_untagged('FETCH', timeout=SOON, match=lambda u: u.number == 2)
    assert {'\\Deleted', 'Work'} <= set(fetch.args[0]['FLAGS'])
    other.expunge()
    assert idler.wait_untagged('EXPUNGE', timeout=SOON).number == 2
    assert idler.exists == 2
    idler.done()


def test_mail_dropped_by_another_program_is_told_within_a_second(server, account, idler):
    maildir = server.maildir(account.name)
    tmp, new = maildir + '/tmp/1.dropped.x', maildir + '/new/1.dropped.x'
    with open(tmp, 'wb') as f:
        f.write(MAIL.replace(b'\r\n', b'\n'))
    os.rename(tmp, new)
    assert idler.wait_untagged('EXISTS', timeout=SOON).number == 4
    idler.done()
    assert idler.fetch(4, '(BODY.PEEK[])')[4]['BODY[]'] == MAIL


def test_what_came_before_idle_is_told_when_it_begins(account):
    client = account.connect()
    client.select()
    account.connect().append('INBOX', MAIL)
    client.idle()
    if client.exists != 1:
        client.wait_untagged('EXISTS', timeout=SOON)
    assert client.exists == 1
    client.done()


def test_idle_without_a_mailbox(client):
    client.idle()
    assert client.done().status == 'OK'
    assert client.noop().status == 'OK'


def test_done_may_come_with_idle(inbox):
    inbox.adopt('i1', 'IDLE')
    inbox.adopt('n1', 'NOOP')
    inbox.write(b'i1 IDLE\r\nDONE\r\nn1 NOOP\r\n')
    inbox._await_continuation('i1')
    assert inbox.wait('i1').status == 'OK' and inbox.wait('n1').status == 'OK'


def test_done_in_small_letters_and_pieces(idler):
    for octet in b'done\r\n':
        idler.write(bytes([octet]))
    assert idler.wait(idler._idle_tag).status == 'OK'


def test_another_word_ends_idle_with_bad(inbox):
    inbox.idle()
    inbox.write(b'x NOOP\r\n')
    assert inbox.wait(inbox._idle_tag).status == 'BAD'
    assert inbox.noop().status == 'OK'


def test_expunge_of_all_while_idle(account, idler):
    other = account.connect()
    other.select()
    other.store('1:*', '+FLAGS.SILENT', ['\\Deleted'])
    other.expunge()
    while idler.exists > 0:
        idler.wait_untagged('EXPUNGE', timeout=SOON)
    assert idler.done().status == 'OK'


def test_many_idlers_hear_of_it(account):
    clients = [account.connect() for _ in range(20)]
    for client in clients:
        client.select()
        client.idle()
    account.connect().append('INBOX', MAIL)
    for client in clients:
        assert client.wait_untagged('EXISTS', timeout=5).number == 1
    for client in clients:
        assert client.done().status == 'OK'


def test_deleted_mailbox_ends_the_session(account):
    client = account.connect()
    client.create('gone')
    client.select('gone')
    client.idle()
    account.connect().cmd('DELETE', 'gone')
    with pytest.raises(Disconnected):
        client.wait_untagged('BYE', timeout=5)
        while True:
            client.read_response()
    assert any(u.name == 'BYE' for u in client.untagged)


def test_server_that_stops_says_bye_to_idlers(make_server, make_account):
    server = make_server()
    client = make_account(server).connect()
    client.select()
    client.idle()
    start = time.monotonic()
    server.process.terminate()
    client.wait_untagged('BYE', timeout=5)
    with pytest.raises(Disconnected):
        client.read_response()
    server.stop()
    assert time.monotonic() - start < 10


def test_a_vanished_idler_is_forgotten(account, server):
    for _ in range(30):
        client = account.connect()
        client.select()
        client.idle()
        client.close()
    other = account.connect()
    other.append('INBOX', MAIL)
    assert other.status('INBOX')['MESSAGES'] == 1


def test_an_idler_with_nothing_to_hear_is_told_that_the_server_is_there(make_server, make_account):
    client = make_account(make_server({'server': {'idle_keepalive': '1s'}})).connect()
    client.select()
    client.idle()
    for _ in range(2):
        start = time.monotonic()
        told = client.wait_untagged('OK', timeout=20)
        assert told.code is None and time.monotonic() - start > 0.8
    assert client.done().status == 'OK'
    assert client.noop().status == 'OK'


@pytest.fixture(scope='module')
def fast_clock(session_dir):
    target = os.path.join(session_dir, 'fast-clock.so')
    source = os.path.join(harness.SOURCE, 'tests', 'lib', 'fast-clock.c')
    subprocess.run(shlex.split(os.environ.get('CC', 'cc')) + ['-shared', '-fPIC', '-O1', '-o', target, source, '-ldl'], check=True)
    return target


def test_half_an_hour_of_silence_is_the_end_but_not_in_idle(make_server, make_account, fast_clock, monkeypatch):
    """RFC 3501 section 5.4: 30 minutes at least. Here, a second is five minutes."""
    server = make_server(start=False)
    server.preload = fast_clock
    armed = os.path.join(server.root, 'armed')
    monkeypatch.setenv('FAST_CLOCK_SPEED', '300')
    monkeypatch.setenv('FAST_CLOCK_ARMED', armed)
    account = make_account(server.start())
    silent, talks, idles = account.connect(), account.connect(), account.connect()
    for client in (silent, talks, idles):
        client.select()
    idles.idle()
    with open(armed, 'w', encoding='ascii'):
        pass
    start = time.monotonic()
    silent.noop()       # the loop looks at the clock
    while time.monotonic() - start < 5:
        talks.noop()
        time.sleep(0.2)
    silent.noop()       # 25 minutes are no reason
    heard = time.monotonic()
    while time.monotonic() - heard < 7:
        talks.noop()
        time.sleep(0.2)
    with pytest.raises(Disconnected):
        silent.wait_untagged('BYE', timeout=20)
        silent.read_response()
    assert any(u.name == 'BYE' and 'inactivity' in u.text for u in silent.untagged)
    assert talks.noop().status == 'OK'
    assert idles.wait_untagged('OK', timeout=5) and idles.done().status == 'OK'
