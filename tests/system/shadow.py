"""The shadow log: what must be in the database at any moment, recorded outside of it.

A Workload runs several connections that insert, update and delete rows of three tables in transactions, some of them rolled
back, some with savepoints. For every commit the log keeps the effect on the rows, the transaction id, the WAL positions just
before and just after, and the commit's own timestamp. Commits (not the work before them) take turns, so their order is known
exactly. From that the log computes, for a recovery target, the rows that must exist, and compares a server with them.

A commit whose answer was lost, because the server died in it, is in doubt: both outcomes are right.

The writers own disjoint keys (id modulo the number of writers), so effects never collide.
"""
import contextlib
import dataclasses
import hashlib
import itertools
import random
import threading
import time

import psycopg2

from pgcluster import lsn_number

TABLES = ('shadow_accounts', 'shadow_documents', 'shadow_events')
SCHEMA = '''
create table shadow_accounts (id bigint primary key, amount bigint not null, note text not null) with (fillfactor = 80);
create table shadow_documents (id bigint primary key, amount bigint not null, note text not null);
create table shadow_events (id bigint primary key, amount bigint not null, note text not null);
create index shadow_events_amount on shadow_events (amount);
alter table shadow_documents alter column note set storage external;
'''


class Mismatch(AssertionError):
    """The server does not hold what the log says."""


@dataclasses.dataclass
class Commit:
    """One committed transaction. effects: (table, id, row or None); id None empties the table, row 'dropped' removes it."""
    xid: int
    effects: list
    before: int = 0       # WAL position just before the commit record may begin
    after: int = 0        # ... and at or after its end
    time: object = None   # timestamp in the commit record, a datetime
    order: int = 0


@dataclasses.dataclass
class Mark:
    """A moment between two commits, by all the names it can be aimed at."""
    name: str             # a restore point
    order: int            # commits below this number are in
    lsn: str
    time: object
    timeline: int


@dataclasses.dataclass
class State:
    """What must be there: table name to {id: (amount, note)}; None for a table that was dropped."""
    tables: dict
    commits: int


class Shadow:
    def __init__(self, cluster):
        self.cluster = cluster
        self.commits, self.in_doubt, self.marks = [], [], {}
        self.turn = threading.Lock()    # held around each commit and each mark

    def create_tables(self):
        self.cluster.sql(SCHEMA)

    def commit(self, link, effects):
        """Commits the transaction that is open on `link` and records it. False when the answer was lost."""
        cursor = link.cursor()
        cursor.execute('select txid_current()')
        commit = Commit(cursor.fetchone()[0] & 0xffffffff, effects)
        with self.turn:
            commit.before = self._insert_lsn(cursor)
            try:
                cursor.execute('commit')
            except psycopg2.Error:
                self.in_doubt.append(commit)
                return False
            commit.order = len(self.commits)
            self.commits.append(commit)
            commit.after = self._insert_lsn(cursor)
            cursor.execute('select pg_xact_commit_timestamp(%s::text::xid)', (str(commit.xid),))
            commit.time = cursor.fetchone()[0]
        return True

    @staticmethod
    def _insert_lsn(cursor):
        cursor.execute('select pg_current_wal_insert_lsn()::text')
        return lsn_number(cursor.fetchone()[0])

    def mark(self, name):
        """A moment to come back to: no commit happens while it is taken, and none shares its millisecond."""
        with self.turn, contextlib.closing(self.cluster.connect()) as link, link.cursor() as cursor:
            time.sleep(0.002)
            cursor.execute('select pg_current_wal_insert_lsn()::text, clock_timestamp(),'
                           " ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int")
            lsn, now, timeline = cursor.fetchone()
            time.sleep(0.002)
            cursor.execute('select pg_create_restore_point(%s)', (name,))
            self.marks[name] = Mark(name, len(self.commits), lsn, now, timeline)
        return self.marks[name]

    def accident(self, statement, table, row):
        """Runs `drop table …` (row 'dropped') or `truncate …` (row None) as one recorded transaction; returns its Commit."""
        with contextlib.closing(self.cluster.connect()) as link, link.cursor() as cursor:
            cursor.execute('begin')
            cursor.execute(statement)
            assert self.commit(link, [(table, None, row)])
        return self.commits[-1]

    # ---- what must exist

    def at(self, *, mark=None, xid=None, time=None, lsn=None, inclusive=True):
        """The state at one target, or at the end of the log when none is given. ValueError when the log cannot decide."""
        if mark is not None:
            count = self.marks[mark].order
        elif xid is not None:
            count = next(c.order for c in self.commits if c.xid == xid) + int(inclusive)
        elif time is not None:
            count = sum(c.time <= time if inclusive else c.time < time for c in self.commits)
        elif lsn is not None:
            count = self._count_before(lsn_number(lsn))
        else:
            count = len(self.commits)
        return self._replay(self.commits[:count])

    def _count_before(self, lsn):
        """Recovery stops at the first record that begins at or after the target: undecided inside a commit's window."""
        for commit in self.commits:
            if commit.before <= lsn < commit.after:
                raise ValueError(f'{lsn:X} lies in the window of commit {commit.order}')
        return sum(commit.after <= lsn for commit in self.commits)

    @staticmethod
    def _replay(commits):
        tables = {name: {} for name in TABLES}
        for table, key, row in (effect for commit in commits for effect in commit.effects):
            if key is None:
                tables[table] = None if row == 'dropped' else {}
            elif row is None:
                del tables[table][key]
            else:
                tables[table][key] = row
        return State(tables, len(commits))

    def possible_ends(self):
        """Every state that may be right after a crash: each commit in doubt is in, or not."""
        for size in range(len(self.in_doubt) + 1):
            for chosen in itertools.combinations(self.in_doubt, size):
                yield self._replay([*self.commits, *chosen])


