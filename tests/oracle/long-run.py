#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""test_oracle.py again and again, each round with another seed: other queries, other spoilt messages, another order of mail.

    MAILSIFT_ORACLE_QUERIES    in all; default 100000
    MAILSIFT_ORACLE_SEED       of the first round, the next have the numbers behind it; default random, printed
    MAILSIFT_ORACLE_ROUND      queries of a round, default 10000
    MAILSIFT_ORACLE_JOBS       rounds at a time, default the number of processors
    MAILSIFT_ORACLE_SECONDS    no round begins after so many; default 7200

A run that was cut short goes on with the seed and the number of queries that it printed last. Exit status 1 if an answer was wrong or
nothing was compared; a round that failed is printed whole, and the others are carried on."""

import concurrent.futures
import os
import random
import re
import subprocess
import sys
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def setting(name, default):
    return int(os.environ.get('MAILSIFT_ORACLE_' + name) or default)


def run(seed, queries):
    """(seed, queries compared, with hits, output or None if all were right)"""
    environment = dict(os.environ, MAILSIFT_ORACLE_QUERIES='%d' % queries, MAILSIFT_ORACLE_SEED='%d' % seed)
    done = subprocess.run([sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '-q', '--tb=short', 'oracle/test_oracle.py'], cwd=TESTS,
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace', check=False)
    m = re.search(r'oracle: (\d+) queries over \d+ messages compared, (\d+) with hits', done.stdout)
    compared, hits = (int(m[1]), int(m[2])) if m else (0, 0)
    return seed, compared, hits, None if done.returncode == 0 and compared else done.stdout


def main():
    queries, size = setting('QUERIES', 100000), setting('ROUND', 10000)
    seed = setting('SEED', random.SystemRandom().randrange(1 << 31))
    begin, left, total, hits, wrong = time.monotonic(), queries, 0, 0, 0
    print('oracle: %d queries, MAILSIFT_ORACLE_SEED=%d' % (queries, seed), flush=True)
    with concurrent.futures.ThreadPoolExecutor(setting('JOBS', os.cpu_count() or 1)) as pool:
        waiting = set()
        while left > 0 or waiting:
            while left > 0 and len(waiting) < pool._max_workers and time.monotonic() - begin < setting('SECONDS', 7200):
                waiting.add(pool.submit(run, seed, min(size, left)))
                seed, left = seed + 1, left - size
            if not waiting:
                break
            done, waiting = concurrent.futures.wait(waiting, return_when=concurrent.futures.FIRST_COMPLETED)
            for one in done:
                its_seed, compared, its_hits, output = one.result()
                total, hits, wrong = total + compared, hits + its_hits, wrong + (output is not None)
                print('%6.0f s  seed %d: %d queries compared, %d with hits%s' %
                      (time.monotonic() - begin, its_seed, compared, its_hits, '' if output is None else ': FAILED\n' + output), flush=True)
    print('oracle: %d queries compared in %.0f s, %d with hits; %s' %
          (total, time.monotonic() - begin, hits, '%d rounds FAILED' % wrong if wrong else 'no difference'))
    if left > 0:
        print('time is up; on with MAILSIFT_ORACLE_SEED=%d MAILSIFT_ORACLE_QUERIES=%d' % (seed, left))
    sys.exit(wrong > 0 or total == 0)


if __name__ == '__main__':
    main()
