# SPDX-License-Identifier: GPL-3.0-or-later
"""QRESYNC (RFC 7162 section 3.2): VANISHED, SELECT (QRESYNC ...), UID FETCH (VANISHED), and a client that never loses anything."""

import contextlib
import os
import random
import sqlite3

import pytest

from lib.imap import Literal, format_set, parse_vanished


def fill(client, n=3, box='INBOX'):
    for i in range(n):
        client.append(box, b'Subject: %d\r\n\r\nx' % i)


def highest(client, box='INBOX'):
    return client.status(box, '(HIGHESTMODSEQ)')['HIGHESTMODSEQ']


def told_highest(result):
    return [u.code[1] for u in result.untagged if u.name == 'OK' and u.code and u.code[0] == 'HIGHESTMODSEQ']


def vanished(result, earlier=False):
    """The UIDs of all VANISHED of that form, in order."""
    uids = []
    for u in result.all('VANISHED'):
        is_earlier, some = parse_vanished(u)
        if is_earlier == earlier:
            uids += some
    return uids


def fetched(result):
    """UID -> (flags, modseq) of the untagged FETCHes."""
    out = {}
    for u in result.all('FETCH'):
        items = u.args[0]
        assert items['UID'] not in out and set(items) >= {'UID', 'FLAGS', 'MODSEQ'}, u
        out[items['UID']] = (set(items['FLAGS']) - {'\\Recent'}, items['MODSEQ'][0])
    return out


@pytest.fixture
def pair(account):
    """Two sessions on INBOX with five messages; the first has QRESYNC."""
    a, b = account.connect(), account.connect()
    fill(a, 5)
    a.cmd('ENABLE QRESYNC')
    a.select()
    b.select()
    a.sync_uids()
    return a, b


def delete(client, uids):
    client.store(uids, '+FLAGS.SILENT', ['\\Deleted'], uid=True)
    return client.cmd('UID EXPUNGE', uids)


# --- VANISHED instead of EXPUNGE -----------------------------------------------------------------------------------------

def test_expunge_tells_vanished_and_the_modseq(pair):
    a, b = pair
    a.store('1,3', '+FLAGS.SILENT', ['\\Deleted'])
    result = a.cmd('EXPUNGE')
    assert vanished(result) == [1, 3] and not result.all('EXPUNGE') and not result.all('EXISTS')
    assert result.code == ['HIGHESTMODSEQ', highest(b)] and told_highest(result) == []
    assert a.uids == [2, 4, 5] and a.exists == 3
    # nothing to expunge: no code
    assert a.cmd('EXPUNGE').code is None
    a.store('1:*', '+FLAGS.SILENT', ['\\Deleted'])
    result = a.cmd('UID EXPUNGE 4:9')
    assert vanished(result) == [4, 5] and result.code == ['HIGHESTMODSEQ', highest(b)]
    assert vanished(a.cmd('EXPUNGE')) == [2]


def test_the_code_of_expunge_covers_what_was_told_before_it(pair):
    a, b = pair
    b.store('4', '+FLAGS', ['\\Flagged'])
    a.store('1', '+FLAGS.SILENT', ['\\Deleted'])
    b.store('5', '+FLAGS', ['\\Answered'])
    result = a.cmd('EXPUNGE')
    code = result.code[1]
    assert set(fetched(result)) == {5} and code >= fetched(result)[5][1]
    assert vanished(result) == [1] and code == highest(b)


def test_others_expunges_come_as_vanished(pair):
    a, b = pair
    delete(b, '2')
    result = a.noop()
    assert vanished(result) == [2] and told_highest(result) == [highest(b)]
    delete(b, '4:5')
    result = a.cmd('UID FETCH 1 FLAGS')
    assert vanished(result) == [4, 5] and told_highest(result) == [highest(b)]
    assert [u.name for u in result.untagged].index('FETCH') < [u.name for u in result.untagged].index('VANISHED')
    assert a.uids == [1, 3]
    assert told_highest(a.noop()) == []


