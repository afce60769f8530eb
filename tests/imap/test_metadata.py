# SPDX-License-Identifier: GPL-3.0-or-later
"""METADATA and METADATA-SERVER (RFC 5464)."""

import random
import subprocess
import time

import pytest

from lib import harness
from lib.imap import CommandFailed, Literal

SOON = 5.0
COMMENT = '/private/comment'
SHARED = '/shared/comment'
MAXSIZE, ENTRIES, TOTAL = 65536, 1000, 4 * 1024 * 1024


def pairs(result):
    """{entry: value} of all METADATA responses."""
    out = {}
    for u in result.all('METADATA'):
        assert len(u.args) == 2 and u.args[1] and len(u.args[1]) % 2 == 0
        for name, value in zip(u.args[1][::2], u.args[1][1::2]):
            assert name not in out and (value is None or isinstance(value, bytes))
            out[name] = value
    return out


def get(client, mailbox, entries=COMMENT, options=''):
    return pairs(client.cmd('GETMETADATA %s%s %s' % (options and options + ' ', mailbox, entries)))


def put(client, mailbox, values, sync=False, binary=True):
    """SETMETADATA of a dict (or list of pairs); values as literal8s unless they are None. The Result."""
    pieces = [b' SETMETADATA %s (' % mailbox.encode()]
    for n, (name, value) in enumerate(values.items() if isinstance(values, dict) else values):
        pieces += [b'%s%s ' % (b' ' if n else b'', name.encode()),
                   b'NIL' if value is None else Literal(value, sync=sync, binary=binary)]
    try:
        return client.wait(client.send_pieces(client.new_tag(), 'SETMETADATA', pieces + [b')']))
    except CommandFailed as refused:
        return refused.result


def news(result):
    """{mailbox: [names]} of unsolicited responses."""
    return {u.args[0]: u.args[1:] for u in result.all('METADATA')}


def test_capabilities_are_told(client):
    assert {'METADATA', 'METADATA-SERVER', 'FILTERS'} <= set(client.capability())


@pytest.mark.parametrize('box', ['INBOX', '""'])
def test_what_is_set_is_got_until_it_is_removed(client, box):
    vendor = '/private/vendor/kolab/displayname'
    assert get(client, box) == {COMMENT: None}
    client.cmd('SETMETADATA %s (%s "My own" %s "two")' % (box, COMMENT, vendor))
    result = client.cmd('GETMETADATA %s (%s %s)' % (box, COMMENT, vendor))
    assert pairs(result) == {COMMENT: b'My own', vendor: b'two'}
    assert result.one('METADATA').args[0] == (b'' if box == '""' else 'INBOX')
    for _ in range(2):
        client.cmd('SETMETADATA %s (%s NIL)' % (box, COMMENT))
        assert get(client, box, '(%s %s)' % (COMMENT, vendor)) == {COMMENT: None, vendor: b'two'}


def test_mailboxes_and_the_server_are_apart(client):
    client.create('Box')
    for box in ('INBOX', 'Box', '""'):
        assert put(client, box, {COMMENT: box.encode()}).status == 'OK'
    assert put(client, 'Box', {SHARED: b'shared'}).status == 'OK'
    for box in ('inbox', 'Box', '""'):
        assert get(client, box) == {COMMENT: box.upper().encode() if box == 'inbox' else box.encode()}
    assert get(client, 'INBOX', SHARED) == {SHARED: None} and get(client, '""', SHARED) == {SHARED: None}


VALUES = [b'', b'NIL', b'a', b'quote " and \\', b'two\r\nlines', b'bare\rcr\nlf', bytes(range(1, 256)), bytes(range(256)), b'\0',
          'Grüße, 世界'.encode(), b'x' * 1024, b'{5}\r\nhello', b'~{1}', b' ', b')', b'a' * MAXSIZE, b'\0' * MAXSIZE]


@pytest.mark.parametrize('sync', [True, False])
@pytest.mark.parametrize('value', VALUES, ids=lambda v: '%r %d' % (v[:12], len(v)))
def test_values_come_back_octet_for_octet(client, value, sync):
    assert put(client, 'INBOX', {COMMENT: value}, sync=sync).status == 'OK'
    assert get(client, 'INBOX') == {COMMENT: value}
    # only what no other string can hold comes as a literal8
    tag = client.send('GETMETADATA INBOX', COMMENT)
    assert any(isinstance(p, Literal) and p.binary for p in client.read_pieces()) == (b'\0' in value)
    client.wait(tag)
    if b'\0' not in value:
        assert put(client, 'INBOX', {SHARED: value}, sync=sync, binary=False).status == 'OK'
        assert get(client, 'INBOX', SHARED) == {SHARED: value}


