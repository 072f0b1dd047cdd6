#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
# Copyright (c) 2026, the pgstrata authors
"""Makes tests/golden/v1/ again, from real servers and the program in build/ (PGSTRATA_BUILD names another folder).

    make.py [NAME...]       zstd_failover, lz4_restore, none_offline; all of them when none is named
    make.py --info          leaves the repositories and writes down what info says of them now

Wants root: servers run as the user postgres, below a fixed folder, under a host name of their own, because names of hosts
and folders are stored. The servers are real and so is every byte, but small: segments of 1 MB, one database, and of its
catalogs only what the server needs. Every run gives other bytes; the tests take what they expect from expected.json.

What that says of tables is what the server said then. What it says of files is what the independent reader found and the
program restored alike; and of a stopped server and of WAL that is still in pg_wal, what lies there.
"""
import hashlib
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys

import golden
import pgcluster
import reader

HOME = pathlib.Path('/tmp/pgstrata-golden')
HOST = 'golden.example'
BUILD = golden.TOP / os.environ.get('PGSTRATA_BUILD', 'build')

# A database without its grammar books: 5 MB instead of 22.
THIN = '''
update pg_database set datistemplate = false;
drop database template0;
drop database template1;
drop schema information_schema cascade;
delete from pg_description;
delete from pg_collation where collname not in ('default', 'C', 'POSIX', 'ucs_basic');
delete from pg_conversion;
delete from pg_ts_config_map;
delete from pg_ts_config;
delete from pg_ts_dict;
delete from pg_init_privs;
delete from pg_statistic;
vacuum full;
'''
CONF = {'autovacuum': 'off', 'allow_system_table_mods': 'on', 'min_wal_size': '2MB', 'max_wal_size': '2MB'}
TABLES = '''
create table ledger (id int primary key, amount numeric not null, note text not null);
create table papers (id int primary key, body text not null);
alter table papers alter column body set storage external;
'''