def test_idle_tells_vanished_and_the_modseq(pair):
    a, b = pair
    a.idle()
    delete(b, '3')
    assert parse_vanished(a.wait_untagged('VANISHED')) == (False, [3])
    told = a.wait_untagged('OK', match=lambda u: u.code and u.code[0] == 'HIGHESTMODSEQ')
    a.done()
    assert told.code[1] == highest(b)
    a.idle()
    b.store('1', '+FLAGS', ['\\Seen'])
    items = a.wait_untagged('FETCH').args[0]
    assert set(items) == {'UID', 'FLAGS', 'MODSEQ'}
    a.done()


def test_move_tells_vanished_and_the_modseq(pair):
    a, b = pair
    a.create('box')
    before = highest(a, 'box')
    result = a.cmd('MOVE 2:3 box')
    assert vanished(result) == [2, 3] and told_highest(result) == [highest(b)]
    names = [u.code[0] if u.name == 'OK' else u.name for u in result.untagged]
    assert names.index('COPYUID') < names.index('VANISHED') < names.index('HIGHESTMODSEQ')
    assert vanished(a.cmd('UID MOVE 4 box')) == [4] and highest(b, 'box') > before
    assert a.uids == [1, 5]
    # into the same mailbox
    result = a.cmd('UID MOVE 1 INBOX')
    assert vanished(result) == [1] and a.exists == 2


def test_close_never_tells_the_modseq(pair):
    a, b = pair
    a.store('1', '+FLAGS.SILENT', ['\\Deleted'])
    at = highest(b)
    result = a.cmd('CLOSE')
    assert result.code is None and not result.untagged
    assert highest(b) == at + 1


@pytest.mark.parametrize('command,allowed', [
    ('FETCH 1 FLAGS', False), ('STORE 1 +FLAGS (x)', False), ('SEARCH ALL', False), ('SORT (DATE) UTF-8 ALL', False), ('THREAD REFERENCES UTF-8 ALL', False),
    ('SEARCH UID 1:*', False), ('UID FETCH 1 FLAGS', True), ('UID STORE 1 +FLAGS (x)', True), ('UID SEARCH ALL', True), ('UID SEARCH UID 1:* $', True),
    ('UID SORT (DATE) UTF-8 ALL', True), ('UID SEARCH 1:*', False), ('UID SEARCH NOT (SEEN OR 2 SEEN)', False), ('UID SORT (DATE) UTF-8 NOT 2', False),
    ('UID THREAD REFERENCES UTF-8 *', False), ('UID SEARCH RETURN (COUNT) 1', False), ('ESEARCH IN (selected) ALL', True), ('ESEARCH IN (selected) 1', False),
    ('COPY 1 INBOX', True), ('NOOP', True), ('CHECK', True), ('STATUS INBOX (MESSAGES)', True),
])
def test_when_vanished_may_be_sent(pair, command, allowed):
    """RFC 7162 3.2.10.2; while it waits, HIGHESTMODSEQ stays below it (3.2, section 6)."""
    a, b = pair
    before = highest(b)
    delete(b, '3')
    b.store('1', '+FLAGS', ['late'])
    result = a.cmd(command)
    if allowed:
        assert vanished(result) == [3] and told_highest(result)[-1] >= before + 2
        return
    assert not vanished(result) and not result.all('EXPUNGE')
    assert told_highest(result)[-1] == before
    result = a.cmd('NOOP')
    assert vanished(result) == [3] and told_highest(result) == [highest(b)]


def test_without_qresync_it_is_expunge(account):
    a, b = account.connect(), account.connect()
    fill(a, 3)
    a.cmd('ENABLE CONDSTORE')
    a.select()
    b.select()
    delete(b, '2')
    result = a.noop()
    assert [u.number for u in result.all('EXPUNGE')] == [2] and not result.all('VANISHED') and told_highest(result) == []
    a.store('1', '+FLAGS', ['\\Deleted'])
    assert a.cmd('EXPUNGE').code is None
    a.cmd('ENABLE QRESYNC')         # from now on
    delete(b, '3')
    assert vanished(a.noop()) == [3]


def test_what_came_and_went_untold_is_not_vanished(pair):
    a, b = pair
    uid = b.append('INBOX', b'x')
    b.noop()
    delete(b, str(uid))
    result = a.noop()
    assert not result.all('VANISHED') and a.exists == 5


# --- UID FETCH (VANISHED) ------------------------------------------------------------------------------------------------

