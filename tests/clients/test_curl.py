# SPDX-License-Identifier: GPL-3.0-or-later
"""curl appends, searches and fetches, in the clear, with STARTTLS and with implicit TLS."""

import re
import subprocess

import pytest

from oracle import corpus


@pytest.fixture(params=['plain', 'starttls', 'tls'])
def curl(request, server, account):
    """curl(path, *options) -> stdout"""
    base = {'plain': 'imap://127.0.0.1:%d/' % server.port, 'starttls': 'imap://127.0.0.1:%d/' % server.port,
            'tls': 'imaps://127.0.0.1:%d/' % server.tls_port}[request.param]
    options = {'plain': [], 'starttls': ['--ssl-reqd', '--cacert', server.cert], 'tls': ['--cacert', server.cert]}[request.param]

    def run(path, *more, ok=True):
        # the certificate says localhost and 127.0.0.1
        done = subprocess.run(['curl', '-sS', '--max-time', '60', '-u', '%s:%s' % (account.name, account.password), *options, *more,
                               base + path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        if ok:
            assert done.returncode == 0, done.stderr
            return done.stdout
        return done
    return run


def test_append_search_and_fetch(curl, tmp_path):
    sample = corpus.sample()
    files = {}
    for i, name in enumerate(sample.names(('ordinary',))[:12], 1):
        files[i] = corpus.crlf(sample.octets(name))
        path = tmp_path / ('%d.eml' % i)
        path.write_bytes(files[i])
        curl('INBOX', '-T', str(path))
    word = next(w for w in re.findall(rb'[a-z]{9,}', files[5]) if sum(w in f for f in files.values()) < 12).decode()
    found = curl('INBOX', '-X', 'UID SEARCH TEXT %s' % word).decode()
    assert re.fullmatch(r'\* SEARCH( \d+)*\r\n', found)
    assert 5 in map(int, found.split()[2:])
    for i, data in files.items():
        assert curl('INBOX;UID=%d' % i) == data
    body = files[3][files[3].index(b'\r\n\r\n') + 4:]
    assert curl('INBOX;UID=3;SECTION=TEXT') == body
    assert curl('INBOX;MAILINDEX=2;SECTION=HEADER') == files[2][:files[2].index(b'\r\n\r\n') + 4]
    assert b'* ESEARCH' in curl('INBOX', '-X', 'UID SEARCH RETURN (COUNT) ALL')
    assert b'COUNT 12' in curl('INBOX', '-X', 'SEARCH RETURN (COUNT MIN) SMALLER 100000000')
    assert re.search(rb'\* LIST \([^)]*\) "?/"? "?INBOX', curl(''))


def test_a_wrong_password_and_a_missing_message_are_errors(curl, account):
    done = curl('INBOX', '-u', account.name + ':wrong', ok=False)
    assert done.returncode == 67     # CURLE_LOGIN_DENIED
    assert curl('INBOX;UID=77', ok=False).returncode != 0
    assert curl('No%20Such', '-X', 'SEARCH ALL', ok=False).returncode != 0
