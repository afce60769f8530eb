# SPDX-License-Identifier: GPL-3.0-or-later
"""Which command is valid when (RFC 3501 section 3), and the small commands of connection and session."""

import pytest

from lib.imap import CommandFailed, Disconnected

AUTHENTICATED = ['SELECT INBOX', 'EXAMINE INBOX', 'CREATE x', 'DELETE x', 'RENAME x y', 'SUBSCRIBE x', 'UNSUBSCRIBE x', 'LIST "" *',
                 'LSUB "" *', 'STATUS INBOX (MESSAGES)', 'APPEND INBOX {1+}\r\nx', 'IDLE', 'NAMESPACE', 'ENABLE CONDSTORE']
SELECTED = ['CHECK', 'CLOSE', 'UNSELECT', 'EXPUNGE', 'SEARCH ALL', 'FETCH 1 FLAGS', 'STORE 1 FLAGS ()', 'COPY 1 INBOX', 'MOVE 1 INBOX',
            'UID FETCH 1 FLAGS', 'UID SEARCH ALL', 'UID STORE 1 FLAGS ()', 'UID COPY 1 INBOX', 'UID MOVE 1 INBOX', 'UID EXPUNGE 1']
CAPABILITIES = ['IMAP4REV1', 'LITERAL+', 'SASL-IR', 'ID', 'ENABLE', 'IDLE', 'UIDPLUS', 'UNSELECT', 'MOVE', 'NAMESPACE', 'MULTIAPPEND',
                'CHILDREN', 'SPECIAL-USE', 'ESEARCH', 'STATUS=SIZE', 'APPENDLIMIT=52428800']


@pytest.mark.parametrize('command', AUTHENTICATED + SELECTED)
def test_not_before_login(server, command):
    client = server.connect()
    result = client.cmd(command, ok=False)
    assert result.status == 'BAD' and 'login' in result.text
    assert client.noop().status == 'OK'


@pytest.mark.parametrize('command', SELECTED)
def test_not_without_a_mailbox(client, command):
    assert client.cmd(command, ok=False).status == 'BAD'
    client.select()
    client.cmd('UNSELECT')
    assert client.cmd(command, ok=False).status == 'BAD'


@pytest.mark.parametrize('command', ['LOGIN x y', 'AUTHENTICATE PLAIN', 'STARTTLS'])
def test_not_after_login(client, command):
    assert client.cmd(command, ok=False).status == 'BAD'
    client.select()
    assert client.cmd(command, ok=False).status == 'BAD'


@pytest.mark.parametrize('command', ['STORE 1 +FLAGS (\\Seen)', 'UID STORE 1 FLAGS ()', 'EXPUNGE', 'UID EXPUNGE 1', 'MOVE 1 x', 'UID MOVE 1 x'])
def test_examined_mailbox_is_not_written(client, command):
    client.append('INBOX', b'Subject: x\r\n\r\n', flags=['\\Deleted'])
    client.create('x')
    box = client.select(readonly=True)
    assert box.readonly and box.permanentflags == []
    result = client.cmd(command, ok=False)
    assert result.status == 'NO' and result.has_code('READ-ONLY')
    client.cmd('CLOSE')     # does not expunge
    assert client.select().exists == 1


def test_capability_is_complete_in_every_state(server, account):
    client = server.connect()
    for capability in (client.capability(), [str(w).upper() for w in client.greeting.code]):
        assert set(CAPABILITIES) <= set(capability)
    client.login(account.name, account.password)
    assert set(CAPABILITIES) <= set(client.capability())
    client.select()
    assert set(CAPABILITIES) <= set(client.capability())


def test_failed_select_leaves_no_mailbox(client):
    client.select()
    result = client.cmd('SELECT', 'nowhere', ok=False)
    assert result.status == 'NO' and result.has_code('NONEXISTENT')
    assert client.cmd('FETCH 1 FLAGS', ok=False).status == 'BAD'


