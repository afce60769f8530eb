# SPDX-License-Identifier: GPL-3.0-or-later
"""Results that are kept up to date: CONTEXT=SEARCH and CONTEXT=SORT (RFC 5267)."""

import bisect
import random
import re
import time

import pytest

from lib.imap import parse_set

COLOURS = ('red', 'green', 'Blue', 'Re: red', 'blue', '')
FLAGS = ('\\Seen', '\\Flagged', '\\Deleted', '\\Answered', 'work')


def mail(subject='red', text='hello', sender='ann', day=1):
    return (b'From: %s@example.org\r\nSubject: %s\r\nDate: %d Jan 2020 10:00:00 +0000\r\n\r\n%s\r\n'
            % (sender.encode(), subject.encode(), day, text.encode()))


def in_order(text):
    """A sequence-set to its numbers in the order in which they stand."""
    return [n for part in str(text).split(',') for n in parse_set(part)]


def updates_of(response):
    """The tag of an ESEARCH with ADDTO or REMOVEFROM, and [(item, [(position, numbers)])]."""
    m = re.fullmatch(rb'\* ESEARCH \(TAG "([^"]*)"[^)]*\)( UID)?((?: (?:ADDTO|REMOVEFROM) \([^()]*\))*)', response.raw)
    if m is None or not m[3]:
        return None, []
    items = []
    for name, pairs in re.findall(rb' (ADDTO|REMOVEFROM) \(([^()]*)\)', m[3]):
        words = pairs.decode().split(' ')
        assert len(words) % 2 == 0 and words, response
        items.append((name.decode(), [(int(place), in_order(numbers)) for place, numbers in zip(words[::2], words[1::2])]))
    return m[1].decode(), items


class Kept:
    """What a client keeps of its results: it does what RFC 5267 4.3 says with each response, in their order."""

    def __init__(self, client):
        self.client = client
        self.seen = len(client.untagged)
        self.exists = client.exists
        self.results = {}    # tag -> numbers, in order
        self.programs = {}   # tag -> (command, what comes behind RETURN)
        self.refused = []

    def start(self, command, program):
        tag = self.client.new_tag()
        assert self.client.wait(self.client.send('%s RETURN (ALL UPDATE) %s' % (command, program), tag=tag)).status == 'OK'
        self.programs[tag] = (command, program)
        self.results[tag] = None
        self.work_off()
        assert self.results[tag] is not None
        return tag

    def work_off(self):
        for response in self.client.untagged[self.seen:]:
            self._take(response)
        self.seen = len(self.client.untagged)
        return self

    def _take(self, response):
        if response.name == 'EXISTS':
            self.exists = response.number
        elif response.name == 'EXPUNGE':
            self.exists -= 1
            for tag, numbers in self.results.items():
                if 'UID' not in self.programs[tag][0]:
                    assert response.number not in numbers, 'REMOVEFROM comes before EXPUNGE'
                    numbers[:] = [n - (n > response.number) for n in numbers]
        elif response.name == 'NO' and response.code and response.code[0] == 'NOUPDATE':
            self.refused.append(response.code[1].decode())
        elif response.name == 'ESEARCH':
            tag, items = updates_of(response)
            if tag is None:
                self._begin(response)
            for name, pairs in items:
                for place, numbers in pairs:
                    self._change(tag, name, place, numbers)

    def _begin(self, response):
        correlator = response.args[0]
        tag = correlator[1].decode()
        if tag in self.results and self.results[tag] is None:
            items = response.args[1:]
            self.results[tag] = in_order(items[items.index('ALL') + 1]) if 'ALL' in items else []

    def _change(self, tag, name, place, numbers):
        mine, (command, _) = self.results[tag], self.programs[tag]
        assert place > 0 or 'SORT' not in command
        assert 'UID' in command or all(n <= self.exists for n in numbers), 'EXISTS comes before ADDTO'
        if name == 'REMOVEFROM' and place > 0:
            assert mine[place - 1:place - 1 + len(numbers)] == numbers
            del mine[place - 1:place - 1 + len(numbers)]
        elif name == 'REMOVEFROM':
            for n in numbers:
                mine.remove(n)
        elif place > 0:
            assert place <= len(mine) + 1 and not set(mine) & set(numbers)
            mine[place - 1:place - 1] = numbers
        else:
            for n in numbers:
                assert n not in mine
                bisect.insort(mine, n)

    def fresh(self, tag):
        command, program = self.programs[tag]
        response = self.client.cmd('%s RETURN (ALL) %s' % (command, program)).all('ESEARCH')[-1]
        return in_order(response.args[response.args.index('ALL') + 1]) if 'ALL' in response.args else []


