"""Configuration that lies outside the data directory and includes more of it: in the backup, and of its own in a clone."""
import subprocess

import pytest

import pgcluster
import restoring


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def debian_like(story, folder, major):
    """Moves the configuration out and spreads it over files. (folder of the configuration, expected settings)"""
    etc, far = folder / 'etc' / 'main', folder / 'far away'
    etc.mkdir(parents=True)
    cluster = story.cluster
    cluster.stop()
    for name in ('postgresql.conf', 'pg_hba.conf', 'pg_ident.conf'):
        (cluster.data / name).rename(etc / name)
    with open(etc / 'postgresql.conf', 'a') as conf:
        conf.write(f"data_directory = '{cluster.data}'\nhba_file = '{etc}/pg_hba.conf'\nident_file = '{etc}/pg_ident.conf'\n"
                   f"include 'relative.conf'\ninclude_dir = 'conf.d'\ninclude_dir 'empty.d'\ninclude_if_exists 'absent.conf'\n"
                   f"include '{far}/absolute.conf'\ninclude '{cluster.data}/inside.conf'\nx.last = 'top'\n")
    write(etc / 'relative.conf', "x.relative = 'a'\nx.last = 'relative'\n")
    write(etc / 'conf.d' / '10.conf', f"x.folder = 'b'\ninclude '../nested.conf'\nexternal_pid_file = '{etc}/pid'\n")
    write(etc / 'conf.d' / 'readme.txt', 'no configuration\n')
    (etc / 'empty.d').mkdir()
    write(etc / 'nested.conf', "x.nested = 'c'\n")
    write(far / 'absolute.conf', "x.absolute = 'd'\n")
    write(cluster.data / 'inside.conf', "x.inside = 'e'\n")
    write(etc / 'lists' / 'admins', '@more_admins\n')
    write(etc / 'lists' / 'more_admins', 'postgres\n')
    hba = 'local all @lists/admins trust\n'
    if major >= 16:
        write(far / 'hba.conf', 'local all reader trust\n')
        hba += f'include "{far}/hba.conf"\n'
    write(etc / 'pg_hba.conf', hba)
    for path in (folder / 'etc', far, cluster.data):
        pgcluster.own_by_server_user(path)
    cluster.overrides = {**cluster.overrides, 'config_file': etc / 'postgresql.conf'}
    cluster.start()
    return etc, far, {'relative': 'a', 'folder': 'b', 'nested': 'c', 'absolute': 'd', 'inside': 'e', 'last': 'top'}


@pytest.mark.majors(13, 16)
def test_a_clone_has_all_of_it_and_nothing_of_the_original(pgstrata, clusters, folder, major):
    story = restoring.Protected(pgstrata, clusters, major)
    etc, far, expected = debian_like(story, folder, major)
    story.cluster.sql('create role reader login')
    story.backup()
    story.archive_all()
    # Whoever looks for the originals now finds none.
    subprocess.run(['mv', folder / 'etc', folder / 'etc.gone'], check=True)
    subprocess.run(['mv', far, folder / 'far.gone'], check=True)
    (story.cluster.data / 'inside.conf').rename(folder / 'inside.gone')
    data, run = story.restore()
    assert 'warning' not in run.err, run
    clone = story.started(data)
    clone.wait_for_recovery_end()
    assert {name: clone.value(f'show x.{name}') for name in expected} == expected
    files = {path for path, in clone.sql('select distinct sourcefile from pg_file_settings')}
    assert all(path.startswith(f'{data}/') for path in files) and len(files) >= 6, files
    assert clone.value("select count(*) from pg_hba_file_rules where error is not null") == 0
    assert clone.value('show external_pid_file') == ''
    if major >= 16:
        assert clone.value('select 1', user='reader') == 1


@pytest.mark.majors(15)
def test_links_inside_that_lead_out_count_as_outside(pgstrata, clusters, folder, major):
    """A folder and files of configuration that are links in the data directory: a clone has what is behind them."""
    story = restoring.Protected(pgstrata, clusters, major)
    etc, data = folder / 'etc', story.cluster.data
    story.cluster.stop()
    write(etc / 'conf.d' / 'a.conf', "x.a = 'a'\n")
    write(etc / 'one.conf', "x.one = '1'\n")
    (data / 'conf.d').symlink_to(etc / 'conf.d')
    (data / 'mixed.d').mkdir()
    write(data / 'mixed.d' / 'inside.conf', "x.inside = 'i'\n")
    (data / 'mixed.d' / 'one.conf').symlink_to(etc / 'one.conf')
    (data / 'pg_hba.conf').rename(etc / 'pg_hba.conf')
    (data / 'pg_hba.conf').symlink_to(etc / 'pg_hba.conf')
    with open(data / 'postgresql.conf', 'a') as conf:
        conf.write("include_dir 'conf.d'\ninclude_dir 'mixed.d'\n")
    for path in (etc, data / 'mixed.d'):
        pgcluster.own_by_server_user(path)
    story.cluster.start()
    story.backup()
    story.archive_all()
    etc.rename(folder / 'etc.gone')
    clone = story.started(story.restore()[0])
    clone.wait_for_recovery_end()
    assert [clone.value(f'show x.{name}') for name in ('a', 'one', 'inside')] == ['a', '1', 'i']


@pytest.mark.majors(15)
def test_what_is_missing_is_told_and_the_backup_is_made(pgstrata, clusters, folder, major):
    story = restoring.Protected(pgstrata, clusters, major)
    etc, _, _ = debian_like(story, folder, major)
    (etc / 'nested.conf').unlink()
    run = story.pgstrata('backup', '--type=full', code=3)
    assert f'{etc}/nested.conf, which {etc}/conf.d/10.conf refers to, is not in the backup: ' in run.err
    assert 'absent.conf' not in run.err
    story.archive_all()
    _, run = story.restore(code=3)
    assert f'{etc}/nested.conf, which {etc}/conf.d/10.conf refers to, is not in the backup' in run.err
    assert 'HINT:  the restored server needs the file' in run.err


@pytest.mark.majors(15)
def test_links_in_the_way_of_copies_are_not_followed(pgstrata, clusters, folder, major):
    story = restoring.Protected(pgstrata, clusters, major)
    _, _, expected = debian_like(story, folder, major)
    outside = folder / 'outside'
    outside.mkdir()
    pgcluster.own_by_server_user(outside)
    story.backup()
    story.archive_all()
    data, _ = story.restore()
    copies = data / 'pgstrata_config'
    copies.rename(folder / 'kept')
    copies.symlink_to(outside)
    story.pgstrata('restore', f'--to-dir={data}', '--delta', '--yes')
    assert not list(outside.iterdir()) and copies.is_dir() and not copies.is_symlink()
    clone = story.started(data)
    clone.wait_for_recovery_end()
    assert clone.value('show x.nested') == expected['nested']
    clone.stop()
    # What an earlier restore left does not count any more.
    (copies / 'settings' / 'stale.conf').write_text('')
    story.pgstrata('restore', f'--to-dir={data}', '--delta', '--yes')
    assert copies.is_dir() and not (copies / 'settings' / 'stale.conf').exists()
    # One that came with the backup.
    (story.cluster.data / 'pgstrata_config').symlink_to(outside)
    story.backup()
    story.archive_all()
    data, run = story.restore(code=7)
    assert f'{data}/pgstrata_config is a symbolic link, where a folder for configuration files is to be' in run.err
    assert not list(outside.iterdir()) and not (data / 'global' / 'pg_control').exists()
