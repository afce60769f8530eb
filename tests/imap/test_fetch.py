# SPDX-License-Identifier: GPL-3.0-or-later
"""FETCH (RFC 3501 section 6.4.5): every item of every message of the corpus, in valid form and equal to an independent reading."""

import os
import random
import time

import pytest

from lib import fetch_grammar, sections
from lib.imap import Literal
from oracle import corpus, mailtext

MESSAGE = (b'From: Joe <joe@example.org>\r\nSubject: one\r\nX-A: 1\r\n\r\nbody\r\n')
ALL_ITEMS = ('(UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY BODYSTRUCTURE RFC822 RFC822.HEADER RFC822.TEXT BODY.PEEK[] BODY.PEEK[HEADER] '
             'BODY.PEEK[TEXT] BODY.PEEK[1] BODY.PEEK[1.MIME] BODY.PEEK[]<5.40> BODY.PEEK[HEADER.FIELDS (From Subject Received)] '
             'BODY.PEEK[HEADER.FIELDS.NOT (From Subject Received)])')


def strict_fetch(client, numbers, items, uid=False):
    """[(number, items)] by the strict grammar; the command must be answered OK."""
    tag = client.send('UID FETCH' if uid else 'FETCH', numbers, items)
    out = []
    while True:
        pieces = client.read_pieces()
        if fetch_grammar.is_fetch(pieces):
            out.append(fetch_grammar.parse_fetch(pieces))
            continue
        line = pieces[0]
        if line.startswith(tag.encode() + b' '):
            del client.pending[tag]
            assert line.startswith(tag.encode() + b' OK '), line
            return out
        assert line.startswith(b'* '), line


def served(data):
    """What IMAP serves of the octets: CRLF, and no NUL (server/imap/parser.h)."""
    return corpus.crlf(data).replace(b'\0', b'\x80')


@pytest.fixture
def one(inbox):
    """A client with one message in INBOX."""
    inbox.append('INBOX', MESSAGE, flags=['\\Flagged', 'Work'], date='17-Jul-1996 02:44:25 -0700')
    inbox.noop()
    return inbox


# --- all mail ---


class Mail:
    """The corpus in one mailbox: by file, so that octets that APPEND refuses are there too."""

    def __init__(self, server, account):
        found = corpus.find()
        self.files = {}     # what is served -> name
        inbox = os.path.join(server.maildir(account.name), 'new')
        os.makedirs(inbox, exist_ok=True)
        folders = ('torture', 'intl', 'attachments', 'ordinary')
        names = found.names(folders)
        if found.is_whole:      # enough of the plain ones
            names = [n for i, n in enumerate(names) if not n.startswith('ordinary') or i % 5 == 0]
        for i, name in enumerate(names):
            data = found.octets(name)
            path = os.path.join(inbox, '%d.M%d.test' % (1600000000 + i, i))
            if data is None or served(data) in self.files:
                continue
            self.files[served(data)] = name
            with open(path, 'wb') as f:
                f.write(data)


@pytest.fixture(scope='module')
def mail(session_dir, certificate):
    from lib import harness
    server = harness.Server(os.path.join(session_dir, 'fetch'), cert=certificate).start()
    server.add_user('mail', 'secret')
    account = harness.Account(server, 'mail', 'secret')
    account.connect().logout()      # makes the account
    mail = Mail(server, account)
    mail.account = account
    mail.server = server
    yield mail
    account.close()
    server.stop()
    server.check()


def check_envelope(envelope, data):
    """Against the fields of an independent reading; addresses are the unit tests' matter."""
    header = mailtext.Header(data, 0, True)
    for attribute, name in (('date', b'date'), ('subject', b'subject'), ('in_reply_to', b'in-reply-to'), ('message_id', b'message-id')):
        value = header.first(name)
        expected = None if value is None else value.strip(b' \t\r\n\v\f')
        assert getattr(envelope, attribute) == expected, attribute
    for attribute, name in (('sender_from', b'from'), ('to', b'to'), ('cc', b'cc'), ('bcc', b'bcc')):
        if header.first(name) is None:
            assert getattr(envelope, attribute) is None, attribute
    for attribute in ('sender', 'reply_to'):
        if header.first(attribute.replace('_', '-').encode()) is None:
            assert getattr(envelope, attribute) == envelope.sender_from


