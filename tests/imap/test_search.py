# SPDX-License-Identifier: GPL-3.0-or-later
"""SEARCH and UID SEARCH: RFC 3501 section 6.4.4, ESEARCH (4731), SEARCHRES (5182), WITHIN (5032), SAVEDATE (8514),
OBJECTID's keys (8474), PARTIAL (9394). What a string matches is the oracle's business (tests/oracle); here it is the
grammar, the forms of the answers, and what sessions see of each other."""

import random
import re

import pytest

from lib.imap import Literal, Quoted, parse_esearch, parse_set


def message(subject, body='x', date='Wed, 01 Jan 2020 12:00:00 +0000', more=''):
    return ('From: Ann <ann@example.org>\r\nTo: bob@example.org\r\nSubject: %s\r\nDate: %s\r\n%s\r\n%s\r\n'
            % (subject, date, more, body)).encode()


@pytest.fixture
def box(client):
    """Five messages with UIDs 1 to 5 and 6, 7 gone: sequence numbers and UIDs differ from 3 on."""
    for n, (subject, flags, date) in enumerate([
            ('one apple', [], '01-Jan-2020 23:30:00 -0800'),
            ('gone', ['\\Deleted'], '01-Jan-2020 00:00:00 +0000'),
            ('two pears', ['\\Seen', 'Work'], '02-Jan-2020 00:30:00 +0800'),
            ('three apples', ['\\Flagged', '\\Answered'], '03-Jan-2020 12:00:00 +0000'),
            ('four', ['\\Draft', '\\Seen'], '03-Jan-2020 23:59:59 +0000')]):
        client.append('INBOX', message(subject, 'body %d swimming' % (n + 1)), flags=flags, date=date)
    client.select()
    client.cmd('EXPUNGE')
    return client


def esearch(client, *parts, uid=False):
    result = client.cmd('UID SEARCH' if uid else 'SEARCH', *parts)
    assert not result.all('SEARCH')
    return parse_esearch(result.one('ESEARCH'))


KEYS = [
    ('ALL', [1, 2, 3, 4]), ('1', [1]), ('2:*', [2, 3, 4]), ('*', [4]), ('4:3', [3, 4]), ('9', []), ('9:*', [4]),
    ('UID 3', [2]), ('UID 3:*', [2, 3, 4]), ('UID 2', []), ('UID 900:*', [4]), ('UID 1,5', [1, 4]),
    ('SEEN', [2, 4]), ('UNSEEN', [1, 3]), ('FLAGGED', [3]), ('UNFLAGGED', [1, 2, 4]), ('ANSWERED', [3]),
    ('UNANSWERED', [1, 2, 4]), ('DELETED', []), ('UNDELETED', [1, 2, 3, 4]), ('DRAFT', [4]), ('UNDRAFT', [1, 2, 3]),
    ('KEYWORD work', [2]), ('KEYWORD WORK', [2]), ('KEYWORD nosuch', []), ('UNKEYWORD Work', [1, 3, 4]),
    ('UNKEYWORD nosuch', [1, 2, 3, 4]),
    ('ON 1-Jan-2020', [1]), ('BEFORE 2-Jan-2020', [1]), ('SINCE 2-Jan-2020', [2, 3, 4]), ('ON "02-jan-2020"', [2]),
    ('BEFORE 1-Jan-2020', []), ('SINCE 4-Jan-2020', []), ('SINCE 2-Jan-2020 BEFORE 2-Jan-2020', []),
    ('SENTON 1-Jan-2020', [1, 2, 3, 4]), ('SENTBEFORE 1-Jan-2020', []), ('SENTSINCE 2-Jan-2020', []),
    ('LARGER 1', [1, 2, 3, 4]), ('LARGER 4294967296', []), ('SMALLER 1', []), ('SMALLER 9223372036854775807', [1, 2, 3, 4]),
    ('SUBJECT apple', [1, 3]), ('SUBJECT APPLE', [1, 3]), ('SUBJECT "e a"', [1, 3]), ('BODY wim', [1, 2, 3, 4]),
    ('BODY "body 3"', [2]), ('TEXT pears', [2]), ('BODY pears', []), ('FROM ann@', [1, 2, 3, 4]), ('FROM ""', [1, 2, 3, 4]),
    ('CC ""', []), ('HEADER Subject four', [4]), ('HEADER X-None ""', []), ('HEADER to bob', [1, 2, 3, 4]),
    ('NOT SEEN', [1, 3]), ('OR SEEN FLAGGED', [2, 3, 4]), ('OR OR 1 2 3', [1, 2, 3]), ('(SEEN) (NOT DRAFT)', [2]),
    ('NOT (SEEN DRAFT)', [1, 2, 3]), ('OR (SEEN DRAFT) NOT SEEN', [1, 3, 4]), ('NOT NOT SEEN', [2, 4]),
    ('OLDER 3600', [1, 2, 3, 4]), ('YOUNGER 3600', []), ('NOT YOUNGER 4294967295', []),
    ('SAVEDATESUPPORTED', [1, 2, 3, 4]), ('SAVEDBEFORE 1-Jan-2020', []), ('SAVEDSINCE 1-Jan-2020', [1, 2, 3, 4]),
    ('THREADID T1', []), ('EMAILID M1', []), ('NOT EMAILID ""', [1, 2, 3, 4]),
]


