# SPDX-License-Identifier: GPL-3.0-or-later
"""A raw IMAP client for tests: it sends what it is told, byte for byte, and reads every answer into Python values.

Unlike imaplib it hides nothing and guards nothing: bad commands, pipelining, half lines and literals cut anywhere are
what tests are about. But it holds the server to the protocol: each answer must parse, EXISTS must not shrink, EXPUNGE
and FETCH must name a message that is there, EXPUNGE must not come where RFC 3501 section 7.4.1 forbids it, tags must
be ours. What breaks that raises ProtocolError at once, whatever the test is looking for.

    c = Client('127.0.0.1', port)                 # reads the greeting; c.greeting is an Untagged
    c.login('user', 'secret')
    box = c.select('INBOX')                       # Mailbox: exists, recent, uidvalidity, uidnext, flags, readonly ...
    uid = c.append('INBOX', b'Subject: x\\r\\n\\r\\ny\\r\\n', flags=['\\\\Seen'], date='17-Jul-1996 02:44:25 -0700')
    c.search('SUBJECT x')                         # [1]
    c.uid_search('OR FROM', Literal(b'a'), 'BODY', Quoted('b c'))      # parts are joined by spaces
    c.esearch('RETURN (MIN COUNT) ALL')           # {'MIN': 1, 'COUNT': 1}; ALL as a list of numbers; 'UID': True if there
    c.fetch('1:*', '(UID FLAGS BODY.PEEK[])')     # {1: {'UID': 7, 'FLAGS': ['\\\\Seen'], 'BODY[]': b'...'}}
    r = c.cmd('NOOP')                             # Result: status 'OK', code, text, untagged; raises CommandFailed if not OK
    r = c.cmd('FOO', ok=False)                    # r.status == 'BAD'; does not raise
    c.expect('BAD', 'FETCH 1')                    # sends, and asserts the status; returns the Result

Pipelining and raw bytes:

    t1 = c.send('NOOP'); t2 = c.send('NOOP')      # tags; nothing is read
    c.wait(t2); c.wait(t1)                        # answers may be asked for in any order, they are kept
    c.write(b'x1 NOOP\\r\\n'); c.adopt('x1'); c.wait('x1')              # a tag of one's own
    c.write(...); c.read_response()               # one response: Untagged, Tagged or Continuation
    c.idle(); c.wait_untagged('EXISTS'); c.done()

Literals: Literal(b'..') waits for the server's "+" (and raises CommandFailed when a NO or BAD comes instead),
Literal(b'..', sync=False) sends {n+}. Values in answers: quoted strings and literals are bytes, atoms are str, digits are
int, NIL is None, lists are list (those of THREAD stay octets); FETCH data is a dict with keys as sent, upper case ('BODY[HEADER.FIELDS (FROM)]',
'BODY[]<0>'). Data outside of UTF-8 in atoms comes as surrogate escapes.

State that is kept: c.exists, c.recent (of the selected mailbox), c.uids (see sync_uids), c.untagged (all since clear()).
"""

import re
import socket
import ssl
import time


class ProtocolError(AssertionError):
    """The server sent what IMAP does not allow."""


class CommandFailed(AssertionError):
    """The tagged answer was not the one asked for. .result is the Result."""

    def __init__(self, command, result):
        command = str(command)
        if len(command) > 500:
            command = command[:300] + ' ... ' + command[-100:]
        super().__init__('%s: %s' % (command, result))
        self.result = result


class Disconnected(Exception):
    """The server closed the connection."""


class Literal:
    def __init__(self, data, sync=True, binary=False):
        self.data = data if isinstance(data, bytes) else data.encode()
        self.sync = sync
        self.binary = binary

    def __repr__(self):
        data = self.data if len(self.data) <= 60 else self.data[:50] + b'...'
        return 'Literal(%r%s)' % (data, '' if self.sync else ', sync=False')


