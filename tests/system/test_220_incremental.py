"""Incremental backups: after changes of every kind each of them restores to exactly what was there, and its own check finds
that the map of changed blocks left nothing out."""
import json
import subprocess

import pytest

import incremental
import pgcluster


@pytest.fixture
def line(pgstrata, clusters, major):
    return incremental.Line(pgstrata, clusters, major, conf={'autovacuum': 'off'})


@pytest.mark.majors(*pgcluster.ROUND_TRIP)
def test_one_round(line):
    line.create_kinds()
    line.work()
    line.take('full')
    line.stir_kinds()
    line.cluster.sql('vacuum kinds')
    line.prove(line.take_under_load())


def test_rows_and_indexes(line):
    line.create_kinds()
    line.work()
    line.take('full')
    for seed in range(2, 5):
        line.stir_kinds()
        line.work(seed=seed)
        made = line.take_under_load(seed=seed)
    line.prove(made)
    for statement in ('vacuum kinds', 'vacuum (freeze) shadow_accounts', 'vacuum', 'reindex index kinds_place'):
        line.cluster.sql(statement)
    line.prove(line.take_incremental('diff'))
    line.stir_kinds()
    line.prove(line.take_incremental())


def test_tables_made_rewritten_and_dropped(line):
    cluster = line.cluster
    line.create_kinds()
    for name in 'rewritten', 'emptied', 'clustered', 'shrunk', 'dropped', 'moved':
        cluster.sql(f"create table {name} as select n as id, repeat('y', 300) as t from generate_series(1, 2000) as n")
        cluster.sql(f'alter table {name} add primary key (id)')
    cluster.sql("create unlogged table passing as select n as id from generate_series(1, 1000) as n")
    line.take('full')
    cluster.sql('alter table rewritten alter column id type bigint')
    cluster.sql('truncate emptied; insert into emptied select n, n::text from generate_series(1, 50) as n')
    cluster.sql('delete from clustered where id % 3 = 0')
    cluster.sql('cluster clustered using clustered_pkey')
    cluster.sql('delete from shrunk where id > 100')
    cluster.sql('vacuum full shrunk')
    cluster.sql('drop table dropped')
    cluster.sql('create table dropped as select 1 as id')
    cluster.sql('begin; create table aborted as select generate_series(1, 5000) as n; rollback')
    cluster.sql('begin; truncate moved; insert into moved values (1); rollback')
    cluster.sql('insert into passing values (0)')
    cluster.sql("create unlogged table passing2 (id int primary key); insert into passing2 values (1)")
    cluster.sql('reindex table kinds')
    for catalog in 'pg_class', 'pg_authid', 'pg_attribute':      # their files are named by the relation map
        cluster.sql(f'vacuum full {catalog}')
    line.note('select sum(id) from rewritten', 'select sum(id) from emptied', 'select sum(id) from clustered',
              'select sum(id) from shrunk', 'select sum(id) from dropped', 'select count(*) from moved')
    line.facts += [('postgres', 'select count(*) from passing', 0), ('postgres', 'select count(*) from passing2', 0)]
    line.prove(line.take_incremental())
    line.forget()
    cluster.sql('alter table passing set logged; alter table moved set unlogged; drop table rewritten; drop table clustered')
    line.note('select sum(id) from passing')
    line.facts += [('postgres', 'select count(*) from moved', 0), ('postgres', "select to_regclass('rewritten') is null", True)]
    line.prove(line.take_incremental())


