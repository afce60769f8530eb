# SPDX-License-Identifier: GPL-3.0-or-later
"""LIST-EXTENDED (RFC 5258, RFC 9051 section 6.3.9), the SPECIAL-USE options (RFC 6154 section 2), LIST-STATUS (RFC 5819)."""

import os
import threading
import time

import pytest

from lib import harness
from lib.imap import Literal, astring, parse_response

CHILDREN = {'\\HasChildren', '\\HasNoChildren'}


def text(value):
    return value.decode('latin-1') if isinstance(value, bytes) else str(value)


def deep(value):
    return [deep(v) for v in value] if isinstance(value, list) else text(value)


def entry(response):
    """name, attributes, extended data of a LIST response."""
    flags, separator, name, *extended = response.args
    assert separator == b'/' and len(extended) <= 1 and len(flags) == len(set(flags))
    pairs = deep(extended[0]) if extended else []
    assert len(pairs) % 2 == 0
    return text(name), set(flags), dict(zip(pairs[::2], pairs[1::2]))


def entries(client, command):
    out = {}
    for u in client.cmd(command).all('LIST'):
        name, flags, extended = entry(u)
        assert name not in out, 'RFC 5258 section 3.3: one response for each name'
        assert len(flags & CHILDREN) == 1 and ('\\NonExistent' not in flags or '\\Noselect' in flags)
        out[name] = flags, extended
    return out


def listed(client, command):
    return {name: flags - CHILDREN for name, (flags, _) in entries(client, command).items()}


@pytest.fixture(scope='module')
def worlds(session_dir, certificate):
    """worlds(mailboxes, subscribed) -> a Client of an account with these, and INBOX; each is made once. Nothing may be changed."""
    server = harness.Server(os.path.join(session_dir, 'list-extended'), cert=certificate).start()
    made = {}

    def get(mailboxes, subscribed):
        key = (tuple(mailboxes), tuple(subscribed))
        if key not in made:
            user = 'w%d' % len(made)
            server.add_user(user, 'secret')
            client = made[key] = server.login(user, 'secret')
            client.cmd('UNSUBSCRIBE INBOX')
            for name in mailboxes:
                client.create(name)
            for name in subscribed:
                client.cmd('SUBSCRIBE', astring(name))
        return made[key]

    yield get
    for client in made.values():
        client.close()
    server.stop()
    server.check()


# --- the examples of RFC 5258 section 5 (RFC 9051 section 6.3.9.8 repeats them) ---

# The hierarchy of each, and what is subscribed. Nothing is remote here, nothing is \Marked or \NoInferiors.
FRUIT = (['Fruit', 'Fruit/Apple', 'Fruit/Banana', 'Tofu', 'Vegetable', 'Vegetable/Broccoli', 'Vegetable/Corn'],
         ['INBOX', 'Fruit/Banana', 'Fruit/Peach', 'Vegetable', 'Vegetable/Broccoli'])
SENT = (['Drafts', 'Sent/March2004', 'Sent/December2003', 'Sent/August2004', 'Other'], [])
FOO_A = (['Foo', 'Foo/Bar', 'Foo/Baz', 'Moo'], ['Foo/Baz'])
FOO_A1 = (FOO_A[0], ['Foo', 'Foo/Baz'])
FOO_A2 = (['Moo'], ['Foo/Baz'])
FOO_B = (FOO_A[0], [])
FOO_C = (FOO_A[0], ['Foo', 'Moo'])
BAR = (['foo2', 'foo2/bar1', 'foo2/bar2', 'baz2', 'baz2/bar2', 'baz2/bar22', 'baz2/bar222', 'eps2', 'eps2/mamba', 'qux2/bar2'],
       ['foo2/bar1', 'foo2/bar2', 'baz2/bar2', 'baz2/bar22', 'baz2/bar222', 'eps2', 'eps2/mamba', 'qux2/bar2'])
TEN = (['foo'], ['foo/bar'])
MUSIC = (['music/rock'], [])

