# SPDX-License-Identifier: GPL-3.0-or-later
"""mailsift, the command line: every command with good and bad words, with the server running and not. Exit statuses are those of mailsift(1)."""

import json
import os
import pty
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest

from lib import harness, imap

OK, FAILED, USAGE, NOT_FOUND, UNREACHABLE = range(5)
COMMANDS = ['user', 'account', 'import', 'text', 'check', 'reindex', 'jobs', 'stats', 'config']
LIMIT_PASSWORD = 1024


@pytest.fixture
def site(make_server):
    """A server that does not run yet."""
    return make_server(start=False)


def run(site, status, *words, stdin=None, says=None):
    """Runs mailsift; its exit status must be `status`, and what it complains of match `says`. Returns its stdout."""
    done = site.mailsift(*words, ok=False, stdin=stdin)
    assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
    if says is not None:
        assert re.search(says, done.stderr), done.stderr
    if status == OK:
        assert done.stderr == ''
    else:
        assert done.stderr != '' or words[0] == 'check'
        for line in done.stderr.splitlines():
            assert line.startswith(('mailsift: ', 'usage: ', 'mailsift import: ')) or not line or line.startswith('/'), done.stderr
    return done.stdout


def run_json(site, status, *words, **more):
    return json.loads(run(site, status, *words, '--json', **more))


def write_mail(folder, n, first=0, text='text of number'):
    os.makedirs(folder, exist_ok=True)
    for i in range(first, first + n):
        with open(os.path.join(folder, '%04d.eml' % i), 'w', encoding='utf-8') as f:
            f.write('Received: by x; 1 Jan 2020 00:00:%02d +0000\nSubject: number %d\n\n%s %d\n' % (i % 60, i, text, i))
    return str(folder)


def add_user(site, name='ann', password='secret of ann'):
    run(site, OK, 'user', 'add', name, '--password-stdin', stdin=password + '\n')


# --- the program itself ---

def test_help_and_version_are_on_stdout(site):
    for word in ('-h', '--help'):
        out = run(site, OK, word)
        for command in COMMANDS:
            assert re.search(r'^  %s +\w' % command, out, re.M)
        for command in COMMANDS:
            out = run(site, OK, command, word)
            assert out.startswith('usage: mailsift %s' % command)
    for word in ('-V', '--version'):
        assert re.fullmatch(r'mailsift \d+\.\d+\.\d+\S*\n', run(site, OK, word))


@pytest.mark.parametrize('words,says', [
    ([], 'usage'), (['nonsense'], 'no command nonsense'), (['--nonsense'], 'nonsense'), (['-x'], 'usage'),
    (['user'], 'add, passwd'), (['user', 'nonsense'], 'no such command'), (['user', 'add'], 'which user'),
    (['user', 'add', 'a', 'b'], 'which user'), (['user', 'list', 'x'], 'takes no name'), (['user', 'add', 'ann', '--nonsense'], 'usage'),
    (['account'], 'list, create'), (['account', 'nonsense'], 'no such command'), (['account', 'create'], 'which account'),
    (['account', 'list', 'x'], 'takes no name'), (['account', 'delete', 'ann'], '--yes'),
    (['import'], 'needed'), (['import', 'ann', 'INBOX'], 'needed'), (['import', '--nonsense', 'a', 'b', 'c'], 'usage'),
    (['text', 'ann', 'INBOX'], 'needed'), (['text', 'ann', 'INBOX', 'x'], 'no UID'), (['text', 'ann', 'INBOX', '0'], 'no UID'),
    (['text', 'ann', 'INBOX', '4294967296'], 'no UID'), (['text', 'ann', 'INBOX', '-1'], 'usage'),
    (['check'], 'which account'), (['check', '-A', 'ann'], 'all accounts'),
    (['reindex'], 'which account'), (['reindex', '-A', 'ann'], 'all accounts'), (['reindex', 'a', 'b', 'c'], 'which account'),
    (['jobs', 'x'], "no job's number"), (['jobs', '0'], "no job's number"), (['jobs', 'cancel'], 'which job'),
    (['jobs', 'cancel', 'x'], "no job's number"), (['jobs', '1', '2'], 'one job'), (['jobs', 'cancel', '1', '2'], 'which job'),
    (['stats', 'a', 'b'], 'one account'), (['config', 'x'], 'no arguments'), (['config', '--nonsense'], 'usage'),
], ids=lambda value: ' '.join(value) or 'nothing' if isinstance(value, list) else '')
def test_wrong_words_are_status_2(site, words, says):
    done = site.mailsift(*words, ok=False)
    assert done.returncode == USAGE
    assert done.stdout == ''
    assert re.search(says, done.stderr), done.stderr
    assert 'usage: mailsift' in done.stderr or '--help' in done.stderr or '--yes' in done.stderr


