# SPDX-License-Identifier: GPL-3.0-or-later
"""Random SEARCH, SORT, THREAD and ESEARCH programs of every key and shape, and what real clients send.

    gen = Generator(seed, texts, box)
    query = gen.query()         # a Query: what it means, for answers.py, and .send(client)

The same seed and mail give the same queries, but for the seconds of OLDER and YOUNGER, which depend on the time.
"""

import datetime
import random
import re
import time

from lib.imap import Literal, Quoted, _ATOM_SPECIALS
from oracle import dates, sorting
from oracle.strings import Strings

SYSTEM = {'ANSWERED': '\\Answered', 'DELETED': '\\Deleted', 'DRAFT': '\\Draft', 'FLAGGED': '\\Flagged', 'SEEN': '\\Seen'}
KEYWORDS = ['$Forwarded', '$label1', 'Junk', 'todo', 'NonJunk', '$MDNSent', 'x-1']
ADDRESS_FIELDS = ['FROM', 'TO', 'CC', 'BCC', 'SUBJECT']
HEADERS = ['Message-ID', 'References', 'In-Reply-To', 'List-Id', 'Content-Type', 'Received', 'X-Mailer', 'Subject', 'From',
           'To', 'Cc', 'Date', 'DKIM-Signature', 'User-Agent', 'Reply-To', 'Mime-Version', 'X-Spam-Status', 'Return-Path',
           'Content-Transfer-Encoding', 'Sender', 'X-No-Such-Field', 'Content-Disposition', 'Delivered-To']
# What clients send (clients/search-shapes.txt), as SEARCH.
# A: a string, the same in all of a line; B, C: others; H: a header's name; D, E: dates; N: a number; U: a UID.
SHAPES = '''
UID UNDELETED BODY A
UID UNDELETED OR SUBJECT A FROM A
UID UNDELETED SUBJECT A
UID UNDELETED OR TO A HEADER CC A
UID UNDELETED NOT TO A NOT HEADER CC A
UID UNDELETED HEADER H A
UID UNDELETED SENTSINCE D SENTBEFORE E
UID UNDELETED LARGER N KEYWORD $label1
UID RETURN(ALL) ( OR FROM A ( OR SUBJECT A ( OR TO A ( OR CC A BODY A ) ) ) ) NOT DELETED
UID RETURN(ALL) OR HEADER SUBJECT A HEADER FROM A
UID ALL OR HEADER SUBJECT A HEADER FROM A
UID ALL UNSEEN SINCE D OR HEADER SUBJECT A BODY A OR HEADER SUBJECT B BODY B
UID ALL TEXT A
UID ALL OR OR OR HEADER Content-Type application/ HEADER Content-Type multipart/mixed HEADER Content-Type multipart/signed HEADER Content-Type multipart/report
UID ALL OR HEADER REPLY-TO A HEADER MAIL-REPLY-TO A
UID RETURN(COUNT) ALL UNDELETED UNSEEN
UID RETURN(COUNT,ALL,MAX) ALL UNDELETED
SEQ RETURN(COUNT) ALL UNSEEN
UID TEXT A UNDELETED
UID OR OR OR FROM A TO A CC A SUBJECT A UNDELETED
UID OR OR FROM A TO A CC A SINCE D UNDELETED
UID OR OR OR HEADER Content-Type application/ HEADER Content-Type multipart/m HEADER Content-Type multipart/signed HEADER Content-Type multipart/report UNDELETED
UID OR HEADER Message-ID A HEADER References A
UID RETURN(ALL,COUNT) BODY A BODY B
UID OR OR OR OR SUBJECT A FROM A TO A CC A BCC A NOT DELETED
UID TEXT A FLAGGED NOT DELETED
UID TEXT A TEXT B
UID S SINCE D NOT DELETED
UID OR SUBJECT A FROM A
SEQ OR OR OR OR OR FROM A TO A CC A BCC A SUBJECT A BODY A ALL
SEQ OR FROM A BODY A UNSEEN SINCE D ALL
UID BODY A
UID ( OR BODY A NOT BODY B )
UID HEADER H A
UID TEXT A
UID UNSEEN SUBJECT A
UID RETURN(ALL) ( SINCE D BODY A UNSEEN OR ( FROM B ) ( TO B ) )
SEQ ( ALL )
UID BODY A BODY B
UID HEADER List-Id A
UID ALL
UID RETURN(COUNT,MIN,MAX,ALL) SUBJECT A
SEQ HEADER MESSAGE-ID A NOT SEEN
SEQ UNSEEN UNDELETED
UID UNSEEN UID U
UID HEADER X-Asterisk-VM-Context default
UID UNSEEN
UID FLAGGED
UID ANSWERED
SEQ ( UID U SMALLER N )
SEQ ( SINCE D )
UID HEADER X-OfflineIMAP A
SEQ SENTSINCE D SENTBEFORE E
UID UID 1:*
SEQ RETURN(COUNT) 1:* DELETED
UID RETURN(COUNT) UID 1:* UNSEEN
SEQ RETURN(ALL) 1:* NOT DELETED
SEQ ( OR OR OR FROM A FROM B FROM C FROM "USPS SUBJECT A SINCE D )
'''.strip().split('\n')


