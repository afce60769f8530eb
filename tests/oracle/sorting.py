# SPDX-License-Identifier: GPL-3.0-or-later
"""SORT and THREAD by the texts of RFC 5256 and RFC 5957, as a second opinion: it shares no line with the server's C code.

    keys = Keys(octets)         # of a message: keys.subject, .reply, .first['From'] ..., .display['From'] ..., .message_id, .references
    sort(messages, [('DATE', False), ('SUBJECT', True)])        # True: REVERSE
    orderedsubject(messages), references(messages)              # [thread, ...]; a thread is (message or None, [thread, ...])
    thread_list(threads, number)                                # as the answer writes it

A message here has .keys, .sent_at (Unix seconds), .arrived_at and .size; lists of them are in the mailbox's order.

Strings collate as octets of i;unicode-casemap (RFC 5051, RFC 5256 section 7): titlecase, full decomposition, UTF-8. Where the RFCs
are silent (addresses and ids that are malformed, limits) this follows store/envelope.h, sort-keys.h and base/limits.h."""

import re

from oracle import mailtext

# --- strings ----------------------------------------------------------------------------------------------------------


def casemap(text):
    """For ordering. As in what is searched (mailtext.fold), ignorable characters vanish, and runs of white space are one space."""
    return mailtext.trim(mailtext.fold(text)).swapcase()    # of ASCII: fold() differs from RFC 5051 in nothing but its case


_BLOB = r'\[[^\[\]]*\][ \t]*'
_REFWD = re.compile(r'(?:%s)*(?:re|fwd?)[ \t]*(?:%s)?:' % (_BLOB, _BLOB), re.I)
_ONE_BLOB = re.compile(_BLOB)


def base_subject(text):
    """(base subject, whether it is a reply or forward) of a decoded subject: the steps of RFC 5256 section 2.1."""
    text = re.sub('[ \t\r\n\0]+', ' ', text)
    reply = False
    while True:
        while True:                                                         # (2)
            if text.endswith(' '):
                text = text[:-1]
            elif text[-5:].lower() == '(fwd)':
                text, reply = text[:-5], True
            else:
                break
        while True:                                                         # (3) to (5)
            m = _REFWD.match(text)
            if m:
                text, reply = text[m.end():], True
                continue
            if text.startswith(' '):
                text = text[1:]
                continue
            m = _ONE_BLOB.match(text)
            if m and m.end() < len(text):
                text = text[m.end():]
                continue
            break
        if text[:5].lower() == '[fwd:' and text.endswith(']'):              # (6)
            text, reply = text[5:-1], True
            continue
        return text, reply


# --- addresses (RFC 5322 section 3.4, with what section 4.4 adds) -----------------------------------------------------

_SPACE = b' \t\r\n\0'
_SPECIALS = b'()<>@,;:"[]'


def _tokens(value):
    """[(kind, octets, whether white space or a comment is before)]; kind: 'word', 'quoted', 'literal', 'comment' or the special itself."""
    out, pos, gap = [], 0, False
    while pos < len(value):
        c = value[pos]
        if c in _SPACE:
            pos, gap = pos + 1, True
            continue
        if c == 40:
            depth, start = 0, pos + 1
            text = bytearray()
            while pos < len(value):
                c = value[pos]
                if c == 92 and pos + 1 < len(value):
                    text.append(value[pos + 1])
                    pos += 2
                    continue
                depth += (c == 40) - (c == 41)
                if depth == 0:
                    break
                if pos >= start:
                    text.append(c)
                pos += 1
            pos += 1
            out.append(('comment', bytes(text), gap))
            gap = True
            continue
        if c == 34:
            m = re.compile(rb'"((?:[^"\\]|\\.)*)\\?"?', re.S).match(value, pos)
            out.append(('quoted', re.sub(rb'\\(.)', rb'\1', m[1], flags=re.S), gap))
            pos = m.end()
        elif c == 91:
            end = value.find(b']', pos)
            end = len(value) if end < 0 else end + 1
            out.append(('literal', value[pos:end], gap))
            pos = end
        elif c in _SPECIALS:
            out.append((chr(c), value[pos:pos + 1], gap))
            pos += 1
        else:
            m = re.compile(rb'[^ \t\r\n\0()<>@,;:"\[\]]+').match(value, pos)
            out.append(('word', m[0], gap))
            pos = m.end()
        gap = False
    return out


def _phrase(tokens):
    """Words with single spaces where there was space, dots joined to what they follow."""
    out = b''
    for _, octets, gap in tokens:
        out += (b' ' if gap and out else b'') + octets
    return out


