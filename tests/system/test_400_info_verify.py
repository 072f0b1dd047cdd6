"""info and verify over the repository of a real server: what can be restored, and what is wrong with it."""
import json
import os
import random
import re
import shutil

import pytest

import archiving


@pytest.fixture
def archive(pgstrata, folder):
    return archiving.Archive(pgstrata, folder)


def story_of(archive, cluster):
    """A cluster with a full backup and two archived segments behind it. (cluster, names of these segments)"""
    archive.attach(cluster)
    cluster.start()
    conf = archive.pgstrata.conf
    conf.write_text(conf.read_text().replace(f'pgdata = {cluster.data}\n',
                                             f'pgdata = {cluster.data}\nhost = {cluster.run}\nport = {cluster.port}\n'
                                             'user = postgres\n'))
    cluster.sql('create table t (n int)')
    cluster.sql('insert into t select generate_series(1, 20000)')
    archive.pgstrata('backup', '--type=full')
    names = []
    for n in range(2):
        cluster.sql(f'insert into t select generate_series({n}00, {n}99)')
        names.append(archiving.end_segment(archive, cluster))
    return cluster, names


@pytest.fixture
def story(archive, clusters, major):
    return story_of(archive, clusters(major))


def info(archive, *args, code=0):
    return json.loads(archive.pgstrata('info', '--output=json', *args, code=code).out)


def verify(archive, code, *args):
    document = json.loads(archive.pgstrata('verify', '--output=json', *args, code=code).out)
    return {**document, **document['clusters'][0]}


def texts(document):
    return '\n'.join(notice.get('text', '') for notice in document.get('notices', []))


@pytest.mark.majors(13, 14, 15, 16, 17, 18)
def test_info_shows_the_window_and_what_is_not_safe(archive, story):
    cluster, names = story
    main, = info(archive)['clusters']
    assert main['name'] == 'main' and main['status'] == 'ok'
    backup, = main['backups']
    assert backup['type'] == 'full' and backup['state'] == 'good' and backup['size_bytes'] > 1 << 20
    stored = archive.urls[0].glob(f'main/g1/backup/{backup["label"]}/*')
    assert backup['stored_bytes'] == sum(path.stat().st_size for path in stored)
    window, = main['windows']
    assert window['production'] and not window['ends_in_gap']
    assert window['from_lsn'] == backup['stop_lsn'] and window['to_time'] > backup['stop_time']
    assert not main['gaps']
    assert main['freshness']['source'] == 'server'
    # Nothing was committed since: the server is fresh, whatever its checkpoints wrote.
    cluster.sql('checkpoint')
    fresh = info(archive)['clusters'][0]['freshness']
    assert fresh['idle'] and fresh['unsafe_seconds'] == 0
    cluster.sql('insert into t values (1)')
    fresh = info(archive)['clusters'][0]['freshness']
    assert not fresh['idle'] and fresh['unsafe_bytes'] > 0 and fresh['unsafe_seconds'] > 0
    cluster.stop()
    assert info(archive)['clusters'][0]['freshness']['source'] in ('control file', 'server')


@pytest.mark.majors(15)
@pytest.mark.skipif(os.geteuid() != 0, reason='only root can take the owner\'s place')
def test_info_asks_the_server_as_its_owner(archive, story):
    cluster, _ = story
    conf = archive.pgstrata.conf
    conf.write_text(conf.read_text().replace('user = postgres\n', ''))
    cluster.sql('insert into t values (1)')
    fresh = info(archive)['clusters'][0]['freshness']
    assert fresh['source'] == 'server' and fresh['unsafe_bytes'] > 0 and not fresh['idle']
    # After a crash the control file knows only the last checkpoint. That is no reason to say that all is safe.
    cluster.stop('immediate')
    fresh = info(archive)['clusters'][0]['freshness']
    assert fresh['source'] == 'unknown' and fresh['unsafe_bytes'] is None and 'connecting' in fresh['fault']


@pytest.mark.majors(15)
def test_info_speaks_to_people_and_of_one_backup(archive, story):
    label = info(archive)['clusters'][0]['backups'][0]['label']
    text = archive.pgstrata('info').out
    assert 'can be restored to any moment' in text and label in text and 'timeline 1 (production)' in text
    details = info(archive, label)['backup']
    assert details['label'] == label and details['draws_on'][0]['label'] == label and details['draws_on'][0]['packs'] >= 1
    assert label in archive.pgstrata('info', label).out
    run = archive.pgstrata('info', '20200101-000000F', code=1)
    assert 'has no backup 20200101-000000F' in run.err


