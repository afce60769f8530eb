# SPDX-License-Identifier: GPL-3.0-or-later
"""LIST and LSUB (RFC 3501 sections 6.3.8 and 6.3.9), CHILDREN (RFC 3348), SPECIAL-USE (RFC 6154)."""

import pytest

from lib.imap import Literal, astring

NAMES = ['a', 'a/b', 'a/b/c', 'a/bb', 'd', 'only/inferior', 'with space/x', 'Entw&APw-rfe']


@pytest.fixture(scope='module')
def box(session_dir, certificate):
    """A Client whose account has NAMES and nothing else; nothing is changed."""
    import os
    from lib import harness
    server = harness.Server(os.path.join(session_dir, 'list'), cert=certificate).start()
    server.add_user('list', 'secret')
    client = server.login('list', 'secret')
    for name in NAMES:
        client.create(name)
    for name in ('a', 'a/b/c', 'd', 'gone/x/y', 'with space/x'):
        client.cmd('SUBSCRIBE', astring(name))
    yield client
    client.close()
    server.stop()
    server.check()


def text(value):
    return value.decode('latin-1') if isinstance(value, bytes) else value


def listed(client, *parts, command='LIST'):
    out = {}
    for u in client.cmd(command, *parts).all(command):
        flags, separator, name = u.args
        assert separator == b'/' and text(name) not in out
        out[text(name)] = set(flags)
    return out


ALL = {'INBOX', 'a', 'a/b', 'a/b/c', 'a/bb', 'd', 'only', 'only/inferior', 'with space', 'with space/x', 'Entw&APw-rfe'}


@pytest.mark.parametrize('reference,pattern,expected', [
    ('', '*', ALL),
    ('', '%', {n for n in ALL if '/' not in n}),
    ('', '%/%', {'a/b', 'a/bb', 'only/inferior', 'with space/x'}),
    ('', 'a', {'a'}), ('', 'A', set()), ('', 'a/%', {'a/b', 'a/bb'}), ('', 'a*', {'a', 'a/b', 'a/b/c', 'a/bb'}), ('', 'a/b%', {'a/b', 'a/bb'}),
    ('', '*b', {'a/b', 'a/bb'}), ('', '%c', set()), ('', '*c', {'a/b/c', }), ('', 'x', set()),
    ('a/', '%', {'a/b', 'a/bb'}), ('a', '*', {'a', 'a/b', 'a/b/c', 'a/bb'}), ('a/b', '/c', {'a/b/c'}), ('x/', '*', set()),
    ('', 'INBOX', {'INBOX'}), ('', 'inbox', {'INBOX'}), ('', 'inB%', {'INBOX'}), ('in', 'box', {'INBOX'}),
    ('', 'Entw&APw-%', {'Entw&APw-rfe'}), ('', '"with space*"', {'with space', 'with space/x'}), ('', 'a/b/', set()), ('', '%%', {n for n in ALL if '/' not in n}),
])
def test_patterns(box, reference, pattern, expected):
    assert set(listed(box, astring(reference), pattern)) == expected


def test_attributes(box):
    got = listed(box, '"" *')
    assert got['a'] == {'\\HasChildren'} and got['a/b'] == {'\\HasChildren'}
    assert got['a/b/c'] == got['d'] == got['a/bb'] == got['INBOX'] == {'\\HasNoChildren'}
    assert got['only'] == got['with space'] == {'\\Noselect', '\\HasChildren'}


def test_an_empty_pattern_asks_for_the_separator(box):
    for reference in ('""', 'a', 'a/b/', '"no such/"'):
        u, = box.cmd('LIST', reference, '""').all('LIST')
        assert u.args == [['\\Noselect'], b'/', b'']


def test_arguments_may_be_literals(box):
    result = box.cmd('LIST', Literal(b'a/'), Literal(b'%'))
    assert {text(u.args[2]) for u in result.all('LIST')} == {'a/b', 'a/bb'}


@pytest.mark.parametrize('pattern,expected', [
    ('*', {'INBOX': set(), 'a': set(), 'a/b/c': set(), 'd': set(), 'gone/x/y': set(), 'with space/x': set()}),
    ('%', {'INBOX': set(), 'a': set(), 'd': set(), 'gone': {'\\Noselect'}, 'with space': {'\\Noselect'}}),
    ('a/%', {'a/b': {'\\Noselect'}}),
    ('%/%', {'a/b': {'\\Noselect'}, 'gone/x': {'\\Noselect'}, 'with space/x': set()}),
    ('gone/%', {'gone/x': {'\\Noselect'}}),
    ('gone', {}),
    ('a', {'a': set()}),
    ('INBOX', {'INBOX': set()}),
    ('inb%', {'INBOX': set()}),
])
def test_lsub(box, pattern, expected):
    """RFC 3501 section 6.3.9: where "%" keeps a subscribed name out, its superior that matches is told as \\Noselect."""
    if pattern == 'gone':
        # no wildcard: "gone" is a superior of a subscribed name, which RFC 3501 leaves open
        assert set(listed(box, '""', pattern, command='LSUB')) <= {'gone'}
        return
    assert listed(box, '""', pattern, command='LSUB') == expected


def test_special_uses(client):
    for name in ('Sent', 'Drafts', 'Trash', 'Junk', 'Archive', 'Other'):
        client.create(name)
    got = listed(client, '"" *')
    for name in ('Sent', 'Drafts', 'Trash', 'Junk', 'Archive'):
        assert '\\' + name in got[name]
    assert got['Other'] == {'\\HasNoChildren'}


def test_many_mailboxes_come_whole(client):
    names = ['%s%04d' % ('n' * 100, i) for i in range(0, 3000, 1)][:400]
    tags = [client.send('CREATE', name) for name in names]
    for tag in tags:
        client.wait(tag)
    assert set(listed(client, '"" n*')) == set(names)


@pytest.mark.parametrize('command', ['LIST', 'LIST ""', 'LIST "" ', 'LIST  "" *', 'LIST "" * x', 'LIST "" (', 'LIST "" "*', 'LIST "" R&D', 'LIST "\xe9" *', 'LIST "" "\xe9"',
                                     'LIST % *', 'LSUB', 'LSUB ""', 'LSUB "" * x', 'LIST (FOO) "" *'])
def test_wrong_commands_are_bad(box, command):
    result = box.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10 and not result.all('LIST')
