# SPDX-License-Identifier: GPL-3.0-or-later
"""What ./bootstrap demo runs: an account with the sample mail of tests/data/mail, served on 127.0.0.1 and searched.

Everything it makes is in BUILD/demo, which is made anew each time; it is removed at the end unless something went wrong. It ends,
and ends the server, on Ctrl-C, SIGTERM and SIGHUP.

With --once it ends after the searches. Its exit status is 0 only if every answer was right and came from the index. Right is
what tests/oracle says of the files that were loaded, which shares no code with the server.
"""

import argparse
import os
import re
import secrets
import shutil
import signal
import socket
import sys
import time
import typing

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)

from lib import harness, imap  # noqa: E402 (tests/ has to be in the path first)
from oracle.mailtext import MailText, fold_needle  # noqa: E402

ACCOUNT = 'demo'
SAMPLE = os.path.join(TESTS, 'data', 'mail')
STUCK_SECONDS = 60
MAILBOXES = {'ordinary': 'INBOX'}  # the other folders of the sample keep their names


class Search(typing.NamedTuple):
    mailbox: str
    keys: list         # bytes go as a literal in UTF-8
    right: typing.Callable  # MailText -> whether it is to be found; no message of the demo is \Deleted
    shows: str


SEARCHES = (
    Search('INBOX', ['BODY', '"ompil"'], lambda text: text.in_body(fold_needle('ompil')),
           'part of a word, as in compile, recompiling, compiler'),
    Search('INBOX', ['UNDELETED', 'OR', 'FROM', '"@spamassassin"', 'TEXT', '"don\'t know"'],
           lambda text: text.in_field('From', fold_needle('@spamassassin')) or text.in_text(fold_needle("don't know")),
           'a phrase with its apostrophe, or a part of an address, in what is not deleted'),
    Search('intl', ['CHARSET', 'UTF-8', 'BODY', '\u81ea\u7531'.encode()],
           lambda text: text.in_body(fold_needle('\u81ea\u7531')),
           '"freedom" in Chinese and Japanese, in mail of many charsets'),
)


class Failed(Exception):
    """What the user is told; the traceback would not help them."""


def say(text=''):
    print(text, flush=True)


def arguments():
    parser = argparse.ArgumentParser(prog='./bootstrap demo')
    parser.add_argument('--build', required=True, help='the build folder')
    parser.add_argument('--once', action='store_true', help='end after the searches')
    parser.add_argument('--imap-port', type=int, default=1143)
    parser.add_argument('--imaps-port', type=int, default=1993)
    parser.add_argument('--http-port', type=int, default=8025)
    parser.add_argument('--folder', help='where the data goes [BUILD/demo]')
    options = parser.parse_args()
    options.build = os.path.abspath(options.build)
    options.folder = os.path.abspath(options.folder or os.path.join(options.build, 'demo'))
    return options


def require_free(port, purpose):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(('127.0.0.1', port))
        except OSError as error:
            raise Failed('port %d of 127.0.0.1, for %s, cannot be had: %s. Does another demo, or another server, have it?'
                         % (port, purpose, error.strerror)) from None


def progress(text, last=False):
    """One line that is written over on a terminal; elsewhere only its last state."""
    if sys.stdout.isatty():
        print('\r' + text.ljust(70), end='\n' if last else '', flush=True)
    elif last:
        say(text)


def make_server(options):
    ports = {'port': options.imap_port, 'tls_port': options.imaps_port, 'http_port': options.http_port}
    for (name, port), purpose in zip(ports.items(), ('IMAP', 'IMAP over TLS', 'the HTTP admin endpoint')):
        require_free(port, purpose)
    shutil.rmtree(options.folder, ignore_errors=True)
    os.makedirs(options.folder, mode=0o700)
    server = harness.Server(options.folder)
    for name, port in ports.items():
        setattr(server, name, port)
    server.configure({'server': {'hostname': 'localhost', 'listen_imap': '127.0.0.1:%d' % options.imap_port,
                                 'listen_imaps': '127.0.0.1:%d' % options.imaps_port},
                      'http': {'listen': '127.0.0.1:%d' % options.http_port}})
    return server


def load(server):
    """Imports the sample; returns how many messages it has."""
    total = 0
    for folder in sorted(name for name in os.listdir(SAMPLE) if os.path.isdir(os.path.join(SAMPLE, name))):
        mailbox = MAILBOXES.get(folder, folder)
        path = os.path.join(SAMPLE, folder)
        server.mailsift('import', ACCOUNT, mailbox, path)
        count = len(os.listdir(path))
        total += count
        say('  %-12s %4d messages of tests/data/mail/%s' % (mailbox, count, folder))
    return total


def wait_until_indexed(server, total):
    started = moved = time.monotonic()
    seen = -1
    while True:
        if not server.running:
            raise Failed('mailsiftd has ended; the end of its log:\n' + server.log_tail())
        state = server.account_state(ACCOUNT)
        line = '  indexed %d of %d messages' % (state['indexed'], state['messages'])
        if state['messages'] >= total and state['lag'] == 0:
            progress('%s, %.1f s' % (line, time.monotonic() - started), last=True)
            return
        if state['indexed'] != seen:
            seen, moved = state['indexed'], time.monotonic()
        if time.monotonic() > moved + STUCK_SECONDS:
            raise Failed('the indexer stands still at %d of %d messages; the end of the log:\n%s'
                         % (seen, total, server.log_tail()))
        progress(line)
        time.sleep(0.1)