def test_databases_and_tablespaces(line, major):
    cluster = line.cluster
    for name in 'fast', 'slow':
        cluster.sql(f"create tablespace {name} location '{incremental.place_for_tablespace(line, name)}'")
    cluster.sql('create table wanderer as select n as id, n::text as t from generate_series(1, 3000) as n')
    cluster.sql('create database home')
    cluster.sql('create table t as select n from generate_series(1, 3000) as n', dbname='home')
    cluster.sql('create database gone template home')
    line.take('full')
    cluster.sql('alter table wanderer set tablespace fast')
    cluster.sql('alter database home set tablespace slow')
    cluster.sql('update t set n = n + 1 where n < 500', dbname='home')
    cluster.sql('drop database gone')
    strategies = ('', ) if major < 15 else ('strategy file_copy', 'strategy wal_log')
    for number, strategy in enumerate(strategies):
        cluster.sql(f'create database copy{number} template home {strategy}')
        cluster.sql('insert into t values (77)', dbname=f'copy{number}')
        line.note('select sum(n) from t', dbname=f'copy{number}')
    line.note('select sum(id) from wanderer')
    line.note('select sum(n) from t', dbname='home')
    line.prove(line.take_incremental())
    # Back to where they were: the same file names with other content.
    line.forget()
    cluster.sql('update t set n = n * 2', dbname='home')
    cluster.sql('alter database home set tablespace pg_default')
    cluster.sql('alter table wanderer set tablespace pg_default')
    cluster.sql('update wanderer set id = id + 5 where id % 7 = 0')
    line.note('select sum(id) from wanderer')
    line.note('select sum(n) from t', dbname='home')
    line.prove(line.take_incremental())


@pytest.mark.majors(18)
@pytest.mark.parametrize('strategy', ['file_copy', 'wal_log'])
def test_file_numbers_used_again(line, strategy):
    """A database with the number of a dropped one, made from another template: every path is there again."""
    cluster = line.cluster
    for name, factor in ('a', 1), ('b', 3):
        cluster.sql(f'create database {name}')
        cluster.sql('create table t as select n * %d as n from generate_series(1, 4000) as n' % factor, dbname=name)
    cluster.sql('create database c oid = 777777 template a')
    line.take('full')
    cluster.sql('drop database c')
    cluster.sql(f'create database c oid = 777777 template b strategy {strategy}')
    cluster.sql('delete from t where n % 2 = 0', dbname='c')
    line.note('select sum(n) from t', dbname='c')
    line.prove(line.take_incremental())


@pytest.mark.majors(13, 18)
def test_nothing_changed_costs_nothing(line):
    line.create_kinds(20000)
    line.work()
    full = line.take('full')
    first = line.take_incremental()
    second = line.take_incremental()
    for made in first, second:
        assert made['stored_bytes'] < full['stored_bytes'] / 5
    assert second['read_bytes'] < full['size_bytes'] / 10
    line.prove(second)


@pytest.mark.majors(15, 18)
def test_the_cost_follows_the_change(line):
    """One row in every fiftieth page of a table: that many pages are read, and stored."""
    cluster = line.cluster
    cluster.sql('create table wide (id int, t text, m int)')
    cluster.sql('alter table wide alter column t set storage plain')
    cluster.sql('insert into wide select n, repeat(md5(n::text), 100), 0 from generate_series(1, 4000) as n')
    assert cluster.value("select pg_relation_size('wide') / 8192") == 2000
    cluster.sql('select count(*) from wide')        # or the update would set hints on every page, which names them
    full = line.take('full')
    idle = line.take_incremental()
    cluster.sql('update wide set m = 1 where id % 100 = 0')
    made = line.take_incremental()
    assert 40 * 8192 < made['read_bytes'] - idle['read_bytes'] < 150 * 8192
    assert made['stored_bytes'] < full['stored_bytes'] / 4
    line.note('select sum(m) from wide', 'select count(*) from wide')
    line.prove(made)


@pytest.mark.majors(15)
def test_pgbench(line):
    bench = pgcluster.DEBIAN_15 / 'pgbench'
    there = ['-h', line.cluster.run, '-p', line.cluster.port, '-U', 'postgres', 'postgres']
    run = lambda *args: subprocess.run([str(a) for a in (bench, *args, *there)], check=True, capture_output=True)
    run('-i', '-s', 4, '-q')
    line.take('full')
    for _ in range(2):
        run('-c', 4, '-j', 2, '-t', 400)
        made = line.take_incremental()
    line.note('select sum(abalance) from pgbench_accounts', 'select sum(delta) from pgbench_history',
              'select sum(bbalance) from pgbench_branches')
    line.prove(made)