def test_uid_fetch_vanished(pair):
    a, b = pair
    since = highest(a)
    delete(b, '1')
    first = highest(b)
    delete(b, '5')
    b.store('3', '+FLAGS', ['\\Seen'], uid=True)
    a.noop()
    result = a.cmd('UID FETCH 1:* (FLAGS) (CHANGEDSINCE %d VANISHED)' % since)
    assert vanished(result, earlier=True) == [1, 5]     # "*" is not the last message
    assert {uid: f for uid, (f, _) in fetched(result).items()} == {3: {'\\Seen'}}
    assert [u.name for u in result.untagged] == ['VANISHED', 'FETCH']
    assert a.exists == 3
    for uids, at, expected in (('1:4', since, [1]), ('2:5', since, [5]), ('1:5', first, [5]), ('100', since, []), ('2', since, []), ('1,5', highest(b), []), ('4:3', since, [])):
        assert vanished(a.cmd('UID FETCH %s FLAGS (VANISHED CHANGEDSINCE %d)' % (uids, at)), earlier=True) == expected, (uids, at)
    # a message that is in view still is told without EARLIER
    since = highest(a)
    delete(b, '2')
    result = a.cmd('UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)' % since)
    assert vanished(result, earlier=True) == [] and vanished(result) == [2]


@pytest.mark.parametrize('tail', ['(VANISHED)', '(CHANGEDSINCE 1 VANISHED VANISHED)', '(CHANGEDSINCE 0 VANISHED)', '(CHANGEDSINCE 1 VANISHED 1)'])
def test_wrong_vanished_is_bad(pair, tail):
    pair[0].expect('BAD', 'UID FETCH 1 FLAGS ' + tail)


def test_vanished_is_for_uid_fetch_after_enable(account):
    c = account.connect()
    fill(c, 1)
    c.select()
    c.expect('BAD', 'UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)')
    c.cmd('ENABLE CONDSTORE')
    c.expect('BAD', 'UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)')
    c.expect('BAD', 'SELECT INBOX (QRESYNC (1 1))')
    assert c.exists == 1 and c.cmd('FETCH 1 UID').status == 'OK'
    c.cmd('ENABLE QRESYNC')
    c.expect('BAD', 'FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)')
    c.cmd('UID FETCH 1 FLAGS (CHANGEDSINCE 1 VANISHED)')


# --- SELECT (QRESYNC ...) ------------------------------------------------------------------------------------------------

def test_select_tells_what_has_changed_since(pair):
    a, b = pair
    box = a.select()
    since, valid = box.highestmodseq, box.uidvalidity
    delete(b, '1,4')
    b.store('2', '+FLAGS', ['\\Flagged', 'x'])
    uid = b.append('INBOX', b'y')
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d))' % (valid, since))
    assert [u.code[0] for u in result.all('OK') if u.code][0] == 'CLOSED'
    assert told_highest(result) == [highest(b)]
    assert vanished(result, earlier=True) == [1, 4] and vanished(result) == []
    assert {u: f for u, (f, _) in fetched(result).items()} == {3: {'\\Flagged', 'x'}, uid: set()}
    names = [u.name for u in result.untagged]
    assert max(i for i, u in enumerate(result.untagged) if u.name == 'OK') < names.index('VANISHED') < names.index('FETCH')
    assert a.exists == 4
    # of known UIDs only
    result = a.cmd('EXAMINE INBOX (QRESYNC (%d %d 1:3) CONDSTORE)' % (valid, since))
    assert result.has_code('READ-ONLY') and vanished(result, earlier=True) == [1] and set(fetched(result)) == {3}
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d 2,100:200))' % (valid, since))
    assert vanished(result, earlier=True) == [] and fetched(result) == {}
    # nothing new
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d))' % (valid, highest(b)))
    assert not result.all('VANISHED') and not result.all('FETCH')
    # another mailbox of that name: no word about messages
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d))' % (valid % 4294967295 + 1, since))
    assert not result.all('VANISHED') and not result.all('FETCH') and result.has_code('READ-WRITE') and told_highest(result) == [highest(b)]


