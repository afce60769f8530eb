# SPDX-License-Identifier: GPL-3.0-or-later
"""An index that was made from another database of the account must not answer: the ids of emails begin anew, or go back."""

import os
import shutil
import time

import pytest

MESSAGE = b'Subject: number %d of %s\r\n\r\nbody%d%s\r\n'


def message(number, life):
    return MESSAGE % (number, life, number, life)


def fill(client, life, n=6):
    for number in range(n):
        client.append('INBOX', message(number, life))


def assert_found(client, life, n=6, numbers=None):
    """Each message of @life is found by what it says, and by nothing else."""
    client.select('INBOX')
    for number in numbers if numbers is not None else range(n):
        found = client.uid_search('BODY body%d%s' % (number, life.decode()))
        assert len(found) == 1, (number, life, found)
        assert client.fetch(str(found[0]), '(BODY.PEEK[])', uid=True)[found[0]]['BODY[]'] == message(number, life)


def assert_nothing_of(client, life, n=6):
    for number in range(n):
        assert client.uid_search('BODY body%d%s' % (number, life.decode())) == []


def remove_database(server, name):
    for tail in ('', '-wal', '-shm'):
        path = os.path.join(server.account_dir(name), 'mailsift.db' + tail)
        if os.path.exists(path):
            os.unlink(path)


def test_a_database_that_was_deleted_is_made_anew_from_the_mail(own_server, make_account):
    account = make_account(own_server)
    client = account.connect()
    fill(client, b'first', 12)
    account.wait_indexed()
    own_server.stop()
    remove_database(own_server, account.name)
    # In the order of names, and with others between, so that ids name other emails than before.
    cur = os.path.join(own_server.maildir(account.name), 'cur')
    for i, name in enumerate(sorted(os.listdir(cur), reverse=True)):
        os.rename(os.path.join(cur, name), os.path.join(cur, '%010d.renamed.host:2,' % i))
    own_server.start()
    client = account.connect()
    assert_found(client, b'first', 12)
    account.wait_indexed()
    assert_found(client, b'first', 12)


@pytest.mark.parametrize('running', [False, True])
def test_an_account_whose_folder_was_removed_begins_anew(own_server, make_account, running):
    account = make_account(own_server)
    client = account.connect()
    fill(client, b'first')
    account.wait_indexed()
    if not running:
        own_server.stop()
    shutil.rmtree(own_server.account_dir(account.name))
    os.makedirs(os.path.join(own_server.maildir(account.name), 'new'))
    for name in ('cur', 'tmp'):
        os.makedirs(os.path.join(own_server.maildir(account.name), name))
    if not running:
        own_server.start()
    client = account.connect()
    fill(client, b'second')
    assert_found(client, b'second')
    assert_nothing_of(client, b'first')
    account.wait_indexed()
    assert_found(client, b'second')
    assert_nothing_of(client, b'first')


@pytest.mark.parametrize('more', [1, 6])
def test_a_database_from_a_backup(own_server, make_account, tmp_path, more):
    account = make_account(own_server)
    client = account.connect()
    fill(client, b'first', 3)
    account.wait_indexed()
    own_server.stop()
    backup = tmp_path / 'backup'
    shutil.copytree(own_server.account_dir(account.name), backup)
    own_server.start()
    client = account.connect()
    fill(client, b'lost', 4)
    account.wait_indexed()
    own_server.stop()
    shutil.rmtree(own_server.account_dir(account.name))
    shutil.copytree(backup, own_server.account_dir(account.name))
    own_server.start()
    client = account.connect()
    fill(client, b'second', more)
    assert_found(client, b'first', 3)
    time.sleep(3)
    assert_found(client, b'second', more)
    assert_nothing_of(client, b'lost', 4)
    account.wait_indexed()
    assert_found(client, b'second', more)
