"""A PostgreSQL 15 cluster and what it can be filled with, for the benchmarks.

fill(): about 2.2 GB at scale 1, wide rows of words and hexadecimal text with their b-trees. zstd -1 finds a ratio of 3
in it, as in real data. fill_dense(): the same size of rows like pgbench's, where it finds 14: there the codec costs
little and everything else shows. fill_small(): 100,000 relations of one page each. add_files(): a million relations of
one new page beside it, put there while the server is stopped.
"""
import os
import pathlib
import pwd
import shutil
import subprocess

BIN = pathlib.Path('/usr/lib/postgresql/15/bin')
OWNER = 'postgres'


def as_owner(*argv, **options):
    """Runs a command as the server's user and returns its output."""
    return subprocess.run(['runuser', '-u', OWNER, '--', *map(str, argv)], check=True, text=True,
                          stdout=subprocess.PIPE, **options).stdout


def owned_folder(path):
    path = pathlib.Path(path)
    path.mkdir(parents=True, exist_ok=True)
    user = pwd.getpwnam(OWNER)
    os.chown(path, user.pw_uid, user.pw_gid)
    path.chmod(0o700)
    return path


class Cluster:
    """A running server in `folder`, on its own port and socket folder, archiving by `archive_command` if given."""

    def __init__(self, folder, port, programs=BIN):
        self.data, self.port, self.folder = pathlib.Path(folder) / 'data', port, pathlib.Path(folder)
        self.programs = pathlib.Path(programs)

    def create(self):
        owned_folder(self.folder)
        as_owner(self.programs / 'initdb', '-D', self.data, '-k', '--no-locale', '-E', 'UTF8', '-A', 'trust', '-N')
        self.set(f'''
port = {self.port}
unix_socket_directories = '{self.folder}'
listen_addresses = ''
shared_buffers = 256MB
max_wal_size = 8GB
max_locks_per_transaction = 1024
checkpoint_timeout = 1h
autovacuum = off
logging_collector = off
''')

    def set(self, text):
        with open(self.data / 'postgresql.conf', 'a') as conf:
            conf.write(text)

    def start(self):
        as_owner(self.programs / 'pg_ctl', '-D', self.data, '-w', '-l', self.folder / 'server.log', 'start')

    def stop(self, mode='fast'):
        as_owner(self.programs / 'pg_ctl', '-D', self.data, '-w', '-m', mode, 'stop')

    def sql(self, text, database='postgres'):
        return as_owner(BIN / 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', self.folder, '-p', self.port, '-d', database,
                        '-c', text).strip()

    def fill(self, scale):
        """Tables and indexes of about 2.2 GB times `scale`."""
        rows = int(4_000_000 * scale)
        self.sql(f'''
create table phrases as
select p as id, string_agg(substr(md5(((p * 31 + k * k) % 4000)::text), 1, 3 + (p + k) % 6), ' ') as body
  from generate_series(0, 19999) p, generate_series(1, 20) k group by p;
alter table phrases add primary key (id);
create table events (id bigint, customer int, kind text, at timestamptz, amount numeric(12,2), body text, token text);
insert into events
select i, (random() * 1e6)::int, (array['click','view','order','refund','login'])[1 + i % 5],
       timestamptz '2026-01-01' + i * interval '1.7 seconds', (random() * 1000)::numeric(12,2),
       a.body || ' ' || b.body, md5(i::text)
  from generate_series(1::bigint, {rows}) i
  join phrases a on a.id = (i * 7919) % 20000
  join phrases b on b.id = (i / 13) % 20000;
alter table events add primary key (id);
create index on events (customer, at);
create index on events (token);''')
        self.sql('vacuum (freeze, analyze) events')
        self.sql('checkpoint')
        return self.size()

    def fill_dense(self, scale):
        """Rows like those of pgbench_accounts, about 2.4 GB times `scale`."""
        rows = int(16_000_000 * scale)
        self.sql(f'''
create table accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100);
insert into accounts select i, i / 100000 + 1, 0, '' from generate_series(1, {rows}) i;
alter table accounts add primary key (aid);''')
        self.sql('vacuum (freeze, analyze) accounts')
        self.sql('checkpoint')
        return self.size()

    def fill_small(self, scale):
        """100,000 tables of one page, times `scale`."""
        self.sql('create schema small')
        count = int(100_000 * scale)
        for begin in range(0, count, 1000):  # each takes a lock until its transaction ends
            self.sql(f"do $$ begin for i in {begin}..{min(begin + 1000, count) - 1} loop "
                     "execute format('create table small.t%s (i int); insert into small.t%s values (1)', i, i); "
                     "end loop; end $$")
        self.sql('checkpoint')
        return self.size()

    def add_files(self, count):
        """So many relations of one page each, which is new: zeros that take no room."""
        for number in range(count // 1000):
            folder = owned_folder(self.data / 'base' / f'{90000 + number}')
            for name in range(1000):
                path = folder / f'{20000 + name}'
                path.touch()
                os.truncate(path, 8192)
                shutil.chown(path, OWNER, OWNER)

    def size_of_data(self):
        """Bytes of all databases."""
        return int(self.sql('select sum(pg_database_size(oid)) from pg_database'))

    def size(self):
        return int(subprocess.run(['du', '-sb', self.data], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])