def test_a_string_with_nul_must_be_a_literal8(client):
    assert put(client, 'INBOX', {COMMENT: b'a\0b'}, binary=False).status == 'BAD'
    assert get(client, 'INBOX') == {COMMENT: None}


GOOD_NAMES = ['/private/a', '/shared/a/b/c', '/PRIVATE/Comment', '/private/vendor/tok/x', '/shared/vendor/tok/x/y', '/private/a.b~c',
              '"/private/with space"', '"/private/(quoted)"', '/private/' + 'n' * 503]
BAD_NAMES = ['comment', '/comment', '/public/comment', '/privatecomment', '/private//a', '/private/a/', '//private/a', '"/private/a*"',
             '"/private/a%b"', '"/private/a\tb"', '"/private/\u00e9"', '/private/' + 'n' * 504, '""', '/', '"/private/a\x7f"', '"/private/a\x1f"',
             '/private/', '/']
ONLY_READ = ['/private', '/shared', '/private/vendor', '/private/vendor/tok', '/shared/vendor']


@pytest.mark.parametrize('name', GOOD_NAMES)
def test_good_names_are_taken(client, name):
    client.cmd('SETMETADATA INBOX (%s "v")' % name)
    assert list(get(client, 'INBOX', name).values()) == [b'v']


@pytest.mark.parametrize('name', BAD_NAMES)
def test_bad_names_are_bad_everywhere(client, name):
    client.expect('BAD', 'SETMETADATA INBOX (%s "v")' % name)
    client.expect('BAD', 'SETMETADATA INBOX (/private/ok "v" %s NIL)' % name)
    client.expect('BAD', 'GETMETADATA INBOX %s' % name)
    client.expect('BAD', 'GETMETADATA INBOX (/private/ok %s)' % name)
    assert get(client, 'INBOX', '/private/ok') == {'/private/ok': None}


@pytest.mark.parametrize('name', ONLY_READ)
def test_what_only_has_entries_below_can_be_asked_for_but_not_set(client, name):
    assert get(client, 'INBOX', name) == {name: None}
    client.expect('BAD', 'SETMETADATA INBOX (%s "v")' % name)


def test_names_have_no_case_and_come_as_asked_for(client):
    client.cmd('SETMETADATA INBOX (/Private/Vendor/Tok/Name "1")')
    assert get(client, 'INBOX', '/private/vendor/tok/name') == {'/private/vendor/tok/name': b'1'}
    client.cmd('SETMETADATA INBOX (/private/vendor/tok/NAME "2")')
    assert get(client, 'INBOX', '/private/VENDOR', '(DEPTH infinity)') == {'/private/VENDOR/Tok/Name': b'2'}
    assert get(client, 'INBOX', '(/private/vendor/tok/name /PRIVATE/VENDOR/TOK/NAME)') == {'/private/vendor/tok/name': b'2'}


def test_depth_reaches_as_far_as_it_says(client):
    tree = {'/private/a': b'a', '/private/a/b': b'b', '/private/a/b/c': b'c', '/private/a/b2': b'b2', '/private/ab': b'ab', '/shared/a/b': b's',
            '/private/a-b': b'a-b', '/private/a0': b'a0'}
    assert put(client, 'INBOX', tree).status == 'OK'

    def names(options, entries='/private/a'):
        return {n: v for n, v in get(client, 'INBOX', entries, options).items()}
    below = {n: v for n, v in tree.items() if n.startswith('/private/a/')}
    assert names('') == names('(DEPTH 0)') == {'/private/a': b'a'}
    assert names('(DEPTH 1)') == {'/private/a': b'a', '/private/a/b': b'b', '/private/a/b2': b'b2'}
    assert names('(depth INFINITY)') == {'/private/a': b'a', **below}
    assert names('(DEPTH 1)', '/private') == {n: v for n, v in tree.items() if n.startswith('/private') and n.count('/') == 2}
    assert names('(DEPTH infinity)', '(/private /shared /private/a)') == tree
    assert names('(DEPTH infinity)', '/private/none') == {'/private/none': None}
    assert names('(DEPTH 1)', '/shared/a') == {'/shared/a/b': b's'}