def first_address(value):
    """(name, local part, domain) as octets, None where there is none, of the first address of a field; a group at the beginning is its
    first address structure in an ENVELOPE (RFC 3501 7.4.2): (None, name, None). None if there is no address at all."""
    tokens = _tokens(value)
    while tokens and tokens[0][0] in (',', 'comment', ';'):
        tokens.pop(0)
    if not tokens:
        return None
    if tokens[0][0] == '@':      # a route that belongs to nothing
        return None, None, None
    before, comment = [], None
    for i, token in enumerate(tokens):
        kind = token[0]
        if kind == 'comment':
            comment = token[1]
        elif kind == ':':
            return None, _phrase(before), None
        elif kind in ',;':
            break
        elif kind == '<':
            name = _phrase(before) if before else comment
            inside = [t for t in tokens[i + 1:] if t[0] != 'comment']
            end = next((j for j, t in enumerate(inside) if t[0] == '>'), len(inside))
            inside = inside[:end]
            if inside and inside[0][0] == '@':      # obs-route
                colon = next((j for j, t in enumerate(inside) if t[0] == ':'), -1)
                inside = inside[colon + 1:]
            return (name, *_addr_spec(inside))
        else:
            before.append(token)
    at = next((j for j, t in enumerate(before) if t[0] == '@'), len(before))
    start = max(0, at - 1)
    while start > 0 and (not before[start][2] or before[start - 1][1].endswith(b'.') or before[start][1].startswith(b'.')):
        start -= 1
    # "Joe joe@x": the words before are a name
    return (_phrase(before[:start]) or comment, *_addr_spec(before[start:]))


def _addr_spec(tokens):
    at = next((i for i, t in enumerate(tokens) if t[0] == '@'), len(tokens))
    local = b''
    colon = next((i for i, t in enumerate(tokens) if t[0] in ':;'), at)
    if colon < at:      # a group inside of "<>": its name
        tokens, at = tokens[:colon], colon
    for _, octets, gap in tokens[:at]:
        local += (b' ' if gap and local and not local.endswith(b'.') and not octets.startswith(b'.') else b'') + octets
    domain = b''
    for kind, octets, gap in tokens[at + 1:]:
        if kind in '>:;' or gap and domain and not domain.endswith(b'.') and not octets.startswith(b'.'):
            break
        domain += octets
    return local or None, domain or None


# --- message ids ------------------------------------------------------------------------------------------------------

MAX_REFERENCES = 1000       # LIMIT_REFERENCES: the last ones


def message_ids(value):
    """The valid ids of a field, normalised: without white space and quoting. A valid one has something before and behind its last "@"."""
    out, pos = [], value.find(b'<') + 1
    while pos > 0:
        text, quoted = bytearray(), False
        while pos < len(value) and (quoted or value[pos] != 62):
            c = value[pos]
            if c == 34:
                quoted = not quoted
            elif c == 60 and not quoted:
                break
            elif c == 92 and quoted and pos + 1 < len(value):
                pos += 1
                text.append(value[pos])
            elif quoted or c not in _SPACE:
                text.append(c)
            pos += 1
        closed = value[pos:pos + 1] == b'>'
        left, at, right = bytes(text).rpartition(b'@')
        if closed and left and right and not re.search(rb'[\0-\x20\x7f]', text):
            out.append(bytes(text))
        pos = value.find(b'<', pos) + 1
    return out


# --- keys of a message ------------------------------------------------------------------------------------------------

class Keys:
    __slots__ = ('subject', 'reply', 'first', 'display', 'message_id', 'references')

    def __init__(self, data):
        header = mailtext.Header(data, 0, True)
        raw = header.first(b'subject')
        base, self.reply = base_subject('' if raw is None else mailtext.decode_words(raw))
        self.subject = casemap(base)
        self.first, self.display = {}, {}
        for name in ('From', 'To', 'Cc'):
            raw = header.first(name.lower().encode())
            address = None if raw is None else first_address(raw)
            name_, local, host = address or (None, None, None)
            self.first[name] = casemap(mailtext.decode_words(local or b''))
            self.display[name] = casemap(mailtext.decode_words(name_ or b'')) or \
                casemap(mailtext.decode_words(local + b'@' + host if local and host else local or b''))
        raw = header.first(b'message-id')
        ids = [] if raw is None else message_ids(raw)
        self.message_id = ids[0] if ids else b''
        raw = header.first(b'references')
        self.references = [] if raw is None else message_ids(raw)[-MAX_REFERENCES:]
        if not self.references:
            raw = header.first(b'in-reply-to')
            self.references = [] if raw is None else message_ids(raw)[:1]


# --- SORT -------------------------------------------------------------------------------------------------------------

_VALUES = {
    'ARRIVAL': lambda m: m.arrived_at,
    'DATE': lambda m: m.sent_at,
    'SIZE': lambda m: m.size,
    'SUBJECT': lambda m: m.keys.subject,
    'FROM': lambda m: m.keys.first['From'],
    'TO': lambda m: m.keys.first['To'],
    'CC': lambda m: m.keys.first['Cc'],
    'DISPLAYFROM': lambda m: m.keys.display['From'],
    'DISPLAYTO': lambda m: m.keys.display['To'],
}
CRITERIA = sorted(_VALUES)


