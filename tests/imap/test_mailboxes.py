# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE (RFC 3501 sections 6.3.3 to 6.3.7), and names on the wire (section 5.1.3)."""

import pytest

from lib.imap import Literal, astring


def names(client, pattern='*'):
    """The selectable mailboxes, as sent."""
    out = set()
    for u in client.cmd('LIST ""', pattern).all('LIST'):
        if '\\Noselect' not in u.args[0]:
            out.add(u.args[2].decode() if isinstance(u.args[2], bytes) else u.args[2])
    return out


def cmd(client, command, *names_):
    return client.cmd(command, *[astring(n) for n in names_], ok=False)


@pytest.fixture
def some(client):
    for name in ('a', 'a/b', 'a/b/c', 'd'):
        client.create(name)
    client.append('a/b', b'Subject: x\r\n\r\nx', flags=['\\Seen', 'k'])
    return client


# --- CREATE ---


@pytest.mark.parametrize('name', ['box', 'with space', 'x' * 60, 'a.b', '~x', '#x', 'a"b', 'back\\slash', '100%', 'star*', 'br(ack)et]', 'NIL', '{5}',
                                  '&-', 'Entw&APw-rfe', '&ZeVnLIqe-', 'a/b/c', "it's", '..', 'a/../b', '.', '.x', 'new', 'cur/tmp'])
def test_names_that_can_be_made(client, name):
    """And used: what is created can be listed, selected, written to, and deleted."""
    result = cmd(client, 'CREATE', name)
    if result.status == 'NO' and result.has_code('CANNOT'):
        pytest.skip('the store says that it cannot hold it: %s' % result.text)      # Maildir++ has limits of its own
    assert result.status == 'OK'
    assert name in names(client)
    assert client.append(name, b'x') == 1
    assert client.select(name).exists == 1
    client.cmd('UNSELECT')
    assert client.status(name)['MESSAGES'] == 1
    assert cmd(client, 'DELETE', name).status == 'OK'
    assert name not in names(client)


@pytest.mark.parametrize('name,code', [('box', 'ALREADYEXISTS'), ('box/', 'ALREADYEXISTS'), ('INBOX', 'ALREADYEXISTS'), ('inbox', 'ALREADYEXISTS'),
                                       ('/x', 'CANNOT'), ('a//b', 'CANNOT'), ('/', 'CANNOT'), ('x' * 2000, 'CANNOT')])
def test_names_that_cannot_be_made(client, name, code):
    client.create('box')
    before = names(client)
    result = cmd(client, 'CREATE', name)
    assert result.status == 'NO' and result.has_code(code), result
    assert names(client) == before


def test_an_empty_name_is_refused(client):
    assert cmd(client, 'CREATE', '').status in ('NO', 'BAD')


def test_a_separator_at_the_end_is_ignored(client):
    assert cmd(client, 'CREATE', 'box/').status == 'OK'
    assert 'box' in names(client) and 'box/' not in names(client)


def test_superiors_are_names(client):
    client.create('p/q/r')
    assert 'p/q/r' in names(client)
    assert {u.args[2] for u in client.cmd('LIST "" p*').all('LIST')} == {'p', 'p/q', 'p/q/r'}


def test_names_may_come_in_any_form(client):
    client.cmd('CREATE', Literal(b'lit'))
    client.cmd('CREATE "quo\\\\ted\\""')
    client.cmd('CREATE atom')
    assert {'lit', 'atom'} <= names(client)


@pytest.mark.parametrize('name', [b'"Entw\xc3\xbcrfe"', b'"\xff"', b'R&D', b'&AGE-', b'&AAA-', b'&', b'&AOk', b'"&AOk*-"'])
def test_names_that_are_no_modified_utf7_are_bad(client, name):
    for command in (b'CREATE', b'DELETE', b'SELECT', b'SUBSCRIBE'):
        result = client.cmd(command, name, ok=False)
        assert result.status == 'BAD' and ('UTF-7' in result.text or 'expected' in result.text), result


# --- DELETE ---


def test_deleted_mailboxes_are_gone_with_their_mail(some):
    assert cmd(some, 'DELETE', 'd').status == 'OK'
    assert names(some) == {'INBOX', 'a', 'a/b', 'a/b/c'}
    assert some.cmd('SELECT d', ok=False).has_code('NONEXISTENT')
    validity = some.status('a/b', '(UIDVALIDITY)')['UIDVALIDITY']
    assert cmd(some, 'DELETE', 'a/b').status == 'OK'
    some.create('a/b')
    got = some.status('a/b', '(MESSAGES UIDVALIDITY)')
    assert got['MESSAGES'] == 0 and got['UIDVALIDITY'] > validity


def test_inferiors_survive(some):
    """RFC 3501 section 6.3.4: the name stays as \\Noselect; it cannot be deleted again, but created."""
    assert cmd(some, 'DELETE', 'a').status == 'OK'
    a, = some.cmd('LIST "" a').all('LIST')
    assert '\\Noselect' in a.args[0] and '\\HasChildren' in a.args[0]
    assert some.cmd('SELECT a', ok=False).status == 'NO'
    assert cmd(some, 'DELETE', 'a').status == 'NO'
    assert cmd(some, 'CREATE', 'a').status == 'OK'
    assert 'a' in names(some)


