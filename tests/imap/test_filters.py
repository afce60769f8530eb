# SPDX-License-Identifier: GPL-3.0-or-later
"""FILTERS (RFC 5466)."""

import subprocess

import pytest

from lib import harness
from lib.imap import Literal

MINE, SHARED = '/private/filters/values/', '/shared/filters/values/'


def store(client, ok=True, **filters):
    """SETMETADATA of filters; "_" in a name is "-"."""
    pieces = [b' SETMETADATA "" (']
    for n, (name, text) in enumerate(filters.items()):
        data = text if text is None or isinstance(text, bytes) else text.encode()
        pieces += [b'%s%s%s ' % (b' ' if n else b'', MINE.encode(), name.replace('_', '-').encode()),
                   b'NIL' if data is None else Literal(data, sync=False)]
    result = client.wait(client.send_pieces(client.new_tag(), 'SETMETADATA', pieces + [b')']))
    assert result.status == 'OK' or not ok, result
    return result


@pytest.fixture
def box(client):
    """Messages 1 to 6: from boss or joe, small or large, seen or not."""
    for n in range(1, 7):
        client.append('INBOX', b'From: %s@example.com\r\nSubject: n%d\r\n\r\n%s caf\xc3\xa9\r\n' %
                      (b'boss' if n % 2 else b'joe', 7 - n, b'x' * (10 if n < 4 else 6000)), flags=['\\Seen'] if n in (1, 4, 5) else [])
    client.select()
    return client


def test_the_rfcs_example(box):
    store(box, on_the_road='OR SMALLER 5000 FROM "boss@example.com"')
    assert box.search('UID 2:900 FILTER on-the-road') == [2, 3, 5] == box.search('UID 2:900 OR SMALLER 5000 FROM "boss@example.com"')
    assert box.search('FILTER ON-THE-ROAD SINCE "3-Dec-2002" UNSEEN') == [2, 3]
    got = box.cmd('GETMETADATA (DEPTH 1) "" /private/filters/values').one('METADATA').args[1]
    assert got == [MINE + 'on-the-road', b'OR SMALLER 5000 FROM "boss@example.com"']


def test_every_command_that_searches_takes_it(box):
    store(box, large='LARGER 5000', boss='FROM boss')
    assert box.search('FILTER large') == [4, 5, 6]
    assert box.uid_search('FILTER large FILTER boss') == [5]
    assert box.esearch('RETURN (MIN COUNT) NOT FILTER large') == {'MIN': 1, 'COUNT': 3}
    assert box.cmd('SORT (SUBJECT) UTF-8 FILTER large').one('SORT').args == [6, 5, 4]
    threads = [box.cmd('UID THREAD ORDEREDSUBJECT US-ASCII', text).one('THREAD').args for text in ('FILTER boss', 'FROM boss', 'ALL')]
    assert threads[0] == threads[1] != threads[2]
    found = box.cmd('ESEARCH IN (mailboxes INBOX) RETURN (COUNT) FILTER large').one('ESEARCH')
    assert 'COUNT' in found.args and found.args[found.args.index('COUNT') + 1] == 3
    box.cmd('SEARCH RETURN (SAVE) FILTER boss')
    assert box.search('$ FILTER large') == [5]
    store(box, saved='$')
    assert box.search('FILTER saved') == [1, 3, 5]


def test_what_is_in_a_filter_counts_as_if_it_stood_there(box):
    store(box, fuzzy='FUZZY FROM bos', two='SEEN FROM boss', mod='MODSEQ 1', some='2:4')
    for program, same in (('RETURN (RELEVANCY ALL) FILTER fuzzy', 'RETURN (RELEVANCY ALL) FUZZY FROM bos'),
                          ('RETURN (RELEVANCY PARTIAL -1:-2) NOT FILTER fuzzy', 'RETURN (RELEVANCY PARTIAL -1:-2) NOT FUZZY FROM bos'),
                          ('RETURN (ALL) FUZZY FILTER two', 'RETURN (ALL) FUZZY SEEN FROM boss'), ('RETURN (ALL) OR FILTER two 4', 'RETURN (ALL) OR SEEN FROM boss 4'),
                          ('RETURN (ALL) NOT FILTER two', 'RETURN (ALL) NOT SEEN FROM boss'), ('RETURN (MAX) FILTER mod', 'RETURN (MAX) MODSEQ 1'),
                          ('RETURN (PARTIAL 2:3) FILTER mod', 'RETURN (PARTIAL 2:3) MODSEQ 1'), ('RETURN (ALL) FILTER some', 'RETURN (ALL) 2:4')):
        got = box.esearch(program)
        assert got == box.esearch(same) and len(got) > 0, program
    assert box.cmd('SORT (RELEVANCY) UTF-8 FILTER fuzzy').one('SORT').args == [1, 3, 5]
    box.expect('BAD', 'SEARCH RETURN (RELEVANCY) FILTER two')       # none of it is FUZZY


