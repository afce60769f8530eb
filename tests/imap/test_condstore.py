# SPDX-License-Identifier: GPL-3.0-or-later
"""CONDSTORE (RFC 7162 section 3.1), and MODSEQ in searches (RFC 4731 section 3.2)."""

import os
import random

import pytest

MAX = 2 ** 63 - 1


def fill(client, n=3, box='INBOX'):
    for i in range(n):
        client.append(box, b'Subject: %d\r\n\r\nx' % i)


@pytest.fixture
def three(client):
    fill(client)
    client.select()
    return client


def modseqs(client, numbers='1:*'):
    return {n: items['MODSEQ'][0] for n, items in client.fetch(numbers, '(MODSEQ)').items()}


def highest(client, box='INBOX'):
    return client.status(box, '(HIGHESTMODSEQ)')['HIGHESTMODSEQ']


def told_highest(result):
    return [u.code[1] for u in result.all('OK') if u.code and u.code[0] == 'HIGHESTMODSEQ']


def fetched(result):
    """number -> items of each untagged FETCH; each message once."""
    out = {}
    for u in result.all('FETCH'):
        assert u.number not in out, result.untagged
        out[u.number] = u.args[0]
    return out


def flags(items):
    return set(items['FLAGS']) - {'\\Recent'}


# --- what enables it -----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize('command', [
    'FETCH 1 (MODSEQ)', 'UID FETCH 1 MODSEQ', 'FETCH 1 FLAGS (CHANGEDSINCE 1)', 'fetch 1 flags (changedsince 1)', 'SEARCH MODSEQ 1',
    'UID SEARCH OR SEEN NOT MODSEQ 0', 'SEARCH RETURN (COUNT) MODSEQ 1', 'SORT (DATE) UTF-8 MODSEQ 1', 'THREAD ORDEREDSUBJECT UTF-8 MODSEQ 1',
    'ESEARCH IN (selected) MODSEQ 1', 'STORE 1 (UNCHANGEDSINCE 0) +FLAGS (\\Seen)', 'UID STORE 1 (UNCHANGEDSINCE %d) FLAGS.SILENT (a)' % MAX,
    'STATUS INBOX (HIGHESTMODSEQ)', 'STATUS INBOX (MESSAGES highestmodseq)', 'ENABLE CONDSTORE', 'ENABLE qresync', 'ENABLE QRESYNC CONDSTORE',
])
def test_the_first_enabling_command_tells_highestmodseq_once(account, command):
    a, b = account.connect(), account.connect()
    fill(a)
    at = highest(a)
    b.select()
    assert 'MODSEQ' not in fetched(b.store('1', '+FLAGS', ['x']))[1]
    result = b.cmd(command)
    assert told_highest(result) == [at + 1]
    raw = [u.name for u in result.untagged]
    if 'FETCH' in raw:
        assert raw.index('OK') < raw.index('FETCH')
    assert told_highest(b.cmd(command)) == []
    # from now on, also in what is not asked for
    a.select()
    a.store('2', '+FLAGS', ['\\Flagged'])
    told = fetched(b.noop())
    assert told[2]['UID'] == 2 and told[2]['MODSEQ'] == [highest(a)] and flags(told[2]) == {'\\Flagged'}


@pytest.mark.parametrize('command', ['NOOP', 'FETCH 1 (FLAGS UID)', 'SEARCH ALL', 'STATUS INBOX (MESSAGES)', 'ENABLE', 'ENABLE IMAP4REV9', 'SELECT INBOX',
                                     'FETCH 1 (FLAGS) (CHANGEDSINCE 0)', 'SEARCH MODSEQ x', 'STORE 1 (UNCHANGEDSINCE -1) FLAGS ()'])
def test_other_commands_and_wrong_ones_do_not_enable(three, command):
    three.cmd(command, ok=False)
    assert 'MODSEQ' not in fetched(three.store('1', '+FLAGS', ['x']))[1]


