# SPDX-License-Identifier: GPL-3.0-or-later
"""STORE and UID STORE (RFC 3501 section 6.4.6)."""

import random

import pytest

SYSTEM = ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft']


def fill(client, n):
    for i in range(n):
        client.append('INBOX', b'Subject: %d\r\n\r\nx' % i)
    client.select()


@pytest.fixture
def three(client):
    fill(client, 3)
    return client


def flags_of(client, number=1):
    return set(client.fetch(str(number), 'FLAGS')[number]['FLAGS']) - {'\\Recent'}


def told(result):
    """number -> flags of the untagged FETCHes."""
    return {u.number: set(u.args[0]['FLAGS']) - {'\\Recent'} for u in result.all('FETCH')}


def test_flags_are_replaced_added_and_removed(three):
    assert told(three.store('1', 'FLAGS', ['\\Seen', 'Work'])) == {1: {'\\Seen', 'Work'}}
    assert told(three.store('1', '+FLAGS', ['\\Flagged'])) == {1: {'\\Seen', 'Work', '\\Flagged'}}
    assert told(three.store('1', '-FLAGS', ['\\Seen', 'Other'])) == {1: {'Work', '\\Flagged'}}
    assert told(three.store('1', 'FLAGS', [])) == {1: set()}
    assert flags_of(three) == set()


def test_every_message_of_the_set_is_answered_even_if_nothing_changes(three):
    three.store('2', '+FLAGS', ['\\Seen'])
    assert told(three.store('1:3', '+FLAGS', ['\\Seen'])) == {1: {'\\Seen'}, 2: {'\\Seen'}, 3: {'\\Seen'}}
    assert told(three.store('3,1', '+FLAGS', [])) == {1: {'\\Seen'}, 3: {'\\Seen'}}


def test_silent_says_nothing(three):
    for action, flags in (('+FLAGS.SILENT', ['\\Seen', 'Work']), ('FLAGS.SILENT', ['Work']), ('-flags.silent', ['wOrK']), ('FLAGS.SILENT', [])):
        result = three.store('1:3', action, flags)
        assert not result.all('FETCH'), action
        assert not three.noop().all('FETCH')
    assert flags_of(three) == set()


def test_uid_store_answers_with_uids(three):
    result = three.store('2:3', '+FLAGS', ['\\Draft'], uid=True)
    assert [(u.number, u.args[0]['UID']) for u in result.all('FETCH')] == [(2, 2), (3, 3)]
    assert not three.store('100', '+FLAGS', ['\\Draft'], uid=True).all('FETCH')     # not there: no error


def test_a_flag_may_stand_without_parentheses(three):
    assert told(three.cmd('STORE 1 +FLAGS \\Seen Work')) == {1: {'\\Seen', 'Work'}}


def test_flags_ignore_case_and_keep_the_first_spelling(three):
    three.store('1', '+FLAGS', ['\\sEEN', 'Work'])
    three.store('2', '+FLAGS', ['WORK'])
    assert flags_of(three, 1) == {'\\Seen', 'Work'}
    assert flags_of(three, 2) == {'Work'}


def test_a_new_keyword_is_in_the_list_of_flags(three):
    result = three.store('1', '+FLAGS', ['$NewOne'])
    assert any('$NewOne' in u.args[0] for u in result.all('FLAGS'))
    assert '$NewOne' in three.select().flags


def test_a_keyword_that_is_removed_from_nothing_is_not_made(three):
    assert told(three.cmd('STORE 1:* -FLAGS (never \\Seen)')) == {1: set(), 2: set(), 3: set()}
    three.cmd('STORE 1 +FLAGS (once)')
    three.cmd('STORE 1 -FLAGS (never Once)')
    assert 'never' not in three.select('INBOX').flags and flags_of(three) == set()


@pytest.mark.parametrize('command', [
    'STORE', 'STORE 1', 'STORE 1 FLAGS', 'STORE 1 FLAGS (', 'STORE 1 FLAGS (a', 'STORE 1 FLAGS (a))', 'STORE 1 FLAGS () x', 'STORE 1 FLAG (a)',
    'STORE 1 *FLAGS (a)', 'STORE 1 ++FLAGS (a)', 'STORE 1 FLAGS.LOUD (a)', 'STORE 1 +FLAGS (\\Recent)', 'STORE 1 FLAGS (\\Foo)',
    'STORE 1 FLAGS (a b', 'STORE 1 FLAGS (a]b)', 'STORE 0 FLAGS (a)', 'STORE 4 FLAGS (a)', 'STORE 1:4 FLAGS (a)', 'STORE x FLAGS (a)',
    'STORE 1 FLAGS ("a")', 'UID STORE 0 FLAGS (a)', 'STORE 1 FLAGS (\\Seen \\*)',
])
def test_wrong_commands_are_bad_and_change_nothing(three, command):
    three.store('1:3', 'FLAGS.SILENT', ['Kept'])
    result = three.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10 and not result.all('FETCH')
    assert [flags_of(three, n) for n in (1, 2, 3)] == [{'Kept'}] * 3


