# SPDX-License-Identifier: GPL-3.0-or-later
"""OBJECTID (RFC 8474) and SAVEDATE (RFC 8514)."""

import re

MESSAGE = b'Subject: one\r\n\r\nbody\r\n'
OBJECTID = re.compile(r'[A-Za-z0-9_-]{1,255}')


def emailid(client, number):
    ids = client.fetch(str(number), 'EMAILID')[number]['EMAILID']
    assert len(ids) == 1 and OBJECTID.fullmatch(str(ids[0]))
    return str(ids[0])


def test_the_same_content_has_the_same_emailid_everywhere(client):
    for body in (MESSAGE, MESSAGE.replace(b'one', b'two'), MESSAGE):
        client.append('INBOX', body)
    client.cmd('CREATE Other')
    client.select()
    assert emailid(client, 1) == emailid(client, 3) != emailid(client, 2)
    wanted = emailid(client, 1)
    assert client.search('EMAILID', wanted) == [1, 3] and client.search('NOT EMAILID', wanted) == [2]
    assert client.search('EMAILID', wanted.swapcase()) == [] and client.search('EMAILID', wanted[:-1]) == []
    client.cmd('MOVE 3 Other')
    client.select('Other')
    assert emailid(client, 1) == wanted and client.search('EMAILID', wanted) == [1]
    assert client.fetch('1', '(THREADID)')[1]['THREADID'] is None


def test_mailboxid_is_told_and_stays_over_rename(client):
    created = client.cmd('CREATE Box/')
    assert created.code[0] == 'MAILBOXID'
    wanted = created.code[1]
    assert client.cmd('STATUS Box (MAILBOXID MESSAGES)').one('STATUS').args[1] == ['MESSAGES', 0, 'MAILBOXID', wanted]
    client.cmd('RENAME Box Other')
    selected = client.cmd('SELECT Other')
    assert [u.code[1] for u in selected.all('OK') if u.code and u.code[0] == 'MAILBOXID'] == [wanted]
    client.cmd('UNSELECT')
    client.cmd('DELETE Other')
    assert client.cmd('CREATE Other').code[1] != wanted


def test_savedate_is_when_the_message_came_into_the_mailbox(client):
    client.append('INBOX', MESSAGE, date='01-Jan-2001 00:00:00 +0000')
    client.select()
    date = client.fetch('1', 'SAVEDATE')[1]['SAVEDATE'].decode()
    assert re.fullmatch(r'[ 0-3][0-9]-[A-Z][a-z]{2}-[0-9]{4} [0-9:]{8} \+0000', date) and '2001' not in date
    day = date[:11].strip()
    assert client.search('SAVEDON', day) == [1] and client.search('SAVEDBEFORE', day) == [] and client.search('SAVEDSINCE', day) == [1]
    assert client.search('ON', day) == []