def test_what_is_asked_for_again_and_again_comes_once_and_soon(client):
    """Took 140 s for the server's and 45 s for a mailbox's, for comparing each with each."""
    client.create('b')
    base = '/private/a' + '/a' * 200
    names = ' '.join('/private' + '/a' * n for n in range(1, 202))
    for box in ('""', 'b'):
        for k in range(0, 1000, 100):
            client.cmd('SETMETADATA %s (%s)' % (box, ' '.join('%s/N%d "v"' % (base, i) for i in range(k, k + 100))))
        began = time.monotonic()
        got = client.cmd('GETMETADATA (DEPTH infinity) %s (%s %s/n7 /shared/comment /Shared/Comment)' % (box, names, base), timeout=200)
        assert time.monotonic() - began < 10
        entries = got.one('METADATA').args[1]
        assert sorted(entries[::2]) == sorted(['%s/N%d' % (base, i) for i in range(1000)] + ['/shared/comment'])
        assert entries[1::2].count(b'v') == 1000


def test_maxsize_leaves_out_what_is_longer_and_says_how_long(client):
    put(client, 'INBOX', {COMMENT: b'12345', SHARED: b'1234567', '/private/e': b''})
    entries = '(%s %s /private/e /private/none)' % (COMMENT, SHARED)
    for size, left, longest in ((7, 4, None), (6, 3, 7), (5, 3, 7), (4, 2, 7), (0, 2, 7)):
        result = client.cmd('GETMETADATA (MAXSIZE %d) INBOX %s' % (size, entries))
        assert len(pairs(result)) == left
        assert result.code == (['METADATA', 'LONGENTRIES', longest] if longest else None)
    result = client.cmd('GETMETADATA (MAXSIZE 4) INBOX %s' % COMMENT)
    assert result.all('METADATA') == [] and result.code == ['METADATA', 'LONGENTRIES', 5]
    # with DEPTH, in either order, and where the examples of RFC 5464 have it (errata 2785, 2786)
    for text in ('(MAXSIZE 6 DEPTH 1) INBOX /private', '(DEPTH 1 MAXSIZE 6) INBOX (/private)', 'INBOX (DEPTH 1 MAXSIZE 6) (/private)'):
        assert pairs(client.cmd('GETMETADATA', text)) == {COMMENT: b'12345', '/private/e': b''}


@pytest.mark.parametrize('text', [
    '', ' ', ' INBOX', ' INBOX ', ' INBOX ()', ' INBOX (%s' % COMMENT, ' INBOX %s extra' % COMMENT, ' INBOX (%s  %s)' % (COMMENT, SHARED),
    ' () INBOX %s' % COMMENT, ' (DEPTH) INBOX %s' % COMMENT, ' (DEPTH 2) INBOX %s' % COMMENT, ' (DEPTH -1) INBOX %s' % COMMENT,
    ' (MAXSIZE) INBOX %s' % COMMENT, ' (MAXSIZE x) INBOX %s' % COMMENT, ' (MAXSIZE 4294967296) INBOX %s' % COMMENT, ' (SIZE 3) INBOX %s' % COMMENT,
    ' (DEPTH 0 DEPTH 0) INBOX %s' % COMMENT, ' (MAXSIZE 1 MAXSIZE 1) INBOX %s' % COMMENT, ' (DEPTH 1)INBOX %s' % COMMENT, ' INBOX %s %s' % (COMMENT, SHARED),
    ' (DEPTH 0) INBOX (DEPTH 0) %s' % COMMENT])
def test_get_refuses_what_is_no_command(client, text):
    client.expect('BAD', 'GETMETADATA' + text)
    client.noop()


@pytest.mark.parametrize('text', [
    '', ' INBOX', ' INBOX ()', ' INBOX %s "x"' % COMMENT, ' INBOX (%s)' % COMMENT, ' INBOX (%s atom)' % COMMENT, ' INBOX (%s "x"' % COMMENT,
    ' INBOX (%s "x") extra' % COMMENT, ' INBOX (%s "x"%s "y")' % (COMMENT, SHARED), ' INBOX (%s "x" %s)' % (COMMENT, SHARED), ' INBOX (%s ~"x")' % COMMENT,
    ' (%s "x")' % COMMENT, ' INBOX (%s 5)' % COMMENT, ' INBOX (%s ("x"))' % COMMENT])
