# SPDX-License-Identifier: GPL-3.0-or-later
"""LOGIN and AUTHENTICATE: who gets in, who does not, and what is told of it."""

import base64
import os
import time

import pytest

from lib.imap import Disconnected, Literal, Quoted


def plain(user, password, authzid=''):
    return base64.b64encode(('%s\0%s\0%s' % (authzid, user, password)).encode()).decode()


@pytest.fixture
def quick(make_server):
    """A server that does not delay failed logins."""
    return make_server({'auth': {'failed_login_delay': '0s'}})


def test_login_gives_the_new_capabilities(server, account):
    client = server.connect()
    assert 'AUTH=PLAIN' in client.greeting.code
    result = client.login(account.name, account.password)
    assert result.code[0] == 'CAPABILITY' and 'IMAP4rev1' in result.code
    assert not any(str(word).startswith('AUTH=') for word in result.code)
    assert client.select().exists == 0


@pytest.mark.parametrize('form', [Quoted, lambda text: Literal(text, sync=True), lambda text: Literal(text, sync=False)])
def test_login_takes_every_string(quick, form):
    for n, password in enumerate(['simple', 'with space', 'q"u\\o', 'schön €', '(){}%*]', 'x' * 500]):
        quick.add_user('u%d' % n, password)
        client = quick.connect()
        assert client.cmd('LOGIN', form('u%d' % n), form(password)).status == 'OK'


@pytest.mark.parametrize('user,password', [
    ('ann', 'wrong'), ('ann', ''), ('nobody', 'secret'), ('', 'secret'), ('ann ', 'secret'), ('ANN', 'secret'), ('../ann', 'secret'),
    ('ann', 'secret '), ('ann', 'x' * 5000), ('ann', 'x' * 700), ('x' * 5000, 'secret')], ids=lambda text: text[:8])
def test_wrong_user_or_password(quick, user, password):
    quick.add_user('ann', 'secret')
    client = quick.connect()
    result = client.cmd('LOGIN', Quoted(user), Quoted(password), ok=False)
    assert result.status == 'NO' and result.has_code('AUTHENTICATIONFAILED')
    assert client.cmd('SELECT', 'INBOX', ok=False).status == 'BAD'
    # The same answer whatever was wrong.
    other = client.cmd('LOGIN', 'ann', 'wrong-too', ok=False)
    assert other.text == result.text
    assert client.login('ann', 'secret').status == 'OK'


def test_passwords_are_never_logged(quick):
    quick.add_user('ann', 'Grossgeheim1')
    client = quick.connect()
    client.cmd('LOGIN', 'ann', 'Grossgeheim2', ok=False)
    client.cmd('AUTHENTICATE PLAIN', plain('ann', 'Grossgeheim3'), ok=False)
    client.login('ann', 'Grossgeheim1')
    log = quick.log_text()
    assert 'Grossgeheim' not in log
    assert plain('ann', 'Grossgeheim3') not in log
    assert log.count('event=login.failed') == 2 and 'user=ann peer=127.0.0.1' in log
    assert log.count('event=login.ok') == 1


def test_authenticate_plain(server, account):
    token = plain(account.name, account.password)
    client = server.connect()
    assert client.cmd('AUTHENTICATE PLAIN', token).code[0] == 'CAPABILITY'
    client = server.connect()
    tag = client.send('authenticate plain')
    assert client._await_continuation(tag).text == b''
    client.write(token.encode() + b'\r\n')
    assert client.wait(tag).status == 'OK'
    assert client.select().exists == 0
    client = server.connect()
    assert client.cmd('AUTHENTICATE PLAIN', plain(account.name, account.password, account.name)).status == 'OK'


def test_authenticate_may_be_cancelled(server, account):
    client = server.connect()
    tag = client.send('AUTHENTICATE PLAIN')
    client._await_continuation(tag)
    client.write(b'*\r\n')
    assert client.wait(tag).status == 'BAD'
    assert client.login(account.name, account.password).status == 'OK'


@pytest.mark.parametrize('response', ['', '=', 'x', '====', 'AGEAYg', 'AGEAYg==x', base64.b64encode(b'no nul').decode(),
                                      base64.b64encode(b'\0only\0').decode()[:-1], base64.b64encode(b'a\0b').decode(),
                                      base64.b64encode(b'\0a\0b\0c').decode(), base64.b64encode(b'\0\0b').decode(),
                                      base64.b64encode(b'\0\xff\0b').decode()])
def test_broken_responses_are_bad(server, account, response):
    client = server.connect()
    tag = client.send('AUTHENTICATE PLAIN')
    client._await_continuation(tag)
    client.write(response.encode() + b'\r\n')
    assert client.wait(tag).status == 'BAD'
    assert client.login(account.name, account.password).status == 'OK'


