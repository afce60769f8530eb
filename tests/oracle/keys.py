# SPDX-License-Identifier: GPL-3.0-or-later
"""What the key files of the corpus expect to be found: searches with the messages that must, or must not, be among the answers.

    for lookup in lookups(corpus): lookup.tree (for scanner.Box), lookup.found, lookup.not_found (names of messages)"""

import email
import email.policy
import os
import re

from oracle.mailtext import decode

# Where torture-key.tsv says "found" of something that the rules of store/README leave out.
NOT_BY_THE_RULES = {
    ('087-cs-iso2022-unclosed.eml', 'ndlcsm'),          # no way back to ASCII: iconv reads on in JIS X 0208
}
_TREES = {'subject': ('header', 'Subject'), 'from': ('header', 'From'), 'cc': ('header', 'Cc'), 'body': ('body',), 'any': ('text',),
          'attachment': ('body',), 'uu attachment': ('body',), 'filename': ('text',)}


class Lookup:
    def __init__(self, where, needle, found=()):
        self.tree = (*_TREES[where], needle)
        self.found = set(found)
        self.not_found = set()


def torture(source):
    """Each row with a needle."""
    for row in source.key('torture-key.tsv'):
        name = os.path.basename(row['file'])
        lookup = Lookup(row['where'], row['needle']) if row['needle'] else None
        if lookup is None or source.octets('torture/torture-constructed.' + name) is None:
            continue
        if row['expect'] != 'any' and (name, row['needle']) not in NOT_BY_THE_RULES:
            (lookup.found if row['expect'] == 'found' else lookup.not_found).add('torture/torture-constructed.' + name)
        yield lookup


def attachments(source):
    """Each row. What is in documents is not text by the rules; the answer has to be exact all the same."""
    for row in source.key('attach-key.tsv') if source.is_whole else ():
        yield Lookup(row['where'], row['needle'])


def intl(source):
    """The same text in many charsets, encodings and forms: what the UTF-8 message of an article says must be found in all of them that lost
    no character. Every message is in one group: a word, a piece of one, and a phrase."""
    groups = {}
    for row in source.key('intl-key.tsv'):
        name = 'intl/' + os.path.basename(row['file'])
        data = source.octets(name)
        if data is not None and row['lost-characters'] == '0':
            groups.setdefault((row['lang'], row['article']), []).append((row, name, data))
    for group in groups.values():
        row, _, data = min(group, key=lambda g: (g[0]['charset'] != 'utf-8', g[0]['form'] != 'plain'))
        # Not folded text: folding a string twice may give another one (և is եւ, whose capitals are ԵՒ)
        part = email.message_from_bytes(data, policy=email.policy.default).get_body(('plain', 'html'))
        text = decode(part.get_content_charset(), part.get_payload(decode=True))
        words = re.findall(r'\w+', text)
        everyone = {name for _, name, _ in group}
        for needle in (words[len(words) // 2], max(words, key=len)[1:8]):
            yield Lookup('body', needle, everyone)
        phrase = re.search(r'\w+(?:\W+\w+){1,2}|\w+', text)
        yield Lookup('body', phrase[0], {name for other, name, _ in group if other['form'] == row['form']})


def lookups(source):
    yield from torture(source)
    yield from attachments(source)
    yield from intl(source)