def test_select_condstore(account):
    a, b = account.connect(), account.connect()
    fill(a)
    for command in ('SELECT INBOX (CONDSTORE)', 'EXAMINE INBOX (condstore)'):
        c = account.connect()
        result = c.cmd(command)
        assert told_highest(result) == [highest(a)]
        a.select()
        a.store('1', '+FLAGS', [command[:1]])
        assert fetched(c.noop())[1]['MODSEQ'] == [highest(a)]
        c.close()
    # with another mailbox selected: its HIGHESTMODSEQ is of no interest any more
    b.select()
    a.create('box')
    result = b.cmd('SELECT box (CONDSTORE)')
    names = [u.code[0] for u in result.all('OK') if u.code]
    assert names[0] == 'CLOSED' and names.count('HIGHESTMODSEQ') == 1
    assert told_highest(result) == [1]


@pytest.mark.parametrize('params', ['()', '(CONDSTORE', 'CONDSTORE', '(CONDSTORE )', '( CONDSTORE)', '(CONDSTORE CONDSTORE)', '(FOO)', '(CONDSTORE) x', '(CONDSTORE 1)',
                                    '("CONDSTORE")', '(QRESYNC (1 1))', '((CONDSTORE))', '(CONDSTORE)  '])
def test_wrong_select_parameters_are_bad_and_the_mailbox_stays(three, params):
    result = three.expect('BAD', 'SELECT INBOX ' + params)
    assert len(result.text) > 10 and not result.untagged
    assert three.cmd('FETCH 1 UID').status == 'OK'


def test_enable_says_what_is_new(client):
    for command, answer in (('ENABLE FOO', []), ('ENABLE CONDSTORE foo condstore', ['CONDSTORE']), ('ENABLE CONDSTORE', []), ('ENABLE QRESYNC CONDSTORE', ['QRESYNC']),
                            ('ENABLE QRESYNC', [])):
        assert client.cmd(command).one('ENABLED').args == answer, command


# --- modseqs grow --------------------------------------------------------------------------------------------------------

def test_each_change_has_a_higher_modseq(account):
    """Every way in which a mailbox changes; HIGHESTMODSEQ is that of the last change, and messages that it did not touch keep theirs."""
    c, other = account.connect(), account.connect()
    c.create('box')
    fill(c)
    c.select()
    other.select()
    rng = random.Random(1)
    changes = [
        ('append', lambda: fill(other, 1)), ('flag', lambda: other.store('1', '+FLAGS', ['\\Seen'])),
        ('keyword', lambda: other.store('2', '+FLAGS', ['k%d' % rng.randrange(10 ** 9)])), ('replace', lambda: other.store('3', 'FLAGS', ['r%d' % rng.randrange(10 ** 9)])),
        ('remove', lambda: other.store('1', '-FLAGS', ['\\Seen'])), ('copy', lambda: other.cmd('COPY 1 INBOX')),
        ('expunge', lambda: (other.store('1', '+FLAGS.SILENT', ['\\Deleted']), other.expunge())),
        ('move', lambda: other.cmd('MOVE 1 box')), ('read', lambda: other.fetch('2', 'BODY[]')), ('silent', lambda: other.store('1', 'FLAGS.SILENT', ['s%d' % rng.randrange(10 ** 9)])),
    ]
    last = highest(c)
    for name, change in changes:
        before = {i['UID']: i['MODSEQ'][0] for i in other.fetch('1:*', '(UID MODSEQ)').values()}
        change()
        now = highest(c)
        after = {i['UID']: i['MODSEQ'][0] for i in other.fetch('1:*', '(UID MODSEQ)').values()}
        assert now > last, name
        assert all(m <= now for m in after.values()), name
        touched = [uid for uid in after if before.get(uid) != after[uid]]
        assert all(after[uid] > last for uid in touched), name
        assert len(touched) == (0 if name in ('expunge', 'move') else 1), (name, before, after)
        last = now


