# SPDX-License-Identifier: GPL-3.0-or-later
"""mutt opens a mailbox on a terminal, limits it by a search that the server does, and saves what it sees to a file."""

import mailbox
import os
import pty
import re
import select
import signal
import time

import pytest

from lib.proxy import Proxy
from oracle import corpus, mailtext

CONFIG = '''
set folder="imap://127.0.0.1:{port}/"
set spoolfile="imap://127.0.0.1:{port}/INBOX"
set imap_user="{user}"
set imap_pass="{password}"
set imap_authenticators="login"
set ssl_starttls=no ssl_force_tls=no
set header_cache="" message_cachedir="" postponed="{folder}/postponed" record="" tmpdir="{folder}"
set mbox_type=mbox confirmcreate=no confirmappend=no move=no delete=yes quit=yes copy=yes wait_key=no
set sleep_time=0 read_inc=0 net_inc=0 charset="utf-8" imap_check_subscribed=no mail_check=60 imap_idle=no
unset mark_old
'''


def run_mutt(account, folder, keys, timeout=120, port=None, config_lines=''):
    """Runs mutt on a terminal of its own with keys pushed; returns what it wrote to the screen."""
    config = os.path.join(folder, 'muttrc')
    with open(config, 'w', encoding='utf-8') as f:
        f.write(CONFIG.format(port=port or account.server.port, user=account.name, password=account.password, folder=folder) + config_lines)
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM='xterm', HOME=folder, LC_ALL='C.UTF-8', COLUMNS='100', LINES='40')
        os.execvp('mutt', ['mutt', '-n', '-F', config, '-e', 'push ' + keys])
    screen = bytearray()
    deadline = time.monotonic() + timeout
    try:
        while True:
            ready, _, _ = select.select([fd], [], [], 1)
            if ready:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    break
                if not data:
                    break
                screen += data
            if time.monotonic() > deadline:
                raise AssertionError('mutt does not end; the screen: %r' % bytes(screen[-3000:]))
        os.close(fd)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, bytes(screen[-3000:])
    except BaseException:
        os.kill(pid, signal.SIGKILL)
        raise
    return bytes(screen)


@pytest.fixture
def mail(account):
    """INBOX with 60 real messages; returns {Message-ID: MailText} of those that have one."""
    sample = corpus.sample()
    client = account.connect()
    texts = {}
    for name in sample.names(('ordinary',))[:60]:
        data = sample.octets(name)
        client.append('INBOX', data, ['\\Seen'])
        ids = mailtext.Header(data, 0, True).first(b'message-id')
        assert ids is not None and ids.strip() not in texts
        texts[ids.strip()] = mailtext.MailText(data)
    return texts


def saved(path):
    out = []
    if os.path.exists(path):
        for message in mailbox.mbox(path):
            out.append(message['Message-ID'].strip().encode())
    return sorted(out)


def expected(texts, needle):
    return sorted(i for i, text in texts.items() if text.in_body(mailtext.fold_needle(needle)))


def a_word(texts):
    """A word in some bodies, but not in most."""
    words = sorted({w for t in texts.values() for w in re.findall(rb'[a-z]{6,}', t.body)})
    return next(w.decode() for w in words if 3 <= len(expected(texts, w)) <= 10)


def test_limit_by_a_search_of_the_server(account, mail, tmp_path):
    word = a_word(mail)
    target = tmp_path / 'found'
    with Proxy(account.server.port) as proxy:
        # "=b" lets the server search; the tagged ones are saved to a file; <exit> leaves the mailbox as it is
        run_mutt(account, str(tmp_path), '"<limit>=b %s<enter><tag-pattern>~A<enter><tag-prefix><copy-message>%s<enter><exit>"'
                 % (word, target), port=proxy.port)
    assert any(re.fullmatch(r'UID SEARCH .*BODY "%s".*' % word, c) for c in proxy.commands()), proxy.commands()
    assert saved(str(target)) == expected(mail, word)


def test_limit_by_reading_every_message_finds_the_same_words(account, mail, tmp_path):
    word = a_word(mail)
    target = tmp_path / 'found'
    run_mutt(account, str(tmp_path), '"<limit>~s re:<enter><tag-pattern>~A<enter><tag-prefix><copy-message>%s<enter><exit>"' % target)
    got = saved(str(target))
    assert got and set(got) <= {i for i, t in mail.items() if t.in_field('Subject', b're:')}
    assert word


def test_reading_flagging_and_deleting(account, mail, tmp_path):
    run_mutt(account, str(tmp_path), '"<first-entry><flag-message><next-entry><delete-message><sync-mailbox><quit>"')
    client = account.connect()
    assert client.select('INBOX').exists == len(mail) - 1
    assert len(client.search('FLAGGED')) == 1


def test_coming_back_by_qresync(account, mail, tmp_path):
    """With a header cache mutt asks for what has changed since it was there, and then knows the mailbox as it is."""
    lines = 'set header_cache="%s/cache" imap_condstore=yes imap_qresync=yes\n' % tmp_path
    (tmp_path / 'cache').mkdir()
    with Proxy(account.server.port) as proxy:   # one for both: the cache is that of the port
        come_back(account, tmp_path, proxy, lines)


def come_back(account, tmp_path, proxy, lines):
    run_mutt(account, str(tmp_path), '<quit>', port=proxy.port, config_lines=lines)
    client = account.connect()
    client.select('INBOX')
    ids = {}
    for n, items in client.fetch('1:*', '(BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])').items():
        ids[n] = next(iter(items.values())).split(b':', 1)[1].strip()
    client.store('3,7:9,40', '+FLAGS', ['\\Flagged'])
    client.store('1:2,30,60', '+FLAGS', ['\\Deleted'])
    client.expunge()
    for i in range(2):
        client.append('INBOX', b'Message-ID: <new%d@x>\r\nSubject: new\r\n\r\nx\r\n' % i, ['\\Seen', '\\Flagged'] if i else ['\\Seen'])
    left = sorted([i for n, i in ids.items() if n not in (1, 2, 30, 60)] + [b'<new0@x>', b'<new1@x>'])
    flagged = sorted([ids[n] for n in (3, 7, 8, 9, 40)] + [b'<new1@x>'])
    # the first pattern is every message, the second those that are flagged
    run_mutt(account, str(tmp_path), '"<tag-pattern>~A<enter><tag-prefix><copy-message>%s/all<enter><untag-pattern>~A<enter>'
             '<tag-pattern>~F<enter><tag-prefix><copy-message>%s/flagged<enter><exit>"' % (tmp_path, tmp_path), port=proxy.port, config_lines=lines)
    commands = proxy.commands()
    assert any('ENABLE QRESYNC' in c for c in commands), commands
    assert any(re.fullmatch(r'UID FETCH 1:60 \(FLAGS\) \(CHANGEDSINCE \d+ VANISHED\)', c) for c in commands), commands
    assert saved(str(tmp_path / 'all')) == left
    assert saved(str(tmp_path / 'flagged')) == flagged