def test_set_refuses_what_is_no_command(client, text):
    client.expect('BAD', 'SETMETADATA' + text)
    assert get(client, 'INBOX', '(%s %s)' % (COMMENT, SHARED)) == {COMMENT: None, SHARED: None}


def test_they_are_for_those_who_have_logged_in(server):
    with server.connect() as stranger:
        stranger.expect('BAD', 'GETMETADATA "" /shared/admin')
        stranger.expect('BAD', 'SETMETADATA "" (%s "x")' % COMMENT)


def test_a_mailbox_that_is_not_there_is_named(client):
    for command in ('GETMETADATA Nowhere %s' % COMMENT, 'SETMETADATA Nowhere (%s "x")' % COMMENT):
        assert client.expect('NO', command).code == ['NONEXISTENT']


def test_set_does_all_or_nothing(client):
    put(client, 'INBOX', {'/private/old': b'old'})
    result = put(client, 'INBOX', [('/private/new', b'x'), ('/private/old', None), ('/private/long', b'x' * (MAXSIZE + 1))])
    assert result.status == 'NO' and result.code == ['METADATA', 'MAXSIZE', MAXSIZE]
    client.expect('NO', 'SETMETADATA INBOX (/private/new "x" /private/old NIL /private/specialuse "\\\\Nonsense")')
    assert get(client, 'INBOX', '(/private/new /private/old)') == {'/private/new': None, '/private/old': b'old'}
    # in their order
    put(client, 'INBOX', [('/private/a', b'1'), ('/private/A', b'2'), ('/private/b', b'1'), ('/private/b', None)])
    assert get(client, 'INBOX', '(/private/a /private/b)') == {'/private/a': b'2', '/private/b': None}


@pytest.mark.parametrize('sync', [True, False])
@pytest.mark.parametrize('size', [MAXSIZE, MAXSIZE + 1, 300000, 3000000])
def test_a_value_that_is_too_long_is_refused_with_the_limit(client, size, sync):
    result = put(client, 'INBOX', {COMMENT: b'v' * size}, sync=sync)
    if size <= MAXSIZE:
        assert result.status == 'OK'
    else:
        assert result.status == 'NO' and result.code == ['METADATA', 'MAXSIZE', MAXSIZE]
    assert get(client, 'INBOX') == {COMMENT: b'v' * size if size <= MAXSIZE else None}


def test_entries_up_to_the_limit(client):
    names = ['/private/e/%d' % n for n in range(ENTRIES)]
    for begin in range(0, ENTRIES, 250):
        assert put(client, 'INBOX', {n: b'v' for n in names[begin:begin + 250]}).status == 'OK'
    for box, values, status in (('INBOX', {SHARED: b'one more'}, 'NO'), ('INBOX', {names[7]: b'another'}, 'OK'), ('""', {COMMENT: b'elsewhere'}, 'OK'),
                                ('INBOX', {names[3]: None, SHARED: b'instead'}, 'OK')):
        result = put(client, box, values)
        assert result.status == status
        assert result.code == (['METADATA', 'TOOMANY'] if status == 'NO' else None)
    found = get(client, 'INBOX', '/private', '(DEPTH infinity)')
    assert len(found) == ENTRIES - 1 and found[names[7]] == b'another'
    too_many = {'/private/m/%d' % n: b'' for n in range(257)}
    client.create('Box')
    assert put(client, 'Box', too_many).code == ['LIMIT']
    assert put(client, 'Box', dict(list(too_many.items())[:256])).status == 'OK'


def test_octets_up_to_the_limit(client):
    name = '/private/octets/%02d'
    per_entry = MAXSIZE + len(name % 0)
    n, left = divmod(TOTAL, per_entry)
    for i in range(n):
        assert put(client, 'INBOX', {name % i: b'v' * MAXSIZE}).status == 'OK'
    rest = left - len(name % n)
    assert put(client, 'INBOX', {name % n: b'v' * (rest + 1)}).code == ['METADATA', 'TOOMANY']
    assert put(client, 'INBOX', {name % n: b'v' * rest}).status == 'OK'
    assert sum(len(v) for v in get(client, 'INBOX', '/private', '(DEPTH infinity)').values()) == n * MAXSIZE + rest


# --- mailboxes come and go ---