class Story:
    """A cluster `main` under protection, and what must come back of it."""

    def __init__(self, name, major, codec, level=1):
        self.name, self.major, self.codec = name, major, codec
        self.home, self.repository = HOME / name, HOME / name / 'repository'
        self.home.mkdir()
        self.program = shutil.copy2(BUILD / 'src' / 'pgstrata', self.home / 'pgstrata')
        pgcluster.own_by_server_user(self.home)
        self.clusters, self.moments, self.rows, self.stopped = [], [], 0, {}
        self.cluster = self._new_cluster()
        self.cluster.sql(TABLES)
        self.run('setup', '--restart', f'--pgdata={self.cluster.data}', '--user=postgres', f'--repo-url={self.repository}',
                 f'--state-dir={self.home}/state', f'--compress={codec}',
                 *([f'--compress-level={level}'] if codec != 'none' else []))

    def _new_cluster(self):
        cluster = pgcluster.Cluster.create(self.major, self.home / 'server', segment_mb=1, conf=CONF)
        self.clusters.append(cluster)
        cluster.overrides = {'wal_level': 'minimal', 'max_wal_senders': 0}
        cluster.start()
        for statement in filter(str.strip, THIN.split(';\n')):
            cluster.sql(statement)
        cluster.sql('checkpoint')           # so that no WAL of all this is left to be archived
        cluster.overrides = {}
        return cluster.restart()

    def run(self, *args, conf='pgstrata.conf'):
        """Runs the program as the server's user and returns its standard output."""
        env = {**pgcluster.clean_environment(), 'PATH': f'{self.cluster.programs}:{os.environ["PATH"]}'}
        done = subprocess.run(pgcluster.as_server_user(self.program, f'--config={self.home / conf}', *args), text=True, cwd='/',
                              stdin=subprocess.DEVNULL, capture_output=True, env=env, timeout=120)
        print(f'$ pgstrata {" ".join(map(str, args))}\n{done.stdout}{done.stderr}', end='')
        if done.returncode:
            sys.exit(f'make: {self.name}: exit {done.returncode}')
        return done.stdout

    def work(self, count=50):
        """Commits rows that no other moment has."""
        for _ in range(count):
            self.rows += 1
            note = hashlib.sha256(str(self.rows).encode()).hexdigest()
            self.cluster.sql('insert into ledger values (%s, %s, %s)', (self.rows, self.rows * 1.25, note[:24]))
        self.cluster.sql('insert into papers values (%s, %s)', (self.rows, note * 100))
        self.cluster.sql('update ledger set amount = -amount where id = %s', (self.rows - count // 2,))
        self.cluster.sql('delete from ledger where id = %s', (self.rows - count // 3,))

    def backup(self, *args, kind='full', **options):
        self.run('backup', f'--type={kind}', *args, **options)

    def backup_offline(self):
        """Stops the server, makes a backup, keeps what the data directory holds then, and starts it again."""
        self.cluster.stop()
        done = json.loads(self.run('--output=json', 'backup', '--offline', '--type=full'))
        self.stopped[done['label']] = golden.data_files(self.cluster.data)
        self.cluster.start()

    def archive_all(self):
        """Ends the segment and waits until the repository has it."""
        name = self.cluster.switch_wal()
        pgcluster.wait_until(lambda: list(self.repository.glob(f'*/g*/wal/*/*/{name}.wal')), f'{name} is archived')

    def moment(self, *options):
        """What the server holds now must come back with these options of restore."""
        self.moments.append({'options': options, 'tables': golden.tables(self.cluster)})

    def mark(self, name):
        self.cluster.sql('select pg_create_restore_point(%s)', (name,))
        self.moment(f'--target-name={name}')

    def restore_in_place(self, *options):
        self.run('restore', '--yes', *options)
        self.cluster.start()
        self.cluster.wait_for_recovery_end()


# ---- the stories

def zstd_failover():
    """Three timelines: a primary with tablespaces and backups of every type, a standby that is backed up and takes over, a restore
    in place."""
    story = Story('zstd_failover', 15, 'zstd', 19)
    primary, fast = story.cluster, story.home / 'fast'
    fast.mkdir()
    pgcluster.own_by_server_user(fast)
    primary.sql(f"create tablespace fast location '{fast}'")
    primary.configure({'allow_in_place_tablespaces': 'on'})
    primary.reload()
    pgcluster.wait_until(lambda: primary.value('show allow_in_place_tablespaces') == 'on', 'the server allows them')
    primary.sql("create tablespace inner_space location ''")
    primary.sql('create table far (id int, note text) tablespace fast')
    primary.sql("insert into far select n, 'far ' || n from generate_series(1, 500) n")
    primary.sql('create table inside (id int, note text) tablespace inner_space')
    primary.sql("insert into inside select n, 'inside ' || n from generate_series(1, 500) n")
    story.work()
    story.backup('--note=the first one: caf\u00e9')
    story.work()
    story.backup(kind='incr')
    story.cluster.sql('delete from far where id % 5 = 0')
    story.cluster.sql('vacuum far')
    story.mark('calm')
    story.cluster.sql('drop table papers')
    story.cluster.sql('create table papers (id int primary key, body text not null)')
    story.archive_all()
    story.backup(kind='diff')
    become_standby(story, primary)
    restore_before_the_end(story)
    story.backup_offline()
    story.work(5)
    story.archive_all()
    story.moment()
    return story


def become_standby(story, primary):
    """A standby is made, backed up, and goes on alone when the primary dies with a segment that it did not finish."""
    data = story.home / 'standby'
    story.run('restore', '--standby', f'--to-dir={data}')
    standby = pgcluster.Cluster.adopt(story.major, data, story.home / 'standby-server')
    standby.configure({'primary_conninfo': f"'host={primary.run} port={primary.port} user=postgres'"}, 'postgresql.auto.conf')
    story.clusters.append(standby.start())
    pgcluster.wait_until(lambda: standby.value('select count(*) from pg_stat_wal_receiver'), 'the standby streams')
    conf = (story.home / 'pgstrata.conf').read_text()
    conf = conf.replace(str(primary.data), str(data)).replace(str(primary.run), str(standby.run))
    conf = conf.replace(f'port = {primary.port}', f'port = {standby.port}')
    (story.home / 'standby.conf').write_text(conf)
    story.work(20)
    story.archive_all()
    story.backup(kind='incr', conf='standby.conf')
    story.work(20)
    last = primary.value('select pg_current_wal_lsn()::text')
    pgcluster.wait_until(lambda: standby.value('select pg_last_wal_replay_lsn() >= %s::pg_lsn', (last,)), 'all is replayed')
    primary.stop('immediate')
    (story.home / 'standby.conf').replace(story.home / 'pgstrata.conf')
    standby.promote()
    story.cluster = standby
    story.work(20)
    story.archive_all()


def restore_before_the_end(story):
    """The server dies with commits in an unfinished segment, which salvage keeps; it goes on from an earlier moment."""
    story.work(20)
    story.mark('fork')
    story.work(20)
    story.moment('--target-timeline=2')
    story.cluster.stop('immediate')
    story.restore_in_place('--target-name=fork')
    story.work(20)


def lz4_restore():
    """Two timelines of one cluster: an online backup, a restore in place, and an incremental behind it."""
    story = Story('lz4_restore', 18, 'lz4', 12)
    story.work()
    story.backup()
    story.work(20)
    story.mark('fork')
    story.work(20)
    story.archive_all()
    story.moment('--target-timeline=1')
    story.cluster.stop()
    story.restore_in_place('--target-name=fork')
    story.work(20)
    story.backup(kind='incr')
    story.work(5)
    story.archive_all()
    story.moment()
    return story


def none_offline():
    """One backup of a stopped server, and the archive behind it."""
    story = Story('none_offline', 13, 'none')
    story.work()
    story.backup_offline()
    story.work(20)
    story.mark('here')
    story.archive_all()
    story.moment()
    return story


STORIES = {story.__name__: story for story in (zstd_failover, lz4_restore, none_offline)}


# ---- what is kept of them

def keep(story):
    """Puts the repository and what is expected of it into v1/."""
    for cluster in story.clusters:
        cluster.stop('immediate')
    (story.home / 'reading').mkdir()
    expected = facts(story, golden.Copy(story.repository, story.program, story.home / 'reading'))
    folder = golden.V1 / story.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(story.repository, folder / 'repository', copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob('*')]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    write_down(story.name, expected)
    print(f'make: {story.name}: {sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())} bytes')


def write_down(name, expected):
    (golden.V1 / name / 'expected.json').write_text(json.dumps(expected, indent=1, ensure_ascii=False) + '\n')


def write_down_info():
    for name in golden.names():
        (HOME / name).mkdir()
        copy = golden.Copy(golden.V1 / name / 'repository', BUILD / 'src' / 'pgstrata', HOME / name)
        write_down(name, {**golden.expected(name), 'info': copy.info()})


def facts(story, copy):
    """What expected.json holds. Ends the run where two who should agree do not."""
    copy.run('verify')
    reader.verify(reader.Repository(copy.repository))
    objects, info, backups = golden.tree(copy.repository), copy.info(), {}
    for label in (backup['label'] for backup in info['backups']):
        files = copy.read_backup(label)
        data = copy.restore(f'--backup={label}', '--target-immediate')
        agree(golden.same_files(golden.data_files(data), files), f'{label}: reader and program')
        agree(files.items() - story.stopped.get(label, files).items(), f'{label}: reader and the stopped server')
        backups[label] = {'links': golden.links(copy.repository, label), 'files': files}
    wal = {name: copy.read_wal(name) for name in golden.wal_names(objects)}
    agree(wal.items() - {**wal, **archived(story)}.items(), 'reader and pg_wal')
    return {'major': story.major, 'codec': story.codec, 'objects': objects, 'info': info, 'wal': wal, 'backups': backups,
            'moments': story.moments}


def agree(differences, who):
    if differences:
        sys.exit(f'make: {who} do not agree: {differences}')


def archived(story):
    """The files that still lie in a server's pg_wal and are marked as archived."""
    done = [path for cluster in story.clusters for path in cluster.data.glob('pg_wal/archive_status/*.done')]
    files = [path.parent.parent / path.stem for path in done]
    return {file.name: golden.sha256(file) for file in files if file.exists()}


def main(wanted):
    if os.geteuid() != 0:
        sys.exit('make: run it as root: it gives itself a host name, and servers run as another user')
    if socket.gethostname() != HOST:
        os.execvp('unshare', ['unshare', '--uts', 'sh', '-c', f'hostname {HOST} && exec "$0" "$@"', sys.executable, *sys.argv])
    if not set(wanted) <= {*STORIES, '--info'}:
        sys.exit(__doc__)
    if HOME.exists():
        sys.exit(f'make: {HOME} is in the way: another run, or what one left behind')
    HOME.mkdir()
    try:
        HOME.chmod(0o755)
        if '--info' in wanted:
            return write_down_info()
        for name in wanted or STORIES:
            keep(STORIES[name]())
    finally:
        pgcluster.stop_all()
        if 'PGSTRATA_KEEP' not in os.environ:
            shutil.rmtree(HOME)


if __name__ == '__main__':
    main(sys.argv[1:])