@pytest.fixture
def box(client):
    for i, subject in enumerate(COLOURS[:5]):
        client.append('INBOX', mail(subject, day=i + 1))
    client.select()
    return client


def news(client):
    """The interesting responses that a NOOP brings, as text."""
    return [u.raw.decode() for u in client.noop().untagged if u.name in ('ESEARCH', 'EXISTS', 'EXPUNGE', 'FETCH')]


def begin(client, command):
    tag = client.send(command)
    result = client.wait(tag)
    assert result.status == 'OK' and not result.all('NO')
    return tag, result


def test_capabilities(client):
    assert {'CONTEXT=SEARCH', 'CONTEXT=SORT', 'ESORT', 'PARTIAL'} <= set(client.capability())


def test_what_comes_and_goes_is_told_by_uid(account, box):
    tag, result = begin(box, 'UID SEARCH RETURN (UPDATE COUNT) FLAGGED')
    assert result.one('ESEARCH').raw == b'* ESEARCH (TAG "%s") UID COUNT 0' % tag.encode()
    other = account.connect()
    other.select()
    other.store('2:3', '+FLAGS', ['\\Flagged'])
    other.append('INBOX', mail(), flags=['\\Flagged'])
    lines = news(box)
    assert lines[0] == '* 6 EXISTS' and lines[-1] == '* ESEARCH (TAG "%s") UID ADDTO (0 2:3,6)' % tag
    other.store('2', '-FLAGS', ['\\Flagged'])
    assert news(box)[-1] == '* ESEARCH (TAG "%s") UID REMOVEFROM (0 2)' % tag
    other.store('1', '+FLAGS', ['\\Answered'])
    assert len(news(box)) == 1                      # the FETCH alone


def test_order_among_the_news_by_number(account, box):
    tag, _ = begin(box, 'SEARCH RETURN (UPDATE) UNSEEN')
    other = account.connect()
    other.select()
    other.append('INBOX', mail())
    other.store('2,4', '+FLAGS.SILENT', ['\\Deleted'])
    other.store('1', '+FLAGS.SILENT', ['\\Seen'])
    other.expunge()
    assert news(box) == ['* ESEARCH (TAG "%s") REMOVEFROM (0 2,4)' % tag, '* 4 EXPUNGE', '* 2 EXPUNGE', '* 4 EXISTS',
                         '* 1 FETCH (FLAGS (\\Seen \\Recent))' if box.recent else '* 1 FETCH (FLAGS (\\Seen))',
                         '* ESEARCH (TAG "%s") REMOVEFROM (0 1) ADDTO (0 4)' % tag]


def test_an_expunge_is_told_at_once_and_its_number_stays(account, box):
    """RFC 5267 A.3."""
    tag, _ = begin(box, 'SEARCH RETURN (UPDATE) ALL')
    other = account.connect()
    other.select()
    other.store('2', '+FLAGS.SILENT', ['\\Deleted'])
    other.expunge()
    result = box.cmd('FETCH 3 (UID)')
    assert [u.raw for u in result.untagged] == [b'* 3 FETCH (UID 3)', b'* ESEARCH (TAG "%s") REMOVEFROM (0 2)' % tag.encode()]
    assert news(box) == ['* 2 EXPUNGE']