def Quoted(text):
    """A quoted string with its escapes, as bytes (8-bit octets as they are)."""
    data = text if isinstance(text, bytes) else text.encode()
    assert not re.search(rb'[\r\n\0]', data), 'a quoted string cannot hold CR, LF or NUL'
    return b'"' + data.replace(b'\\', b'\\\\').replace(b'"', b'\\"') + b'"'


_ATOM_SPECIALS = re.compile(rb"[^!#$&'+-Z^-z|}~[]")


def astring(text):
    """The shortest of atom, quoted string and literal that can hold the text."""
    data = text if isinstance(text, bytes) else text.encode()
    if data and not _ATOM_SPECIALS.search(data) and b'{' not in data and data.upper() != b'NIL':
        return data
    if re.search(rb'[\r\n\0\x80-\xff]', data):
        return Literal(data)
    return Quoted(data)


class Untagged:
    """"* NAME ..." or "* NUMBER NAME ...". For OK, NO, BAD, BYE and PREAUTH: code (list or None) and text."""

    def __init__(self, name, number=None, args=None, code=None, text=None, raw=b''):
        self.name = name
        self.number = number
        self.args = args if args is not None else []
        self.code = code
        self.text = text
        self.raw = raw

    def __repr__(self):
        return 'Untagged(%r)' % self.raw


class Tagged:
    def __init__(self, tag, status, code, text, raw):
        self.tag = tag
        self.status = status
        self.code = code
        self.text = text
        self.raw = raw


class Continuation:
    def __init__(self, text, raw):
        self.text = text
        self.raw = raw


class Result:
    """What a command brought. code: None, or a list: ['APPENDUID', 1, '7']; untagged: what came while it ran."""

    def __init__(self, tag, status, code, text, untagged):
        self.tag = tag
        self.status = status
        self.code = code
        self.text = text
        self.untagged = untagged

    def __repr__(self):
        code = ' %r' % (self.code,) if self.code is not None else ''
        return '%s%s %s' % (self.status, code, self.text)

    def all(self, name):
        """The untagged responses of that name."""
        return [u for u in self.untagged if u.name == name]

    def one(self, name):
        """The one untagged response of that name; fails if there are none or several."""
        found = self.all(name)
        assert len(found) == 1, 'expected one untagged %s, got %r' % (name, self.untagged)
        return found[0]

    def has_code(self, name):
        return self.code is not None and self.code[0] == name


class Mailbox:
    """The answers to SELECT or EXAMINE."""

    def __init__(self, result):
        self.result = result
        # mail that comes meanwhile may be told before the tagged answer: the last counts
        exists, recent = result.all('EXISTS'), result.all('RECENT')
        assert exists, 'no EXISTS: %r' % result.untagged
        self.exists = exists[-1].number
        self.recent = recent[-1].number if recent else None
        self.flags = result.all('FLAGS')[-1].args[0]
        self.readonly = result.has_code('READ-ONLY')
        self.uidvalidity = self.uidnext = self.permanentflags = self.unseen = self.highestmodseq = None
        for u in result.all('OK'):
            if u.code and u.code[0] in ('UIDVALIDITY', 'UIDNEXT', 'UNSEEN', 'PERMANENTFLAGS', 'HIGHESTMODSEQ'):
                setattr(self, u.code[0].lower(), u.code[1])


def parse_set(text):
    """'1:3,7' (no '*') to a sorted list of numbers; '' and None are empty. Fails for a set that is not well formed."""
    if text is None or text == '':
        return []
    numbers = []
    for part in str(text).split(','):
        m = re.fullmatch(r'([1-9][0-9]*)(?::([1-9][0-9]*))?', part)
        if m is None:
            raise ProtocolError('no sequence-set: %r' % (text,))
        first, last = int(m[1]), int(m[2] or m[1])
        numbers.extend(range(min(first, last), max(first, last) + 1))
    if len(set(numbers)) != len(numbers):
        raise ProtocolError('number twice in a set: %r' % (text,))
    return sorted(numbers)


