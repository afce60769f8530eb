# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers to be measured: each gives a connected socket on which IMAP is spoken, logged in, with the mailbox selected.

    with peers.Mailsift(n) as peer: ...      peer.socket, peer.capabilities

Mailsift: this build, with a complete index. Dovecot: Debian's, without a full-text index; its imap process is run on two pipes,
preauthenticated, over hard links to the Maildir. Cyrus: cyrus.py."""

import os
import re
import shutil
import socket
import subprocess
import time

import mailbox
from lib import harness


class Unavailable(Exception):
    pass


class Pipes:
    """Two pipes that look like a socket."""
    family = None

    def __init__(self, process):
        self.process = process

    def settimeout(self, seconds):
        pass

    def recv(self, size):
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

    def ask(self, command):
        """(seconds from the first octet sent to the tagged answer, status, the untagged answer)"""
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
        self.connection.socket.close()
        self.process.wait(60)
