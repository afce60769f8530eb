# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers to be measured: each gives a connected socket on which IMAP is spoken, logged in, with the mailbox selected.

    with peers.Mailsift(n) as peer: ...      peer.socket, peer.capabilities

Mailsift: this build, with a complete index. Dovecot: Debian's, without a full-text index; its imap process is run on two pipes,
preauthenticated, over hard links to the Maildir. Cyrus: Debian's, with its Xapian index, loaded by APPEND."""

import os
import re
import select
import shutil
import socket
import subprocess
import time

import mailbox
from lib import harness, imap


class Unavailable(Exception):
    pass


class TimedOut(Exception):
    """No answer in time. The connection, and for Dovecot its process, is of no more use."""


class Pipes:
    """Two pipes that look like a socket."""
    family = None

    def __init__(self, process):
        self.process = process
        self.seconds = None

    def settimeout(self, seconds):
        self.seconds = seconds

    def recv(self, size):
        if not select.select([self.process.stdout], [], [], self.seconds)[0]:
            raise TimeoutError
        return os.read(self.process.stdout.fileno(), size)

    def sendall(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close(self):
        self.process.stdin.close()


class Connection:
    """As little as can be between a command and its answer."""

    def __init__(self, sock):
        self.socket = sock
        sock.settimeout(3600)
        if sock.family == socket.AF_INET:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tags = 0
        self.capabilities = set()

    def greeting(self):
        line = b''
        while not line.endswith(b'\r\n'):
            more = self.socket.recv(4096)
            if not more:
                raise Unavailable('the connection was closed without a greeting')
            line += more
        return line

    def pieces(self, command):
        """The command in the pieces between which a server that lacks LITERAL+ has to answer."""
        tag = b't%d' % self.tags
        plus = bool(self.capabilities & {b'LITERAL+', b'LITERAL-'})
        out = [tag + b' ']
        for i, part in enumerate(re.split(rb'"((?:[^"\\]|\\.)*)"', command)):
            if i % 2 == 0:
                out[-1] += part
            elif part.isascii():
                out[-1] += b'"' + part + b'"'
            elif plus:
                out[-1] += b'{%d+}\r\n%s' % (len(part), part)
            else:
                out[-1] += b'{%d}\r\n' % len(part)
                out.append(part)
        out[-1] += b'\r\n'
        return tag, out

    def _until(self, tag):
        """All up to the line that starts with the tag (or b'+')."""
        data = bytearray()
        while True:
            more = self.socket.recv(1 << 20)
            if not more:
                raise Unavailable('the connection was closed')
            data += more
            if data.endswith(b'\r\n') and data[data.rfind(b'\n', 0, len(data) - 1) + 1:].startswith(tag):
                return data

    def ask(self, command, timeout=3600):
        """(seconds from the first octet sent to the tagged answer, status, the untagged answer). TimedOut if nothing comes for @timeout seconds."""
        self.socket.settimeout(timeout)
        try:
            return self._ask(command)
        except TimeoutError:
            raise TimedOut from None

    def _ask(self, command):
        self.tags += 1
        tag, pieces = self.pieces(command.encode())
        begin = time.perf_counter()
        for piece in pieces[:-1]:
            self.socket.sendall(piece)
            self._until(b'+')
        self.socket.sendall(pieces[-1])
        data = self._until(tag + b' ')
        took = time.perf_counter() - begin
        last = data[data.rfind(b'\n', 0, len(data) - 1) + 1:]
        return took, last.split(b' ')[1].decode(), bytes(data[:len(data) - len(last)])

    def select(self, n, name='INBOX'):
        """Waits, if it must, until the server has taken in all messages."""
        _, _, answer = self.ask('CAPABILITY')
        self.capabilities = set(re.search(rb'\* CAPABILITY (.*)\r\n', answer)[1].upper().split())
        took, status, answer = self.ask('EXAMINE "%s"' % name)
        m = re.search(rb'\* (\d+) EXISTS', answer)
        if status != 'OK' or m is None or int(m[1]) != n:
            raise Unavailable('EXAMINE: %s %r' % (status, answer[:200]))
        return took


class Mailsift:
    name = 'mailsift'

    def cpu_seconds(self):
        """What its threads have used so far, to the microsecond."""
        total = 0
        for task in os.listdir('/proc/%d/task' % self.server.process.pid):
            with open('/proc/%d/task/%s/schedstat' % (self.server.process.pid, task), encoding='ascii') as f:
                total += int(f.read().split()[0])
        return total / 1e9

    def __init__(self, n):
        self.server = mailbox.server(n)
        self.server.start()
        self.server.wait_indexed(mailbox.USER, timeout=3600)
        self.connection = Connection(socket.create_connection(('127.0.0.1', self.server.port)))
        self.connection.greeting()
        self.connection.ask('LOGIN %s %s' % (mailbox.USER, mailbox.PASSWORD))
        self.connection.select(n)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.connection.socket.close()
        self.server.stop()


class Dovecot:
    name = 'Dovecot'
    program = '/usr/lib/dovecot/imap'

    def __init__(self, n):
        if not os.access(self.program, os.X_OK):
            raise Unavailable('%s is not there: install dovecot-imapd' % self.program)
        folder = os.path.join(mailbox.folder_of(n), 'dovecot')
        if not os.path.exists(os.path.join(folder, 'complete')):
            shutil.rmtree(folder, ignore_errors=True)
            mailbox.link_tree(mailbox.maildir(n), os.path.join(folder, 'Maildir'), ('dovecot-uidlist', 'dovecot-keywords'))
            # Dovecot reads no mail as root. The messages stay whose they are, since they are the others', too.
            for path, _, names in os.walk(folder) if os.geteuid() == 0 else ():
                for name in [''] + [name for name in names if name.startswith('dovecot')]:
                    shutil.chown(os.path.join(path, name), 'mail', 'mail')
            with open(os.path.join(folder, 'complete'), 'w', encoding='ascii'):
                pass
        config = os.path.join(folder, 'dovecot.conf')
        run = os.path.join(folder, 'run')
        os.makedirs(run, exist_ok=True)
        who = 'mail_uid = mail\nmail_gid = mail\nfirst_valid_uid = 1\nfirst_valid_gid = 1\n' if os.geteuid() == 0 else ''
        with open(config, 'w', encoding='ascii') as f:
            f.write('base_dir = %s\nstate_dir = %s\nlog_path = %s/log\nssl = no\nprotocols = imap\nmail_location = maildir:%s/Maildir\n'
                    'mailbox_list_index = yes\nstats_writer_socket_path =\n%s' % (run, run, folder, folder, who))
        environment = dict(os.environ, TZ='UTC', USER=mailbox.USER, HOME=folder, LC_ALL='C')
        with open(os.path.join(folder, 'stderr'), 'ab') as errors:
            # pipes: it refuses a socket, taking itself to be run by inetd
            self.process = subprocess.Popen([self.program, '-c', config], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                            stderr=errors, env=environment, preexec_fn=harness._die_with_parent)
        self.connection = Connection(Pipes(self.process))
        if not self.connection.greeting().startswith(b'* PREAUTH'):
            raise Unavailable('no PREAUTH from %s' % self.program)
        self.connection.select(n)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        if exc[0] is TimedOut:
            self.process.kill()
        self.connection.socket.close()
        self.process.wait(60)


class Cyrus:
    """Debian's cyrus-imapd with Xapian and search_fuzzy_always: words of an index instead of octets. It conflicts with dovecot-imapd, so
    it may also lie below a folder of its own (dpkg -x), which MAILSIFT_BENCH_CYRUS names."""
    name = 'Cyrus'

    def __init__(self, n):
        self.root = os.environ.get('MAILSIFT_BENCH_CYRUS', '')
        self.bin = self.root + '/usr/lib/cyrus/bin/'
        if not os.access(self.bin + 'imapd', os.X_OK):
            raise Unavailable('%simapd is not there: install cyrus-imapd, or see MAILSIFT_BENCH_CYRUS' % self.bin)
        if os.geteuid() != 0:
            raise Unavailable('its master has to be started by root')
        self.folder = os.path.join(mailbox.folder_of(n), 'cyrus')
        self.environment = dict(os.environ, TZ='UTC', CYRUS_USER='mail')
        if self.root:
            self.environment['LD_LIBRARY_PATH'] = self.root + '/usr/lib/x86_64-linux-gnu'
        complete = os.path.join(self.folder, 'complete')
        if not os.path.exists(complete):
            shutil.rmtree(self.folder, ignore_errors=True)
        self._start()
        try:
            if not os.path.exists(complete):
                self._load(n)
                self.index_seconds = self._run('squatter', '-v', 'user/' + mailbox.USER)
                with open(complete, 'w', encoding='ascii'):
                    pass
            self.connection = self._login(mailbox.USER)
            self.connection.select(n)
        except BaseException:
            self.process.terminate()
            raise

    def _start(self):
        config, port = os.path.join(self.folder, 'imapd.conf'), harness.free_port()
        for name in ('config', 'spool', 'search', 'run', 'config/socket', 'config/proc', 'config/db', 'config/log'):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        with open(config, 'w', encoding='ascii') as f:
            f.write('configdirectory: %(d)s/config\npartition-default: %(d)s/spool\ndefaultpartition: default\n'
                    'proc_path: %(d)s/config/proc\nmboxname_lockpath: %(d)s/run\nadmins: admin\ncyrus_user: mail\n'
                    'sasl_pwcheck_method: alwaystrue\nsasl_mech_list: PLAIN\nallowplaintext: yes\nunixhierarchysep: yes\n'
                    'conversations: yes\nsearch_engine: xapian\nsearch_fuzzy_always: yes\ndefaultsearchtier: t1\n'
                    't1searchpartition-default: %(d)s/search\nsearch_batchsize: 1000000\nmaxmessagesize: 0\nmaxliteral: 0\n' % {'d': self.folder})
        with open(os.path.join(self.folder, 'cyrus.conf'), 'w', encoding='ascii') as f:
            f.write('START {\n  recover cmd="%(b)sctl_cyrusdb -C %(c)s -r"\n}\nSERVICES {\n'
                    '  imap cmd="%(b)simapd -C %(c)s" listen="127.0.0.1:%(p)d" prefork=0\n}\nEVENTS {\n}\n'
                    % {'b': self.bin, 'c': config, 'p': port})
        if not os.path.exists(os.path.join(self.folder, 'complete')):
            for path, _, names in os.walk(self.folder):
                shutil.chown(path, 'mail', 'mail')
        self.config, self.port = config, port
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            self.process = subprocess.Popen([self.bin + 'master', '-D', '-C', config, '-M', os.path.join(self.folder, 'cyrus.conf'),
                                             '-p', os.path.join(self.folder, 'run', 'master.pid')], env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=harness._die_with_parent,
                                            start_new_session=True)     # it ends its process group with it

    def _run(self, program, *words):
        begin = time.monotonic()
        with open(os.path.join(self.folder, 'log'), 'ab') as log:
            subprocess.run([self.bin + program, '-C', self.config, *words], env=self.environment, check=True, stdout=log, stderr=log,
                           stdin=subprocess.DEVNULL, user='mail', group='mail', extra_groups=[])
        return time.monotonic() - begin

    def _login(self, user):
        for _ in range(200):
            try:
                connection = Connection(socket.create_connection(('127.0.0.1', self.port)))
                connection.greeting()
                break
            except (OSError, Unavailable):
                if self.process.poll() is not None:
                    raise Unavailable('master ended with status %d' % self.process.returncode) from None
                time.sleep(0.1)
        else:
            raise Unavailable('it does not listen; see %s/log' % self.folder)
        _, status, answer = connection.ask('LOGIN %s x' % user)
        if status != 'OK':
            raise Unavailable('LOGIN: %s %r' % (status, answer))
        return connection

    def _load(self, n):
        """By APPEND, in the order of UIDs."""
        print('letting Cyrus take over %d messages ...' % n, flush=True)
        admin = self._login('admin')
        _, status, answer = admin.ask('CREATE user/' + mailbox.USER)
        if status != 'OK':
            raise Unavailable('CREATE: %s %r' % (status, answer))
        client = imap.Client('127.0.0.1', self.port, timeout=600)
        client.login(mailbox.USER, 'x')
        flags = {'F': '\\Flagged', 'R': '\\Answered', 'S': '\\Seen', 'T': '\\Deleted', 'a': mailbox.scale.KEYWORDS[0],
                 'b': mailbox.scale.KEYWORDS[1]}
        parts = []
        for i, path in enumerate(mailbox.files(n)):
            with open(path, 'rb') as f:
                data = f.read().replace(b'\n', b'\r\n')
            at = time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime(int(os.path.basename(path).split('.')[0])))
            parts += ['(%s)' % ' '.join(flags[letter] for letter in path.rpartition(',')[2]), at, imap.Literal(data, sync=False)]
            if len(parts) >= 300 or i == n - 1:
                client.cmd('APPEND INBOX', *parts)
                parts.clear()
        client.logout()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.connection.socket.close()
        self.process.terminate()
        self.process.wait(60)
