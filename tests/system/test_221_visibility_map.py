"""The visibility map in incremental backups: two ways in which it changes without any record that names its page.

A backup by blocks that believes WAL keeps the old page then, and afterwards an index-only scan counts rows that were deleted.
The server's own incremental backup does, up to the minors of August 2026; ours copies a touched relation's map whole. For both
ways a test first proves that the trap is there, with PostgreSQL's own programs, and then that we do not fall into it."""
import re
import subprocess

import pytest

import incremental
import pgcluster

pytestmark = pytest.mark.majors(*pgcluster.EVERY)
VM_BYTES = 8192


@pytest.fixture
def programs(all_programs, major):
    """Folder with pg_waldump and the like, or None where there is none for this major."""
    return all_programs(major) if major in (13, 15, 17, 18) else None


def line_with_rows(pgstrata, clusters, major, **options):
    conf = {'autovacuum': 'off', 'wal_keep_size': '64MB', **({'summarize_wal': 'on'} if major >= 17 else {})}
    line = incremental.Line(pgstrata, clusters, major, conf=conf, **options)
    line.cluster.sql('create table seen (id int primary key, t text)')
    line.cluster.sql("insert into seen select n, repeat('s', 100) from generate_series(1, 5000) as n")
    line.cluster.sql('vacuum seen')
    line.cluster.sql('checkpoint')
    return line


def visibility_map(line):
    """Path and bytes of the map's file, as they are on the disk after a checkpoint; without LSN and checksum."""
    line.cluster.sql('checkpoint')
    path = line.cluster.data / (line.cluster.value("select pg_relation_filepath('seen')") + '_vm')
    page = path.read_bytes()[:VM_BYTES]
    return page[12:]


def records_that_name_the_map(line, programs, start):
    """What pg_waldump shows of records since `start` that name a block of the table's visibility map, and of those that
    name one of the table itself."""
    end = line.cluster.value('select pg_current_wal_flush_lsn()::text')
    done = subprocess.run([programs / 'pg_waldump', '-b', '-p', line.cluster.data / 'pg_wal', '-s', start, '-e', end],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rel = line.cluster.value("select '1663/' || (select oid from pg_database where datname = 'postgres') || '/'"
                             " || pg_relation_filenode('seen')")
    refs = re.findall(rf'rel {rel} (?:fork|forknum)?\s*(\w*) ?bl[kock]+ (\d+)', done.stdout)
    return [ref for ref in refs if ref[0] == 'vm'], [ref for ref in refs if ref[0] != 'vm']


class Native:
    """The server's own incremental backup (17 and later)."""

    def __init__(self, line, programs):
        self.line, self.programs, self.made = line, programs, []

    def take(self):
        to = self.line.clusters.folder / f'native{len(self.made)}'
        since = [f'--incremental={self.made[-1] / "backup_manifest"}'] if self.made else []
        self._run('pg_basebackup', '-D', to, '-h', self.line.cluster.run, '-p', self.line.cluster.port, '-U', 'postgres',
                  '-c', 'fast', *since)
        self.made.append(to)

    def combined(self):
        data = self.line.clusters.folder / 'combined'
        self._run('pg_combinebackup', *self.made, '-o', data)
        copy = self.line.clusters.adopt(self.line.major, data)
        copy.configure({'archive_mode': 'off', 'autovacuum': 'off'})
        return copy.start()

    def _run(self, name, *args):
        done = subprocess.run(pgcluster.as_server_user(self.programs / name, *args), capture_output=True, text=True, cwd='/')
        assert done.returncode == 0, done.stderr


def counts_of_the_copy(line, made):
    """Restores the backup and returns what an index-only scan and a scan of the table count."""
    found = []
    line.extra_checks = lambda copy: found.append(incremental.scans_agree(copy, 'seen'))
    line.prove(made)
    return found[0]


def counts_after(line, programs, *changes):
    """Takes backups around `changes`, of which no record names a page of the map, by pgstrata and by the server itself, which
    falls into the trap. Returns what an index-only scan and a scan of the table count in the copy of ours."""
    native = Native(line, programs) if line.major >= 17 else None
    line.take('full')
    if native:
        native.take()
    before, start = visibility_map(line), line.cluster.value('select pg_current_wal_insert_lsn()::text')
    for change in changes:
        line.cluster.sql(change)
    assert visibility_map(line) != before
    if programs:
        of_map, of_table = records_that_name_the_map(line, programs, start)
        assert of_table and not of_map, 'this server names the page: there is no trap to test'
    made = line.take_incremental()
    if native:
        native.take()
        copy = native.combined()
        by_index, by_table = incremental.scans_agree(copy, 'seen')
        assert by_index > by_table and incremental.visibility_faults(copy), 'this server does not fall into the trap'
        copy.stop()
    return counts_of_the_copy(line, made)


def test_bits_cleared_by_rows_that_go(pgstrata, clusters, major, programs):
    line = line_with_rows(pgstrata, clusters, major)
    by_index, by_table = counts_after(line, programs, 'delete from seen where id % 60 = 1')
    assert by_index == by_table == line.cluster.value('select count(*) from seen') < 5000


def test_the_end_of_a_map_that_vacuum_cut(pgstrata, clusters, major, programs):
    """Without checksums nothing is logged when VACUUM, having cut the table, zeroes the bits behind its new end."""
    line = line_with_rows(pgstrata, clusters, major, checksums=False)
    line.cluster.sql('delete from seen where id > 2000')
    for _ in range(2):      # the second one has no bit left to set
        line.cluster.sql('vacuum (truncate off) seen')
    by_index, by_table = counts_after(
        line, programs, 'vacuum seen',
        "begin; insert into seen select n, repeat('r', 100) from generate_series(5001, 8000) as n; rollback")
    assert by_index == by_table == 2000
