# SPDX-License-Identifier: GPL-3.0-or-later
"""The scanner's own rules: what it says about texts whose answer is known without it."""

import os
import sys
import unicodedata

import pytest

from oracle import corpus, keys, mailtext
from oracle.mailtext import MailText, decode, fold, fold_needle, html_to_text

UNICODE_DATA = '/usr/share/unicode/UnicodeData.txt'


# SEARCH-SEMANTICS 3.10, computed there from RFC 5051; the needle first.
@pytest.mark.parametrize('needle, text, found', [
    ('cafe', 'CAFÉ', True), ('café', 'CAFE', False), ('cafes', 'cafés', False), ('i', 'İstanbul', True), ('ı', 'I', True),
    ('strasse', 'Straße', False), ('ß', 'ẞ', False), ('fi', 'ﬁne', False), ('ａ', 'A', True), ('A', 'ａ', True),
    ('é', 'e\u0301', True), ('e\u0301', 'é', True), ('한글', '\u1112\u1161\u11ab\u1100\u1173\u11af', True),
    ('ǆ', 'Ǆ', True), ('ǅ', 'ǆ', True), ('Ω', 'Ω', True), ('K', 'K', True), ('ς', 'Σ', True), ('ſ', 's', True),
    ('²', '2', True), ('½', '1⁄2', True), ('a b', 'a\u00a0b', True), ('a b', 'a \t\r\n b', True), ('ab', 'a\u00adb', True),
    ('ab', 'a\u200bb', True), ('a\u200bb', 'ab', True), ('a b', 'a\u200bb', False), ('\ufeffx', 'x', True), (' x', 'x', False),
])
def test_folding_makes_equal_what_rfc_5051_makes_equal(needle, text, found):
    assert (fold_needle(needle) in fold(text)) == found


@pytest.mark.skipif(not os.path.exists(UNICODE_DATA), reason='no unicode-data')
def test_titlecase_and_decomposition_are_those_of_unicode_data():
    title, decomposition = {}, {}
    with open(UNICODE_DATA, encoding='ascii') as f:
        for line in f:
            fields = line.rstrip('\n').split(';')
            char = chr(int(fields[0], 16))
            if unicodedata.category(char) == 'Cn':
                continue    # younger than Python's tables
            if fields[14]:
                title[char] = chr(int(fields[14], 16))
            if fields[5]:
                decomposition[char] = [chr(int(c, 16)) for c in fields[5].split() if not c.startswith('<')]

    def decompose(char):
        return ''.join(decompose(c) for c in decomposition[char]) if char in decomposition else char
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        if 0xd800 <= code < 0xe000 or 0xac00 <= code <= 0xd7a3:
            continue
        assert mailtext.simple_titlecase(char) == title.get(char, char), hex(code)
        assert mailtext.decompose(char) == decompose(char), hex(code)


def test_hangul_syllables_decompose_as_in_nfd():
    for code in range(0xac00, 0xd7a4):
        assert mailtext.decompose(chr(code)) == unicodedata.normalize('NFD', chr(code))


@pytest.mark.parametrize('charset, octets, text', [
    ('utf-8', b'gr\xc3\xb6\xc3\x9fe', 'größe'), (None, b'gr\xf6\xdfe', 'größe'), (None, b'gr\xc3\xb6\xc3\x9fe', 'größe'),
    ('us-ascii', b'gr\xf6', 'grö'), ('x-unknown', b'gr\xf6', 'grö'), ('iso-8859-1', b'\x93x\x94 \x80', '“x” €'),
    ('ISO-8859-9', b'\xfd\x80', 'ı€'), ('gb2312', b'\xb9\xfa\x81\x30\x81\x30', '国\x80'), ('shift_jis', b'\x87\x40', '①'),
    ('utf-16', b'\xff\xfea\0', 'a'), ('utf-16', b'\0a', 'a'), ('utf-8', b'a\xe2\x82b', 'a\ufffdb'), ('koi8-r', b'\xf0', 'П'),
    ('utf-7', b'+AOQ-x', 'äx'), ('iso-2022-jp', b'\x1b$B$"\x1b(B', 'あ'), ('', b'\xe4', 'ä'), ('"utf-8"', b'\xc3\xa4', 'ä'),
    ('hz-gb-2312', b'a~{VPND~}~~~\nb', 'a中文~b'), ('win1251', b'\xcf', 'П'), ('iso-8859-8-i', b'\xe0', 'א'), ('x-koi8-r', b'\xf0', 'П'), ('utf-16', b'\xd8\0\0a', '\ufffda'),
    ('euc-kr', b'\xb0\xa1', '가'), ('big5', b'\xa4\xa4', '中'), ('windows-1251', b'\xcf\x98', 'П\ufffd'),
])
def test_charsets(charset, octets, text):
    assert decode(charset, octets) == text


@pytest.mark.parametrize('source, text', [
    ('<b>bo</b>ld', 'bold'), ('a<br>b', 'a b'), ('a<p>b</p>c', 'a b c'), ('a&amp;b &eacute; &#233; &notit; &x', 'a&b é é ¬it; &x'),
    ('a<!-- x -->b<!-->c<!--->d', 'abcd'), ('a<script>x < y</script>b', 'ab'), ('a<STYLE>x</sTyLe >b', 'ab'),
    ('a<img alt="&lt;x>">b', 'ab <x>'), ("a<a href='u' title=t>b</a>", 'ab u t'), ('1 < 2 <3', '1 < 2 <3'), ('a<b', 'a'),
    ('a<?php x ?>b<!DOCTYPE x>c', 'abc'), ('<a href = "x">y', 'y x'), ('a</p', 'a'), ('<script>x', ''), ('<p a"b>c', ' c'),
])
def test_html(source, text):
    assert html_to_text(source) == text