class Query:
    """verb: SEARCH, SORT, THREAD or ESEARCH; uid: bool; tree: for scanner.Box
    returns: None, or the list of MIN, MAX, ALL, COUNT, SAVE and PARTIAL that were asked for; partial: (first, last, as written)
    orders: of SORT, [(criterion, whether REVERSE)]; algorithm: of THREAD; mailboxes: of ESEARCH, the names
    refused: None, NO or BAD"""

    def __init__(self, verb, tree, uid, parts, returns=None, partial=None, orders=(), algorithm=None, mailboxes=None, refused=None):
        self.verb = verb
        self.tree = tree
        self.uid = uid
        self.parts = parts
        self.returns = returns
        self.partial = partial
        self.orders = orders
        self.algorithm = algorithm
        self.mailboxes = mailboxes
        self.refused = refused

    @property
    def command(self):
        return 'UID ' * self.uid + self.verb

    def send(self, client):
        """Sends it; returns the tag."""
        return client.send_pieces(client.new_tag(), self.command, [b' ' + self.command.encode()] + self.parts)

    def __str__(self):
        shown = self.command.encode() + b''.join(p if isinstance(p, bytes) else b'{%d%s}%s' % (len(p.data), b'' if p.sync else b'+', p.data)
                                                 for p in self.parts)
        return shown.decode('utf-8', 'replace')