EXAMPLES = [
    ('2', FRUIT, 'LIST (SUBSCRIBED) "" "*"', r'''
* LIST (\Subscribed) "/" "INBOX"
* LIST (\Subscribed) "/" "Fruit/Banana"
* LIST (\Subscribed \NonExistent) "/" "Fruit/Peach"
* LIST (\Subscribed) "/" "Vegetable"
* LIST (\Subscribed) "/" "Vegetable/Broccoli"'''),
    ('3', FRUIT, 'LIST () "" "%" RETURN (CHILDREN)', r'''
* LIST (\HasNoChildren) "/" "INBOX"
* LIST (\HasChildren) "/" "Fruit"
* LIST (\HasNoChildren) "/" "Tofu"
* LIST (\HasChildren) "/" "Vegetable"'''),
    ('4', FRUIT, 'LIST (REMOTE) "" "%" RETURN (CHILDREN)', r'''
* LIST (\HasNoChildren) "/" "INBOX"
* LIST (\HasChildren) "/" "Fruit"
* LIST (\HasNoChildren) "/" "Tofu"
* LIST (\HasChildren) "/" "Vegetable"'''),
    ('5', FRUIT, 'LIST (REMOTE SUBSCRIBED) "" "*"', r'''
* LIST (\Subscribed) "/" "INBOX"
* LIST (\Subscribed) "/" "Fruit/Banana"
* LIST (\Subscribed \NonExistent) "/" "Fruit/Peach"
* LIST (\Subscribed) "/" "Vegetable"
* LIST (\Subscribed) "/" "Vegetable/Broccoli"'''),
    ('6', FRUIT, 'LIST (REMOTE) "" "*" RETURN (SUBSCRIBED)', r'''
* LIST (\Subscribed) "/" "INBOX"
* LIST () "/" "Fruit"
* LIST () "/" "Fruit/Apple"
* LIST (\Subscribed) "/" "Fruit/Banana"
* LIST () "/" "Tofu"
* LIST (\Subscribed) "/" "Vegetable"
* LIST (\Subscribed) "/" "Vegetable/Broccoli"
* LIST () "/" "Vegetable/Corn"'''),
    ('7', SENT, 'LIST "" ("INBOX" "Drafts" "Sent/%")', r'''
* LIST () "/" "INBOX"
* LIST (\Drafts) "/" "Drafts"
* LIST () "/" "Sent/March2004"
* LIST () "/" "Sent/December2003"
* LIST () "/" "Sent/August2004"'''),
    ('8', FOO_A, 'LIST "" "%" RETURN (CHILDREN)', r'''
* LIST (\HasNoChildren) "/" "INBOX"
* LIST (\HasChildren) "/" "Foo"
* LIST (\HasNoChildren) "/" "Moo"'''),
    ('8 A', FOO_A, 'LIST (SUBSCRIBED) "" "*"', r'* LIST (\Subscribed) "/" "Foo/Baz"'),
    ('8 A, %', FOO_A, 'LIST (SUBSCRIBED) "" "%"', ''),
    ('8 A, C04', FOO_A, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"', r'* LIST () "/" "Foo" ("CHILDINFO" ("SUBSCRIBED"))'),
    ('8 A1', FOO_A1, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"', r'* LIST (\Subscribed) "/" "Foo" ("CHILDINFO" ("SUBSCRIBED"))'),
    ('8 A2', FOO_A2, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"', r'* LIST (\NonExistent) "/" "Foo" ("CHILDINFO" ("SUBSCRIBED"))'),
    ('8 B', FOO_B, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%"', ''),
    ('8 C', FOO_C, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" "%" RETURN (CHILDREN)', r'''
* LIST (\HasChildren \Subscribed) "/" "Foo"
* LIST (\HasNoChildren \Subscribed) "/" "Moo"'''),
    ('9', BAR, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*2"', r'''
* LIST () "/" "foo2" ("CHILDINFO" ("SUBSCRIBED"))
* LIST (\Subscribed) "/" "foo2/bar2"
* LIST (\Subscribed) "/" "baz2/bar2"
* LIST (\Subscribed) "/" "baz2/bar22"
* LIST (\Subscribed) "/" "baz2/bar222"
* LIST (\Subscribed) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))
* LIST (\Subscribed) "/" "qux2/bar2"'''),
    # The RFC prints foo2 and baz2 here too, "although this information is redundant", where 3.3 has no reason to include them (2 B) and
    # 3.5 says "servers SHOULD suppress redundant CHILDINFO responses".
    ('9, *', BAR, 'LIST (RECURSIVEMATCH SUBSCRIBED) "" "*"', r'''
* LIST (\Subscribed) "/" "foo2/bar1"
* LIST (\Subscribed) "/" "foo2/bar2"
* LIST (\Subscribed) "/" "baz2/bar2"
* LIST (\Subscribed) "/" "baz2/bar22"
* LIST (\Subscribed) "/" "baz2/bar222"
* LIST (\Subscribed) "/" "eps2" ("CHILDINFO" ("SUBSCRIBED"))
* LIST (\Subscribed) "/" "eps2/mamba"
* LIST (\Subscribed) "/" "qux2/bar2"'''),
    ('10, a1', TEN, 'LIST "" ("foo" "foo/*")', '* LIST () "/" foo'),
    ('10, a2', TEN, 'LIST (SUBSCRIBED) "" "foo/*"', r'* LIST (\Subscribed \NonExistent) "/" foo/bar'),
    ('10, a3', TEN, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" foo RETURN (CHILDREN)', r'* LIST (\HasNoChildren) "/" foo ("CHILDINFO" ("SUBSCRIBED"))'),
    ('11, a2', MUSIC, 'LIST () "" %', r'''
* LIST () "/" INBOX
* LIST (\NonExistent \HasChildren) "/" music'''),
    ('11, a3', MUSIC, 'LIST (REMOTE) "" %', r'''
* LIST () "/" INBOX
* LIST (\NonExistent \HasChildren) "/" music'''),
]


@pytest.mark.parametrize('world,command,expected', [e[1:] for e in EXAMPLES], ids=[e[0] for e in EXAMPLES])
def test_examples_of_rfc_5258(worlds, world, command, expected):
    want = {}
    for line in expected.strip().split('\n') if expected else []:
        name, flags, extended = entry(parse_response([line.encode()], line.encode()))
        want[name] = flags, extended
    got = entries(worlds(*world), command)
    # Children are told whether or not they are asked for (section 4); \Noselect stands beside the \NonExistent that implies it.
    asked = CHILDREN if 'CHILDREN' in command or '11' in command else set()
    for name, (flags, extended) in got.items():
        if name in want and not want[name][0] & CHILDREN and not asked:
            flags = flags - CHILDREN
        got[name] = (flags - {'\\Noselect'} if '\\NonExistent' in flags else flags), extended
    assert got == want


# --- what the text says beyond them ---


def test_the_capabilities_are_offered(client):
    assert {'LIST-EXTENDED', 'LIST-STATUS', 'SPECIAL-USE'} <= set(client.capability())


TREE = (['a', 'a/b', 'a/b/c', 'd', 'only/inferior', 'with space/x', 'Entw&APw-rfe'], ['a/b/c', 'gone/x/y', 'only', 'a/b', 'Entw&APw-rfe'])


@pytest.mark.parametrize('command,names', [
    ('LIST "" (a d)', {'a', 'd'}),
    ('LIST "" (a a a)', {'a'}),
    ('LIST "" (a %)', {'INBOX', 'a', 'd', 'only', 'with space', 'Entw&APw-rfe'}),
    ('LIST "" (% a/%)', {'INBOX', 'a', 'd', 'only', 'with space', 'Entw&APw-rfe', 'a/b'}),
    ('LIST "a/" ("b" "b/c" "")', {'a/b', 'a/b/c'}),
    ('LIST () a/b ("" /c)', {'a/b/c'}),                     # "" is ignored, although reference and it are a mailbox's name
    ('LIST () a/b ""', set()), ('LIST a ("")', set()), ('LIST "" "" RETURN ()', set()), ('LIST "" ("" "")', set()),
    ('LIST "" (nowhere a)', {'a'}), ('LIST "" (inbox)', {'INBOX'}),
    ('LIST "" "Entw&APw-%" RETURN ()', {'Entw&APw-rfe'}),
    ('list () "" a return (children)', {'a'}),
    ('LIST (SUBSCRIBED SUBSCRIBED subscribed) "" a/*', {'a/b', 'a/b/c'}),
    ('LIST (SUBSCRIBED) "" %', {'only', 'Entw&APw-rfe'}),
    ('LIST (SUBSCRIBED) "" *', {'a/b/c', 'gone/x/y', 'only', 'a/b', 'Entw&APw-rfe'}),
    ('LIST (SUBSCRIBED RECURSIVEMATCH) "" %', {'a', 'gone', 'only', 'Entw&APw-rfe'}),
    ('LIST (SUBSCRIBED RECURSIVEMATCH REMOTE) "" %/%', {'a/b', 'gone/x'}),
    ('LIST (RECURSIVEMATCH SUBSCRIBED) "" (gone gone/x/y)', {'gone/x/y'}),
    ('LIST (RECURSIVEMATCH SUBSCRIBED) "" (gone gone/x)', {'gone', 'gone/x'}),
    ('LIST (SPECIAL-USE) "" *', set()),
])
def test_names(worlds, command, names):
    assert set(entries(worlds(*TREE), command)) == names


def test_attributes_and_childinfo(worlds):
    client = worlds(*TREE)
    info = {'CHILDINFO': ['SUBSCRIBED']}
    none, some = {'\\HasNoChildren'}, {'\\HasChildren'}
    gone = {'\\NonExistent', '\\Noselect'}
    assert entries(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% %/% %/%/%)') == {
        'a/b': (some | {'\\Subscribed'}, info), 'a/b/c': (none | {'\\Subscribed'}, {}),
        'only': (some | gone | {'\\Subscribed'}, {}), 'gone/x/y': (none | gone | {'\\Subscribed'}, {}), 'Entw&APw-rfe': (none | {'\\Subscribed'}, {})}
    assert entries(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" (% a/b)') == {
        'a': (some, info), 'a/b': (some | {'\\Subscribed'}, info), 'only': (some | gone | {'\\Subscribed'}, {}),
        'gone': (none | gone, info), 'Entw&APw-rfe': (none | {'\\Subscribed'}, {})}
    # what is subscribed is told when it is asked for, and only then
    assert listed(client, 'LIST "" a/* RETURN (SUBSCRIBED)') == {'a/b': {'\\Subscribed'}, 'a/b/c': {'\\Subscribed'}}
    assert listed(client, 'LIST "" a/* RETURN ()') == {'a/b': set(), 'a/b/c': set()}
    # a return option adds no names
    assert 'gone/x/y' not in listed(client, 'LIST "" * RETURN (SUBSCRIBED CHILDREN)')


def test_the_basic_list_is_as_it_was(worlds):
    """RFC 3501: no attributes and no extended data that only who knows RFC 5258 can expect."""
    for u in worlds(*TREE).cmd('LIST "" *').all('LIST'):
        name, flags, extended = entry(u)
        assert not extended and not flags & {'\\NonExistent', '\\Subscribed'}
        assert ('\\Noselect' in flags) == (name in ('only', 'with space'))


def test_patterns_may_be_literals(worlds):
    client = worlds(*TREE)
    got = client.cmd('LIST (SUBSCRIBED)', Literal(b''), b'(', ok=False)
    assert got.status == 'BAD'
    tag = client.new_tag()
    client.write(tag.encode() + b' LIST "" ({1+}\r\na {3+}\r\na/b) RETURN (CHILDREN)\r\n')
    client.adopt(tag)
    assert {entry(u)[0] for u in client.wait(tag).all('LIST')} == {'a', 'a/b'}


def test_a_subscription_outlives_its_mailbox(client):
    client.create('box/sub')
    client.cmd('SUBSCRIBE box/sub')
    assert listed(client, 'LIST (SUBSCRIBED) "" box/*') == {'box/sub': {'\\Subscribed'}}
    client.cmd('DELETE box/sub')
    gone = {'\\NonExistent', '\\Noselect'}
    assert listed(client, 'LIST (SUBSCRIBED) "" box/*') == {'box/sub': gone | {'\\Subscribed'}}
    assert listed(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" box') == {'box': gone}
    client.cmd('UNSUBSCRIBE box/sub')
    assert listed(client, 'LIST (SUBSCRIBED) "" box/*') == {}


def test_special_uses(client):
    for name in ('Sent', 'Drafts', 'Other', 'deep/er', 'Trash'):
        client.create(name)
    client.cmd('SETMETADATA deep/er (/private/specialuse "\\\\Archive")')
    client.cmd('SUBSCRIBE Sent')
    client.cmd('SUBSCRIBE Other')
    uses = {'Sent': {'\\Sent'}, 'Drafts': {'\\Drafts'}, 'Trash': {'\\Trash'}}
    assert listed(client, 'LIST (SPECIAL-USE) "" *') == {'deep/er': {'\\Archive'}, **uses}
    assert listed(client, 'LIST (SPECIAL-USE) "" %') == uses
    assert listed(client, 'LIST "" % RETURN (SPECIAL-USE)') == {'INBOX': set(), 'Other': set(), 'deep': {'\\NonExistent', '\\Noselect'}, **uses}
    assert listed(client, 'LIST (SPECIAL-USE SUBSCRIBED) "" *') == {'Sent': {'\\Sent', '\\Subscribed'}}
    assert listed(client, 'LIST (SPECIAL-USE) "" S* RETURN (SUBSCRIBED)') == {'Sent': {'\\Sent', '\\Subscribed'}}
    got = entries(client, 'LIST (SPECIAL-USE RECURSIVEMATCH) "" d%')
    assert got == {'deep': ({'\\NonExistent', '\\Noselect', '\\HasChildren'}, {'CHILDINFO': ['SPECIAL-USE']})}
    client.cmd('SUBSCRIBE deep/er')
    got = entries(client, 'LIST (SPECIAL-USE RECURSIVEMATCH SUBSCRIBED) "" d%')
    assert got['deep'][1] == {'CHILDINFO': ['SUBSCRIBED', 'SPECIAL-USE']}


BAD = [
    'LIST (', 'LIST () ""', 'LIST ()"" *', 'LIST (FOO) "" *', 'LIST (SUBSCRIBED', 'LIST (SUBSCRIBED ) "" *', 'LIST ( SUBSCRIBED) "" *', 'LIST (SUBSCRIBED,REMOTE) "" *',
    'LIST (SUBSCRIBED  REMOTE) "" *', 'LIST ("SUBSCRIBED") "" *', 'LIST (SUBSCRIBED (x)) "" *', 'LIST (CHILDREN) "" *', 'LIST (STATUS) "" *',
    'LIST (RECURSIVEMATCH) "" *', 'LIST (REMOTE RECURSIVEMATCH) "" *', 'LIST (RECURSIVEMATCH RECURSIVEMATCH) "" *',
    'LIST "" ()', 'LIST "" (', 'LIST "" (a', 'LIST "" (a ', 'LIST "" (a  b)', 'LIST "" ((a))', 'LIST "" (a)b', 'LIST "" (a,b) c', 'LIST ("") *', 'LIST (a b) *',
    'LIST "" * RETURN', 'LIST "" * RETURN ', 'LIST "" * RETURN (', 'LIST "" * RETURN CHILDREN', 'LIST "" * RETURN (FOO)', 'LIST "" * RETURN (CHILDREN', 'LIST "" * ()',
    'LIST "" * RETURN (CHILDREN) x', 'LIST "" * RETURN () ()', 'LIST "" * RETURN(CHILDREN)', 'LIST "" * FOO (CHILDREN)', 'LIST "" * RETURN (REMOTE)', 'LIST "" * RETURN (RECURSIVEMATCH)',
    'LIST "" * RETURN (STATUS)', 'LIST "" * RETURN (STATUS ())', 'LIST "" * RETURN (STATUS MESSAGES)', 'LIST "" * RETURN (STATUS (MESSAGES)', 'LIST "" * RETURN (STATUS (FOO))',
    'LIST "" * RETURN (STATUS(MESSAGES))', 'LIST "" (R&D)', 'LIST "" ("\xe9")', 'LSUB (SUBSCRIBED) "" *', 'LSUB "" (a b)', 'LSUB "" * RETURN (CHILDREN)',
]


@pytest.mark.parametrize('command', BAD)
def test_wrong_commands_are_bad(worlds, command):
    client = worlds(*TREE)
    result = client.cmd(command, ok=False)
    assert result.status == 'BAD' and len(result.text) > 10 and not result.untagged
    client.noop()


def test_the_answer_says_what_is_wrong(worlds):
    client = worlds(*TREE)
    for command, words in (('LIST (FOO) "" *', ('FOO', 'octet')), ('LIST "" * RETURN (BAR)', ('BAR', 'octet')), ('LIST (RECURSIVEMATCH) "" *', ('RECURSIVEMATCH', 'SUBSCRIBED')),
                           ('LIST "" * BACK ()', ('RETURN', 'BACK')), ('LIST "" * RETURN (STATUS (BAZ))', ('STATUS', 'BAZ'))):
        result = client.cmd(command, ok=False)
        assert all(word in result.text for word in words), result.text


def test_too_many_patterns_are_refused(worlds):
    client = worlds(*TREE)
    assert set(entries(client, 'LIST "" (%s)' % ' '.join(['a'] * 256))) == {'a'}
    for patterns in (['a'] * 257, ['%*' * 1000 + 'x'] * 40):
        result = client.cmd('LIST "" (%s)' % ' '.join(patterns), ok=False)
        assert result.status == 'NO' and result.has_code('LIMIT') and not result.all('LIST')
    # longer than any name: it matches nothing, and is no error
    assert entries(client, 'LIST "" (d %s)' % ('a*' * 3000)).keys() == {'d'}
    assert entries(client, 'LIST "" (%s)' % ('%' * 5000)).keys() == entries(client, 'LIST () "" %').keys()


# --- LIST-STATUS (RFC 5819) ---


def answers(client, command):
    """[('LIST', name), ('STATUS', name, items), ...] in the order in which they came."""
    out = []
    for u in client.cmd(command).untagged:
        if u.name == 'LIST':
            out.append(('LIST', entry(u)[0]))
        elif u.name == 'STATUS':
            items = u.args[1]
            out.append(('STATUS', text(u.args[0]), dict(zip(items[::2], items[1::2]))))
        else:
            assert u.code and u.code[0] == 'HIGHESTMODSEQ', u
    return out


def test_examples_of_rfc_5819(client):
    client.create('foo')
    client.create('bar/x')
    client.cmd('UNSUBSCRIBE INBOX')
    for i in range(3):
        client.append('INBOX', b'Subject: x\r\n\r\nx', flags=['\\Seen'] if i == 0 else [])
    for i in range(4):
        client.append('foo', b'Subject: y\r\n\r\nx', flags=['\\Seen'] if i < 2 else [])
    assert answers(client, 'LIST "" % RETURN (STATUS (MESSAGES UNSEEN))') == [
        ('LIST', 'INBOX'), ('STATUS', 'INBOX', {'MESSAGES': 3, 'UNSEEN': 2}), ('LIST', 'bar'),
        ('LIST', 'foo'), ('STATUS', 'foo', {'MESSAGES': 4, 'UNSEEN': 2})]
    # "foo" comes only for its child: it does not meet the selection criteria itself
    client.create('foo/child')
    client.cmd('SUBSCRIBE INBOX')
    client.cmd('SUBSCRIBE foo/child')
    assert answers(client, 'LIST (SUBSCRIBED RECURSIVEMATCH) "" % RETURN (STATUS (MESSAGES))') == [
        ('LIST', 'INBOX'), ('STATUS', 'INBOX', {'MESSAGES': 3}), ('LIST', 'foo')]


ITEMS = ['MESSAGES', 'RECENT', 'UIDNEXT', 'UIDVALIDITY', 'UNSEEN', 'SIZE', 'DELETED', 'APPENDLIMIT', 'MAILBOXID', 'HIGHESTMODSEQ']


def test_list_status_is_status(client):
    """All items, of each mailbox, with names of any kind; also of the selected one."""
    for name in ('Entw&APw-rfe', 'with space', 'a/b'):
        client.create(name)
        client.append(name, b'Subject: z\r\n\r\n' + name.encode() * len(name), flags=['\\Deleted'])
    client.cmd('SUBSCRIBE gone')
    client.select('a/b')
    got = {name: items for what, name, *items in answers(client, 'LIST "" * RETURN (CHILDREN STATUS (%s) SUBSCRIBED)' % ' '.join(ITEMS)) if what == 'STATUS'}
    assert set(got) == {'INBOX', 'Entw&APw-rfe', 'with space', 'a/b'}
    for name, (items,) in got.items():
        assert list(items) == ITEMS
        args = client.cmd('STATUS', astring(name), '(%s)' % ' '.join(ITEMS)).one('STATUS').args[1]
        assert items == dict(zip(args[::2], args[1::2]))
    assert not any(what == 'STATUS' for what, *_ in answers(client, 'LIST (SUBSCRIBED) "" gone RETURN (STATUS (MESSAGES))'))


def test_status_may_stand_twice(client):
    (_, status) = answers(client, 'LIST "" INBOX RETURN (STATUS (MESSAGES) STATUS (MESSAGES UNSEEN))')
    assert status == ('STATUS', 'INBOX', {'MESSAGES': 0, 'UNSEEN': 0})


def test_highestmodseq_enables_condstore(account):
    """RFC 7162 section 3.1, once for the command."""
    a, b = account.connect(), account.connect()
    a.append('INBOX', b'x')
    a.select('INBOX')
    result = a.cmd('LIST "" * RETURN (STATUS (HIGHESTMODSEQ))')
    assert len([u for u in result.untagged if u.code and u.code[0] == 'HIGHESTMODSEQ']) == 1
    b.select('INBOX')
    b.store('1', '+FLAGS', ['\\Seen'])
    assert b'MODSEQ' in b''.join(u.raw for u in a.noop().untagged)


def test_list_and_status_agree_while_mailboxes_come_and_go(account):
    """RFC 5819 section 2: a mailbox that goes between LIST and its STATUS is \\Noselect and has no STATUS; else each has one."""
    a, b = account.connect(), account.connect()
    boxes = ['r%d' % i for i in range(20)]
    failed = []

    def come_and_go():
        for command in ['CREATE', 'DELETE'] * 4:
            tags = [a.send(command, box) for box in boxes]
            failed.extend(result for result in map(a.wait, tags) if result.status != 'OK')

    worker = threading.Thread(target=come_and_go, daemon=True)
    worker.start()
    states = set()
    while worker.is_alive():
        responses = b.cmd('LIST "" * RETURN (STATUS (MESSAGES))').untagged
        for u, follows in zip(responses, [*responses[1:], None]):
            if u.name != 'LIST':
                continue
            name, flags, _ = entry(u)
            has_status = follows is not None and follows.name == 'STATUS'
            assert has_status == ('\\Noselect' not in flags)
            assert not has_status or text(follows.args[0]) == name
        states.add(len(responses))
    worker.join()
    assert not failed and len(states) > 5, states


# --- large ---


def make_folders(path, names):
    for name in names:
        for part in ('cur', 'new', 'tmp'):
            os.makedirs(os.path.join(path, '.' + name.replace('/', '.'), part))


def resident_mib(server):
    with open('/proc/%d/status' % server.process.pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith('VmRSS:')) / 1024


def test_many_mailboxes(make_server):
    """10,000 mailboxes: each is answered once, soon; and what a client does not read is not made."""
    server = make_server(start=False)
    server.start()
    server.add_user('many', 'secret')
    server.login('many', 'secret').logout()
    server.stop()
    names = ['n%02d/%02d/%s' % (i // 1000, i // 10 % 100, 'x' * 30 + str(i % 10)) for i in range(10000)]
    make_folders(server.maildir('many'), names)
    server.start()
    client = server.login('many', 'secret')
    took = {}

    def timed(what, command):
        begin = time.monotonic()
        result = client.cmd(command, timeout=120)
        took[what] = time.monotonic() - begin
        return result

    got_names = [entry(u) for u in timed('LIST', 'LIST "" *').all('LIST')]
    selectable = {name for name, flags, _ in got_names if '\\Noselect' not in flags}
    assert selectable == {'INBOX', *names} and len(got_names) == 10001 + 10 + 1000
    got = timed('100 patterns', 'LIST () "" (%s) RETURN (SUBSCRIBED)' % ' '.join('%%x*x%d' % i for i in range(100)))
    assert not got.all('LIST')      # "%" does not go over a "/"
    for name in names[::1000]:
        client.send('SUBSCRIBE', name)
    got = [entry(u) for u in timed('RECURSIVEMATCH', 'LIST (SUBSCRIBED RECURSIVEMATCH) "" %').all('LIST')]
    assert {name for name, _, extended in got if extended} == {'n%02d' % i for i in range(10)}
    result = timed('LIST-STATUS', 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))')
    assert {text(u.args[0]) for u in result.all('STATUS')} == selectable
    again = timed('LIST-STATUS again', 'LIST "" * RETURN (STATUS (MESSAGES UNSEEN))')
    assert len(again.all('STATUS')) == len(selectable)
    harness.NOTES.append('10,000 mailboxes: ' + ', '.join('%s %.2f s' % item for item in took.items()))
    assert max(took.values()) < 60 and took['LIST'] < 10
    # 20 MB of answers that nobody reads yet: the server goes on with others
    other, before = server.login('many', 'secret'), resident_mib(server)
    tags = [client.send('LIST "" * RETURN (STATUS (MESSAGES))') for _ in range(10)] + [client.send('LIST "" *') for _ in range(10)]
    for _ in range(20):
        assert len(other.cmd('LIST "" n01/%').all('LIST')) == 100
    assert resident_mib(server) - before < 12
    results = [client.wait(tag, timeout=120) for tag in tags]
    assert len(results[-1].untagged) - len(results[-2].untagged) == len(got_names) and all(r.status == 'OK' for r in results)