def test_nobody_may_act_for_another(quick):
    quick.add_user('ann', 'secret')
    quick.add_user('bob', 'other')
    client = quick.connect()
    result = client.cmd('AUTHENTICATE PLAIN', plain('ann', 'secret', 'bob'), ok=False)
    assert result.status == 'NO' and result.has_code('AUTHORIZATIONFAILED')
    result = client.cmd('AUTHENTICATE PLAIN', plain('ann', 'wrong', 'bob'), ok=False)
    assert result.status == 'NO' and result.has_code('AUTHENTICATIONFAILED')


def test_unknown_mechanism(server):
    assert server.connect().cmd('AUTHENTICATE FOO', ok=False).status == 'NO'
    assert server.connect().cmd('AUTHENTICATE', ok=False).status == 'BAD'


def test_no_password_without_tls(make_server):
    server = make_server({'auth': {'allow_plaintext_loopback': 'no'}})
    server.add_user('ann', 'secret')
    client = server.connect()
    capability = client.capability()
    assert 'LOGINDISABLED' in capability and 'AUTH=PLAIN' not in capability
    for command in (['LOGIN', 'ann', 'secret'], ['AUTHENTICATE PLAIN'], ['AUTHENTICATE PLAIN', plain('ann', 'secret')]):
        result = client.cmd(*command, ok=False)
        assert result.status == 'NO' and result.has_code('PRIVACYREQUIRED')
    client.starttls()
    assert 'LOGINDISABLED' not in client.capability()
    assert client.login('ann', 'secret').status == 'OK'


def test_failed_logins_are_delayed_and_nobody_else(make_server):
    server = make_server({'auth': {'failed_login_delay': '1500ms'}, 'server': {'workers': 1}})
    server.add_user('ann', 'secret')
    failing = [server.connect() for _ in range(3)]
    start = time.monotonic()
    tags = [client.send('LOGIN', 'ann', 'wrong') for client in failing]
    assert server.login('ann', 'secret').noop().status == 'OK'
    assert time.monotonic() - start < 1.4, 'a good login waited for a bad one'
    for client, tag in zip(failing, tags):
        assert client.wait(tag).status == 'NO'
    assert 1.5 <= time.monotonic() - start < 4


def test_many_logins_at_once_keep_nobody_waiting_who_is_in(quick):
    quick.add_user('ann', 'secret')
    inside = quick.login('ann', 'secret')
    inside.select()
    guessing = [quick.connect() for _ in range(40)]
    tags = [client.send('LOGIN', 'ann', 'wrong') for client in guessing]
    start = time.monotonic()
    for _ in range(5):
        inside.noop()
    took = time.monotonic() - start
    assert guessing[-1].wait(tags[-1]).status == 'NO'
    assert took < (time.monotonic() - start) / 2, 'NOOP waited for password checks'


def test_guessing_ends_the_connection(quick):
    quick.add_user('ann', 'secret')
    client = quick.connect()
    with pytest.raises(Disconnected):
        for n in range(50):
            client.cmd('LOGIN', 'ann', 'wrong%d' % n, ok=False)
    assert n <= 10 and client.untagged[-1].name == 'BYE'


def test_account_is_made_at_the_first_login(server, account):
    assert not os.path.exists(server.maildir(account.name) + '/cur') or account.connect().select().exists == 0
    assert account.connect().select().exists == 0
    assert os.path.isdir(server.maildir(account.name) + '/cur')


def test_changed_password_counts_from_the_next_login_on(quick):
    quick.add_user('ann', 'old')
    client = quick.login('ann', 'old')
    quick.mailsift('user', 'passwd', 'ann', '--password-stdin', stdin='new\n')
    assert client.noop().status == 'OK'
    assert quick.connect().cmd('LOGIN', 'ann', 'old', ok=False).status == 'NO'
    assert quick.connect().login('ann', 'new').status == 'OK'
    quick.mailsift('user', 'delete', 'ann')
    assert quick.connect().cmd('LOGIN', 'ann', 'new', ok=False).status == 'NO'


def test_connections_of_one_user_are_limited(make_server, make_account):
    server = make_server({'server': {'max_connections_per_user': '3'}})
    account = make_account(server)
    clients = [account.connect() for _ in range(3)]
    result = server.connect().cmd('LOGIN', Quoted(account.name), Quoted(account.password), ok=False)
    assert result.status == 'NO' and result.has_code('LIMIT')
    clients[0].logout()
    end = time.monotonic() + 10
    while server.connect().cmd('LOGIN', Quoted(account.name), Quoted(account.password), ok=False).status != 'OK':
        assert time.monotonic() < end
        time.sleep(0.02)


def test_connections_are_limited(make_server):
    server = make_server({'server': {'max_connections': '5'}})
    clients = [server.connect() for _ in range(5)]
    refused = server.connect()
    assert refused.greeting.name == 'BYE' and refused.greeting.code == ['UNAVAILABLE']
    clients[0].logout()
    end = time.monotonic() + 10
    while server.connect().greeting.name != 'OK':
        assert time.monotonic() < end
        time.sleep(0.02)
