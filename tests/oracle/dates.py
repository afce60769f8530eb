# SPDX-License-Identifier: GPL-3.0-or-later
"""The day that a Date field names, as written, disregarding time and zone, which SENTBEFORE, SENTON and SENTSINCE compare; and the
moment, which SORT and THREAD order by.

Lenient as base/datetime.h says of datetime_parse_rfc5322(), but by patterns instead of a tokenizer."""

import datetime
import re

MONTHS = ('jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec')
_LONG = ('january february march april may june july august september october november december sept'.split())
_MONTH = '(?P<month>%s)' % '|'.join(sorted(_LONG + list(MONTHS), key=len, reverse=True))
_TIME = r'\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:[.,]\d+)?)?'

_PATTERNS = [re.compile(p, re.I) for p in (
    # ISO 8601 and its look-alikes: 2024-03-04T09:00, 2024/3/4
    r'(?P<year>\d{4})[-/.](?P<number>\d{1,2})[-/.](?P<day>\d{1,2})(?!\d)',
    # RFC 5322, RFC 850: 4 Mar 2024, 04-Mar-24, 4. March 2024
    r'(?<![\d:])(?P<day>\d{1,2})(?:st|nd|rd|th)?[-\s./,]*' + _MONTH + r'\.?(?![a-z])[-\s./,]*(?P<year>\d{4}|\d{2,3})(?![\d:])',
    # asctime: Mar 4 09:00:00 2024, with a zone before the year: Mar 4 09:00:00 GMT 2024
    r'(?<![a-z])' + _MONTH + r'\.?\s+(?P<day>\d{1,2})[,\s]+' + _TIME + r'(?:\s*[ap]m)?(?:\s+(?:[a-z]+|[-+]\d{4}))?\s+(?P<year>\d{4})(?!\d)',
    # American: March 4, 2024
    r'(?<![a-z])' + _MONTH + r'\.?\s+(?P<day>\d{1,2})(?:st|nd|rd|th)?[,\s]+(?P<year>\d{4})(?![\d:])',
)]


def _without_comments(text):
    out, depth, i = [], 0, 0
    while i < len(text):
        c = text[i]
        if c == '(':
            depth += 1
            out.append(' ')
        elif c == ')' and depth:
            depth -= 1
        elif c == '\\' and depth:
            i += 1
        elif not depth:
            out.append(c)
        i += 1
    return ''.join(out)


def sent_day(raw):
    """datetime.date, or None if there is no day in the raw value (bytes)."""
    text = _without_comments(raw.decode('latin-1'))
    for pattern in _PATTERNS:
        m = pattern.search(text)
        if m is None:
            continue
        groups = m.groupdict()
        year = int(groups['year'])
        if len(groups['year']) == 2:
            year += 2000 if year < 50 else 1900
        elif len(groups['year']) == 3:
            year += 1900
        if groups.get('month'):
            month = MONTHS.index(groups['month'][:3].lower()) + 1
        else:
            month = int(groups['number'])
        try:
            return datetime.date(year, month, int(groups['day']))
        except ValueError:
            return None
    return None


# RFC 5322 section 4.3; all other names are -0000
_ZONES = {'ut': 0, 'gmt': 0, 'edt': -4, 'est': -5, 'cdt': -5, 'cst': -6, 'mdt': -6, 'mst': -7, 'pdt': -7, 'pst': -8}
_CLOCK = re.compile(r'(?<![\d:.])(\d{1,2})\s*[:.]\s*(\d{1,2})(?!\d)(?:\s*[:.]\s*(\d{1,2})(?!\d)(?:[.,]\d+)?)?(?!\d|\s*:\s*\d)(?:\s*([ap])\.?m\b\.?)?', re.I)
_ZONE = re.compile(r'\s*(?:(?P<name>[a-z]+)?\s*(?P<sign>[-+])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})(?!\d)|(?P<only>[a-z]+))', re.I)


def sent_time(raw):
    """The moment in Unix seconds (RFC 5256 section 2.2), or None if there is no day in the raw value (bytes): an invalid zone is UTC, an
    invalid time 00:00:00."""
    day = sent_day(raw)
    if day is None:
        return None
    text = _without_comments(raw.decode('latin-1'))
    seconds, at = 0, None
    m = _CLOCK.search(text)
    if m:
        hours, minutes, second = int(m[1]), int(m[2]), int(m[3] or 0)
        at = m.end()
        if m[4] and 1 <= hours <= 12:
            hours = hours % 12 + 12 * (m[4].lower() == 'p')
        if hours < 24 and minutes < 60 and second <= 60:
            seconds = hours * 3600 + minutes * 60 + min(second, 59)
    zone = 0
    m = _ZONE.match(text, at) if at is not None else re.search(r'(?P<sign>[-+])(?P<hours>\d{2})(?P<minutes>\d{2})\s*$', text)
    if m and m['sign']:
        minutes = int(m['hours']) * 60 + int(m['minutes'])
        if int(m['hours']) < 24 and int(m['minutes']) < 60:
            zone = minutes * 60 * (-1 if m['sign'] == '-' else 1)
    elif m:
        zone = 3600 * _ZONES.get(m['only'].lower(), 0)
    return (day - datetime.date(1970, 1, 1)).days * 86400 + seconds - zone


def imap_date(day):
    """1-Feb-1994"""
    return '%d-%s-%04d' % (day.day, MONTHS[day.month - 1].title(), day.year)


def parse_internaldate(text):
    """(the day as written, the moment in Unix seconds) of '17-Jul-1996 02:44:25 -0700' (bytes or str)."""
    text = text.decode() if isinstance(text, bytes) else text
    m = re.fullmatch(r'([ \d]\d)-([A-Z][a-z]{2})-(\d{4}) (\d{2}):(\d{2}):(\d{2}) ([+-]\d{4})', text)
    assert m, 'no date-time: %r' % text
    day = datetime.date(int(m[3]), MONTHS.index(m[2].lower()) + 1, int(m[1]))
    zone = int(m[7][:3]) * 3600 + int(m[7][0] + m[7][3:]) * 60
    return day, (day - datetime.date(1970, 1, 1)).days * 86400 + int(m[4]) * 3600 + int(m[5]) * 60 + int(m[6]) - zone