def test_rename_takes_them_along_and_delete_takes_them_away(client):
    for box in ('a', 'a/b', 'a/b/c', 'ab'):
        client.create(box)
        put(client, box, {COMMENT: box.encode()})
    client.cmd('RENAME a new/a')
    for box, was in (('new/a', 'a'), ('new/a/b', 'a/b'), ('new/a/b/c', 'a/b/c'), ('ab', 'ab')):
        assert get(client, box) == {COMMENT: was.encode()}
    client.create('a')
    assert get(client, 'a') == {COMMENT: None}
    client.cmd('DELETE new/a/b/c')
    client.create('new/a/b/c')
    assert get(client, 'new/a/b/c') == {COMMENT: None}


def test_inbox_keeps_its_own_when_it_is_renamed(client):
    put(client, 'INBOX', {COMMENT: b'mine', SHARED: b'ours'})
    client.append('INBOX', b'Subject: x\r\n\r\nx\r\n')
    client.cmd('RENAME INBOX Old')
    for box in ('INBOX', 'Old'):
        assert get(client, box, '(%s %s)' % (COMMENT, SHARED)) == {COMMENT: b'mine', SHARED: b'ours'}
    put(client, 'Old', {COMMENT: None})
    assert get(client, 'INBOX') == {COMMENT: b'mine'}


def test_copy_takes_none_along(client):
    client.create('Box')
    put(client, 'INBOX', {COMMENT: b'mine'})
    client.append('INBOX', b'Subject: x\r\n\r\nx\r\n')
    client.select()
    client.cmd('COPY 1 Box')
    client.cmd('MOVE 1 Box')
    assert get(client, 'Box') == {COMMENT: None}


def test_a_name_that_cannot_be_selected_has_some_until_it_vanishes(client):
    client.create('up/down')
    put(client, 'up', {COMMENT: b'only a name'})
    assert get(client, 'up') == {COMMENT: b'only a name'}
    client.create('up')
    assert get(client, 'up') == {COMMENT: b'only a name'}
    client.cmd('DELETE up')         # \Noselect by now: deleted all the same
    assert get(client, 'up') == {COMMENT: None}
    put(client, 'up', {COMMENT: b'again'})
    client.cmd('RENAME up over')
    assert get(client, 'over') == {COMMENT: b'again'}
    client.cmd('RENAME over/down elsewhere')
    client.expect('NO', 'GETMETADATA over %s' % COMMENT)
    client.create('over/x')
    assert get(client, 'over') == {COMMENT: None}


def test_they_outlive_the_server(make_server, make_account):
    server = make_server()
    account = make_account(server)
    client = account.connect()
    client.create('Bücher'.encode('utf-7').decode().replace('+', '&').replace('/', ','))
    put(client, 'B&APw-cher', {COMMENT: b'\0\1'})
    put(client, '""', {COMMENT: b'server'})
    server.kill()
    server.start()
    client = account.connect()
    assert get(client, 'B&APw-cher') == {COMMENT: b'\0\1'} and get(client, '""') == {COMMENT: b'server'}


def test_the_selected_mailbox_is_no_matter(inbox):
    inbox.create('Box')
    put(inbox, 'Box', {COMMENT: b'x'})
    inbox.cmd('EXAMINE INBOX')
    assert put(inbox, 'INBOX', {COMMENT: b'y'}).status == 'OK'
    assert get(inbox, 'Box') == {COMMENT: b'x'} and get(inbox, 'INBOX') == {COMMENT: b'y'}


# --- special uses (RFC 6154 section 4) ---

def uses(client):
    return {u.args[2]: f for u in client.cmd('LIST "" *').all('LIST') for f in u.args[0]
            if f in ('\\Sent', '\\Drafts', '\\Trash', '\\Junk', '\\Archive')}


