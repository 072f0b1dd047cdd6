"""backup --self-check finds what changed behind WAL's back, and is not led astray by what may change."""
import pytest

import incremental
import restoring
import shadow


@pytest.fixture
def line(pgstrata, clusters, major):
    line = incremental.Line(pgstrata, clusters, major, conf={'autovacuum': 'off'}, checksums=False)
    line.cluster.sql("create table app as select n as id, repeat('v', 100) as t from generate_series(1, 2000) as n")
    line.cluster.sql('vacuum app')
    line.take('full')
    return line


def write_behind(line, suffix, offset, content):
    """Writes into a file of the table while the server is stopped. Returns the path below the data directory."""
    path = line.cluster.data / (line.cluster.value("select pg_relation_filepath('app')") + suffix)
    with restoring.stopped(line.cluster), open(path, 'r+b') as file:
        file.seek(offset)
        file.write(content)
    return path.relative_to(line.cluster.data)


@pytest.mark.majors(13, 18)
def test_a_row_written_behind_the_server(line):
    path = write_behind(line, '', 3 * 8192 - 8, b'VVVV')
    before = line.pgstrata('info').out
    made = line.take(code=5)
    told = [notice['message'] for notice in made['notices'] if notice['code'] == 'backup/CORRUPT']
    assert told == [f'block 2 of {path} changed without WAL, in its content; relation postgres.public.app']
    assert 'was not committed' in made['error']['message']
    assert line.pgstrata('info').out.count('F ') == before.count('F ')
    line.note('select count(*) from app')
    line.prove(line.take('full'))


@pytest.mark.majors(15)
def test_a_bit_of_the_visibility_map(line):
    path = write_behind(line, '_vm', 24, b'\0')
    made = line.take(code=5)
    assert f'block 0 of {path} changed without WAL' in made['notices'][0]['message']


@pytest.mark.majors(13, 18)
def test_much_work_meanwhile_is_explained_by_wal(line):
    """The check reads when the copy is done: what changed since is in WAL behind the start."""
    line.work()
    line.take_incremental()
    writers = shadow.Workload(line.shadow, seed=3)
    writers.rows = line.rows
    later = 0
    with writers:
        for _ in range(4):
            writers.until_commits(30)
            later += line.take_incremental()['self_check']['later']
    line.rows = writers.rows
    print(f'{later} blocks were changed later')
    made = line.take_incremental()
    line.prove(made)
