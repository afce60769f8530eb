# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages spoilt at random, where it matters to those who read them."""

from oracle import mailtext

PIECES = [
    b'--', b'\r\n', b'\n', b'\n\n', b'"', b';', b'=', b'*', b'*0*=', b"''", b'(', b')', b'\\', b'=?utf-8?q?', b'?=',
    b'=?iso-8859-1?b?', b'<!--', b'-->', b'<script>', b'</script', b'<a href=', b'&amp', b'&#x', b'&notit;', b'<', b'>', b'/',
    b'charset=utf-16', b'charset=hz-gb-2312', b'charset=x-cp1251', b'charset=iso_8859_5', b'charset=', b'boundary=', b'~{', b'~}',
    b'~~', b'Content-Type: multipart/mixed; boundary=a\n\n--a\n', b'--a--\n', b'Content-Transfer-Encoding: base64\n',
    b'Content-Type: message/rfc822\n\n', b'\0', b'\xe4', b'\xff\xfe', b'\xe2\x80', b'\xc2\xad', b' ', b'\t', b'From x\n',
    b'begin 644 x\n', b'end\n', b'=\n', b'= \r\n', b'=3D', b'text/html', b'multipart/digest', b'\r', b'alt="', b"title='x",
    b'%41', b'%00', b"; name*=utf-8''a%00b", b'filename*1="', b'quoted-printable', b'Content-Type: text/html; charset=iso-2022-jp\n',
    b'\x1b$B', b'charset=utf-7', b'+AOQ-', b'>From x y\n', b'Subject: ',
]


def mutate(r, data, others):
    data = bytearray(data)
    for _ in range(r.choice((1, 2, 3, 5, 10))):
        at = r.randrange(len(data) + 1)
        if r.random() < 0.6:        # rather where it matters
            found = data.find(r.choice((b'Content-', b'boundary', b'=?', b'--', b'<', b'=', b'\n', b';', b'charset')), at)
            at = found if found >= 0 else at
        kind = r.random()
        if kind < 0.5:
            data[at:at] = r.choice(PIECES)
        elif kind < 0.65:
            del data[at:at + r.choice((1, 2, 5, 30))]
        elif kind < 0.75:
            data[at:at + 1] = bytes([r.randrange(256)])
        elif kind < 0.85:
            start = r.randrange(len(data) + 1)
            data[at:at] = data[start:start + r.randrange(200)]
        elif kind < 0.9:
            del data[at:]
        else:
            other = r.choice(others)
            data[at:at] = other[:r.randrange(len(other) + 1)]
    return bytes(data)


def guessed_values(data, names=('Date', 'From', 'To', 'Cc')):
    """The first values of the fields that are read as leniently as it goes."""
    header = mailtext.Header(data, 0, True)
    return {value for value in (header.first(name.lower().encode()) for name in names) if value is not None}
