# SPDX-License-Identifier: GPL-3.0-or-later
"""SEARCH=FUZZY (RFC 6203): what FUZZY applies to, RELEVANCY in every form, and that neither depends on the index. Which words match
is the business of tests/unit/indexer/test-fuzzy.c and tests/oracle/test_fuzzy.py."""

import pytest

from lib.imap import Literal, Quoted, parse_set

SUBJECTS = ['quarterly report', 'Quarterly reports for you', 'report, but not a quarterly one', 'quaterly reprot',
            'caf\u00e9 menu', 'lunch', 'nothing to see']
BODIES = ['see below', 'x', 'x', 'x', 'the cafe has a menu', 'a quarterly report is in this very long body ' + 40 * 'of many words ', 'Grüße']


def message(subject, body, more=''):
    return ('From: Ann Lee <ann@example.org>\r\nTo: bob@example.org\r\nSubject: %s\r\nContent-Type: text/plain; charset=utf-8\r\n%s\r\n%s\r\n'
            % (subject, more, body)).encode()


def fill(client, mailbox='INBOX'):
    for i, (subject, body) in enumerate(zip(SUBJECTS, BODIES)):
        client.append(mailbox, message(subject, body), flags=['\\Seen'] if i % 2 else [])


@pytest.fixture
def box(client):
    """Messages 1 to 7, with UIDs 2 to 8."""
    client.append('INBOX', b'Subject: gone\r\n\r\n', flags=['\\Deleted'])
    fill(client)
    client.select()
    client.cmd('EXPUNGE')
    return client


def esearch(client, *parts):
    result = client.cmd(*parts)
    u = result.one('ESEARCH')
    args = list(u.args)
    assert args[0][0] == 'TAG'
    items = args[2:] if args[1] == 'UID' else args[1:]
    return {k: parse_set(v) if k == 'ALL' else v for k, v in zip(items[::2], items[1::2])}


def scores(client, *parts):
    """message -> score"""
    answer = esearch(client, 'SEARCH RETURN (ALL RELEVANCY)', *parts)
    assert len(answer.get('ALL', [])) == len(answer['RELEVANCY'])
    assert all(1 <= n <= 100 for n in answer['RELEVANCY'])
    return dict(zip(answer.get('ALL', []), answer['RELEVANCY']))


KEYS = [
    ('FUZZY SUBJECT report', [1, 2, 3, 4]), ('FUZZY SUBJECT "report quarterly"', [1, 2, 3, 4]), ('FUZZY SUBJECT "lunch report"', []),
    ('FUZZY TEXT quarterly', [1, 2, 3, 4, 6]), ('FUZZY BODY reports', [6]), ('FUZZY SUBJECT cafe', [5]), ('FUZZY TEXT grusse', [7]),
    ('FUZZY FROM annexe', []), ('FUZZY FROM anne', [1, 2, 3, 4, 5, 6, 7]), ('FUZZY FROM lee', [1, 2, 3, 4, 5, 6, 7]), ('FUZZY FROM exampel', [1, 2, 3, 4, 5, 6, 7]),
    ('FUZZY HEADER Subject reprot', [1, 3, 4]), ('FUZZY HEADER X-None report', []), ('FUZZY HEADER Subject ""', [1, 2, 3, 4, 5, 6, 7]),
    ('fuzzy subject report', [1, 2, 3, 4]),
    # the one key after it, and all that is in it
    ('FUZZY SUBJECT report SUBJECT reports', [2]), ('SUBJECT reports FUZZY SUBJECT report', [2]), ('FUZZY (SUBJECT report SUBJECT lunch)', []),
    ('FUZZY (SUBJECT report SUBJECT you)', [2]), ('FUZZY OR SUBJECT reprot SUBJECT lunch', [1, 3, 4, 6]),
    ('OR FUZZY SUBJECT reprot SUBJECT lunches', [1, 3, 4]), ('FUZZY NOT SUBJECT reports', [4, 5, 6, 7]), ('NOT FUZZY SUBJECT reports', [4, 5, 6, 7]),
    ('NOT SUBJECT reports', [1, 3, 4, 5, 6, 7]), ('FUZZY FUZZY SUBJECT reports', [1, 2, 3]), ('FUZZY (FUZZY (SUBJECT reports))', [1, 2, 3]),
    # what is no text is exact
    ('FUZZY SEEN', [2, 4, 6]), ('FUZZY ALL', [1, 2, 3, 4, 5, 6, 7]), ('FUZZY 2:3', [2, 3]), ('FUZZY UID 2', [1]), ('FUZZY LARGER 100000', []),
    ('FUZZY SINCE 1-Jan-2100', []), ('FUZZY (SEEN SUBJECT report)', [2, 4]), ('FUZZY KEYWORD Sen', []), ('FUZZY SUBJECT ""', [1, 2, 3, 4, 5, 6, 7]),
    ('FUZZY BODY "->"', []), ('FUZZY SUBJECT ","', [3]),
]


