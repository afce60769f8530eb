# SPDX-License-Identifier: GPL-3.0-or-later
"""Reindexing by HTTP, by curl as the README has it: jobs, their progress, cancelling, and searches that stay exact."""

import json
import os
import subprocess
import threading
import time

import pytest

from web.test_http import message, problem

OVER = ('done', 'failed', 'cancelled')
JOB_KEYS = {'id', 'account', 'mailbox', 'state', 'total', 'done', 'failed', 'rate', 'remaining_seconds', 'created_at',
            'started_at', 'finished_at', 'reason'}


def curl(server, *words):
    """(status, Location, value of the body) of a request by curl with the server's token."""
    done = subprocess.run(['curl', '-sS', '-H', 'Authorization: Bearer ' + server.token, '-w', '\n%{http_code} %header{location}',
                           *words[:-1], 'http://127.0.0.1:%d%s' % (server.http_port, words[-1])],
                          stdout=subprocess.PIPE, check=True, timeout=60)
    body, _, last = done.stdout.decode().rpartition('\n')
    status, _, location = last.partition(' ')
    return int(status), location or None, json.loads(body) if body else None


def start(server, body):
    status, headers, answer = server.http('POST', '/v1/reindex', body=body)
    assert status == 202, answer
    return headers['Location'], json.loads(answer)


def wait_over(server, job_id, timeout=120):
    """Follows a job to its end; what it says on the way must make sense."""
    end = time.monotonic() + timeout
    seen = []
    while True:
        job = server.get_json('/v1/jobs/%d' % job_id)
        assert set(job) == JOB_KEYS
        assert job['done'] + job['failed'] <= job['total'] or job['state'] == 'queued', job
        seen.append(job)
        if job['state'] in OVER:
            return job, seen
        assert time.monotonic() < end, job
        time.sleep(0.01)


@pytest.fixture
def loaded(make_server, make_account):
    """An account with 600 messages: every third has "needle" in its text."""
    server = make_server()
    account = make_account(server)
    client = account.connect()
    folder = os.path.join(server.root, 'load')
    os.mkdir(folder)
    for i in range(600):
        with open(os.path.join(folder, '%04d.eml' % i), 'wb') as f:
            f.write(message('number %d' % i, ('a needle in ' if i % 3 == 0 else 'straw for ') + 'the haystack %d ' % i * 50))
    server.mailsift('import', account.name, 'INBOX', folder)
    server.mailsift('import', account.name, 'Archive', os.path.join(folder, '0001.eml'))
    account.wait_indexed()
    client.select('INBOX')
    return account, client


NEEDLES = list(range(1, 601, 3))