def test_the_special_use_is_the_mailboxs(client):
    use = '/private/specialuse'
    for box in ('Sent', 'Other', 'up/down'):
        client.create(box)
    assert get(client, 'Sent', use) == {use: b'\\Sent'} and get(client, 'Other', use) == {use: None}
    assert get(client, 'Sent', '/private', '(DEPTH 1)') == {use: b'\\Sent'}
    client.cmd('SETMETADATA Other (%s "\\\\sent")' % use)
    assert get(client, 'Sent', use) == {use: None} and get(client, 'Other', use) == {use: b'\\Sent'}
    assert uses(client) == {'Other': '\\Sent'}
    client.cmd('SETMETADATA Sent (%s "\\\\Archive")' % use)
    assert uses(client) == {'Other': '\\Sent', 'Sent': '\\Archive'}
    client.cmd('SETMETADATA Other (%s NIL)' % use)
    assert uses(client) == {'Sent': '\\Archive'}
    client.cmd('SETMETADATA Other (%s "\\\\drafts \\\\Archive \\\\Drafts")' % use)
    assert get(client, 'Other', use) == {use: b'\\Archive \\Drafts'} and get(client, 'Sent', use) == {use: None}
    client.cmd('SETMETADATA Sent (%s "\\\\Archive")' % use)
    assert get(client, 'Other', use) == {use: b'\\Drafts'} and uses(client) == {'Sent': '\\Archive', 'Other': '\\Drafts'}
    client.cmd('SETMETADATA Other (%s NIL)' % use)
    for box, value in (('Other', '"\\\\Flagged"'), ('Other', '"\\\\Sent \\\\Flagged"'), ('Other', '"\\\\Sent  \\\\Drafts"'), ('Other', '""'), ('up', '"\\\\Trash"'), ('Other', '"Trash"')):
        assert client.expect('NO', 'SETMETADATA %s (%s %s)' % (box, use, value)).code == ['USEATTR']
    assert uses(client) == {'Sent': '\\Archive'}
    # of the server it is an entry like any other
    put(client, '""', {use: b'x'})
    assert get(client, '""', use) == {use: b'x'}


# --- what all users share ---

def test_the_servers_shared_entries_are_the_administrators(make_server, make_account):
    server = make_server({'metadata': {'admin': 'mailto:postmaster@example.org', 'comment': 'Down on Sunday, "all" day'}})
    for client in (make_account(server).connect(), make_account(server).connect()):
        assert get(client, '""', '(/shared/admin /SHARED/Comment)') == {
            '/shared/admin': b'mailto:postmaster@example.org', '/SHARED/Comment': b'Down on Sunday, "all" day'}
        assert set(get(client, '""', '/shared', '(DEPTH infinity)')) == {'/shared/admin', '/shared/comment'}
        put(client, '""', {COMMENT: b'own'})
        assert set(get(client, '""', '(/private /shared)', '(DEPTH infinity)')) == {COMMENT, '/shared/admin', '/shared/comment'}
        for name in ('/shared/admin', '/shared/comment', '/shared/vendor/x/y', '/Shared/filters/values/f'):
            assert client.expect('NO', 'SETMETADATA "" (/private/x "x" %s "mine")' % name).code == ['NOPERM']
            client.expect('NO', 'SETMETADATA "" (%s NIL)' % name)
        assert get(client, '""', '/private/x') == {'/private/x': None}
        result = client.cmd('GETMETADATA (MAXSIZE 25) "" (/shared/admin /shared/comment)')
        assert pairs(result) == {'/shared/comment': b'Down on Sunday, "all" day'} and result.code == ['METADATA', 'LONGENTRIES', 29]


@pytest.mark.parametrize('settings, words', [({'admin': 'call me'}, 'no URI'), ({'shared_filters': '/nonexistent/file'}, '/nonexistent/file')])
def test_a_wrong_setting_is_told(make_server, settings, words):
    server = make_server({'metadata': settings}, start=False)
    done = subprocess.run([harness.program('mailsiftd'), '-t', '-c', server.config_path], capture_output=True, text=True)
    assert done.returncode == 1 and words in done.stderr


# --- telling others ---

def test_only_what_comes_after_enable_is_told(account):
    a, b = account.connect(), account.connect()
    put(b, 'INBOX', {COMMENT: b'x'})
    assert news(a.noop()) == {}
    assert a.cmd('ENABLE METADATA').one('ENABLED').args == ['METADATA']
    assert a.cmd('ENABLE METADATA').one('ENABLED').args == []
    assert b.cmd('ENABLE METADATA-SERVER METADATA-SERVER METADATA NONE').one('ENABLED').args == ['METADATA-SERVER', 'METADATA']
    assert news(a.noop()) == {}