def test_what_changes_nothing_keeps_the_modseq(three):
    three.store('1', 'FLAGS', ['\\Seen', 'a'])
    before, at = modseqs(three), highest(three)
    for action, names in (('FLAGS', ['a', '\\Seen']), ('+FLAGS', ['A']), ('-FLAGS', ['\\Draft', 'b']), ('+FLAGS.SILENT', []), ('-FLAGS', [])):
        result = three.store('1', action, names)
        assert 'SILENT' in action or fetched(result)[1]['MODSEQ'] == [before[1]]
        assert not ('SILENT' in action and fetched(result)), 'nothing has changed'
    three.fetch('1', 'BODY[]')
    three.expunge()
    three.cmd('CLOSE')
    three.select()
    assert (modseqs(three), highest(three)) == (before, at)


def test_modseqs_stay_over_a_rename_and_a_restart(own_server):
    own_server.add_user('ann', 'x')
    c = own_server.login('ann', 'x')
    c.create('box')
    fill(c, 3, 'box')
    c.select('box')
    c.store('2', '+FLAGS', ['\\Seen'])
    before, at = modseqs(c), highest(c, 'box')
    c.cmd('CLOSE')
    c.cmd('RENAME box other')
    for kill in (False, True):
        c.select('other')
        assert modseqs(c) == before and highest(c, 'other') == at
        c.close()
        own_server.kill() if kill else own_server.stop()
        own_server.start()
        c = own_server.login('ann', 'x')
    assert highest(c, 'other') == at and modseqs_of(c, 'other') == before
    # a mailbox of the old name is another one
    c.create('box')
    assert highest(c, 'box') == 1
    # INBOX's messages move to a new mailbox
    fill(c, 2)
    inbox = highest(c)
    c.cmd('RENAME INBOX kept')
    assert highest(c) > inbox and highest(c, 'kept') > 1


def modseqs_of(c, box):
    c.select(box)
    return modseqs(c)


def test_a_file_renamed_by_another_program_changes_the_modseq(own_server):
    """As mutt does it, while no session has the mailbox: found when the server starts again."""
    own_server.add_user('ann', 'x')
    c = own_server.login('ann', 'x')
    fill(c)
    before, at = modseqs_of(c, 'INBOX'), highest(c)
    c.close()
    own_server.stop()
    cur = os.path.join(own_server.maildir('ann'), 'cur')
    names = sorted(os.listdir(cur))
    os.rename(os.path.join(cur, names[0]), os.path.join(cur, names[0] + 'F'))
    os.unlink(os.path.join(cur, names[2]))
    own_server.start()
    c = own_server.login('ann', 'x')
    after, now = modseqs_of(c, 'INBOX'), highest(c)
    assert now > at and len(after) == 2
    changed = [n for n in after if c.fetch(str(n), 'FLAGS')[n]['FLAGS'] == ['\\Flagged']]
    assert len(changed) == 1 and after[changed[0]] > at and [after[n] for n in after if n not in changed] == [before[n] for n in after if n not in changed]


def test_a_file_renamed_without_other_flags_keeps_the_modseq(own_server):
    """As Dovecot does it when it notes a size, or keywords of its own, in the name."""
    own_server.add_user('ann', 'x')
    c = own_server.login('ann', 'x')
    fill(c)
    c.select()
    c.store('2', '+FLAGS', ['\\Seen'])
    before, at = modseqs_of(c, 'INBOX'), highest(c)
    c.close()
    own_server.stop()
    cur = os.path.join(own_server.maildir('ann'), 'cur')
    names = sorted(os.listdir(cur))
    os.rename(os.path.join(cur, names[0]), os.path.join(cur, names[0] + ',S=10'))
    os.rename(os.path.join(cur, names[1]), os.path.join(cur, names[1] + 'S'))   # is \Seen already
    os.rename(os.path.join(cur, names[2]), os.path.join(cur, names[2] + 'a'))
    own_server.start()
    c = own_server.login('ann', 'x')
    assert modseqs_of(c, 'INBOX') == before and highest(c) == at
    assert len(c.fetch('1:*', 'BODY.PEEK[]')) == 3