def describe(part):
    """A Part as its body structure says it: nested tuples of type, size and lines."""
    if part.children:
        return (part.type[1], [describe(c) for c in part.children])
    if part.type == ('message', 'rfc822'):
        inner = describe(part.message) if part.message is not None else (('text', 'plain'), len(part.body), part.body.count(b'\n'))
        return (part.type, len(part.body), inner, part.body.count(b'\n'))
    kind = ('text', 'plain') if part.type[0] == 'multipart' else part.type
    return (kind, len(part.body)) + ((part.body.count(b'\n'),) if kind[0] == 'text' else ())


def describe_body(body):
    if body.parts is not None:
        return (body.subtype.decode('latin-1'), [describe_body(p) for p in body.parts])
    kind = (body.type.decode('latin-1'), body.subtype.decode('latin-1'))
    if body.body is not None:
        return (kind, body.size, describe_body(body.body), body.lines)
    return (kind, body.size) + ((body.lines,) if body.lines is not None else ())


def test_every_item_of_every_message_is_valid_and_right(mail):
    client = mail.account.connect()
    exists = client.select('INBOX').exists
    assert exists == len(mail.files)
    seen = set()
    for number, items in strict_fetch(client, '1:*', ALL_ITEMS):
        data = items['BODY[]']
        assert data in mail.files, 'message %d is none of the files' % number
        seen.add(data)
        name = mail.files[data]
        root = sections.Part.of(data)
        try:
            assert items['RFC822.SIZE'] == len(data)
            assert items['RFC822'] == data
            assert items['RFC822.HEADER'] == items['BODY[HEADER]'] == root.header
            assert items['RFC822.TEXT'] == items['BODY[TEXT]'] == root.body
            assert items['BODY[]<5>'] == data[5:45]
            assert items['BODY[1]'] == sections.section(root, '1')
            assert items['BODY[1.MIME]'] == sections.section(root, '1.MIME')
            check_fields(items, root)
            check_envelope(items['ENVELOPE'], data)
            assert describe_body(items['BODY']) == describe_body(items['BODYSTRUCTURE']) == describe(root)
        except AssertionError as e:
            raise AssertionError('%s: %s' % (name, e)) from e
    assert len(seen) == exists


def check_fields(items, root):
    names = (b'from', b'subject', b'received')
    chosen = items['BODY[HEADER.FIELDS (From Subject Received)]']
    others = items['BODY[HEADER.FIELDS.NOT (From Subject Received)]']
    inner = mailtext.Header(chosen, 0, False)
    assert [n.lower() for n, _ in inner.fields if n is not None] == \
        [n.lower() for n, _ in mailtext.Header(root.header, 0, True).fields if n is not None and n.lower() in names]
    blank = b'\r\n' if chosen.endswith(b'\r\n\r\n') or chosen == b'\r\n' else b''
    assert len(chosen) + len(others) == len(root.header) + len(blank)


def test_every_section_is_that_of_an_independent_reading(mail):
    client = mail.account.connect()
    client.select('INBOX', readonly=True)
    structures = strict_fetch(client, '1:*', '(BODYSTRUCTURE BODY.PEEK[])')
    checked = 0
    for number, items in structures:
        root = sections.Part.of(items['BODY[]'])
        paths = ['.'.join(map(str, path)) for path, _ in items['BODYSTRUCTURE'].walk()][:40]
        specs = [p + word for p in paths for word in ('', '.MIME', '.HEADER', '.TEXT', '.1', '.2')] + ['2', '9', '1.9.1']
        specs = list(dict.fromkeys(specs))[:200]
        (_, got), = strict_fetch(client, str(number), '(%s)' % ' '.join('BODY.PEEK[%s]' % s for s in specs))
        for spec in specs:
            expected = sections.section(root, spec)
            assert got['BODY[%s]' % spec] == expected, (mail.files[items['BODY[]']], spec)
            checked += 1
        for path, body in items['BODYSTRUCTURE'].walk():
            spec = '.'.join(map(str, path))
            if body.size is not None and spec in specs:
                assert len(got['BODY[%s]' % spec]) == body.size
    assert checked > 10 * len(structures)