def test_a_reindex_by_curl_while_searches_stay_exact(loaded):
    account, client = loaded
    server = account.server
    before = server.account_state(account.name)
    searched, stop, errors, rounds = threading.Event(), threading.Event(), [], []

    def search():
        try:
            with server.login(account.name, account.password) as other:
                other.select('INBOX')
                while not stop.is_set():
                    assert other.uid_search('BODY needle') == NEEDLES
                    assert other.uid_search('TEXT "number 42"') == [i + 1 for i in [42, *range(420, 430)]]
                    assert other.uid_search('BODY nosuchneedle') == []
                    rounds.append(1)
                    searched.set()
        except Exception as error:      # noqa: BLE001 (told in the main thread)
            errors.append(error)
            searched.set()
    threads = [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    # A small account is rebuilt sooner than a password is checked.
    assert searched.wait(60)
    rounds_before = len(rounds)
    status, location, job = curl(server, '--json', json.dumps({'account': account.name}), '/v1/reindex')
    assert status == 202
    assert location == '/v1/jobs/%d' % job['id']
    assert set(job) == JOB_KEYS
    assert job['account'] == account.name
    assert job['mailbox'] is None
    job, seen = wait_over(server, job['id'])
    stop.set()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert len(rounds) > rounds_before
    assert job['state'] == 'done', job
    assert (job['total'], job['done'], job['failed']) == (600, 600, 0)
    assert job['reason'] is None
    assert job['remaining_seconds'] == 0
    assert job['created_at'] <= job['started_at'] <= job['finished_at']
    assert [one['done'] for one in seen] == sorted(one['done'] for one in seen)
    assert curl(server, location) == (200, None, job)
    after = server.account_state(account.name)
    for key in ('messages', 'emails', 'documents', 'indexed', 'lag', 'failed'):
        assert after[key] == before[key], key
    assert client.uid_search('BODY needle') == NEEDLES


def test_a_mailbox_is_reindexed_alone(loaded):
    account, _ = loaded
    server = account.server
    location, job = start(server, {'account': account.name, 'mailbox': 'Archive'})
    assert location == '/v1/jobs/%d' % job['id']
    assert job['mailbox'] == 'Archive'
    job, _ = wait_over(server, job['id'])
    assert (job['state'], job['total'], job['done']) == ('done', 1, 1)
    assert server.account_state(account.name)['documents'] == 600


@pytest.mark.parametrize('body', [None, {}])
def test_all_accounts_are_reindexed(make_server, make_account, body):
    server = make_server()
    accounts = [make_account(server) for _ in range(3)]
    for account in accounts:
        account.connect().append('INBOX', message('one'))
        account.wait_indexed()
    location, answer = start(server, body)
    assert location == '/v1/jobs'
    assert [job['account'] for job in answer['jobs']] == sorted(account.name for account in accounts)
    for job in answer['jobs']:
        job, _ = wait_over(server, job['id'])
        assert (job['state'], job['done']) == ('done', 1)
    listed = server.get_json('/v1/jobs')['jobs']
    assert [job['id'] for job in listed] == sorted((job['id'] for job in answer['jobs']), reverse=True)
    assert all(job['state'] == 'done' for job in listed)


def test_what_is_not_there_is_404(server, account):
    for body in ({'account': 'nobody'}, {'account': '..'}, {'account': ''}, {'account': account.name, 'mailbox': 'Nowhere'},
                 {'account': account.name, 'mailbox': ''}, {'account': account.name, 'mailbox': 'a//b'},
                 {'account': 'nobody', 'mailbox': 'INBOX'}, {'account': 'x' * 5000}):
        problem(server.http('POST', '/v1/reindex', body=body), 404)
    for name in ('0', '999999', '-1', '1x', 'x', '%31%30%30', '18446744073709551616', '01', '+1', '%201'):
        for method in ('GET', 'DELETE'):
            assert name in problem(server.http(method, '/v1/jobs/' + name), 404) or '%' in name


def test_a_job_that_waits_is_cancelled_and_the_index_kept(make_server, make_account):
    # Without an indexer every job waits.
    server = make_server(settings={'index': {'indexer_path': '/bin/false'}})
    account = make_account(server)
    account.connect().append('INBOX', message('one'))
    _, job = start(server, {'account': account.name})
    _, same = start(server, {'account': account.name})
    assert same['id'] == job['id']
    other = start(server, {'account': account.name, 'mailbox': 'INBOX'})[1]
    assert other['id'] != job['id']
    assert server.get_json('/v1/jobs/%d' % job['id'])['state'] == 'queued'
    assert curl(server, '-X', 'DELETE', '/v1/jobs/%d' % job['id'])[0] == 204
    job, _ = wait_over(server, job['id'])
    assert job['state'] == 'cancelled'
    assert job['finished_at'] is not None
    assert 'is over' in problem(server.http('DELETE', '/v1/jobs/%d' % job['id']), 409)
    # Another one can be asked for.
    _, again = start(server, {'account': account.name})
    assert again['id'] > other['id']
    log = server.log_text()
    assert log.count('event=reindex.requested account=%s' % account.name) == 4
    assert log.count('event=reindex.cancelled account=%s job=%d' % (account.name, job['id'])) == 1


def test_cancelling_keeps_searches_exact(loaded):
    account, client = loaded
    server = account.server
    for _ in range(5):
        _, job = start(server, {'account': account.name})
        status, _, body = server.http('DELETE', '/v1/jobs/%d' % job['id'])
        assert status in (204, 409), body
        job, _ = wait_over(server, job['id'])
        assert job['state'] in ('cancelled', 'done')
        assert client.uid_search('BODY needle') == NEEDLES
    state = account.wait_indexed()
    assert state['documents'] == 600
    assert state['indexed'] == 601


def test_a_job_outlives_the_indexer(loaded):
    account, client = loaded
    server = account.server
    _, job = start(server, {'account': account.name})
    server.kill_indexer()
    job, _ = wait_over(server, job['id'])
    assert job['state'] == 'done', job
    assert server.account_state(account.name)['documents'] == 600
    assert client.uid_search('BODY needle') == NEEDLES


def test_mail_that_comes_during_a_rebuild_is_indexed(loaded):
    account, client = loaded
    server = account.server
    _, job = start(server, {'account': account.name})
    uids = [client.append('INBOX', message('new %d' % i, 'latecomer')) for i in range(20)]
    assert client.uid_search('BODY latecomer') == uids
    wait_over(server, job['id'])
    state = account.wait_indexed()
    assert state['documents'] == 620
    assert client.uid_search('BODY latecomer') == uids