def test_select_again_shows_the_new_mailbox(client):
    client.create('other')
    client.append('other', b'Subject: x\r\n\r\n')
    client.select()
    result = client.cmd('SELECT', 'other')
    assert any(u.code == ['CLOSED'] for u in result.all('OK'))
    assert result.one('EXISTS').number == 1
    assert client.select().exists == 0


def test_close_expunges_and_unselect_does_not(client):
    for command, left in (('UNSELECT', 1), ('CLOSE', 0)):
        client.append('INBOX', b'Subject: x\r\n\r\n', flags=['\\Deleted'])
        client.select()
        result = client.cmd(command)
        assert not result.all('EXPUNGE')
        assert client.status('INBOX')['MESSAGES'] == left
        client.select()
        client.cmd('CLOSE')


def test_select_tells_what_rfc_3501_asks_for(client):
    for flags in (['\\Seen'], ['\\Seen', 'Work'], [], ['\\Flagged']):
        client.append('INBOX', b'Subject: x\r\n\r\n', flags=flags)
    box = client.select()
    assert box.exists == 4 and box.recent == 4 and box.unseen == 3 and not box.readonly
    assert {'\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', 'Work'} <= set(box.flags)
    assert '\\*' in box.permanentflags and '\\Recent' not in box.permanentflags
    assert box.uidvalidity > 0 and box.uidnext == client.sync_uids()[-1] + 1


def test_recent_is_for_one_session(account):
    first = account.connect()
    first.append('INBOX', b'Subject: x\r\n\r\n')
    looker = account.connect()
    assert looker.select(readonly=True).recent == 1     # EXAMINE takes it from nobody
    assert first.select().recent == 1
    assert '\\Recent' in first.fetch(1, 'FLAGS')[1]['FLAGS']
    second = account.connect()
    assert second.select().recent == 0
    assert '\\Recent' not in second.fetch(1, 'FLAGS')[1]['FLAGS']
    second.append('INBOX', b'Subject: y\r\n\r\n')
    second.noop()
    first.noop()
    assert sorted([first.recent, second.recent]) in ([0, 1], [0, 2], [1, 1])
    assert account.connect().select().recent == 0


def test_namespace(client):
    assert client.cmd('NAMESPACE').one('NAMESPACE').args == [[[b'', b'/']], None, None]


def test_enable_names_what_was_enabled(client):
    assert client.cmd('ENABLE', 'X-UNKNOWN', 'ANOTHER').one('ENABLED').args == []
    assert client.cmd('ENABLE', ok=False).status == 'BAD'


def test_id(server, client):
    fields = client.cmd('ID', '("name" "testclient" "version" "1.0" "x" NIL)').one('ID').args[0]
    assert dict(zip(fields[::2], fields[1::2]))[b'name'] == b'mailsift'
    assert 'testclient' in server.log_text()
    assert client.cmd('ID NIL').status == 'OK'
    assert client.cmd('ID', '()').status == 'OK'
    assert server.connect().cmd('ID NIL').status == 'OK'
    for bad in ('', '("name")', '("name" "x"', 'name', '(NIL NIL)', '("%s" "x")' % ('n' * 31), '("n" "%s")' % ('x' * 1025),
                '(%s)' % ' '.join('"a%d" "b"' % n for n in range(31))):
        assert client.cmd('ID', bad, ok=False).status == 'BAD', bad


def test_logout_says_bye_and_closes(client):
    result = client.cmd('LOGOUT')
    result.one('BYE')
    with pytest.raises(Disconnected):
        client.read_response()


def test_commands_are_found_in_any_case(client):
    assert client.cmd('nOoP').status == 'OK'
    client.cmd('SeLeCt', 'inbox')
    assert client.cmd('uid fEtCh 1:* fLaGs').status == 'OK'


@pytest.mark.parametrize('command', ['NOOP', 'CAPABILITY', 'LOGOUT', 'CHECK', 'CLOSE', 'UNSELECT', 'NAMESPACE', 'IDLE', 'EXPUNGE'])
def test_commands_without_arguments_take_none(inbox, command):
    with pytest.raises(CommandFailed) as failed:
        inbox.cmd(command, 'x')
    assert failed.value.result.status == 'BAD'
    assert inbox.noop().status == 'OK'
