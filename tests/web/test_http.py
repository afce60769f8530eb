# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP admin endpoint: who may ask, what is refused and how, and what the routes say. tests/web/test_reindex.py has the jobs."""

import http.client
import json
import os
import re
import socket
import stat
import threading
import time

import pytest

from lib import harness

ROUTES = [
    ('GET', '/healthz'), ('GET', '/metrics'), ('GET', '/v1/stats'), ('GET', '/v1/accounts'), ('GET', '/v1/accounts/ann'),
    ('POST', '/v1/reindex'), ('GET', '/v1/jobs'), ('GET', '/v1/jobs/1'), ('DELETE', '/v1/jobs/1'),
]
CLOSED = [route for route in ROUTES if route[1] != '/healthz']
MESSAGE = b'From: a@example.org\r\nSubject: %s\r\n\r\n%s\r\n'


def message(subject, text='text'):
    return MESSAGE % (subject.encode(), text.encode())


def problem(answer, status):
    """Checks RFC 9457 problem details; returns the detail."""
    got, headers, body = answer
    assert got == status, (got, body)
    assert headers['Content-Type'] == 'application/problem+json'
    value = json.loads(body)
    assert set(value) == {'type', 'title', 'status', 'detail'}
    assert value['status'] == status
    assert value['type'] == 'about:blank'
    assert value['title']
    return value['detail']


def raw(server, *pieces, pause=0.0):
    """Sends the octets as they are and returns all that comes until the server closes."""
    with socket.create_connection(('127.0.0.1', server.http_port), timeout=30) as s:
        for i, piece in enumerate(pieces):
            if i > 0:
                time.sleep(pause)
            s.sendall(piece)
        answer = b''
        while True:
            data = s.recv(65536)
            if not data:
                return answer
            answer += data


def request(server, method, path, *fields, body=b'', version='1.1', host='127.0.0.1', token=True):
    lines = ['%s %s HTTP/%s' % (method, path, version)]
    if host is not None:
        lines.append('Host: ' + host)
    if token:
        lines.append('Authorization: Bearer ' + server.token)
    lines += list(fields) + ['Connection: close', '', '']
    return '\r\n'.join(lines).encode() + body


def parse(answer):
    """(status, headers, body) of an answer as raw() gives it."""
    head, _, body = answer.partition(b'\r\n\r\n')
    lines = head.decode().split('\r\n')
    assert re.fullmatch(r'HTTP/1\.[01] [0-9]{3} .+', lines[0])
    return int(lines[0].split()[1]), dict(line.split(': ', 1) for line in lines[1:]), body


# --- who may ask ---

def test_healthz_is_for_everybody(server):
    for token in (None, 'wrong-token-0123456789'):
        status, headers, body = server.http('GET', '/healthz', token=token)
        assert (status, json.loads(body)) == (200, {'status': 'ok'})
        assert headers['Content-Type'] == 'application/json'


@pytest.mark.parametrize('method,path', [*CLOSED, ('GET', '/'), ('GET', '/v1/nothing'), ('PUT', '/v1/stats'), ('POST', '/healthz')])
def test_nothing_else_is_answered_without_a_token(server, method, path):
    for headers in ({}, {'Authorization': 'Bearer '}, {'Authorization': 'Bearer wrong-token-0123456789'},
                    {'Authorization': server.token}, {'Authorization': 'Basic ' + server.token},
                    {'Authorization': 'Bearer %sx' % server.token}, {'Authorization': 'Bearer ' + server.token[:-1]},
                    {'X-Token': server.token}):
        answer = server.http(method, path, token=None, headers=headers)
        detail = problem(answer, 401)
        assert answer[1]['WWW-Authenticate'] == 'Bearer realm="mailsift"'
        assert path not in detail
        assert server.token not in detail


def test_a_token_in_the_url_does_not_count(server):
    problem(server.http('GET', '/v1/stats?access_token=' + server.token, token=None), 401)


