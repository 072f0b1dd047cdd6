# SPDX-License-Identifier: PostgreSQL
# Copyright (c) 2026, the pgstrata authors
"""The program from outside: what it prints, where, and with which exit status."""
import json
import pathlib
import re
import subprocess

import pytest
import zstandard

FIXTURES = pathlib.Path(__file__).resolve().parent.parent / 'fixtures'
CONF = '''[repo near]
url = /srv/near
[cluster main]
pgdata = /pg
port = 5433
'''


def commands(program):
    text = program('help').stdout
    lines = re.search(r'Commands:\n((?:  .*\n)+)', text)[1].splitlines()
    return [re.match(r'  ((?:[a-z-]+ ?)+)', line)[1].strip() for line in lines if re.match(r'  \S', line)]


def test_version_in_every_spelling(program):
    for argument in 'version', '--version', '-V':
        done = program(argument)
        assert (done.returncode, done.stderr) == (0, '')
        assert re.fullmatch(r'pgstrata \d+\.\d+\.\d+\n', done.stdout)


def test_version_as_json(program):
    assert json.loads(program('--output=json', 'version').stdout)['version'] == program('-V').stdout.split()[1]


def test_help_of_every_command(program):
    names = commands(program)
    assert {'help', 'version', 'config show'} <= set(names)
    for name in names:
        by_word, by_option = program('help', *name.split()), program(*name.split(), '--help')
        assert by_word.returncode == 0 and by_word.stdout.startswith(f'pgstrata {name}: ')
        assert by_option.returncode == 0 and 'Usage:' in by_option.stdout


def test_help_offers_no_option_of_a_later_version(program):
    for name in commands(program):
        assert not re.search('--source', program('help', *name.split()).stdout)
    for shell in 'bash', 'zsh', 'fish':
        assert not re.search('basebackup', program('help', '--completion', shell).stdout)


def test_manual_page_of_every_command(program):
    for name in [[]] + [name.split() for name in commands(program)]:
        page = program('help', '--man', *name)
        assert page.returncode == 0 and page.stdout.startswith('.TH ')
        checked = subprocess.run(['man', '--warnings', '-l', '-'], input=page.stdout, text=True, capture_output=True,
                                 env={'LC_ALL': 'C.UTF-8', 'PATH': '/usr/bin:/bin', 'MANWIDTH': '100'}, check=False)
        assert checked.stderr == '' and 'EXIT STATUS' in checked.stdout


def test_every_command_has_a_page_that_is_installed(program):
    pages = program.path.parent / 'cli/manual'
    assert {f'pgstrata-{name.replace(" ", "-")}.1' for name in commands(program)} == \
        {page.name for page in pages.glob('pgstrata-*.1')}


def test_bash_completion_completes(program):
    script = program('help', '--completion', 'bash').stdout
    for words, wanted in ((['conf'], 'config'), (['config', 'sh'], 'show'), (['config', 'show', '--pgd'], '--pgdata='),
                          (['config', 'show', '--compress', 'l'], 'lz4')):
        ask = (script + f'COMP_WORDS=(pgstrata {" ".join(words)}); COMP_CWORD={len(words)}; compopt() {{ :; }}\n'
               '_pgstrata; echo "${COMPREPLY[@]}"')
        assert subprocess.run(['bash', '-c', ask], text=True, capture_output=True, check=True).stdout == wanted + '\n'


@pytest.mark.parametrize('arguments, message, hint', [
    ([], 'no command given', '"pgstrata help" lists the commands'),
    (['versoin2'], 'unknown command "versoin2"', None),
    (['versio'], 'unknown command "versio"', 'did you mean "version"?'),
    (['config'], 'unknown command "config"', 'did you mean "config show"?'),
    (['version', '--outptu=json'], 'unknown option --outptu', 'did you mean --output?'),
    (['version', '--output'], '--output needs a value: --output FORMAT', None),
    (['version', '--pgdata=/x'], '--pgdata is not an option of version', '"pgstrata help version" lists its options'),
    (['version', 'now'], '"now" is one argument too many for version', None),
    (['config', 'show', '-j', '0'], 'command line: jobs: 0 is out of range 1 to 256', None),
    (['backup', '--type=inc'], 'command line: type: "inc" is none of full, diff, incr', 'did you mean "incr"?'),
    (['config', 'show', '-qv'], '-q and -v exclude each other', None),
])
def test_usage_errors(program, arguments, message, hint):
    done = program(*arguments)
    assert done.returncode == 2
    assert done.stdout == ''
    first, *rest = done.stderr.splitlines()
    assert re.fullmatch(r'pgstrata: error: (.*) \[(?:cli|conf)/USAGE\]', first)[1] == message
    if hint:
        assert f'HINT:  {hint}' in rest