def test_news_come_with_the_next_command(account):
    a, b, deaf = account.connect(), account.connect(), account.connect()
    a.cmd('ENABLE METADATA')
    b.create('Box')
    put(b, 'INBOX', {COMMENT: b'x', SHARED: b'y'})
    put(b, 'Box', {COMMENT: b'x'})
    put(b, '""', {COMMENT: b'x'})
    result = put(a, 'Box', {SHARED: b'by a'})
    assert news(result) == {b'': [COMMENT], 'INBOX': [COMMENT, SHARED], 'Box': [COMMENT]}
    assert news(a.noop()) == {} and news(b.noop()) == {} and news(deaf.noop()) == {}
    # removed is changed; the same value again is not; what is gone already is not
    put(b, 'INBOX', {COMMENT: None, SHARED: b'y', '/private/none': None})
    assert news(a.noop()) == {'INBOX': [COMMENT]}
    put(a, 'INBOX', {COMMENT: b'a'})
    put(b, 'INBOX', {COMMENT: b'b'})
    b.cmd('ENABLE METADATA')
    put(b, 'INBOX', {COMMENT: b'c'})
    assert news(a.select().result) == {'INBOX': [COMMENT]}
    put(a, 'INBOX', {'"/private/of a"': b'x'})
    assert news(b.noop()) == {'INBOX': [b'/private/of a']}
    b.cmd('RENAME Box Renamed')
    put(b, 'Renamed', {COMMENT: None})
    assert news(a.cmd('CHECK')) == {'Renamed': [COMMENT]}


def test_metadata_server_is_told_of_the_server_alone(account):
    a, b = account.connect(), account.connect()
    a.cmd('ENABLE METADATA-SERVER')
    put(b, 'INBOX', {COMMENT: b'x'})
    assert news(a.noop()) == {}
    put(b, '""', {COMMENT: b'x'})
    assert news(a.noop()) == {b'': [COMMENT]}


@pytest.mark.parametrize('selected', [True, False])
def test_idle_is_told_at_once(account, selected):
    a, b = account.connect(), account.connect()
    a.cmd('ENABLE METADATA')
    if selected:
        a.select()
    a.idle()
    for n in range(3):
        put(b, 'INBOX', {COMMENT: b'%d' % n})
        assert a.wait_untagged('METADATA', timeout=SOON).args == ['INBOX', COMMENT]
    a.done()


def test_a_special_use_that_goes_is_told(account):
    a, b = account.connect(), account.connect()
    for box in ('Sent', 'Other'):
        a.create(box)
    a.cmd('ENABLE METADATA')
    b.cmd('SETMETADATA Other (/private/specialuse "\\\\Sent")')
    assert news(a.noop()) == {'Sent': ['/private/specialuse'], 'Other': ['/private/specialuse']}
    b.cmd('SETMETADATA Other (/private/specialuse "\\\\Sent")')
    assert news(a.noop()) == {}


def test_many_removals_are_told_up_to_a_number(account):
    a, b = account.connect(), account.connect()
    names = ['/private/r/%04d' % n for n in range(1100)]
    a.cmd('ENABLE METADATA')
    for begin in range(0, len(names), 220):
        some = names[begin:begin + 220]
        put(b, 'INBOX', {n: b'x' for n in some})
        put(b, 'INBOX', {n: None for n in some})
    told = news(a.noop())['INBOX']
    assert told[-1] == names[-1] and 800 <= len(told) <= 1000
    put(b, 'INBOX', {names[0]: b'x'})
    assert news(a.noop()) == {'INBOX': [names[0]]}


# --- at random ---

def test_a_model_of_it_agrees(account):
    """Writes and reads at random, by two clients, against dicts."""
    random.seed(4)
    clients = [account.connect(), account.connect()]
    boxes = {'INBOX': {}, 'Box': {}, '""': {}}
    clients[0].create('Box')
    names = ['/private/%s%s' % (a, b) for a in 'xyz' for b in ('', '/x', '/x/y', '/Y')]
    for _ in range(300):
        client, box = random.choice(clients), random.choice(list(boxes))
        if random.random() < 0.5:
            some = {n: random.choice([None, b'', b'v\r\n', bytes(random.choices(range(256), k=9))]) for n in random.sample(names, random.randint(1, 4))}
            assert put(client, box, some).status == 'OK'
            for name, value in some.items():
                boxes[box][name] = value
        else:
            base, depth = random.choice(names + ['/private']), random.choice(['0', '1', 'infinity'])
            deep = {'0': 0, '1': 1, 'infinity': 99}[depth]
            want = {n: v for n, v in boxes[box].items() if v is not None and
                    (n == base or (n.startswith(base + '/') and n[len(base):].count('/') <= deep))}
            assert get(client, box, base, '(DEPTH %s)' % depth) == (want or {base: None})