def test_what_fuzzy_applies_to(box):
    for keys, numbers in KEYS:
        assert box.search(keys) == numbers, keys
        assert box.uid_search(keys) == [n + 1 for n in numbers], keys
        assert box.search('NOT (%s)' % keys) == [n for n in range(1, 8) if n not in numbers], keys
        assert esearch(box, 'SEARCH RETURN (COUNT)', keys) == {'COUNT': len(numbers)}, keys
        assert 'FUZZY' not in keys.upper() or list(scores(box, keys)) == numbers, keys
    assert box.search('CHARSET UTF-8 FUZZY SUBJECT', Literal('café'.encode())) == [5]
    assert box.search('FUZZY SUBJECT', Literal(b'report'), 'SEEN') == [2, 4]


BAD = ['SEARCH FUZZY', 'SEARCH FUZZY ', 'SEARCH FUZZY NOSUCH', 'SEARCH FUZZY OR SEEN', 'SEARCH FUZZY ()', 'SEARCH RETURN (RELEVANCY) ALL',
       'SEARCH RETURN (ALL RELEVANCY) SUBJECT report', 'UID SEARCH RETURN (RELEVANCY COUNT) NOT SEEN', 'SORT (RELEVANCY) UTF-8 ALL',
       'SORT (REVERSE RELEVANCY) UTF-8 SUBJECT report', 'SORT RETURN (RELEVANCY) (DATE) UTF-8 ALL',
       'ESEARCH IN (personal) RETURN (RELEVANCY) SUBJECT report', 'SEARCH RETURN (RELEVANCE) FUZZY ALL']


def test_relevancy_without_fuzzy_is_bad(box):
    for command in BAD:
        result = box.cmd(command, ok=False)
        assert result.status == 'BAD' and result.text, command
        assert not result.untagged, command
    assert b'FUZZY' in box.cmd('SEARCH RETURN (RELEVANCY) ALL', ok=False).text.encode()
    box.noop()


def test_bad_utf8_is_bad(box):
    assert box.cmd('SEARCH CHARSET UTF-8 FUZZY SUBJECT', Literal(b'caf\xe9'), ok=False).status == 'BAD'
    assert box.search('FUZZY SUBJECT cafe') == [5]


def test_scores_follow_how_well_a_message_matches(box):
    by = scores(box, 'FUZZY SUBJECT "quarterly report"')
    assert by[1] > by[2] > by[4] and by[1] > by[3] > by[4]
    assert by[1] == 100 and by[4] < 35
    by = scores(box, 'FUZZY TEXT report')
    assert list(by) == [1, 2, 3, 4, 6] and by[1] > by[2] > by[4] and by[3] > by[6] > by[4]
    by = scores(box, 'FUZZY SUBJECT cafe')
    assert 50 < by[5] < 80
    # an arm of OR that does not match costs little; AND takes all
    assert scores(box, 'OR FUZZY SUBJECT lunch FUZZY SUBJECT report')[6] > 75
    # keys that are not fuzzy have no say
    assert scores(box, 'FUZZY SUBJECT "quarterly report" SEEN') == {n: s for n, s in scores(box, 'FUZZY SUBJECT "quarterly report"').items()
                                                                    if n in (2, 4)}
    assert set(scores(box, 'FUZZY SEEN').values()) == {100}
    assert set(scores(box, 'FUZZY NOT SUBJECT report').values()) == {100}
    # the same again
    assert scores(box, 'FUZZY TEXT report') == scores(box, 'FUZZY TEXT report')


