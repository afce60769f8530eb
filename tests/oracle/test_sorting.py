# SPDX-License-Identifier: GPL-3.0-or-later
"""The second opinion on SORT and THREAD against what RFC 5256 says in words, by hand; and that answers.py sees what is wrong."""

import types

import pytest

from lib import imap
from oracle import answers, dates, querygen, scanner, sorting


def mail(*rows):
    """Messages of (date, subject, id, references); numbered from 1."""
    out = []
    for i, (sent_at, subject, message_id, references) in enumerate(rows):
        base, reply = sorting.base_subject(subject)
        keys = types.SimpleNamespace(subject=sorting.casemap(base), reply=reply, message_id=message_id, references=references)
        out.append(types.SimpleNamespace(uid=i + 1, sent_at=sent_at, arrived_at=sent_at, size=100 - i, keys=keys))
    return out


THREADS = [
    # (5)(C): both are dummies or have the same subject
    ([(1, 'a', 'A', []), (2, 'Re: a', 'B', ['A']), (3, 'Re: b', 'C', ['A', 'B']), (4, 'c', 'D', [])], '(1 2 3)(4)', '(1 2)(3)(4)'),
    # a parent that is not there: siblings without a head
    ([(1, 'x', 'A', ['P']), (2, 'y', 'B', ['P'])], '((1)(2))', '(1)(2)'),
    # ... but one alone is the head
    ([(1, 'x', 'A', ['P', 'Q'])], '(1)', '(1)'),
    # a reply without references goes below the message with its subject, whatever comes first
    ([(5, 'Re: x', 'A', []), (9, 'x', 'B', [])], '(2 1)', '(1 2)'),
    # two with the same subject that are no replies: below a dummy
    ([(1, 'x', 'A', []), (2, 'X', 'B', [])], '((1)(2))', '(1 2)'),
    ([(1, 'x', 'A', []), (2, 'X', 'B', []), (3, 're: x', 'C', [])], '((1)(2)(3))', '(1 (2)(3))'),
    # equal ids: the first message has it
    ([(1, 'x', 'A', []), (2, 'y', 'A', []), (3, 'z', 'C', ['A'])], '(1 3)(2)', '(1)(2)(3)'),
    # loops are not made: 1 answers 2 and 2 answers 1
    ([(1, 'x', 'A', ['B']), (2, 'y', 'B', ['A'])], '(2 1)', '(1)(2)'),
    ([(1, 'x', 'A', ['A'])], '(1)', '(1)'),
    # a message's own references outdo what others said of it (1.B)
    ([(1, 'x', 'A', []), (2, 'y', 'B', ['A', 'C']), (3, 'z', 'C', [])], '(1)(3 2)', '(1)(2)(3)'),
    # empty subjects are not merged; siblings and roots by date
    ([(9, '', 'A', []), (1, '', 'B', []), (5, 're: ', 'C', [])], '(2)(3)(1)', '(2 (3)(1))'),
    ([(1, 'a', 'A', []), (9, 'b', 'B', ['A']), (5, 'c', 'C', ['A'])], '(1 (3)(2))', '(1)(3)(2)'),
    # a dummy in the middle: its children are their grandparent's
    ([(1, 'a', 'A', []), (2, 'b', 'B', ['A', 'P']), (3, 'c', 'C', ['A', 'P'])], '(1 (2)(3))', '(1)(2)(3)'),
    ([], '', ''),
]


def test_threads_are_those_that_the_rfc_describes():
    for rows, references, orderedsubject in THREADS:
        messages = mail(*rows)
        assert sorting.thread_list(sorting.references(messages), lambda m: m.uid) == references, rows
        assert sorting.thread_list(sorting.orderedsubject(messages), lambda m: m.uid) == orderedsubject, rows


def test_deep_threads_need_no_recursion():
    n = 5000
    messages = mail(*[(i, 's', b'%d' % i, [b'%d' % (i - 1)]) for i in range(n)])
    assert sorting.thread_list(sorting.references(messages), lambda m: m.uid) == '(%s)' % ' '.join(map(str, range(1, n + 1)))


def test_equal_messages_stay_in_their_order_under_reverse():
    messages = mail((3, 'b', '', []), (1, 'a', '', []), (3, 'a', '', []), (2, 'Re: B', '', []))
    assert [m.uid for m in sorting.sort(messages, [('DATE', True)])] == [1, 3, 4, 2]
    assert [m.uid for m in sorting.sort(messages, [('SUBJECT', False), ('DATE', True)])] == [3, 2, 1, 4]
    assert [m.uid for m in sorting.sort(messages, [('SIZE', False)])] == [4, 3, 2, 1]


@pytest.mark.parametrize('raw, address', [
    (b'"Joe \\"Q\\" P" <joe.p@x.example>, b@y', (b'Joe "Q" P', b'joe.p', b'x.example')), (b'joe@x (Joe)', (b'Joe', b'joe', b'x')),
    (b'friends: a@b, c@d;', (None, b'friends', None)), (b'<@r1,@r2:joe@x>', (None, b'joe', b'x')), (b'', None), (b' (c) ', None),
    (b'joe . smith @ x . example', (None, b'joe.smith', b'x.example')), (b'"a@b" <"odd one"@z>', (b'a@b', b'odd one', b'z'))])