def format_set(numbers):
    """Numbers to the shortest sequence-set; not for no numbers."""
    parts = []
    numbers = sorted(numbers)
    assert numbers, 'an empty set cannot be written'
    first = last = numbers[0]
    for n in numbers[1:] + [None]:
        if n is not None and n == last + 1:
            last = n
            continue
        parts.append('%d' % first if first == last else '%d:%d' % (first, last))
        first = last = n
    return ','.join(parts)


_ATOM = re.compile(rb'[^ ()"\[\x00-\x1f\x7f]*')
_ATOM_IN_CODE = re.compile(rb'[^ ()"\]\x00-\x1f\x7f]*')


class _Parser:
    """Reads one response, given as a list of bytes (line text) and Literal in turn."""

    def __init__(self, pieces, raw):
        self.pieces = pieces
        self.i = 0
        self.pos = 0
        self.raw = raw

    def fail(self, why):
        raise ProtocolError('%s, at octet %d of line %r' % (why, self.pos, self.raw[:2000]))

    @property
    def line(self):
        return self.pieces[self.i]

    def peek(self):
        return self.line[self.pos:self.pos + 1]

    def at_end(self):
        return self.i == len(self.pieces) - 1 and self.pos >= len(self.line)

    def expect(self, octet):
        if self.peek() != octet:
            self.fail('expected %r' % octet)
        self.pos += 1

    def rest(self):
        if self.i != len(self.pieces) - 1:
            self.fail('literal in text')
        text = self.line[self.pos:]
        self.pos = len(self.line)
        return text

    def quoted(self):
        self.expect(b'"')
        out = bytearray()
        while True:
            c = self.peek()
            if c == b'':
                self.fail('quoted string does not end')
            self.pos += 1
            if c == b'"':
                return bytes(out)
            if c == b'\\':
                c = self.peek()
                if c not in (b'"', b'\\'):
                    self.fail('bad escape')
                self.pos += 1
            out += c

    def atom(self, stop=rb' ()"'):
        start = self.pos
        run = _ATOM_IN_CODE if b']' in stop else _ATOM
        while True:
            self.pos = run.match(self.line, self.pos).end()
            if self.line[self.pos:self.pos + 1] != b'[' or b']' in stop:
                break
            end = self.line.find(b']', self.pos)    # BODY[...] as one name, spaces and lists inside
            if end < 0:
                self.fail('no ] in name')
            self.pos = end + 1
        if start == self.pos:
            self.fail('expected a value')
        return self.line[start:self.pos].decode('utf-8', 'surrogateescape')

    def value(self, stop=rb' ()"'):
        c = self.peek()
        if c == b'(':
            self.pos += 1
            return self.list_until(b')')
        if c == b'"':
            return self.quoted()
        if c == b'' and self.i + 1 < len(self.pieces):
            data = self.pieces[self.i + 1].data
            self.i += 2
            self.pos = 0
            return data
        text = self.atom(stop)
        if re.fullmatch('[0-9]+', text):
            return int(text)
        if text.upper() == 'NIL':
            return None
        return text

    def list_until(self, closing):
        out = []
        stop = rb' ()"]' if closing == b']' else rb' ()"'
        if self.peek() == closing:
            self.pos += 1
            return out
        while True:
            # BODYSTRUCTURE and ENVELOPE put lists side by side without a space: "(a)(b)"
            out.append(self.value(stop))
            c = self.peek()
            if c == closing:
                self.pos += 1
                return out
            if c == b' ':
                self.pos += 1
            elif c != b'(' or not isinstance(out[-1], list):
                self.fail('expected space or %r' % closing)

    def values(self):
        out = []
        while not self.at_end():
            out.append(self.value())
            if isinstance(out[-1], list) and self.peek() == b'(':
                continue        # THREAD's lists stand side by side
            if not self.at_end():
                self.expect(b' ')
                if self.at_end():
                    self.fail('space at the end of the line')
        return out

    def status_text(self):
        code = None
        if self.peek() == b'[':
            self.pos += 1
            code = self.list_until(b']')
            code[0] = str(code[0]).upper()
            if self.peek() == b' ':
                self.pos += 1
        return code, self.rest().decode('utf-8', 'replace')