def search_counters(server):
    """Path -> number of searches that took it, and the messages that had to be read from disk, from /metrics."""
    status, _, page = server.http('GET', '/metrics')
    if status != 200:
        raise Failed('GET /metrics answers %d' % status)
    page = page.decode()
    paths = {path: int(float(n)) for path, n in
             re.findall(r'^mailsift_search_seconds_count\{path="([a-z_]+)"\} ([0-9.e+]+)$', page, re.M)}
    read = re.search(r'^mailsift_search_messages_read_total ([0-9.e+]+)$', page, re.M)
    return paths, int(float(read.group(1))) if read else 0


PATHS = {
    'metadata': 'from the columns in memory',
    'proven': 'from the index, by its terms alone',
    'verified': 'from the index, verified in its text store',
    'scanned': 'from the index, by a scan of its text store',
    'messages': 'from the messages themselves',
}


def shown(keys):
    return ' '.join(key if isinstance(key, str) else '{%d+}%s' % (len(key), key.decode()) for key in keys)


def compact(uids):
    text = ' '.join(str(uid) for uid in uids[:12])
    return text + (' ... (%d in all)' % len(uids) if len(uids) > 12 else '')


def search(server, client, asked):
    """One search; returns whether its answer was right and from the index."""
    client.select(asked.mailbox)
    paths_before, read_before = search_counters(server)
    words = [imap.Literal(key) if isinstance(key, bytes) else key for key in asked.keys]
    started = time.perf_counter()
    uids = client.uid_search(*words)
    took_ms = (time.perf_counter() - started) * 1000
    paths, read = search_counters(server)
    taken = [path for path in paths if paths[path] > paths_before.get(path, 0)]
    say('    UID SEARCH %s' % shown(asked.keys))
    say('    * SEARCH %s' % compact(uids))
    say('    %.1f ms, %s; %d messages read from disk'
        % (took_ms, ' and '.join(PATHS.get(path, path) for path in taken), read - read_before))
    mail = client.fetch('1:*', '(UID BODY.PEEK[])')
    want = sorted(items['UID'] for items in mail.values() if asked.right(MailText(items['BODY[]'])))
    if sorted(uids) != want:
        say('    WRONG: a scan of all %d messages finds %s' % (len(mail), compact(want)))
        return False
    say('    right: a scan of all %d messages by tests/oracle finds the same %d' % (len(mail), len(want)))
    if not taken or 'messages' in taken or read != read_before:
        say('    but it was NOT answered from the index')
        return False
    return True


def how_to_connect(server, options):
    say('''
To connect with a mail client:
    IMAP server 127.0.0.1, port %d with STARTTLS, or port %d with TLS (a self-signed certificate)
    user %s, password %s
    mutt -f imaps://%s@127.0.0.1:%d/INBOX

With curl:
    curl -k --user '%s:%s' 'imaps://127.0.0.1:%d/INBOX' -X 'UID SEARCH TEXT "open sourc"'
    TOKEN=$(cat '%s')
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:%d/v1/stats
    curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:%d/v1/accounts/%s
    curl -H "Authorization: Bearer $TOKEN" --json '{"account": "%s"}' http://127.0.0.1:%d/v1/reindex

The server's log is %s''' % (
        server.port, server.tls_port, ACCOUNT, options.password, ACCOUNT, server.tls_port, ACCOUNT, options.password,
        server.tls_port, server.token_path, server.http_port, server.http_port, ACCOUNT, ACCOUNT, server.http_port,
        server.log_path))


def run(options, server):
    options.password = secrets.token_urlsafe(12)
    server.add_user(ACCOUNT, options.password)
    say('Loading sample mail into the account %s' % ACCOUNT)
    total = load(server)
    server.start()
    say('mailsiftd listens on 127.0.0.1: IMAP %d (STARTTLS), IMAPS %d, HTTP %d'
        % (server.port, server.tls_port, server.http_port))
    wait_until_indexed(server, total)
    right = 0
    with server.connect(tls=True) as client:
        client.login(ACCOUNT, options.password)
        for number, asked in enumerate(SEARCHES, 1):
            say('\nSearch %d of %d, in %s: %s' % (number, len(SEARCHES), asked.mailbox, asked.shows))
            right += search(server, client, asked)
    say('\n%d of %d searches were answered rightly, from the index' % (right, len(SEARCHES)))
    if not options.once:
        how_to_connect(server, options)
        say('\nCtrl-C ends the server and removes its data.')
        status = server.process.wait()
        raise Failed('mailsiftd ended with status %d; the end of its log:\n%s' % (status, server.log_tail()))
    return right == len(SEARCHES)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main():
    options = arguments()
    os.environ['MAILSIFT_BUILD'] = options.build
    # SIGINT too: a shell that starts us in the background has it ignored, and then Python does not turn it into an exception.
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGHUP, interrupt)
    server, status, keep = None, 1, True
    try:
        server = make_server(options)
        status = 0 if run(options, server) else 1
        keep = status != 0
    except (Failed, harness.HarnessError, imap.ProtocolError, imap.CommandFailed, imap.Disconnected, OSError) as error:
        say('\ndemo: error: %s' % error)
    except KeyboardInterrupt:
        say('\ndemo: ending')
        # Ended by the user while it served: that is how it is meant to end. Before, it did not do its job.
        keep, status = False, 130 if options.once else 0
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if server is not None:
        try:
            server.stop(check_status=server.running)
        except harness.HarnessError as error:
            say('demo: error: %s' % error)
            status, keep = 1, True
        if keep:
            say('demo: configuration, log and data are left in %s' % options.folder)
        else:
            shutil.rmtree(options.folder, ignore_errors=True)
    return status


if __name__ == '__main__':
    sys.exit(main())
