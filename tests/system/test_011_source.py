"""The room source/ against real data directories: tests/source/source_probe.c lists what a backup would read."""
import os
import pathlib
import re
import shutil
import subprocess
import threading

import pytest

import pgcluster

ALWAYS_LEFT_OUT = {'postmaster.pid', 'postmaster.opts', 'backup_label', 'tablespace_map', 'backup_manifest'}
EMPTIED = {'pg_dynshmem', 'pg_notify', 'pg_replslot', 'pg_serial', 'pg_snapshots', 'pg_stat_tmp', 'pg_subtrans'}


@pytest.fixture
def probe(folder):
    build = pathlib.Path(os.environ.get('PGSTRATA_BUILD', pathlib.Path(__file__).resolve().parents[2] / 'build'))
    program = shutil.copy2(build / 'tests' / 'source' / 'source_probe', folder / 'source_probe')

    def run(data, how='online'):
        """Lines of the listing, and the text of the error if there is one."""
        done = subprocess.run(pgcluster.as_server_user(program, data, how), capture_output=True, text=True, cwd='/', timeout=120)
        lines = [line.split('\t') for line in done.stdout.splitlines()]
        assert done.returncode == 0 or done.stderr
        return lines, done.stderr
    return run


@pytest.fixture
def cluster(clusters, folder, major):
    """Two tablespaces (one inside the data directory), an unlogged table, pg_wal behind a link."""
    cluster = clusters(major)
    subprocess.run(pgcluster.as_server_user('mkdir', folder / 'space', folder / 'space' / 'lost+found', cluster.data / 'inner'),
                   check=True)
    subprocess.run(pgcluster.as_server_user('mv', cluster.data / 'pg_wal', folder / 'wal'), check=True)
    subprocess.run(pgcluster.as_server_user('ln', '-s', folder / 'wal', cluster.data / 'pg_wal'), check=True)
    cluster.start()
    for name, place in (('outer_space', folder / 'space'), ('inner_space', cluster.data / 'inner')):
        if name == 'outer_space':
            (folder / 'space' / 'lost+found').rmdir()   # PostgreSQL wants the folder empty, a disk's root is not
        cluster.sql(f"create tablespace {name} location '{place}'")
        cluster.sql(f'create table in_{name} tablespace {name} as select generate_series(1, 5000) as n')
    cluster.sql('create unlogged table unlogged_one as select generate_series(1, 5000) as n')
    cluster.sql('create table plain as select generate_series(1, 5000) as n')
    cluster.sql('vacuum')
    subprocess.run(pgcluster.as_server_user('mkdir', folder / 'space' / 'lost+found', folder / 'space' / 'PG_9.6_201608131'),
                   check=True)
    return cluster


def paths(lines):
    return [path for _, path, _, _ in lines]


def expected(cluster, unlogged):
    """The same list, from os.walk and the rules of PostgreSQL's own base backup, written down anew. (files, folders)"""
    files, folders = set(), set()

    def add(top, prefix, inner):
        for place, names, leaves in os.walk(top):
            here = os.path.relpath(place, top)
            base = prefix + ('' if here == '.' else here + '/')
            links = [name for name in names if os.path.islink(os.path.join(place, name))]
            for name in names:
                if not name.startswith('pgsql_tmp'):
                    folders.add(base + name)
            names[:] = [name for name in names if name not in links and not name.startswith('pgsql_tmp')
                        and not (base == '' and (name in EMPTIED or name in inner))]
            for name in leaves:
                if name in ALWAYS_LEFT_OUT or re.match(r'pg_internal\.init|pgsql_tmp', name) or name in unlogged:
                    continue
                files.add(base + name)

    add(cluster.data, '', {'inner'})
    version = next(name for name in os.listdir(cluster.data / 'inner') if name.startswith(f'PG_{cluster.major}_'))
    for oid in os.listdir(cluster.data / 'pg_tblspc'):
        folders.add(f'pg_tblspc/{oid}/{version}')
        add(cluster.data / 'pg_tblspc' / oid / version, f'pg_tblspc/{oid}/{version}/', set())
    folders |= {'pg_wal/archive_status'} | ({'pg_wal/summaries'} if cluster.major >= 17 else set())
    return files, folders


@pytest.mark.majors(*pgcluster.EVERY)
def test_the_listing_is_what_a_base_backup_takes(cluster, probe, folder):
    main = os.path.basename(cluster.value("select pg_relation_filepath('unlogged_one')"))
    cluster.stop()
    lines, fault = probe(cluster.data)
    assert not fault
    files, folders = expected(cluster, {main, f'{main}_fsm', f'{main}_vm'})
    assert {path for kind, path, _, _ in lines if kind == 'f'} == files
    assert {path for kind, path, _, _ in lines if kind in 'dD'} == folders
    assert {path for kind, path, _, _ in lines if kind == 'D'} >= {'pg_wal'} and not any(kind == 'l' for kind, *_ in lines)
    assert [os.fsencode(path) for path in paths(lines)] == sorted(os.fsencode(path) for path in paths(lines))
    assert any(path.endswith(f'/{main}_init') for path in paths(lines))
    for kind, path, size, _ in lines:
        if kind == 'f':
            assert int(size) == (cluster.data / path).stat().st_size, path
    with_wal, _ = probe(cluster.data, 'offline')
    segments = {f'pg_wal/{name}' for name in os.listdir(folder / 'wal') if re.fullmatch('[0-9A-F]{24}', name)}
    assert segments and set(paths(with_wal)) - set(paths(lines)) == segments


@pytest.mark.majors(15)
def test_files_that_come_and_go_are_no_fault(cluster, probe):
    stop, rounds = threading.Event(), []

    def churn():
        while not stop.is_set():
            cluster.sql('create table churn as select generate_series(1, 3000) as n; truncate churn; drop table churn')
            cluster.sql('create temporary table t as select 1; select pg_sleep(0.02)')
            cluster.sql('create database short_lived template template0')
            cluster.sql('drop database short_lived')
            rounds.append(len(rounds))
    worker = threading.Thread(target=churn)
    worker.start()
    try:
        for _ in range(30):
            lines, fault = probe(cluster.data)
            assert not fault
            assert len(lines) > 900 and 'global/pg_control' in paths(lines)
            assert not any(re.search(r'/t\d+_\d+', path) for path in paths(lines))
    finally:
        stop.set()
        worker.join()
    assert len(rounds) > 3


@pytest.mark.majors(15)
def test_an_unmounted_tablespace_is_a_fault(cluster, probe, folder):
    cluster.stop()
    (folder / 'space').rename(folder / 'elsewhere')
    assert 'which is not there' in probe(cluster.data)[1]
    subprocess.run(pgcluster.as_server_user('mkdir', folder / 'space'), check=True)
    assert 'has no folder PG_15_202209061' in probe(cluster.data)[1]
