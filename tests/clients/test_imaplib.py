# SPDX-License-Identifier: GPL-3.0-or-later
"""Python's imaplib: every command that it has and we offer, in the clear and by TLS."""

import imaplib
import os
import ssl
import time

import pytest

MESSAGE = b'From: a@example.org\r\nSubject: imaplib %d\r\n\r\nword%dimaplib\r\n'


@pytest.fixture(params=['plain', 'starttls', 'tls'])
def session(request, server, account):
    context = ssl.create_default_context(cafile=server.cert)
    if request.param == 'tls':
        m = imaplib.IMAP4_SSL('127.0.0.1', server.tls_port, ssl_context=context, timeout=60)
    else:
        m = imaplib.IMAP4('127.0.0.1', server.port, timeout=60)
        if request.param == 'starttls':
            assert m.starttls(context)[0] == 'OK'
    assert m.login(account.name, account.password)[0] == 'OK'
    yield m
    if m.state != 'LOGOUT':
        m.logout()


def ok(answer):
    assert answer[0] == 'OK', answer
    return answer[1]


def file_count(server, account, folder=''):
    root = server.maildir(account.name, folder)
    return sum(len(os.listdir(os.path.join(root, sub))) for sub in ('cur', 'new'))


def test_every_command(session, server, account):
    m = session
    assert 'IMAP4REV1' in m.capabilities
    assert b'IMAP4rev1' in ok(m.capability())[0]
    ok(m.noop())
    ok(m.create('work'))
    ok(m.create('"with space"'))
    ok(m.rename('"with space"', 'other'))
    assert os.path.isdir(os.path.join(server.maildir(account.name, '.work'), 'cur'))
    assert os.path.isdir(server.maildir(account.name, '.other')) and not os.path.exists(server.maildir(account.name, '.with space'))
    ok(m.subscribe('work'))
    assert b'work' in b' '.join(ok(m.lsub()))
    ok(m.unsubscribe('work'))
    assert b'work' not in b' '.join(x or b'' for x in ok(m.lsub()))
    names = b' '.join(ok(m.list()))
    assert b'INBOX' in names and b'work' in names and b'other' in names
    assert b'"/"' in ok(m.namespace())[0]

    for i in (1, 2, 3):
        ok(m.append('INBOX', '\\Seen' if i == 2 else None, imaplib.Time2Internaldate(1e9 + i), MESSAGE % (i, i)))
    assert file_count(server, account) == 3
    status = ok(m.status('INBOX', '(MESSAGES UNSEEN UIDNEXT)'))[0]
    assert all(item in status for item in (b'MESSAGES 3', b'UNSEEN 2', b'UIDNEXT 4')), status
    assert ok(m.select('INBOX')) == [b'3']
    assert m.response('UIDVALIDITY')[1] != [None]
    ok(m.check())
    assert ok(m.search(None, 'SUBJECT', '"imaplib 2"')) == [b'2']
    assert ok(m.search('UTF-8', 'BODY', 'WORD3')) == [b'3']
    assert ok(m.uid('SEARCH', None, 'OR SEEN TEXT word1')) == [b'1 2']
    m.literal = 'wörd'.encode()
    assert ok(m.search('UTF-8', 'TEXT')) == [b'']
    fetched = ok(m.fetch('2', '(FLAGS BODY.PEEK[])'))
    assert fetched[0][1] == MESSAGE % (2, 2) and b'\\Seen' in fetched[0][0]
    assert ok(m.uid('FETCH', '1:3', '(RFC822.SIZE)'))[2].startswith(b'3 (')
    assert ok(m.fetch('1', '(BODY.PEEK[TEXT]<0.5>)'))[0][1] == b'word1'
    assert b'\\Flagged' in ok(m.store('1:2', '+FLAGS', '(\\Flagged custom)'))[0]
    assert ok(m.search(None, 'KEYWORD custom FLAGGED')) == [b'1 2']
    ok(m.uid('STORE', '3', 'FLAGS.SILENT', '(\\Draft)'))
    assert ok(m.search(None, 'DRAFT')) == [b'3']
    ok(m.copy('1:2', 'work'))
    ok(m.uid('COPY', '3', 'other'))
    assert file_count(server, account, '.work') == 2 and file_count(server, account, '.other') == 1
    ok(m.uid('MOVE', '1', 'other'))
    assert m.response('EXPUNGE')[1] == [b'1']
    assert file_count(server, account) == 2 and file_count(server, account, '.other') == 2
    ok(m.store('1', '+FLAGS', '\\Deleted'))
    assert ok(m.expunge()) == [b'1']
    assert file_count(server, account) == 1
    ok(m.store('1', '+FLAGS', '\\Deleted'))
    ok(m.close())
    assert file_count(server, account) == 0
    assert ok(m.select('work', readonly=True)) == [b'2']
    assert m.store('1', '+FLAGS', '\\Seen')[0] == 'NO'
    ok(m.select('work'))
    ok(m.unselect())
    assert m.state == 'AUTH'
    ok(m.enable('X-NO-SUCH-EXTENSION'))
    ok(m.select('work'))
    imaplib.Commands.setdefault('ID', ('NONAUTH', 'AUTH', 'SELECTED'))
    ok(m.xatom('ID', 'NIL'))
    ok(m.delete('other'))
    assert not os.path.exists(server.maildir(account.name, '.other'))
    assert m.logout()[0] == 'BYE'


def test_authenticate_plain(server, account):
    m = imaplib.IMAP4('127.0.0.1', server.port, timeout=60)
    ok(m.authenticate('PLAIN', lambda challenge: b'\0%s\0%s' % (account.name.encode(), account.password.encode())))
    assert m.state == 'AUTH'
    m.logout()


def test_refusals_are_exceptions_and_the_connection_lives(session):
    m = session
    with pytest.raises(imaplib.IMAP4.error):
        m.login('again', 'x')
    assert m.select('missing')[0] == 'NO'
    m.select('INBOX')
    assert m.create('INBOX')[0] == 'NO'
    with pytest.raises(imaplib.IMAP4.error):
        m.search(None, 'NO-SUCH-KEY')
    answer = m.uid('SEARCH', 'CHARSET', 'KOI8-R', 'TEXT', 'x')
    assert answer[0] == 'NO'
    with pytest.raises(imaplib.IMAP4.error):
        m.copy('1', 'INBOX')        # there is no message 1
    ok(m.noop())


def test_idle_by_hand(session, account):
    m = session
    m.select('INBOX')
    other = account.connect()
    m.send(b'x1 IDLE\r\n')
    assert m.readline().startswith(b'+')
    other.append('INBOX', MESSAGE % (9, 9))
    begun = time.monotonic()
    while b'EXISTS' not in m.readline():
        assert time.monotonic() - begun < 10
    m.send(b'DONE\r\n')
    while not m.readline().startswith(b'x1 OK'):
        pass