# ---- comparing a server with a state

def expected_sum(rows):
    """Row count, and the MD5 over the rows' MD5s in key order, as server_sum() computes it in SQL."""
    if rows is None:
        return None
    sums = ''.join(hashlib.md5(f'{key}|{amount}|{note}'.encode()).hexdigest()
                   for key, (amount, note) in sorted(rows.items()))
    return len(rows), hashlib.md5(sums.encode()).hexdigest()


def server_sum(cursor, table):
    cursor.execute('select to_regclass(%s) is null', (table,))
    if cursor.fetchone()[0]:
        return None
    cursor.execute("select count(*), md5(coalesce(string_agg(md5(id || '|' || amount || '|' || note), '' order by id), ''))"
                   f' from {table}')
    return cursor.fetchone()


def differences(cursor, table, rows):
    """At most ten lines that say how the server's table differs from the rows."""
    cursor.execute('select to_regclass(%s) is null', (table,))
    is_absent = cursor.fetchone()[0]
    if is_absent or rows is None:
        return [f'{table} is {"absent" if is_absent else "there"}, expected {"no table" if rows is None else "rows"}']
    cursor.execute(f'select id, amount, note from {table}')
    found = {key: (amount, note) for key, amount, note in cursor}
    return [f'{table} {key}: server has {str(found.get(key))[:60]}, log says {str(rows.get(key))[:60]}'
            for key in sorted(found.keys() | rows.keys()) if found.get(key) != rows.get(key)][:10]


def compare(cluster, state):
    """Mismatch unless the server's tables hold exactly the rows of the state."""
    with contextlib.closing(cluster.connect()) as link, link.cursor() as cursor:
        wrong = [table for table, rows in state.tables.items() if server_sum(cursor, table) != expected_sum(rows)]
        if wrong:
            lines = [line for table in wrong for line in differences(cursor, table, state.tables[table])]
            raise Mismatch(f'after {state.commits} commits:\n' + '\n'.join(lines))


def compare_any(cluster, states):
    """Mismatch unless the server holds one of the states (after a crash)."""
    faults = []
    for state in states:
        try:
            return compare(cluster, state)
        except Mismatch as fault:
            faults.append(fault)
    raise faults[0]