@pytest.mark.majors(15, 18)
def test_verify_finds_nothing_wrong_and_says_how_much_it_read(archive, story):
    document = verify(archive, 0)
    assert document['objects'] > 8 and document['faulty_objects'] == 0
    assert [backup['state'] for backup in document['backups']] == ['good']
    stored = sum(path.stat().st_size for path in archive.urls[0].rglob('*') if path.is_file())
    assert document['bytes'] == stored
    assert verify(archive, 0, '--quick')['objects'] == document['objects']
    label = document['backups'][0]['label']
    assert verify(archive, 0, f'--backup={label}')['objects'] < document['objects']
    assert 'verify done' in archive.pgstrata('verify').out


@pytest.mark.majors(15)
def test_verify_is_not_content_where_nothing_is(archive, story, folder):
    cluster, _ = story
    cluster.stop()
    os.rename(archive.urls[0] / 'main', folder / 'aside')
    for args in ([], ['--quick'], ['--since-last']):
        run = archive.pgstrata('verify', *args, code=5)
        assert 'holds nothing of cluster main' in run.err and 'pgstrata setup' in run.err
    os.rename(folder / 'aside', archive.urls[0] / 'main')
    shutil.move(archive.urls[0] / 'main' / 'g1' / 'backup', folder / 'backup')
    shutil.rmtree(archive.folder / 'state', ignore_errors=True)
    for args in ([], ['--quick']):
        run = archive.pgstrata('verify', *args, code=6)
        assert 'no backup in the repository' in run.err and 'pgstrata backup' in run.err
    shutil.move(folder / 'backup', archive.urls[0] / 'main' / 'g1' / 'backup')
    assert verify(archive, 0)['backups']


@pytest.mark.majors(15)
def test_verify_finds_one_flipped_bit_in_every_object(archive, story):
    cluster, _ = story
    cluster.stop()
    draw = random.Random(4711)
    for path in sorted(path for path in archive.urls[0].rglob('*') if path.is_file()):
        good = path.read_bytes()
        at = draw.randrange(len(good))
        path.chmod(0o600)
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << draw.randrange(8)]) + good[at + 1:])
        name = str(path.relative_to(archive.urls[0]))
        run = archive.pgstrata('verify', code=None)
        # The repository's own object damaged: it is not even opened.
        assert run.code == 5 or (name == 'pgstrata' and run.code != 0), f'{name} byte {at}\n{run}'
        assert name in run.err, f'{name} byte {at}\n{run}'
        path.write_bytes(good)
    assert verify(archive, 0)['faulty_objects'] == 0


@pytest.mark.majors(15, 18)
def test_missing_wal_is_told_with_the_backup_it_breaks(archive, story, folder):
    cluster, names = story
    cluster.sql('insert into t values (7)')
    last = archiving.end_segment(archive, cluster)
    hole = archive.object(names[1])
    os.rename(hole, folder / 'kept')
    document = verify(archive, 3)
    assert document['gaps'] == 1 and [backup['state'] for backup in document['backups']] == ['good']
    run = archive.pgstrata('verify', code=3)
    assert names[1] in run.err and 'breaks no backup' in run.err
    main, = info(archive)['clusters']
    assert main['status'] == 'gap' and main['gaps'][0]['first'] == names[1] and main['windows'][0]['next_wal'] == names[1]
    shutil.move(folder / 'kept', hole)

    # The segment in which the backup became consistent.
    stop_lsn = main['backups'][0]['stop_lsn']
    needed = cluster.value(f"select pg_walfile_name('{stop_lsn}'::pg_lsn - 1)")
    os.rename(archive.object(needed), folder / 'kept')
    run = archive.pgstrata('verify', code=6)
    assert needed in run.err and main['backups'][0]['label'] in run.err
    assert archive.pgstrata('verify', '--quick', code=6)
    broken = info(archive)['clusters'][0]['backups'][0]
    assert broken['state'] == 'broken' and broken['missing_wal'] == needed
    assert last


@pytest.mark.majors(15, 18)
def test_a_new_gap_is_told_once_with_what_it_costs(archive, story, folder):
    cluster, names = story
    cluster.sql('insert into t values (7)')
    archiving.end_segment(archive, cluster)
    assert 'a new gap' not in archive.pgstrata('check', code=None).err
    hole = archive.object(names[1])
    os.rename(hole, folder / 'kept')
    run = archive.pgstrata('check', code=None)
    assert f'a new gap in the archive: WAL {names[1]} missing in repository' in run.err
    assert 'is out of reach until there is a new backup' in run.err and 'take a new backup now: pgstrata backup' in run.err
    gap, = info(archive)['clusters'][0]['gaps']
    assert gap['next_backup'] is None and gap['lost_to_time'] is None and gap['lost_from_time'] and gap['lost_from_lsn']
    assert 'a new gap' not in archive.pgstrata('check', code=None).err

    # backup meets it first, and is itself what closes it.
    shutil.rmtree(folder / 'state' / 'gaps')
    run = archive.pgstrata('backup', code=3)
    label = re.search(r'^backup (\S+) done', run.out, re.M)[1]
    assert 'a new gap' in run.err and f'the end of backup {label}' in run.err
    gap, = info(archive)['clusters'][0]['gaps']
    assert gap['next_backup'] == label and gap['lost_to_time']
    assert 'a new gap' not in archive.pgstrata('backup').err
    shutil.move(folder / 'kept', hole)