def test_errors_as_json_are_one_document(program):
    done = program('--output', 'json', 'versio')
    assert (done.returncode, done.stderr) == (2, '')
    assert json.loads(done.stdout) == {'schema': 1, 'error': {
        'code': 'cli/USAGE', 'class': 'USAGE', 'message': 'unknown command "versio"', 'detail': '',
        'hint': 'did you mean "version"?'}}


def test_errors_as_json_hold_any_bytes(program):
    done = program('--output=json', b'\xff\xc3\xa9')
    assert json.loads(done.stdout)['error']['message'] == 'unknown command "\\xff\u00e9"'


TWO = '''[global]
retry-timeout = 0s
[repo a]
url = {0}/a
[repo b]
url = {0}/b
[cluster one]
pgdata = {0}
repo = a
[cluster two]
pgdata = {0}/nowhere
repo = b
'''


@pytest.mark.parametrize('command', ['info', 'verify', 'check'])
def test_all_clusters_are_looked_at_whatever_one_says(program, tmp_path, command):
    conf = TWO.format(tmp_path) + f'state-dir = {tmp_path}\n'
    (tmp_path / 'b').write_text('no folder')
    done = program(command, '--output=json', conf=conf)
    document = json.loads(done.stdout)
    assert [cluster['name'] for cluster in document['clusters']] == ['one', 'two']
    assert 'error' not in document and document['notices']
    for name in 'one', 'two':
        assert any(notice['message'].startswith(f'cluster {name}: ') for notice in document['notices'])
    text = program(command, conf=conf)
    assert text.returncode == done.returncode and done.returncode not in (0, 2)
    assert 'cluster one: ' in text.stderr and 'cluster two: ' in text.stderr
    if command != 'info':
        assert re.findall('^cluster (.*)$', text.stdout, re.M) == ['one', 'two']
    alone = json.loads(program(command, '--output=json', '--cluster=two', conf=conf).stdout)
    assert [cluster['name'] for cluster in alone['clusters']] == ['two']


def test_a_label_is_of_one_cluster(program, tmp_path):
    done = program('verify', '--backup=20260101-000000F', conf=TWO.format(tmp_path))
    assert done.returncode == 2 and 'several clusters are configured: "one", "two"' in done.stderr


def test_config_show_names_origins(program):
    done = program('config', 'show', '-j3', conf=CONF, PGSTRATA_RPO='1h')
    assert done.returncode == 0, done.stderr
    assert f'pgdata = /pg  ; {program.file}:4\n' in done.stdout
    assert 'jobs = 3  ; command line (-j)\n' in done.stdout
    assert 'rpo = 1h  ; environment (PGSTRATA_RPO)\n' in done.stdout
    assert 'source = local  ; default\n' in done.stdout


def test_config_show_can_be_read_back(program):
    first = program('config', 'show', conf=CONF)
    again = program('config', 'show', conf=first.stdout)
    assert again.returncode == 0, again.stderr
    assert [line.split('  ;')[0] for line in again.stdout.splitlines() if ' = ' in line] == \
        [line.split('  ;')[0] for line in first.stdout.splitlines() if ' = ' in line]


def test_config_show_as_json(program):
    shown = json.loads(program('config', 'show', '--output=json', conf=CONF).stdout)
    assert shown['schema'] == 1 and shown['files'] == [str(program.file)]
    assert shown['clusters'][0]['name'] == 'main'
    assert shown['clusters'][0]['settings']['port'] == {'value': '5433', 'origin': f'{program.file}:5'}
    assert shown['repos'][0]['settings']['url']['value'] == '/srv/near'


def test_config_show_works_without_a_file(program, tmp_path):
    done = program('config', 'show', PGSTRATA_CONFIG='', PGSTRATA_PGDATA='/pg', PGSTRATA_REPO_URL='/srv/r')
    assert done.returncode == 0, done.stderr
    assert 'pgdata = /pg  ; environment (PGSTRATA_PGDATA)' in done.stdout


def test_promises_are_refused_wherever_they_stand(program):
    told = 'retention: "dayly" is no promise [cluster/USAGE]\nHINT:  did you mean "daily"?\n'
    for done in (program('config', 'show', '--retention=dayly 7'), program('config', 'show', PGSTRATA_RETENTION='dayly 7'),
                 program('config', 'show', conf='[cluster main]\nretention = dayly 7\n'),
                 program('config', 'show', conf='[global]\nretention = pitr 7d, dayly 7\n')):
        assert done.returncode == 2 and done.stderr.endswith(told), done.stderr