def test_partial_fetches_are_slices(mail):
    client = mail.account.connect()
    exists = client.select('INBOX', readonly=True).exists
    r = random.Random(1)
    for _ in range(200):
        number = r.randint(1, exists)
        whole = r.choice(['', '1', 'TEXT', 'HEADER', '1.MIME', 'HEADER.FIELDS (Received)'])
        (_, items), = strict_fetch(client, str(number), 'BODY.PEEK[%s]' % whole)
        data = items['BODY[%s]' % whole]
        if data is None:
            continue
        offset = r.choice([0, 1, len(data), len(data) + 1, r.randint(0, len(data) + 1), 2 ** 32])
        count = r.choice([1, 2, len(data) + 1, r.randint(1, len(data) + 2), 2 ** 32, 2 ** 63 - 1])
        (_, items), = strict_fetch(client, str(number), 'BODY.PEEK[%s]<%d.%d>' % (whole, offset, count))
        assert items['BODY[%s]<%d>' % (whole, offset)] == data[offset:offset + count]


# --- items and macros ---


@pytest.mark.parametrize('items,names', [
    ('ALL', 'FLAGS INTERNALDATE RFC822.SIZE ENVELOPE'),
    ('FAST', 'FLAGS INTERNALDATE RFC822.SIZE'),
    ('full', 'FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODY'),
    ('FLAGS', 'FLAGS'),
    ('(uid)', 'UID'),
    ('(BODY)', 'BODY'),
    ('(BODY.PEEK[] BODY.PEEK[])', 'BODY[]'),
])
def test_names_of_the_answer(one, items, names):
    (number, got), = strict_fetch(one, '1', items)
    assert number == 1 and sorted(got) == sorted(names.split())


def test_values(one):
    (_, got), = strict_fetch(one, '1', '(FLAGS INTERNALDATE RFC822.SIZE UID BODY.PEEK[HEADER.FIELDS (SUBJECT)])')
    assert set(got['FLAGS']) == {'\\Flagged', 'Work', '\\Recent'}
    assert got['INTERNALDATE'] == '17-Jul-1996 02:44:25 -0700'
    assert got['RFC822.SIZE'] == len(MESSAGE)
    assert got['UID'] == 1
    assert got['BODY[HEADER.FIELDS (SUBJECT)]'] == b'Subject: one\r\n\r\n'


def test_uid_fetch_has_the_uid_always(one):
    (number, got), = strict_fetch(one, '1', 'RFC822.SIZE', uid=True)
    assert (number, got['UID']) == (1, 1)


def test_field_names_may_be_literals(one):
    result = one.cmd('FETCH 1 BODY.PEEK[HEADER.FIELDS (%s)]' % '"x-a"')
    assert result.one('FETCH').args[0]['BODY[HEADER.FIELDS (X-A)]'] == b'X-A: 1\r\n\r\n'
    tag = one.send_pieces(one.new_tag(), 'FETCH', [b' FETCH 1 BODY.PEEK[HEADER.FIELDS (', Literal(b'X-A'), b')]'])
    assert one.wait(tag).one('FETCH').args[0]['BODY[HEADER.FIELDS (X-A)]'] == b'X-A: 1\r\n\r\n'


@pytest.mark.parametrize('command', [
    'FETCH', 'FETCH 1', 'FETCH 1 ', 'FETCH  1 FLAGS', 'FETCH 1 ()', 'FETCH 1 (FLAGS', 'FETCH 1 FLAGS)', 'FETCH 1 FLAGS UID', 'FETCH 1 (ALL)',
    'FETCH 1 FOO', 'FETCH 1 BODY[', 'FETCH 1 BODY[]x', 'FETCH 1 BODY[0]', 'FETCH 1 BODY[1.]', 'FETCH 1 BODY[MIME]', 'FETCH 1 BODY[FOO]',
    'FETCH 1 BODY[HEADER.FIELDS]', 'FETCH 1 BODY[HEADER.FIELDS ()]', 'FETCH 1 BODY[]<>', 'FETCH 1 BODY[]<0>', 'FETCH 1 BODY[]<0.0>',
    'FETCH 1 BODY[]<-1.1>', 'FETCH 1 BODY.PEEK', 'FETCH 0 FLAGS', 'FETCH 1, FLAGS', 'FETCH x FLAGS', 'FETCH 4294967296 FLAGS', 'FETCH 2 FLAGS',
    'FETCH 1:3 FLAGS', 'UID FETCH', 'UID FETCH 0 FLAGS',
])
def test_wrong_commands_are_bad_and_say_why(one, command):
    result = one.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10 and not result.all('FETCH')
    assert one.noop().status == 'OK'