@pytest.mark.majors(15, 18)
def test_since_last_reads_what_is_new_and_says_so(archive, story):
    cluster, _ = story
    first = verify(archive, 0)
    assert first['objects_not_read'] == 0
    second = verify(archive, 0, '--since-last')
    assert second['objects'] == first['objects'] == second['objects_not_read'] and second['oldest_read']
    assert second['backups'] == first['backups'] and second['backups'][0]['to_time'] >= second['backups'][0]['from_time']
    archive.pgstrata('backup')
    third = verify(archive, 0, '--since-last')
    assert third['objects_not_read'] >= second['objects_not_read'] and third['objects'] > third['objects_not_read'] + 3
    assert 'were not read again' in archive.pgstrata('verify', '--since-last').out
    pack = next(archive.urls[0].glob('main/g1/backup/*/pack-000001'))
    good = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(good[:100] + bytes([good[100] ^ 1]) + good[101:])
    assert verify(archive, 5, '--since-last')['faulty_objects'] == 1
    pack.write_bytes(good)
    assert verify(archive, 0, '--since-last')['faulty_objects'] == 0
    archive.pgstrata('verify', '--quick', '--since-last', code=2)


@pytest.mark.majors(15)
def test_missing_pack_and_stranger(archive, story, folder):
    pack = next(archive.urls[0].glob('main/g1/backup/*/pack-000001'))
    stranger = archive.urls[0] / 'main' / 'g1' / 'README'
    stranger.write_text('hello')
    run = archive.pgstrata('verify', code=3)
    assert 'main/g1/README' in run.err
    os.rename(pack, folder / 'kept')
    for args in ([], ['--quick']):
        run = archive.pgstrata('verify', *args, code=5)
        assert 'pack-000001' in run.err and pack.parent.name in run.err
    shutil.move(folder / 'kept', pack)


@pytest.mark.majors(15)
def test_a_lost_commit_is_known_where_it_was_written(archive, story, folder):
    commit = next(archive.urls[0].glob('main/g1/backup/*/backup'))
    label = commit.parent.name
    assert 'ok    commits' in archive.pgstrata('check', code=3).out
    os.rename(commit, folder / 'kept')
    for args in (['verify'], ['verify', '--quick'], ['verify', f'--backup={label}'], ['check']):
        run = archive.pgstrata(*args, code=5)
        assert f'backup {label} was committed at ' in run.err
        assert 'and its commit object is gone' in run.err and 'HINT:  copy the object from another repository' in run.err
    assert [backup['state'] for backup in verify(archive, 5)['backups']] == ['damaged']
    shutil.move(folder / 'kept', commit)
    assert verify(archive, 0)['faulty_objects'] == 0


@pytest.mark.majors(15)
def test_an_interrupted_backup_is_no_damage(archive, story, folder):
    """To a host that did not write it, a backup whose commit was lost is one that was interrupted."""
    label = archive.urls[0].glob('main/g1/backup/*/backup')
    os.unlink(next(label))
    shutil.rmtree(folder / 'state' / 'commits')
    document = verify(archive, 6)
    assert [backup['state'] for backup in document['backups']] == ['interrupted']
    assert not document['faulty_objects']
    assert info(archive)['clusters'][0]['status'] == 'no backup'


@pytest.mark.majors(15)
def test_one_repository_away_leaves_the_other_seen(pgstrata, folder, clusters, major):
    archive = archiving.Archive(pgstrata, folder, repos=2)
    story_of(archive, clusters(major))
    document = verify(archive, 0)
    assert [backup['repository'] for backup in document['backups']] == ['r1', 'r2']
    os.rename(archive.urls[0], f'{archive.urls[0]}.gone')
    document = verify(archive, 9)
    assert [(backup['repository'], backup['state']) for backup in document['backups']] == [('r2', 'good')]
    main, = info(archive, code=9)['clusters']
    assert main['status'] == 'ok'
    assert [(repo['has_cluster'], repo['fault'] is None) for repo in main['repositories']] == [(False, False), (True, True)]


@pytest.mark.majors(15)
def test_a_repository_that_is_away_is_told(archive, story):
    os.rename(archive.urls[0], f'{archive.urls[0]}.gone')
    assert archive.pgstrata('verify', code=9)
    assert archive.pgstrata('info', code=9)
