# SPDX-License-Identifier: GPL-3.0-or-later
"""The demo as ./bootstrap demo --once runs it, on other ports and in another folder."""

import os
import signal
import socket
import subprocess
import sys

from lib import harness

DEMO = os.path.join(harness.SOURCE, 'tests', 'demo', 'demo.py')


def command(folder, ports, *more):
    return [sys.executable, DEMO, '--build', harness.build_dir(), '--folder', str(folder), '--imap-port', str(ports[0]),
            '--imaps-port', str(ports[1]), '--http-port', str(ports[2]), *more]


def free_ports():
    return [harness.free_port() for _ in range(3)]


def servers_of(folder):
    """Processes whose command line names the folder."""
    found = []
    for pid in harness.processes():
        try:
            with open('/proc/%d/cmdline' % pid, 'rb') as f:
                if str(folder).encode() in f.read() and pid != os.getpid():
                    found.append(pid)
        except OSError:
            pass
    return found


def test_once_answers_from_the_index_and_leaves_nothing(tmp_path):
    folder = tmp_path / 'a demo'
    done = subprocess.run(command(folder, free_ports(), '--once'), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    assert '3 of 3 searches were answered rightly, from the index' in done.stdout
    assert 'WRONG' not in done.stdout
    assert not folder.exists()
    assert servers_of(folder) == []


def test_a_taken_port_is_named(tmp_path):
    folder = tmp_path / 'demo'
    ports = free_ports()
    with socket.socket() as taken:
        taken.bind(('127.0.0.1', ports[1]))
        taken.listen()
        done = subprocess.run(command(folder, ports, '--once'), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert 'port %d of 127.0.0.1' % ports[1] in done.stdout
    assert not folder.exists()


def run_curls(text, folder):
    """Runs the commands that are printed under "With curl:", in one shell; returns what they print."""
    commands = text.split('With curl:\n')[1].split('\n\n')[0]
    assert commands.count('curl ') == 4
    (folder / '.curlrc').write_text('fail\nsilent\nshow-error\n', encoding='utf-8')
    done = subprocess.run(['sh', '-e', '-c', commands], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
                          env=os.environ | {'CURL_HOME': str(folder)})
    assert done.returncode == 0, commands + done.stdout
    return done.stdout


def test_ctrl_c_ends_the_server_whose_printed_commands_work(tmp_path):
    folder = tmp_path / 'demo'
    with subprocess.Popen(command(folder, free_ports()), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as demo:
        try:
            lines = []
            for line in demo.stdout:
                lines.append(line)
                if line.startswith('Ctrl-C'):
                    break
            else:
                raise AssertionError(''.join(lines))
            assert servers_of(folder)
            printed = run_curls(''.join(lines), tmp_path)
            assert '* SEARCH ' in printed
            assert '"messages"' in printed
            demo.send_signal(signal.SIGINT)
            rest, _ = demo.communicate(timeout=60)
            assert demo.returncode == 0, rest
        finally:
            demo.kill()
    assert not folder.exists()
    assert servers_of(folder) == []