def test_every_key(box):
    uids = {1: 1, 2: 3, 3: 4, 4: 5}
    for keys, numbers in KEYS:
        assert box.search(keys) == numbers, keys
        assert box.uid_search(keys) == [uids[n] for n in numbers], keys
        assert box.search('NOT (%s)' % keys) == [n for n in uids if n not in numbers], keys
        answer = esearch(box, 'RETURN (MIN MAX ALL COUNT)', keys, uid=True)
        assert answer.get('ALL', []) == [uids[n] for n in numbers] and answer['COUNT'] == len(numbers), keys
        assert answer.get('MIN') == (uids[numbers[0]] if numbers else None), keys
        assert answer.get('MAX') == (uids[numbers[-1]] if numbers else None), keys


BAD = [
    '', ' ', '()', '(ALL', 'ALL)', 'NOSUCH', 'NOT', 'OR ALL', 'UID', 'UID x', '0', '1:', 'FROM', 'HEADER X', 'HEADER "a b" c',
    'ON 2020-01-01', 'ON 32-Jan-2020', 'LARGER -1', 'LARGER x', 'KEYWORD \\Seen', 'YOUNGER 0', 'OLDER', 'RETURN ALL', 'RETURN (X) ALL',
    'RETURN (MIN) ', 'RETURN (PARTIAL 1:2 ALL) ALL', 'RETURN (PARTIAL 1:-2) ALL', 'CHARSET UTF-8', 'ALL ALL  ALL', '$,1']


def test_bad_programs_are_bad_and_the_session_goes_on(box):
    for keys in BAD:
        assert box.expect('BAD', 'SEARCH ' + keys).text
        assert box.search('ALL') == [1, 2, 3, 4]


def test_an_answer_comes_once_also_when_empty(box):
    assert box.cmd('SEARCH DELETED').one('SEARCH').args == []
    assert esearch(box, 'RETURN () DELETED').keys() == {'TAG'}
    assert esearch(box, 'RETURN (COUNT) DELETED')['COUNT'] == 0
    assert esearch(box, 'RETURN (MIN MAX ALL) DELETED').keys() == {'TAG'}
    assert esearch(box, 'RETURN () SEEN')['ALL'] == [2, 4]
    assert 'UID' not in esearch(box, 'RETURN (COUNT) ALL') and esearch(box, 'RETURN (COUNT) ALL', uid=True)['UID']


def test_an_empty_mailbox_has_an_answer(client):
    client.select()
    for keys in ('ALL', '1', '*', '1:*', 'UID 1:*', 'BODY x', 'NOT BODY x', 'RECENT'):
        assert client.search(keys) == []
    assert esearch(client, 'RETURN (MIN MAX ALL COUNT) ALL')['COUNT'] == 0
    assert client.cmd('SORT (DATE) UTF-8 ALL').one('SORT').args == []
    assert client.cmd('THREAD REFERENCES UTF-8 ALL').one('THREAD').args == []