def test_a_bad_configuration_is_status_2_with_its_lines(site):
    with open(site.config_path, 'a', encoding='ascii') as f:
        f.write('[server]\nnonsense = 1\nmore = 2\n')
    for command in (['user', 'list'], ['stats'], ['config']):
        run(site, USAGE, *command, says=r'mailsiftd\.conf:\d+: ')
        lines = site.mailsift(*command, ok=False).stderr.splitlines()
        assert len(lines) >= 2 and all(line.startswith('mailsift: ') for line in lines), lines
    # A command that wants arguments says so first.
    done = site.mailsift('user', ok=False)
    assert done.returncode == USAGE and done.stderr.startswith('usage: mailsift user ') and 'nonsense' not in done.stderr
    os.unlink(site.config_path)
    run(site, USAGE, 'config', says='No such file')


def test_config_shows_what_counts(site):
    text = run(site, OK, 'config')
    assert 'mail_root = ' + site.mail_root in text
    verbose = run(site, OK, 'config', '-v')
    assert verbose.count('#') > text.count('#')
    value = run_json(site, OK, 'config')
    assert value['store']['mail_root'] == site.mail_root
    assert value['server']['listen_imap'] == '127.0.0.1:%d' % site.port
    # What is shown is a configuration.
    with open(site.config_path, 'w', encoding='utf-8') as f:
        f.write(text)
    assert run(site, OK, 'config') == text


# --- users and accounts ---

def test_users_come_change_and_go(site):
    assert run(site, OK, 'user', 'list') == ''
    assert run_json(site, OK, 'user', 'list') == []
    add_user(site, 'zoe', 'zoes secret')
    add_user(site, 'ann', 'anns secret')
    add_user(site, 'j\u00f6rg@example.org', 'j\u00f6rgs \u2713 secret')
    assert run(site, OK, 'user', 'list').split() == ['ann', 'j\u00f6rg@example.org', 'zoe']
    assert run_json(site, OK, 'user', 'list') == ['ann', 'j\u00f6rg@example.org', 'zoe']
    assert run(site, OK, 'account', 'list').split() == ['ann', 'j\u00f6rg@example.org', 'zoe']
    run(site, FAILED, 'user', 'add', 'ann', '--password-stdin', stdin='other\n', says='exists')
    run(site, NOT_FOUND, 'user', 'passwd', 'bob', '--password-stdin', stdin='other\n', says='no user bob')
    run(site, NOT_FOUND, 'user', 'delete', 'bob', says='no user bob')
    site.start()
    for user, password in (('ann', 'anns secret'), ('zoe', 'zoes secret')):
        site.login(user, password).close()
    # A change counts from the next login on.
    run(site, OK, 'user', 'passwd', 'ann', '--password-stdin', stdin='new secret\n')
    site.login('ann', 'new secret').close()
    with pytest.raises(imap.CommandFailed):
        site.login('ann', 'anns secret')
    run(site, OK, 'user', 'delete', 'ann')
    with pytest.raises(imap.CommandFailed):
        site.login('ann', 'new secret')
    assert 'ann' in run(site, OK, 'account', 'list').split()
    run(site, OK, 'user', 'delete', 'zoe', '--with-mail')
    assert run(site, OK, 'user', 'list').split() == ['j\u00f6rg@example.org']
    assert 'zoe' not in run(site, OK, 'account', 'list').split()
    assert not os.path.exists(site.account_dir('zoe'))


@pytest.mark.parametrize('name', ['', '..', '.hidden', 'a/b', 'a:b', 'a\nb', 'x' * 300], ids=repr)
def test_names_that_cannot_be_are_refused_before_the_password(site, name):
    done = site.mailsift('user', 'add', name, '--password-stdin', ok=False, stdin='secret\n')
    assert done.returncode == USAGE, done
    if name != 'a:b':       # a colon ends a name in the file of passwords only
        run(site, USAGE, 'account', 'create', name)
    assert os.listdir(site.mail_root) == []
    assert run(site, OK, 'user', 'list') == ''


