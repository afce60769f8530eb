# SPDX-License-Identifier: GPL-3.0-or-later
"""mailsiftd as a program: options, addresses, starting, stopping."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lib import harness
from lib.imap import Client


def mailsiftd(*arguments):
    return subprocess.run([harness.program('mailsiftd'), *arguments], capture_output=True, text=True, timeout=30, check=False)


def unix_client(path):
    """A greeting line from a Unix socket."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(path)
        return sock.makefile('rb').readline()


def test_version_and_help():
    for word in ('-V', '--version'):
        assert mailsiftd(word).stdout.startswith('mailsiftd ')
    for word in ('-h', '--help'):
        done = mailsiftd(word)
        assert done.returncode == 0 and 'usage:' in done.stdout and '--config file' in done.stdout


@pytest.mark.parametrize('arguments', [['-x'], ['-c'], ['extra'], ['-t', 'extra']])
def test_wrong_options_are_told(arguments):
    done = mailsiftd(*arguments)
    assert done.returncode == 2 and 'usage:' in done.stderr


def test_configuration_is_checked_with_line_numbers(make_server, tmp_path):
    server = make_server(start=False)
    assert mailsiftd('-t', '-c', server.config_path).returncode == 0
    path = tmp_path / 'bad.conf'
    path.write_text('[server]\nlisten_imap = 127.0.0.1:1\nworkerz = 4\nworkers = many\n[nowhere]\nx = 1\n')
    done = mailsiftd('-t', '-c', str(path))
    assert done.returncode == 1
    for line in (3, 4, 5):
        assert '%s:%d:' % (path, line) in done.stderr
    # Started, it says the same and does not run.
    assert mailsiftd('-c', str(path)).returncode == 1
    assert mailsiftd('-t', '-c', str(tmp_path / 'missing')).returncode == 1
    done = mailsiftd('-t', '-c', server.config_path, '-o', 'server.workers=x')
    assert done.returncode == 1 and 'server.workers' in done.stderr


def test_address_in_use_is_told(make_server):
    server = make_server(start=False)
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', server.port))
        taken.listen()
        done = mailsiftd('-c', server.config_path)
    assert done.returncode == 1 and '127.0.0.1:%d' % server.port in done.stderr


def test_missing_certificate_is_told(make_server):
    server = make_server({'server': {'tls_cert': '/nonexistent.pem'}}, start=False)
    for options in ([], ['-t']):
        done = mailsiftd(*options, '-c', server.config_path)
        assert done.returncode == 1 and '/nonexistent.pem: No such file or directory' in done.stderr


def test_key_of_another_certificate_is_told(make_server, tmp_path):
    _, key = harness.make_certificate(str(tmp_path))
    server = make_server({'server': {'tls_key': key}}, start=False)
    for options in ([], ['-t']):
        done = mailsiftd(*options, '-c', server.config_path)
        assert done.returncode == 1 and key in done.stderr


def test_listens_on_all_kinds_of_addresses(make_server, tmp_path):
    server = make_server(start=False)
    port, port6 = harness.free_port(), harness.free_port()
    path = str(tmp_path / 'imap.sock')
    server.configure({'server': {'listen_imap': '127.0.0.1:%d, *:%d, [::1]:%d, unix:%s' % (server.port, port, port6, path)}})
    server.start()
    addresses = [('127.0.0.1', port)]
    if os.path.exists('/proc/net/if_inet6') and os.path.getsize('/proc/net/if_inet6'):
        addresses += [('::1', port), ('::1', port6)]
    for host, number in addresses:
        client = Client(host, number)
        assert 'AUTH=PLAIN' in client.greeting.code     # loopback, and the settings allow it
        client.close()
    assert b'AUTH=PLAIN' in unix_client(path)
    server.stop()
    assert not os.path.exists(path)


def test_socket_of_a_killed_server_is_taken_over(make_server, tmp_path):
    path = str(tmp_path / 'imap.sock')
    server = make_server(start=False)
    server.configure({'server': {'listen_imap': '127.0.0.1:%d, unix:%s' % (server.port, path)}})
    server.start()
    server.kill()
    assert os.path.exists(path)
    server.start()
    assert unix_client(path).startswith(b'* OK')
    # ... one that somebody answers is not.
    done = mailsiftd('-c', server.config_path, '-o', 'server.listen_imap=unix:' + path, '-o', 'server.listen_imaps=')
    assert done.returncode == 1 and path in done.stderr
    assert unix_client(path).startswith(b'* OK')