def test_charsets(box):
    box.append('INBOX', message('=?utf-8?q?gr=C3=B6=C3=9Fe?=', 'Größe'))
    for word in (Literal('GRÖßE'.encode()), Quoted('größe')):
        assert box.search('CHARSET UTF-8 SUBJECT', word) == [5]
        assert box.search('SUBJECT', word) == [5]
        assert box.search('CHARSET "utf-8" BODY', word) == [5]
    assert box.search('CHARSET US-ASCII SUBJECT four') == [4]


def test_unsupported_charset_is_no_with_the_list(box):
    result = box.expect('NO', 'SEARCH CHARSET ISO-8859-1 ALL')
    assert result.code == ['BADCHARSET', ['US-ASCII', 'UTF-8']]
    box.expect('BAD', 'SEARCH CHARSET UTF-8 BODY', Literal(b'\xff\xfe'))
    box.expect('BAD', 'SEARCH CHARSET US-ASCII BODY', Literal('ö'.encode()))


def test_literals_anywhere(box):
    assert box.search('OR SUBJECT', Literal(b'apple'), 'HEADER', Literal(b'Subject', sync=False), Literal(b'four')) == [1, 3, 4]


def test_a_thousand_keys_and_their_limit(box):
    assert box.search('OR ' * 999 + 'UID 1 ' * 999 + 'UID 3') == [1, 2]
    assert box.search('(' * 90 + 'SEEN' + ')' * 90) == [2, 4]
    assert box.cmd('SEARCH', 'OR ' * 9000 + 'SEEN ' * 9000 + 'SEEN', ok=False).status in ('NO', 'BAD')
    assert box.search('ALL') == [1, 2, 3, 4]


def test_new_mail_and_flags_of_others_are_found_at_once(box, account):
    with account.connect() as other:
        other.append('INBOX', message('fresh pineapple'))
        result = box.cmd('UID SEARCH SUBJECT apple')
        assert result.one('SEARCH').args == [1, 4, 6] and result.one('EXISTS').number == 5
        other.select()
        other.store('1', '+FLAGS', ['\\Flagged', '\\Deleted'])
        assert box.search('FLAGGED') == [1, 3]
        other.cmd('EXPUNGE')
        result = box.cmd('SEARCH ALL')               # no EXPUNGE during SEARCH: the old numbers stand
        assert not result.all('EXPUNGE') and set(result.one('SEARCH').args) <= {1, 2, 3, 4, 5}
        box.noop()
        assert box.search('ALL') == [1, 2, 3, 4] and box.uid_search('ALL') == [3, 4, 5, 6]


def test_recent_new_and_old(account):
    with account.connect() as client:
        client.append('INBOX', message('a'))
        client.append('INBOX', message('b'), flags=['\\Seen'])
        client.select()
        assert client.search('RECENT') == [1, 2] and client.search('NEW') == [1] and client.search('OLD') == []
    with account.connect() as client:
        client.select()
        assert client.search('RECENT') == [] and client.search('OLD') == [1, 2] and client.search('NEW') == []


# --- SEARCHRES ---

SAVES = [
    ('SAVE', [1, 2, 4]), ('SAVE ALL', [1, 2, 4]), ('SAVE COUNT', [1, 2, 4]), ('SAVE MIN', [1]), ('SAVE MAX', [4]),
    ('SAVE MIN MAX', [1, 4]), ('SAVE MIN COUNT', [1, 2, 4]), ('SAVE PARTIAL 2:3', [2, 4]), ('SAVE PARTIAL -1:-1 MIN', [1, 4]),
    ('SAVE PARTIAL 1:1 COUNT', [1, 2, 4])]


def test_what_save_saves(box):
    for options, saved in SAVES:
        result = box.cmd('SEARCH RETURN (%s) NOT FLAGGED' % options)
        assert len(result.all('ESEARCH')) == (0 if options == 'SAVE' else 1), options
        assert box.search('$') == saved and box.search('UID $') == saved, options
        assert sorted(box.fetch('$', 'UID')) == saved, options