@pytest.mark.parametrize('stdin,says', [('', 'empty'), ('\n', 'empty'), ('x' * (LIMIT_PASSWORD + 1) + '\n', 'longer than'),
                                        ('x' * 100000, 'longer than')], ids=['nothing', 'empty', 'long', 'very-long'])
def test_passwords_that_cannot_be_are_refused(site, stdin, says):
    run(site, FAILED, 'user', 'add', 'ann', '--password-stdin', stdin=stdin, says=says)
    assert run(site, OK, 'user', 'list') == ''
    assert not os.path.exists(site.account_dir('ann'))


def test_only_the_line_is_the_password(site):
    run(site, OK, 'user', 'add', 'ann', '--password-stdin', stdin='secret\r\nmore\n')
    run(site, OK, 'user', 'add', 'bob', '--password-stdin', stdin=' no line end ')
    site.start()
    site.login('ann', 'secret').close()
    site.login('bob', ' no line end ').close()


def on_terminal(site, words, answers):
    """Runs mailsift on a terminal of its own; returns (status, what it wrote there)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execv(harness.program('mailsift'), ['mailsift', '-c', site.config_path, *words])
    seen = b''
    answers = list(answers)
    while True:
        try:
            data = os.read(fd, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        while answers and answers[0][0] in seen:
            os.write(fd, answers.pop(0)[1])
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode()


def test_a_password_is_asked_for_twice_and_not_shown(site):
    status, seen = on_terminal(site, ['user', 'add', 'ann'], [(b'New password: ', b'top secret\n'), (b'Once more: ', b'top secret\n')])
    assert status == OK, seen
    assert 'secret' not in seen
    status, seen = on_terminal(site, ['user', 'passwd', 'ann'], [(b'New password: ', b'one thing\n'), (b'Once more: ', b'another\n')])
    assert status == FAILED
    assert 'differ' in seen
    site.start()
    site.login('ann', 'top secret').close()
    # Without a terminal it says how else.
    done = subprocess.run([harness.program('mailsift'), '-c', site.config_path, 'user', 'passwd', 'ann'], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, check=False, text=True)
    assert done.returncode == FAILED
    assert '--password-stdin' in done.stderr


def test_accounts_come_and_go_while_the_server_runs(site):
    site.start()
    assert run_json(site, OK, 'account', 'list') == []
    run(site, OK, 'account', 'create', 'ann')
    run(site, FAILED, 'account', 'create', 'ann', says='ann')
    run(site, OK, 'user', 'add', 'ann', '--password-stdin', stdin='secret\n')   # the mail that is there is kept
    with site.login('ann', 'secret') as client:
        client.append('INBOX', b'Subject: x\r\n\r\ny\r\n')
    assert run_json(site, OK, 'account', 'list') == ['ann']
    run(site, NOT_FOUND, 'account', 'delete', 'bob', '--yes')
    run(site, OK, 'account', 'delete', '--yes', 'ann')
    assert run_json(site, OK, 'account', 'list') == []
    assert not os.path.exists(site.account_dir('ann'))


# --- import and text ---

def test_import_takes_files_folders_maildirs_and_mboxes(site, tmp_path):
    add_user(site)
    folder = write_mail(tmp_path / 'folder', 3)
    mbox = tmp_path / 'old.mbox'
    mbox.write_text('From a@b Thu Nov 24 18:22:48 2011\nSubject: first\nStatus: RO\n\n>From here\n\n'
                    'From c@d Fri Nov 25 18:22:48 2011\nSubject: second\nX-Status: AF\n\nend\n')
    for part in ('cur', 'new', 'tmp', '.Sent/cur', '.Sent/new'):
        (tmp_path / 'M' / part).mkdir(parents=True)
    (tmp_path / 'M/cur/1.x:2,FS').write_text('Subject: in cur\n\n')
    (tmp_path / 'M/new/2.x').write_text('Subject: in new\n\n')
    (tmp_path / 'M/tmp/3.x').write_text('Subject: in tmp\n\n')
    (tmp_path / 'M/.Sent/cur/4.x').write_text('Subject: in Sent\n\n')
    (tmp_path / 'M/dovecot-uidlist').write_text('3 V1 N1\n')
    assert run(site, OK, 'import', 'ann', 'inbox', folder, str(mbox), str(tmp_path / 'M')) == '7 messages imported, 0 left out\n'
    assert run(site, OK, 'import', '-q', 'ann', 'Archive/2011', str(mbox)) == ''
    assert run_json(site, OK, 'import', 'ann', '\u00dcber', folder) == {'imported': 3, 'skipped': 0}
    site.start()
    with site.login('ann', 'secret of ann') as client:
        box = client.select('INBOX')
        assert box.exists == 7
        mail = client.fetch('1:*', '(FLAGS INTERNALDATE BODY.PEEK[HEADER.FIELDS (SUBJECT)] BODY.PEEK[TEXT])')
        subjects = [mail[n]['BODY[HEADER.FIELDS (SUBJECT)]'].split(b'\r\n')[0][9:].decode() for n in range(1, 8)]
        assert subjects == ['number 0', 'number 1', 'number 2', 'first', 'second', 'in cur', 'in new']
        flags = [set(mail[n]['FLAGS']) - {'\\Recent'} for n in range(1, 8)]
        assert flags == [set(), set(), set(), {'\\Seen'}, {'\\Answered', '\\Flagged'}, {'\\Flagged', '\\Seen'}, set()]
        assert mail[2]['INTERNALDATE'] == b' 1-Jan-2020 00:00:01 +0000'
        assert mail[4]['INTERNALDATE'] == b'24-Nov-2011 18:22:48 +0000'
        assert mail[4]['BODY[TEXT]'] == b'From here\r\n'
        assert client.select('Archive/2011').exists == 2
        assert client.select('&ANw-ber').exists == 3


def test_import_leaves_out_what_is_empty_or_too_large_and_says_so(site, tmp_path):
    site.configure({'limits': {'append_limit': '64k'}})
    add_user(site)
    folder = write_mail(tmp_path / 'folder', 2)
    (tmp_path / 'folder/0000a.eml').write_text('')
    (tmp_path / 'folder/0000b.eml').write_text('Subject: x\n\n' + 'y' * 70000)
    out = run(site, FAILED, 'import', 'ann', 'INBOX', folder, says='(?s)0000a.eml: empty.*0000b.eml: larger')
    assert out == '2 messages imported, 2 left out\n'
    site.start()
    with site.login('ann', 'secret of ann') as client:
        assert client.select('INBOX').exists == 2


def test_import_says_what_cannot_be_done(site, tmp_path):
    folder = write_mail(tmp_path / 'folder', 2)
    run(site, NOT_FOUND, 'import', 'nobody', 'INBOX', folder, says='no such account')
    add_user(site)
    out = run(site, FAILED, 'import', 'ann', 'INBOX', folder, str(tmp_path / 'nothing'), says='nothing: No such file')
    assert out == '2 messages imported, 0 left out\n'      # what came before stays
    run(site, FAILED, 'import', 'ann', 'INBOX', '/dev/null', says='neither a file nor a folder')
    run(site, USAGE, 'import', 'ann', 'a//b', folder)
    run(site, USAGE, 'import', 'ann', '', folder)
    site.start()
    with site.login('ann', 'secret of ann') as client:
        assert client.select('INBOX').exists == 2


def test_an_import_is_seen_by_clients_at_once(site, tmp_path):
    """Through the database of a running server: EXISTS comes, searches find it, the index takes it up."""
    add_user(site)
    site.start()
    folder = write_mail(tmp_path / 'folder', 250)
    with site.login('ann', 'secret of ann') as client, site.login('ann', 'secret of ann') as idler:
        client.select('INBOX')
        idler.select('INBOX')
        idler.idle()
        run(site, OK, 'import', 'ann', 'INBOX', folder)
        assert client.uid_search('SUBJECT "number 24"') == [25, *range(241, 251)]
        assert client.exists == 250
        end = time.monotonic() + 10
        while idler.exists < 250:
            assert time.monotonic() < end, idler.exists
            idler.wait_untagged('EXISTS', timeout=10)
        idler.done()
        assert site.wait_indexed('ann')['documents'] == 250
        assert client.uid_search('BODY "of number 24"') == [25, *range(241, 251)]
        # And the other way round: what a client appends is there for the command line.
        uid = client.append('INBOX', b'Subject: appended\r\n\r\nby a client\r\n')
        assert 'by a client' in run(site, OK, 'text', 'ann', 'INBOX', str(uid))


def test_text_shows_what_search_sees(site, tmp_path):
    add_user(site)
    path = tmp_path / 'one.eml'
    path.write_bytes(b'Subject: =?utf-8?q?Caf=C3=A9?=\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n'
                     b'Content-Type: text/html\n\n<p>Hello <b>wor</b>ld &amp; all\n--b\nContent-Type: text/plain; name=note.txt\n\nNote\n--b--\n')
    run(site, OK, 'import', 'ann', 'INBOX', str(path))
    out = run(site, OK, 'text', 'ann', 'INBOX', '1')
    assert out.startswith('email 1, not in the index\n')
    before = run_json(site, OK, 'text', 'ann', 'INBOX', '1')
    assert before['from_index'] is False
    site.start()
    site.wait_indexed('ann')
    after = run_json(site, OK, 'text', 'ann', 'INBOX', '1')
    assert after['from_index'] is True
    for text in (before, after):
        assert text['email'] == 1
        assert 'hello world & all' in text['body'].lower()
        assert 'note.txt' in text['parts'].lower()
        assert 'cafe\u0301' in text['header'].lower()
    assert before['body'] == after['body']
    assert before['parts'] == after['parts']
    assert sorted(before['header'].split('\n')) == sorted(after['header'].split('\n'))
    run(site, NOT_FOUND, 'text', 'ann', 'INBOX', '2', says='UID 2')
    run(site, NOT_FOUND, 'text', 'ann', 'Nowhere', '1')
    run(site, NOT_FOUND, 'text', 'bob', 'INBOX', '1')


# --- what asks the running server ---

def test_without_a_server_they_say_so(site):
    add_user(site)
    for words in (['reindex', 'ann'], ['reindex', '-A'], ['jobs'], ['jobs', '1'], ['jobs', 'cancel', '1'], ['stats'], ['stats', 'ann']):
        for more in ([], ['--json']):
            assert run(site, UNREACHABLE, *words, *more, says='does not answer at 127.0.0.1:%d: ' % site.http_port) == ''
    site.configure({'http': {'listen': ''}})
    run(site, UNREACHABLE, 'stats', says='nowhere to ask')
    site.configure({'http': {'listen': 'unix:%s/nothing' % site.root}})
    run(site, UNREACHABLE, 'stats', says='does not answer at unix:')


def test_who_answers_must_be_mailsiftd(site):
    site.configure({'http': {'listen': ''}})
    site.start()
    site.configure({'http': {'listen': '127.0.0.1:%d' % site.port}})     # IMAP answers there
    run(site, UNREACHABLE, 'stats', says='no mailsiftd')


def test_tokens_that_do_not_help_are_told(site):
    site.start()
    run(site, OK, 'stats')
    good = site.token_path
    for content, says in (('another-token-0123456789\n', 'a bearer token'), ('', 'no token in it'), ('# only a comment\n', 'no token in it')):
        site._write(os.path.join(site.root, 'other'), content)
        site.configure({'http': {'token_file': os.path.join(site.root, 'other')}})
        run(site, FAILED, 'stats', says=says)
    site.configure({'http': {'token_file': os.path.join(site.root, 'nothing')}})
    run(site, FAILED, 'stats', says='nothing.*No such file')
    site.configure({'http': {'token_file': None}})
    run(site, FAILED, 'stats', says='no .http. token_file')
    site.configure({'http': {'token_file': good}})
    run(site, OK, 'stats')


def test_the_server_is_asked_by_a_unix_socket(site):
    site.configure({'http': {'listen': 'unix:%s/http.sock, 127.0.0.1:%d' % (site.root, site.http_port)}})
    add_user(site)
    site.start()
    assert run_json(site, OK, 'stats')['accounts'] == 1
    assert run_json(site, OK, 'stats', 'ann')['account'] == 'ann'


def test_stats(site, tmp_path):
    add_user(site)
    add_user(site, 'j\u00f6rg s/'.rstrip('/'))
    run(site, OK, 'import', 'ann', 'INBOX', write_mail(tmp_path / 'folder', 5))
    site.start()
    site.wait_indexed('ann')
    lines = dict(line.split(None, 1) for line in run(site, OK, 'stats').splitlines())
    assert lines['messages'] == lines['indexed'] == lines['documents'] == '5'
    assert lines['accounts'] == '2'
    assert lines['indexer.running'] == 'true'
    value = run_json(site, OK, 'stats')
    assert value['messages'] == 5
    assert set(value) == set(site.get_json('/v1/stats'))
    assert run_json(site, OK, 'stats', 'ann') == site.account_state('ann')
    assert run_json(site, OK, 'stats', 'j\u00f6rg s')['messages'] == 0
    run(site, NOT_FOUND, 'stats', 'nobody', says='no such account')
    run(site, NOT_FOUND, 'stats', '..')
    run(site, NOT_FOUND, 'stats', 'a/b')


def test_reindex_waits_and_tells(site, tmp_path):
    add_user(site)
    add_user(site, 'bob')
    run(site, OK, 'import', 'ann', 'INBOX', write_mail(tmp_path / 'folder', 50))
    run(site, OK, 'import', 'ann', 'Archive', write_mail(tmp_path / 'more', 3, first=100))
    site.start()
    site.wait_indexed('ann')
    site.wait_indexed('bob')
    assert re.fullmatch(r'ann: done, 53 of 53, \d+ s\n', run(site, OK, 'reindex', 'ann'))
    assert re.fullmatch(r'ann, mailbox Archive: done, 3 of 3, \d+ s\n', run(site, OK, 'reindex', 'ann', 'Archive'))
    assert re.fullmatch(r'ann: done, 53 of 53, \d+ s\nbob: done, 0 of 0, \d+ s\n', run(site, OK, 'reindex', '-A'))
    assert run(site, OK, 'reindex', '-q', '--all') == ''
    jobs = run_json(site, OK, 'reindex', 'ann')
    assert [(job['account'], job['state'], job['done']) for job in jobs] == [('ann', 'done', 53)]
    listed = run_json(site, OK, 'jobs')
    assert listed == site.get_json('/v1/jobs')['jobs']
    assert listed[0] == jobs[0]
    assert run_json(site, OK, 'jobs', str(jobs[0]['id'])) == jobs[0]
    assert run(site, OK, 'jobs').count('\n') == len(listed)
    assert re.fullmatch(r' +%d  ann: done, 53 of 53, \d+ s\n' % jobs[0]['id'], run(site, OK, 'jobs', str(jobs[0]['id'])))
    run(site, FAILED, 'jobs', 'cancel', str(jobs[0]['id']), says='is over')
    for words in (['reindex', 'nobody'], ['reindex', 'ann', 'Nowhere'], ['reindex', 'nobody', 'INBOX'], ['jobs', '999'],
                  ['jobs', 'cancel', '999']):
        run(site, NOT_FOUND, *words)
    run(site, OK, 'check', 'ann')


def test_reindex_without_waiting_cancelled_and_interrupted(make_server):
    site = make_server(settings={'index': {'indexer_path': '/bin/false'}})     # every job waits
    add_user(site)
    out = run(site, OK, 'reindex', '--no-wait', 'ann')
    job = int(re.fullmatch(r'job (\d+): ann\n', out)[1])
    assert run_json(site, OK, 'reindex', '--no-wait', 'ann')[0]['id'] == job
    assert re.fullmatch(r' +%d  ann: queued\n' % job, run(site, OK, 'jobs'))
    # Ctrl-C ends the waiting, not the job.
    waiting = subprocess.Popen([harness.program('mailsift'), '-c', site.config_path, 'reindex', 'ann'])
    time.sleep(0.5)
    assert waiting.poll() is None
    waiting.send_signal(signal.SIGINT)
    assert waiting.wait(10) == -signal.SIGINT
    assert run_json(site, OK, 'jobs', str(job))['state'] == 'queued'
    # Who waits hears of its end.
    waiting = subprocess.Popen([harness.program('mailsift'), '-c', site.config_path, 'reindex', 'ann'],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    assert run(site, OK, 'jobs', 'cancel', str(job)) == ''
    out, err = waiting.communicate(timeout=20)
    assert (waiting.returncode, out) == (FAILED, '')
    assert re.fullmatch(r'mailsift: ann: cancelled\n', err)
    # And of the server's.
    waiting = subprocess.Popen([harness.program('mailsift'), '-c', site.config_path, 'reindex', 'ann'],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    site.stop()
    out, err = waiting.communicate(timeout=20)
    assert waiting.returncode == UNREACHABLE
    assert 'does not answer' in err


def test_progress_is_shown_on_a_terminal_only(site, tmp_path):
    add_user(site)
    status, seen = on_terminal(site, ['import', 'ann', 'INBOX', write_mail(tmp_path / 'folder', 300)], [])
    assert status == OK
    assert '\r100 messages' in seen
    assert '300 messages imported' in seen
    site.start()
    site.wait_indexed('ann')
    status, seen = on_terminal(site, ['reindex', 'ann'], [])
    assert status == OK
    assert re.search(r'\rann: (queued|running)', seen)
    assert re.search(r'\rann: done, 300 of 300', seen)
    status, seen = on_terminal(site, ['reindex', '-q', 'ann'], [])
    assert (status, seen) == (OK, '')


# --- check ---

def check(site, status, *accounts):
    values = run_json(site, status, 'check', *(accounts or ['ann']))
    for value in values:
        assert value['emails'] == value['indexed'] + value['lag'] + len(value['failed']) + len(value['missing'])
    return values if accounts else values[0]


@pytest.fixture
def indexed(site, tmp_path):
    """ann's 20 messages in INBOX, the first three of them again in Archive, all indexed; the server is stopped."""
    add_user(site)
    run(site, OK, 'import', 'ann', 'INBOX', write_mail(tmp_path / 'folder', 20))
    run(site, OK, 'import', 'ann', 'Archive', *[str(tmp_path / 'folder' / ('%04d.eml' % i)) for i in range(3)])
    site.start()
    site.wait_indexed('ann')
    site.stop()
    return site


