# SPDX-License-Identifier: GPL-3.0-or-later
"""What the server must answer to a Query (querygen.py), by the texts of RFC 3501, 4731, 5182, 5256, 5267, 7377 and 9394.

    wrong = compare(query, result, boxes, selected, now)     # None, or a Difference; the selected box then has the new $

boxes: name -> scanner.Box; selected: one of those names; now: Unix seconds when the query was carried out."""

from lib import imap
from oracle import scanner, sorting


class Difference:
    """expected, got: numbers in their order, or whatever else was compared."""

    def __init__(self, what, expected, got, box=None):
        self.what = what
        self.expected = expected
        self.got = got
        self.box = box

    def numbers(self):
        """(missing, too many) if both are lists of numbers."""
        if isinstance(self.expected, list) and isinstance(self.got, list):
            return sorted(set(self.expected) - set(self.got)), sorted(set(self.got) - set(self.expected))
        return [], []


def found(query, box, now):
    """The messages in the order of the answer."""
    messages = [box.messages[i] for i in box.search(query.tree, now)]
    return sorting.sort(messages, query.orders) if query.orders else messages


def _window(partial, n):
    """(begin, end) of n results, of which the first is 1 and the last -1 (RFC 9394 3.1)."""
    first, last, _ = partial
    if first > 0:
        return min(first - 1, n), min(last, n)
    return max(n + last, 0), max(n + first + 1, 0)


def _items(query, messages, numbers):
    """The items of an ESEARCH and what it leaves in $, as messages (RFC 5182 2.1, RFC 9394 3.2)."""
    returns = [o for o in query.returns if o != 'SAVE'] or ([] if 'SAVE' in query.returns else ['ALL'])
    items, saved = {}, []
    if 'MIN' in returns and numbers:
        items['MIN'] = numbers[0]
        saved += messages[:1]
    if 'MAX' in returns and numbers:
        items['MAX'] = numbers[-1]
        saved += messages[-1:]
    if 'ALL' in returns and numbers:
        items['ALL'] = numbers
    if 'COUNT' in returns:
        items['COUNT'] = len(numbers)
    if 'PARTIAL' in returns:
        begin, end = _window(query.partial, len(numbers))
        items['PARTIAL'] = query.partial[2], numbers[begin:end]
        saved += messages[begin:end]
    if not returns or 'ALL' in returns or 'COUNT' in returns:
        saved = messages
    if saved and scanner.has_key(query.tree, 'modseq'):
        items['MODSEQ'] = max(m.modseq for m in saved)      # of what is returned or counted (RFC 4731 3.2, RFC 7162 3.1.10)
    return items, saved


def _set(text, ascending):
    """Numbers of a sequence-set in the order in which it names them. In the order of a SORT a range goes upwards, too (RFC 5267 3.2)."""
    if ascending:
        return imap.parse_set(text)
    out = []
    for part in str(text).split(','):
        first, _, last = part.partition(':')
        assert int(first) < int(last or 4294967296), 'a range of %r goes downwards' % (text,)
        out += range(int(first), int(last or first) + 1)
    return out


def _read_items(args, ascending):
    items = {}
    for key, value in zip(args[::2], args[1::2]):
        key = key.upper()
        assert key not in items, '%s twice' % key
        if key == 'ALL':
            value = _set(value, ascending)
        elif key == 'PARTIAL':
            value = value[0], [] if value[1] is None else _set(value[1], ascending)
        items[key] = value
    return items


def _compare_items(what, items, got, box):
    for key in sorted(set(items) | set(got)):
        expected, value = items.get(key), got.get(key)
        if expected != value:
            if key == 'ALL':
                return Difference('%s, ALL' % what, expected or [], value or [], box)
            return Difference('%s, %s' % (what, key), expected, value)
    return None


def _esearch(query, result, boxes, now):
    """The command: one answer for each mailbox that has matches, by UID (RFC 7377 2.1)."""
    left = {}
    for response in result.all('ESEARCH'):
        args = list(response.args)
        correlator = dict(zip([str(k).upper() for k in args[0][::2]], args[0][1::2]))
        name = correlator['MAILBOX']
        name = name.decode() if isinstance(name, bytes) else name
        assert correlator['TAG'] == result.tag.encode() and set(correlator) == {'TAG', 'MAILBOX', 'UIDVALIDITY'} and args[1] == 'UID', response
        assert name in query.mailboxes and name not in left, response
        left[name] = _read_items(args[2:], True)
    for name in query.mailboxes:
        messages = found(query, boxes[name], now)
        numbers = [m.uid for m in messages]
        if query.returns is None:
            items = {'ALL': numbers}
        else:
            items = _items(query, messages, numbers)[0]
        wrong = _compare_items(name, items if messages else {}, left.get(name, {}), boxes[name])
        if wrong:
            return wrong
    return None


def compare(query, result, boxes, selected, now):
    box = boxes[selected]
    if query.refused:
        if query.refused == 'NO' and query.returns and 'SAVE' in query.returns:
            box.saved = set()       # RFC 5182 2.1: NO leaves nothing, BAD all
        if result.status != query.refused or query.refused == 'NO' and not result.has_code('BADCHARSET'):
            return Difference('refused', query.refused, str(result))
        return None
    if result.status != 'OK':
        return Difference('status', 'OK', str(result))
    if query.verb == 'ESEARCH':
        return _esearch(query, result, boxes, now)
    messages = found(query, box, now)
    if query.verb == 'THREAD':
        threads = getattr(sorting, query.algorithm.lower())(messages)
        place = {m.uid: i + 1 for i, m in enumerate(box.messages)}
        text = sorting.thread_list(threads, (lambda m: m.uid) if query.uid else (lambda m: place[m.uid]))
        expected = ('* THREAD ' + text).rstrip().encode()
        raw = result.one('THREAD').raw
        return None if raw == expected else Difference('threads', expected, raw)
    if query.uid:
        numbers = [m.uid for m in messages]
    else:
        place = {m.uid: i + 1 for i, m in enumerate(box.messages)}
        numbers = [place[m.uid] for m in messages]
    if query.returns is None:
        got = result.one(query.verb).args
        modseq = got.pop() if got and isinstance(got[-1], list) else None
        expected = ['MODSEQ', max(m.modseq for m in messages)] if messages and scanner.has_key(query.tree, 'modseq') else None
        if modseq != expected:
            return Difference('MODSEQ', expected, modseq)
        got = got if query.orders else sorted(got)
        return None if got == numbers else Difference('numbers', numbers, got, box)
    items, saved = _items(query, messages, numbers)
    if 'SAVE' in query.returns:
        box.saved = {m.uid for m in saved}
    if query.returns == ['SAVE']:
        answers = result.all('ESEARCH') + result.all('SEARCH')
        return Difference('SAVE alone', [], answers) if answers else None
    args = list(result.one('ESEARCH').args)
    correlator = args.pop(0)
    assert [str(correlator[0]).upper(), correlator[1]] == ['TAG', result.tag.encode()] and len(correlator) == 2, args
    if (args[:1] == ['UID']) != query.uid:
        return Difference('UID', query.uid, args)
    return _compare_items('items', items, _read_items(args[1:] if query.uid else args, not query.orders), box)
