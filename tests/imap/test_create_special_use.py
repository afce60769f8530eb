# SPDX-License-Identifier: GPL-3.0-or-later
"""CREATE ... (USE (...)): RFC 6154 section 3."""

import os

import pytest


def uses(client):
    """Mailbox to its special uses, of those that have any."""
    found = {u.args[2]: ' '.join(f for f in u.args[0] if not f.startswith('\\Has')) for u in client.cmd('LIST (SPECIAL-USE) "" *').all('LIST')}
    basic = {u.args[2]: ' '.join(f for f in u.args[0] if not f.startswith(('\\Has', '\\Nos'))) for u in client.cmd('LIST "" *').all('LIST')}
    assert found == {name: use for name, use in basic.items() if use}
    return found


def names(client):
    return {u.args[2] for u in client.cmd('LIST "" *').all('LIST')}


def test_the_capability_is_offered(client):
    assert 'CREATE-SPECIAL-USE' in client.capability()


def test_example_of_rfc_6154(client):
    """Section 5.3; and 5.4, what METADATA says of it."""
    client.cmd('CREATE MySpecial (USE (\\Drafts \\Sent))')
    result = client.expect('NO', 'CREATE Everything (USE (\\All))')
    assert result.code == ['USEATTR'] and '\\All' in result.text
    assert uses(client) == {'MySpecial': '\\Drafts \\Sent'} and 'Everything' not in names(client)
    got = client.cmd('GETMETADATA MySpecial /private/specialuse').one('METADATA').args
    assert got[1][1] == b'\\Drafts \\Sent'


@pytest.mark.parametrize('param,expected', [
    ('(USE (\\Sent))', '\\Sent'), ('(use (\\sENT))', '\\Sent'), ('(USE (\\Trash \\Trash \\Archive))', '\\Archive \\Trash'), ('(USE ())', None),
    ('(USE (\\Archive \\Drafts \\Junk \\Sent \\Trash))', '\\Archive \\Drafts \\Junk \\Sent \\Trash'),
])
def test_uses(client, param, expected):
    result = client.cmd('CREATE up/box', param)
    assert result.has_code('MAILBOXID')
    assert uses(client) == ({'up/box': expected} if expected else {})
    client.append('up/box', b'x')
    assert client.select('up/box').exists == 1


def test_the_name_decides_only_if_nothing_is_said(client):
    client.cmd('CREATE Sent (USE (\\Archive))')
    client.cmd('CREATE Drafts (USE ())')
    client.cmd('CREATE Trash')
    client.cmd('CREATE Archive')        # \Archive is Sent's
    assert uses(client) == {'Sent': '\\Archive', 'Trash': '\\Trash'}


def test_uses_go_with_their_mailbox(client):
    client.cmd('CREATE a (USE (\\Sent \\Junk))')
    client.cmd('RENAME a b')
    assert uses(client) == {'b': '\\Junk \\Sent'}
    client.cmd('DELETE b')
    client.cmd('CREATE c (USE (\\Junk))')
    assert uses(client) == {'c': '\\Junk'}


@pytest.mark.parametrize('command', ['CREATE new (USE (\\All))', 'CREATE new (USE (\\Flagged))', 'CREATE new (USE (\\Sent \\Nonsense))', 'CREATE new (USE (\\Important))',
                                     'CREATE new (USE (\\Junk))', 'CREATE new (USE (\\Sent \\Junk))', 'CREATE new/er (USE (\\Marked))', 'CREATE new (USE (\\NoSelect))'])
def test_what_cannot_be_had_makes_no_mailbox(account, command):
    """Not supported, or another mailbox's: NO [USEATTR], and nothing is made, not even a folder that would be found later."""
    client = account.connect()
    client.cmd('CREATE spam (USE (\\Junk))')
    result = client.cmd(command, ok=False)
    assert result.status == 'NO' and result.code == ['USEATTR'] and len(result.text) > 10
    assert names(client) == {'INBOX', 'spam'} and uses(client) == {'spam': '\\Junk'}
    assert not [f for f in os.listdir(account.server.maildir(account.name)) if f.startswith('.new')]
    client.cmd('CREATE new (USE (\\Sent))')


def test_a_mailbox_that_is_there_gets_no_use(client):
    client.create('box')
    assert client.expect('NO', 'CREATE box (USE (\\Sent))').code == ['ALREADYEXISTS']
    assert client.expect('NO', 'CREATE INBOX (USE (\\Sent))').code == ['ALREADYEXISTS']
    assert uses(client) == {}


@pytest.mark.parametrize('params', [
    '()', '(USE)', '(USE )', '(USE \\Sent)', '(USE (Sent))', '(USE (\\Sent)', '(USE (\\Sent )', '(USE ( \\Sent))', '(USE (\\Sent  \\Junk))', '(USE ("\\\\Sent"))', '(USE (\\))',
    '(USE (\\Sent)) x', '(USE (\\Sent) USE (\\Junk))', '(FOO)', '(FOO (x))', '(FOO (x) USE (\\Sent))', 'USE (\\Sent)', '(USE(\\Sent))', '(USE (\\Sent\\Junk))', '(USE (()))', '',
])
def test_wrong_parameters_are_bad(client, params):
    result = client.cmd('CREATE box ' + params, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10
    assert names(client) == {'INBOX'}