def test_a_change_of_the_token_file_counts_at_once(own_server):
    server = own_server
    old, new = server.token, 'another-token-0123456789'
    assert server.http('GET', '/v1/stats')[0] == 200
    server._write(server.token_path, '# two\n%s\n%s\n' % (old, new))
    assert server.http('GET', '/v1/stats', token=new)[0] == 200
    assert server.http('GET', '/v1/stats', token=old)[0] == 200
    server._write(server.token_path, new + '\n')
    problem(server.http('GET', '/v1/stats', token=old), 401)
    os.chmod(server.token_path, 0o644)
    problem(server.http('GET', '/v1/stats', token=new), 401)
    problem(server.http('GET', '/v1/stats', token=new), 401)
    log = server.log_text()
    assert log.count('event=http.tokens.failed') == 1
    assert 'chmod 600' in log
    assert old not in log
    assert new not in log


def test_without_a_token_file_only_healthz_answers(make_server):
    server = make_server(settings={'http': {'token_file': None}})
    assert server.http('GET', '/healthz')[0] == 200
    for method, path in CLOSED:
        assert 'token_file' in problem(server.http(method, path), 401)
    assert 'event=http.closed' in server.log_text()


@pytest.mark.parametrize('content,mode,says', [
    ('a-token-of-0123456789\n', 0o644, 'chmod 600'), ('', 0o600, 'no token'), ('short\n', 0o600, '16 characters'),
    (None, 0, 'No such file'),
])
def test_the_server_does_not_start_with_a_bad_token_file(make_server, content, mode, says):
    server = make_server(start=False)
    os.unlink(server.token_path)
    if content is not None:
        server._write(server.token_path, content)
        os.chmod(server.token_path, mode)
    with pytest.raises(harness.HarnessError):
        server.start()
    assert says in server.log_text()
    server.process = None


def test_host_must_be_ours(server):
    for host in ('127.0.0.1', '127.0.0.1:8025', '[::1]:1', 'localhost', 'LOCALHOST:99', 'test.example'):
        assert parse(raw(server, request(server, 'GET', '/v1/accounts', host=host)))[0] == 200
    for host in ('evil.example', 'localhost.evil.example', 'evil.example:8025', '127.0.0.1.evil.example'):
        for path in ('/healthz', '/v1/accounts', '/'):
            problem(parse(raw(server, request(server, 'GET', path, host=host))), 421)
    problem(parse(raw(server, request(server, 'GET', '/healthz', host=None, version='1.0'))), 400)
    problem(parse(raw(server, request(server, 'GET', '/healthz', host=None))), 400)


def test_every_answer_is_kept_out_of_caches_and_browsers(server):
    answers = [server.http(method, path) for method, path in ROUTES if method == 'GET']
    answers += [server.http('GET', '/v1/stats', token=None), server.http('GET', '/nothing'), server.http('PUT', '/healthz'),
                server.http('POST', '/v1/reindex', body=b'{}')]
    for _, headers, _ in answers:
        assert headers['Cache-Control'] == 'no-store'
        assert headers['X-Content-Type-Options'] == 'nosniff'
        assert headers['X-Frame-Options'] == 'DENY'
        assert headers['Content-Security-Policy'] == "default-src 'none'; frame-ancestors 'none'"
        assert headers['Referrer-Policy'] == 'no-referrer'
        assert 'Access-Control-Allow-Origin' not in headers


# --- what is refused ---

@pytest.mark.parametrize('method,path,allow', [
    ('POST', '/healthz', 'GET, HEAD'), ('DELETE', '/v1/stats', 'GET, HEAD'), ('GET', '/v1/reindex', 'POST'),
    ('HEAD', '/v1/reindex', 'POST'), ('PUT', '/v1/jobs/1', 'GET, HEAD, DELETE'), ('OPTIONS', '/v1/jobs', 'GET, HEAD'),
    ('PATCH', '/v1/accounts/ann', 'GET, HEAD'), ('BREW', '/metrics', 'GET, HEAD'),
])
def test_a_method_that_a_path_does_not_have_is_405(server, method, path, allow):
    answer = server.http(method, path)
    assert answer[0] == 405
    assert answer[1]['Allow'] == allow
    if method != 'HEAD':
        problem(answer, 405)