CASES = ['SEEN', 'SEEN FROM boss', '(SEEN FROM boss)', 'OR SEEN FROM boss', 'NOT SEEN', 'NOT (SEEN FROM boss) LARGER 100', '1:3', 'UID 2:5',
         'OR (SEEN LARGER 100) (UNSEEN SMALLER 100)', 'BODY "caf\u00e9"', 'BODY {5}\r\ncaf\u00e9', 'ALL', 'OR OR SEEN FROM joe LARGER 100 UNSEEN']
AROUND = ['FILTER f', 'NOT FILTER f', 'OR FILTER f FROM joe', 'OR FROM joe FILTER f', '(FILTER f)', 'NOT (FILTER f)', 'OR FILTER f FILTER f',
          'OR (FILTER f) 2', 'FILTER f 1:4', 'NOT NOT FILTER f']


@pytest.mark.parametrize('text', CASES)
def test_it_is_inserted_verbatim(box, text):
    store(box, f=text, outer='FILTER f', outermost='(FILTER outer)')
    for around in AROUND:
        whole = around.replace('FILTER f', text)
        # literals of the expected command are sent as such
        head, _, tail = whole.partition('{5}\r\n')
        if tail or '{5}' in whole:
            whole = whole.replace('{5}\r\ncaf\u00e9', '"caf\u00e9"')
        want = box.cmd('SEARCH CHARSET UTF-8', whole, ok=False)
        got = box.cmd('SEARCH', around, ok=False)
        nested = box.cmd('SEARCH', around.replace('FILTER f', 'FILTER outer'), ok=False)
        assert want.status == got.status == nested.status
        if want.status == 'OK':
            assert want.one('SEARCH').args == got.one('SEARCH').args == nested.one('SEARCH').args, around
    assert box.search('FILTER outermost') == box.search('(FILTER f)')


def test_one_that_is_not_there_is_named(box):
    store(box, there='SEEN', leads='FROM x FILTER gone')
    for text, name in (('FILTER gone', 'gone'), ('SEEN NOT FILTER Go-ne.1', 'Go-ne.1'), ('OR FILTER there FILTER leads', 'gone')):
        for command in ('SEARCH', 'UID SEARCH', 'SEARCH CHARSET UTF-8', 'SORT (DATE) UTF-8', 'THREAD REFERENCES US-ASCII', 'UID SORT (DATE) US-ASCII',
                        'ESEARCH IN (inboxes)', 'SEARCH RETURN (COUNT)'):
            result = box.expect('NO', command, text)
            assert [str(c) for c in result.code] == ['UNDEFINED-FILTER', name] and result.all('SEARCH') == []
    assert box.search('FILTER there') == [1, 4, 5]
    store(box, there=None)
    assert box.expect('NO', 'SEARCH FILTER there').has_code('UNDEFINED-FILTER')


def test_loops_and_long_chains_are_as_if_not_there(box):
    store(box, a='FILTER b', b='SEEN FILTER C', c='FILTER a', self='FILTER SELF')
    for name in 'abc':
        assert box.expect('NO', 'SEARCH FILTER %s' % name).has_code('UNDEFINED-FILTER')
    assert box.expect('NO', 'SEARCH FILTER self').has_code('UNDEFINED-FILTER')
    store(box, c='FLAGGED')
    assert box.search('FILTER a') == []
    store(box, n1='SEEN', **{'n%d' % n: 'FILTER n%d' % (n - 1) for n in range(2, 12)})
    assert box.search('FILTER n4') == box.search('FILTER n10') == [1, 4, 5]
    assert box.expect('NO', 'SEARCH FILTER n11').has_code('UNDEFINED-FILTER')


