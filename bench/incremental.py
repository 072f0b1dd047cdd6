"""Races of incremental backups: little changed, much changed, nothing changed, many in a row, PostgreSQL's own beside.

"x % of pages" locks one row of so many pages of the table, chosen at random (SELECT … FOR UPDATE): exactly those pages
change, each is in WAL as a page image, and no other page is written. Everything is checkpointed and archived before a
race begins. Both contestants see the same changes since their own last backup.
"""
import shutil
import time

from cluster import BIN, OWNER, as_owner
from measure import Contestant, drop_caches, folder_bytes, race


def pages_change(cluster, share, table='events'):
    """Changes this share of all the cluster's pages, as far as the table has them; returns their number."""
    pages = int(cluster.sql(f"select pg_relation_size('{table}') / 8192"))
    wanted = int(cluster.size_of_data() / 8192 * share)
    cluster.sql(f"select count(*) from (select 1 from {table} where ctid = any(array(select format('(%s,1)', "
                f'(random() * {pages - 1})::int)::tid from generate_series(1, {wanted}))) for update) t')
    settle(cluster)
    return wanted


def settle(cluster):
    """Nothing is left to be written or archived."""
    cluster.sql('checkpoint')
    name = cluster.sql('select pg_walfile_name(pg_switch_wal())')
    for _ in range(600):
        if cluster.sql(f"select last_archived_wal >= '{name}' from pg_stat_archiver") == 't':
            return
        time.sleep(0.1)
    raise SystemExit(f'{name} is not archived after a minute')


def backup_mode(site):
    """What the server itself takes: start and stop alone, in one session."""
    return Contestant('floor: backup mode on and off, no copy',
                      [BIN / 'psql', '-XAtq', '-h', site.cluster.folder, '-p', site.cluster.port, '-d', 'postgres',
                       '-c', "select pg_backup_start('x', true)", '-c', 'select lsn from pg_backup_stop(false)'], user=OWNER)


def newest_bytes(folder):
    """What the newest label of a folder of backups holds."""
    return lambda: folder_bytes(max(p for p in folder.glob('[0-9]*') if p.is_dir()))


def contestants(site, prepare):
    ours = Contestant('**pgstrata, incr**', site.pgstrata('backup', '--type', 'incr', '--no-expire'), prepare, user=OWNER,
                      stored=newest_bytes(site.work / 'pgstrata-repo/main/g1/backup'))
    theirs = Contestant('pgBackRest, incr', site.pgbackrest('backup', '--type=incr'), user=OWNER,
                        stored=newest_bytes(site.work / 'pgbackrest-repo-1/backup/main'))
    return [ours, theirs, backup_mode(site)]


