"""What makes the map of changed blocks worthless: the backup says so, reads every block, and is as good as any other."""
import shutil
import struct
import subprocess

import pytest

import incremental
import pgcluster
import restoring


@pytest.fixture
def line(pgstrata, clusters, major):
    return made_line(pgstrata, clusters, major)


def made_line(pgstrata, clusters, major, **options):
    line = incremental.Line(pgstrata, clusters, major, conf={'autovacuum': 'off'}, **options)
    line.create_kinds()
    line.work()
    line.take('full')
    return line


def run_stopped(line, program, *args):
    """One of PostgreSQL's programs on the stopped cluster."""
    with restoring.stopped(line.cluster):
        done = subprocess.run(pgcluster.as_server_user(program, '-D', line.cluster.data, *args), capture_output=True, text=True,
                              cwd='/')
        assert done.returncode == 0, done.stderr


def leave_behind(line):
    """Ends some segments and lets the server forget them, so that they are in the archive only. Returns their names."""
    names = []
    for seed in range(20, 23):
        line.stir_kinds()
        line.work(seed=seed)
        names.append(line.archive_all())
    for _ in range(3):
        line.cluster.sql('checkpoint')
        names.append(line.archive_all())
    pgcluster.wait_until(lambda: not (line.cluster.data / 'pg_wal' / names[0]).exists(), f'{names[0]} is forgotten')
    return names


@pytest.mark.majors(13, 18)
def test_a_gap(line):
    names = leave_behind(line)
    line.archive.object(names[1]).unlink()
    made = line.take_reading_all(f'WAL segment {names[1]} is missing', code=3)
    line.prove(made)
    line.stir_kinds()
    line.prove(line.take_incremental())


