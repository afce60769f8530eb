# SPDX-License-Identifier: GPL-3.0-or-later
"""A long search: it ends when nobody waits for it (within 100 ms) or at its time, and says meanwhile that it goes on (RFC 9585)."""

import os
import re
import socket
import time

import pytest

MESSAGES = 2500
WORDS = ' '.join('w%dx' % (i * 7919 % 10007) for i in range(2500))


def drop_mail(server, account):
    """Messages of 20 kB each, as another program delivers them."""
    folder = server.maildir(account.name) + '/new'
    client = account.connect()      # makes the Maildir
    client.logout()
    for i in range(MESSAGES):
        with open('%s/%d.M%d.x' % (folder, 1600000000 + i, i), 'w', encoding='ascii') as f:
            f.write('From: p%d@example.org\nSubject: about %d\nMessage-ID: <%d@x>\nReferences: <%d@x>\nDate: 1 Jan 2020 10:00:00 +0000\n\n%s\n%d\n'
                    % (i % 100, i * 7 % 1000, i, i - 1, WORDS, i))
    client = account.connect()
    assert client.select().exists == MESSAGES       # the server has admitted them
    client.logout()


def outcomes(server):
    status, _, page = server.http('GET', '/metrics')
    assert status == 200
    return {m[1].decode(): int(float(m[2])) for m in re.finditer(rb'^mailsift_searches_total\{outcome="(\w+)"\} (\S+)$', page, re.M)}


def aborted(server):
    return outcomes(server).get('aborted', 0)


def many(key='BODY', n=2400):
    """A program of so many strings without a letter, which no index helps to find, and which are in no message. Each OR counts as a key: 5000 are
    taken."""
    return 'OR ' * (n - 1) + ' '.join('%s "%s"' % (key, ''.join('-+=/'[i >> 2 * k & 3] for k in range(6))) for i in range(n))


def stopped_after(server, account, command):
    """Seconds from the close of the connection, amid the command, until its worker has given up; None if it was over before."""
    client = account.connect()
    client.select()
    before = aborted(server)
    client.send(command)
    time.sleep(0.05)        # let it begin: there is nothing that tells
    start = time.monotonic()
    client.close()
    while aborted(server) == before:
        if time.monotonic() > start + 1.5:
            return None     # a client that only closes its side has 2 seconds: this one is gone
        time.sleep(0.002)
    return time.monotonic() - start


def assert_stops(server, account, command):
    """On a machine that is busy otherwise one of several tries must be in time."""
    took = []
    for _ in range(6):
        took.append(stopped_after(server, account, command))
        if took[-1] is not None and took[-1] <= 0.1:
            return
    pytest.fail('%s...: stopped after %r seconds' % (command[:40], took))


@pytest.fixture(scope='module')
def module_server(session_dir, certificate):
    from lib import harness
    servers = []

    def make(name, indexed):
        server = harness.Server(os.path.join(session_dir, name), cert=certificate,
                                settings={} if indexed else {'index': {'indexer_path': '/bin/false'}}).start()
        servers.append(server)
        server.add_user('long', 'secret')
        account = harness.Account(server, 'long', 'secret')
        drop_mail(server, account)
        if indexed:
            account.wait_indexed()
        return server, account
    yield make
    for server in servers:
        server.stop()
        server.check()


@pytest.fixture(scope='module')
def unindexed(module_server):
    return module_server('unindexed', False)


@pytest.fixture(scope='module')
def indexed(module_server):
    return module_server('indexed', True)


def test_reading_messages_stops(unindexed):
    assert_stops(*unindexed, 'UID SEARCH BODY nosuchword')


def test_sort_and_thread_stop_while_keys_are_read(unindexed):
    assert_stops(*unindexed, 'UID SORT (SUBJECT) UTF-8 ALL')
    assert_stops(*unindexed, 'UID THREAD REFERENCES UTF-8 ALL')


def test_a_scan_stops(indexed):
    assert_stops(*indexed, 'UID SEARCH ' + many())


def test_passes_over_columns_stop(indexed):
    assert_stops(*indexed, 'UID SEARCH ' + 'OR SEEN ' * 900 + many(n=1500))


def test_a_search_in_a_multisearch_stops(indexed):
    assert_stops(*indexed, 'ESEARCH IN (personal) RETURN (COUNT) ' + many())


def test_a_client_that_closes_only_its_side_gets_its_answer(unindexed):
    server, account = unindexed
    client = account.connect()
    client.select()
    tag = client.send('UID SEARCH BODY nosuchword')
    client.sock.shutdown(socket.SHUT_WR)
    result = client.wait(tag)
    assert result.status == 'OK' and result.one('SEARCH').args == []
    # and was asked meanwhile whether it is there
    assert [u.code for u in result.all('OK')] in ([['INPROGRESS', [tag.encode(), None, None]]], [])


def test_a_long_search_says_that_it_goes_on_and_ends_at_its_time(make_server, make_account):
    """RFC 9585 4: every 10 to 15 seconds."""
    server = make_server({'limits': {'search_max_time': '11s'}, 'index': {'indexer_path': '/bin/false'}})
    account = make_account(server)
    drop_mail(server, account)
    client = account.connect()
    client.select()
    start = time.monotonic()
    tag = client.send('UID SEARCH ' + many('TEXT'))
    try:
        said = client.wait_untagged('OK', timeout=15)
    except TimeoutError:
        pytest.skip('this machine is too fast: the search was over within 10 seconds')
    assert said.code == ['INPROGRESS', [tag.encode(), None, None]]
    assert 9.9 <= time.monotonic() - start < 13
    result = client.wait(tag)
    assert result.status == 'NO' and result.has_code('LIMIT')
    assert 10.9 <= time.monotonic() - start < 15
    assert len(result.all('OK')) == 1 and not result.all('SEARCH')
    assert client.search('1') == [1]