_PLAIN_SEARCH = re.compile(rb'\* (SEARCH|SORT)(?: [0-9]+)+')
_PLAIN_THREAD = re.compile(rb'\* THREAD [0-9 ()]+')
_STATUS = ('OK', 'NO', 'BAD', 'BYE', 'PREAUTH')


def parse_response(pieces, raw=b''):
    """One response line with its literals (see Client.read_pieces) to Untagged, Tagged or Continuation."""
    raw = raw or b''.join(p if isinstance(p, bytes) else p.data for p in pieces)
    plain = _PLAIN_SEARCH.fullmatch(raw)    # what takes the time in tests that search much
    if plain:
        return Untagged(plain[1].decode(), None, [int(n) for n in raw.split()[2:]], raw=raw)
    if _PLAIN_THREAD.fullmatch(raw):
        return Untagged('THREAD', None, [raw[9:]], raw=raw)     # the lists as octets
    p = _Parser(pieces, raw)
    if p.peek() == b'+':
        p.pos += 1
        if p.peek() == b' ':
            p.pos += 1
        return Continuation(p.rest(), raw)
    tag = p.atom()
    p.expect(b' ')
    word = p.atom()
    if tag != '*':
        if word.upper() not in ('OK', 'NO', 'BAD'):
            p.fail('bad tagged status')
        p.expect(b' ')
        code, text = p.status_text()
        return Tagged(tag, word.upper(), code, text, raw)
    number = None
    if re.fullmatch('[0-9]+', word):
        number = int(word)
        p.expect(b' ')
        word = p.atom()
    name = word.upper()
    if name in _STATUS:
        p.expect(b' ')
        code, text = p.status_text()
        return Untagged(name, number, [], code, text, raw)
    args = []
    if not p.at_end():
        p.expect(b' ')
        args = p.values()
    response = Untagged(name, number, args, raw=raw)
    if name == 'FETCH':
        response.args = [_fetch_items(p, args)]
    elif name == 'SEARCH' and not all(isinstance(n, int) for n in args if not isinstance(n, list)):
        p.fail('SEARCH with something that is no number')
    elif name in ('EXISTS', 'RECENT', 'EXPUNGE') and (number is None or args):
        p.fail('bad %s' % name)
    return response


def _fetch_items(p, args):
    if len(args) != 1 or not isinstance(args[0], list) or len(args[0]) % 2:
        p.fail('bad FETCH')
    items = {}
    for key, value in zip(args[0][::2], args[0][1::2]):
        if not isinstance(key, str):
            p.fail('bad FETCH item %r' % (key,))
        if key.upper() in items:
            p.fail('FETCH item twice: %s' % key)
        items[key.upper()] = value
    return items


def parse_esearch(response):
    """An Untagged ESEARCH to a dict: MIN, MAX, COUNT as int, ALL as a list, TAG as str, UID True if it is there."""
    args = list(response.args)
    out = {}
    if args and isinstance(args[0], list):
        correlator = args.pop(0)
        if len(correlator) != 2 or str(correlator[0]).upper() != 'TAG' or not isinstance(correlator[1], bytes):
            raise ProtocolError('bad ESEARCH correlator: %r' % response)
        out['TAG'] = correlator[1].decode()
    if args and isinstance(args[0], str) and args[0].upper() == 'UID':
        args.pop(0)
        out['UID'] = True
    if len(args) % 2:
        raise ProtocolError('bad ESEARCH: %r' % response)
    for key, value in zip(args[::2], args[1::2]):
        key = str(key).upper()
        if key in out:
            raise ProtocolError('ESEARCH item twice: %r' % response)
        out[key] = parse_set(value) if key == 'ALL' else value
        if key == 'ALL' and not out[key] or key in ('MIN', 'MAX', 'COUNT') and not isinstance(value, int):
            raise ProtocolError('bad ESEARCH item: %r' % response)
    return out