@pytest.mark.parametrize('name,code', [('INBOX', 'CANNOT'), ('inBOX', 'CANNOT'), ('nowhere', 'NONEXISTENT'), ('a/nowhere', 'NONEXISTENT')])
def test_what_cannot_be_deleted(some, name, code):
    result = cmd(some, 'DELETE', name)
    assert result.status == 'NO' and result.has_code(code)


def test_the_selected_mailbox_may_be_deleted(some):
    some.select('d')
    assert cmd(some, 'DELETE', 'd').status == 'OK'
    assert some.cmd('FETCH 1 FLAGS', ok=False).status == 'BAD'      # authenticated state
    assert some.select('INBOX').exists == 0


# --- RENAME ---


def test_mail_and_inferiors_move_along(some):
    validity = some.status('a/b', '(UIDVALIDITY UIDNEXT)')
    assert cmd(some, 'RENAME', 'a', 'z').status == 'OK'
    assert names(some) == {'INBOX', 'z', 'z/b', 'z/b/c', 'd'}
    assert some.status('z/b', '(UIDVALIDITY UIDNEXT)') == validity
    some.select('z/b')
    assert set(some.fetch('1', 'FLAGS')[1]['FLAGS']) >= {'\\Seen', 'k'}
    assert cmd(some, 'RENAME', 'z/b', 'e/f/g').status == 'OK'
    assert names(some) == {'INBOX', 'z', 'e/f/g', 'e/f/g/c', 'd'}


def test_renaming_inbox_moves_its_mail(some):
    """RFC 3501 section 6.3.5: INBOX stays, empty; its inferiors stay too."""
    some.append('INBOX', b'Subject: in\r\n\r\nx')
    assert cmd(some, 'RENAME', 'INBOX', 'old').status == 'OK'
    assert some.status('INBOX', '(MESSAGES)') == {'MESSAGES': 0}
    assert some.status('old', '(MESSAGES)') == {'MESSAGES': 1}
    some.select('old')
    assert some.fetch('1', 'BODY.PEEK[TEXT]')[1] == {'BODY[TEXT]': b'x'}


@pytest.mark.parametrize('old,new,code', [
    ('nowhere', 'x', 'NONEXISTENT'), ('a', 'd', 'ALREADYEXISTS'), ('a', 'a', 'ALREADYEXISTS'), ('a', 'INBOX', 'ALREADYEXISTS'), ('a', 'a/b', 'ALREADYEXISTS'),
    ('a', 'a/x', 'CANNOT'), ('d', '/x', 'CANNOT'), ('d', 'x//y', 'CANNOT'), ('INBOX', 'd', 'ALREADYEXISTS'),
])
def test_what_cannot_be_renamed(some, old, new, code):
    before = names(some)
    result = cmd(some, 'RENAME', old, new)
    assert result.status == 'NO' and result.has_code(code), result
    assert names(some) == before
    assert some.status('a/b', '(MESSAGES)') == {'MESSAGES': 1}


def test_the_selected_mailbox_may_be_renamed(some):
    some.select('a/b')
    assert cmd(some, 'RENAME', 'a', 'q').status == 'OK'
    some.store('1', '+FLAGS', ['\\Flagged'])
    assert '\\Flagged' in some.fetch('1', 'FLAGS')[1]['FLAGS']
    assert some.append('q/b', b'x') == 2
    assert some.noop().status == 'OK' and some.exists == 2


# --- subscriptions ---


def test_subscriptions_are_kept(some):
    for name in ('a', 'a/b', 'not there'):
        assert cmd(some, 'SUBSCRIBE', name).status == 'OK'
    assert cmd(some, 'SUBSCRIBE', 'a').status == 'OK'       # twice is once

    def subscribed():       # INBOX is from the start
        return sorted(u.args[2] if isinstance(u.args[2], str) else u.args[2].decode() for u in some.cmd('LSUB "" *').all('LSUB')
                      if u.args[2] != 'INBOX')
    assert subscribed() == ['a', 'a/b', 'not there']
    assert cmd(some, 'DELETE', 'a/b').status == 'OK'
    assert subscribed() == ['a', 'a/b', 'not there']        # RFC 3501 section 6.3.6: not removed by itself
    assert cmd(some, 'UNSUBSCRIBE', 'a/b').status == 'OK'
    assert cmd(some, 'UNSUBSCRIBE', 'not there').status == 'OK'
    assert subscribed() == ['a']
    assert cmd(some, 'UNSUBSCRIBE', 'never').status in ('OK', 'NO')


@pytest.mark.parametrize('command', ['CREATE', 'CREATE ', 'CREATE a b', 'CREATE "a', 'CREATE (a)', 'CREATE %', 'CREATE {2}', 'DELETE', 'DELETE a b', 'RENAME', 'RENAME a',
                                     'RENAME a  b', 'RENAME a b c', 'SUBSCRIBE', 'SUBSCRIBE a b', 'UNSUBSCRIBE', 'UNSUBSCRIBE *'])
def test_wrong_commands_are_bad(some, command):
    if command.endswith('}'):
        command = command[:-1] + '+}\r\nx\0'        # NUL in a name
    before = names(some)
    result = some.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10
    assert names(some) == before
