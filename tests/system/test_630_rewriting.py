"""Mostly dead packs are left behind when no backup that stays needs them."""
import json

import pytest

import archiving
import backing_up


@pytest.fixture
def backups(pgstrata, folder):
    return backing_up.Backups(archiving.Archive(pgstrata, folder))


def made(backups, type):
    run = backups.pgstrata('--output', 'json', 'backup', '--type', type)
    return json.loads(run.out)['label'], run.out


def drawn_on(backups, label):
    """Packs of other backups."""
    info = json.loads(backups.pgstrata('--output', 'json', 'info', label).out)
    return {draw['label']: draw for draw in info['backup']['draws_on'] if draw['label'] != label}


@pytest.mark.majors(15)
@pytest.mark.parametrize('retention, is_left', [('backups 1', True), ('pitr 7d', False), ('backups 1, yearly 3', False)])
def test_what_little_is_left_of_a_pack_is_stored_again(backups, clusters, major, retention, is_left):
    cluster = clusters(major)
    backups.attach(cluster, compress='none', jobs=1, retention=retention)
    cluster.start()
    cluster.sql('create table big as select n, repeat(md5(n::text), 30) as t from generate_series(1, 30000) n')
    cluster.sql('vacuum big')
    full, _ = made(backups, 'full')
    cluster.sql("update big set t = t || '.' where n < 27000")
    first, out = made(backups, 'incr')
    assert full in drawn_on(backups, first) and 'mostly dead' not in out
    cluster.sql("update big set t = t || '.' where n = 1")
    second, out = made(backups, 'incr')
    assert ('mostly dead packs are left behind' in out) == is_left
    assert (full not in drawn_on(backups, second)) == is_left
    backups.pgstrata('verify')
    if is_left:
        backups.read('verify')
    archiving.end_segment(backups.archive, cluster)
    data = clusters.folder / 'restored'
    backups.pgstrata('restore', '--backup', second, f'--to-dir={data}')
    copy = clusters.adopt(major, data)
    copy.start()
    copy.wait_for_recovery_end()
    query = 'select sum(hashtext(b::text)::bigint), count(*) from big b'
    assert copy.sql(query) == cluster.sql(query)
    copy.check_pages()
