# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a real mailsiftd for tests, from the build folder, on free ports of 127.0.0.1, in a temporary folder of its own.

    server = Server(tmp_path)                     # nothing runs yet; settings={'limits': {'append_bytes': 65536}} adds to
    server.add_user('ann', 'secret')              #   the configuration; add_user needs no running server
    server.start()                                # returns when IMAP (and HTTP) answer
    client = server.login('ann', 'secret')        # lib.imap.Client; server.connect() for one that is not logged in,
                                                  #   server.connect(tls=True) by the implicit TLS port
    status, headers, body = server.http('GET', '/v1/stats')             # with the token; token=None: without
    server.get_json('/v1/accounts/ann')
    server.wait_indexed('ann')                    # until the index has every message of the account
    server.mailsift('user', 'list')               # runs the command line tool, returns its output
    server.stop()                                 # SIGTERM; fails if it does not end, or not with status 0
    server.kill()                                 # SIGKILL, server and indexer; start() goes on with the same folder
    server.kill_indexer()                         # SIGKILL to mailsift-indexer alone
    server.check()                                # raises if the log shows a sanitizer's report, an assertion or a crash

Where things are: server.root (all), server.maildir('ann', '.Sent'), server.index_dir('ann'), server.log_path (stderr of
server and indexer), server.config_path, server.cert. server.mail_root and server.index_root.

In pytest use the fixtures of tests/conftest.py:

    account      a fresh user on a server that all tests share: account.name, account.password, account.connect() -> Client,
                 account.server. Cheap; use it unless the server itself is what is tested.
    client       a Client logged in to `account`
    inbox        a Client logged in to `account`, with INBOX selected
    server       the shared server (do not stop or kill it)
    make_server  make_server(settings=..., start=True) -> a Server of one's own, stopped and checked after the test
    own_server   make_server()

After each test, a sanitizer's report, a failed assertion or a dead server fails the test that was running.

