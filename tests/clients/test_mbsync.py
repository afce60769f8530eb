# SPDX-License-Identifier: GPL-3.0-or-later
"""mbsync (isync) fetches an account completely, then what is new; flags, new mail and deletions go both ways."""

import hashlib
import os
import re
import subprocess

import pytest

from lib import imap
from lib.proxy import Proxy
from oracle import corpus

CONFIG = '''
IMAPAccount test
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
SSLType None
AuthMechs LOGIN

IMAPStore remote
Account test

MaildirStore local
Path {local}/
Inbox {local}/INBOX
SubFolders Verbatim

Channel all
Far :remote:
Near :local:
Patterns *
Create Near
Sync All
Expunge Both
SyncState *
'''


def lf(data):
    """As mbsync stores it: without any CR. And without the field by which it finds again what it stored."""
    return re.sub(rb'(?m)^X-TUID: [^\n]*\n', b'', data.replace(b'\r', b''), count=1)


def digest(data):
    return hashlib.sha256(lf(data)).hexdigest()


def has_whole_header(data):
    """mbsync leaves out messages whose header does not end."""
    return re.search(rb'\n\n|^\n', data.replace(b'\r', b'')) is not None


class Mbsync:
    def __init__(self, account, folder):
        self.account = account
        self.local = os.path.join(folder, 'local')
        self.config = os.path.join(folder, 'mbsyncrc')
        os.mkdir(self.local)

    def run(self):
        """Returns the commands that went over the wire."""
        with Proxy(self.account.server.port) as proxy:
            with open(self.config, 'w', encoding='utf-8') as f:
                f.write(CONFIG.format(port=proxy.port, user=self.account.name, password=self.account.password, local=self.local))
            done = subprocess.run(['mbsync', '-c', self.config, '-a'], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  errors='replace', timeout=170, check=False)
        problems = [line for line in done.stdout.splitlines() if 'incomplete header' not in line and line.startswith(('Error', 'IMAP error', 'Warn'))]
        assert not problems, done.stdout
        assert done.returncode in (0, 1), done.stdout   # 1: some messages had no whole header
        return proxy.commands()

    def files(self, mailbox):
        """path -> octets"""
        out = {}
        for sub in ('cur', 'new'):
            folder = os.path.join(self.local, mailbox, sub)
            for name in os.listdir(folder):
                with open(os.path.join(folder, name), 'rb') as f:
                    out[os.path.join(folder, name)] = f.read()
        return out


@pytest.fixture
def mbsync(account, tmp_path):
    return Mbsync(account, str(tmp_path))


def test_the_whole_sample_comes_over_and_then_only_what_is_new(mbsync, account):
    sample = corpus.sample()
    client = account.connect()
    client.create('Folder/Inner')
    expected = {'INBOX': [], 'Folder/Inner': []}
    names = [n for n in sample.names() if sample.octets(n)]
    for i, name in enumerate(names):
        box = 'Folder/Inner' if i % 10 == 0 else 'INBOX'
        data = sample.octets(name)
        if b'\0' in data:
            continue
        client.append(box, data, ['\\Flagged'] if i % 7 == 0 else [])
        if has_whole_header(data):
            expected[box].append(digest(data))
    mbsync.run()
    for box, digests in expected.items():
        got = sorted(digest(data) for data in mbsync.files(box).values())
        assert got == sorted(digests), '%s: %d of %d' % (box, len(got), len(digests))
    flagged = [path for path in mbsync.files('INBOX') if re.search(':2,[A-Z]*F', path)]
    assert len(flagged) > 50

    # again: nothing comes
    before = {box: mbsync.files(box) for box in expected}
    commands = mbsync.run()
    assert not [c for c in commands if 'BODY' in c.upper() and 'FETCH' in c.upper() and 'HEADER' not in c.upper()], commands
    assert {box: mbsync.files(box) for box in expected} == before

    # new mail there, and only that is fetched
    new = b'Subject: new\r\n\r\nnew mail\r\n'
    client.append('INBOX', new)
    commands = mbsync.run()
    assert digest(new) in {digest(data) for data in mbsync.files('INBOX').values()}
    assert len(mbsync.files('INBOX')) == len(before['INBOX']) + 1


def test_flags_new_mail_and_deletions_go_both_ways(mbsync, account):
    client = account.connect()
    messages = [b'Subject: m%d\r\n\r\nmessage %d\r\n' % (i, i) for i in range(6)]
    uids = [client.append('INBOX', data) for data in messages]
    mbsync.run()

    def path_of(data):
        return next(path for path, octets in mbsync.files('INBOX').items() if lf(octets) == lf(data))

    def local_flags(data):
        m = re.search(':2,([A-Z]*)$', path_of(data))
        return set(m[1]) if m else set()

    def set_local_flags(data, flags):
        path = path_of(data)
        name = os.path.basename(path).split(':2,')[0]
        os.rename(path, os.path.join(mbsync.local, 'INBOX', 'cur', name + ':2,' + flags))
    # from the server
    client.select('INBOX')
    client.store(uids[0], '+FLAGS', ['\\Seen', '\\Answered'], uid=True)
    client.store(uids[1], '+FLAGS', ['\\Flagged'], uid=True)
    # from here
    set_local_flags(messages[2], 'FS')
    set_local_flags(messages[3], 'ST')
    added = b'Subject: added\n\nwritten here\n'
    with open(os.path.join(mbsync.local, 'INBOX', 'new', '1700000000.1_1.here'), 'wb') as f:
        f.write(added)
    mbsync.run()
    assert local_flags(messages[0]) == {'S', 'R'} and local_flags(messages[1]) == {'F'}
    client.noop()
    got = client.fetch('1:*', '(UID FLAGS BODY.PEEK[])')
    by_uid = {items['UID']: items for items in got.values()}
    assert {'\\Seen', '\\Flagged'} == set(by_uid[uids[2]]['FLAGS']) - {'\\Recent'}
    assert uids[3] not in by_uid, 'deleted here, expunged there'
    assert any(lf(items['BODY[]']).endswith(b'\n\nwritten here\n') for items in by_uid.values())
    # deleted there, gone here
    client.store(uids[4], '+FLAGS', ['\\Deleted'], uid=True)
    client.expunge(str(uids[4]))
    mbsync.run()
    assert lf(messages[4]) not in map(lf, mbsync.files('INBOX').values())
    assert client.uid_search('TEXT', imap.Quoted('written here'))