def test_places_in_sorted_results(account, box):
    tag, result = begin(box, 'UID SORT RETURN (UPDATE ALL) (SUBJECT) UTF-8 UNSEEN')   # Blue blue green red Re: red
    assert result.one('ESEARCH').args[-1] == '3,5,2,1,4'
    other = account.connect()
    other.select()
    other.append('INBOX', mail('grey'))
    other.append('INBOX', mail('aqua'))
    other.append('INBOX', mail('gray'))
    assert news(box)[-1] == '* ESEARCH (TAG "%s") UID ADDTO (1 7 4 8 6 6)' % tag      # 7 3 5 8 2 6 1 4
    other.store('2,3', '+FLAGS.SILENT', ['\\Seen'])
    assert news(box)[-1] == '* ESEARCH (TAG "%s") UID REMOVEFROM (2 3 4 2)' % tag


def test_idle_hears_of_it_at_once(account, box):
    tag, _ = begin(box, 'UID SEARCH RETURN (UPDATE) BODY needle')
    box.idle()
    other = account.connect()
    other.append('INBOX', mail(text='hay'))
    other.append('INBOX', mail(text='a needle'))
    update = box.wait_untagged('ESEARCH', timeout=2)
    assert updates_of(update) == (tag, [('ADDTO', [(0, [7])])])
    other.select()
    other.store('7', '+FLAGS.SILENT', ['\\Deleted'])
    other.expunge()
    update = box.wait_untagged('ESEARCH', timeout=2)
    assert updates_of(update) == (tag, [('REMOVEFROM', [(0, [7])])])
    assert box.wait_untagged('EXPUNGE', timeout=2).number == 7
    assert box.done().status == 'OK'


def test_own_changes_are_told_too(box):
    tag, _ = begin(box, 'SEARCH RETURN (UPDATE) FLAGGED')
    assert updates_of(box.store('1:2', '+FLAGS.SILENT', ['\\Flagged']).one('ESEARCH')) == (tag, [('ADDTO', [(0, [1, 2])])])
    assert updates_of(box.cmd('UID STORE 2 -FLAGS.SILENT (\\Flagged)').one('ESEARCH')) == (tag, [('REMOVEFROM', [(0, [2])])])


def test_a_tag_that_is_in_use_is_bad(box):
    tag, _ = begin(box, 'UID SEARCH RETURN (UPDATE COUNT) ALL')
    for command in ('SORT RETURN (UPDATE) (DATE) UTF-8 FLAGGED', 'SEARCH RETURN (UPDATE) ALL', 'ESEARCH RETURN (UPDATE) ALL'):
        assert box.wait(box.send(command, tag=tag)).status == 'BAD'
    assert box.wait(box.send('SEARCH RETURN (COUNT) ALL', tag=tag)).status == 'OK'     # no UPDATE: as any tag that is used again
    box.store('1', '+FLAGS', ['\\Deleted'])
    assert updates_of(box.cmd('EXPUNGE').all('ESEARCH')[0]) == (tag, [('REMOVEFROM', [(0, [1])])])   # and it goes on
    box.cmd('CANCELUPDATE "%s"' % tag)
    assert box.wait(box.send('SEARCH RETURN (UPDATE) ALL', tag=tag)).status == 'OK'


def test_cancelupdate(box):
    tags = [begin(box, 'SEARCH RETURN (UPDATE) FLAGGED')[0] for _ in range(3)]
    assert box.cmd('CANCELUPDATE "%s" "%s"' % (tags[0], tags[2])).status == 'OK'
    assert [updates_of(u)[0] for u in box.store('1', '+FLAGS', ['\\Flagged']).all('ESEARCH')] == [tags[1]]
    assert box.expect('NO', 'CANCELUPDATE "%s" "%s"' % (tags[0], tags[1]))         # the one that is there is ended
    assert not box.store('2', '+FLAGS', ['\\Flagged']).all('ESEARCH')
    for command in ('CANCELUPDATE', 'CANCELUPDATE ', 'CANCELUPDATE a', 'CANCELUPDATE "a"  "b"', 'CANCELUPDATE "a" '):
        box.expect('BAD', command)


def test_updates_end_with_the_mailbox(account, box):
    for leave in ('UNSELECT', 'CLOSE', 'EXAMINE INBOX', 'SELECT INBOX', 'SELECT nosuch'):
        box.select()
        tag, _ = begin(box, 'UID SEARCH RETURN (UPDATE) ALL')
        box.cmd(leave, ok=False)
        box.select()
        account.connect().append('INBOX', mail())
        assert not [line for line in news(box) if 'ESEARCH' in line], leave
        assert box.cmd('CANCELUPDATE "%s"' % tag, ok=False).status == 'NO'