def test_mail_delivered_by_another_program_has_a_higher_modseq(account):
    c = account.connect()
    fill(c, 1)
    c.cmd('SELECT INBOX (CONDSTORE)')
    at = highest(c)
    new = os.path.join(account.server.maildir(account.name), 'new')
    with open(os.path.join(new, '1.x.y'), 'wb') as f:
        f.write(b'Subject: new\n\nx\n')
    while c.exists < 2:
        c.noop()
    assert modseqs(c)[2] > at and highest(c) == modseqs(c)[2]


# --- FETCH ---------------------------------------------------------------------------------------------------------------

def test_changedsince_gives_those_with_a_higher_modseq(three):
    before = modseqs(three)
    assert len(set(before.values())) == 3
    for since in [1] + sorted(before.values()) + [MAX]:
        expected = {n for n in before if before[n] > since}
        got = fetched(three.cmd('FETCH 1:* (FLAGS) (CHANGEDSINCE %d)' % since))
        assert set(got) == expected and all(got[n]['MODSEQ'] == [before[n]] and set(got[n]) == {'FLAGS', 'MODSEQ'} for n in got)
        got = fetched(three.cmd('UID FETCH 2:3 FLAGS (CHANGEDSINCE %d)' % since))
        assert set(got) == expected - {1} and all(set(got[n]) == {'UID', 'FLAGS', 'MODSEQ'} for n in got)
    got = fetched(three.cmd('FETCH 3 BODY.PEEK[TEXT] (CHANGEDSINCE %d)' % before[2]))
    assert got == {3: {'MODSEQ': [before[3]], 'BODY[TEXT]': b'x'}}


def test_partial_takes_its_window_before_changedsince(client):
    fill(client, 6)
    client.select()
    client.store('2,5', '+FLAGS', ['a'])
    since = highest(client) - 1
    for modifiers in ('PARTIAL 1:4 CHANGEDSINCE %d', 'CHANGEDSINCE %d PARTIAL 1:4'):      # RFC 9394 section 3.3
        assert set(fetched(client.cmd('UID FETCH 1:* FLAGS (%s)' % (modifiers % since)))) == {2}


@pytest.mark.parametrize('tail', [
    '(CHANGEDSINCE)', '(CHANGEDSINCE 0)', '(CHANGEDSINCE -1)', '(CHANGEDSINCE 1x)', '(CHANGEDSINCE 9223372036854775808)', '(CHANGEDSINCE 1 CHANGEDSINCE 1)',
    'CHANGEDSINCE 1', '()', '(CHANGEDSINCE 1', '(FOO)', '(CHANGEDSINCE  1)', '(CHANGEDSINCE "1")', '(UNCHANGEDSINCE 1)', '(VANISHED)', '(CHANGEDSINCE 1 VANISHED)',
    '(CHANGEDSINCE 1) x', '(CHANGEDSINCE 18446744073709551617)', '(CHANGEDSINCE 1)(CHANGEDSINCE 1)',
])
def test_wrong_fetch_modifiers_are_bad(three, tail):
    for command in ('FETCH 1 FLAGS ', 'UID FETCH 1 (FLAGS) '):
        result = three.expect('BAD', command + tail)
        assert len(result.text) > 10 and not result.untagged


def test_partial_is_not_for_fetch(three):
    three.expect('BAD', 'FETCH 1 FLAGS (PARTIAL 1:2)')


def test_reading_tells_uid_and_modseq_with_the_seen_flag(three):
    assert set(fetched(three.cmd('FETCH 1 BODY[TEXT]'))[1]) == {'BODY[TEXT]', 'FLAGS'}
    three.cmd('ENABLE CONDSTORE')
    assert set(fetched(three.cmd('FETCH 1 BODY[TEXT]'))[1]) == {'BODY[TEXT]'}       # nothing is set: what was asked for (3.2.4)
    got = fetched(three.cmd('FETCH 2 BODY[TEXT]'))[2]
    assert set(got) == {'BODY[TEXT]', 'FLAGS', 'UID', 'MODSEQ'} and got['MODSEQ'] == [highest(three)]
    assert set(fetched(three.cmd('FETCH 3 FLAGS'))[3]) == {'FLAGS'}


