"""Real PostgreSQL servers for the tests.

A Cluster is one data directory and the server on it. PostgreSQL refuses root, so a run by root starts servers as the user
`postgres` (made when missing) and any other user starts them as himself. Each cluster has a folder of its own with data
directory, socket folder and log, and listens on its socket only, unless the test asks for TCP. Only servers that were
started here are stopped.
"""
import atexit
import contextlib
import ctypes
import functools
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import psycopg2

import template

EVERY = (13, 14, 15, 16, 17, 18)
STORY = (13, 15, 18)        # the full stories run on these
ROUND_TRIP = (14, 16, 17)   # one round trip on each of these
DEBIAN_15 = pathlib.Path('/usr/lib/postgresql/15/bin')


class ServerError(Exception):
    """A server program did not do what was asked; the text holds its output and the end of the server's log."""


# ---- the user that servers run as

@functools.lru_cache(None)
def server_user():
    """Name of the user that runs servers: never root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid()).pw_name
    try:
        pwd.getpwnam('postgres')
    except KeyError:
        subprocess.run(['useradd', '--system', '--user-group', '--no-create-home', 'postgres'], check=True)
    return 'postgres'


def as_user(user, argv):
    """argv, to be run as that user; only root can become somebody else."""
    argv = [str(arg) for arg in argv]
    if os.geteuid() != 0 or user in (None, 'root'):
        return argv
    return ['runuser', '-u', user, '--', *argv]


def as_server_user(*argv):
    return as_user(server_user(), argv)


def own_by_server_user(path):
    if os.geteuid() == 0:
        subprocess.run(['chown', '-R', f'{server_user()}:', str(path)], check=True)


def new_folder(prefix='pgstrata-test-'):
    """A fresh folder that the server user owns and everybody may pass; short, because socket paths are limited."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    own_by_server_user(folder)
    return folder


# ---- the programs

def servers_folder():
    if named := os.environ.get('PGSTRATA_SERVERS'):
        return pathlib.Path(named)
    cache = '/var/cache' if os.geteuid() == 0 else os.environ.get('XDG_CACHE_HOME', os.path.expanduser('~/.cache'))
    return pathlib.Path(cache) / 'pgstrata' / 'servers'


def clean_environment():
    """Without PGSTRATA_BUILD and the like: to the program, which archive_command runs, they would be unknown options."""
    return {name: value for name, value in os.environ.items() if not name.startswith('PGSTRATA_')}


def server_programs(major):
    """Folder with initdb, postgres and pg_ctl of this major."""
    folder = servers_folder() / f'pg{major}' / 'bin'
    if (folder / 'postgres').exists():
        return folder
    if major == 15 and DEBIAN_15.exists():
        return DEBIAN_15
    raise ServerError(f'no PostgreSQL {major} in {folder}; run scripts/servers.sh')


def free_port():
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_until(condition, what, timeout_s=60, step_s=0.05):
    """Polls until condition() is true and returns its value."""
    end = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > end:
            raise ServerError(f'waited {timeout_s} s in vain: {what}')
        time.sleep(step_s)
    return value


def become_reaper():
    """Makes this process the parent of servers that pg_ctl leaves behind. A killed server that nobody collects would keep
    its process number, and PostgreSQL would refuse to start where the lock file names it."""
    set_child_subreaper = 36
    if ctypes.CDLL(None, use_errno=True).prctl(set_child_subreaper, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), 'prctl')


def is_gone(pid):
    """Collects the process if it is dead and ours."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    return not pathlib.Path(f'/proc/{pid}').exists()


become_reaper()

# ---- clusters

BASE_CONF = {
    'fsync': 'off', 'shared_buffers': '16MB', 'max_connections': '40', 'listen_addresses': "''", 'wal_level': 'replica',
    'max_wal_senders': '4', 'track_commit_timestamp': 'on', 'log_checkpoints': 'on', 'timezone': "'UTC'",
    'log_timezone': "'UTC'", 'restart_after_crash': 'off',
    'wal_retrieve_retry_interval': '100ms',     # a standby asks its archive again
}
started = set()


@atexit.register
def stop_all():
    for cluster in list(started):
        with contextlib.suppress(Exception):
            cluster.stop('immediate')


def call(argv, check=True):
    """Runs one of the server's programs as its user; returns its exit status and what it said."""
    # Output goes to a file: a pipe would be held open by the server that pg_ctl leaves behind.
    with tempfile.TemporaryFile('w+') as out:
        done = subprocess.run(as_server_user(*argv), stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd='/',
                              env=dict(clean_environment(), LC_ALL='C.UTF-8'))
        out.seek(0)
        text = out.read()
    if check and done.returncode:
        raise ServerError(f'{argv[0]} exited {done.returncode}: {text}')
    return done.returncode, text