@pytest.mark.parametrize('octets, text', [
    (b'aGFsbG8=', b'hallo'), (b'aGFs bG8', b'hallo'), (b'YQ==YmM=', b'abc'), (b'Y', b''), (b'!Y-Q_=', b'a'), (b'YWI', b'ab'),
])
def test_base64(octets, text):
    assert mailtext.decode_base64(octets) == text


@pytest.mark.parametrize('octets, text', [
    (b'a=\r\nb', b'ab'), (b'a= \t\nb', b'ab'), (b'a  \r\nb', b'a\r\nb'), (b'=E4=e4=G1=', b'\xe4\xe4=G1='), (b'a=3D\n', b'a=\n'),
])
def test_quoted_printable(octets, text):
    assert mailtext.decode_quoted_printable(octets) == text


@pytest.mark.parametrize('raw, line', [
    (b' =?utf-8?q?a_b?= =?utf-8?b?Yw==?= d', b'subject: a bc d\n'), (b'=?utf-8?q?=C3?= \t=?UTF-8?q?=A4?=', 'subject: a\u0308\n'.encode()),
    (b' x=?iso-8859-1*de?q?=E4?=y', 'subject: xa\u0308y\n'.encode()), (b' =?utf-8?q?a?= b =?utf-8?q?c?=', b'subject: a b c\n'),
    (b'  a  ', b'subject: a\n'), (b'', b'subject: \n'), (b' =?utf-8?x?a?=', b'subject: =?utf-8?x?a?=\n'),
])
def test_header_values(raw, line):
    assert mailtext.field_line(b'Subject', raw) == line


@pytest.mark.parametrize('raw, more', [
    (b"attachment; filename*=utf-8''a%20b", b'; filename="a b"'), (b'attachment; filename=x', b''),
    (b'attachment; filename*0="a"; filename*1=b', b'; filename="ab"'),
    (b"attachment; filename*1*=%20b; filename*0*=utf-8'en'a; x*=1", b'; filename="a b"; x="1"'),
    (b'attachment; filename*0=a; filename*2=c', b'; filename="a"'),
])
def test_parameters_of_rfc_2231_are_appended(raw, more):
    assert mailtext.field_line(b'Content-Disposition', raw) == b'content-disposition: ' + fold(raw.decode()) + more + b'\n'


def test_sections_of_a_message():
    text = MailText(b'From x y\r\nSubject: A\r\n B\r\nContent-Type: multipart/mixed; boundary=b\r\njunk\r\n\r\npreamble\r\n--b\r\n\r\none\r\n'
                    b'--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner\r\nContent-Type: multipart/alternative; boundary=c\r\n'
                    b'\r\n--c\r\nContent-Type: text/html\r\n\r\n<b>t</b>wo\r\n--b\r\nContent-Type: image/png; name=n\r\n\r\nno\r\n'
                    b'--b--\r\nepilogue\r\n')
    assert text.header == b'subject: a b\ncontent-type: multipart/mixed; boundary=b\njunk\n'
    assert text.parts == b'content-type: message/rfc822\ncontent-type: text/html\ncontent-type: image/png; name=n\n'
    assert text.body == b'one\nsubject: inner\ncontent-type: multipart/alternative; boundary=c\ntwo\n'
    assert text.in_field('SUBJECT', b'a b') and text.in_field('subject', b'') and not text.in_field('x', b'')
    assert text.in_body(b'') and text.in_text(b'png') and not text.in_body(b'png') and not text.in_text(b'one two')


def test_what_the_keys_of_the_torture_mail_expect():
    source = corpus.find()
    wrong, checked = [], 0
    for lookup in keys.torture(source):
        for name in lookup.found | lookup.not_found:
            text = MailText(source.octets(name))
            needle = fold_needle(lookup.tree[-1])
            where = {'header': lambda: text.in_field(lookup.tree[1], needle), 'body': lambda: text.in_body(needle), 'text': lambda: text.in_text(needle)}
            if where[lookup.tree[0]]() != (name in lookup.found):
                wrong.append((name, lookup.tree))
            checked += 1
    assert not wrong and checked > 150


def test_the_same_text_in_many_charsets_is_the_same():
    """The constructed messages of intl/ have one text in many charsets, transfer encodings and forms; those that lost no
    character must contain what their UTF-8 sisters say."""
    source = corpus.find()
    groups = {}
    for row in source.key('intl-key.tsv'):
        data = source.octets('intl/' + os.path.basename(row['file']))
        if data is not None and row['lost-characters'] == '0':
            groups.setdefault((row['lang'], row['article']), []).append((row, MailText(data)))
    compared = 0
    for group in groups.values():
        words = None
        for row, text in group:
            subject = text.values('Subject')
            assert subject, row
            if row['form'] != 'plain':
                continue
            if words is None:
                words = (row, text.body, subject)
            else:
                assert b' '.join(text.body.split()) == b' '.join(words[1].split()), (row, words[0])
                compared += 1
    assert compared > (100 if source.is_whole else 5)