def test_a_message_that_cannot_be_read_still_tells_its_seen_flag(account):
    c = account.connect()
    fill(c, 2)
    account.wait_indexed()      # a process that opens the account later finds the file gone, and expunges the message
    c.cmd('SELECT INBOX (CONDSTORE)')
    cur = os.path.join(account.server.maildir(account.name), 'cur')
    for name in sorted(os.listdir(cur)):
        if b'Subject: 0' in open(os.path.join(cur, name), 'rb').read():
            os.unlink(os.path.join(cur, name))
    result = c.cmd('FETCH 1:2 BODY[TEXT]', ok=False)
    got = fetched(result)
    assert result.status == 'NO' and set(got) == {1, 2} and flags(got[1]) == {'\\Seen'} and got[1]['MODSEQ'] == got[2]['MODSEQ'] == [highest(c)]


# --- STORE ---------------------------------------------------------------------------------------------------------------

def modified(result):
    return result.code[1:] if result.has_code('MODIFIED') else None


def test_unchangedsince_stores_what_has_not_changed(three):
    """Example 6: 7 and 9 have changed, 5 has not; here 1 and 3, and 2."""
    before = modseqs(three)
    at = max(before.values())
    three.store('1', '+FLAGS', ['\\Flagged'])
    three.store('3', '+FLAGS', ['other'])
    result = three.cmd('STORE 3,1:2 (UNCHANGEDSINCE %d) FLAGS (\\Seen)' % at)
    got = fetched(result)
    assert result.status == 'OK' and modified(result) == ['1,3']
    assert flags(got[2]) == {'\\Seen'} and got[2]['MODSEQ'] == [highest(three)] and highest(three) > at
    assert flags(got[1]) == {'\\Flagged'} and flags(got[3]) == {'other'}      # what was in the way (example 10)
    assert flags(three.fetch('1', 'FLAGS')[1]) == {'\\Flagged'}


def test_numbers_or_uids_in_modified(client):
    fill(client, 5)
    client.select()
    client.store('1:2', '+FLAGS.SILENT', ['\\Deleted'])
    client.expunge()
    at = highest(client)
    client.store('1,3', 'FLAGS.SILENT', ['x'])
    assert modified(client.cmd('STORE 1:* (UNCHANGEDSINCE %d) FLAGS.SILENT (y)' % at)) == ['1,3']
    client.store('1,3', 'FLAGS.SILENT', ['z'])
    at = highest(client) - 1
    assert modified(client.cmd('UID STORE 1:* (UNCHANGEDSINCE %d) FLAGS.SILENT (v)' % at)) == ['3,5']
    assert modified(client.cmd('UID STORE 4,100 (UNCHANGEDSINCE %d) FLAGS (v)' % highest(client))) is None
    assert modified(client.cmd('UID STORE 4 (UNCHANGEDSINCE 1) FLAGS (v)')) == [4]


def test_silent_still_tells_the_modseq(three):
    at = highest(three)
    result = three.cmd('STORE 1:2 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Deleted)' % at)
    got = fetched(result)
    assert set(got) == {1, 2} and all(set(got[n]) == {'UID', 'MODSEQ'} and got[n]['MODSEQ'] == [highest(three)] for n in got)
    # also when the flag was there: the message has met the condition
    at = highest(three)
    got = fetched(three.cmd('UID STORE 1 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Deleted)' % at))
    assert got == {1: {'UID': 1, 'MODSEQ': [at]}}
    # and without the condition, from then on (example 14)
    got = fetched(three.cmd('STORE 3 +FLAGS.SILENT (\\Deleted)'))
    assert got == {3: {'UID': 3, 'MODSEQ': [highest(three)]}}
    assert not fetched(three.noop())