@pytest.mark.parametrize('path', ['/', '/v1', '/v1/', '/v1/stats/', '/V1/stats', '//healthz', '/v1/accounts/', '/v1/accounts/a/b',
                                  '/v1/accounts/a%2fb', '/healthz/x', '/v1/jobs/', '/%68ealthz/', '/v1/../healthz'])
def test_an_unknown_path_is_404(server, path):
    problem(server.http('GET', path), 404)


def test_head_answers_as_get_without_the_body(server):
    for path in ('/healthz', '/v1/stats', '/v1/accounts', '/v1/jobs', '/metrics', '/v1/accounts/nobody', '/nothing'):
        got, want = server.http('HEAD', path), server.http('GET', path)
        assert got[0] == want[0]
        assert got[2] == b''
        assert got[1]['Content-Type'] == want[1]['Content-Type']
        assert int(got[1]['Content-Length']) > 0


def test_a_body_must_be_json(server):
    for fields in ({}, {'Content-Type': 'application/x-www-form-urlencoded'}, {'Content-Type': 'text/plain'},
                   {'Content-Type': 'application/jsonx'}):
        assert '--json' in problem(server.http('POST', '/v1/reindex', body=b'{}', headers=fields), 415)
    answer = raw(server, request(server, 'POST', '/v1/reindex', 'Transfer-Encoding: chunked', body=b'2\r\n{}\r\n0\r\n\r\n'))
    problem(parse(answer), 415)


@pytest.mark.parametrize('body,says', [
    (b'{', 'no JSON'), (b'nonsense', 'no JSON'), (b'{} x', 'no JSON'), (b'\xff\xfe', 'no JSON'), (b'{"account": "\xff"}', 'no JSON'),
    (b'{"account": "a", "account": "b"}', 'no JSON'), (b'{"account": "a\\u0000b"}', 'no JSON'),
    (b'[]', 'object'), (b'"ann"', 'object'), (b'null', 'object'),
    (b'{"acount": "ann"}', 'acount'), (b'{"account": 7}', 'account'), (b'{"account": null}', 'account'),
    (b'{"account": {"account": "ann"}}', 'account'), (b'{"mailbox": "INBOX"}', 'needs its account'),
    (b'[' * 100000, 'no JSON'),
], ids=range(16))
def test_a_bad_body_is_400_and_says_why(server, body, says):
    detail = problem(server.http('POST', '/v1/reindex', body=body, headers={'Content-Type': 'application/json'}), 400)
    assert says in detail
    assert len(detail) < 500


def test_a_large_body_is_413(server):
    limit = 1024 * 1024
    json_type = 'Content-Type: application/json'
    # Just as much as may be: read, and found to be no job.
    body = b'{"account": "' + b'x' * (limit - 15) + b'"}'
    assert len(body) == limit
    assert server.http('POST', '/v1/reindex', body=body, headers={'Content-Type': 'application/json'})[0] == 404
    # Announced.
    problem(server.http('POST', '/v1/reindex', body=body + b' ', headers={'Content-Type': 'application/json'}), 413)
    # Not announced.
    chunk = b'10000\r\n' + b'x' * 65536 + b'\r\n'
    answer = raw(server, request(server, 'POST', '/v1/reindex', json_type, 'Transfer-Encoding: chunked'), chunk * 20, b'0\r\n\r\n')
    problem(parse(answer), 413)
    # Who asks first need not send it.
    answer = raw(server, request(server, 'POST', '/v1/reindex', json_type, 'Content-Length: %d' % (1 << 40), 'Expect: 100-continue'))
    problem(parse(answer), 413)
    answer = raw(server, request(server, 'POST', '/v1/reindex', json_type, 'Content-Length: 2', 'Expect: 100-continue', token=False))
    problem(parse(answer), 401)
    # A body without end is not read without end, whoever sends it.
    with pytest.raises(ConnectionError):
        assert raw(server, request(server, 'POST', '/v1/reindex', 'Transfer-Encoding: chunked', token=False), *[chunk] * 2000) == b''
        raise ConnectionResetError
    assert server.http('GET', '/healthz')[0] == 200