def test_filters_that_double_are_stopped(box):
    store(box, d0='SEEN', **{'d%d' % n: 'OR FILTER d%d FILTER d%d' % (n - 1, n - 1) for n in range(1, 10)})
    assert box.search('FILTER d9') == [1, 4, 5]
    assert box.expect('NO', 'SEARCH FILTER d9 FILTER d9 FILTER d9 FILTER d9').code == ['LIMIT']


@pytest.mark.parametrize('text', [
    b'', b' ', b'OR SMALLER', b'SEEN ', b' SEEN', b'SEEN)', b'(SEEN', b'NONSENSE', b'FROM', b'FROM {3}\r\nab', b'FROM \xe9', b'BODY {1}\r\n\xe9', b'SEEN\r\nUNSEEN',
    b'FILTER', b'FILTER a/b', b'OR FILTER x', b'RETURN (COUNT) SEEN', b'CHARSET UTF-8 SEEN', b'SEEN\0', b'1:', b'(' * 9000, b'SEEN ' * 5000 + b'SEEN'],
    ids=lambda t: repr(t[:20]))
def test_what_is_no_whole_search_is_refused_when_it_is_stored(client, text):
    store(client, f='SEEN')
    pieces = [b' SETMETADATA "" (/private/other "x" %sf ' % MINE.encode(), Literal(text, sync=False, binary=True), b')']
    result = client.wait(client.send_pieces(client.new_tag(), 'SETMETADATA', pieces))
    assert result.status == 'NO' and result.code == ['CANNOT'], result
    got = client.cmd('GETMETADATA "" (%sf /private/other)' % MINE).one('METADATA').args[1]
    assert got == [MINE + 'f', b'SEEN', '/private/other', None]


@pytest.mark.parametrize('name', ['', 'a/b', '"a b"', '"a(b"', '"a]"', '"a\\"b"', '"a{b"', 'n' * 256])
def test_a_name_that_no_filter_can_have_is_refused(client, name):
    entry = '"' + MINE + name.strip('"') + '"' if name.startswith('"') else MINE + name
    assert client.cmd('SETMETADATA "" (%s "SEEN")' % entry, ok=False).status == ('BAD' if name == '' else 'NO')
    client.expect('NO', 'SETMETADATA "" (/private/filters/values "SEEN")')
    # of a mailbox, and descriptions, are no filters
    client.cmd('SETMETADATA INBOX (%sx "no search")' % MINE)
    client.cmd('SETMETADATA "" (/private/filters/descriptions/x "My favourite")')
    client.expect('NO', 'SETMETADATA "" (%sx "no search")' % MINE)


@pytest.mark.parametrize('command', ['SEARCH CHARSET %s', 'UID SEARCH RETURN (ALL) CHARSET %s', 'SORT (DATE) %s', 'THREAD REFERENCES %s', 'ESEARCH CHARSET %s'])
def test_the_charset_is_utf_8(box, command):
    store(box, f='BODY caf\u00e9'.replace('caf\u00e9', '"caf\u00e9"'))
    for charset, ok in (('UTF-8', True), ('us-ascii', True), ('ISO-8859-1', False), ('X-NONE', False)):
        result = box.cmd(command % charset, 'SMALLER 5000 FILTER f', ok=False)
        if ok:
            assert result.status == 'OK'
            continue
        assert result.status == 'BAD' and result.code[0] == 'BADCHARSET'    # RFC 5466 3.1
        assert result.code == ['BADCHARSET', ['US-ASCII', 'UTF-8']]
        other = box.cmd(command % charset, 'SEEN', ok=False)
        assert other.status == 'NO' and other.code[0] == 'BADCHARSET'
    assert box.search('SMALLER 5000 FILTER f') == [1, 2, 3]


def test_bad_syntax_is_bad(box):
    store(box, f='SEEN')
    for text in ('FILTER', 'FILTER ', 'FILTER f)', '(FILTER f', 'FILTER a/b', 'FILTER "f"', 'FILTER (f)', 'FILTER f SEEN ', 'OR FILTER f'):
        box.expect('BAD', 'SEARCH', text)
    assert box.search('FILTER f') == [1, 4, 5]