def race_incr(site, arguments):
    as_owner(*site.pgstrata('backup', '--type', 'full'))
    as_owner(*site.pgbackrest('backup', '--type=full'))
    runs = max(1, arguments.runs * 3 // 5)
    yield race('Incremental backup, nothing changed', contestants(site, lambda: settle(site.cluster)), runs)
    for percent in (0.1, 1, 10):
        yield race(f'Incremental backup, {percent} % of pages changed',
                   contestants(site, lambda share=percent / 100: pages_change(site.cluster, share)), runs)


def race_tenth(site, arguments):
    """A restore of the tenth incremental beside one of the full backup it began with."""
    labels = {}
    as_owner(*site.pgstrata('backup', '--type', 'full'))
    as_owner(*site.pgbackrest('backup', '--type=full'))
    labels['ours full'], labels['theirs full'] = newest(site)
    for _ in range(10):
        pages_change(site.cluster, 0.01)
        as_owner(*site.pgstrata('backup', '--type', 'incr', '--no-expire'))
        as_owner(*site.pgbackrest('backup', '--type=incr'))
    labels['ours tenth'], labels['theirs tenth'] = newest(site)
    ours, theirs = site.work / 'restored', site.work / 'restored-pgbackrest'

    def cold(folder):
        def again():
            shutil.rmtree(folder, ignore_errors=True)
            if folder == theirs:
                folder.mkdir(mode=0o700)
                shutil.chown(folder, OWNER, OWNER)
            drop_caches()
        return again

    rows = []
    for which in ('full', 'tenth'):
        rows.append(Contestant(f'**pgstrata**, {which}', site.pgstrata('restore', '--to-dir', ours, '--target-immediate', '--backup',
                                                                       labels[f'ours {which}']), cold(ours), user=OWNER))
    for which in ('full', 'tenth'):
        rows.append(Contestant(f'pgBackRest, {which}', site.pgbackrest('restore', f'--pg1-path={theirs}', '--type=none',
                                                                       f'--set={labels[f"theirs {which}"]}'), cold(theirs), user=OWNER))
    yield race('Restore of a full backup and of the tenth incremental, 1 % changed each, cold', rows, max(1, arguments.runs * 3 // 5))
    for folder in (ours, theirs):
        shutil.rmtree(folder, ignore_errors=True)


def newest(site):
    folders = site.work / 'pgstrata-repo/main/g1/backup', site.work / 'pgbackrest-repo-1/backup/main'
    return [max(p.name for p in folder.glob('[0-9]*') if p.is_dir()) for folder in folders]


def race_verify(site, arguments):
    if not list((site.work / 'pgstrata-repo/main/g1/backup').glob('*')):
        as_owner(*site.pgstrata('backup', '--type', 'full'))
        as_owner(*site.pgbackrest('backup', '--type=full'))
    yield race('Verify, whole repository, warm', [
        Contestant('**pgstrata**', site.pgstrata('verify'), user=OWNER, stored=lambda: folder_bytes(site.work / 'pgstrata-repo')),
        Contestant('pgBackRest (exits 0 on damage)', site.pgbackrest('verify'), user=OWNER,
                   stored=lambda: folder_bytes(site.work / 'pgbackrest-repo-1'))], max(1, arguments.runs * 3 // 5))


def race_index(site, arguments):
    """All sections of the index of one segment, beside PostgreSQL's reader, which only counts."""
    pages_change(site.cluster, 0.02)
    name = sorted(p.name for p in (site.cluster.data / 'pg_wal').iterdir() if len(p.name) == 24)[0]
    path = site.work / name
    shutil.copy(site.cluster.data / 'pg_wal' / name, path)
    path.chmod(0o644)
    yield race('Index of one WAL segment of 16 MB, printed', [
        Contestant('**pgstrata** wal-index', site.pgstrata('wal-index', path), user=OWNER),
        Contestant('pg_waldump --stats', [BIN / 'pg_waldump', '--stats', path], user=OWNER)], arguments.runs * 4)


def race_native(site, arguments):
    """PostgreSQL 17's own: pg_basebackup --incremental, and pg_combinebackup, which copies the full backup first."""
    site.cluster.sql('alter system set summarize_wal = on')
    site.cluster.sql('select pg_reload_conf()')
    full, last, combined, ours = (site.work / name for name in ('native-full', 'native-incr', 'combined', 'restored'))
    where = ['-h', site.cluster.folder, '-p', site.cluster.port]
    programs = site.cluster.programs
    as_owner(programs / 'pg_basebackup', *where, '-D', full, '-X', 'none', '-c', 'fast')
    as_owner(*site.pgstrata('backup', '--type', 'full'))

    def change():
        pages_change(site.cluster, 0.01)
        shutil.rmtree(last, ignore_errors=True)

    runs = max(1, arguments.runs * 3 // 5)
    yield race('PostgreSQL 17: backup of what changed since the full one, 1 % of pages more each time', [
        Contestant('**pgstrata, diff**', site.pgstrata('backup', '--type', 'diff', '--no-expire'), change, user=OWNER,
                   stored=newest_bytes(site.work / 'pgstrata-repo/main/g1/backup')),
        Contestant('`pg_basebackup --incremental`', [programs / 'pg_basebackup', *where, '-D', last, '-X', 'none', '-c', 'fast',
                                                     f'--incremental={full}/backup_manifest'], user=OWNER,
                   stored=lambda: folder_bytes(last))], runs)

    def cold(folder):
        def again():
            shutil.rmtree(folder, ignore_errors=True)
            drop_caches()
        return again

    yield race('PostgreSQL 17: restore of that, cold', [
        Contestant('**pgstrata**', site.pgstrata('restore', '--to-dir', ours, '--target-immediate'), cold(ours), user=OWNER),
        Contestant('`pg_combinebackup`', [programs / 'pg_combinebackup', full, last, '-o', combined], cold(combined), user=OWNER)], runs)
