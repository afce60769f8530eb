#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a Maildir of N messages out of the real ones of ../shared/corpus (or tests/data/mail), the same octets each time.

    scale.py -n 100000 -o MAILDIR [-j PROCESSES]

The messages are walked through again and again, each time in a new order in which runs of 25 stay together (threads do). The
first time they are as they are. Later a plain text gets about half of its paragraphs from another message, and new words in the
shape of old ones, as many as the vocabulary of real mail grows by at that place (GROWTH); lines without white space of 50 and
more characters (base64, patches) are made anew. In Message-ID, In-Reply-To and References the ids are rewritten alike in a walk, in
trace and signature fields whatever has a digit and is long, so that headers bring new words as they do in real mail.

Each Subject ends with " [m0000123]", a word that finds exactly message 123 (counted from 0). Dates run from 2010 to 2024 in the
order of the messages. Flags and two keywords are in the file names, for the letters of dovecot-keywords; UIDs are in
dovecot-uidlist: message i has UID i + 1, with whatever server reads it. Lines end with LF.
"""

import argparse
import calendar
import hashlib
import math
import multiprocessing
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from oracle import corpus  # noqa: E402 (tests/ has to be in the path first)

FOLDERS = ('ordinary', 'intl', 'attachments')
MAX_SIZE = 200000
RUN = 25            # of the corpus: so many messages follow each other
FIRST, LAST = calendar.timegm((2010, 1, 1, 0, 0, 0)), calendar.timegm((2024, 12, 31, 0, 0, 0))
UIDVALIDITY = 1700000000
KEYWORDS = ('$label1', 'work')      # letters a and b in file names

# Distinct words after n messages are K * n^b, by class, up to 100,000 messages and above; there are M words of the class in a
# message. Measured on 315,749 messages of lists and of Enron (../shared/corpus/scale.py).
GROWTH = {
    'digits': ((82.09, .665), (270.2, .567), 11.44),
    'hex': ((53.83, .707), (311.6, .562), 3.92),
    'letters': ((962.2, .438), (1858., .384), 310.3),
    'mixed': ((413.6, .491), (677.0, .451), 32.8),
}
# Only plain texts get new words, so they get more of them.
MORE = 1.3

_TOKEN = re.compile(rb'(?<![A-Za-z0-9=\x80-\xff])(?:(?P<digits>[0-9]{4,18})'
                    rb'|(?P<hex>(?=[a-f0-9]*[0-9])(?=[a-f0-9]*[a-f])[a-f0-9]{6,40})'
                    rb'|(?P<letters>[A-Za-z]{4,24})|(?P<mixed>[A-Za-z0-9]{4,40}))(?![A-Za-z0-9=\x80-\xff])')
_SOLID = re.compile(rb'(?m)^(?!.*//)[!-~]{50,}$')
_ID = re.compile(rb'(?<=<)([^<>@\s]+)(?=@[^<>@\s]+>)')
_IDS = (b'message-id', b'in-reply-to', b'references')
_TRACE = re.compile(rb'(?i)received|x-received|dkim-|domainkey-|arc-|authentication-results|x-google-|x-gm-|x-ms-|x-forefront|x-spam')
_MARK = re.compile(rb'(?=[A-Za-z+/]*[0-9])[A-Za-z0-9+/]{8,}')
_ALNUM = re.compile(rb'[A-Za-z0-9]')
_LETTERS, _HEX, _DIGITS = b'abcdefghijklmnopqrstuvwxyz', b'0123456789abcdef', b'0123456789'
_LETTERS_DIGITS = b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'


def split(data):
    """([field, ...] with their folding, body)"""
    head, _, body = data.partition(b'\n\n')
    return re.split(rb'\n(?![ \t])', head), body


def name_of(field):
    return field.split(b':', 1)[0].strip().lower()


def is_plain(fields):
    """A text/plain that may be changed without making it unreadable?"""
    values = {name_of(f): f.split(b':', 1)[-1].strip().lower() for f in fields}
    kind = values.get(b'content-type', b'text/plain')
    if not kind.startswith(b'text/plain') or values.get(b'content-transfer-encoding', b'7bit') not in (b'7bit', b'8bit'):
        return False
    return b'charset' not in kind or re.search(rb'charset="?(us-ascii|utf-?8|iso-8859-|windows-125)', kind) is not None


def poisson(r, mean):
    if mean > 50:
        return max(0, round(r.gauss(mean, math.sqrt(mean))))
    limit, n, product = math.exp(-mean), 0, r.random()
    while product > limit:
        product *= r.random()
        n += 1
    return n


def new_word(r, word, kind):
    if kind in ('digits', 'hex'):
        return bytes(r.choice(_DIGITS if kind == 'digits' else _HEX) for _ in word)
    word = bytearray(word)
    for i in r.sample(range(len(word)), 2 if len(word) < 8 else 3):
        if 48 <= word[i] <= 57:
            word[i] = r.choice(_DIGITS)
        else:
            word[i] = r.choice(_LETTERS) - (32 if word[i] < 97 else 0)
    return bytes(word)


def mix(r, body, donor):
    paragraphs, others = body.split(b'\n\n'), [p for p in donor.split(b'\n\n') if p.strip() and p.isascii()]
    for i in range(len(paragraphs)):
        if others and r.random() < 0.5:
            paragraphs[i] = r.choice(others)
    return b'\n\n'.join(paragraphs)


def mint(r, body, number):
    words = {kind: [] for kind in GROWTH}
    for m in _TOKEN.finditer(body):
        words[m.lastgroup].append(m.span())
    replaced = []
    for kind, (low, high, mean) in GROWTH.items():
        k, b = low if number < 100000 else high
        rate = MORE * k * b * (number + 1) ** (b - 1) / mean
        n = min(len(words[kind]), poisson(r, rate * len(words[kind])))
        replaced += [(begin, end, kind) for begin, end in r.sample(words[kind], n)]
    out, at = [], 0
    for begin, end, kind in sorted(replaced):
        out += [body[at:begin], new_word(r, body[begin:end], kind)]
        at = end
    body = b''.join(out + [body[at:]])
    return _SOLID.sub(lambda m: _ALNUM.sub(lambda _: r.choice(_LETTERS_DIGITS).to_bytes(1, 'big'), m[0]), body)


def reshape(r, octets):
    """Other letters and digits in their places."""
    out = bytearray(octets)
    for i, c in enumerate(out):
        if 48 <= c <= 57:
            out[i] = 48 + r.randrange(10)
        elif 65 <= c <= 90 or 97 <= c <= 122:
            out[i] = (c & 32 | 65) + r.randrange(6 if c & 31 <= 6 else 26)
    return bytes(out)


def new_field(r, field, walk):
    name = name_of(field)
    if name in _IDS:
        # The same id gives the same id: threads hold together.
        return _ID.sub(lambda m: reshape(random.Random(b'%d %s' % (walk, m[0])), m[0]), field)
    return _MARK.sub(lambda m: reshape(r, m[0]), field) if _TRACE.match(name) else field


class Maker:
    def __init__(self, n):
        self.n = n
        self.corpus = corpus.find()
        self.files = [name for name in self.corpus.names(FOLDERS)
                      if 0 < os.path.getsize(os.path.join(self.corpus.root, name)) <= MAX_SIZE]
        self.orders = {}

    def octets(self, index):
        return self.corpus.octets(self.files[index]).replace(b'\r\n', b'\n').replace(b'\0', b' ')

    def order(self, walk):
        if walk not in self.orders:
            runs = list(range(0, len(self.files), RUN))
            random.Random('order %d' % walk).shuffle(runs)
            self.orders = {walk: [i for run in runs for i in range(run, min(run + RUN, len(self.files)))]}
        return self.orders[walk]

    def message(self, number):
        """(octets, Unix seconds, flags as in a Maildir's file names)"""
        r = random.Random(hashlib.sha256(b'message %d' % number).digest())
        walk, index = divmod(number, len(self.files))
        fields, body = split(self.octets(self.order(walk)[index]))
        if walk > 0:
            if is_plain(fields):
                donor_fields, donor = split(self.octets(r.randrange(len(self.files))))
                body = mint(r, mix(r, body, donor) if is_plain(donor_fields) else body, number)
            fields = [new_field(r, f, walk) for f in fields]
        at = FIRST + (LAST - FIRST) * number // self.n + r.randrange(60)
        fields = [f for f in fields if name_of(f) != b'date']
        zone = r.choice((0, 0, 60, 120, 330, -300, -480))
        fields.append(time.strftime('Date: %a, %d %b %Y %H:%M:%S ', time.gmtime(at + zone * 60)).encode() +
                      b'%c%02d%02d' % (b'-' if zone < 0 else b'+', abs(zone) // 60, abs(zone) % 60))
        tag = b' [m%07d]' % number
        subject = next((i for i, f in enumerate(fields) if name_of(f) == b'subject'), None)
        if subject is None:
            fields.append(b'Subject:' + tag)
        else:
            fields[subject] += tag
        flags = ''.join(letter for letter, share in (('F', .03), ('R', .1), ('S', .85), ('T', .01), ('a', .02), ('b', .05))
                        if r.random() < share)
        return b'\n'.join(fields) + b'\n\n' + body, at, flags


_maker = None
_folder = None


def file_name(number, at):
    return '%d.M%07dP1.scale' % (at, number)


def _write(numbers):
    out = []
    for number in numbers:
        data, at, flags = _maker.message(number)
        base = '%s,S=%d,W=%d' % (file_name(number, at), len(data), len(data) + data.count(b'\n'))
        path = os.path.join(_folder, 'cur', '%s:2,%s' % (base, flags))
        with open(path, 'wb') as f:
            f.write(data)
        os.utime(path, (at, at))
        out.append((base, len(data)))
    return out


def make(folder, n, processes=2):
    """Returns the number of octets. @folder must not be there."""
    global _maker, _folder
    for part in ('cur', 'new', 'tmp'):
        os.makedirs(os.path.join(folder, part))
    _maker, _folder = Maker(n), folder
    octets, lines = 0, []
    pieces = [range(i, min(i + 500, n)) for i in range(0, n, 500)]
    with multiprocessing.get_context('fork').Pool(processes) as pool:
        for piece in pool.imap(_write, pieces):
            for base, size in piece:
                lines.append('%d :%s\n' % (len(lines) + 1, base))
                octets += size
    with open(os.path.join(folder, 'dovecot-keywords'), 'w', encoding='ascii') as f:
        f.writelines('%d %s\n' % pair for pair in enumerate(KEYWORDS))
    with open(os.path.join(folder, 'dovecot-uidlist'), 'w', encoding='ascii') as f:
        f.write('3 V%d N%d G%032x\n' % (UIDVALIDITY, n + 1, n))
        f.writelines(lines)
    return octets


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('-n', type=int, required=True)
    parser.add_argument('-o', required=True, metavar='MAILDIR')
    parser.add_argument('-j', type=int, default=2, metavar='PROCESSES')
    args = parser.parse_args()
    begin = time.monotonic()
    octets = make(args.o, args.n, args.j)
    print('%d messages, %.1f MB, %.0f s' % (args.n, octets / 1e6, time.monotonic() - begin))


if __name__ == '__main__':
    main()