def test_cancelupdate_needs_a_mailbox(client):
    client.expect('BAD', 'CANCELUPDATE "a1"')


def test_one_too_many_is_refused_and_still_answered(box):
    tags = [begin(box, 'SEARCH RETURN (UPDATE COUNT) ALL')[0] for _ in range(16)]
    for command in ('UID SEARCH RETURN (UPDATE COUNT) ALL', 'UID SORT RETURN (COUNT UPDATE) (DATE) UTF-8 ALL', 'ESEARCH RETURN (UPDATE COUNT) ALL'):
        tag = box.send(command)
        result = box.wait(tag)
        assert result.status == 'OK' and result.one('ESEARCH').raw.endswith(b' UID COUNT 5')
        assert result.one('NO').code == ['NOUPDATE', tag.encode()]
        assert box.wait(box.send(command, tag=tag)).status == 'OK'      # the tag is not in use
    box.cmd('CANCELUPDATE "%s"' % tags[3])
    begin(box, 'SEARCH RETURN (UPDATE COUNT) ALL')


def test_places_by_relevancy_are_not_kept(box):
    tag = box.send('UID SORT RETURN (UPDATE COUNT) (RELEVANCY) UTF-8 FUZZY SUBJECT red')
    result = box.wait(tag)
    assert result.status == 'OK' and result.one('NO').code == ['NOUPDATE', tag.encode()]
    box.append('INBOX', mail())
    assert not [line for line in news(box) if 'ESEARCH' in line]
    begin(box, 'UID SORT RETURN (UPDATE COUNT) (DATE) UTF-8 FUZZY SUBJECT red')


def test_options_stand_beside_each_other(box):
    assert begin(box, 'SEARCH RETURN (CONTEXT COUNT) ALL')[1].one('ESEARCH').raw.endswith(b' COUNT 5')
    assert begin(box, 'UID SEARCH RETURN (UPDATE CONTEXT PARTIAL 2:3) ALL')[1].one('ESEARCH').raw.endswith(b' UID PARTIAL (2:3 2:3)')
    assert begin(box, 'UID SORT RETURN (UPDATE MIN) (REVERSE DATE) UTF-8 ALL')[1].one('ESEARCH').raw.endswith(b' UID MIN 5')
    assert begin(box, 'SEARCH RETURN (UPDATE SAVE MIN) ALL')[1].one('ESEARCH').raw.endswith(b' MIN 1')
    assert box.search('$') == [1]
    assert not begin(box, 'SEARCH RETURN (UPDATE SAVE) SUBJECT green')[1].all('ESEARCH')      # SAVE sends nothing
    assert box.search('$') == [2]
    tag, result = begin(box, 'SEARCH RETURN (UPDATE) ALL')
    assert result.one('ESEARCH').raw == b'* ESEARCH (TAG "%s")' % tag.encode()
    assert box.cmd('SEARCH RETURN (UPDATE (UID)) ALL', ok=False).status == 'BAD'            # RFC 5465 7 is NOTIFY's
    for command in ('THREAD RETURN (UPDATE) REFERENCES UTF-8 ALL', 'SEARCH RETURN (UPDATES) ALL'):
        box.expect('BAD', command)


def test_numbers_and_saved_results_mean_what_they_meant(account, box):
    """RFC 5267 4.3: evaluated when the command comes."""
    box.cmd('SEARCH RETURN (SAVE) 2:3')
    kept = Kept(box)
    tags = [kept.start('SEARCH', program) for program in ('2:4 UNSEEN', '$ UNSEEN', '4:* UNSEEN', '100 UNSEEN')]
    box.cmd('SEARCH RETURN (SAVE) 5')
    box.store('1', '+FLAGS.SILENT', ['\\Deleted'])
    box.expunge()                                           # UIDs 2 3 4 5
    account.connect().append('INBOX', mail())
    box.store('1', '+FLAGS.SILENT', ['\\Seen'])
    box.store('3', '-FLAGS.SILENT', ['\\Seen'])
    box.noop()
    kept.work_off()
    assert [kept.results[tag] for tag in tags] == [[2, 3], [2], [3, 4], []]
    box.store('1,4', '-FLAGS.SILENT', ['\\Seen'])
    kept.work_off()
    assert [kept.results[tag] for tag in tags] == [[1, 2, 3], [1, 2], [3, 4], []]


