# SPDX-License-Identifier: GPL-3.0-or-later
"""ESEARCH over many mailboxes (MULTISEARCH, RFC 7377)."""

import pytest

from lib.imap import parse_set


@pytest.fixture
def boxes(client):
    for name in ('work', 'work/a', 'work/a/deep', 'work2', 'empty'):
        client.cmd('CREATE', name)
    client.cmd('SUBSCRIBE work2')
    for name, subjects in (('INBOX', ['apple', 'pear']), ('work', ['apple']), ('work/a', ['pear', 'apple']), ('work/a/deep', ['apple']),
                           ('work2', ['pear', 'pear', 'apple'])):
        for subject in subjects:
            client.append(name, b'Subject: %s\r\n\r\nin %s' % (subject.encode(), name.encode()))
    return client


def found(result):
    """mailbox -> the items of its ESEARCH."""
    boxes = {}
    for u in result.all('ESEARCH'):
        correlators = dict(zip(u.args[0][::2], u.args[0][1::2]))
        assert set(correlators) == {'TAG', 'MAILBOX', 'UIDVALIDITY'} and correlators['TAG'] == result.tag.encode()
        assert u.args[1] == 'UID' and correlators['MAILBOX'] not in boxes
        items = dict(zip(u.args[2::2], u.args[3::2]))
        boxes[correlators['MAILBOX']] = {k: parse_set(v) if k == 'ALL' else v for k, v in items.items()}
    return boxes


def alls(result):
    return {name: items['ALL'] for name, items in found(result).items()}


SOURCES = [
    ('personal', {'INBOX': [1], 'work': [1], 'work/a': [2], 'work/a/deep': [1], 'work2': [3]}),
    ('inboxes', {'INBOX': [1]}), ('subscribed', {'INBOX': [1], 'work2': [3]}),
    ('subtree work', {'work': [1], 'work/a': [2], 'work/a/deep': [1]}), ('subtree-one work', {'work': [1], 'work/a': [2]}),
    ('mailboxes work', {'work': [1]}), ('mailboxes (work work2 nosuch)', {'work': [1], 'work2': [3]}), ('mailboxes nosuch', {}),
    ('mailboxes work subtree work', {'work': [1], 'work/a': [2], 'work/a/deep': [1]}), ('SUBTREE "work/a"', {'work/a': [2], 'work/a/deep': [1]}),
    ('mailboxes inbox', {'INBOX': [1]}), ('mailboxes (empty)', {})]


def test_sources(boxes):
    for source, wanted in SOURCES:
        assert alls(boxes.cmd('ESEARCH IN (%s) SUBJECT apple' % source)) == wanted, source
    boxes.select('work/a')
    for source, wanted in SOURCES:
        assert alls(boxes.cmd('ESEARCH IN (%s) SUBJECT apple' % source)) == wanted, source
    assert alls(boxes.cmd('ESEARCH IN (selected) SUBJECT apple')) == {'work/a': [2]}
    assert alls(boxes.cmd('ESEARCH SUBJECT apple')) == {'work/a': [2]}
    assert alls(boxes.cmd('ESEARCH IN (selected mailboxes work/a inboxes) SUBJECT apple')) == {'work/a': [2], 'INBOX': [1]}
    assert boxes.search('ALL') == [1, 2]        # still selected


def test_the_selected_mailbox_is_known_by_itself_not_by_its_name(boxes, account):
    boxes.cmd('SELECT work/')
    assert alls(boxes.cmd('ESEARCH IN (selected subtree-one work) SUBJECT apple')) == {'work': [1], 'work/a': [2]}
    boxes.select('work/a')
    other = account.connect()
    other.cmd('RENAME work job')
    other.cmd('RENAME work2 work')
    other.cmd('CREATE work/a')
    other.append('work/a', b'Subject: pear\r\n\r\n')
    assert alls(boxes.cmd('ESEARCH IN (selected subtree job) SUBJECT apple')) == {'job/a': [2], 'job': [1], 'job/a/deep': [1]}
    assert alls(boxes.cmd('ESEARCH IN (mailboxes work/a) ALL')) == {'work/a': [1]}
    assert alls(boxes.cmd('ESEARCH IN (selected mailboxes work/a) SUBJECT pear')) == {'job/a': [1], 'work/a': [1]}
    assert alls(boxes.cmd('ESEARCH IN (mailboxes job/a) RETURN (ALL UPDATE) SUBJECT apple')) == {'job/a': [2]}
    other.append('job/a', b'Subject: apple\r\n\r\n')
    assert any(b'MAILBOX job/a' in u.raw and b'ADDTO (0 3)' in u.raw for u in boxes.cmd('NOOP').all('ESEARCH'))
    boxes.cmd('RENAME job/a job/b')
    assert alls(boxes.cmd('ESEARCH SUBJECT apple')) == {'job/b': [2, 3]}
    boxes.cmd('SELECT INBOX')
    other.cmd('RENAME inbox old')      # takes the messages, not the mailbox
    boxes.noop()
    assert alls(boxes.cmd('ESEARCH IN (selected mailboxes old) SUBJECT apple')) == {'old': [1]}


def test_results_are_for_each_mailbox_with_matches(boxes):
    result = boxes.cmd('ESEARCH IN (personal) RETURN (MIN MAX COUNT) CHARSET UTF-8 SUBJECT pear')
    assert found(result) == {'INBOX': {'MIN': 2, 'MAX': 2, 'COUNT': 1}, 'work/a': {'MIN': 1, 'MAX': 1, 'COUNT': 1},
                             'work2': {'MIN': 1, 'MAX': 2, 'COUNT': 2}}
    assert found(boxes.cmd('ESEARCH IN (personal) RETURN (PARTIAL -1:-1) ALL'))['work2'] == {'PARTIAL': ['-1:-1', 3]}
    assert not boxes.cmd('ESEARCH IN (personal) RETURN (COUNT) SUBJECT nosuch').untagged
    assert alls(boxes.cmd('ESEARCH IN (personal) 2:500 NOT BODY work')) == {'INBOX': [2]}


def test_rules_about_states(boxes):
    boxes.expect('BAD', 'ESEARCH ALL')
    boxes.expect('BAD', 'ESEARCH IN (selected) ALL')
    boxes.expect('BAD', 'ESEARCH IN (personal selected) ALL')
    boxes.select('work')
    boxes.expect('BAD', 'ESEARCH IN (personal) RETURN (SAVE) ALL')
    boxes.expect('BAD', 'ESEARCH IN (selected personal) RETURN (SAVE) ALL')
    assert not boxes.cmd('ESEARCH RETURN (SAVE) SUBJECT apple').all('ESEARCH')
    assert boxes.search('$') == [1]
    for bad in ('ESEARCH', 'ESEARCH IN () ALL', 'ESEARCH IN (selected-delayed) ALL', 'ESEARCH IN (nosuch) ALL', 'ESEARCH IN (subtree) ALL',
                'ESEARCH IN (mailboxes ()) ALL', 'ESEARCH IN (personal)', 'ESEARCH IN personal ALL', 'ESEARCH RETURN (ALL) IN (personal) ALL',
                'UID ESEARCH IN (personal) ALL'):
        boxes.expect('BAD', bad)