def test_check_finds_an_index_right(indexed):
    site = indexed
    value = check(site, OK)
    assert value == {'account': 'ann', 'right': True, 'index_present': True, 'why': None, 'watermark': 20, 'emails': 20, 'documents': 20,
                     'dead': 0, 'indexed': 20, 'lag': 0, 'failed': [], 'missing': [], 'surplus': []}
    assert run(site, OK, 'check', 'ann') == 'ann: 20 emails, 20 indexed, 0 not reached yet, 0 failed, 0 missing, 0 surplus\n'
    assert run(site, OK, 'check', '-q', 'ann') == ''
    add_user(site, 'bob')
    assert [one['account'] for one in check(site, OK, '-A')] == ['ann', 'bob']
    assert [one['account'] for one in check(site, OK, 'bob', 'ann')] == ['bob', 'ann']
    run(site, NOT_FOUND, 'check', 'nobody', says='no such account')
    # Beside a running server, too, and whatever is about to be removed is not too much.
    site.start()
    with site.login('ann', 'secret of ann') as client:
        client.select('INBOX')
        client.cmd('STORE 1:10 +FLAGS (\\Deleted)')
        client.expunge()
        for _ in range(20):
            value = check(site, OK)
            assert value['emails'] == 13
            client.append('Archive', b'Subject: x\r\n\r\ny\r\n')
            client.select('Archive')
            client.cmd('STORE * +FLAGS (\\Deleted)')
            client.expunge()