def parse_vanished(response):
    """An Untagged VANISHED to (whether it is EARLIER, list of UIDs)."""
    args = list(response.args)
    earlier = args[:1] == [['EARLIER']]
    if earlier:
        args.pop(0)
    if len(args) != 1:
        raise ProtocolError('bad VANISHED: %r' % response)
    return earlier, parse_set(args[0])


# Commands during which RFC 3501 section 7.4.1 forbids EXPUNGE (the UID forms are other commands).
_NO_EXPUNGE = ('FETCH', 'STORE', 'SEARCH', 'SORT', 'THREAD')


class Client:
    def __init__(self, host='127.0.0.1', port=143, tls=None, timeout=60, greeting=True):
        """tls: None, or an ssl.SSLContext (see insecure_context()) to speak TLS from the start."""
        self.host = host
        self.timeout = timeout
        self.sock = socket.create_connection((host, port), timeout=timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls is not None:
            self.sock = tls.wrap_socket(self.sock, server_hostname=host)
        self.buffer = bytearray()
        self.n_tags = 0
        self.pending = {}       # tag -> (command word, index into untagged where it began)
        self.answers = {}       # tag -> Result that nobody asked for yet
        self.untagged = []      # all since clear()
        self.exists = self.recent = None
        self.uids = None        # see sync_uids()
        self.transcript = None  # set to a list to collect (direction, bytes)
        self.greeting = None
        self.closed = False
        if greeting:
            self.greeting = self.read_response()
            if not isinstance(self.greeting, Untagged) or self.greeting.name not in ('OK', 'PREAUTH', 'BYE'):
                raise ProtocolError('bad greeting: %r' % self.greeting)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """Drops the connection without a word."""
        self.closed = True
        try:
            self.sock.close()
        except OSError:
            pass

    # --- octets ---

    def write(self, data):
        if self.transcript is not None:
            self.transcript.append(('C', data))
        self.sock.sendall(data)

    def _fill(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError('no answer within %s s; pending: %r, buffer: %r'
                               % (self.timeout, self.pending, bytes(self.buffer[:500])))
        self.sock.settimeout(left)
        try:
            data = self.sock.recv(1 << 18)
        except (ConnectionError, ssl.SSLError) as e:
            raise Disconnected(str(e))
        if not data:
            raise Disconnected('end of data; last untagged: %r' % self.untagged[-1:])
        if self.transcript is not None:
            self.transcript.append(('S', data))
        self.buffer += data

    def read_line(self, deadline):
        scanned = 0
        while True:
            end = self.buffer.find(b'\n', scanned)
            if end >= 0:
                break
            scanned = len(self.buffer)
            self._fill(deadline)
        line = bytes(self.buffer[:end + 1])
        del self.buffer[:end + 1]
        if not line.endswith(b'\r\n'):
            raise ProtocolError('line does not end with CRLF: %r' % line[:2000])
        return line[:-2]

    def read_exactly(self, n, deadline):
        while len(self.buffer) < n:
            self._fill(deadline)
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def read_pieces(self, timeout=None):
        """One response with its literals: [bytes, Literal, bytes, ...]."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        pieces = []
        while True:
            line = self.read_line(deadline)
            m = re.search(rb'(~?)\{([0-9]+)\}$', line)
            if m is None:
                return pieces + [line]
            pieces.append(line[:m.start()])
            pieces.append(Literal(self.read_exactly(int(m[2]), deadline), binary=bool(m[1])))

    def read_response(self, timeout=None):
        """The next response, whatever it is, with the session's state kept up."""
        response = parse_response(self.read_pieces(timeout))
        if isinstance(response, Untagged):
            self._note(response)
            self.untagged.append(response)
        return response

    def _note(self, u):
        if u.name == 'EXISTS':
            if self.exists is not None and u.number < self.exists:
                raise ProtocolError('EXISTS shrinks from %d to %d' % (self.exists, u.number))
            self.exists = u.number
        elif u.name == 'RECENT':
            self.recent = u.number
        elif u.name == 'OK' and u.code and u.code[0] == 'CLOSED':
            self.exists = self.recent = self.uids = None    # what follows is about the next mailbox
        elif u.name == 'EXPUNGE':
            if self.exists is None or not 1 <= u.number <= self.exists:
                raise ProtocolError('EXPUNGE %d of %s messages' % (u.number, self.exists))
            if not self.pending:
                raise ProtocolError('EXPUNGE while no command is in progress')
            if all(word in _NO_EXPUNGE for word, _ in self.pending.values()):
                raise ProtocolError('EXPUNGE during %r' % [w for w, _ in self.pending.values()])
            self.exists -= 1
            if self.uids is not None and u.number <= len(self.uids):
                del self.uids[u.number - 1]
        elif u.name == 'VANISHED':
            self._note_vanished(u)
        elif u.name == 'FETCH':
            if self.exists is not None and not 1 <= u.number <= self.exists:
                raise ProtocolError('FETCH %d of %s messages' % (u.number, self.exists))
        elif u.name == 'BYE':
            self.closed = True

    def _note_vanished(self, u):
        """RFC 7162 3.2.10: without EARLIER each UID is a message that goes."""
        earlier, uids = parse_vanished(u)
        if earlier:
            return
        if self.exists is None or len(uids) > self.exists:
            raise ProtocolError('VANISHED %r of %s messages' % (uids, self.exists))
        if not self.pending or all(word in _NO_EXPUNGE for word, _ in self.pending.values()):
            raise ProtocolError('VANISHED during %r' % [w for w, _ in self.pending.values()])
        self.exists -= len(uids)
        if self.uids is not None:
            if not set(uids) <= set(self.uids):
                raise ProtocolError('VANISHED %r, which the client has not: %r' % (uids, self.uids))
            self.uids = [uid for uid in self.uids if uid not in uids]

    # --- commands ---

    def new_tag(self):
        self.n_tags += 1
        return 'a%d' % self.n_tags

    @staticmethod
    def _bytes(part):
        return part if isinstance(part, (bytes, Literal)) else str(part).encode('utf-8', 'surrogateescape')

    def send(self, *parts, tag=None):
        """Sends one command, its parts (str, bytes, Literal) joined by single spaces. Returns its tag; does not wait,
        but for the "+" of synchronising literals."""
        tag = tag or self.new_tag()
        parts = [self._bytes(p) for p in parts]
        first = parts[0].split() if isinstance(parts[0], bytes) else []
        word = first[0].upper().decode('latin-1') if first else ''
        if word == 'UID':
            word = b' '.join(first[:2]).upper().decode('latin-1')
        if word in ('SELECT', 'EXAMINE'):
            self.uids = None
        pieces = []
        for part in parts:
            pieces += [b' ', part]
        return self.send_pieces(tag, word, pieces)

    def send_pieces(self, tag, word, pieces):
        """As send(), but the pieces (bytes, Literal) follow each other as they are, beginning with the space behind the tag."""
        self.adopt(tag, word)
        out = bytearray(tag.encode())
        for piece in pieces:
            if isinstance(piece, bytes):
                out += piece
                continue
            out += b'%s{%d%s}\r\n' % (b'~' if piece.binary else b'', len(piece.data), b'' if piece.sync else b'+')
            if piece.sync:
                self.write(bytes(out))
                out.clear()
                self._await_continuation(tag)
            out += piece.data
        self.write(bytes(out) + b'\r\n')
        return tag

    def adopt(self, tag, word=''):
        """Tells the client of a command that was sent by write()."""
        assert tag not in self.pending and tag not in self.answers, 'tag %s is in use' % tag
        self.pending[tag] = (word, len(self.untagged))

    def _await_continuation(self, tag):
        while True:
            response = self.read_response()
            if isinstance(response, Continuation):
                return response
            if isinstance(response, Tagged):
                result = self._finish(response)
                if response.tag == tag:
                    raise CommandFailed('literal refused', result)
                self.answers[response.tag] = result

    def _finish(self, tagged):
        if tagged.tag not in self.pending:
            raise ProtocolError('answer to a tag that is not ours: %r' % tagged.raw)
        word, begin = self.pending.pop(tagged.tag)
        if word in ('CLOSE', 'UNSELECT', 'UNAUTHENTICATE') and tagged.status == 'OK' or \
                word in ('SELECT', 'EXAMINE') and tagged.status == 'NO':
            self.exists = self.recent = self.uids = None
        return Result(tagged.tag, tagged.status, tagged.code, tagged.text, self.untagged[begin:])

    def wait(self, tag, timeout=None):
        """Reads until the tagged answer is there; returns the Result."""
        while tag not in self.answers:
            response = self.read_response(timeout)
            if isinstance(response, Tagged):
                self.answers[response.tag] = self._finish(response)
            elif isinstance(response, Continuation):
                raise ProtocolError('continuation that nobody asked for: %r' % response.raw)
        return self.answers.pop(tag)

    def cmd(self, *parts, ok=True, timeout=None):
        """Sends a command and waits for its answer. Raises CommandFailed if it is not OK, unless ok=False."""
        try:
            result = self.wait(self.send(*parts), timeout)
        except CommandFailed as e:
            if ok:
                raise
            return e.result
        if ok and result.status != 'OK':
            raise CommandFailed(' '.join(repr(p) if isinstance(p, Literal) else str(p)[:200] for p in parts), result)
        return result

    def expect(self, status, *parts):
        result = self.cmd(*parts, ok=False)
        if result.status != status:
            raise CommandFailed('expected %s: %r' % (status, parts), result)
        return result

    def wait_untagged(self, name, timeout=None, match=None):
        """Reads until an untagged response of that name comes (for which match(response) holds); returns it."""
        while True:
            response = self.read_response(timeout)
            if isinstance(response, Untagged) and response.name == name and (match is None or match(response)):
                return response
            if isinstance(response, Tagged):
                self.answers[response.tag] = self._finish(response)

    def clear(self):
        """Forgets the untagged responses so far; returns them. Not while a command is in progress."""
        assert not self.pending
        out, self.untagged = self.untagged, []
        return out

    # --- the commands tests use most ---

    def login(self, user, password):
        return self.cmd('LOGIN', astring(user), astring(password))

    def starttls(self, context=None):
        result = self.cmd('STARTTLS')
        assert not self.buffer, 'octets after the answer to STARTTLS'
        self.sock.settimeout(self.timeout)
        self.sock = (context or insecure_context()).wrap_socket(self.sock, server_hostname=self.host)
        return result

    def capability(self):
        return [str(a).upper() for a in self.cmd('CAPABILITY').one('CAPABILITY').args]

    def logout(self):
        result = self.cmd('LOGOUT')
        result.one('BYE')
        self.close()
        return result

    def noop(self):
        return self.cmd('NOOP')

    def create(self, mailbox):
        return self.cmd('CREATE', astring(mailbox))

    def select(self, mailbox='INBOX', readonly=False):
        box = Mailbox(self.cmd('EXAMINE' if readonly else 'SELECT', astring(mailbox)))
        box.exists = self.exists    # EXPUNGEs that came before the tagged answer counted
        return box

    def status(self, mailbox, items='(MESSAGES RECENT UIDNEXT UIDVALIDITY UNSEEN)'):
        args = self.cmd('STATUS', astring(mailbox), items).one('STATUS').args
        return dict(zip(args[1][::2], args[1][1::2]))

    @staticmethod
    def append_parts(mailbox, message, flags=None, date=None, sync=False):
        parts = ['APPEND', astring(mailbox)]
        if flags is not None:
            parts.append('(%s)' % ' '.join(flags))
        if date is not None:
            parts.append('"%s"' % date)
        return parts + [Literal(message, sync=sync)]

    def append(self, mailbox, message, flags=None, date=None, sync=False):
        """Returns the UID (APPENDUID), or None if the server does not tell."""
        result = self.cmd(*self.append_parts(mailbox, message, flags, date, sync))
        return result.code[2] if result.has_code('APPENDUID') else None

    def search(self, *parts):
        """SEARCH (sequence numbers) as a list in the order of the answer."""
        return self._search(False, parts)

    def uid_search(self, *parts):
        return self._search(True, parts)

    def _search(self, uid, parts):
        result = self.cmd('UID SEARCH' if uid else 'SEARCH', *parts)
        numbers = result.one('SEARCH').args
        if len(set(numbers)) != len(numbers):
            raise ProtocolError('number twice in SEARCH: %r' % numbers)
        return numbers

    def esearch(self, *parts, uid=False):
        tag = self.send('UID SEARCH' if uid else 'SEARCH', *parts)
        result = self.wait(tag)
        if result.status != 'OK':
            raise CommandFailed('SEARCH %r' % (parts,), result)
        assert not result.all('SEARCH'), 'SEARCH and ESEARCH for one command'
        out = parse_esearch(result.one('ESEARCH'))
        if out.pop('TAG', None) != tag or out.get('UID', False) != uid:
            raise ProtocolError('ESEARCH with a wrong tag or UID: %r' % result.untagged)
        return out

    def fetch(self, numbers, items, uid=False):
        """A dict: number (UID if uid=True) to the dict of items. Several FETCH of one message are put together."""
        result = self.cmd('UID FETCH' if uid else 'FETCH', numbers, items)
        out = {}
        for u in result.all('FETCH'):
            key = u.args[0].get('UID') if uid else u.number
            if key is not None:
                out.setdefault(key, {}).update(u.args[0])
        return out

    def sync_uids(self):
        """Fetches the UIDs of all messages into c.uids, which then follows the EXPUNGEs; sequence n is c.uids[n - 1]."""
        self.uids = []
        if self.exists:
            got = self.fetch('1:*', '(UID)')
            self.uids = [got[n]['UID'] for n in range(1, self.exists + 1)]
            if self.uids != sorted(set(self.uids)):
                raise ProtocolError('UIDs do not ascend: %r' % self.uids)
        return self.uids

    def store(self, numbers, action, flags, uid=False):
        """action: 'FLAGS', '+FLAGS', '-FLAGS', or with '.SILENT'."""
        return self.cmd('UID STORE' if uid else 'STORE', numbers, action, '(%s)' % ' '.join(flags))

    def expunge(self, uids=None):
        """EXPUNGE, or UID EXPUNGE; returns the sequence numbers told."""
        result = self.cmd('EXPUNGE') if uids is None else self.cmd('UID EXPUNGE', uids)
        return [u.number for u in result.all('EXPUNGE')]

    def copy(self, numbers, mailbox, uid=False, move=False):
        """Returns (uidvalidity, source UIDs, destination UIDs) of COPYUID, or None. The lists are in the order sent."""
        command = ('UID ' if uid else '') + ('MOVE' if move else 'COPY')
        result = self.cmd(command, numbers, astring(mailbox))
        codes = [result.code] + [u.code for u in result.all('OK')]
        for code in codes:
            if code and code[0] == 'COPYUID':
                return code[1], parse_set(code[2]), parse_set(code[3])
        return None

    def idle(self):
        """Starts IDLE: waits for the "+"."""
        self._idle_tag = self.send('IDLE')
        self._await_continuation(self._idle_tag)

    def done(self):
        self.write(b'DONE\r\n')
        return self.wait(self._idle_tag)


def insecure_context():
    """A TLS context that takes any certificate: the tests' own is self-signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
