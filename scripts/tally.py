#!/usr/bin/env python3
"""tally.py meson|junit FILE: prints "PASSED FAILED" of a test run's report.

meson: testlog.json; a cmocka program counts with the number of its test functions, any other program as one test.
junit: pytest's --junitxml; skipped tests count as neither, and pytest prints their reasons.
A report that is missing, empty or torn is one failure, and so is a program that died before it could count.
"""
import json, re, sys
import xml.etree.ElementTree as xml


def meson(path):
    passed = failed = 0
    for line in open(path):
        run = json.loads(line)
        said = run.get('stdout', '') + run.get('stderr', '')
        good = re.search(r'^\[  PASSED  \] (\d+) test', said, re.M)
        bad = re.search(r'^\[  FAILED  \] +(\d+) test', said, re.M)
        is_good = run['result'] in ('OK', 'EXPECTEDFAIL')
        passed += int(good[1]) if good else int(is_good)
        failed += 0 if is_good else int(bad[1]) if bad else 1
    return passed, failed


def junit(path):
    passed = failed = 0
    for suite in xml.parse(path).getroot().iter('testsuite'):
        tests, bad, skipped = (sum(int(suite.get(name, 0)) for name in names)
                               for names in (('tests',), ('failures', 'errors'), ('skipped',)))
        passed += max(tests - bad - skipped, 0)
        failed += bad
    return passed, failed


try:
    passed, failed = {'meson': meson, 'junit': junit}[sys.argv[1]](sys.argv[2])
except (OSError, ValueError, xml.ParseError) as fault:
    print(f'tally: {fault}', file=sys.stderr)
    passed, failed = 0, 1
if passed + failed == 0:
    print(f'tally: {sys.argv[2]} names no test', file=sys.stderr)
    failed = 1
print(passed, failed)