def test_silent_tells_the_flags_that_failed_or_are_not_expected(account):
    a, b = account.connect(), account.connect()
    fill(a, 2)
    a.cmd('SELECT INBOX (CONDSTORE)')
    b.select()
    b.store('1', '+FLAGS', ['\\Flagged'])
    b.store('2', '+FLAGS', ['\\Seen'])
    got = fetched(a.cmd('STORE 1 (UNCHANGEDSINCE %d) +FLAGS.SILENT (x)' % highest(b)))     # a has not been told yet
    assert flags(got[1]) == {'\\Flagged', 'x'} and got[1]['MODSEQ'] == [highest(b)]
    result = a.cmd('STORE 2 (UNCHANGEDSINCE 1) FLAGS.SILENT (x)')
    assert modified(result) == [2] and flags(fetched(result)[2]) == {'\\Seen'}
    assert not fetched(a.noop())


def test_other_flags_are_no_obstacle_to_adding_and_removing(account):
    """RFC 7162 3.1.12: the view shows that the flag in question has not changed since; not so for FLAGS, and not beyond what the view knows."""
    a, b = account.connect(), account.connect()
    fill(a, 2)
    a.cmd('SELECT INBOX (CONDSTORE)')
    b.cmd('SELECT INBOX (CONDSTORE)')
    at = highest(a)
    b.store('1', '+FLAGS', ['\\Deleted', 'theirs'])
    result = a.cmd('STORE 1 (UNCHANGEDSINCE %d) +FLAGS.SILENT ($Processed)' % at)
    assert modified(result) is None and flags(fetched(result)[1]) == {'\\Deleted', 'theirs', '$Processed'}
    b.store('1', '+FLAGS', ['more'])
    result = a.cmd('STORE 1 (UNCHANGEDSINCE %d) -FLAGS (\\Seen)' % (highest(b) - 1))
    assert modified(result) is None and flags(fetched(result)[1]) == {'\\Deleted', 'theirs', '$Processed', 'more'}
    # the flag itself
    at = highest(a)
    b.store('1', '-FLAGS', ['THEIRS'])
    for action in ('+FLAGS (theirs)', '-FLAGS (theirs x)', '+FLAGS.SILENT (x Theirs)', 'FLAGS (x)'):
        assert modified(a.cmd('STORE 1 (UNCHANGEDSINCE %d) %s' % (at, action))) == [1], action
    # a modseq before what this session knows of the message: what its flags were then is not known
    c = account.connect()
    c.cmd('SELECT INBOX (CONDSTORE)')
    assert modified(c.cmd('STORE 1 (UNCHANGEDSINCE %d) +FLAGS (unrelated)' % at)) == [1]


def test_unchangedsince_0_fails_where_the_item_exists(three):
    """Examples 7 and 8: system flags always exist; a keyword where it is set."""
    three.store('2', '+FLAGS', ['$MDNSent'])
    for action in ('+FLAGS (\\Seen)', '-FLAGS.SILENT (\\Seen)', 'FLAGS (x)', 'FLAGS ()', '+FLAGS (\\Seen x)'):
        result = three.cmd('STORE 1:3 (UNCHANGEDSINCE 0) %s' % action)
        assert modified(result) == ['1:3'] and result.status == 'OK', action
    result = three.cmd('STORE 1:3 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($mdnsent)')
    assert modified(result) == [2]
    assert [flags(i) for _, i in sorted(three.fetch('1:3', 'FLAGS').items())] == [{'$MDNSent'}] * 3
    assert modified(three.cmd('STORE 1:3 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)')) == ['1:3']


def test_a_message_named_twice_is_no_conflict_with_itself(three):
    at = highest(three)
    result = three.cmd('STORE 2,1:3,2 (UNCHANGEDSINCE %d) +FLAGS.SILENT (\\Deleted)' % at)
    assert modified(result) is None and set(fetched(result)) == {1, 2, 3}