def test_no_with_save_leaves_the_saved_result_empty(box):
    for command, status, left in (('SEARCH RETURN (SAVE) FILTER gone', 'NO', []), ('SORT RETURN (SAVE) (DATE) UTF-8 FILTER gone', 'NO', []),
                                  ('SEARCH RETURN (SAVE) CHARSET X SEEN', 'NO', []), ('SEARCH RETURN (COUNT) FILTER gone', 'NO', [1, 4, 5]),
                                  ('SEARCH RETURN (SAVE) FILTER', 'BAD', [1, 4, 5])):
        box.cmd('SEARCH RETURN (SAVE) SEEN')
        box.expect(status, command)
        assert box.search('$') == left, command


def test_a_filter_is_the_newest_for_all_sessions(account, box):
    store(box, f='SEEN')
    other = account.connect()
    other.select()
    assert other.search('FILTER f') == [1, 4, 5]
    store(other, f='UNSEEN')
    assert box.search('FILTER f') == [2, 3, 6]
    store(other, f=None)
    assert box.expect('NO', 'SEARCH FILTER f').has_code('UNDEFINED-FILTER')


def test_filters_of_other_users_are_theirs(server, make_account):
    one, two = (make_account(server).connect() for _ in range(2))
    two.select()
    store(one, f='SEEN')
    assert two.expect('NO', 'SEARCH FILTER f').has_code('UNDEFINED-FILTER')


FILE = '''# searches for everybody
recent   SINCE 1-Jan-2024 UNSEEN

on-the-road\tOR SMALLER 5000 FROM "boss@example.com"
nested NOT (FILTER recent)
b\u00fccher SUBJECT x
'''


@pytest.fixture
def site(make_server, tmp_path):
    path = tmp_path / 'filters'
    path.write_text(FILE.replace('b\u00fccher', 'buecher').replace('SUBJECT x', 'SUBJECT "B\u00fccher"'), encoding='utf-8')
    return make_server({'metadata': {'shared_filters': path}})


def test_the_site_has_filters_for_all(site, make_account):
    for client in (make_account(site).connect(), make_account(site).connect()):
        client.append('INBOX', 'From: x@example.com\r\nSubject: B\u00fccher\r\n\r\nx\r\n'.encode(), flags=['\\Seen'])
        client.append('INBOX', b'From: x@example.com\r\nSubject: none\r\n\r\nx\r\n')
        client.select()
        assert client.search('FILTER recent') == [2] and client.search('FILTER nested') == [1]
        assert client.search('FILTER on-the-road') == [1, 2] and client.search('FILTER buecher') == [1]
        found = client.cmd('GETMETADATA (DEPTH infinity) "" /shared/filters').one('METADATA').args[1]
        assert dict(zip(found[::2], found[1::2]))[SHARED + 'on-the-road'] == b'OR SMALLER 5000 FROM "boss@example.com"' and len(found) == 8
        # a private one comes first, also within a shared one
        store(client, recent='ALL')
        assert client.search('FILTER recent') == [1, 2] and client.search('FILTER nested') == []
        store(client, recent=None)
        assert client.search('FILTER recent') == [2]
        assert client.expect('NO', 'SETMETADATA "" (%srecent NIL)' % SHARED).code == ['NOPERM']


@pytest.mark.parametrize('line, words', [('alone', ':2: a filter is a name'), ('x OR SEEN', ':2: expected SP'), ('x NONSENSE', 'unknown search key'),
                                         ('a/b SEEN', "filter's name"), ('first UNSEEN', 'already'), ('FIRST UNSEEN', 'already')])
def test_a_wrong_file_of_filters_is_told(make_server, tmp_path, line, words):
    path = tmp_path / 'filters'
    path.write_text('first SEEN\n%s\n' % line)
    server = make_server({'metadata': {'shared_filters': path}}, start=False)
    for words_of_command in (['-t'], []):
        done = subprocess.run([harness.program('mailsiftd'), *words_of_command, '-c', server.config_path], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and words in done.stderr and str(path) in done.stderr