def test_uids_that_are_not_there_are_no_error(one):
    assert strict_fetch(one, '2:100', 'FLAGS', uid=True) == []
    assert [n for n, _ in strict_fetch(one, '100:*', 'FLAGS', uid=True)] == [1]     # RFC 3501: * is the largest UID, ranges have no order


def test_star_in_an_empty_mailbox_is_bad(inbox):
    """RFC 3501 has no message for it to name; UID FETCH has nothing to answer."""
    assert inbox.cmd('FETCH 1 FLAGS', ok=False).status == 'BAD'
    assert inbox.cmd('UID FETCH 1:* FLAGS').all('FETCH') == []


# --- \Seen ---


@pytest.mark.parametrize('items,seen', [
    ('BODY[]', True), ('BODY[TEXT]', True), ('BODY[HEADER]', True), ('BODY[1]<0.1>', True), ('RFC822', True), ('RFC822.TEXT', True),
    ('BODY.PEEK[]', False), ('RFC822.HEADER', False), ('BODY', False), ('BODYSTRUCTURE', False), ('ENVELOPE', False), ('FAST', False),
])
def test_seen_is_set_and_told(one, items, seen):
    first = one.cmd('FETCH 1', items)
    told = first.one('FETCH').args[0].get('FLAGS', [])
    assert ('\\Seen' in told) == seen
    assert not one.noop().all('FETCH')      # not a second time
    assert ('\\Seen' in one.fetch('1', 'FLAGS')[1]['FLAGS']) == seen
    if seen:
        assert 'FLAGS' not in one.cmd('FETCH 1', items).one('FETCH').args[0]


def test_seen_is_not_set_in_an_examined_mailbox(one):
    one.select('INBOX', readonly=True)
    one.cmd('FETCH 1 BODY[]')
    assert '\\Seen' not in one.fetch('1', 'FLAGS')[1]['FLAGS']


def test_seen_is_set_in_one_go_for_many(account):
    a, b = account.connect(), account.connect()
    for i in range(250):
        a.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    a.select()
    b.select()
    got = dict(strict_fetch(a, '1:*', '(BODY[TEXT])'))
    assert len(got) == 250 and all('\\Seen' in items['FLAGS'] for items in got.values())
    assert not a.noop().all('FETCH')
    b.noop()
    assert all('\\Seen' in items['FLAGS'] for items in b.fetch('1:*', 'FLAGS').values())
    assert len(b.untagged) > 250


# --- with others ---


def test_expunged_messages_are_left_out(account):
    a, b = account.connect(), account.connect()
    for i in range(5):
        a.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    a.select()
    b.select()
    a.store('2,4', '+FLAGS', ['\\Deleted'])
    a.expunge()
    result = b.cmd('FETCH 1:5 BODY.PEEK[HEADER]', ok=False)
    assert result.status == 'NO' and result.has_code('EXPUNGEISSUED')
    assert [u.number for u in result.all('FETCH') if 'BODY[HEADER]' in u.args[0]] == [1, 3, 5]
    assert sorted(b.fetch('1:5', 'RFC822.SIZE')) == [1, 2, 3, 4, 5]     # still in view, from the columns
    result = b.cmd('UID FETCH 2,3 BODY.PEEK[HEADER]')
    assert result.has_code('EXPUNGEISSUED')
    assert [u.args[0]['UID'] for u in result.all('FETCH') if 'BODY[HEADER]' in u.args[0]] == [3]
    b.noop()
    assert b.exists == 3


# --- much ---


def test_a_client_that_does_not_read_holds_nobody_up(account):
    big = b'Subject: big\r\n\r\n' + b'0123456789abcdef' * 64 * 1024 * 8      # 8 MiB
    a, b = account.connect(), account.connect()
    a.append('INBOX', big)
    a.select()
    tag = a.send('FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT] RFC822.SIZE)')
    for _ in range(20):
        assert b.noop().status == 'OK'
    assert b.status('INBOX')['MESSAGES'] == 1
    result = a.wait(tag)
    items = result.one('FETCH').args[0]
    assert items['BODY[]'] == big and items['BODY[TEXT]'] == big[16:] and items['RFC822.SIZE'] == len(big)


def anonymous_memory(server):
    """Octets of memory that is no mapped file."""
    with open('/proc/%d/status' % server.process.pid) as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith('RssAnon:'))