class Generator(Strings):
    """mailboxes: names that ESEARCH may be about; their boxes' messages are all known (may be replaced)."""

    def __init__(self, seed, texts, box):
        super().__init__(random.Random(seed), texts, box)
        self.mailboxes = []

    # --- keys ---

    def a_day(self):
        r = self.random
        message = r.choice(self.box.messages)
        day = message.date if r.random() < 0.5 or message.content.sent is None else message.content.sent
        day += datetime.timedelta(days=r.choice((-400, -30, -1, -1, 0, 0, 0, 0, 1, 1, 30)))
        return day if 1 < day.year < 9999 else datetime.date(2001, 9, 9)

    def a_size(self):
        size = self.random.choice(self.box.messages).size
        return max(0, size + self.random.choice((-1, 0, 0, 1, 1000)))

    def a_set(self, numbers):
        """Ranges of numbers that are there, that are not, reversed, with '*'."""
        r = self.random
        top = numbers[-1] if numbers else 1

        def number():
            kind = r.random()
            if kind < 0.7 and numbers:
                return r.choice(numbers)
            return r.choice((1, top, top + 1, top + 1000, r.randrange(1, top + 2), 4294967295))
        ranges = []
        for _ in range(r.choice((1, 1, 1, 2, 3, 6))):
            first = number()
            kind = r.random()
            if kind < 0.3:
                ranges.append((first, first))
            elif kind < 0.5:
                ranges.append((first, min(first + r.randrange(0, 300), 4294967295)))
            elif kind < 0.6:
                ranges.append(r.choice(((first, None), (None, first), (None, None))))
            else:
                ranges.append((first, number()))
        return ranges

    def text_key(self):
        r = self.random
        kind = r.random()
        if kind < 0.30:
            return ('body', self.string())
        if kind < 0.50:
            return ('text', self.string())
        if kind < 0.75:
            name = r.choice(ADDRESS_FIELDS)
            return ('header', name, self.string(name if r.random() < 0.85 else None))
        name = r.choice(HEADERS)
        if r.random() < 0.3:
            text = self.texts.texts[r.choice(self.box.messages).content.number]
            names = [line.split(b': ')[0] for line in text.header.split(b'\n') if b': ' in line]
            names = [n.decode() for n in names if re.fullmatch(rb'[!-9;-~]{1,60}', n)]
            name = r.choice(names) if names else name
        return ('header', r.choice((name, name.lower(), name.upper())),
                '' if r.random() < 0.15 else self.string(name if r.random() < 0.85 else None))

    def cheap_key(self):
        r = self.random
        kind = r.randrange(10)
        if kind == 0:
            return ('all',)
        if kind == 8:
            return self.rare_key()
        if kind == 9:
            return ('saved', r.random() < 0.5)
        if kind in (1, 2):
            key = ('flag', r.choice(list(SYSTEM.values())))
            return key if r.random() < 0.5 else ('not', key)
        if kind == 3:
            key = ('keyword', r.choice(KEYWORDS + ['never-used', '$LABEL1', 'JUNK']))
            return key if r.random() < 0.5 else ('not', key)
        if kind == 4:
            return r.choice((('new',), ('old',), ('recent',), ('larger', self.a_size()), ('smaller', self.a_size())))
        if kind in (5, 6):
            return (r.choice(('before', 'on', 'since', 'sentbefore', 'senton', 'sentsince')), self.a_day())
        if r.random() < 0.5:
            return ('seq', self.a_set(range(1, len(self.box.messages) + 1)))
        return ('uid', self.a_set([m.uid for m in self.box.messages]))

    def rare_key(self):
        """WITHIN (RFC 5032), SAVEDATE (RFC 8514), OBJECTID (RFC 8474), CONDSTORE (RFC 7162)."""
        r = self.random
        message = r.choice(self.box.messages)
        kind = r.random()
        if kind < 0.25:
            return ('modseq', max(0, r.choice((message.modseq, message.modseq, r.randrange(message.modseq + 2))) + r.choice((-1, 0, 0, 1))))
        if kind < 0.45:
            seconds = int(time.time()) - message.arrived_at + r.choice((-86400, -3600, -60, 60, 3600, 86400, 0))
            return (r.choice(('older', 'younger')), min(max(1, seconds), 4294967295))
        if kind < 0.65:
            return (r.choice(('savedbefore', 'savedon', 'savedsince')), message.saved + datetime.timedelta(r.choice((-1, 0, 0, 1, 400))))
        if kind < 0.7:
            return ('savedatesupported',)
        if kind < 0.75:
            return ('threadid', 'T123')
        wrong = r.random()
        return ('emailid', message.emailid if wrong < 0.8 else message.emailid.swapcase() if wrong < 0.9 else message.emailid[:-1])

    def tree(self, depth=0):
        r = self.random
        kind = r.random()
        if depth > 4 or kind < 0.45:
            return self.text_key() if r.random() < 0.6 else self.cheap_key()
        if kind < 0.60:
            return ('not', self.tree(depth + 1))
        if kind < 0.78:
            return ('or', self.tree(depth + 1), self.tree(depth + 1))
        return ('and', [self.tree(depth + 1) for _ in range(r.choice((1, 2, 2, 3)))])

    # --- whole commands ---

    def query(self):
        r = self.random
        kind = r.random()
        verb = 'SEARCH' if kind < 0.78 else 'SORT' if kind < 0.88 else 'THREAD' if kind < 0.93 or not self.mailboxes else 'ESEARCH'
        tree, uid, returns = self.program()
        extra = {}
        if verb == 'THREAD':
            returns = None
            extra['algorithm'] = r.choice(('ORDEREDSUBJECT', 'REFERENCES', 'REFERENCES'))
        elif verb == 'SORT':
            extra['orders'] = [(r.choice(sorting.CRITERIA), r.random() < 0.4) for _ in range(r.choice((1, 1, 1, 2, 2, 3, 5)))]
        elif verb == 'ESEARCH':
            uid = False
            extra['mailboxes'] = r.sample(self.mailboxes, r.randrange(1, len(self.mailboxes) + 1))
            tree = _without_session(tree)
        if verb in ('SORT', 'THREAD') and r.random() < 0.3:
            tree = self.cheap_key()     # many messages to be ordered
        if returns is not None:
            returns, extra['partial'] = self.results(returns, verb)
        charset, refused = self.charset(tree)
        if refused:
            extra['refused'] = refused
        parts = self.written(verb, tree, returns, charset, **extra)
        return Query(verb, tree, uid, parts, returns, **extra)

    def program(self):
        """(tree, uid, returns)"""
        r = self.random
        kind = r.random()
        if kind < 0.25:
            return self.shape(r.choice(SHAPES))
        returns = r.sample(['MIN', 'MAX', 'ALL', 'COUNT'], r.randrange(0, 5)) if r.random() < 0.35 else None
        if kind < 0.60:
            tree = self.text_key()
            if r.random() < 0.4:
                tree = ('and', [tree, self.cheap_key()])
        elif kind < 0.70:
            tree = self.cheap_key()
        elif kind < 0.75:
            # many arms with the same string
            string = self.string()
            tree = ('header', 'From', string)
            for key in r.sample([('header', 'To', string), ('header', 'Cc', string), ('header', 'Subject', string),
                                 ('body', string), ('text', string), ('header', 'Message-ID', string)], 4):
                tree = ('or', tree, key)
        else:
            tree = self.tree()
        return tree, r.random() < 0.7, returns

    def results(self, returns, verb):
        """(with SAVE and PARTIAL among them, the range of PARTIAL or None)"""
        r = self.random
        partial = None
        if r.random() < 0.3:
            returns = [o for o in returns if o != 'ALL'] + ['PARTIAL']
            n = len(self.box.messages)
            first, last = (r.choice((1, 1, 2, 10, n, n + 1, r.randrange(1, n + 2), 4294967295)) for _ in range(2))
            sign = r.choice(('', '-'))
            partial = min(first, last), max(first, last), '%s%d:%s%d' % (sign, first, sign, last)
            if sign:
                partial = -partial[0], -partial[1], partial[2]
        if verb != 'ESEARCH' and r.random() < 0.25:
            returns = returns + ['SAVE']
        r.shuffle(returns)
        return returns, partial

    def charset(self, tree):
        """(the charset or None, how the command is refused for it or None)"""
        r = self.random
        ascii_only = _is_ascii(tree)
        if r.random() < 0.01:
            return r.choice(('ISO-8859-1', 'KOI8-R', '"x-no-such"', 'UTF-7', 'UTF-16')), 'NO'
        if not ascii_only and r.random() < 0.01:
            return 'US-ASCII', 'BAD'
        return r.choice((None, None, 'UTF-8', 'utf-8', '"UTF-8"') + (('US-ASCII', 'us-ascii') if ascii_only else ())), None

    def written(self, verb, tree, returns, charset, partial=None, orders=(), algorithm=None, mailboxes=None, refused=None):
        """The arguments, as Query.parts."""
        parts = []
        if mailboxes is not None:
            parts += [self.word('IN'), b'(' + self.word('MAILBOXES') + b' (' + b' '.join(m.encode() for m in mailboxes) + b'))']
        if returns is not None:
            options = [b'PARTIAL ' + partial[2].encode() if o == 'PARTIAL' else self.word(o) for o in returns]
            parts.append(b'%s (%s)' % (self.word('RETURN'), b' '.join(options)))
        if verb == 'SORT':
            parts.append(b'(' + b' '.join((self.word('REVERSE') + b' ') * reverse + self.word(o) for o, reverse in orders) + b')')
        elif verb == 'THREAD':
            parts.append(self.word(algorithm))
        if verb in ('SORT', 'THREAD'):
            parts.append((charset or 'UTF-8').encode())
        elif charset:
            parts += [self.word('CHARSET'), charset.encode()]
        self.render_list(tree, parts, top=True)
        return joined(parts)

    def shape(self, shape):
        words = shape.split()
        uid = words.pop(0) == 'UID'
        returns = None
        if words[0].startswith('RETURN'):
            returns = words.pop(0)[7:-1].split(',')
        r = self.random
        name = r.choice(HEADERS)
        strings = {c: self.string(r.choice((None, 'From', 'Subject', 'To'))) for c in 'ABC'}
        days = sorted((self.a_day(), self.a_day()))
        if 'H' in words:
            strings['A'] = self.string(name)
        if 'MESSAGE-ID' in words or 'Message-ID' in words:
            strings['A'] = r.choice((self.line('Message-ID'), self.string('References')))

        def parse():
            word = words.pop(0)
            if word == '(':
                keys = []
                while words[0] != ')':
                    keys.append(parse())
                words.pop(0)
                return ('and', keys)
            if word == 'OR':
                return ('or', parse(), parse())
            if word == 'NOT':
                return ('not', parse())
            if word in SYSTEM:
                return ('flag', SYSTEM[word])
            if word[:2] == 'UN' and word[2:] in SYSTEM:
                return ('not', ('flag', SYSTEM[word[2:]]))
            if word == 'ALL':
                return ('all',)
            if word in ('BODY', 'TEXT'):
                return (word.lower(), value())
            if word in ADDRESS_FIELDS:
                return ('header', word, value())
            if word == 'HEADER':
                field = words.pop(0)
                return ('header', name if field == 'H' else field, value())
            if word in ('SINCE', 'BEFORE', 'ON', 'SENTSINCE', 'SENTBEFORE', 'SENTON'):
                return (word.lower(), days['DE'.index(words.pop(0))])
            if word in ('LARGER', 'SMALLER'):
                words.pop(0)
                return (word.lower(), self.a_size())
            if word == 'KEYWORD':
                return ('keyword', words.pop(0))
            if word == 'UID':
                return ('uid', [(1, None)] if words.pop(0) == '1:*' else self.a_set([m.uid for m in self.box.messages]))
            if word == '1:*':
                return ('seq', [(1, None)])
            if word == 'S':
                return ('seq', self.a_set(range(1, len(self.box.messages) + 1)))
            raise AssertionError('shape: %r' % word)

        def value():
            word = words.pop(0)
            return strings.get(word, word)
        keys = []
        while words:
            keys.append(parse())
        return ('and', keys), uid, returns

    # --- the wire ---

    def word(self, text):
        r = self.random.random()
        return (text if r < 0.8 else text.lower() if r < 0.9 else text.title()).encode()

    def render_list(self, tree, parts, top=False):
        """Keys side by side at the top, else in parentheses."""
        keys = tree[1] if tree[0] == 'and' else [tree]
        if not top:
            parts.append(b'(')
        for key in keys:
            self.render(key, parts)
        if not top:
            parts.append(b')')

    def render(self, tree, parts):
        r = self.random
        kind = tree[0]
        if kind == 'and':
            self.render_list(tree, parts)
        elif r.random() < 0.04:
            parts.append(b'(')
            self.render(tree, parts)
            parts.append(b')')
        elif kind == 'not' and tree[1][0] in ('flag', 'keyword') and r.random() < 0.8:
            if tree[1][0] == 'flag':
                parts.append(self.word('UN' + tree[1][1][1:].upper()))
            else:
                parts += [self.word('UNKEYWORD'), tree[1][1].encode()]
        elif kind == 'not':
            parts.append(self.word('NOT'))
            self.render(tree[1], parts)
        elif kind == 'or':
            parts.append(self.word('OR'))
            self.render(tree[1], parts)
            self.render(tree[2], parts)
        elif kind == 'flag':
            parts.append(self.word(tree[1][1:].upper()))
        elif kind == 'keyword':
            parts += [self.word('KEYWORD'), tree[1].encode()]
        elif kind == 'saved':
            parts += [self.word('UID'), b'$'] if tree[1] else [b'$']
        elif kind == 'modseq':
            parts.append(self.word('MODSEQ'))
            if r.random() < 0.3:
                parts.append(b'"/flags/\\\\Draft" ' + r.choice((b'all', b'priv', b'shared')))
            parts.append(b'%d' % tree[1])
        elif kind in ('emailid', 'threadid'):
            parts += [self.word(kind.upper()), self.astring(tree[1])]
        elif kind in ('larger', 'smaller', 'older', 'younger'):
            parts += [self.word(kind.upper()), b'%d' % tree[1]]
        elif kind in ('body', 'text'):
            parts += [self.word(kind.upper()), self.astring(tree[1])]
        elif kind == 'header':
            if tree[1].upper() in ADDRESS_FIELDS and r.random() < 0.7:
                parts += [self.word(tree[1].upper()), self.astring(tree[2])]
            else:
                parts += [self.word('HEADER'), self.astring(tree[1]), self.astring(tree[2])]
        elif kind in ('seq', 'uid'):
            if kind == 'uid':
                parts.append(self.word('UID'))
            parts.append(','.join(_range(a, b) for a, b in tree[1]).encode())
        elif len(tree) == 2:
            date = dates.imap_date(tree[1])
            if date[1] == '-' and r.random() < 0.3:
                date = '0' + date
            date = r.choice((date, date, date.upper(), date.lower()))
            parts += [self.word(kind.upper()), ('"%s"' % date if r.random() < 0.3 else date).encode()]
        else:
            parts.append(self.word(kind.upper()))

    def astring(self, text):
        r = self.random
        data = text.encode()
        kind = r.random()
        if re.search(rb'[\r\n]', data) or kind < 0.12:
            return Literal(data, sync=r.random() < 0.5)
        if data and kind < 0.4 and not _ATOM_SPECIALS.search(data) and b'{' not in data and b']' not in data:
            return data
        return Quoted(data)