def test_an_empty_mailbox_has_nothing_to_tell(client):
    client.cmd('ENABLE QRESYNC')
    client.create('box')
    valid = client.select('box').uidvalidity
    for at in (1, 5, 2 ** 63 - 1):
        result = client.cmd('SELECT box (QRESYNC (%d %d))' % (valid, at))
        assert not result.all('VANISHED') and not result.all('FETCH')


def test_a_modseq_of_the_future_is_none_of_ours(pair):
    """A client of another server that this Maildir came from: it is told all, which is never wrong."""
    a, b = pair
    box = a.select()
    delete(b, '2')
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d 1:5))' % (box.uidvalidity, 2 ** 63 - 1))
    assert vanished(result, earlier=True) == [2] and set(fetched(result)) == {1, 3, 4, 5}


@pytest.mark.parametrize('params', [
    '(QRESYNC)', '(QRESYNC ())', '(QRESYNC (1))', '(QRESYNC (0 1))', '(QRESYNC (1 0))', '(QRESYNC (1 9223372036854775808))', '(QRESYNC (1 1 *))', '(QRESYNC (1 1 1:*))',
    '(QRESYNC (1 1 $))', '(QRESYNC (1 1 (1:2 1)))', '(QRESYNC (1 1 (2,1 1,2)))', '(QRESYNC (1 1 (1 *)))', '(QRESYNC (1 1 1 (1 1)', '(QRESYNC (1 1) QRESYNC (1 1))',
    '(QRESYNC 1 1)', '(QRESYNC (1 1 x))', '(QRESYNC (1 1 ()))', '(QRESYNC (1 1)) x', '(QRESYNC (1 -1))', '(QRESYNC (1  1))',
])
def test_wrong_qresync_is_bad_and_the_mailbox_stays(pair, params):
    a, _ = pair
    result = a.expect('BAD', 'SELECT INBOX ' + params)
    assert len(result.text) > 10 and not result.untagged
    assert a.cmd('FETCH 5 UID').one('FETCH').args[0]['UID'] == 5


def test_a_missing_mailbox_is_no(pair):
    a, _ = pair
    assert a.expect('NO', 'SELECT nowhere (QRESYNC (1 1))').has_code('NONEXISTENT')
    a.expect('BAD', 'FETCH 1 UID')


def forget_expunges(account):
    """As if there had been more expunges since than are remembered (50,000 and more)."""
    path = os.path.join(account.server.mail_root, account.name, 'mailsift.db')
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as db, db:
        db.execute('DELETE FROM expunged')
        db.execute('UPDATE mailbox SET expunged_floor=highestmodseq, expunged_rows=0')


def test_before_the_horizon_all_missing_uids_are_told(account):
    a, b = account.connect(), account.connect()
    fill(a, 10)
    a.cmd('ENABLE QRESYNC')
    box = a.select()
    b.select()
    b.store('7', '+FLAGS', ['\\Seen'])
    delete(b, '2,4,9')
    b.noop()
    forget_expunges(account)
    valid, since = box.uidvalidity, box.highestmodseq
    for known, match, expected in [
            ('', '', [2, 4, 9]), ('1:3', '', [2]), ('5:8', '', []), ('', '(1 1)', [2, 4, 9]), ('', '(1:3 1,3,5)', [9]), ('', '(2,6 3,8)', [9]), ('3:10', '(2 3)', [4, 9]),
            ('', '(1,2,3 1,2,3)', [2, 4, 9]), ('', '(7 10)', []), ('', '(8 11)', [2, 4, 9]), ('', '(1:7 1:7)', [2, 4, 9])]:
        result = a.cmd('SELECT INBOX (QRESYNC (%d %d%s%s))' % (valid, since, known and ' ' + known, match and ' ' + match))
        assert vanished(result, earlier=True) == expected, (known, match)
        assert set(fetched(result)) == ({7} if known in ('', '5:8', '3:10') else set())
    result = a.cmd('UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)' % since)
    assert vanished(result, earlier=True) == [2, 4, 9]
    # from the horizon on exactly
    at = highest(b)
    delete(b, '10')
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d 1:10 (1 1)))' % (valid, at))
    assert vanished(result, earlier=True) == [10]