def test_first_address(raw, address):
    assert sorting.first_address(raw) == address


@pytest.mark.parametrize('raw, moment', [
    (b'31 Dec 2000 16:01:33 -0800', 978307293), (b'Mon, 1 Jan 2001 00:01:33 GMT', 978307293), (b'1 Jan 2001 00:01:33 +9999', 978307293),
    (b'1 Jan 2001 25:61:00 +0000', 978307200), (b'1 Jan 2001', 978307200), (b'no day', None), (b'1 Jan 2001 12:01 AM EST', 978325260)])
def test_moment_of_a_date(raw, moment):
    assert dates.sent_time(raw) == moment


def test_windows_of_partial():
    for (first, last), window in {(1, 2): (0, 2), (3, 9): (2, 5), (6, 9): (5, 5), (-1, -2): (3, 5), (-5, -9): (0, 1), (-6, -9): (0, 0)}.items():
        assert answers._window((first, last, ''), 5) == window, (first, last)


def result(tag, *lines):
    return imap.Result(tag, 'OK', None, '', [imap.parse_response([line], line) for line in lines])


def box():
    text = types.SimpleNamespace(header=b'subject: x\n', parts=b'', body=b'y\n')
    texts = scanner.Texts()
    texts.add(text)
    content = scanner.Content(0, 10, None, None, types.SimpleNamespace(subject=b'X', reply=False, message_id=b'', references=[]))
    return scanner.Box(texts, [scanner.Message(uid, content, (), None, 100 - uid, None, 'M1', uid) for uid in (5, 7, 8, 9)])


@pytest.mark.parametrize('query, right, wrong', [
    (dict(verb='SEARCH', tree=('modseq', 8)), b'* SEARCH 8 9 (MODSEQ 9)', b'* SEARCH 8 9'),
    (dict(verb='SEARCH', tree=('modseq', 8), returns=['MIN']), b'* ESEARCH (TAG "t") UID MIN 8 MODSEQ 8', b'* ESEARCH (TAG "t") UID MIN 8 MODSEQ 9'),
    (dict(verb='SEARCH'), b'* SEARCH 5 7 8 9', b'* SEARCH 5 7 9'),
    (dict(verb='SORT', orders=[('ARRIVAL', False)]), b'* SORT 9 8 7 5', b'* SORT 8 9 7 5'),
    (dict(verb='THREAD', algorithm='ORDEREDSUBJECT'), b'* THREAD (9 (8)(7)(5))', b'* THREAD (9 (8)(5)(7))'),
    (dict(verb='SEARCH', returns=['MIN', 'COUNT']), b'* ESEARCH (TAG "t") UID MIN 5 COUNT 4', b'* ESEARCH (TAG "t") UID MIN 7 COUNT 4'),
    (dict(verb='SEARCH', returns=['COUNT']), b'* ESEARCH (TAG "t") UID COUNT 4', b'* ESEARCH (TAG "t") UID COUNT 4 MIN 5'),
    (dict(verb='SORT', orders=[('ARRIVAL', False)], returns=[]), b'* ESEARCH (TAG "t") UID ALL 9,8,7,5', b'* ESEARCH (TAG "t") UID ALL 5,7:9'),
    (dict(verb='SEARCH', returns=['PARTIAL'], partial=(-1, -2, '-1:-2')), b'* ESEARCH (TAG "t") UID PARTIAL (-1:-2 8:9)',
     b'* ESEARCH (TAG "t") UID PARTIAL (-1:-2 5,7)'),
    (dict(verb='ESEARCH', mailboxes=['INBOX'], returns=None), b'* ESEARCH (TAG "t" MAILBOX INBOX UIDVALIDITY 1) UID ALL 5,7:9', b'* OK x'),
])
def test_a_wrong_answer_is_seen(query, right, wrong):
    uid = query['verb'] != 'ESEARCH'
    asked = querygen.Query(**{'tree': ('all',), 'uid': uid, 'parts': [], **query})
    assert answers.compare(asked, result('t', right), {'INBOX': box()}, 'INBOX', 0) is None
    assert answers.compare(asked, result('t', wrong), {'INBOX': box()}, 'INBOX', 0) is not None


def test_what_is_saved():
    for returns, saved in ((['SAVE'], {5, 7, 8, 9}), (['SAVE', 'MIN'], {5}), (['MIN', 'SAVE', 'MAX'], {5, 9}), (['SAVE', 'MIN', 'COUNT'], {5, 7, 8, 9}),
                           (['SAVE', 'PARTIAL'], {7, 8}), (['SAVE', 'PARTIAL', 'MAX'], {7, 8, 9})):
        found = box().messages
        assert {m.uid for m in answers._items(types.SimpleNamespace(tree=('all',), returns=returns, partial=(2, 3, '2:3')), found, [m.uid for m in found])[1]} == saved
