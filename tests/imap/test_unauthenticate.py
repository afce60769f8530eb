# SPDX-License-Identifier: GPL-3.0-or-later
"""UNAUTHENTICATE (RFC 8437): what is left of the user, which is nothing, and who may."""

import pytest

from lib.imap import Disconnected

OPEN = {'auth': {'unauthenticate': 'yes', 'failed_login_delay': '0s'}}


@pytest.fixture
def open_server(make_server):
    server = make_server(OPEN)
    server.add_user('ann', 'secret1')
    server.add_user('bob', 'secret2')
    return server


def again(client):
    return client.cmd('UNAUTHENTICATE')


def test_not_offered_unless_configured(client):
    assert 'UNAUTHENTICATE' not in client.capability()
    assert client.cmd('UNAUTHENTICATE', ok=False).status == 'BAD'
    assert client.select().exists == 0      # still logged in


def test_offered_in_every_state(open_server):
    client = open_server.connect()
    assert 'UNAUTHENTICATE' in client.capability()
    assert client.cmd('UNAUTHENTICATE', ok=False).status == 'BAD'       # before login
    client.login('ann', 'secret1')
    assert 'UNAUTHENTICATE' in client.capability()
    assert client.cmd('UNAUTHENTICATE', 'x', ok=False).status == 'BAD'
    assert client.select().exists == 0
    result = again(client)
    assert result.code[0] == 'CAPABILITY' and 'AUTH=PLAIN' in result.code
    assert client.cmd('SELECT', 'INBOX', ok=False).status == 'BAD'
    assert client.cmd('UNAUTHENTICATE', ok=False).status == 'BAD'


def test_the_next_user_sees_nothing_of_the_last(open_server):
    client = open_server.connect()
    client.login('ann', 'secret1')
    client.create('hers')
    client.append('INBOX', b'Subject: hers\r\n\r\n')
    client.select()
    client.cmd('SEARCH RETURN (SAVE) ALL')
    client.cmd('ENABLE QRESYNC METADATA')
    again(client)
    client.login('bob', 'secret2')
    assert client.cmd('FETCH 1 FLAGS', ok=False).status == 'BAD'        # nothing is selected
    assert [m for m in client.cmd('LIST "" *').all('LIST') if 'hers' in str(m.args)] == []
    assert client.select().exists == 0
    client.append('INBOX', b'Subject: his\r\n\r\n')
    client.noop()
    assert client.cmd('UID SEARCH $').one('SEARCH').args == []          # $ is empty
    fetched = client.cmd('STORE 1 +FLAGS (\\Seen \\Deleted)')
    assert 'MODSEQ' not in str(fetched.all('FETCH')[0].args)            # CONDSTORE is off
    expunged = client.cmd('EXPUNGE')
    assert expunged.all('EXPUNGE') and not expunged.all('VANISHED')     # and QRESYNC
    again(client)
    client.login('ann', 'secret1')
    assert client.select().exists == 1


def test_news_of_the_last_user_do_not_come(open_server):
    client, other = open_server.connect(), open_server.login('ann', 'secret1')
    client.login('ann', 'secret1')
    client.select()
    again(client)
    other.append('INBOX', b'Subject: x\r\n\r\n')
    assert not client.noop().all('EXISTS')
    client.login('bob', 'secret2')
    assert not client.noop().all('EXISTS')
    assert client.select().exists == 0


def test_pipelined_login_behind_it(open_server):
    client = open_server.connect()
    client.login('ann', 'secret1')
    client.append('INBOX', b'Subject: x\r\n\r\n')
    tags = [client.send(*words) for words in
            (['SELECT', 'INBOX'], ['UNAUTHENTICATE'], ['LOGIN', 'bob', 'secret2'], ['STATUS', 'INBOX', '(MESSAGES)'])]
    results = [client.wait(tag) for tag in tags]
    assert [r.status for r in results] == ['OK'] * 4
    assert results[0].one('EXISTS').number == 1
    assert '0' in str(results[3].one('STATUS').args)


def test_connections_are_counted_for_who_is_logged_in(make_server):
    server = make_server({'auth': {'unauthenticate': 'yes'}, 'server': {'max_connections_per_user': '1'}})
    server.add_user('ann', 'secret1')
    server.add_user('bob', 'secret2')
    first, second = server.connect(), server.connect()
    first.login('ann', 'secret1')
    assert second.cmd('LOGIN', 'ann', 'secret1', ok=False).has_code('LIMIT')
    again(first)
    second.login('ann', 'secret1')
    first.login('bob', 'secret2')
    first.logout()
    assert second.noop().status == 'OK'


def test_failed_logins_are_counted_on(open_server):
    client = open_server.connect()
    with pytest.raises(Disconnected):
        for _ in range(50):
            assert client.cmd('LOGIN', 'ann', 'wrong', ok=False).status == 'NO'
            client.login('ann', 'secret1')
            again(client)


def test_limits_before_login_hold_again(open_server):
    client = open_server.connect()
    client.login('ann', 'secret1')
    client.cmd('SEARCH', 'SUBJECT', 'x' * 20000, ok=False)
    again(client)
    with pytest.raises(Disconnected):
        client.cmd('LOGIN', 'x' * 200000, 'y', ok=False)
        client.noop()


def test_time_to_log_in_begins_anew(make_server):
    server = make_server({'auth': {'unauthenticate': 'yes'}, 'server': {'login_timeout': '1s'}})
    server.add_user('ann', 'secret1')
    client = server.login('ann', 'secret1')
    again(client)
    with pytest.raises(Disconnected):
        for _ in range(2):      # BYE, the end
            client.read_response(timeout=10)
