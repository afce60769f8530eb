# SPDX-License-Identifier: GPL-3.0-or-later
"""STATUS (RFC 3501 section 6.3.10; SIZE: RFC 8438; DELETED: RFC 9051; APPENDLIMIT: RFC 7889)."""

import pytest

ITEMS = '(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN SIZE DELETED APPENDLIMIT)'


def test_counts_follow_the_mailbox(client):
    client.create('box')
    empty = client.status('box', ITEMS)
    assert empty == {'MESSAGES': 0, 'RECENT': 0, 'UIDNEXT': 1, 'UIDVALIDITY': empty['UIDVALIDITY'], 'UNSEEN': 0, 'SIZE': 0, 'DELETED': 0,
                     'APPENDLIMIT': 52428800}
    assert empty['UIDVALIDITY'] > 0
    client.append('box', b'x' * 10)
    client.append('box', b'Subject: y\n\nz\n', flags=['\\Seen', '\\Deleted'])
    got = client.status('box', ITEMS)
    assert (got['MESSAGES'], got['RECENT'], got['UIDNEXT'], got['UNSEEN'], got['SIZE'], got['DELETED']) == (2, 2, 3, 1, 10 + 17, 1)
    assert got['UIDVALIDITY'] == empty['UIDVALIDITY']
    other = client.select('box')
    assert other.recent == 2
    client.expunge()
    got = client.status('box', ITEMS)       # also of the selected mailbox
    assert (got['MESSAGES'], got['RECENT'], got['UIDNEXT'], got['UNSEEN'], got['SIZE'], got['DELETED']) == (1, 0, 3, 1, 10, 0)


def test_status_takes_nothing_from_the_mailbox(account):
    a, b = account.connect(), account.connect()
    a.append('INBOX', b'x')
    assert b.status('INBOX', '(RECENT)') == {'RECENT': 1}
    assert a.status('INBOX', '(RECENT)') == {'RECENT': 1}
    assert a.select().recent == 1


@pytest.mark.parametrize('items,names', [('(MESSAGES)', ['MESSAGES']), ('(unseen Messages UNSEEN)', ['MESSAGES', 'UNSEEN'])])
def test_only_what_is_asked_for(client, items, names):
    assert sorted(client.status('INBOX', items)) == names


@pytest.mark.parametrize('name', ['INBOX', 'inbox', 'a b', 'Entwürfe', '日本/x', 'a"b', '&'])
def test_the_name_comes_back(client, name):
    wire = name.encode() if name.isascii() else {'Entwürfe': b'Entw&APw-rfe', '日本/x': b'&ZeVnLA-/x'}[name]
    wire = wire.replace(b'&', b'&-') if name == '&' else wire
    if name.upper() != 'INBOX':
        client.create(wire)
    from lib.imap import astring
    args = client.cmd('STATUS', astring(wire), '(MESSAGES)').one('STATUS').args
    got = args[0] if isinstance(args[0], bytes) else args[0].encode()
    assert got == (b'INBOX' if name.upper() == 'INBOX' else wire)


def test_a_missing_mailbox_is_no(client):
    result = client.cmd('STATUS nowhere (MESSAGES)', ok=False)
    assert result.status == 'NO' and result.has_code('NONEXISTENT') and not result.all('STATUS')


@pytest.mark.parametrize('command', [
    'STATUS', 'STATUS INBOX', 'STATUS INBOX MESSAGES', 'STATUS INBOX ()', 'STATUS INBOX (FOO)', 'STATUS INBOX (MESSAGES', 'STATUS INBOX (MESSAGES)x',
    'STATUS INBOX (MESSAGES  UNSEEN)', 'STATUS (MESSAGES)', 'STATUS INBOX ("MESSAGES")', 'STATUS R&D (MESSAGES)', 'STATUS "\xe9" (MESSAGES)',
])
def test_wrong_commands_are_bad(client, command):
    result = client.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10 and not result.all('STATUS')