# ---- hints: changes that no WAL names

@pytest.mark.majors(13, 18)
@pytest.mark.parametrize('how', ['checksums', 'wal_log_hints', 'neither'])
def test_hint_bits_alone(pgstrata, clusters, major, how):
    line = incremental.Line(pgstrata, clusters, major, checksums=how == 'checksums',
                            conf={'autovacuum': 'off', 'wal_log_hints': 'on' if how == 'wal_log_hints' else 'off'})
    line.create_kinds()
    line.cluster.sql("begin; insert into kinds (id, word) select -n, 'w7' from generate_series(1, 200) as n; rollback")
    line.cluster.sql('checkpoint')
    line.take('full')
    incremental.kinds_agree(line.cluster)
    line.cluster.sql('checkpoint')
    made = line.take_incremental()
    check = made['self_check']
    assert check['differences'] == 0
    if how == 'neither':
        assert check['hints'] > 30
    else:
        assert check['hints'] <= 1        # SP-GiST's metapage, whose cache is no hint bit
    line.prove(made)


# ---- more than one file

@pytest.mark.majors(15)
def test_a_relation_of_two_segments_cut_and_grown(pgstrata, clusters, major):
    line = incremental.Line(pgstrata, clusters, major, checksums=False, conf={'autovacuum': 'off', 'max_wal_size': '8GB'})
    cluster = line.cluster
    cluster.sql('create table big (id int, t text) with (fillfactor = 10)')
    cluster.sql('alter table big alter column t set storage plain')
    grow = "insert into big select n, repeat('x', 700) from generate_series(1, 134000) as n"
    cluster.sql(grow)
    path = cluster.data / (cluster.value("select pg_relation_filepath('big')") + '.1')
    assert path.stat().st_size > 1 << 20
    cluster.sql('checkpoint')
    line.take('full')
    cluster.sql('delete from big where id > 50000')
    cluster.sql('vacuum big')
    assert path.stat().st_size == 0
    cut = line.take_incremental()
    cluster.sql(grow.replace('(1, 134000)', '(200001, 284500)').replace("'x'", "'z'"))
    assert path.stat().st_size > 1 << 20
    grown = line.take_incremental()
    assert grown['read_bytes'] < 800 << 20
    line.note('select sum(id::bigint) from big', 'select count(*) from big')
    line.prove(grown)
    assert cut['label'] in line.pgstrata('info').out


# ---- two from one parent

@pytest.mark.majors(15)
def test_two_from_one_parent(line):
    line.create_kinds()
    full = line.take('full')
    line.stir_kinds()
    first = line.take_incremental()
    line.stir_kinds()
    second = line.take_incremental('diff')
    line.stir_kinds()
    third = line.take_incremental()
    assert [made['parent'] for made in (first, second, third)] == [full['label'], full['label'], second['label']]
    line.note('select sum(id) from kinds')
    line.prove(second)
    line.prove(third)
    line.prove(first)


# ---- no chains

@pytest.mark.majors(15)
def test_the_middle_goes(line):
    """Of a line of five only the last stays, with the packs that it names: nothing else is needed."""
    line.create_kinds()
    made = [line.take('full')]
    for _ in range(4):
        line.stir_kinds()
        made.append(line.take_incremental())
    folder = line.archive.urls[0] / 'main' / 'g1' / 'backup'
    listed = subprocess.run(['zstd', '-dc', folder / made[-1]['label'] / 'packs'], capture_output=True, check=True).stdout
    needed = {(use['label'], f"pack-{use['pack']:06}") for use in map(json.loads, listed.splitlines()[1:])}
    for older in made[:-1]:
        for path in (folder / older['label']).iterdir():
            if (older['label'], path.name) not in needed:
                path.unlink()
    line.note('select sum(id) from kinds')
    line.prove(made[-1])
    line.stir_kinds()
    line.forget()
    following = line.take_incremental()
    assert following['parent'] == made[-1]['label']
    line.prove(following)