def test_a_rare_word_counts_more(client):
    for n in range(60):
        client.append('INBOX', message('weekly note %d' % n, 'the weekly note of the week'))
    client.append('INBOX', message('weekly budget', 'the weekly budget'))     # the rare word as it is, the common one too
    client.append('INBOX', message('weakly budget', 'x'))                     # the common one spoilt
    client.append('INBOX', message('weekly budgte', 'x'))                     # the rare one spoilt
    client.select()
    by = scores(client, 'FUZZY SUBJECT "weekly budget"')
    assert list(by) == [61, 62, 63] and by[61] > by[62] > by[63]


def test_the_forms_of_relevancy(box):
    keys = 'FUZZY SUBJECT "quarterly report"'
    by = scores(box, keys)
    assert list(by) == [1, 2, 3, 4]
    plain = [by[n] for n in (1, 2, 3, 4)]
    for options, expected in [
            ('RELEVANCY', {'RELEVANCY': plain}),
            ('COUNT RELEVANCY', {'COUNT': 4, 'RELEVANCY': plain}),
            ('RELEVANCY ALL MIN', {'MIN': 1, 'ALL': [1, 2, 3, 4], 'RELEVANCY': plain}),
            ('MIN RELEVANCY', {'MIN': 1, 'RELEVANCY': plain[:1]}),
            ('MAX RELEVANCY', {'MAX': 4, 'RELEVANCY': plain[3:]}),
            ('MAX MIN RELEVANCY COUNT', {'MIN': 1, 'MAX': 4, 'COUNT': 4, 'RELEVANCY': [plain[0], plain[3]]}),
            ('SAVE RELEVANCY', {'RELEVANCY': plain})]:
        assert esearch(box, 'SEARCH RETURN (%s)' % options, keys) == expected, options
    for window, numbers in [('1:2', [1, 2]), ('2:3', [2, 3]), ('-1:-2', [3, 4]), ('4:9', [4]), ('9:10', [])]:
        answer = esearch(box, 'SEARCH RETURN (PARTIAL %s RELEVANCY MIN)' % window, keys)
        assert answer['MIN'] == 1 and parse_set(answer['PARTIAL'][1] or '') == numbers if numbers else answer['PARTIAL'][1] is None
        assert answer['RELEVANCY'] == [by[n] for n in numbers], window
    assert esearch(box, 'SEARCH RETURN (ALL RELEVANCY) FUZZY SUBJECT nosuchword') == {'RELEVANCY': []}
    assert b'RELEVANCY ()' in box.cmd('SEARCH RETURN (RELEVANCY) FUZZY SUBJECT nosuchword').one('ESEARCH').raw
    assert esearch(box, 'UID SEARCH RETURN (ALL RELEVANCY)', keys) == {'ALL': [2, 3, 4, 5], 'RELEVANCY': plain}
    # not asked for: not sent
    assert 'RELEVANCY' not in esearch(box, 'SEARCH RETURN (ALL)', keys)
    # SAVE
    assert box.cmd('SEARCH RETURN (SAVE)', keys).untagged == []
    assert box.search('$ SEEN') == [2, 4]