@pytest.mark.parametrize('items,size', [
    ('(BODY.PEEK[] BODY.PEEK[TEXT] RFC822.TEXT)', 90_000_000),
    ('(%s)' % ' '.join('BODY.PEEK[HEADER.FIELDS.NOT (A%d)]' % i for i in range(60)), 120_000_000),
])
def test_memory_is_bounded_while_a_client_does_not_read(own_server, make_account, items, size):
    account = make_account(own_server)
    a, b = account.connect(), account.connect()
    header = b''.join(b'X-%d: %s\r\n' % (i, b'h' * 990) for i in range(2000))
    a.append('INBOX', header + b'\r\n' + b'0123456789abcde\r\n' * 1_700_000, sync=False)
    a.select()
    before = anonymous_memory(own_server)
    tag = a.send('FETCH 1', items)
    for _ in range(50):
        b.noop()
    a.read_line(time.monotonic() + a.timeout)      # it has begun, and the rest waits
    for _ in range(50):
        b.noop()
    assert anonymous_memory(own_server) - before < size / 3
    a.close()
    assert b.noop().status == 'OK'
    assert tag


def test_a_file_that_is_gone_holds_up_no_other(server, account):
    client = account.connect()
    for i in range(3):
        client.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    client.select()
    (_, items), = strict_fetch(client, '2', 'BODY.PEEK[]')
    folder = os.path.join(server.maildir(account.name), 'cur')
    gone = [name for name in os.listdir(folder) if open(os.path.join(folder, name), 'rb').read().startswith(b'Subject: 1')]
    os.unlink(os.path.join(folder, gone[0]))
    result = client.cmd('FETCH 1:3 BODY.PEEK[HEADER]', ok=False)
    assert result.status == 'NO'
    assert [u.number for u in result.all('FETCH') if 'BODY[HEADER]' in u.args[0]] == [1, 3]
    assert client.noop().status == 'OK'


def test_pipelined_fetches_answer_in_order(one):
    tags = [one.send('FETCH 1', items) for items in ('FLAGS', 'ENVELOPE', 'BODY.PEEK[]', 'FOO', 'UID')]
    assert [one.wait(t).status for t in tags[:3]] == ['OK'] * 3
    assert one.wait(tags[3]).status == 'BAD'
    assert one.wait(tags[4]).all('FETCH')[-1].args[0] == {'UID': 1}


def test_the_grammar_reader_is_strict():
    """The test of the tests: what must not pass."""
    from lib.imap import Literal as L
    good = [b'* 1 FETCH (BODY[] ', L(b'x'), b' FLAGS (\\Seen a) ENVELOPE (NIL "s" NIL NIL NIL NIL NIL NIL NIL NIL))']
    assert fetch_grammar.parse_fetch(good)[1]['BODY[]'] == b'x'
    bad = [
        [b'* 1 FETCH (FLAGS (\\Seen)'], [b'* 1 FETCH ()'], [b'* 1 FETCH (FLAGS (a  b))'], [b'* 1 FETCH (FLAGS (\\Foo))'],
        [b'* 1 FETCH (UID 0)'], [b'* 1 FETCH (UID 1 UID 1)'], [b'* 1 FETCH (BODY[] "\xff")'], [b'* 1 FETCH (BODY[] ', L(b'\0'), b')'],
        [b'* 1 FETCH (ENVELOPE (NIL NIL NIL NIL NIL NIL NIL NIL NIL))'], [b'* 1 FETCH (ENVELOPE (NIL NIL () NIL NIL NIL NIL NIL NIL NIL))'],
        [b'* 1 FETCH (ENVELOPE (NIL NIL ((NIL NIL "g" NIL)) NIL NIL NIL NIL NIL NIL NIL))'],
        [b'* 1 FETCH (BODY ("text" "plain" NIL NIL NIL "7bit" 1))'], [b'* 1 FETCH (BODY ("text" "plain" () NIL NIL "7bit" 1 1))'],
        [b'* 1 FETCH (BODY ("message" "rfc822" NIL NIL NIL "7bit" 1))'], [b'* 1 FETCH (BODY ("multipart" "mixed" NIL NIL NIL "7bit" 1))'],
        [b'* 1 FETCH (INTERNALDATE "1-Jan-2020 00:00:00 +0000")'], [b'* 1 FETCH (FLAGS ()) '],
    ]
    for pieces in bad:
        with pytest.raises((fetch_grammar.GrammarError, AssertionError)):
            fetch_grammar.parse_fetch(pieces)
