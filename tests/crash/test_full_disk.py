# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk without a free block: what frees space has to work, and nothing may be lost. The mail's root is a small tmpfs."""

import os
import random
import sqlite3
import subprocess

import pytest

from lib import imap

SMALL = b'Subject: small %d\r\n\r\n' + b'x' * 100 + b'\r\n'


@pytest.fixture
def small_disk(make_server):
    """A server whose mail is on a file system of its own, of so many MB."""
    mounted = []

    def make(megabytes):
        server = make_server(start=False)
        done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=%dm,mode=0700' % megabytes, 'mailsift-test', server.mail_root],
                              stderr=subprocess.PIPE, check=False)
        if done.returncode != 0:
            pytest.skip('a small file system cannot be mounted here: %s' % done.stderr.decode().strip())
        mounted.append(server)
        server.add_user('full', 'secret')
        return server.start()
    yield make
    for server in mounted:
        server.kill()
        subprocess.run(['umount', '-l', server.mail_root], check=True)


def fill(server):
    """Not one block is left. Returns the path of what took them."""
    path = os.path.join(server.mail_root, 'filler')
    with open(path, 'ab', buffering=0) as f:
        try:
            while True:
                f.write(b'\0' * 4096)
        except OSError:
            pass
    left = os.statvfs(server.mail_root)
    assert left.f_bavail == 0
    return path


def expunge_changes(server):
    """The modseqs of what was expunged: one for each transaction."""
    database = sqlite3.connect('file:%s?mode=ro' % os.path.join(server.mail_root, 'full', 'mailsift.db'), uri=True)
    try:
        return {row[0] for row in database.execute('SELECT modseq FROM expunged')}
    finally:
        database.close()


def append_many(client, mailbox, n):
    for first in range(0, n, 500):
        client.cmd('APPEND ' + mailbox, *[imap.Literal(SMALL % i, sync=False) for i in range(first, min(n, first + 500))])


def test_one_message_can_be_deleted_on_a_full_disk(small_disk):
    server = small_disk(8)
    client = server.login('full', 'secret')
    for i in range(3):
        client.append('INBOX', SMALL % i)
    client.select()
    client.sync_uids()
    fill(server)
    refused = client.expect('NO', 'APPEND INBOX', imap.Literal(SMALL % 9))
    assert refused.has_code('OVERQUOTA')
    client.store('2', '+FLAGS', ['\\Deleted'])
    client.expunge()
    assert client.uids == [1, 3]
    fill(server)
    # With the same disk as full, after a restart.
    client.logout()
    server.stop()
    fill(server)
    server.start()
    client = server.login('full', 'secret')
    assert client.select().exists == 2
    client.store('1', '+FLAGS', ['\\Deleted'])
    client.expunge()
    got = client.fetch('1', '(UID BODY.PEEK[])')
    assert got[1]['UID'] == 3 and got[1]['BODY[]'] == SMALL % 2
    os.unlink(os.path.join(server.mail_root, 'filler'))
    client.append('INBOX', SMALL % 5)
    assert client.select().exists == 2
    client.logout()


def test_many_messages_can_be_deleted_on_a_full_disk(small_disk):
    server = small_disk(32)
    client = server.login('full', 'secret')
    append_many(client, 'INBOX', 3000)
    client.create('other')
    append_many(client, 'other', 1000)
    client.select()
    client.sync_uids()
    gone = sorted(random.sample(range(1, 3001), 1500))
    for first in range(0, len(gone), 250):
        client.store(imap.format_set(gone[first:first + 250]), '+FLAGS.SILENT', ['\\Deleted'])
    client.logout()
    server.stop()
    # The space that earlier transactions have left in the database's log is not to count.
    database = sqlite3.connect(os.path.join(server.mail_root, 'full', 'mailsift.db'))
    assert database.execute('PRAGMA wal_checkpoint(TRUNCATE)').fetchone()[0] == 0
    database.close()
    fill(server)
    server.start()
    client = server.login('full', 'secret')
    client.select()
    client.sync_uids()
    client.expunge()
    assert len(expunge_changes(server)) > 2, 'one transaction was enough: the disk is not as full as it should be'
    left = [uid for uid in range(1, 3001) if uid not in set(gone)]
    assert client.uids == left
    fill(server)
    client.cmd('DELETE other')
    assert client.cmd('LIST "" "other"').all('LIST') == []
    assert client.select().exists == 1500
    os.unlink(os.path.join(server.mail_root, 'filler'))
    client.logout()
    server.stop()
    server.start()
    client = server.login('full', 'secret')
    assert client.select().exists == 1500
    client.sync_uids()
    assert client.uids == left
    client.logout()