def test_only_one_of_two_sessions_wins(account):
    a, b = account.connect(), account.connect()
    fill(a, 1)
    a.cmd('SELECT INBOX (CONDSTORE)')
    b.cmd('SELECT INBOX (CONDSTORE)')
    for i in range(10):
        at = highest(a)
        a.noop(), b.noop()
        ta = a.send('STORE 1 (UNCHANGEDSINCE %d) FLAGS (a%d)' % (at, i))
        tb = b.send('STORE 1 (UNCHANGEDSINCE %d) FLAGS (b%d)' % (at, i))
        ra, rb = a.wait(ta), b.wait(tb)
        assert sorted([ra.has_code('MODIFIED'), rb.has_code('MODIFIED')]) == [False, True]
        winner = 'b%d' % i if ra.has_code('MODIFIED') else 'a%d' % i
        assert flags(a.fetch('1', 'FLAGS')[1]) == {winner}


def test_expunged_messages_and_modified(account):
    """Example 11: NO with MODIFIED."""
    a, b = account.connect(), account.connect()
    fill(a, 4)
    a.cmd('SELECT INBOX (CONDSTORE)')
    b.select()
    at = highest(a)
    b.store('2', 'FLAGS', ['x'])
    b.store('4', '+FLAGS', ['\\Deleted'])
    b.expunge()
    result = a.cmd('STORE 1:4 (UNCHANGEDSINCE %d) FLAGS (y)' % at, ok=False)
    assert result.status == 'NO' and modified(result) == [2] and set(fetched(result)) == {1, 2, 3}
    result = a.cmd('UID STORE 1:4 (UNCHANGEDSINCE %d) FLAGS (y)' % at, ok=False)
    assert result.status == 'OK' and modified(result) == ['1:3']
    assert modified(a.cmd('UID STORE 4 (UNCHANGEDSINCE 1) FLAGS (y)')) is None


@pytest.mark.parametrize('middle', [
    '(UNCHANGEDSINCE)', '(UNCHANGEDSINCE x)', '(UNCHANGEDSINCE 9223372036854775808)', '(UNCHANGEDSINCE -1)', '(CHANGEDSINCE 1)', '()', '(UNCHANGEDSINCE 1',
    'UNCHANGEDSINCE 1', '(UNCHANGEDSINCE 1 UNCHANGEDSINCE 2)', '(UNCHANGEDSINCE  1)', '(UNCHANGEDSINCE 1) (UNCHANGEDSINCE 1)', '(UNCHANGEDSINCE 1 FOO)', '(UNCHANGEDSINCE "1")',
])
def test_wrong_store_modifiers_are_bad_and_change_nothing(three, middle):
    for command in ('STORE 1 ', 'UID STORE 1 '):
        result = three.expect('BAD', command + middle + ' FLAGS (x)')
        assert len(result.text) > 10 and not result.untagged
    assert flags(three.fetch('1', 'FLAGS')[1]) == set()


# --- SEARCH --------------------------------------------------------------------------------------------------------------

@pytest.fixture
def five(client):
    """Modseqs in the order 2, 4, 1, 5, 3 of messages."""
    fill(client, 5)
    client.select()
    for n in (2, 4, 1, 5, 3):
        client.store(str(n), '+FLAGS', ['\\Flagged'])
    return client, modseqs(client)


def test_modseq_finds_those_that_are_not_older(five):
    client, m = five
    for modseq in [0, 1, MAX] + sorted(m.values()) + [max(m.values()) + 1]:
        for key in ('MODSEQ %d', 'modseq "/flags/\\\\Seen" all %d', 'MODSEQ "/flags/$x" priv %d', 'MODSEQ "/FLAGS/y" Shared %d', 'NOT NOT MODSEQ %d'):
            expected = [n for n in m if m[n] >= modseq]
            args = client.cmd('SEARCH ' + key % modseq).one('SEARCH').args
            assert args == (expected + [['MODSEQ', max(m[n] for n in expected)]] if expected else [])
        args = client.cmd('UID SEARCH NOT MODSEQ %d' % modseq).one('SEARCH').args
        older = [n for n in m if m[n] < modseq]
        assert args == (older + [['MODSEQ', max(m[n] for n in older)]] if older else [])
    args = client.cmd('SEARCH OR 2 MODSEQ %d' % m[3]).one('SEARCH').args
    assert args == [2, 3, ['MODSEQ', m[3]]]
    args = client.cmd('SORT (REVERSE SUBJECT) UTF-8 1:4 MODSEQ 0').one('SORT').args
    assert args == [4, 3, 2, 1, ['MODSEQ', m[3]]]
    assert client.cmd('SORT (ARRIVAL) UTF-8 MODSEQ %d' % MAX).one('SORT').args == []
    assert 'MODSEQ' not in str(client.cmd('THREAD ORDEREDSUBJECT UTF-8 MODSEQ 0').one('THREAD').raw)
    assert client.cmd('SEARCH ALL').one('SEARCH').args == [1, 2, 3, 4, 5]       # only where the key was given


