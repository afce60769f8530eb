# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a crash, or another program, left in a Maildir: in tmp/ they are swept when old; in new/ and cur/ they are mail."""

import os
import time

from lib import imap

MESSAGE = b'Subject: orphan %d\r\n\r\nword%dorphan\r\n'


def put(folder, name, data, age_s=0):
    path = os.path.join(folder, name)
    with open(path, 'wb') as f:
        f.write(data)
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    return path


def test_old_files_in_tmp_are_swept_and_young_ones_stay(own_server, make_account):
    account = make_account(own_server)
    client = account.connect()
    client.append('INBOX', b'Subject: x\r\n\r\ny\r\n')
    tmp = os.path.join(own_server.maildir(account.name), 'tmp')
    old = put(tmp, '1000000000.old.host', MESSAGE % (1, 1), age_s=10 * 86400)
    young = put(tmp, '%d.young.host' % time.time(), MESSAGE % (2, 2))
    own_server.kill()
    own_server.start()
    client = account.connect()
    assert client.select('INBOX').exists == 1
    deadline = time.monotonic() + 10
    while os.path.exists(old):
        assert time.monotonic() < deadline, 'a file of ten days is still in tmp/'
        time.sleep(0.05)
    assert os.path.exists(young), 'another program may still be writing it'


def test_files_in_cur_that_no_database_knows_are_admitted_after_a_crash(own_server, make_account):
    account = make_account(own_server)
    client = account.connect()
    first = client.append('INBOX', b'Subject: x\r\n\r\ny\r\n')
    own_server.kill()
    cur = os.path.join(own_server.maildir(account.name), 'cur')
    path = put(cur, '1000000001.orphan.host:2,FS', MESSAGE % (3, 3))
    own_server.start()
    client = account.connect()
    assert client.select('INBOX').exists == 2
    uids = client.uid_search('BODY word3orphan')
    assert len(uids) == 1 and uids[0] > first
    got = client.fetch(str(uids[0]), '(FLAGS BODY.PEEK[])', uid=True)[uids[0]]
    assert got['BODY[]'] == MESSAGE % (3, 3)
    assert {'\\Flagged', '\\Seen'} <= set(got['FLAGS'])
    names = os.listdir(cur)
    assert any(name.startswith('1000000001.orphan.host') for name in names), (path, names)


def test_mail_in_new_is_told_to_an_open_session_and_found(own_server, make_account):
    account = make_account(own_server)
    client = account.connect()
    client.select('INBOX')
    client.idle()
    root = own_server.maildir(account.name)
    path = put(os.path.join(root, 'tmp'), '1700000000.drop.host', MESSAGE % (4, 4))
    begun = time.monotonic()
    os.rename(path, os.path.join(root, 'new', os.path.basename(path)))
    client.wait_untagged('EXISTS', timeout=10)
    assert time.monotonic() - begun < 3
    client.done()
    assert client.search('BODY word4orphan') == [1]
    assert client.search('HEADER Subject', imap.Quoted('orphan 4')) == [1]


def test_a_message_whose_file_was_taken_away_does_not_stop_the_rest(own_server, make_account):
    account = make_account(own_server)
    client = account.connect()
    client.append('INBOX', MESSAGE % (5, 5))
    keep = client.append('INBOX', MESSAGE % (6, 6))
    cur = os.path.join(own_server.maildir(account.name), 'cur')
    victim = next(os.path.join(cur, n) for n in os.listdir(cur)
                  if b'word5orphan' in open(os.path.join(cur, n), 'rb').read())
    own_server.kill()
    os.unlink(victim)
    own_server.start()
    client = account.connect()
    client.select('INBOX')
    assert keep in client.uid_search('BODY orphan')
    got = client.fetch(str(keep), '(BODY.PEEK[])', uid=True)
    assert got[keep]['BODY[]'] == MESSAGE % (6, 6)
    client.noop()