def test_saved_results_live_by_the_rules(box):
    assert box.search('$') == [] and box.cmd('FETCH $ UID').status == 'OK'
    box.cmd('UID SEARCH RETURN (SAVE) SEEN')
    box.search('FLAGGED')                                        # without SAVE: stays
    box.expect('BAD', 'SEARCH RETURN (SAVE) NOSUCH')             # BAD: stays
    box.expect('NO', 'SEARCH CHARSET KOI8-R FLAGGED')            # NO without SAVE: stays
    assert box.search('$') == [2, 4] and box.search('$ DRAFT') == [4] and box.search('NOT $') == [1, 3]
    box.cmd('UID STORE $ +FLAGS (Saved)')
    assert box.search('KEYWORD saved') == [2, 4]
    tags = [box.send('SEARCH RETURN (SAVE) FLAGGED'), box.send('FETCH $ UID')]      # pipelined, in order
    assert [u.args[0]['UID'] for u in box.wait(tags[1]).all('FETCH')] == [4]
    box.store('3', '+FLAGS', ['\\Deleted'])
    box.cmd('EXPUNGE')
    assert box.search('$') == []
    box.cmd('SEARCH RETURN (SAVE) ALL')
    box.select()
    assert box.search('$') == []


@pytest.mark.parametrize('command', ['SEARCH RETURN (SAVE) CHARSET KOI8-R ALL', 'UID SORT RETURN (SAVE COUNT) (DATE) KOI8-R ALL',
                                     'ESEARCH RETURN (SAVE) CHARSET KOI8-R ALL'])
def test_no_to_save_leaves_nothing_saved(box, command):
    """RFC 5182 2.1"""
    box.cmd('SEARCH RETURN (SAVE) ALL')
    assert box.expect('NO', command).has_code('BADCHARSET')
    assert box.search('$') == []


# --- PARTIAL ---

WINDOWS = [
    ('1:2', [1, 3]), ('2:1', [1, 3]), ('3:500', [4, 5]), ('-1:-2', [4, 5]), ('-2:-1', [4, 5]), ('-4:-900', [1]),
    ('5:6', None), ('-5:-6', None), ('1:4294967295', [1, 3, 4, 5])]


def test_partial(box):
    for window, uids in WINDOWS:
        answer = esearch(box, 'RETURN (PARTIAL %s COUNT) ALL' % window, uid=True)
        echo, found = answer['PARTIAL']
        assert str(echo) == window and answer['COUNT'] == 4
        assert (parse_set(found) if found is not None else None) == uids, window


def test_uid_fetch_partial(box):
    def uids(window, numbers='1:*'):
        return sorted(u.args[0]['UID'] for u in box.cmd('UID FETCH %s (FLAGS) (PARTIAL %s)' % (numbers, window)).all('FETCH'))
    for window, wanted in WINDOWS:
        assert uids(window) == (wanted or []), window
    assert uids('1:2', '3:900') == [3, 4] and uids('-1:-2', '1:4') == [3, 4] and uids('2:2', '1,4:5') == [4]
    for bad in ('FETCH 1:* FLAGS (PARTIAL 1:2)', 'UID FETCH 1 FLAGS (PARTIAL 1:-2)', 'UID FETCH 1 FLAGS (NOSUCH 1)', 'UID FETCH 1 FLAGS ()',
                'UID FETCH 1 FLAGS (PARTIAL)', 'UID FETCH 1 FLAGS PARTIAL 1:2', 'UID FETCH 1 FLAGS (PARTIAL 1:2 PARTIAL 1:2)'):
        box.expect('BAD', bad)


# --- SORT and THREAD ---

@pytest.fixture
def sorted_box(client):
    for second, (subject, sender, date, size) in enumerate([
            ('Re: beta', '"Zoe" <a@x>', 'Thu, 02 Jan 2020 00:00:00 +0000', 10),
            ('[list] alpha', 'b@x', 'Wed, 01 Jan 2020 23:00:00 -0800', 500),
            ('Beta', '=?utf-8?q?=C3=84nne?= <c@x>', 'Wed, 01 Jan 2020 10:00:00 +0000', 50),
            ('', '', 'nonsense', 1)]):
        client.append('INBOX', ('Subject: %s\r\nFrom: %s\r\nDate: %s\r\n\r\n%s' % (subject, sender, date, 'x' * size)).encode(),
                      date='03-Jan-2020 00:00:0%d +0000' % second)
    client.select()
    return client


