"""What the tests of incremental backups share: a line of backups that check themselves, and copies that are looked at closely.

A block that a backup left out by mistake is often hidden by the full page images of the WAL behind it. So the work is done
before a backup and not after it, and what is restored is compared row by row, index by index and bit by bit of the visibility
map.
"""
import contextlib
import json
import shutil

import pgcluster
import restoring
import shadow

# A table with an index of every kind, and for each a condition that it serves.
KINDS_SCHEMA = '''
create table kinds (id int primary key, word text, tags int[], span int4range, place point, at int, filler text)
    with (autovacuum_enabled = off);
create index kinds_word on kinds using hash (word);
create index kinds_tags on kinds using gin (tags);
create index kinds_span on kinds using gist (span);
create index kinds_place on kinds using spgist (place);
create index kinds_at on kinds using brin (at) with (pages_per_range = 2, autosummarize = off);
'''
KINDS_CONDITIONS = {
    'kinds_pkey': 'id between 100 and 100000', 'kinds_word': "word = 'w7'", 'kinds_tags': "tags @> '{3}'",
    'kinds_span': 'span && int4range(40, 60)', 'kinds_place': 'place <@ box(point(10, 10), point(60, 60))',
    'kinds_at': 'at between 1000 and 2000',
}


class Line(restoring.Protected):
    """A protected cluster and the backups of it."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.kinds = 0      # rows ever inserted there

    def take(self, kind='incr', *args, code=0):
        """Makes a backup, which checks itself unless it is a full one; returns what it said as JSON."""
        check = [] if kind == 'full' else ['--self-check']
        self.run = self.pgstrata('--output=json', 'backup', f'--type={kind}', *check, *args, code=code)
        made = json.loads(self.run.out)
        made['reason'] = ''.join(notice['message'] for notice in made.get('notices', [])
                                 if notice['code'] in ('backup/FULL_INSTEAD', 'backup/EVERY_BLOCK'))
        return made

    def take_incremental(self, kind='incr', *args, code=0):
        """The same; it must not fall back to reading every block."""
        made = self.take(kind, *args, code=code)
        assert made['type'] == kind and made['parent'] and not made['reason'], made
        return made

    def take_reading_all(self, *words, code=0):
        """The same; it must read every block, and the reason holds one of the words."""
        made = self.take(code=code)
        assert made['reason'] and any(word in made['reason'] for word in words), made
        return made

    def take_under_load(self, kind='incr', seed=1):
        writers = shadow.Workload(self.shadow, seed=seed)
        writers.rows = getattr(self, 'rows', writers.rows)
        with writers:
            writers.until_commits(20)
            made = self.take_incremental(kind)
            writers.until_commits(5)
        self.rows = writers.rows
        return made

    def prove(self, made, **settings):
        """Restores that backup with all WAL behind it, compares and looks closely; the copy is gone afterwards."""
        self.archive_all()
        data, _ = self.restore('--backup=' + made['label'])
        copy = self.clusters.adopt(self.major, data)
        copy.configure({'autovacuum': 'off', **settings})
        copy.start()
        copy.wait_for_recovery_end()
        shadow.compare(copy, self.shadow.at())
        look_closely(copy)
        self.extra_checks(copy)
        copy.stop()
        shutil.rmtree(data)

    def extra_checks(self, copy):
        """What else the test knows about its rows: SELECTs in self.facts and the answers they gave in production."""
        for dbname, query, answer in getattr(self, 'facts', []):
            assert copy.value(query, dbname=dbname) == answer, (dbname, query)

    def note(self, *queries, dbname='postgres'):
        """From now on copies must answer these as production does now."""
        self.facts = getattr(self, 'facts', []) + [(dbname, query, self.cluster.value(query, dbname=dbname)) for query in queries]

    def forget(self):
        self.facts = []

    def create_kinds(self, rows=3000):
        self.cluster.sql(KINDS_SCHEMA)
        self.add_kinds(rows)

    def add_kinds(self, rows):
        first, self.kinds = self.kinds + 1, self.kinds + rows
        self.cluster.sql("insert into kinds select n, 'w' || n % 50, array[n % 7, n % 11, n], int4range(n % 100, n % 100 + 5),"
                         " point(n % 97, n % 89), n, repeat('x', n % 40)"
                         f' from generate_series({first}, {self.kinds}) as n')

    def stir_kinds(self):
        """Changes of every sort to the table, and scans that leave hints in its indexes."""
        self.add_kinds(400)
        self.cluster.sql('delete from kinds where id % 17 = 3')
        kinds_agree(self.cluster)
        self.cluster.sql("update kinds set place = point(id % 13, id % 71), word = 'w' || id % 49 where id % 23 = 5")
        self.cluster.sql("begin; insert into kinds (id) select -n from generate_series(1, 300) as n; rollback")
        kinds_agree(self.cluster)
        self.cluster.sql("select brin_summarize_new_values('kinds_at')")


def answers(cursor, on, off):
    for name in on:
        cursor.execute(f'set enable_{name} = on')
    for name in off:
        cursor.execute(f'set enable_{name} = off')
    found = {}
    for index, condition in KINDS_CONDITIONS.items():
        cursor.execute(f'select count(*), coalesce(sum(id), 0) from kinds where {condition}')
        found[index] = cursor.fetchone()
    return found


def kinds_agree(cluster):
    """Every index must find what reading the whole table finds."""
    with contextlib.closing(cluster.connect()) as link, link.cursor() as cursor:
        scans = ('indexscan', 'indexonlyscan', 'bitmapscan')
        by_table = answers(cursor, ['seqscan'], scans)
        by_index = answers(cursor, scans, ['seqscan'])
        by_bitmap = answers(cursor, ['bitmapscan'], ['seqscan', 'indexscan', 'indexonlyscan'])
    assert by_table == by_index == by_bitmap


def scans_agree(cluster, table, column='id'):
    """An index-only scan, which believes the visibility map, must count the rows that are there. Returns both counts."""
    with contextlib.closing(cluster.connect()) as link, link.cursor() as cursor:
        cursor.execute(f'set enable_seqscan = off; set enable_bitmapscan = off; select count({column}) from {table}')
        by_index = cursor.fetchone()[0]
        cursor.execute(f'explain select count({column}) from {table}')
        assert 'Index Only Scan' in str(cursor.fetchall())
        cursor.execute('set enable_seqscan = on; set enable_indexscan = off; set enable_indexonlyscan = off;'
                       f' select count({column}) from {table}')
        return by_index, cursor.fetchone()[0]


def visibility_faults(cluster, dbname='postgres'):
    """Rows that the visibility map calls visible or frozen to everybody and that are not."""
    tables = "pg_class c, {}(c.oid) v where c.relkind in ('r', 'm', 't') and c.relpersistence = 'p'"
    with contextlib.closing(cluster.connect(dbname)) as link, link.cursor() as cursor:
        cursor.execute('create extension if not exists pg_visibility')
        faults = []
        for check in ('pg_check_visible', 'pg_check_frozen'):
            cursor.execute(f'select {check!r}, c.oid::regclass::text, v.t_ctid::text from ' + tables.format(check))
            faults += cursor.fetchall()
    return faults


def look_closely(copy):
    databases = [name for name in copy.databases() if name != 'template1']      # which no test touches
    copy.check_pages(databases)
    for dbname in databases:
        faults = visibility_faults(copy, dbname)
        assert not faults, faults[:5]
    if copy.value("select to_regclass('kinds') is not null"):
        kinds_agree(copy)


def place_for_tablespace(line, name):
    folder = line.clusters.folder / name
    folder.mkdir()
    pgcluster.own_by_server_user(folder)
    return folder
