# SPDX-License-Identifier: GPL-3.0-or-later
"""The mailboxes that are measured: made by scale.py, kept in a folder from run to run (MAILSIFT_BENCH_DIR, else bench-data in the
build folder), served by mailsift from hard links."""

import os
import shutil
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import scale  # noqa: E402 (tests/ and this folder have to be in the path first)
from lib import harness  # noqa: E402

USER, PASSWORD = 'bench', 'secret'


def folder_of(n):
    root = os.environ.get('MAILSIFT_BENCH_DIR') or os.path.join(harness.build_dir(), 'bench-data')
    return os.path.join(root, '%d' % n)


def link_tree(source, target, copied=()):
    """Hard links where the file system lets us, else copies; copies of files of these names."""
    def put(a, b):
        try:
            if os.path.basename(b) in copied:
                raise OSError
            os.link(a, b)
        except OSError:
            shutil.copy2(a, b)
    shutil.copytree(source, target, copy_function=put)


def maildir(n):
    """The Maildir of n messages; made if it is not there."""
    path = os.path.join(folder_of(n), 'Maildir')
    if not os.path.isdir(path):
        print('making %s ...' % path, flush=True)
        shutil.rmtree(path + '.new', ignore_errors=True)
        scale.make(path + '.new', n)
        os.rename(path + '.new', path)
    return path


def files(n):
    """Paths in the order of UIDs: the message at i has UID i + 1."""
    path = os.path.join(maildir(n), 'cur')
    names = os.listdir(path)
    out = [None] * n
    for name in names:
        out[int(name[name.index('.M') + 2:][:7])] = os.path.join(path, name)
    assert None not in out, '%s has not all messages: remove it' % path
    return out


def mail_bytes(n):
    return sum(os.path.getsize(path) for path in files(n))


def server(n, settings=None):
    """A harness.Server, not started, of which INBOX of user "bench" has these messages; they are admitted (have their rows) when it
    is returned for the first time. The index is as it was left."""
    source = maildir(n)
    root = os.path.join(folder_of(n), 'mailsift')
    if not os.path.exists(os.path.join(root, 'complete')):
        shutil.rmtree(root, ignore_errors=True)
        new = harness.Server(root)
        link_tree(source, new.maildir(USER))
        new.add_user(USER, PASSWORD)
        print('letting mailsift take over %d messages ...' % n, flush=True)
        new.configure({'index': {'indexer_path': '/bin/false'}})
        new.start()
        client = new.login(USER, PASSWORD, timeout=3600)
        box = client.select('INBOX')
        assert box.exists == n, 'INBOX has %s messages' % box.exists
        client.logout()
        new.stop()
        new.remove_index(USER)
        with open(os.path.join(root, 'complete'), 'w', encoding='ascii'):
            pass
    return harness.Server(root, settings=settings)