def test_a_long_list_comes_in_several_lines_and_pauses(account):
    """More than one buffer of output, and more ranges than one line has."""
    a, b = account.connect(), account.connect()
    n = 9000
    for first in range(0, n, 900):
        parts = ['APPEND INBOX']
        for i in range(900):
            parts.append(Literal(b'x: %d\r\n\r\n' % (first + i), sync=False))
        b.cmd(*parts, timeout=120)
    a.cmd('ENABLE QRESYNC')
    box = a.select()
    b.select()
    odd = format_set(range(1, n + 1, 2))
    b.cmd('UID STORE', odd, '+FLAGS.SILENT (\\Deleted)')
    b.cmd('EXPUNGE', timeout=120)
    b.cmd('UID STORE 1:* +FLAGS.SILENT (\\Flagged)')
    result = a.cmd('SELECT INBOX (QRESYNC (%d %d))' % (box.uidvalidity, box.highestmodseq))
    assert len(result.all('VANISHED')) == 2 and vanished(result, earlier=True) == list(range(1, n + 1, 2))
    assert sorted(fetched(result)) == list(range(2, n + 1, 2))


# --- a client that keeps a cache -----------------------------------------------------------------------------------------

class Cache:
    """RFC 7162 section 6: what a disconnected client knows, and how it comes to know it. Its connections end without a word at any time."""

    def __init__(self, account, rng):
        self.account, self.rng = account, rng
        self.client = None
        self.uidvalidity = self.modseq = None
        self.flags = {}             # UID -> set of flags
        self.fetched = 0            # all UIDs up to here were asked for
        self.numbers = []           # UIDs by number, as the last session had them

    def connect(self):
        self.client = self.account.connect()
        self.client.cmd('ENABLE QRESYNC')
        params = '(CONDSTORE)'
        if self.modseq is not None:
            known = ' ' + format_set(self.flags) if self.flags and self.rng.random() < 0.5 else ''
            match = self.match_data() if self.rng.random() < 0.6 else ''
            params = '(QRESYNC (%d %d%s%s))' % (self.uidvalidity, self.modseq, known, match)
        result = self.client.cmd('SELECT INBOX', params)
        codes = {u.code[0]: u.code[1] for u in result.all('OK') if u.code and len(u.code) > 1}
        assert self.uidvalidity in (None, codes['UIDVALIDITY'])
        self.uidvalidity = codes['UIDVALIDITY']
        self.apply(result)
        self.modseq = codes['HIGHESTMODSEQ']
        self.fetch_new()
        assert len(self.flags) == self.client.exists, (params, result.untagged)
        self.learn_numbers()

    def match_data(self):
        """True numbers of the last session, or lies; these only where the server need not believe them."""
        if self.numbers and (self.account.forgets or self.rng.random() < 0.5):
            some = sorted(self.rng.sample(range(len(self.numbers)), self.rng.randint(1, len(self.numbers))))
            seqs, uids = [i + 1 for i in some], [self.numbers[i] for i in some]
        else:
            k = self.rng.randint(1, 8)
            seqs, uids = sorted(self.rng.sample(range(1, 30), k)), sorted(self.rng.sample(range(1, 60), k))
        return ' (%s %s)' % (','.join(map(str, seqs)), ','.join(map(str, uids)))

    def apply(self, result):
        """What came with a command, in order; then the modseq (section 6)."""
        seen, explicit = [], None
        for u in result.untagged:
            if u.name == 'VANISHED':
                for uid in parse_vanished(u)[1]:
                    self.flags.pop(uid, None)
            elif u.name == 'FETCH':
                items = u.args[0]
                if 'FLAGS' in items and items['UID'] <= self.fetched:
                    self.flags[items['UID']] = set(items['FLAGS']) - {'\\Recent'}
                seen += items.get('MODSEQ', [])
            elif u.name == 'OK' and u.code and u.code[0] == 'HIGHESTMODSEQ':
                explicit = u.code[1]
        if result.has_code('HIGHESTMODSEQ'):
            explicit = result.code[1]
        if self.modseq is not None:
            self.modseq = explicit if explicit is not None else max([self.modseq] + seen)

    def fetch_new(self):
        result = self.client.cmd('UID FETCH %d:* (FLAGS)' % (self.fetched + 1))
        self.fetched = max([self.fetched] + [u.args[0]['UID'] for u in result.all('FETCH')])
        self.apply(result)

    def learn_numbers(self):
        c = self.client
        c.uids = None
        result = c.cmd('FETCH 1:* (UID)') if c.exists else c.noop()
        self.apply(result)
        by_number = {u.number: u.args[0]['UID'] for u in result.all('FETCH')}
        self.numbers = c.uids = [by_number[n] for n in sorted(by_number)]
        assert len(self.numbers) == c.exists

    def work(self):
        """A command of its own. What it is told goes into the cache at once."""
        c, rng = self.client, self.rng
        one = rng.randint(1, c.exists) if c.exists else None
        keyword = rng.choice(['a', 'b', 'c', '\\Seen', '\\Deleted'])
        command = rng.choice(['NOOP', 'NOOP', 'CHECK'] + ([
            'FETCH %d (FLAGS MODSEQ UID)' % one, 'STORE %d +FLAGS (%s)' % (one, keyword), 'STORE %d -FLAGS.SILENT (%s)' % (one, keyword),
            'STORE 1:* (UNCHANGEDSINCE %d) +FLAGS (%s)' % (self.modseq, keyword), 'SEARCH MODSEQ %d' % self.modseq, 'UID SEARCH 1', 'EXPUNGE', 'FETCH %d BODY[]' % one,
            'FETCH 1:* (UID FLAGS) (CHANGEDSINCE %d)' % self.modseq, 'UID STORE 1:* +FLAGS (%s)' % keyword, 'UID FETCH 1:* FLAGS (CHANGEDSINCE %d VANISHED)' % self.modseq,
            'COPY %d INBOX' % one] if c.exists else []))
        uid = self.numbers[one - 1] if one and one <= len(self.numbers) else None
        before = self.flags.get(uid)
        result = c.cmd(command, ok=False)
        self.apply(result)
        told = [u for u in result.all('FETCH') if u.args[0].get('UID') == uid and 'FLAGS' in u.args[0]]
        if 'SILENT' in command and result.status == 'OK' and before is not None and not told and uid in self.flags:
            self.flags[uid] = before - {keyword}    # as the client works it out by itself
        if rng.random() < 0.5:
            self.fetch_new()
        self.learn_numbers()

    def drop(self):
        self.client.close()
        self.client = None


