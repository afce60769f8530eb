# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of all Python tests; lib/harness.py is their manual."""

import itertools
import os
import shutil
import signal
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib import harness  # noqa: E402 (tests/ has to be in the path first)
from oracle import corpus  # noqa: E402

# A shell that runs the check in the background has SIGINT ignored, and what we start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

_names = itertools.count(1)


def pytest_report_header():
    return 'mail: ' + corpus.describe()


def pytest_terminal_summary(terminalreporter):
    for note in harness.NOTES:
        terminalreporter.write_line(note)


@pytest.fixture(scope='session')
def session_dir():
    """A folder for the whole run; removed at the end unless MAILSIFT_KEEP is set."""
    path = tempfile.mkdtemp(prefix='mailsift-test-')
    yield path
    if os.environ.get('MAILSIFT_KEEP'):
        print('\nkept: %s' % path)
    else:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope='session')
def certificate(session_dir):
    return harness.make_certificate(session_dir)


@pytest.fixture(scope='session')
def _shared(session_dir, certificate):
    """Holds the shared server; one that a test has brought down is replaced for the next."""
    holder = {'server': None, 'n': 0}

    def get():
        if holder['server'] is None or not holder['server'].running:
            holder['n'] += 1
            server = harness.Server(os.path.join(session_dir, 'shared%d' % holder['n']), cert=certificate)
            holder['server'] = server.start()
        return holder['server']
    yield get
    server = holder['server']
    if server is not None and server.running:
        server.stop()
        server.check()


@pytest.fixture
def server(_shared):
    server = _shared()
    yield server
    server.check()
    if not server.running:
        status, server.process = server.process.returncode, None
        pytest.fail('mailsiftd ended with status %s; its log:\n%s' % (status, server.log_tail()))


@pytest.fixture
def make_server(session_dir, certificate):
    servers = []

    def make(settings=None, start=True):
        root = os.path.join(session_dir, 'own%d' % next(_names))
        server = harness.Server(root, settings=settings, cert=certificate)
        servers.append(server)
        return server.start() if start else server
    yield make
    errors = []
    for server in servers:
        try:
            died = server.process is not None and not server.running
            server.stop(check_status=not died)
            if died:
                errors.append('mailsiftd ended by itself; its log:\n' + server.log_tail())
            server.check()
        except harness.HarnessError as error:
            errors.append(str(error))
        finally:
            server.kill()
            if not os.environ.get('MAILSIFT_KEEP'):
                shutil.rmtree(server.root, ignore_errors=True)
    if errors:
        pytest.fail('\n'.join(errors))


@pytest.fixture
def own_server(make_server):
    return make_server()


@pytest.fixture
def make_account():
    """make_account(server) -> a fresh Account on a server of one's own."""
    accounts = []

    def make(server, name=None):
        name = name or 'user%d' % next(_names)
        server.add_user(name, 'secret of ' + name)
        account = harness.Account(server, name, 'secret of ' + name)
        accounts.append(account)
        return account
    yield make
    for account in accounts:
        account.close()


@pytest.fixture
def account(server, make_account):
    return make_account(server)


@pytest.fixture
def client(account):
    return account.connect()


@pytest.fixture
def inbox(client):
    client.select('INBOX')
    return client
