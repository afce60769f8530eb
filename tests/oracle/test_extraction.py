# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's text extraction, folding and dates against the Python scanner's, octet by octet: over the corpus, and over
messages that were spoilt at random (MAILSIFT_ORACLE_SEED repeats them)."""

import datetime
import os
import random
import subprocess
import sys
import threading
import unicodedata

import pytest

from lib import harness
from oracle import corpus, dates, mailtext, sorting
from oracle.spoil import guessed_values, mutate

SEED = int(os.environ.get('MAILSIFT_ORACLE_SEED') or random.SystemRandom().randrange(1 << 32))
MUTATED = int(os.environ.get('MAILSIFT_ORACLE_MUTATED', '3000'))

def dump(mode, records, parts=1):
    """Yields (record, [answers])."""
    process = subprocess.Popen([harness.program('tests/oracle/oracle-dump'), mode], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        with process.stdin as out:
            for record in records:
                out.write(b'%d\n' % len(record) + record)
    thread = threading.Thread(target=feed)
    thread.start()
    for record in records:
        answer = []
        for _ in range(parts):
            length = process.stdout.readline()
            assert length, 'oracle-dump ended: status %s' % process.wait()
            answer.append(process.stdout.read(int(length)))
        yield record, answer
    thread.join()
    process.stdout.close()
    assert process.wait() == 0


def compare_texts(records):
    wrong = []
    for record, sections in dump('text', records, 3):
        text = mailtext.MailText(record)
        for name, ours, theirs in zip(('header', 'parts', 'body'), (text.header, text.parts, text.body), sections):
            if ours != theirs:
                at = next((i for i, pair in enumerate(zip(ours, theirs)) if pair[0] != pair[1]), min(len(ours), len(theirs)))
                near = slice(max(0, at - 40), at + 80)
                wrong.append('%s differs at octet %d\n  scanner: %r\n  server:  %r\nof %r'
                             % (name, at, ours[near], theirs[near], record[:3000]))
    assert not wrong, '%d sections differ (seed %d); the first:\n%s' % (len(wrong), SEED, wrong[0])


def compare_sort_keys(records, addresses=None):
    """@addresses: the values that address fields may have to be compared; what an address is that no grammar knows is the server's choice."""
    names = ('subject', 'reply', 'From', 'To', 'Cc', 'display From', 'display To', 'message-id', 'references')
    wrong = []
    for record, (lines,) in dump('sort', records):
        k = sorting.Keys(record)
        ours = (k.subject, b'r' * k.reply, k.first['From'], k.first['To'], k.first['Cc'], k.display['From'], k.display['To'],
                k.message_id, b' '.join(k.references))
        for name, a, b in zip(names, ours, lines.split(b'\n')):
            if a != b and (name.split()[-1] not in ('From', 'To', 'Cc') or addresses is None or addresses >= guessed_values(record, [name.split()[-1]])):
                wrong.append('%s\n  RFC:    %r\n  server: %r\nof %r' % (name, a, b, record[:3000]))
    assert not wrong, '%d keys differ (seed %d); the first:\n%s' % (len(wrong), SEED, wrong[0])


@pytest.fixture(scope='module')
def mail():
    source = corpus.find()
    return [source.octets(name) for name in source.names()]


def test_every_message_says_the_same_to_server_and_scanner(mail):
    compare_texts(mail)


def test_the_line_ends_of_a_file_change_nothing(mail):
    some = [data for data in mail[::5] if b'\0' not in data]     # octets of UTF-16 are no lines
    for data in some:
        a, b = mailtext.MailText(data), mailtext.MailText(corpus.crlf(data))
        assert (a.header, a.parts, a.body) == (b.header, b.parts, b.body)
    compare_texts([corpus.crlf(data) for data in some])


def test_spoilt_messages_say_the_same_to_server_and_scanner(mail):
    r = random.Random(SEED)
    small = [data for data in mail if len(data) < 20000]
    compare_texts([mutate(r, r.choice(small), small) for _ in range(MUTATED)])


def test_every_code_point_folds_the_same():
    chars = [chr(code) for code in range(sys.maxunicode + 1) if not 0xd800 <= code < 0xe000]
    # younger than Python's tables, older than the server's: Python has no opinion
    known = [c for c in chars if unicodedata.category(c) != 'Cn' or mailtext.fold(c) != c.encode()]
    wrong = [hex(ord(record.decode())) for record, (folded,) in dump('fold', [c.encode() for c in known])
             if folded != mailtext.fold(record.decode())]
    assert not wrong, wrong[:20]


def test_strings_fold_the_same():
    r = random.Random(SEED)
    alphabet = [*range(0x250), *range(0x300, 0x600), *range(0x1e00, 0x2100), 0xfb01, 0x3164, 0xfeff, 0xad, 0xac00, 0x3000, 0x1f600]
    texts = [''.join(chr(r.choice(alphabet)) for _ in range(r.randrange(60))).encode() for _ in range(3000)]
    texts += [bytes(r.choice(b'a \xc3\xa9\xe2\x80\x8b\xff\xf0\x9f\xed\xa0') for _ in range(r.randrange(30))) for _ in range(3000)]
    for record, (folded,) in dump('fold', texts):
        assert folded == mailtext.fold_needle(record), record


def date_values(mail):
    values = {value for data in mail for name, value in mailtext.Header(data, 0, True).fields
              if name is not None and name.lower() in (b'date', b'resent-date', b'delivery-date')}
    values |= {b'32 Feb 2024 25:61:61 +9999', b'31 Dec 2000 23:30:00 -0800', b'29 Feb 2023 1:2:3', b'29 Feb 2024 1:2:3',
               b'Sat Jul 17 02:44:25 1996', b'Sat Jul 17 02:44:25 GMT 1996', b'2024-03-04T09:00:00Z', b'17-Jul-96 1:2', b'1 Jan 100 1:2',
               b'(a (b) c) 1 (x) Feb (y) 2003', b'4 M\xc3\xa4r 2024', b'', b' ', b'Tuesday', b'1 January 2001', b'Mon, 4 Mar 9999 9:00'}
    return sorted(values)


def test_the_day_of_a_date_field_is_the_same(mail):
    wrong = []
    for record, (day,) in dump('date', date_values(mail)):
        ours = dates.sent_day(record)
        days = b'none' if ours is None else b'%d' % (ours - datetime.date(1970, 1, 1)).days
        if days != day:
            wrong.append((record, str(ours), day))
    assert not wrong


def compare_times(values):
    wrong = []
    for record, (time,) in dump('time', values):
        ours = dates.sent_time(record)
        if time != (b'none' if ours is None else b'%d' % ours):
            wrong.append((record, ours, time))
    assert not wrong, (len(wrong), wrong[:20])


def test_the_moment_of_a_date_field_is_the_same(mail):
    compare_times(date_values(mail))


def test_every_message_is_sorted_and_threaded_by_the_same_keys(mail):
    compare_sort_keys(mail)


def test_spoilt_messages_are_sorted_and_threaded_by_the_same_keys(mail):
    r = random.Random(SEED)
    small = [data for data in mail if len(data) < 20000]
    addresses = {value for data in mail for value in guessed_values(data, ['From', 'To', 'Cc'])}
    compare_sort_keys([mutate(r, r.choice(small), small) for _ in range(MUTATED)], addresses)