def truth(client):
    client.select()
    if not client.exists:
        return {}
    return {i['UID']: set(i['FLAGS']) - {'\\Recent'} for i in client.fetch('1:*', '(UID FLAGS)').values()}


def disturb(rng, client, n):
    """Another session changes things at random."""
    for _ in range(n):
        what = rng.random()
        if what < 0.35 or client.exists == 0:
            client.append('INBOX', b'Subject: x\r\n\r\n')
            client.noop()
        elif what < 0.7:
            number = rng.randint(1, client.exists)
            client.store(str(number), rng.choice(['+FLAGS', '-FLAGS', 'FLAGS']), rng.sample(['a', 'b', 'c', '\\Seen', '\\Flagged'], 2))
        else:
            gone = rng.sample(range(1, client.exists + 1), rng.randint(1, min(3, client.exists)))
            client.store(','.join(map(str, gone)), '+FLAGS.SILENT', ['\\Deleted'])
            client.expunge()


@pytest.mark.parametrize('forgets', [False, True])
@pytest.mark.parametrize('seed', range(5))
def test_a_cache_always_ends_with_the_true_state(account, seed, forgets):
    rng = random.Random(int(os.environ.get('MAILSIFT_QRESYNC_SEED', '0')) * 1000 + seed)
    account.forgets = forgets
    other = account.connect()
    other.select()
    disturb(rng, other, 15)
    cache = Cache(account, rng)
    for round in range(25):
        cache.connect()
        disturb(rng, other, rng.randint(0, 2))
        for _ in range(rng.randint(0, 4)):
            cache.work()
            disturb(rng, other, rng.randint(0, 3))
        if rng.random() < 0.5:
            cache.apply(cache.client.noop())
            cache.fetch_new()
            assert cache.flags == truth(account.connect()), 'while connected, round %d' % round
        cache.drop()
        disturb(rng, other, rng.choice([0, 0, 1, 5, 10]))
        if forgets and rng.random() < 0.5:
            forget_expunges(account)
    cache.connect()
    assert cache.flags == truth(other)