def damage(path, place):
    """Flips a bit in the middle of the object's frames, or of the index behind them."""
    content = bytearray(path.read_bytes())
    trailer = len(content) - 76
    index, = struct.unpack_from('<Q', content, trailer + 16)
    content[index // 2 if place == 'frames' else (index + trailer) // 2] ^= 1
    path.chmod(0o640)
    path.write_bytes(content)


@pytest.mark.majors(15)
def test_a_segment_with_damaged_frames(line):
    """What the map needs of the object is its index, which is sound; the parent's WAL is behind the new backup."""
    names = leave_behind(line)
    damage(line.archive.object(names[1]), 'frames')
    line.prove(line.take_incremental())


@pytest.mark.majors(15)
def test_a_segment_with_a_damaged_index(line):
    names = leave_behind(line)
    damage(line.archive.object(names[1]), 'index')
    made = line.take_reading_all(f'{names[1]}.wal: index of')
    line.prove(made)
    line.stir_kinds()
    line.prove(line.take_incremental())


@pytest.mark.parametrize('archived', ['none', 'some'])
@pytest.mark.majors(13, 18)
def test_wal_that_is_not_archived_yet(line, archived):
    """The end of the way, or all of it, is read from pg_wal and indexed on the spot."""
    command = line.cluster.value('show archive_command')
    line.cluster.configure({'wal_keep_size': '512MB', 'archive_command': "'/bin/false'"})
    if archived == 'some':
        line.stir_kinds()
        line.archive_all()
    line.cluster.reload()
    for _ in range(3):
        line.stir_kinds()
        line.cluster.switch_wal()
    quoted = command.replace("'", "''")
    line.cluster.configure({'archive_command': f"'{quoted}'"})
    line.configure(line.cluster, archive_timeout='1s')      # then the backup stores what it needs itself
    made = line.take_incremental(code=3)
    assert 'backup/WAL_STORED' in [notice['code'] for notice in made['notices']]
    line.cluster.reload()
    line.prove(made)


@pytest.mark.majors(13, 18)
def test_wal_level_minimal_in_between(line):
    """Rows that are copied into a table of the same transaction are not in WAL then, nor is any block of theirs named."""
    cluster = line.cluster
    cluster.sql('create table quiet (n int)')
    cluster.stop()
    cluster.configure({'wal_level': 'minimal', 'max_wal_senders': '0', 'archive_mode': 'off'})
    cluster.start()
    cluster.sql('begin; truncate quiet; copy quiet from program \'seq 20000\'; commit')
    cluster.stop()
    cluster.configure({'wal_level': 'replica', 'max_wal_senders': '4', 'archive_mode': 'on'})
    cluster.start()
    line.note('select sum(n) from quiet')
    made = line.take_reading_all('wal_level was minimal')
    line.prove(made)
    line.cluster.sql('insert into quiet values (5)')
    line.forget()
    line.note('select sum(n) from quiet')
    line.prove(line.take_incremental())


@pytest.mark.majors(13, 18)
@pytest.mark.parametrize('way', ['--enable', '--disable'])
def test_checksums_switched_while_it_was_stopped(pgstrata, clusters, major, all_programs, way):
    """Every page was written then, and no LSN changed."""
    line = made_line(pgstrata, clusters, major, checksums=way == '--disable')
    run_stopped(line, all_programs(major) / 'pg_checksums', way)
    made = line.take_reading_all('checksums')
    line.prove(made)
    line.stir_kinds()
    line.prove(line.take_incremental())


@pytest.mark.majors(18)
def test_pg_resetwal(line, all_programs, major):
    """It throws away what WAL there was; the system identifier stays."""
    line.stir_kinds()
    run_stopped(line, all_programs(major) / 'pg_resetwal', '-f')
    line.stir_kinds()
    made = line.take_reading_all('is missing', code=3)
    line.prove(made)


@pytest.mark.majors(15)
def test_another_system_identifier(line):
    """After initdb or pg_upgrade nothing of the older generation can be a parent."""
    old = line.cluster
    old.stop()
    shutil.rmtree(old.data)
    fresh = pgcluster.Cluster.create(line.major, old.home, conf={'autovacuum': 'off'})
    line.cluster = line.shadow.cluster = fresh
    line.archive.attach(fresh)
    line.configure(fresh)
    fresh.start()
    line.clusters.made.append(fresh)
    made = line.take()
    assert made['type'] == 'full' and made['reason'] and not made['parent'], made
    made = line.take_incremental()


def objects_of(line, label):
    return line.archive.urls[0].glob(f'main/g*/backup/{label}/*')


@pytest.mark.majors(15)
def test_a_parent_whose_objects_are_gone(line):
    first = line.take_incremental()
    line.stir_kinds()
    for path in objects_of(line, first['label']):
        path.unlink()
    second = line.take_incremental()    # from the one before
    assert second['parent'] not in (first['label'], None)
    line.prove(second)
    newest = line.take_incremental()
    for path in objects_of(line, newest['label']):
        if path.name.startswith('pack-'):
            path.unlink()
    line.stir_kinds()
    made = line.take_incremental(code=3)
    assert made['parent'] == second['label']
    assert 'backup/PARENT_DAMAGED' in [notice['code'] for notice in made['notices']]
    line.prove(made)


@pytest.mark.majors(13, 18)
def test_after_a_restore_to_an_earlier_moment(line):
    """What was backed up behind that moment is on no line of descent any more; what was before is."""
    full = line.take('full')
    line.mark('here')
    line.stir_kinds()
    abandoned = line.take_incremental()
    line.archive_all()
    line.cluster.stop()
    line.pgstrata('restore', '--yes', '--target-name=here')
    line.cluster.start()
    line.cluster.wait_for_recovery_end()
    del line.shadow.commits[line.shadow.marks['here'].order:]
    line.rows = None
    line.kinds = line.cluster.value('select max(id) from kinds')
    line.stir_kinds()
    line.note('select sum(id) from kinds')
    made = line.take_incremental()
    assert made['parent'] == full['label'] != abandoned['label']
    line.prove(made)
    line.stir_kinds()
    line.forget()
    following = line.take_incremental()
    assert following['parent'] == made['label']
    line.prove(following)


@pytest.mark.majors(15)
def test_type_incr_without_any_parent(pgstrata, clusters, major):
    line = incremental.Line(pgstrata, clusters, major)
    made = line.take()
    assert made['type'] == 'full' and not made['parent'] and made['reason']
    line.prove(made)


@pytest.mark.majors(15)
def test_without_a_type(line):
    """The default: incremental, or full when there is none."""
    line.stir_kinds()
    line.pgstrata('backup')
    newest = sorted(path.parent.name for path in line.archive.urls[0].glob('main/g1/backup/*/backup'))[-1]
    assert newest.endswith('I')
