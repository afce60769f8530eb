# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands between a real client and the server, and writes down what they say.

    with Proxy(server.port) as proxy:
        run(client, '127.0.0.1', proxy.port)
    proxy.commands()        # complete command lines of the client, as str, without tags: ['LOGIN ...', 'UID SEARCH BODY "x"']
    proxy.sent, proxy.received      # all octets of the client and of the server, over all connections
"""

import re
import socket
import threading


class Proxy:
    def __init__(self, port):
        self.target = port
        self.sent = bytearray()
        self.received = bytearray()
        self.threads = []
        self.sockets = []
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]

    def __enter__(self):
        self._start(self._accept)
        return self

    def __exit__(self, *exc):
        # shutdown() wakes the thread that waits in accept()
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for s in self.sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self.threads:
            thread.join(10)
        for s in self.sockets:
            s.close()

    def _start(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client = self.listener.accept()[0]
                server = socket.create_connection(('127.0.0.1', self.target))
            except OSError:
                return
            self.sockets += [client, server]
            self._start(self._relay, client, server, self.sent)
            self._start(self._relay, server, client, self.received)

    @staticmethod
    def _relay(source, target, record):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                record += data
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def commands(self):
        return [line.decode('utf-8', 'replace') for line in re.findall(rb'(?m)^[A-Za-z0-9.]+ ([A-Za-z]+(?: [^\r\n]*)?)\r$', bytes(self.sent))]