def test_port_zero_is_the_kernels_choice_and_told_in_the_log(make_server):
    server = make_server()
    server.stop()
    log = os.path.join(server.root, 'zero.log')
    with open(log, 'wb') as out:
        process = subprocess.Popen([harness.program('mailsiftd'), '-c', server.config_path, '-o', 'server.listen_imap=127.0.0.1:0'],
                                   stderr=out, stdin=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while True:
            with open(log, encoding='utf-8') as f:
                ready = [line for line in f if 'event=server.ready' in line]
            if ready:
                break
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.02)
        port = int(ready[0].split('listen="127.0.0.1:')[1].split(',')[0])
        Client('127.0.0.1', port).close()
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_signals_stop_it_in_good_order(make_server, make_account, number):
    server = make_server()
    client = make_account(server).connect()
    client.append('INBOX', b'Subject: x\r\n\r\nx\r\n')
    server.process.send_signal(number)
    assert server.process.wait(30) == 0
    server.process = None
    server.wait_indexers_gone()
    assert 'event=server.stopped' in server.log_text()


def test_sighup_changes_nothing_else(make_server, make_account):
    server = make_server()
    client = make_account(server).connect()
    for _ in range(3):
        server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while server.log_text().count('event=reload.ok') < 1:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert client.noop().status == 'OK'


def test_notifies_systemd(make_server, tmp_path):
    path = str(tmp_path / 'notify')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(path)
        sock.settimeout(30)
        os.environ['NOTIFY_SOCKET'] = path
        try:
            server = make_server()
        finally:
            del os.environ['NOTIFY_SOCKET']
        assert sock.recv(100) == b'READY=1'
        server.stop()
        assert sock.recv(100) == b'STOPPING=1'


@pytest.mark.skipif(os.geteuid() != 0, reason='needs root')
def test_root_becomes_the_user_of_the_settings(make_server, make_account):
    server = make_server({'server': {'user': 'nobody'}}, start=False)
    for root, folders, files in os.walk(server.root):
        for name in [root] + [os.path.join(root, n) for n in folders + files]:
            shutil.chown(name, 'nobody')
    folder = server.root
    while folder != '/':     # the way to it
        if os.stat(folder).st_mode & 0o001 == 0 and os.stat(folder).st_uid == 0:
            os.chmod(folder, os.stat(folder).st_mode | 0o011)
        folder = os.path.dirname(folder)
    account = make_account(server)      # mailsift becomes that user too
    server.start()
    assert os.stat('/proc/%d' % server.process.pid).st_uid == pwd.getpwnam('nobody').pw_uid
    client = account.connect()
    assert client.append('INBOX', b'Subject: x\r\n\r\nx\r\n') == 1


def test_unknown_user_is_told(make_server):
    server = make_server({'server': {'user': 'no-such-user'}}, start=False)
    for options in (['-t'], []) if os.geteuid() == 0 else (['-t'],):
        done = mailsiftd(*options, '-c', server.config_path)
        assert done.returncode == 1 and 'no-such-user: no such user' in done.stderr


def test_metrics_count_sessions_and_commands(server, account):
    client = account.connect()
    client.select()
    client.cmd('XYZZY', ok=False)
    status, _, body = server.http('GET', '/metrics')
    assert status == 200
    text = body.decode()
    for line in ('mailsift_commands_total{command="SELECT",outcome="ok"}', 'mailsift_commands_total{command="other",outcome="bad"}',
                 'mailsift_sessions{state="selected"}', 'mailsift_logins_total{mechanism="LOGIN",outcome="ok"}'):
        assert line in text, line


def drop(server, name, n):
    """As a delivery agent does it: into tmp/, then new/."""
    maildir = server.maildir(name)
    with open(maildir + '/tmp/%d.x' % n, 'wb') as f:
        f.write(b'Subject: dropped %d\n\nsome text\n' % n)
    os.rename(maildir + '/tmp/%d.x' % n, maildir + '/new/%d.x' % n)


def test_mail_that_is_dropped_is_indexed_with_nobody_connected(make_server, make_account):
    server = make_server()
    account = make_account(server)
    account.connect().logout()
    server.stop()
    drop(server, account.name, 1)       # while nothing runs
    server.start()
    end = time.monotonic() + 30
    for n in (1, 2, 3):
        if n > 1:
            drop(server, account.name, n)
        while True:
            state = server.account_state(account.name)
            if state['messages'] == n and state['lag'] == 0:
                break
            assert time.monotonic() < end, state
            time.sleep(0.05)
