# SPDX-License-Identifier: GPL-3.0-or-later
"""Random searches by a real session, compared with a plain scan (scanner.py, sorting.py, answers.py) over the same mail.

The mail is ../shared/corpus (or tests/data/mail) and a tenth as many spoilt messages, put into one account by APPEND and delivery, and
spread over four mailboxes. The states of the index: complete; complete while other sessions append, flag, copy, move and expunge; being
rebuilt beside the live one; half-built; being built by an indexer that is killed at random; absent, with no indexer at all.

MAILSIFT_ORACLE_QUERIES (default 5000) are divided over the states; MAILSIFT_ORACLE_SEED (default: random, printed) repeats a
run's queries and spoilt messages. Which of them meet a half-built index is a matter of timing, and no answer may depend on it.
long-run.py runs this many times.
"""

import datetime
import hashlib
import itertools
import os
import random
import threading
import time

import pytest

from lib import harness, imap
from oracle import answers, corpus, dates, keys, mailtext, querygen, scanner, sorting, spoil

QUERIES = int(os.environ.get('MAILSIFT_ORACLE_QUERIES', '5000'))
SEED = int(os.environ.get('MAILSIFT_ORACLE_SEED') or random.SystemRandom().randrange(1 << 32))
SHARES = {'complete': 0.56, 'interleaved': 0.12, 'reindex': 0.10, 'half-built': 0.08, 'killed': 0.08, 'absent': 0.06}
PART, DEEP = 600, 50    # messages of smaller mailboxes
SMALL = ('Part', 'Part/Deep', 'Moved')
ZONES = (0, 60, 120, 330, 345, 540, 840, -300, -480, -210, -720)


def share(state):
    return max(1, round(QUERIES * SHARES[state]))