def test_modseq_of_an_extended_search_is_that_of_what_is_returned(five):
    """RFC 4731 section 3.2, RFC 7162 3.1.10."""
    client, m = five
    top = max(m.values())
    for returns, modseq in [('MIN', m[1]), ('MAX', m[5]), ('MIN MAX', max(m[1], m[5])), ('MIN COUNT', top), ('MIN MAX COUNT', top), ('ALL', top), ('', top), ('COUNT', top),
                            ('MIN ALL', top), ('PARTIAL 1:2', max(m[1], m[2])), ('PARTIAL -1:-1', m[5]), ('MIN PARTIAL 2:2', max(m[1], m[2])), ('PARTIAL 1:1 COUNT', top),
                            ('PARTIAL 7:9', None), ('MAX PARTIAL 7:9', m[5]), ('SAVE MIN', m[1])]:
        got = client.esearch('RETURN (%s) MODSEQ 0' % returns)
        assert got.get('MODSEQ') == modseq, returns
        got = client.esearch('RETURN (%s) MODSEQ 0' % returns, uid=True)
        assert got.get('MODSEQ') == modseq, returns
    assert 'MODSEQ' not in client.esearch('RETURN (COUNT MIN) MODSEQ %d' % MAX)
    assert 'MODSEQ' not in client.esearch('RETURN (ALL) ALL')
    raw = client.cmd('SORT RETURN (MIN) (REVERSE SUBJECT) UTF-8 MODSEQ 0').one('ESEARCH').raw       # of a SORT: the first in its order
    assert raw.endswith(b' MIN 5 MODSEQ %d' % m[5])
    raw = client.cmd('ESEARCH IN (personal) RETURN (MIN) MODSEQ 0').one('ESEARCH').raw
    assert raw.endswith(b' MIN 1 MODSEQ %d' % m[1])


@pytest.mark.parametrize('key', [
    'MODSEQ', 'MODSEQ x', 'MODSEQ -1', 'MODSEQ 9223372036854775808', 'MODSEQ "/flags/a" 1', 'MODSEQ "/flags/a" both 1', 'MODSEQ "/flags/" all 1', 'MODSEQ "/flags/\\\\" all 1',
    'MODSEQ "/vendor/x" all 1', 'MODSEQ /flags/a all 1', 'MODSEQ "/flags/a" all', 'MODSEQ  1', 'MODSEQ (1)', 'MODSEQ 1x', 'MODSEQ "1"', 'MODSEQ "/flags/a" all x',
])
def test_wrong_modseq_keys_are_bad(three, key):
    result = three.expect('BAD', 'SEARCH ' + key)
    assert len(result.text) > 10 and not result.untagged


# --- STATUS --------------------------------------------------------------------------------------------------------------

def test_status_has_the_same_as_select(account):
    a, b = account.connect(), account.connect()
    assert highest(a) == 1 == b.select().highestmodseq
    fill(a, 2)
    assert highest(a) == b.select().highestmodseq > 1
    b.store('1', '+FLAGS', ['\\Deleted'])
    b.expunge()
    assert highest(a) == b.select().highestmodseq


def test_the_capabilities_are_told(client):
    assert {'CONDSTORE', 'QRESYNC', 'ENABLE'} <= set(client.capability())