def test_sort_by_relevancy(box):
    keys = 'UTF-8 FUZZY SUBJECT "quarterly report"'
    by = scores(box, 'FUZZY SUBJECT "quarterly report"')
    order = sorted(by, key=lambda n: (-by[n], n))
    assert order[0] == 1 and order[-1] == 4 and len(set(by.values())) == 4
    assert box.cmd('SORT (RELEVANCY)', keys).one('SORT').args == order
    assert box.cmd('SORT (REVERSE RELEVANCY)', keys).one('SORT').args == order[::-1]
    assert box.cmd('UID SORT (RELEVANCY)', keys).one('SORT').args == [n + 1 for n in order]
    # ties stay in the order of the mailbox, reversed or not, or go by the next criterion
    assert box.cmd('SORT (RELEVANCY) UTF-8 FUZZY SEEN').one('SORT').args == [2, 4, 6]
    assert box.cmd('SORT (REVERSE RELEVANCY) UTF-8 FUZZY SEEN').one('SORT').args == [2, 4, 6]
    assert box.cmd('SORT (RELEVANCY REVERSE SIZE) UTF-8 FUZZY SEEN').one('SORT').args == \
        box.cmd('SORT (REVERSE SIZE) UTF-8 SEEN').one('SORT').args
    assert box.cmd('SORT (SIZE RELEVANCY)', keys).one('SORT').args == box.cmd('SORT (SIZE)', keys).one('SORT').args
    # ESORT: scores in the order of ALL (RFC 6203 section 6)
    answer = box.cmd('SORT RETURN (RELEVANCY ALL) (RELEVANCY)', keys).one('ESEARCH').args
    assert answer[3::2] == ['RELEVANCY'] and answer[4] == sorted(by.values(), reverse=True)
    answer = esearch(box, 'SORT RETURN (PARTIAL 1:2 RELEVANCY) (RELEVANCY)', keys)
    assert answer['RELEVANCY'] == [by[n] for n in order[:2]]
    answer = esearch(box, 'SORT RETURN (RELEVANCY) (REVERSE SUBJECT)', keys)
    assert answer['RELEVANCY'] == [by[n] for n in box.cmd('SORT (REVERSE SUBJECT)', keys).one('SORT').args]
    answer = esearch(box, 'SORT RETURN (MIN MAX RELEVANCY) (RELEVANCY)', keys)
    assert (answer['MIN'], answer['MAX'], answer['RELEVANCY']) == (order[0], order[-1], [by[order[0]], by[order[-1]]])
    assert 'RELEVANCY' not in esearch(box, 'SORT RETURN (ALL) (RELEVANCY)', keys)
    box.cmd('THREAD ORDEREDSUBJECT', keys)


def test_many_mailboxes(client):
    for name in ('one', 'two', 'none'):
        client.create(name)
    fill(client, 'one')
    client.append('two', message('reprot', 'x'))
    result = client.cmd('ESEARCH IN (personal) RETURN (ALL RELEVANCY) FUZZY SUBJECT report')
    boxes = {u.args[0][3]: u.args[2:] for u in result.all('ESEARCH')}
    assert sorted(boxes) == ['one', 'two'] or sorted(boxes) == [b'one', b'two']
    one, two = (dict(zip(v[::2], v[1::2])) for _, v in sorted(boxes.items()))
    assert parse_set(one['ALL']) == [1, 2, 3, 4] and parse_set(two['ALL']) == [1]
    client.select('one')
    assert one['RELEVANCY'] == esearch(client, 'UID SEARCH RETURN (ALL RELEVANCY) FUZZY SUBJECT report')['RELEVANCY']
    # scores of mailboxes can be compared
    assert two['RELEVANCY'][0] < min(one['RELEVANCY'][:3])


HUGE = 'pneumono' * 125     # 1,000 octets