def test_long_and_undecodable_paths_are_refused(server):
    problem(server.http('GET', '/v1/accounts/' + 'a' * 9000), 414)
    problem(server.http('GET', '/v1/accounts/%ff%fe'), 400)
    assert server.http('GET', '/' + 'a' * 100000)[0] == 414


@pytest.mark.parametrize('octets', [
    b'\r\n\r\n', b'GET\r\n\r\n', b'GET /healthz\r\n\r\n', b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(200),
    b'a1 LOGIN ann secret\r\n', b'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n',
    b'GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: nonsense\r\n\r\n',
    b'POST /v1/reindex HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n',
    b'GET /%00 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n',
    b'GET /healthz HTTP/1.1\r\n' + b'X: ' + b'y' * 100000 + b'\r\n\r\n',
], ids=['empty', 'one-word', 'http-0.9', 'tls', 'imap', 'negative-length', 'no-length', 'bad-chunk', 'nul', 'long-field'])
def test_what_is_no_http_does_no_harm(server, octets):
    with socket.create_connection(('127.0.0.1', server.http_port), timeout=1) as s:
        try:
            s.sendall(octets)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except OSError:
            pass    # closed at once, or waiting for the rest of a line
    assert server.http('GET', '/healthz')[0] == 200


def test_a_connection_carries_many_requests(server):
    connection = http.client.HTTPConnection('127.0.0.1', server.http_port, timeout=30)
    for i in range(50):
        connection.request('GET', '/v1/accounts' if i % 2 else '/nothing', headers={'Authorization': 'Bearer ' + server.token})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (200 if i % 2 else 404)
    connection.close()


def test_a_slow_client_holds_up_nobody(server):
    slow = [socket.create_connection(('127.0.0.1', server.http_port)) for _ in range(20)]
    for s in slow:
        s.sendall(b'GET /v1/stats HTTP/1.1\r\nHost: 127.0.0.1\r\nAuth')
    assert server.http('GET', '/v1/stats', timeout=10)[0] == 200
    for s in slow:
        s.close()


# --- what the routes say ---

def test_accounts_are_listed_and_unknown_ones_are_404(server, make_account):
    names = [make_account(server, name).name for name in ('zoe', 'j\u00f6rg s@example.org', 'a*b')]
    assert set(names) <= set(server.get_json('/v1/accounts')['accounts'])
    for name in names:
        quoted = ''.join('%%%02x' % octet for octet in name.encode())
        state = server.get_json('/v1/accounts/' + quoted)
        assert state['account'] == name
        assert state['messages'] == 0
        assert state['mailboxes'] == 1
    for name in ('nobody', '..', '.', '*', '.hidden', '%01', 'x' * 300, '%20'):
        problem(server.http('GET', '/v1/accounts/' + name), 404)


def test_counts_are_of_messages_and_of_distinct_contents(account):
    server, client = account.server, account.connect()
    for i in range(5):
        client.append('INBOX', message('number %d' % i))
    client.append('INBOX', message('number 0'))
    client.create('Copies')
    client.select('INBOX')
    client.copy('1:3', 'Copies')
    state = account.wait_indexed()
    assert state['account'] == account.name
    assert state['mailboxes'] == 2
    assert state['messages'] == 9
    assert state['emails'] == state['documents'] == 5
    assert (state['indexed'], state['lag'], state['failed']) == (9, 0, 0)
    assert state['lag_since'] is None
    assert state['index_present'] is True
    assert state['failures'] == []
    size = state['index_bytes']
    assert size['total'] == size['terms'] + size['text'] + size['vocabulary'] > 0
    client.cmd('STORE 1:6 +FLAGS.SILENT (\\Deleted)')
    client.expunge()
    end = time.monotonic() + 30
    while True:
        state = server.account_state(account.name)
        assert state['messages'] == state['indexed'] + state['lag'] + state['failed'] == 3
        assert state['emails'] == 3
        if state['documents'] == 3 or time.monotonic() > end:
            break
        time.sleep(0.05)
    assert state['documents'] == 3