ORDERS = [
    ('DATE', [3, 1, 2, 4]), ('REVERSE DATE', [4, 2, 1, 3]), ('ARRIVAL', [1, 2, 3, 4]), ('SUBJECT', [4, 2, 1, 3]),
    ('SUBJECT DATE', [4, 2, 3, 1]), ('REVERSE SUBJECT DATE', [3, 1, 2, 4]), ('SIZE', [4, 1, 3, 2]), ('FROM', [4, 1, 2, 3]),
    ('REVERSE FROM', [3, 2, 1, 4]), ('DISPLAYFROM', [4, 3, 2, 1]), ('TO', [1, 2, 3, 4]), ('CC', [1, 2, 3, 4]),
    ('DISPLAYTO', [1, 2, 3, 4]), ('SUBJECT REVERSE SIZE', [4, 2, 3, 1]), ('reverse arrival', [4, 3, 2, 1])]


def test_sort(sorted_box):
    for criteria, order in ORDERS:
        assert sorted_box.cmd('SORT (%s) UTF-8 ALL' % criteria).one('SORT').args == order, criteria
        assert sorted_box.cmd('UID SORT (%s) US-ASCII ALL' % criteria).one('SORT').args == order, criteria
        result = sorted_box.cmd('SORT RETURN (MIN MAX ALL COUNT) (%s) UTF-8 ALL' % criteria)
        assert not result.all('SORT')
        answer = result.one('ESEARCH').args
        items = dict(zip(answer[1::2], answer[2::2]))
        assert items['MIN'] == order[0] and items['MAX'] == order[-1] and items['COUNT'] == 4
        expanded = []
        for part in str(items['ALL']).split(','):
            first, _, last = part.partition(':')
            assert not last or int(first) < int(last)
            expanded += range(int(first), int(last or first) + 1)
        assert expanded == order, criteria


BAD_SORTS = [
    'SORT () UTF-8 ALL', 'SORT (DATE) ALL', 'SORT (NOSUCH) UTF-8 ALL', 'SORT DATE UTF-8 ALL', 'SORT (REVERSE) UTF-8 ALL', 'SORT (DATE) UTF-8',
    'SORT (DATE ) UTF-8 ALL', 'THREAD NOSUCH UTF-8 ALL', 'THREAD REFERENCES UTF-8', 'THREAD REFERENCES ALL', 'THREAD']


def test_bad_sort_and_thread(sorted_box):
    for command in BAD_SORTS:
        assert sorted_box.cmd(command, ok=False).status in ('BAD', 'NO'), command
    assert sorted_box.cmd('SORT (DATE) UTF-8 ALL').status == 'OK'


def test_sort_in_an_unknown_charset_is_no(sorted_box):
    for command in ('SORT (DATE) KOI8-R ALL', 'THREAD REFERENCES KOI8-R ALL'):
        assert sorted_box.expect('NO', command).has_code('BADCHARSET')


def test_sort_saves_and_pages(sorted_box):
    answer = sorted_box.cmd('UID SORT RETURN (SAVE PARTIAL 1:2) (DATE) UTF-8 ALL').one('ESEARCH').args
    assert answer[-2:] == ['PARTIAL', ['1:2', '3,1']]
    assert sorted_box.search('$') == [1, 3]


def test_thread(client):
    for subject, mid, refs in [('A', '<1@x>', ''), ('Re: A', '<2@x>', '<1@x>'), ('B', '<3@x>', ''), ('Re: A', '<4@x>', '<1@x>'),
                               ('Re: B', '<5@x>', ''), ('C', '<6@x>', '<missing@x>'), ('D', '<7@x>', '<missing@x>')]:
        client.append('INBOX', message(subject, date='Wed, 01 Jan 2020 12:00:0%s +0000' % mid[1],
                                       more='Message-ID: %s\r\n%s' % (mid, 'References: %s\r\n' % refs if refs else '')))
    client.select()
    assert client.cmd('THREAD REFERENCES UTF-8 ALL').one('THREAD').raw == b'* THREAD (1 (2)(4))(3 5)((6)(7))'
    assert client.cmd('UID THREAD ORDEREDSUBJECT UTF-8 ALL').one('THREAD').raw == b'* THREAD (1 (2)(4))(3 5)(6)(7)'
    assert client.cmd('THREAD REFERENCES US-ASCII SUBJECT A').one('THREAD').raw == b'* THREAD (1 (2)(4))'
    assert client.cmd('THREAD REFERENCES US-ASCII 2,4').one('THREAD').raw == b'* THREAD ((2)(4))'