def test_last_message_of_a_uid_set(account, box):
    kept = Kept(box)
    tags = [kept.start('UID SEARCH', program) for program in ('UID *', 'UID 5:*', 'UID 7:*', 'NOT UID *')]
    assert [kept.results[tag] for tag in tags] == [[5], [5], [5], [1, 2, 3, 4]]
    other = account.connect()
    other.select()
    for _ in range(3):
        other.append('INBOX', mail())
    box.noop()
    kept.work_off()
    assert [kept.results[tag] for tag in tags] == [[8], [5, 6, 7, 8], [7, 8], [1, 2, 3, 4, 5, 6, 7]]
    other.noop()
    other.store('7:8', '+FLAGS.SILENT', ['\\Deleted'])
    other.expunge()
    box.noop()
    kept.work_off()
    assert [kept.results[tag] for tag in tags] == [[6], [5, 6], [6], [1, 2, 3, 4, 5]]
    assert all(kept.results[tag] == kept.fresh(tag) for tag in tags)


def test_time_passes(client):
    now = time.strftime('%d-%b-%Y %H:%M:%S +0000', time.gmtime(time.time() - 98))
    client.append('INBOX', mail(), date=now)
    client.append('INBOX', mail(), date='01-Jan-2020 00:00:00 +0000')
    client.select()
    kept = Kept(client)
    young, old, neither = (kept.start('SEARCH', program) for program in ('YOUNGER 100', 'OLDER 101', 'NOT YOUNGER 1000000000'))
    assert kept.results[young] == [1] and kept.results[old] == [2] and kept.results[neither] == []
    deadline = time.monotonic() + 10
    while kept.results[young] or kept.results[old] != [1, 2]:
        assert time.monotonic() < deadline
        time.sleep(0.1)     # there is nothing to wait for but time
        client.noop()
        kept.work_off()
    assert kept.results[neither] == []


def test_esearch_updates_the_selected_mailbox(account, box):
    box.create('work')
    box.append('work', mail())
    tag = box.send('ESEARCH IN (selected mailboxes work) RETURN (UPDATE COUNT) ALL')
    result = box.wait(tag)
    assert result.status == 'OK' and len(result.all('ESEARCH')) == 2 and not result.all('NO')
    other = account.connect()
    other.append('work', mail())
    other.append('INBOX', mail())
    lines = news(box)
    assert re.fullmatch(r'\* ESEARCH \(TAG "%s" MAILBOX "?INBOX"? UIDVALIDITY \d+\) UID ADDTO \(0 6\)' % tag, lines[-1])
    assert len([line for line in lines if 'ESEARCH' in line]) == 1
    tag = box.send('ESEARCH IN (mailboxes work) RETURN (UPDATE COUNT) ALL')
    assert box.wait(tag).one('NO').code == ['NOUPDATE', tag.encode()]
    none = account.connect()
    none.expect('BAD', 'ESEARCH IN (mailboxes work) RETURN (UPDATE) ALL')       # RFC 7377 2.2
    none.cmd('ESEARCH IN (mailboxes work) RETURN (CONTEXT COUNT) ALL')


PROGRAMS = ['ALL', 'UNSEEN', 'UNDELETED SUBJECT red', 'OR FLAGGED KEYWORD work', 'BODY needle UNSEEN', 'NOT BODY needle', 'UID 3:*', 'NOT UID *',
            'LARGER 120', 'SENTSINCE 3-Jan-2020 UNKEYWORD work', 'NEW', 'RECENT', 'OLD', 'TEXT "e" ANSWERED', 'HEADER SUBJECT "" NOT FLAGGED',
            'OR UID * OR SUBJECT blue NOT SEEN', 'MODSEQ 12', 'NOT MODSEQ 40', 'OR MODSEQ 60 FLAGGED', 'FUZZY SUBJECT blu', 'NOT FUZZY (TEXT nedle UNSEEN)',
            'FILTER unread', 'NOT FILTER reds', 'OR FILTER reds FLAGGED', 'FUZZY FILTER reds UNSEEN']