def test_long_keywords_are_refused(three):
    three.store('1', '+FLAGS', ['k' * 100])
    result = three.cmd('STORE 1 +FLAGS (%s)' % ('k' * 101), ok=False)
    assert result.status == 'NO' and result.has_code('LIMIT')
    assert flags_of(three) == {'k' * 100}


def test_other_sessions_are_told(account):
    a, b = account.connect(), account.connect()
    fill(a, 3)
    b.select()
    a.store('2', '+FLAGS.SILENT', ['\\Seen', 'x'])
    assert told(b.noop()) == {2: {'\\Seen', 'x'}}


def test_silent_tells_what_others_have_changed(account):
    """RFC 3501 section 6.4.6: .SILENT is about the change that this client makes itself."""
    a, b = account.connect(), account.connect()
    fill(a, 2)
    b.select()
    b.store('1', '+FLAGS', ['\\Flagged'])
    result = a.store('1:2', '+FLAGS.SILENT', ['\\Seen'])
    assert told(result) == {1: {'\\Flagged', '\\Seen'}}


def test_expunged_messages_are_passed_over(account):
    a, b = account.connect(), account.connect()
    fill(a, 3)
    b.select()
    a.store('2', '+FLAGS.SILENT', ['\\Deleted'])
    a.expunge()
    b.cmd('FETCH 1 UID')
    result = b.cmd('STORE 1:3 +FLAGS (x)', ok=False)
    assert result.status == 'NO' and result.has_code('EXPUNGEISSUED')
    assert told(result) == {1: {'x'}, 3: {'x'}}
    assert b.cmd('STORE 2 +FLAGS.SILENT (y)').status == 'OK'        # RFC 2180 section 4.2.1
    assert told(b.cmd('UID STORE 2:3 +FLAGS (z)')) in ({3: {'x', 'z'}}, {2: {'x', 'z'}})
    b.noop()
    assert b.exists == 2 and flags_of(b, 2) == {'x', 'z'}


def test_many_answers_come_whole(client):
    fill(client, 1)
    for _ in range(12):
        client.cmd('COPY 1:* INBOX')
    client.noop()
    n = client.exists
    assert n == 4096
    keyword = 'k' * 100
    result = client.store('1:*', '+FLAGS', [keyword])      # more than the output holds at once
    assert told(result) == {i: {keyword} for i in range(1, n + 1)}


def test_random_changes_agree_with_a_model(account):
    r = random.Random(4)
    clients = [account.connect() for _ in range(3)]
    fill(clients[0], 8)
    for c in clients[1:]:
        c.select()
    model = {n: set() for n in range(1, 9)}
    for c in clients:
        c.view = {n: set() for n in model}
    pool = SYSTEM + ['a', 'b', '$c']
    for _ in range(300):
        c = r.choice(clients)
        numbers = sorted(r.sample(range(1, 9), r.randint(1, 4)))
        flags = set(r.sample(pool, r.randint(0, 4)))
        op = r.choice(['', '+', '-'])
        silent = r.random() < 0.5
        result = c.store(','.join(map(str, numbers)), op + 'FLAGS' + ('.SILENT' if silent else ''), sorted(flags), uid=r.random() < 0.5)
        for n in numbers:
            change = {'': lambda old: flags, '+': lambda old: old | flags, '-': lambda old: old - flags}[op]
            model[n] = set(change(model[n]))
            c.view[n] = set(change(c.view[n]))      # what a client works out itself
        c.view.update(told(result))
        assert all(c.view[n] == model[n] for n in numbers)
        if not silent:
            assert set(numbers) <= set(told(result))
        if r.random() < 0.2:
            c.view.update(told(c.noop()))
            assert c.view == model
    for c in clients:
        c.view.update(told(c.noop()))
        assert c.view == model
        assert {n: flags_of(c, n) for n in model} == model
