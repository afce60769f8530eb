# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the tests' mail is: the whole corpus beside the source (../shared/corpus), else tests/data/mail. MAILSIFT_CORPUS names
another folder of the same form."""

import csv
import os

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SAMPLE = os.path.join(SOURCE, 'tests', 'data', 'mail')
FOLDERS = ('ordinary', 'intl', 'torture', 'attachments')


class Corpus:
    def __init__(self, root, is_whole):
        self.root = root
        self.is_whole = is_whole

    def names(self, folders=FOLDERS):
        """Names like 'ordinary/x.eml', sorted in the order of the folders."""
        return ['%s/%s' % (folder, name) for folder in folders
                for name in sorted(os.listdir(os.path.join(self.root, folder))) if name.endswith('.eml')]

    def octets(self, name):
        """The message as it lies there, or None."""
        try:
            with open(os.path.join(self.root, name), 'rb') as f:
                return f.read()
        except FileNotFoundError:
            return None

    def key(self, name):
        with open(os.path.join(self.root, name), encoding='utf-8', newline='') as f:
            return list(csv.DictReader(f, delimiter='\t', quoting=csv.QUOTE_NONE))


def sample():
    return Corpus(SAMPLE, False)


def find():
    """The largest corpus there is."""
    root = os.environ.get('MAILSIFT_CORPUS') or os.path.join(SOURCE, '..', 'shared', 'corpus')
    if os.path.isdir(os.path.join(root, 'ordinary')) and not os.path.samefile(root, SAMPLE):
        return Corpus(os.path.normpath(root), True)
    return sample()


def describe():
    """What find() gives, and what is left out, for people."""
    corpus = find()
    if corpus.is_whole:
        return '%d messages of %s' % (len(corpus.names()), corpus.root)
    return ('no ../shared/corpus: only the %d messages of tests/data/mail; left out: list mail (1,900 messages), '
            'Enron\'s, and most constructed messages of intl/' % len(corpus.names()))


def crlf(data):
    """The form in which IMAP serves a message: every line ends with CRLF."""
    return data.replace(b'\r\n', b'\n').replace(b'\n', b'\r\n')