def _range(a, b):
    a, b = ('*' if n is None else str(n) for n in (a, b))
    return a if a == b else a + ':' + b


def _without_session(tree):
    """What depends on the session, \\Recent and $, means nothing in a mailbox that is not selected; modseqs there are not known here."""
    if tree[0] in ('new', 'old', 'recent', 'saved', 'modseq'):
        return ('all',)
    if tree[0] in ('not', 'or'):
        return (tree[0], *map(_without_session, tree[1:]))
    return ('and', list(map(_without_session, tree[1]))) if tree[0] == 'and' else tree


def _is_ascii(tree):
    if tree[0] in ('header', 'body', 'text'):
        return tree[-1].isascii()
    if tree[0] in ('not', 'or'):
        return all(map(_is_ascii, tree[1:]))
    return all(map(_is_ascii, tree[1])) if tree[0] == 'and' else True


def joined(parts):
    """Keys to the octets of the command's arguments, spaces between them: bytes and Literals that follow each other."""
    out = []
    tight = False
    for part in parts:
        if not tight and part != b')':
            out.append(b' ')
        out.append(part)
        tight = part == b'('
    pieces = []
    for part in out:
        if isinstance(part, bytes) and pieces and isinstance(pieces[-1], bytes):
            pieces[-1] += part
        else:
            pieces.append(part)
    return pieces