def test_check_tells_what_is_late(indexed, tmp_path):
    site = indexed
    run(site, OK, 'import', 'ann', 'INBOX', write_mail(tmp_path / 'more', 5, first=50))
    value = check(site, OK)
    assert (value['emails'], value['indexed'], value['lag'], value['watermark']) == (25, 20, 5, 20)


def test_check_misses_an_index_that_is_not_there(indexed):
    site = indexed
    site.remove_index('ann')
    value = check(site, FAILED)
    assert (value['right'], value['index_present'], value['lag'], value['why']) == (False, False, 20, 'there is no index')
    assert 'ann: no index: there is no index' in run(site, FAILED, 'check', '-q', 'ann')
    # Where there is no mail, none is needed.
    add_user(site, 'bob')
    assert check(site, OK, 'bob')[0]['right'] is True


def test_check_tells_what_the_indexer_gave_up(site, tmp_path):
    add_user(site)
    run(site, OK, 'import', 'ann', 'INBOX', write_mail(tmp_path / 'folder', 5))
    cur = os.path.join(site.maildir('ann'), 'cur')
    victim = os.path.join(cur, sorted(os.listdir(cur))[2])
    with open(victim, encoding='ascii') as f:
        number = int(re.search(r'number (\d)', f.read())[1])
    os.unlink(victim)
    os.mkdir(victim)                # whoever reads it gets an error
    site.start()
    state = site.wait_indexed('ann')
    assert (state['messages'], state['indexed'], state['lag'], state['failed']) == (5, 4, 0, 1)
    assert [one['email'] for one in state['failures']] == [number + 1]
    value = check(site, FAILED)
    assert value['right'] is False
    assert [one['email'] for one in value['failed']] == [number + 1]
    assert value['failed'][0]['messages'] == [{'mailbox': 'INBOX', 'uid': number + 1}]
    assert value['failed'][0]['reason'] == state['failures'][0]['reason']
    assert 'ann: failed: email %d (INBOX %d): ' % (number + 1, number + 1) in run(site, FAILED, 'check', 'ann')
    os.rmdir(victim)