def internaldate(r, sent):
    """A date-time for APPEND, near the Date of the message or anywhere, in any zone: ('17-Jul-1996 02:44:25 -0700')."""
    day = sent if sent and 1970 < sent.year < 2038 and r.random() < 0.7 else datetime.date(1990, 1, 1) + datetime.timedelta(r.randrange(13000))
    zone = r.choice(ZONES)
    return '%2d-%s-%04d %02d:%02d:%02d %s%02d%02d' % (
        day.day, dates.MONTHS[day.month - 1].title(), day.year, r.choice((0, 23, r.randrange(24))), r.randrange(60),
        r.randrange(60), '-' if zone < 0 else '+', abs(zone) // 60, abs(zone) % 60)


def random_flags(r):
    flags = [f for f in querygen.SYSTEM.values() if f != '\\Deleted' and r.random() < 0.25]
    flags += [k for k in querygen.KEYWORDS if r.random() < 0.12]
    return flags + (['\\Deleted'] if r.random() < 0.05 else [])


class World:
    """A server with one account that holds the mail, and the model of it: a scanner.Box for each mailbox."""

    def __init__(self, server, r):
        self.server = server
        self.random = r
        self.texts = scanner.Texts()
        self.contents = {}      # SHA-256 of the CRLF form -> scanner.Content
        server.add_user('oracle', 'secret')
        source = corpus.find()
        self.mail = {name: source.octets(name) for name in source.names()}
        small = [data for data in self.mail.values() if len(data) < 20000]
        # What a Date or an address means that no grammar knows is the server's choice
        choices = {value for data in self.mail.values() for value in spoil.guessed_values(data)}
        for i in range(len(self.mail) // 10):
            while True:
                data = spoil.mutate(r, r.choice(small), small)
                if choices.issuperset(spoil.guessed_values(data)):
                    break
            self.mail['spoilt-%d' % i] = data
        self.session = None
        self.boxes = {}
        self.selected = None
        self.known = {}         # mailbox -> uid -> Message as it was when it was last read
        self.generator = None
        self.n_queries = 0
        self.n_hits = 0

    @property
    def box(self):
        return self.boxes[self.selected]

    def content(self, data):
        """The scanner.Content of a message, whatever its line ends."""
        data = corpus.crlf(data)
        key = hashlib.sha256(data).digest()
        if key not in self.contents:
            value = mailtext.Header(data, 0, True).first(b'date')
            sent, sent_time = (None, None) if value is None else (dates.sent_day(value), dates.sent_time(value))
            self.contents[key] = scanner.Content(self.texts.add(mailtext.MailText(data)), len(data), sent, sent_time, sorting.Keys(data))
            # FETCH shows NUL as 0x80, for the same reason
            self.contents.setdefault(hashlib.sha256(data.replace(b'\0', b'\x80')).digest(), self.contents[key])
        return self.contents[key]

    def load(self):
        r = self.random
        client = self.server.login('oracle', 'secret')
        given, dropped, batch = {}, [], []
        order = list(self.mail)
        r.shuffle(order)

        def flush():
            result = client.cmd('APPEND INBOX', *[part for _, parts in batch for part in parts])
            uids = imap.parse_set(result.code[2])
            assert len(uids) == len(batch)
            for uid, (name, _) in zip(uids, batch):
                given[uid] = name
            batch.clear()
        choices = {}
        for name in order:
            data = self.mail[name]
            content = self.content(data)
            if b'\0' in data or not data:
                # A literal cannot hold NUL (RFC 3501 section 9), and an empty one cancels (RFC 3502): another program delivers it
                dropped.append(name)
                continue
            flags, date = random_flags(r), internaldate(r, content.sent)
            choices[name] = (flags, date)
            batch.append((name, ['(%s)' % ' '.join(flags), '"%s"' % date, imap.Literal(data, sync=r.random() < 0.1)]))
            if len(batch) >= 40 or r.random() < 0.05:
                flush()
        if batch:
            flush()
        new = os.path.join(self.server.maildir('oracle'), 'new')
        for i, name in enumerate(dropped):
            path = os.path.join(self.server.maildir('oracle'), 'tmp', '%d.drop%d.test' % (1700000000 + i, i))
            with open(path, 'wb') as f:
                f.write(self.mail[name])
            os.rename(path, os.path.join(new, os.path.basename(path)))
        client.logout()
        self.attach()
        # Smaller mailboxes of the same contents: without an index every message is read, and most of those queries go there
        for mailbox, n in zip(SMALL, (PART, DEEP, 0)):
            self.session.create(mailbox)
            part = r.sample(self.box.messages, min(n, len(self.box.messages)))
            if part:
                self.session.copy(imap.format_set(m.uid for m in part), mailbox, uid=True)
        # What is there is what was sent: octets, flags, dates.
        assert len(self.box.messages) == len(order)
        dropped_contents = sorted(self.content(self.mail[name]).number for name in dropped)
        found_dropped = []
        for message in self.box.messages:
            name = given.get(message.uid)
            if name is None:
                found_dropped.append(message.content.number)
                continue
            flags, date = choices[name]
            assert message.content is self.content(self.mail[name]), name
            assert message.flags == {f if f[0] == '\\' else f.lower() for f in flags}, name
            assert self.dates[message.uid] == date.encode(), name
        assert sorted(found_dropped) == dropped_contents
        for mailbox in SMALL + ('INBOX',):
            self.attach(mailbox)
        self.generator.mailboxes = list(self.boxes)

    def attach(self, mailbox='INBOX'):
        """Opens the searching session, and reads the whole mailbox anew into the model."""
        if self.session is not None:
            self.session.close()
        self.session = self.server.login('oracle', 'secret')
        box = self.session.select(mailbox)
        self.dates = {}
        messages = []
        known = self.known.setdefault(mailbox, {})
        for first in range(1, box.exists + 1, 200):
            numbers = '%d:%d' % (first, min(first + 199, box.exists))
            fetched = self.session.fetch(numbers, '(UID FLAGS INTERNALDATE RFC822.SIZE SAVEDATE EMAILID MODSEQ)')
            unknown = [seq for seq, got in fetched.items() if got['UID'] not in known]
            if unknown:
                for seq, got in self.session.fetch(imap.format_set(unknown), '(BODY.PEEK[])').items():
                    fetched[seq].update(got)
            for seq, got in sorted(fetched.items()):
                assert seq == len(messages) + 1
                messages.append(self.message(got, known.get(got['UID'])))
            self.session.clear()
        known.update((m.uid, m) for m in messages)
        self.boxes[mailbox] = scanner.Box(self.texts, messages)
        self.selected = mailbox
        if self.generator is None:
            self.generator = querygen.Generator(SEED, self.texts, self.box)
        if messages:
            self.generator.box = self.box

    def message(self, got, known=None):
        """Of FETCH data; octets that we know already are not asked for."""
        content = self.content(got['BODY[]']) if 'BODY[]' in got else known.content
        assert got['RFC822.SIZE'] == content.size, got['UID']
        self.dates[got['UID']] = got['INTERNALDATE']
        flags = {f if f[0] == '\\' else f.lower() for f in got['FLAGS']}
        date, arrived_at = dates.parse_internaldate(got['INTERNALDATE'])
        saved, _ = dates.parse_internaldate(got['SAVEDATE'])
        return scanner.Message(got['UID'], content, flags - {'\\Recent'}, date, arrived_at, saved, got['EMAILID'][0], got['MODSEQ'][0],
                               '\\Recent' in flags)

    def ask(self, n=1):
        for _ in range(n):
            self.check(self.generator.query())

    def check(self, query):
        self.session.clear()
        before = int(time.time())
        result = self.session.wait(query.send(self.session))
        self.n_queries += 1
        self.n_hits += len(result.untagged) > 0 and len(result.untagged[0].raw) > 40
        saved = self.box.saved
        wrong = answers.compare(query, result, self.boxes, self.selected, before)
        if wrong and int(time.time()) > before:
            # The second changed while it ran: OLDER and YOUNGER may go by the next
            self.box.saved = saved
            wrong = answers.compare(query, result, self.boxes, self.selected, int(time.time()))
        if wrong:
            self.differ(query, wrong)

    def differ(self, query, wrong):
        lines = ['seed %d, query %d: %s' % (SEED, self.n_queries, query), 'tree: %r' % (query.tree,), '%s in %s' % (wrong.what, self.selected)]
        missing, too_many = wrong.numbers()
        if missing or too_many:
            lines += ['missing %d: %s' % (len(missing), missing[:20]), 'too many %d: %s' % (len(too_many), too_many[:20])]
        else:
            at = next((i for i, pair in enumerate(zip(wrong.expected, wrong.got)) if pair[0] != pair[1]), 0) \
                if isinstance(wrong.expected, (list, bytes)) else 0
            lines += ['expected %r' % (wrong.expected[max(0, at - 30):at + 200] if at else wrong.expected),
                      'got      %r' % (wrong.got[max(0, at - 30):at + 200] if at else wrong.got)]
        for number in (missing + too_many)[:3]:
            by_uid = query.uid or query.verb == 'ESEARCH'
            i = next((i for i, m in enumerate(wrong.box.messages) if (m.uid if by_uid else i + 1) == number), None)
            lines.append('%s %d:' % ('missing' if number in missing else 'too many', number))
            lines += ['    ' + line for line in (['no such message'] if i is None else wrong.box.explain(query.tree, i))]
        raise AssertionError('\n'.join(lines))


@pytest.fixture(scope='module')
def world(session_dir, certificate):
    server = harness.Server(os.path.join(session_dir, 'oracle'), cert=certificate)
    server.start()
    print('MAILSIFT_ORACLE_SEED=%d' % SEED)
    w = World(server, random.Random(SEED))
    w.load()
    yield w
    harness.NOTES.append('oracle: %d queries over %d messages compared, %d with hits; MAILSIFT_ORACLE_SEED=%d'
                         % (w.n_queries, len(w.mail), w.n_hits, SEED))
    server.stop(check_status=False)
    server.check()


@pytest.fixture(autouse=True)
def _healthy(world):
    yield
    world.server.check()


def test_with_a_complete_index(world):
    world.server.wait_indexed('oracle')
    read_before = world.server.get_json('/v1/stats')['searches']['messages_read']
    world.ask(share('complete'))
    assert world.n_hits > world.n_queries / 3, 'the generator finds too little'
    # all roads through the index were taken, and no message had to be read
    searches = world.server.get_json('/v1/stats')['searches']
    if share('complete') >= 500:
        assert min(searches['by_path'][path] for path in ('metadata', 'proven', 'verified', 'scanned')) > 10, searches
    assert searches['messages_read'] == read_before, searches


def test_what_the_keys_of_the_corpus_expect(world):
    """Every row of the three key files, by SEARCH: the whole answer is the scanner's, and has what the row says."""
    numbers = {m.content.number: [] for m in world.box.messages}
    for m in world.box.messages:
        numbers[m.content.number].append(m.uid)
    wrong, n, n_found, n_not_found = [], 0, 0, 0
    for lookup in keys.lookups(corpus.find()):
        key, needle = lookup.tree[-2].upper(), lookup.tree[-1]
        got = world.session.uid_search('CHARSET UTF-8', key, imap.Literal(needle, sync=False))
        world.session.clear()
        uids = [world.box.messages[i].uid for i in world.box.search(lookup.tree)]
        if got != uids:
            wrong.append((key, needle, 'scanner', sorted(set(got) ^ set(uids))))
        for names, there in ((lookup.found, True), (lookup.not_found, False)):
            for name in names:
                if any((uid in got) != there for uid in numbers[world.content(world.mail[name]).number]):
                    wrong.append((key, needle, name, 'not found' if there else 'found'))
        n, n_found, n_not_found = n + 1, n_found + len(lookup.found), n_not_found + len(lookup.not_found)
    harness.NOTES.append('oracle: %d searches by the key files: %d messages that must be found, %d that must not' % (n, n_found, n_not_found))
    assert not wrong, (len(wrong), wrong[:10])


def test_fuzzy_finds_all_that_exact_finds(world):
    for _ in range(share('complete') // 20 + 20):
        key = world.generator.text_key()
        parts = [b'FUZZY']
        world.generator.render(key, parts)
        exact = {world.box.messages[i].uid for i in world.box.search(key)}
        query = querygen.Query('SEARCH', key, True, querygen.joined(parts))
        fuzzy = world.session.wait(query.send(world.session)).one('SEARCH').args
        world.session.clear()
        assert exact <= set(fuzzy), (SEED, key, sorted(exact - set(fuzzy))[:20])


def change_something(world, actor, i):
    """One change of INBOX by @actor, in the model as well; what was appended is read from the server later."""
    r = world.random
    messages = world.box.messages
    what = r.random()
    if what < 0.35:
        data = r.choice([d for d in r.sample(sorted(world.mail), 20) if b'\0' not in (world.mail[d] or b'\0')])
        data = world.mail[data]
        if r.random() < 0.7:
            data = b'X-Oracle: round %d\r\n' % i + data
        uid = actor.append('INBOX', data, random_flags(r), internaldate(r, None))
        assert uid > messages[-1].uid
        if actor is not world.session and r.random() < 0.5:
            # promise 3: the next SEARCH finds it, also that of another session that was told nothing yet
            assert uid in world.session.uid_search('HEADER X-Oracle ""' if data.startswith(b'X-Oracle') else 'ALL')
    elif what < 0.6:
        some = r.sample(messages, r.choice((1, 1, 3, 30)))
        flags = random_flags(r)
        action = r.choice(('FLAGS', '+FLAGS', '-FLAGS'))
        actor.store(imap.format_set(m.uid for m in some), action, flags, uid=True)
        flags = {f if f[0] == '\\' else f.lower() for f in flags}
        for m in some:
            m.flags = {'FLAGS': flags, '+FLAGS': m.flags | flags, '-FLAGS': m.flags - flags}[action]
    elif what < 0.75:
        gone = r.sample(messages, r.choice((1, 2, 5)))
        uids = imap.format_set(m.uid for m in gone)
        actor.store(uids, '+FLAGS', ['\\Deleted'], uid=True)
        actor.expunge(uids)
        for message in gone:
            messages.remove(message)
    elif what < 0.87:
        some = sorted(r.sample(messages, 3), key=lambda m: m.uid)
        _, source, target = actor.copy(imap.format_set(m.uid for m in some), 'Moved', uid=True, move=True)
        assert source == [m.uid for m in some]
        for uid, m in zip(target, some):
            world.boxes['Moved'].messages.append(
                scanner.Message(uid, m.content, m.flags, m.date, m.arrived_at, datetime.datetime.now(datetime.timezone.utc).date(), m.emailid, 0))
            messages.remove(m)
    elif what < 0.93:
        actor.copy(imap.format_set(m.uid for m in r.sample(messages, 3)), 'INBOX', uid=True)


def test_while_other_sessions_change_the_mailbox(world):
    r = world.random
    other = world.server.login('oracle', 'secret')
    other.select('INBOX')
    top_before = world.box.messages[-1].uid
    for i in range(share('interleaved')):
        change_something(world, world.session if r.random() < 0.3 else other, i)
        world.session.noop()
        messages = world.box.messages
        known = {m.uid: m for m in messages}
        if world.session.exists > len(messages):
            new = world.session.fetch('%d:*' % (messages[-1].uid + 1), '(UID FLAGS INTERNALDATE RFC822.SIZE SAVEDATE EMAILID MODSEQ BODY.PEEK[])', uid=True)
            messages += [world.message(got) for uid, got in sorted(new.items()) if uid not in known]
        assert world.session.exists == len(messages)
        changed = world.session.fetch('1:*', '(UID MODSEQ) (CHANGEDSINCE %d)' % max(m.modseq for m in messages))
        for got in changed.values():
            known.get(got['UID'], messages[-1]).modseq = got['MODSEQ'][0]
        if messages[-1].uid > top_before:
            # Which session a new message is Recent for is the server's choice (RFC 3501 section 2.3.2), and may widen later
            got = world.session.fetch('%d:*' % (top_before + 1), '(UID FLAGS)', uid=True)
            for message in messages:
                if message.uid in got:
                    flags = {f if f[0] == '\\' else f.lower() for f in got[message.uid]['FLAGS']}
                    message.recent = '\\Recent' in flags
                    assert flags - {'\\Recent'} == message.flags, message.uid
        world.ask()
    other.logout()
    world.attach('Moved')
    world.ask(20)


def test_while_the_index_is_rebuilt_beside_the_live_one(world):
    world.attach()
    for _ in range(share('reindex') // 20 + 1):
        status, _, body = world.server.http('POST', '/v1/reindex', {'account': 'oracle'})
        assert status == 202, body
        world.ask(20)


def test_with_a_half_built_index(world):
    left = share('half-built')
    world.generator.mailboxes = list(SMALL)
    mailboxes = itertools.cycle(('Part', 'INBOX', 'Part'))
    while left > 0:
        world.server.stop()
        world.server.remove_index('oracle')
        world.server.start()
        world.attach(next(mailboxes))
        while left > 0 and world.server.account_state('oracle')['lag'] > 0:
            n = min(left, 10)
            world.ask(n)
            left -= n


def test_while_the_indexer_is_killed(world):
    r = random.Random(SEED)
    world.server.stop()
    world.server.remove_index('oracle')
    world.server.start()
    world.attach('Part')
    over = threading.Event()
    kills = []

    def killer():
        while not over.wait(r.choice((0.02, 0.1, 0.3, 0.7))):
            kills.append(world.server.kill_indexer())
    thread = threading.Thread(target=killer)
    thread.start()
    try:
        world.ask(share('killed'))
        world.attach('INBOX')
        world.ask(share('killed') // 10)
    finally:
        over.set()
        thread.join()
    assert sum(kills) > 0, 'no indexer was there to be killed'
    world.server.wait_indexed('oracle')
    world.ask(20)


def test_without_index_and_indexer(world):
    server = world.server
    server.stop()
    server.remove_index('oracle')
    path = server.settings['index']['indexer_path']
    server.configure({'index': {'indexer_path': '/bin/false'}})
    server.start()
    world.attach('Part')
    world.ask(share('absent'))
    world.attach('INBOX')
    world.ask(share('absent') // 10)
    server.stop()
    server.configure({'index': {'indexer_path': path}})
    server.start()
    world.attach()
    server.wait_indexed('oracle')
    world.ask(20)
