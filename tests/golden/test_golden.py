# SPDX-License-Identifier: PostgreSQL
# Copyright (c) 2026, the pgstrata authors
"""The golden repositories, read by the program and by the independent reader. tests/system starts servers on them."""
import os
import random
import shutil

import golden
import pgcluster
import pytest
import reader

PROGRAM = golden.TOP / os.environ.get('PGSTRATA_BUILD', 'build') / 'src' / 'pgstrata'


@pytest.fixture(scope='module', params=golden.names())
def name(request):
    """One golden repository after the other; nothing that was done with it may have changed it."""
    yield request.param
    assert golden.tree(golden.V1 / request.param / 'repository') == golden.expected(request.param)['objects']


@pytest.fixture(scope='module')
def expected(name):
    return golden.expected(name)


@pytest.fixture
def copy(name):
    folder = pgcluster.new_folder('pgstrata-golden-')
    yield golden.Copy(golden.V1 / name / 'repository', PROGRAM, folder)
    shutil.rmtree(folder)


def test_the_set_tells_every_story():
    every = [golden.expected(name) for name in golden.names()]
    assert {one['codec'] for one in every} == {'zstd', 'lz4', 'none'}
    backups = [backup for one in every for backup in one['info']['backups']]
    assert {(backup['from_standby'], backup['offline']) for backup in backups} == {(False, False), (True, False), (False, True)}
    assert {backup['type'] for backup in backups} == {'full', 'diff', 'incr'}
    assert {timeline['origin'] for one in every for timeline in one['info']['timelines']} == {'setup', 'failover', 'restore'}
    assert any(backup['links'] for one in every for backup in one['backups'].values())
    suffixes = {wal[24:].rsplit('.', 1)[-1] for one in every for wal in one['wal'] if len(wal) >= 24}
    assert suffixes >= {'', 'partial', 'backup', 'tail'}


def test_the_tree_is_what_was_made(name, expected):
    assert golden.tree(golden.V1 / name / 'repository') == expected['objects']


def test_info_and_verify_say_what_they_said(copy, expected):
    assert golden.known_part(copy.info(), expected['info']) == expected['info']
    copy.run('verify')


def test_the_program_restores_every_backup(copy, expected):
    for label, backup in expected['backups'].items():
        data = copy.restore(f'--backup={label}', '--target-immediate')
        assert not golden.same_files(golden.data_files(data), backup['files'])


def got(copy, data, wal):
    """What archive-get, called in a restored data directory, gives for a name."""
    copy.run('archive-get', wal, 'pg_wal/RECOVERYXLOG', cwd=data)
    return golden.sha256(data / 'pg_wal/RECOVERYXLOG')


def test_the_program_gives_back_the_archive(copy, expected):
    """archive-get knows the files that a server asks for, segments and histories; without a plan, those of every timeline."""
    data = copy.restore()
    (data / 'pgstrata.plan').unlink()
    made_of_tails = {wal[:24] for wal in expected['wal'] if wal.endswith('.tail')}
    names = {wal for wal in expected['wal'] if len(wal) == 24 or wal.endswith('.history')} - made_of_tails
    assert {wal: got(copy, data, wal) for wal in names} == {wal: expected['wal'][wal] for wal in names}
    for wal in made_of_tails:
        data = copy.restore(f'--target-timeline={int(wal[:8], 16)}')
        assert got(copy, data, wal) == expected['wal'][wal]


def test_the_reader_finds_all_sound(copy, expected):
    repository = reader.Repository(copy.repository)
    assert reader.verify(repository) == len(expected['objects'])


def test_the_reader_restores_every_backup(copy, expected):
    for label, backup in expected['backups'].items():
        assert golden.links(copy.repository, label) == backup['links']
        assert copy.read_backup(label) == backup['files']


def test_the_reader_gives_back_the_archive(copy, expected):
    assert {wal: copy.read_wal(wal) for wal in expected['wal']} == expected['wal']


def flip(path, draw):
    """Changes one bit of the file and gives the bytes it had."""
    good = path.read_bytes()
    at = draw.randrange(len(good))
    path.write_bytes(good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1:])
    return good


def test_one_flipped_bit_is_refused_in_every_object(copy, expected):
    draw = random.Random(20261121)
    for key in expected['objects']:
        path = copy.repository / key
        good = flip(path, draw)
        run = copy.run('verify', code=None)
        assert run.returncode == 5 or key == 'pgstrata' and run.returncode, f'{key}: {run}'
        assert key in run.stderr
        with pytest.raises((reader.Corrupt, reader.Unsupported)):
            reader.Repository(copy.repository).container(key).plain()
        path.write_bytes(good)
    copy.run('verify')


def test_a_damaged_backup_is_not_restored(copy, expected):
    label, *_ = expected['backups']
    flip(copy.repository / golden.GENERATION / 'backup' / label / 'pack-000001', random.Random(1))
    data = copy.restore(f'--backup={label}', '--target-immediate', code=5)
    assert not (data / 'global' / 'pg_control').exists()