MAILSIFT_BUILD names the build folder (make sets it; default: build/ in the source). MAILSIFT_KEEP=1 keeps the folders.
MAILSIFT_WRAPPER is put before mailsiftd ("valgrind -q", "strace -f -o x").
"""

import contextlib
import ctypes
import http.client
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import time

from lib import imap

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
START_SECONDS = 60
STOP_SECONDS = 30

# What must never be in the log: reports of sanitizers and of GLib, and the supervisor's word about a crash.
_BAD_LOG = re.compile(
    rb'ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|LeakSanitizer|SUMMARY: \w*San|'
    rb'assertion failed|assertion .* failed|should not be reached|-CRITICAL \*\*|-WARNING \*\*|\*\*.*CRITICAL|'
    rb'terminate called|stack smashing|double free|corrupted|free\(\): invalid|malloc\(\): ')


NOTES = []      # lines that tests want to be read at the end of a run, passed or not (conftest.py prints them)


class HarnessError(AssertionError):
    pass


def build_dir():
    path = os.environ.get('MAILSIFT_BUILD') or os.path.join(SOURCE, 'build')
    if not os.path.isdir(path):
        raise HarnessError('no build folder %s: run make check from one, or set MAILSIFT_BUILD' % path)
    return path


def program(name):
    path = os.path.join(build_dir(), name)
    if not os.access(path, os.X_OK):
        raise HarnessError('%s is not built' % path)
    return path


_taken = set()


def free_port():
    """A port that nobody listens on now. Each is given out once by a process."""
    while True:
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        if port not in _taken:
            _taken.add(port)
            return port


def make_certificate(folder):
    """A self-signed certificate for localhost; returns (cert, key)."""
    cert, key = os.path.join(folder, 'cert.pem'), os.path.join(folder, 'key.pem')
    if not os.path.exists(cert):
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
                        '-days', '30', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1',
                        '-keyout', key, '-out', cert], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    return cert, key


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: a killed pytest leaves no server behind


def processes():
    """pid -> (parent, comm) of all processes."""
    out = {}
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            with contextlib.suppress(OSError, ValueError):
                with open('/proc/%s/stat' % entry, encoding='latin-1') as f:
                    stat = f.read()
                comm = stat[stat.index('(') + 1:stat.rindex(')')]
                rest = stat[stat.rindex(')') + 2:].split()
                if rest[0] != 'Z':
                    out[int(entry)] = (int(rest[1]), comm)
    return out


class Server:
    def __init__(self, root, settings=None, cert=None):
        self.root = str(root)
        os.makedirs(self.root, exist_ok=True)
        self.mail_root = os.path.join(self.root, 'mail')
        self.index_root = os.path.join(self.root, 'index')
        self.config_path = os.path.join(self.root, 'mailsiftd.conf')
        self.log_path = os.path.join(self.root, 'mailsiftd.log')
        self.passwd_path = os.path.join(self.root, 'passwd')
        self.token_path = os.path.join(self.root, 'token')
        self.token = secrets.token_urlsafe(24)
        self.port, self.tls_port, self.http_port = free_port(), free_port(), free_port()
        self.cert, self.key = cert or make_certificate(self.root)
        self.process = None
        self.indexers = set()   # every indexer that was seen, so that none is left behind
        self.log_checked = 0
        self.preload = None     # a library for LD_PRELOAD of mailsiftd
        self.settings = {
            'server': {'hostname': 'test.example', 'listen_imap': '127.0.0.1:%d' % self.port,
                       'listen_imaps': '127.0.0.1:%d' % self.tls_port, 'tls_cert': self.cert, 'tls_key': self.key},
            'store': {'mail_root': self.mail_root, 'index_root': self.index_root},
            'auth': {'passwd_file': self.passwd_path, 'allow_plaintext_loopback': 'yes'},
            'index': {'indexer_path': os.path.join(build_dir(), 'mailsift-indexer'), 'commit_interval': '200ms'},
            'http': {'listen': '127.0.0.1:%d' % self.http_port, 'token_file': self.token_path},
        }
        for path in (self.mail_root, self.index_root):
            os.makedirs(path, mode=0o700, exist_ok=True)
        self._write(self.token_path, self.token + '\n')
        if not os.path.exists(self.passwd_path):
            self._write(self.passwd_path, '')
        self.configure(settings or {})

    @staticmethod
    def _write(path, text):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), 'w', encoding='utf-8') as f:
            f.write(text)

    def configure(self, settings):
        """Merges {group: {key: value}} into the configuration file; the value None takes a key out. A running server
        does not see it before it is started again."""
        for group, keys in settings.items():
            for key, value in keys.items():
                self.settings.setdefault(group, {})[key] = value
        lines = []
        for group, keys in self.settings.items():
            lines.append('[%s]' % group)
            lines += ['%s = %s' % (key, value) for key, value in keys.items() if value is not None]
        self._write(self.config_path, '\n'.join(lines) + '\n')

    # --- the process ---

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        assert not self.running, 'the server runs already'
        command = shlex.split(os.environ.get('MAILSIFT_WRAPPER', '')) + [program('mailsiftd'), '-c', self.config_path]
        environment = dict(os.environ)
        if self.preload:
            environment['LD_PRELOAD'] = self.preload
            environment['ASAN_OPTIONS'] = environment.get('ASAN_OPTIONS', '') + ':verify_asan_link_order=0'
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            preexec_fn=_die_with_parent, cwd=self.root)
        ports = [self.port]
        if self.settings.get('http', {}).get('listen'):
            ports.append(self.http_port)
        end = time.monotonic() + START_SECONDS
        for port in ports:
            while True:
                if self.process.poll() is not None:
                    raise HarnessError('mailsiftd ended with status %d; its log:\n%s'
                                       % (self.process.returncode, self.log_tail()))
                try:
                    socket.create_connection(('127.0.0.1', port), timeout=5).close()
                    break
                except OSError as error:
                    if time.monotonic() > end:
                        raise HarnessError('mailsiftd does not listen on port %d: %s; its log:\n%s'
                                           % (port, error, self.log_tail())) from None
                time.sleep(0.01)
        return self

    def stop(self, check_status=True):
        """Ends the server in good order."""
        if self.process is None:
            return
        self.note_indexers()
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise HarnessError('mailsiftd does not end within %d s of SIGTERM; its log:\n%s'
                               % (STOP_SECONDS, self.log_tail())) from None
        status = self.process.returncode
        self.process = None
        self.wait_indexers_gone()
        if check_status and status != 0:
            raise HarnessError('mailsiftd ended with status %d; its log:\n%s' % (status, self.log_tail()))

    def kill(self, indexer=True):
        """SIGKILL to the server, and to the indexer unless told otherwise; returns when they are gone. An indexer that is
        left alive has to end by itself: wait_indexers_gone()."""
        if self.process is None:
            return
        self.note_indexers()
        self.process.kill()
        self.process.wait()
        self.process = None
        self._wait_ports_closed()
        if indexer:
            for pid in self._indexers_left():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self.wait_indexers_gone()

    def _wait_ports_closed(self):
        """A child between fork() and exec() has the killed server's sockets still: start() would take them for the new one's."""
        end = time.monotonic() + STOP_SECONDS
        for port in (self.port, self.http_port):
            with contextlib.suppress(ConnectionError):
                while time.monotonic() < end:
                    socket.create_connection(('127.0.0.1', port), timeout=5).close()
                    time.sleep(0.01)

    def restart(self):
        self.stop()
        return self.start()

    def indexer_pids(self):
        """The indexers that run below our server now (one, or none between two)."""
        if not self.running:
            return []
        all_ = processes()
        return [pid for pid, (parent, comm) in all_.items()
                if comm.startswith('mailsift-indexe') and self._is_below(all_, parent)]

    def _is_below(self, all_, pid):
        while pid > 1:
            if pid == self.process.pid:
                return True
            pid = all_.get(pid, (0, ''))[0]
        return False

    def note_indexers(self):
        self.indexers.update(self.indexer_pids())

    def kill_indexer(self, sig=signal.SIGKILL):
        """Returns how many were killed (0 if none runs at the moment)."""
        pids = self.indexer_pids()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sig)
        return len(pids)

    def _indexers_left(self):
        now = processes()
        return [pid for pid in self.indexers if now.get(pid, (0, ''))[1].startswith('mailsift-indexe')]

    def wait_indexers_gone(self, timeout=10):
        """Waits for the indexers of a server that has ended. Those that do not end by themselves are killed, and it raises."""
        end = time.monotonic() + timeout
        while True:
            left = self._indexers_left()
            if not left:
                self.indexers.clear()
                return
            if time.monotonic() > end:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.indexers.clear()
                raise HarnessError('mailsift-indexer did not end with its server')
            time.sleep(0.01)

    # --- the log ---

    def log_tail(self, lines=40):
        try:
            with open(self.log_path, encoding='utf-8', errors='replace') as f:
                return ''.join(f.readlines()[-lines:])
        except OSError:
            return '(no log)'

    def log_text(self):
        with open(self.log_path, encoding='utf-8', errors='replace') as f:
            return f.read()

    def check(self):
        """Raises if the log shows, since the last check, what must never be there."""
        try:
            with open(self.log_path, 'rb') as f:
                f.seek(self.log_checked)
                data = f.read()
        except OSError:
            return
        self.log_checked += len(data)
        m = _BAD_LOG.search(data)
        if m:
            begin = data.rfind(b'\n', 0, max(0, m.start() - 500)) + 1
            raise HarnessError('in the server\'s log:\n' + data[begin:m.start() + 6000].decode('utf-8', 'replace'))

    # --- accounts and files ---

    def mailsift(self, *words, stdin=None, ok=True):
        """Runs the command line tool; returns its output (stdout). ok=False: returns the CompletedProcess."""
        done = subprocess.run([program('mailsift'), '-c', self.config_path, *words], input=stdin, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, errors='replace', check=False, timeout=300,
                              **({} if stdin is not None else {'stdin': subprocess.DEVNULL}))
        if _BAD_LOG.search(done.stderr.encode()):
            raise HarnessError('mailsift %s:\n%s' % (' '.join(words), done.stderr))
        if not ok:
            return done
        if done.returncode != 0:
            raise HarnessError('mailsift %s: exit status %d: %s' % (' '.join(words), done.returncode, done.stderr))
        return done.stdout

    def add_user(self, name, password):
        self.mailsift('user', 'add', name, '--password-stdin', stdin=password + '\n')

    def account_dir(self, name):
        return os.path.join(self.mail_root, name)

    def maildir(self, name, folder=''):
        """The Maildir of INBOX, or of a folder given as Maildir++ names it: '.Sent'."""
        return os.path.join(self.mail_root, name, 'Maildir', folder) if folder else \
            os.path.join(self.mail_root, name, 'Maildir')

    def index_dir(self, name):
        return os.path.join(self.index_root, name)

    def remove_index(self, name):
        shutil.rmtree(self.index_dir(name), ignore_errors=True)

    # --- connections ---

    def connect(self, tls=False, **more):
        return imap.Client('127.0.0.1', self.tls_port if tls else self.port,
                           tls=imap.insecure_context() if tls else None, **more)

    def login(self, name, password, **more):
        client = self.connect(**more)
        client.login(name, password)
        return client

    def http(self, method, path, body=None, token='', headers=None, timeout=60):
        """(status, headers, body); the token of the configuration is sent unless another, or None, is given. A body that is
        not bytes goes as JSON."""
        headers = dict(headers or {})
        token = self.token if token == '' else token
        if token is not None:
            headers['Authorization'] = 'Bearer ' + token
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            headers.setdefault('Content-Type', 'application/json')
        connection = http.client.HTTPConnection('127.0.0.1', self.http_port, timeout=timeout)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def get_json(self, path, status=200):
        got, _, body = self.http('GET', path)
        if got != status:
            raise HarnessError('GET %s: %d %r' % (path, got, body[:500]))
        return json.loads(body)

    def account_state(self, name):
        """GET /v1/accounts/NAME: messages, indexed, lag, ..."""
        return self.get_json('/v1/accounts/' + name)

    def wait_indexed(self, name, timeout=300):
        """Waits until the index has every message of the account; returns the state."""
        end = time.monotonic() + timeout
        while True:
            state = self.account_state(name)
            if state['lag'] == 0:
                return state
            if time.monotonic() > end:
                raise HarnessError('not indexed within %d s: %r; log:\n%s' % (timeout, state, self.log_tail()))
            if not self.running:
                raise HarnessError('the server has ended; log:\n' + self.log_tail())
            time.sleep(0.05)


class Account:
    """A user of a server, as the `account` fixture gives it."""

    def __init__(self, server, name, password):
        self.server = server
        self.name = name
        self.password = password
        self.clients = []

    def connect(self, **more):
        """A new Client, logged in; closed at the end of the test."""
        client = self.server.login(self.name, self.password, **more)
        self.clients.append(client)
        return client

    def wait_indexed(self, **more):
        return self.server.wait_indexed(self.name, **more)

    def close(self):
        for client in self.clients:
            client.close()
        self.clients.clear()