def test_huge_words_and_hostile_strings(box):
    box.append('INBOX', message('huge', HUGE + ' ' + 'z' * 100000, 'X-Long: %s\r\n' % ('q' * 900)))
    box.append('INBOX', b'Subject: raw \xff\xfe\xc3 octets\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\xe2\x28\xa1 broken utf-8 \xf0\x28\n')
    box.noop()
    assert box.search('FUZZY BODY', Quoted(HUGE)) == [8]
    assert box.search('FUZZY BODY', Quoted(HUGE[:500] + 'x' + HUGE[500:])) == []
    assert box.search('FUZZY TEXT', Quoted('q' * 900)) == [8]
    assert box.search('FUZZY BODY', Literal(b'z' * 100000)) == [8]
    assert box.search('FUZZY BODY brokken') == [9] and box.search('FUZZY SUBJECT octet') == [9]
    many = ' '.join('word%d' % n for n in range(20000))
    assert box.search('FUZZY TEXT', Literal(many.encode())) == []
    assert box.search(' '.join(['FUZZY'] * 1000), 'SUBJECT report') == [1, 2, 3, 4]
    assert box.cmd(' '.join(['SEARCH'] + ['FUZZY'] * 6000), 'ALL', ok=False).status in ('BAD', 'NO')
    assert box.search('FUZZY (%s)' % ' '.join('TEXT w%dx' % n for n in range(300))) == []


def test_answers_do_not_depend_on_the_index(own_server):
    own_server.add_user('joe', 'secret')
    client = own_server.login('joe', 'secret')
    fill(client)
    client.append('INBOX', message('report ' + '\u4e1c\u4eac\u90fd', 'Zażółć gęślą jaźń', 'X-Odd: reprots here\r\n'))
    own_server.wait_indexed('joe')
    queries = [keys for keys, _ in KEYS if 'FUZZY' in keys] + ['FUZZY TEXT "zazolc gesla"', 'FUZZY HEADER X-Odd report', 'FUZZY TEXT here', 'FUZZY (TEXT menu TEXT cafe)']

    def answers(session):
        session.select()
        out = [scores(session, q) for q in queries]
        out.append(session.cmd('SORT (RELEVANCY) UTF-8 FUZZY TEXT "quarterly report"').one('SORT').args)
        session.logout()
        return out
    whole = answers(own_server.login('joe', 'secret'))
    assert sum(len(a) for a in whole) > 100
    # half of it: what comes now is not indexed, and there is no indexer to do it
    own_server.stop()
    own_server.configure({'index': {'indexer_path': '/bin/false'}})
    own_server.start()
    client = own_server.login('joe', 'secret')
    client.create('more')
    fill(client, 'more')
    assert answers(own_server.login('joe', 'secret')) == whole
    client.append('INBOX', message('another reprot', 'quarterly'))
    half = answers(own_server.login('joe', 'secret'))
    assert half != whole
    own_server.stop()
    own_server.remove_index('joe')
    own_server.start()
    assert answers(own_server.login('joe', 'secret')) == half


def test_time_is_limited(make_server):
    server = make_server({'limits': {'search_max_time': '1ms'}, 'index': {'indexer_path': '/bin/false'}})
    server.add_user('joe', 'secret')
    client = server.login('joe', 'secret')
    for n in range(30):
        client.append('INBOX', message('s %d' % n, 'some words of no meaning\r\n' * 40000))
    client.select()
    assert client.cmd('SEARCH RETURN (RELEVANCY) FUZZY TEXT quarterly', ok=False).status == 'NO'


def test_results_are_kept_up_to_date_but_not_their_order_by_scores(account, box):
    assert box.cmd('UID SEARCH RETURN (ALL RELEVANCY UPDATE) FUZZY SUBJECT report').one('ESEARCH')
    with account.connect() as other:
        other.append('INBOX', message('new reports', 'x'))
    result = box.cmd('NOOP')
    assert b'ADDTO (0 9)' in result.one('ESEARCH').raw
    result = box.cmd('SORT RETURN (ALL UPDATE) (RELEVANCY) UTF-8 FUZZY SUBJECT report')
    assert result.one('ESEARCH') and result.one('NO').code[0] == 'NOUPDATE'


def test_it_is_advertised(client):
    assert 'SEARCH=FUZZY' in client.capability()