def test_check_finds_what_is_missing_and_what_is_too_much(indexed):
    site = indexed
    site.start()
    with site.login('ann', 'secret of ann') as client:
        client.select('INBOX')
        client.cmd('STORE 5 +FLAGS (\\Deleted)')
        client.expunge()
    end = time.monotonic() + 30
    while site.account_state('ann')['documents'] != 19:
        assert time.monotonic() < end
        time.sleep(0.05)
    site.stop()
    value = check(site, OK)
    assert (value['emails'], value['documents'], value['dead']) == (19, 19, 1)
    # Email 2, of which there are two messages, becomes 5, which the index has removed.
    db = sqlite3.connect(os.path.join(site.account_dir('ann'), 'mailsift.db'))
    db.execute('PRAGMA foreign_keys = OFF')
    db.execute('UPDATE email SET id = 5 WHERE id = 2')
    db.execute('UPDATE message SET email = 5 WHERE email = 2')
    db.commit()
    db.close()
    value = check(site, FAILED)
    assert value['right'] is False
    assert (value['emails'], value['documents'], value['indexed']) == (19, 19, 18)
    assert [(one['email'], sorted((m['mailbox'], m['uid']) for m in one['messages'])) for one in value['missing']] == \
        [(5, [('Archive', 2), ('INBOX', 2)])]
    assert value['surplus'] == [2]
    out = run(site, FAILED, 'check', 'ann')
    assert 'ann: missing: email 5 (INBOX 2, Archive 2)\n' in out or 'ann: missing: email 5 (Archive 2, INBOX 2)\n' in out
    assert 'ann: surplus: email 2\n' in out


