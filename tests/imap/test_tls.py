# SPDX-License-Identifier: GPL-3.0-or-later
"""TLS: implicit and by STARTTLS, what is refused, and a new certificate without dropping anyone."""

import os
import shutil
import signal
import socket
import ssl
import subprocess
import time

import pytest

from lib.harness import make_certificate
from lib.imap import Disconnected, insecure_context


def fingerprint(sock):
    return ssl.DER_cert_to_PEM_cert(sock.getpeercert(binary_form=True))


def test_implicit_tls(account):
    client = account.connect(tls=True)
    assert client.sock.version() in ('TLSv1.2', 'TLSv1.3')
    client.select()
    client.append('INBOX', b'Subject: x\r\n\r\n' + b'y' * 300000 + b'\r\n')
    client.noop()
    assert client.exists == 1
    assert len(client.fetch(1, '(BODY.PEEK[])')[1]['BODY[]']) == 300000 + 16
    client.logout()


def test_starttls(server, account):
    client = server.connect()
    before = client.capability()
    assert 'STARTTLS' in before
    client.starttls()
    after = client.capability()
    assert 'STARTTLS' not in after and 'LOGINDISABLED' not in after and 'AUTH=PLAIN' in after
    assert client.cmd('STARTTLS', ok=False).status == 'BAD'
    client.login(account.name, account.password)
    assert client.cmd('STARTTLS', ok=False).status == 'BAD'
    client.logout()


def test_starttls_after_login_is_bad(client):
    assert client.cmd('STARTTLS', ok=False).status == 'BAD'


def test_what_was_sent_with_starttls_in_the_clear_is_thrown_away(server, account):
    client = server.connect()
    client.adopt('s1', 'STARTTLS')
    client.write(b's1 STARTTLS\r\nx1 LOGIN "%s" "%s"\r\nx2 SELECT INBOX\r\nx3 {5'
                 % (account.name.encode(), account.password.encode()))
    assert client.wait('s1').status == 'OK'
    assert not client.buffer
    client.sock = insecure_context().wrap_socket(client.sock, server_hostname='127.0.0.1')
    # Neither was it carried out nor does any of it stand before what comes now.
    assert client.cmd('SELECT', 'INBOX', ok=False).status == 'BAD'
    assert not any(tag.startswith('x') for tag in client.answers)
    client.login(account.name, account.password)


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_that_are_spoken(server, version):
    context = insecure_context()
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(('127.0.0.1', server.tls_port), timeout=30) as sock:
        with context.wrap_socket(sock) as tls:
            assert tls.recv(4) == b'* OK'


def test_older_versions_are_refused(server):
    for option in ('-tls1', '-tls1_1'):
        done = subprocess.run(['openssl', 's_client', '-connect', '127.0.0.1:%d' % server.tls_port, option,
                               '-cipher', 'DEFAULT@SECLEVEL=0'], stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                              check=False)
        assert b'* OK' not in done.stdout and done.returncode != 0


def test_plain_text_on_the_tls_port_ends_the_connection(server):
    with socket.create_connection(('127.0.0.1', server.tls_port), timeout=30) as sock:
        sock.sendall(b'a CAPABILITY\r\n')
        try:
            answer = sock.recv(65536)
        except ConnectionResetError:
            answer = b''
        assert b'CAPABILITY' not in answer
    assert server.connect(tls=True).noop().status == 'OK'


def test_client_may_take_its_time_with_the_handshake(server):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = insecure_context().wrap_bio(incoming, outgoing)
    with socket.create_connection(('127.0.0.1', server.tls_port), timeout=30) as sock:
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        for octet in outgoing.read():
            sock.sendall(bytes([octet]))
            time.sleep(0.001)
        while True:
            incoming.write(sock.recv(65536))
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                sock.sendall(outgoing.read())
        sock.sendall(outgoing.read())
        while True:
            try:
                greeting = tls.read(100)
                break
            except ssl.SSLWantReadError:
                incoming.write(sock.recv(65536))
        assert greeting.startswith(b'* OK')


def test_new_certificate_on_sighup_and_nobody_is_dropped(make_server, make_account, tmp_path):
    server = make_server(start=False)
    cert, key = os.path.join(server.root, 'own-cert.pem'), os.path.join(server.root, 'own-key.pem')
    first, second = tmp_path / 'first', tmp_path / 'second'
    for folder in (first, second):
        folder.mkdir()
        make_certificate(str(folder))
    shutil.copy(first / 'cert.pem', cert)
    shutil.copy(first / 'key.pem', key)
    server.configure({'server': {'tls_cert': cert, 'tls_key': key}})
    server.start()
    old = make_account(server).connect(tls=True)
    seen = fingerprint(old.sock)

    shutil.copy(second / 'cert.pem', cert)
    shutil.copy(second / 'key.pem', key)
    server.process.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while fingerprint(server.connect(tls=True).sock) == seen:
        assert time.monotonic() < end, 'the new certificate is not used'
        time.sleep(0.02)
    assert old.noop().status == 'OK'

    # One that does not fit: an error in the log, and the good one stays.
    now = fingerprint(server.connect(tls=True).sock)
    shutil.copy(first / 'key.pem', key)
    server.process.send_signal(signal.SIGHUP)
    while 'event=reload.failed' not in server.log_text():
        assert time.monotonic() < end + 10
        time.sleep(0.02)
    assert fingerprint(server.connect(tls=True).sock) == now


def test_without_a_certificate_there_is_no_starttls(make_server):
    server = make_server({'server': {'tls_cert': None, 'tls_key': None, 'listen_imaps': None}})
    client = server.connect()
    assert 'STARTTLS' not in client.capability()
    assert client.cmd('STARTTLS', ok=False).status == 'BAD'


def test_implicit_tls_without_a_certificate_does_not_start(make_server):
    server = make_server({'server': {'tls_cert': None, 'tls_key': None}}, start=False)
    with pytest.raises(AssertionError) as failed:
        server.start()
    assert 'tls_cert' in str(failed.value)
    server.process = None


def test_handshake_that_does_not_come_is_given_up(make_server):
    server = make_server({'server': {'login_timeout': '1s'}})
    with socket.create_connection(('127.0.0.1', server.tls_port), timeout=30) as sock:
        assert sock.recv(100) == b''
    client = server.connect()
    with pytest.raises(Disconnected):
        while True:
            client.read_response()
    assert client.untagged[-1].name == 'BYE'