@pytest.mark.parametrize('conf, message', [
    ('[cluster main]\npgdta = /x\n', ':2: unknown option "pgdta" in a section [cluster NAME]'),
    ('[stanza]\n', ':1: unknown section [stanza]'),
    ('[repo r]\nurl = /r\n[cluster a]\nport = 70000\n', ':4: port: 70000 is out of range 1 to 65535'),
    ('[repo r]\nurl = /' + 'x' * 200 + '\n', ':2: the line has 207 bytes, at most 198 are possible'),
])
def test_broken_configuration_is_told_by_file_and_line(program, conf, message):
    done = program('config', 'show', conf=conf)
    assert done.returncode == 2
    assert f'pgstrata: error: {program.file}{message} [conf/USAGE]' in done.stderr


def test_config_show_tells_what_does_not_fit_together(program):
    done = program('config', 'show', conf='[cluster a]\nrepo = none-such\n[repo r]\nurl = /r\n')
    assert done.returncode == 2
    assert f'{program.file}:2: there is no repository "none-such" in the configuration' in done.stderr


def test_full_disk_on_standard_output_is_an_error(program):
    with open('/dev/full', 'w', encoding='ascii') as full:
        done = program('help', stdout=full)
    assert done.returncode == 1
    assert 'standard output: No space left on device [cli/IO]' in done.stderr


@pytest.mark.parametrize('arguments', [
    ['archive-get'], ['archive-gte', 'a', 'b'], ['--no-such', 'archive-get', 'a', 'b'], ['archive-get', '--no-such'],
    ['version', '000000010000000000000001', 'pg_wal/RECOVERYXLOG'],
    ['--help', '000000010000000000000001', 'pg_wal/RECOVERYXLOG'],
    ['000000010000000000000001', 'pg_wal/RECOVERYXLOG'],
])
def test_archive_get_never_means_end_of_wal_by_mistake(program, arguments):
    assert program(*arguments).returncode == 200


@pytest.mark.parametrize('arguments', [
    ['archive-push'], ['--no-such', 'archive-push', 'a'], ['archive-push', '--no-such'], ['archive-push', 'a', 'b', 'c'],
])
def test_archive_push_fails_within_1_to_125(program, arguments):
    assert 1 <= program(*arguments).returncode <= 125


@pytest.fixture
def segments(tmp_path):
    """Files with what a server of 15 wrote: two segments in a row, and the first one again, cut inside a page."""
    stream = zstandard.ZstdDecompressor().stream_reader((FIXTURES / 'wal' / 'pg15.zst').open('rb')).read()
    size = 1 << 20
    paths = []
    for number, content in enumerate((stream[:size], stream[size:2 * size], stream[:300000])):
        paths.append(tmp_path / f'segment{number}')
        paths[-1].write_bytes(content)
    return paths


def test_wal_index_shows_files_in_turn(program, segments):
    shown = program('wal-index', *segments)
    assert shown.returncode == 0 and shown.stderr == ''
    parts = shown.stdout.split('\n\n')
    assert len(parts) == 3
    for part in parts:
        assert [line.split()[0] for line in part.splitlines() if not line.startswith(' ')][:3] == ['segment', 'cluster', 'records']
        assert re.search(r'^committed +\d', part, re.M)
    assert re.search(r'^  1663/\d+/\d+ +(\d+(-\d+)?|whole|maps)', parts[0], re.M) and re.search(r'^rows +[1-9]', parts[0], re.M)
    assert 'goes on' in parts[0] and 'begun before' in parts[1] and '\nends ' in parts[2]
    assert re.search(r'committed at [0-9A-F]+/[0-9A-F]+, 2\d{3}-', parts[0]) and 'dropped file' in parts[0]


def test_wal_index_as_json_has_every_list(program, segments):
    first, second, cut = json.loads(program('wal-index', '--output=json', *segments).stdout)['segments']
    assert first['blocks']['fault'] is None and first['repository'] == '' and not first['is_stored']
    assert all(count > 0 for relation in first['blocks']['relations'] for _, count in relation['blocks'])
    assert {'file', 'database', 'tablespace', 'inserts', 'updates', 'deletes'} == set(first['activity']['relations'][0])
    assert first['seams']['tail_record_bytes'] == first['seams']['tail_bytes'] + second['seams']['head_bytes']
    assert second['seams']['first_previous_lsn'] == first['next_lsn'] and not first['end']
    assert cut['end'] and 0 < cut['records'] < first['records']


@pytest.mark.parametrize('content, text', ((b'', 'WAL'), (b'no wal' * 5000, 'WAL'), (bytes(8192), 'WAL')))
def test_wal_index_of_what_is_no_wal_is_an_error(program, tmp_path, content, text):
    path = tmp_path / 'file'
    path.write_bytes(content)
    done = program('wal-index', path)
    assert done.returncode != 0 and str(path) in done.stderr and text in done.stderr and done.stdout == ''
    assert program('wal-index', tmp_path / 'nowhere').returncode != 0