FILTERS = '(/private/filters/values/reds "OR SUBJECT red SUBJECT green" /private/filters/values/unread "UNSEEN FILTER reds")'
ORDERS = ['(SUBJECT)', '(REVERSE SUBJECT)', '(REVERSE DATE FROM)', '(SIZE)', '(FROM REVERSE ARRIVAL)', '(DISPLAYFROM REVERSE SIZE SUBJECT)']


def a_program(rng, uids_only):
    program = rng.choice(PROGRAMS)
    uid = 'UID ' if uids_only else rng.choice(['UID ', ''])
    if rng.random() < 0.4:
        return uid + 'SEARCH', program
    return uid + 'SORT', '%s UTF-8 %s' % (rng.choice(ORDERS), program)


def change(rng, client):
    """One random change by the client, as its view has the mailbox."""
    what = rng.random()
    if what < 0.3 or client.exists == 0:
        for _ in range(rng.choice([1, 1, 1, 5])):
            client.append('INBOX', mail(rng.choice(COLOURS), rng.choice(['hay', 'a needle', 'needle ' * 20]), rng.choice(['ann', 'bob', 'Cid']),
                                        rng.randint(1, 9)), flags=rng.choice([None, ['\\Seen'], ['\\Flagged', 'work']]))
    elif what < 0.75:
        first = rng.randint(1, client.exists)
        which = '%d:%d' % (first, min(client.exists, first + rng.choice([0, 0, 1, 3, 100])))
        client.cmd(rng.choice(['', 'UID ']) + 'STORE', which, rng.choice(['+FLAGS', '-FLAGS', 'FLAGS', '+FLAGS.SILENT', '-FLAGS.SILENT']),
                   '(%s)' % rng.choice(FLAGS))
    elif what < 0.85:
        client.cmd('EXPUNGE')
    elif what < 0.95:
        client.cmd('FETCH 1:* (UID)', ok=False)
    else:
        client.noop()


@pytest.mark.parametrize('seed', range(6))
def test_what_a_client_keeps_is_what_a_search_finds(account, seed):
    rng = random.Random(seed)
    client, other = account.connect(), account.connect()
    client.cmd('SETMETADATA ""', FILTERS)
    qresync = seed >= 4     # VANISHED tells UIDs, and Kept does not count by them
    if qresync:
        client.cmd('ENABLE QRESYNC')
    for i in range(rng.choice([0, 3, 30])):
        client.append('INBOX', mail(rng.choice(COLOURS), rng.choice(['hay', 'needle']), day=i % 9 + 1))
    client.select()
    other.select()
    kept = Kept(client)
    for _ in range(12):
        kept.start(*a_program(rng, qresync))
    for step in range(60):
        for _ in range(rng.choice([1, 1, 2, 4])):
            change(rng, rng.choice([client, other, other]))
            kept.work_off()
        if rng.random() < 0.2:
            client.idle()
            change(rng, other)
            client.done()
            kept.work_off()
        if rng.random() < 0.1:
            tag = rng.choice(list(kept.results))
            client.cmd('CANCELUPDATE "%s"' % tag)
            del kept.results[tag], kept.programs[tag]       # what comes from here on is not for it
            kept.work_off()
            kept.start(*a_program(rng, qresync))
        if rng.random() < 0.3:      # expunges by others may not be told yet: they are in no result that is kept, and may be in a search
            for tag, numbers in kept.results.items():
                fresh = kept.fresh(tag)
                kept.work_off()
                assert numbers == [n for n in fresh if n in numbers], (seed, step, kept.programs[tag])
        client.noop()
        kept.work_off()
        for tag, numbers in kept.results.items():
            assert numbers == kept.fresh(tag), (seed, step, kept.programs[tag])
    assert kept.refused == []