class Cluster:
    """One data directory below `home` (data/, run/, log) and its server. Use Cluster.create or Cluster.adopt."""

    def __init__(self, major, home, data, programs=None):
        self.major, self.home, self.data = major, pathlib.Path(home), pathlib.Path(data)
        self.programs = pathlib.Path(programs or server_programs(major))
        self.run, self.log_file = self.home / 'run', self.home / 'log'
        self.port = free_port()
        self.overrides = {}
        subprocess.run(as_server_user('mkdir', '-p', self.run), check=True)

    @classmethod
    def create(cls, major, home=None, *, checksums=True, segment_mb=16, durable=False, conf=None, programs=None):
        """A fresh cluster in home/data. durable=True keeps fsync on; conf adds settings (name: value as written in the file)."""
        home = pathlib.Path(home or new_folder())
        self = cls(major, home, home / 'data', programs)
        argv = [self.programs / 'initdb', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync',
                f'--wal-segsize={segment_mb}']
        if checksums:
            argv.append('--data-checksums')
        elif major >= 18:
            argv.append('--no-data-checksums')
        subprocess.run(as_server_user('cp', '-a', template.of(call, new_folder, tuple(argv)), self.data), check=True)
        template.rename(self.data)
        settings = dict(BASE_CONF, port=self.port, unix_socket_directories=f"'{self.run}'", **(conf or {}))
        if durable:
            settings['fsync'] = 'on'
        self.configure(settings)
        return self

    @classmethod
    def adopt(cls, major, data, home=None, programs=None):
        """A data directory that somebody else made (a restored one): own port and socket folder, given at start."""
        self = cls(major, home or new_folder(), data, programs)
        self.overrides = {'port': self.port, 'unix_socket_directories': self.run, 'listen_addresses': '', 'fsync': 'off'}
        return self

    def copy_cold(self, home=None):
        """cp -a of the stopped cluster, as a new one."""
        assert not self.is_running(), 'a cold copy needs a stopped server'
        home = pathlib.Path(home or new_folder())
        subprocess.run(as_server_user('cp', '-a', self.data, home / 'data'), check=True)
        return Cluster.adopt(self.major, home / 'data', home, self.programs)

    def pg_ctl(self, *args, check=True):
        try:
            return call([self.programs / 'pg_ctl', '-D', self.data, *args], check)
        except ServerError as fault:
            raise ServerError(f'{fault}\n--- {self.log_file}:\n{self.log()[-3000:]}') from None

    def configure(self, settings, file='postgresql.conf'):
        """Appends settings; a later line wins. Takes effect at the next start or reload()."""
        with open(self.data / file, 'a') as conf:
            conf.writelines(f'{name} = {value}\n' for name, value in settings.items())

    def start(self, timeout_s=60):
        """Starts the server and waits until it accepts connections (a standby too). ServerError when it does not."""
        options = ' '.join(f"-c {name}='{value}'" for name, value in self.overrides.items())
        started.add(self)
        self.pg_ctl('-l', self.log_file, '-w', '-t', str(timeout_s), '-o', options, 'start')
        return self

    def stop(self, mode='fast'):
        """fast (clean), smart or immediate (a crash: recovery at the next start). Nothing when it is not running."""
        if pid := self._postmaster():
            self.pg_ctl('-m', mode, '-w', '-t', '60', 'stop')
            wait_until(lambda: is_gone(pid), 'the stopped server is gone')
        started.discard(self)

    def crash(self):
        """kill -9 of the whole server, without any warning."""
        leader = self._postmaster()
        assert leader, f'no server runs in {self.data}'
        os.kill(leader, signal.SIGSTOP)     # or it could have one more child by the time we have read the list
        children = pathlib.Path(f'/proc/{leader}/task/{leader}/children').read_text().split()
        pids = [leader, *map(int, children)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(map(is_gone, pids)), 'the killed server is gone')
        started.discard(self)

    def restart(self, mode='fast'):
        self.stop(mode)
        return self.start()

    def reload(self):
        self.pg_ctl('reload')

    def promote(self):
        self.pg_ctl('-w', '-t', '60', 'promote')

    def _postmaster(self):
        try:
            pid = int((self.data / 'postmaster.pid').read_text().split('\n')[0])
            if pathlib.Path(f'/proc/{pid}/cwd').resolve() == self.data.resolve():
                return pid
        except (OSError, ValueError):
            pass
        return None

    def is_running(self):
        return self._postmaster() is not None

    def log(self):
        return self.log_file.read_text(errors='replace') if self.log_file.exists() else ''

    def connect(self, dbname='postgres', user='postgres', **options):
        """A psycopg2 connection, over the socket, with autocommit on."""
        link = psycopg2.connect(host=str(self.run), port=self.port, dbname=dbname, user=user, **options)
        link.autocommit = True
        return link

    def sql(self, query, args=None, **options):
        """Runs one query (or several, separated by semicolons) and returns the last one's rows, if it has any."""
        with contextlib.closing(self.connect(**options)) as link, link.cursor() as cursor:
            cursor.execute(query, args)
            return cursor.fetchall() if cursor.description else []

    def value(self, query, args=None, **options):
        """The first column of the first row."""
        return self.sql(query, args, **options)[0][0]

    def databases(self):
        return [name for name, in self.sql('select datname from pg_database where datallowconn order by 1')]

    def switch_wal(self):
        """Ends the current segment and returns its name."""
        return self.value("select pg_walfile_name(pg_switch_wal()) from (select pg_create_restore_point('switch')) as s")

    def wait_for_recovery_end(self, timeout_s=60):
        wait_until(lambda: not self.value('select pg_is_in_recovery()'), 'recovery has ended', timeout_s)

    def destroy(self):
        """Stops the server and removes its folder, and its data directory where that is elsewhere."""
        self.stop('immediate')
        for folder in (self.home, self.data):
            shutil.rmtree(folder, ignore_errors=True)

    # ---- is what is on the disk sound?

    def check_pages(self, databases=None):
        """Reads every page of every table and index, so that each checksum is verified; then amcheck over all of it."""
        for dbname in databases or self.databases():
            with contextlib.closing(self.connect(dbname)) as link, link.cursor() as cursor:
                self._read_tables(cursor)
                self._check_structure(cursor)
        bad = self.value('select coalesce(sum(checksum_failures), 0) from pg_stat_database')
        if bad:
            raise ServerError(f'{bad} pages with a wrong checksum')

    def _read_tables(self, cursor):
        cursor.execute("select oid::regclass::text from pg_class where relkind in ('r', 'm', 't')"
                       " and relpersistence = 'p' and oid <> 'pg_statistic'::regclass order by oid")
        for name, in cursor.fetchall():
            cursor.execute(f'select count(*) from {name}')

    def _check_structure(self, cursor):
        cursor.execute('create extension if not exists amcheck')
        cursor.execute('select c.oid::regclass::text, bt_index_check(c.oid, true) from pg_class c'
                       " join pg_am a on a.oid = c.relam join pg_index i on i.indexrelid = c.oid where a.amname = 'btree'"
                       " and c.relpersistence = 'p' and i.indisvalid")
        if self.major >= 14:
            cursor.execute("select c.oid::regclass::text, v.blkno, v.msg from pg_class c, verify_heapam(c.oid) v"
                           " where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p'")
            if faults := cursor.fetchall():
                raise ServerError(f'verify_heapam: {faults[:5]}')


def lsn_number(text):
    high, low = re.fullmatch(r'([0-9A-F]+)/([0-9A-F]+)', text).groups()
    return int(high, 16) << 32 | int(low, 16)