def sort(messages, orders):
    """The messages in their order. Equal ones stay in the mailbox's, under REVERSE too."""
    out = list(messages)
    for criterion, reverse in reversed(orders):
        out.sort(key=_VALUES[criterion], reverse=reverse)   # stable, in reverse as well
    return out


# --- THREAD -----------------------------------------------------------------------------------------------------------

def orderedsubject(messages):
    place = {id(m): i for i, m in enumerate(messages)}
    groups = {}
    for m in sorted(messages, key=lambda m: (m.sent_at, place[id(m)])):
        groups.setdefault(m.keys.subject, []).append(m)
    # Made in the order of their first message's date
    return [(group[0], [(m, []) for m in group[1:]]) for group in groups.values()]


class _Node:
    __slots__ = ('message', 'place', 'parent', 'children')

    def __init__(self, message=None, place=None):
        self.message = message      # None: a dummy
        self.place = place
        self.parent = None
        self.children = []

    def when(self):
        """What siblings are sorted by; a dummy by its first child."""
        node = self
        while node.message is None:
            node = node.children[0]
        return node.message.sent_at, node.place


def _is_above(a, b):
    """Whether @a is @b or one of its ancestors."""
    while b is not None and b is not a:
        b = b.parent
    return b is a


def _link(parent, child):
    if not _is_above(child, parent):
        child.parent = parent
        parent.children.append(child)


def _unlink(child):
    if child.parent is not None:
        child.parent.children = [c for c in child.parent.children if c is not child]
        child.parent = None


def _bottom_up(roots):
    """Every node below the roots and they themselves, children before their parents."""
    out, todo = [], list(roots)
    while todo:
        node = todo.pop()
        out.append(node)
        todo += node.children
    return out[::-1]


def references(messages):
    nodes = [_Node(m, i) for i, m in enumerate(messages)]
    table = {}
    for node in nodes:                                                      # (1): ids
        if node.message.keys.message_id:
            table.setdefault(node.message.keys.message_id, node)            # a later one of the same id has an id of its own
    for node in nodes:
        last = None
        for reference in node.message.keys.references:                      # (1)(A)
            current = table.setdefault(reference, None) or _Node()
            table[reference] = current
            if last is not None and current.parent is None:
                _link(last, current)
            last = current
        _unlink(node)                                                       # (1)(B)
        if last is not None:
            _link(last, node)
    everything = nodes + [node for node in table.values() if node.message is None]
    top = [node for node in everything if node.parent is None]              # (2)
    for node in _bottom_up(top):                                            # (3), of what is below the top
        kept = []
        for child in node.children:
            kept += [child] if child.message is not None else child.children
        node.children = kept
    roots = []
    for node in top:
        if node.message is None and len(node.children) < 2:
            roots += node.children
        else:
            roots.append(node)
    for node in roots:                                                      # (4)
        if node.message is None:
            node.children.sort(key=_Node.when)
    roots.sort(key=_Node.when)
    subjects = {}                                                           # (5)

    def subject(node):
        return (node.message or node.children[0].message).keys.subject
    for node in roots:
        key = subject(node)
        if not key:
            continue
        old = subjects.get(key)
        if old is None or old.message is not None and \
                (node.message is None or old.message.keys.reply and not node.message.keys.reply):
            subjects[key] = node
    merged = {id(node): node for node in roots}
    for node in roots:
        key = subject(node)
        other = subjects.get(key)
        if not key or other is node:
            continue
        if node.message is None and other.message is None:
            other.children += node.children
            del merged[id(node)]
        elif other.message is None or node.message is not None and node.message.keys.reply and not other.message.keys.reply:
            other.children.append(node)
            del merged[id(node)]
        else:
            dummy = _Node()
            dummy.children = [other, node]
            del merged[id(other)], merged[id(node)]
            merged[id(dummy)] = subjects[key] = dummy
    roots = list(merged.values())
    built = {}
    for node in _bottom_up(roots):                                          # (6)
        node.children.sort(key=_Node.when)
        built[id(node)] = (node.message, [built[id(child)] for child in node.children])
    roots.sort(key=_Node.when)
    return [built[id(node)] for node in roots]


def thread_list(threads, number):
    """As in the answer: "(2)(3 6 (4 23)(44 7 96))"; number(message) is what it is called."""
    out = []
    todo = [('thread', t) for t in reversed(threads)]
    while todo:
        kind, value = todo.pop()
        if kind == 'text':
            out.append(value)
            continue
        message, children = value
        if kind == 'thread':
            out.append('(')
            todo.append(('text', ')'))
        if message is not None:
            out.append('%d' % number(message))
            if children:
                out.append(' ')
        if len(children) == 1:
            todo.append(('member', children[0]))
        else:
            todo += [('thread', t) for t in reversed(children)]
    return ''.join(out)