def test_without_an_indexer_all_is_lag_and_searches_are_exact(make_server, make_account):
    server = make_server(settings={'index': {'indexer_path': '/bin/false'}})
    account = make_account(server)
    client = account.connect()
    before = int(time.time())
    for i in range(3):
        client.append('INBOX', message('number %d' % i, 'needle %d' % i))
    state = server.account_state(account.name)
    assert (state['messages'], state['indexed'], state['lag'], state['failed']) == (3, 0, 3, 0)
    assert state['documents'] == 0
    assert state['index_present'] is False
    since = time.strptime(state['lag_since'], '%Y-%m-%dT%H:%M:%SZ')
    assert before <= time.mktime(since) - time.timezone <= time.time() + 1
    client.select('INBOX')
    assert client.uid_search('BODY', '"needle 1"') == [2]
    stats = server.get_json('/v1/stats')
    assert stats['lag'] == 3
    assert stats['indexer']['restarts'] >= 1
    time.sleep(1.1)
    page = server.http('GET', '/metrics')[2].decode()
    assert re.search(r'^mailsift_index_lag_messages 3$', page, re.M)
    assert float(re.search(r'^mailsift_index_lag_seconds (\S+)$', page, re.M)[1]) >= 1


def test_stats_are_the_sum_of_all_accounts(own_server, make_account):
    server = own_server
    accounts = [make_account(server) for _ in range(3)]
    for n, account in enumerate(accounts):
        client = account.connect()
        for i in range(n + 1):
            client.append('INBOX', message('number %d' % i))
        account.wait_indexed()
    client.select('INBOX')
    client.uid_search('SUBJECT', 'number')
    states = [server.account_state(account.name) for account in accounts]
    stats = server.get_json('/v1/stats')
    for key in ('mailboxes', 'messages', 'emails', 'indexed', 'lag', 'failed', 'documents'):
        assert stats[key] == sum(state[key] for state in states), key
    assert stats['index_bytes']['total'] == sum(state['index_bytes']['total'] for state in states)
    assert stats['messages'] == 6
    assert stats['accounts'] == 3
    assert stats['accounts_broken'] == []
    assert stats['indexer'] == {'running': True, 'restarts': 0}
    assert 0 <= stats['uptime_seconds'] < 600
    assert stats['searches']['ok'] == 1
    assert sum(stats['searches']['by_path'].values()) >= 1


def test_metrics_are_what_prometheus_reads(own_server, make_account):
    server = own_server
    account = make_account(server)
    account.connect().append('INBOX', message('one'))
    account.wait_indexed()
    server.http('GET', '/nothing')
    server.http('GET', '/v1/accounts/nobody')
    status, headers, page = server.http('GET', '/metrics')
    assert status == 200
    assert headers['Content-Type'] == 'text/plain; version=0.0.4; charset=utf-8'
    typed = {}
    for line in page.decode().splitlines():
        if line.startswith('# TYPE '):
            typed[line.split()[2]] = line.split()[3]
        elif not line.startswith('# HELP '):
            m = re.fullmatch(r'([a-z_:][a-z0-9_:]*)(\{[a-z_]+="(?:[^"\\\n]|\\.)*"(?:,[a-z_]+="(?:[^"\\\n]|\\.)*")*\})? ([0-9.e+-]+|\+Inf)', line)
            assert m, line
            assert m[1] in typed or re.sub(r'_(bucket|sum|count)$', '', m[1]) in typed, line
    text = page.decode()
    assert re.search(r'^mailsift_index_documents 1$', text, re.M)
    assert re.search(r'^mailsift_index_lag_messages 0$', text, re.M)
    assert re.search(r'^mailsift_index_lag_seconds 0$', text, re.M)
    assert re.search(r'^mailsift_http_requests_total\{route="/v1/accounts/\*",status="404"\} 1$', text, re.M)
    assert re.search(r'^mailsift_http_requests_total\{route="other",status="404"\} 1$', text, re.M)
    assert account.name not in text


