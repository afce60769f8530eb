# SPDX-License-Identifier: GPL-3.0-or-later
"""Strings to search for. Most are taken from what the messages say, so that they are found: words, parts of words, phrases
over word and line borders, punctuation, digits, single characters, long strings, whole addresses and Message-IDs, in other
cases and normal forms, with ignorable characters inside; and near misses and characters of any script that must not be found."""

import itertools
import re
import unicodedata

COMMON = ['the', 'of the', 'e', 'x', '.', '-', '--', '->', '@', 'http', 'www', '0', '2', '2.6', '()', 'if (', '> ', ' - ', ', ',
          'a', '日', '。', '本', 'é', 'ß', 'ñ', 'и', 'ό', '한', '😀', '�', '\u00ad', ' ', '  ', "'", '"', '\\', '{', '}', '%', '*', '_',
          '=?utf-8', '@gmail.com', '.com', 'com>', '<', '>', ': ', ':', '; ', 're:', 'Re: ', 'unsubscribe', '\ufeff', '\u200d', 'İ',
          'ı', 'ﬁ', 'Ａ', '²', 'ς', 'ſ', 'K', '\u0301', '\t', 'e\u0301']


class Strings:
    """random: a random.Random; texts: scanner.Texts; box: the scanner.Box whose messages strings are taken from (may be replaced)."""

    def __init__(self, random, texts, box):
        self.random = random
        self.texts = texts
        self.box = box
        self.long_runs = self._find_long_runs()

    def _find_long_runs(self):
        """Runs of letters and digits that are so long that an index may cut them into pieces; a few of each message."""
        out = []
        for message in self.box.messages:
            text = self.texts.texts[message.content.number]
            for section in (text.body, text.header):
                out += [m[0][:1000].decode('utf-8', 'ignore')
                        for m in itertools.islice(re.finditer(rb'[0-9a-z\x80-\xff]{66,}', section), 2)]
        return out

    def line(self, field=None):
        """A random line of what a random message says; of a field's values if one is given. str without the LF."""
        r = self.random
        for _ in range(30):
            text = self.texts.texts[r.choice(self.box.messages).content.number]
            if field is not None:
                values = text.values(field)
                if values:
                    return r.choice(values).decode()
                continue
            section = r.choice([text.header, text.parts, text.body, text.body, text.body])
            if section:
                at = r.randrange(len(section))
                start, end = section.rfind(b'\n', 0, at) + 1, section.find(b'\n', at)
                # bodies are one line: take the neighbourhood
                start, end = max(start, at - 1500), min(end, at + 1500)
                return section[start:end].decode('utf-8', 'ignore')
        return 'nothing'

    def string(self, field=None):
        r = self.random
        kind = r.random()
        if kind < 0.10:
            return r.choice(COMMON)
        if kind < 0.11:
            return ''
        if kind < 0.18 and field is None and self.long_runs:
            # around the lengths at which they are cut, at any place
            run = r.choice(self.long_runs)
            length = r.choice((32, 33, 34, 40, 48, 52, 56, 60, 62, 64, 65, 66, 80, 97))
            at = r.randrange(max(1, len(run) - length + 1))
            return run[at:at + length]
        if kind < 0.20:
            return self.foreign()
        return self.change(self.piece(self.line(field), field))

    def foreign(self):
        """Of any characters at all: what no message may hold must not be found, and harm nothing."""
        r = self.random
        low, high = r.choice(((1, 0x7f), (1, 0x7f), (0x80, 0x24f), (0x300, 0x36f), (0x370, 0x5ff), (0x900, 0xd7f), (0x1100, 0x11ff),
                              (0x1e00, 0x2fff), (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xffef), (0x10000, 0x1ffff),
                              (0xe0000, 0xe01ef), (1, 0xd7ff), (0xe000, 0x10ffff)))
        length = r.choice((1, 1, 1, 2, 2, 3, 4, 8, round(1.02 ** r.randrange(350))))
        return self.cut(''.join(chr(r.randint(low, high)) for _ in range(length)))

    def piece(self, line, field):
        r = self.random
        kind = r.random()
        words = re.findall(r'\w+', line)
        if kind < 0.22 and words:                           # a word
            return r.choice(words)
        if kind < 0.40 and words:                           # a part of one
            word = r.choice(words)
            a = r.randrange(len(word))
            return word[a:a + r.choice((1, 2, 2, 3, 3, 4, 5, 6, 8, 12, 30))]
        if kind < 0.50 and line:                            # a phrase, cut anywhere
            a = r.randrange(len(line))
            return line[a:a + r.randrange(3, 60)]
        if kind < 0.60 and len(words) > 1:                  # whole words
            a = r.randrange(len(words) - 1)
            m = re.search(r'\W+'.join(map(re.escape, words[a:a + r.choice((2, 2, 2, 3, 4, 6))])), line)
            return m[0] if m else words[a]
        if kind < 0.65:                                     # punctuation, with and without its neighbours
            found = re.findall(r'\w?[^\w\s]+\w?|\w* ?[^\w\s]+ ?\w*', line)
            return r.choice(found) if found else '!'
        if kind < 0.70:
            found = re.findall(r'[\d.:/-]*\d[\d.:/-]*', line)
            return r.choice(found) if found else '7'
        if kind < 0.75:                                     # of any length, from anywhere; mostly through several tokens
            a = r.randrange(max(1, len(line)))
            return line[a:a + r.choice((64, 100, 200, 500, 1000, round(1.02 ** r.randrange(350))))]
        if kind < 0.79:                                     # around the length at which long words are cut into pieces
            found = re.findall(r'\w{30,}', line) or re.findall(r'\S{20,}', line)
            if found:
                word = r.choice(found)
                a = r.randrange(len(word))
                return word[a:a + r.choice((31, 32, 33, 34, 35, 63, 64, 65, 66, 97))]
            return line[:33]
        if kind < 0.84:
            found = re.findall(r'[\w.+-]+@[\w.-]+|<[^<> ]+@[^<> ]*>|https?://\S+|\w+\.\w+\.\w+', line)
            return r.choice(found) if found else line[:20]
        if kind < 0.87:
            found = re.findall('[\u0250-\U0001ffff]{1,12}', line)
            if found:
                run = r.choice(found)
                a = r.randrange(len(run))
                return run[a:a + r.randrange(1, 5)]
            return line[-9:]
        if kind < 0.90 and line:                            # one character
            return r.choice(line)
        if kind < 0.93 and field is None:                   # over the border of two fields or parts: not to be found
            text = self.texts.texts[r.choice(self.box.messages).content.number]
            borders = [m.start() for m in re.finditer(rb'\n', (text.header + text.parts + text.body)[:50000])]
            if len(borders) > 1:
                at = r.choice(borders[:-1])
                both = (text.header + text.parts + text.body)[:60000]
                return (both[max(0, at - r.randrange(1, 15)):at].decode('utf-8', 'ignore')
                        + r.choice(('', ' ')) + both[at + 1:at + r.randrange(2, 15)].decode('utf-8', 'ignore')) or 'q'
        if line:                                            # near misses
            a = r.randrange(len(line))
            piece = line[a:a + r.randrange(2, 25)]
            i = r.randrange(len(piece))
            other = r.choice((r.choice('aeioutnsr0 .-'), '', piece[i] * 2, r.choice(line)))
            return piece[:i] + other + piece[i + 1:]
        return 'zqx'

    def change(self, text):
        """The same string as somebody might type it; what folding makes equal stays equal."""
        r = self.random
        kind = r.random()
        if kind < 0.2:
            text = text.upper() if r.random() < 0.5 else text.title()
        elif kind < 0.25:
            text = text.swapcase()
        elif kind < 0.35:
            text = unicodedata.normalize(r.choice(('NFC', 'NFD', 'NFKC')), text)
        elif kind < 0.38 and text:
            for _ in range(r.choice((1, 1, 2, 5))):
                i = r.randrange(len(text) + 1)
                text = text[:i] + r.choice('\u00ad\u200b\ufeff\u2060\u034f\ufe0f\U000e0020') + text[i:]
        elif kind < 0.42:
            text = text.replace(' ', r.choice(('  ', '\t', '\u00a0', '\r\n ', '\u3000')))
        elif kind < 0.44:
            text = ''.join(chr(ord(c) + 0xfee0) if '!' <= c <= '~' and r.random() < 0.3 else c for c in text)
        elif kind < 0.47:
            text = r.choice((' ', '')) + text + r.choice((' ', ''))
        return self.cut(text)

    @staticmethod
    def cut(text):
        """What a string of a command may be: no NUL, and up to 1000 octets here."""
        return text.replace('\0', ' ').encode()[:1000].decode('utf-8', 'ignore')