def test_check_finds_damaged_texts(indexed):
    site = indexed
    folder = os.path.join(os.path.realpath(os.path.join(site.index_dir('ann'), 'current')), 'text')
    damaged = 0
    for name in sorted(os.listdir(folder)):
        path = os.path.join(folder, name)
        with open(path, 'rb') as f:
            data = f.read()
        at = data.find(b'text of number 7')
        if at >= 0:
            with open(path, 'r+b') as f:
                f.seek(at)
                f.write(b'T')
            damaged += 1
    assert damaged == 1
    value = check(site, FAILED)
    assert [one['email'] for one in value['missing']] == [8]
    shutil.rmtree(folder)
    value = check(site, FAILED)
    assert value['index_present'] is False
    assert value['why'] != 'there is no index'


# --- whose files they are ---

@pytest.mark.skipif(os.geteuid() != 0, reason='only root becomes somebody else')
def test_root_makes_what_the_server_can_use(make_server, tmp_path):
    import pwd
    nobody = pwd.getpwnam('nobody')
    site = make_server(start=False)
    os.unlink(site.passwd_path)
    for path in (site.root, os.path.dirname(site.root)):
        os.chmod(path, 0o755)
    for path in (site.mail_root, site.index_root):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    site.configure({'server': {'user': 'nobody'}})
    add_user(site)
    for path in (tmp_path, *tmp_path.parents):
        if os.stat(path).st_uid == os.geteuid() and str(path) not in ('/', '/tmp'):
            os.chmod(path, 0o755)
    run(site, OK, 'import', 'ann', 'INBOX', write_mail(tmp_path / 'folder', 2))
    info = os.stat(site.passwd_path)
    assert (info.st_uid, info.st_gid, info.st_mode & 0o777) == (0, nobody.pw_gid, 0o640)
    seen = 0
    for folder, _, names in os.walk(site.account_dir('ann')):
        for name in [*names, '.']:
            info = os.stat(os.path.join(folder, name))
            assert info.st_uid == nobody.pw_uid, name
            assert info.st_mode & 0o077 == 0, name
            seen += 1
    assert seen >= 5
    site.configure({'server': {'user': 'no-such-user-here'}})
    run(site, FAILED, 'account', 'list', says='no-such-user-here')