# ---- the workload

class Workload:
    """Writers in the background. Use as a context manager, or start() and stop(). The seed repeats each writer's choices."""

    def __init__(self, shadow, writers=3, seed=1, pause_s=0.0):
        self.shadow, self.writers, self.seed, self.pause_s = shadow, writers, seed, pause_s
        self.halt, self.faults, self.threads = threading.Event(), [], []
        self.rows = [{table: {} for table in TABLES} for _ in range(writers)]   # each writer's own, by key

    def start(self):
        print(f'workload: {self.writers} writers, seed {self.seed}')
        self.halt.clear()
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(self.writers)]
        for thread in self.threads:
            thread.start()
        return self

    def stop(self):
        """Ends the writers after their current transaction. An unexpected fault in one of them is raised here."""
        self.halt.set()
        for thread in self.threads:
            thread.join()
        self.threads = []
        if self.faults:
            raise self.faults[0]

    def until_commits(self, count, timeout_s=60):
        """Waits until the log has that many more commits."""
        wanted, end = len(self.shadow.commits) + count, time.monotonic() + timeout_s
        while len(self.shadow.commits) < wanted:
            if self.faults or time.monotonic() > end or not any(t.is_alive() for t in self.threads):
                raise AssertionError(f'the workload made too few commits: {self.faults or "time is up"}')
            time.sleep(0.01)

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, *_):
        with contextlib.suppress(*([Exception] if kind else [])):
            self.stop()

    def _write(self, number):
        choice = random.Random(f'{self.seed}/{number}')
        try:
            with contextlib.closing(self.shadow.cluster.connect()) as link:
                while not self.halt.is_set():
                    if not self._transaction(link, number, choice):
                        return
                    time.sleep(self.pause_s)
        except psycopg2.OperationalError:
            pass        # the server was stopped before the commit: the transaction did not happen
        except Exception as fault:
            self.faults.append(fault)

    def _transaction(self, link, number, choice):
        rows, effects = self.rows[number], []
        changed = {table: dict(rows[table]) for table in TABLES}
        with link.cursor() as cursor:
            cursor.execute('begin')
            for _ in range(choice.randint(1, 8)):
                if choice.random() < 0.1:
                    self._undone_savepoint(cursor, number)
                effects.append(self._change(cursor, number, choice, changed))
            if choice.random() < 0.1:
                cursor.execute('rollback')
                return True
        if not self.shadow.commit(link, effects):
            return False
        self.rows[number] = changed
        return True

    def _undone_savepoint(self, cursor, number):
        cursor.execute('savepoint s')
        cursor.execute("insert into shadow_events values (%s, 0, 'undone')", (-1 - number,))
        cursor.execute('rollback to s')

    def _change(self, cursor, number, choice, rows):
        """One insert, update or delete, in the database and in `rows`; returns its effect."""
        table = choice.choice(TABLES)
        act = choice.choices(('insert', 'update', 'delete'), (5, 4, 1))[0] if rows[table] else 'insert'
        if act == 'delete':
            key = choice.choice(list(rows[table]))
            cursor.execute(f'delete from {table} where id = %s', (key,))
            del rows[table][key]
            return table, key, None
        row = choice.randint(-10**12, 10**12), self._note(table, choice)
        if act == 'update':
            key = choice.choice(list(rows[table]))
            cursor.execute(f'update {table} set amount = %s, note = %s where id = %s', (*row, key))
        else:
            key = max(rows[table], default=number) + self.writers * choice.randint(1, 3)
            cursor.execute(f'insert into {table} values (%s, %s, %s)', (key, *row))
        rows[table][key] = row
        return table, key, row

    @staticmethod
    def _note(table, choice):
        if table == 'shadow_documents' and choice.random() < 0.3:
            return '%x' % choice.getrandbits(4 * choice.randint(3000, 20000))
        return choice.choice(('paid', 'größer', '확인', '')) + '%x' % choice.getrandbits(64)