def messages_read(server):
    status, _, page = server.http('GET', '/metrics')
    assert status == 200
    return float(re.search(rb'^mailsift_search_messages_read_total ([0-9.e+]+)$', page, re.M).group(1))


SORTS_AND_THREADS = ['UID SORT (%s) UTF-8 ALL' % criteria for criteria, _ in ORDERS] + [
    'UID THREAD REFERENCES UTF-8 ALL', 'UID THREAD ORDEREDSUBJECT UTF-8 ALL']


def test_sort_and_thread_read_no_messages_that_are_indexed(make_server, make_account):
    """The keys are kept at indexing time; the answers are those that the messages give, with no index at all."""
    server = make_server()
    account = make_account(server)
    with account.connect() as client:
        for i in range(60):
            client.append('INBOX', message('%s%s %d' % ('Re: ' * (i % 2), 'abc'[i % 3], i % 7), more=(
                'Message-ID: <%d@x>\r\nReferences: <%d@x>\r\nCc: c%d@x\r\n' % (i, i // 2, i % 5)), date=(
                    'Wed, %02d Jan 2020 12:00:00 +0000' % (i * 7 % 28 + 1))))
        account.wait_indexed()
        client.select()
        before = messages_read(server)
        indexed = [client.cmd(command).untagged[0].raw for command in SORTS_AND_THREADS]
        assert messages_read(server) == before
    server.stop()
    server.remove_index(account.name)
    server.configure({'index': {'indexer_path': '/bin/false'}})
    server.start()
    with account.connect() as client:
        client.select()
        before = messages_read(server)
        assert [client.cmd(command).untagged[0].raw for command in SORTS_AND_THREADS] == indexed
        assert messages_read(server) >= before + 60


def test_the_ends_of_a_result_do_not_need_all_of_it(make_server, make_account):
    """MIN, MAX and PARTIAL answer what they would beside COUNT, which needs all; and with no index, they read no more messages than they must."""
    server = make_server({'index': {'indexer_path': '/bin/false'}})
    account = make_account(server)
    rng = random.Random(3)
    n = 1600                # three pieces from either end (search-plan.c)
    with account.connect() as client:
        words = [' '.join(w for w, one_of in [('often', 2), ('seldom', 300), ('first', n)] if (i if w == 'first' else rng.randrange(n)) % one_of == 0)
                 for i in range(n)]
        for start in range(0, n, 400):
            parts = []
            for i in range(start, start + 400):
                parts += client.append_parts('INBOX', message('s%d' % i, words[i]), flags=['\\Flagged'] if rng.random() < .01 else [])[2:]
            client.cmd('APPEND', 'INBOX', *parts)
        client.select()
        client.cmd('STORE 3,900,1599 +FLAGS.SILENT (\\Deleted)')
        client.cmd('EXPUNGE')
        before = messages_read(server)
        client.cmd('UID SEARCH RETURN (MAX) BODY "often"')
        assert 0 < messages_read(server) - before <= 600
        for key in ('BODY often', 'BODY seldom', 'BODY first', 'BODY nosuchword', 'FLAGGED', 'UNFLAGGED BODY seldom', 'NOT BODY often', 'SUBJECT s9',
                    'OR BODY first BODY seldom', '1:3', 'NOT ALL'):
            for items in ('MIN', 'MAX', 'MIN MAX', 'PARTIAL 1:1', 'PARTIAL 2:3', 'PARTIAL -1:-4', 'PARTIAL 3:700', 'PARTIAL -700:-3', 'MIN MAX PARTIAL 2:9',
                          'MAX PARTIAL 5:6', 'MIN PARTIAL -2:-2', 'PARTIAL 9000:9999', 'MIN PARTIAL -9000:-9999'):
                whole = esearch(client, 'RETURN (%s COUNT) %s' % (items, key), uid=True)
                ends = esearch(client, 'RETURN (SAVE %s) %s' % (items, key), uid=True)
                del whole['COUNT'], whole['TAG'], ends['TAG']
                assert ends == whole, (items, key)
                answered = {ends[item] for item in ('MIN', 'MAX') if item in ends}
                if ends.get('PARTIAL', [0, 'NIL'])[1] != 'NIL':
                    answered |= set(parse_set(ends['PARTIAL'][1]))
                assert set(client.uid_search('$')) == answered, (items, key)


# --- limits ---

def test_one_user_has_only_so_many_searches(make_server, make_account):
    """With no index (the indexer is away) a search reads every message: the ones that do not fit are refused, not answered wrongly."""
    server = make_server({'limits': {'searches_per_user': '1'}, 'index': {'indexer_path': '/bin/false'}})
    account = make_account(server)
    clients = [account.connect() for _ in range(4)]
    body = b'Subject: x\r\n\r\n' + b'some words of no meaning\r\n' * 40000
    for i in range(40):
        clients[0].append('INBOX', body + b'%d' % i)
    for c in clients:
        c.select()
    tags = [c.send('SEARCH BODY nosuchword%d' % i) for i, c in enumerate(clients)]
    results = [c.wait(tag) for c, tag in zip(clients, tags)]
    assert all(r.status == 'OK' and r.one('SEARCH').args == [] or r.status == 'NO' and r.has_code('LIMIT') for r in results)
    assert any(r.status == 'OK' for r in results)
    assert any(r.status == 'NO' for r in results)
    for c in clients:
        assert c.search('BODY nosuchword') == []


def test_a_search_ends_at_its_time(make_server, make_account):
    server = make_server({'limits': {'search_max_time': '1ms'}, 'index': {'indexer_path': '/bin/false'}})
    account = make_account(server)
    with account.connect() as client:
        for i in range(30):
            client.append('INBOX', b'Subject: x\r\n\r\n' + b'some words of no meaning\r\n' * 40000 + b'%d' % i)
        client.select()
        assert client.expect('NO', 'SEARCH RETURN (SAVE) BODY nosuchword').has_code('LIMIT')
        assert client.search('$') == []
        assert len(client.search('ALL')) == 30


def test_sort_of_many_that_begin_alike(client):
    """Strings with long beginnings in common, ends within each other, and equal ones: in the order of their octets, then of the mailbox."""
    rng = random.Random(5)
    beginnings = ['', 'a', 'abcdefg', 'abcdefgh', 'abcdefgh' * 2, 'abcdefgh' * 9, 'b' * 63, 'b' * 64, 'b' * 65, 'z' * 200]
    subjects = [rng.choice(beginnings) + rng.choice(['', 'h', 'hi', 'x', 'b', 'b' * 8]) for _ in range(600)]
    senders = [rng.choice('ab') for _ in subjects]
    parts = []
    for subject, sender in zip(subjects, senders):
        parts += client.append_parts('INBOX', b'From: %s@x\r\nSubject: %s\r\n\r\n.\r\n' % (sender.encode(), subject.encode()))[2:]
    client.cmd('APPEND', 'INBOX', *parts)
    client.select()
    numbers = range(1, len(subjects) + 1)
    for criteria, order in [
            ('SUBJECT', lambda n: (subjects[n - 1], n)),
            ('FROM SUBJECT', lambda n: (senders[n - 1], subjects[n - 1], n))]:
        assert client.cmd('SORT (%s) UTF-8 ALL' % criteria).one('SORT').args == sorted(numbers, key=order), criteria
    backwards = sorted(sorted(numbers), key=lambda n: subjects[n - 1], reverse=True)     # Python's is stable: equal ones stay
    assert client.cmd('SORT (REVERSE SUBJECT) UTF-8 ALL').one('SORT').args == backwards
    mixed = sorted(sorted(numbers, key=lambda n: senders[n - 1], reverse=True), key=lambda n: subjects[n - 1])
    assert client.cmd('SORT (SUBJECT REVERSE FROM) UTF-8 ALL').one('SORT').args == mixed