def test_an_account_that_cannot_be_read_is_told_and_hides_no_other(make_server, make_account):
    server = make_server(start=False)
    server.add_user('broken', 'secret')
    with open(os.path.join(server.account_dir('broken'), 'mailsift.db'), 'wb') as f:
        f.write(b'This is no database. ' * 1000)
    server.start()
    make_account(server).connect().append('INBOX', message('one'))
    detail = problem(server.http('GET', '/v1/accounts/broken'), 500)
    assert server.root not in detail
    assert 'event=http.request.failed path=/v1/accounts/broken' in server.log_text()
    stats = server.get_json('/v1/stats')
    assert stats['messages'] == 1
    assert stats['accounts'] == 2
    assert len(stats['accounts_broken']) == 1
    assert stats['accounts_broken'][0].startswith('broken: ')
    assert server.http('GET', '/metrics')[0] == 200


# --- listening and stopping ---

class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__('any.example', timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.path)


def unix_get(path, url, token):
    connection = UnixConnection(path)
    connection.request('GET', url, headers={'Authorization': 'Bearer ' + token} if token else {})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read()


def test_a_unix_socket_is_for_owner_and_group_and_goes_with_the_server(make_server):
    server = make_server(start=False)
    path = os.path.join(server.root, 'http.sock')
    # Addresses are taken in order: when the port answers, the socket is there.
    server.configure({'http': {'listen': 'unix:%s, 127.0.0.1:%d' % (path, server.http_port)}})
    # One that a killed server left behind is replaced.
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(path)
    server.start()
    assert stat.S_IMODE(os.stat(path).st_mode) & 0o117 == 0
    assert unix_get(path, '/v1/accounts', server.token)[0] == 200   # whatever the Host field is
    problem(unix_get(path, '/v1/accounts', None), 401)
    assert server.http('GET', '/v1/accounts')[0] == 200
    # Another server does not take it away.
    other = make_server(start=False)
    other.configure({'http': {'listen': 'unix:' + path}})
    with pytest.raises(harness.HarnessError, match='another server'):
        other.start()
    other.process = None
    assert unix_get(path, '/v1/accounts', server.token)[0] == 200
    server.stop()
    assert not os.path.exists(path)


def test_a_file_where_the_socket_should_be_is_left_alone(make_server):
    server = make_server(start=False)
    path = os.path.join(server.root, 'http.sock')
    server._write(path, 'precious')
    server.configure({'http': {'listen': 'unix:' + path}})
    with pytest.raises(harness.HarnessError, match='no socket'):
        server.start()
    server.process = None
    with open(path, encoding='ascii') as f:
        assert f.read() == 'precious'


@pytest.mark.parametrize('address', ['0.0.0.0:8025', '*:8025', '[::]:8025', '192.0.2.1:8025'])
def test_addresses_that_others_reach_are_refused(make_server, address):
    server = make_server(start=False)
    server.configure({'http': {'listen': address}})
    with pytest.raises(harness.HarnessError):
        server.start()
    server.process = None


def test_a_taken_port_is_named(make_server, server):
    second = make_server(start=False)
    second.configure({'http': {'listen': '127.0.0.1:%d' % server.http_port}})
    with pytest.raises(harness.HarnessError, match=r'127\.0\.0\.1:%d.*in use' % server.http_port):
        second.start()
    second.process = None


def test_the_server_stops_while_requests_run(own_server, make_account):
    server = own_server
    account = make_account(server)
    client = account.connect()
    for i in range(20):
        client.append('INBOX', message('number %d' % i))
    idle = socket.create_connection(('127.0.0.1', server.http_port))
    half = socket.create_connection(('127.0.0.1', server.http_port))
    half.sendall(b'POST /v1/reindex HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{')
    stopping = threading.Event()
    answers = []

    def ask():
        while True:
            try:
                answers.append(server.http('GET', '/v1/stats', timeout=30)[0])
            except (OSError, http.client.HTTPException):
                if stopping.is_set():
                    return
                raise
    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    while len(answers) < 20:
        time.sleep(0.01)
    stopping.set()
    started = time.monotonic()
    server.stop()
    assert time.monotonic() - started < 15
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert set(answers) == {200}
    idle.close()
    half.close()
