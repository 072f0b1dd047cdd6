#!/usr/bin/python3
"""Makes WAL with a real server: many resource managers, records over borders, every event of a summary.

    make-wal-fixtures.py BIN OUT [--port N] [--compression pglz,lz4,zstd] [--scale N] [--pack FILE]

BIN is a server's folder of programs, OUT a folder to be made. Afterwards OUT/archive holds the segments of timeline 1
and 2, OUT/data the stopped cluster, OUT/facts.json what was done and where. --pack writes the segments that hold the
work, one after another, compressed, as the fixtures in tests/fixtures/wal are.

Started as root it runs the server as the user postgres. Segments are 1 MB.
"""
import argparse, json, os, pathlib, pwd, shutil, subprocess, sys, time

import psycopg2

SEGMENT = 1 << 20


def arguments():
    p = argparse.ArgumentParser()
    p.add_argument('bin', type=pathlib.Path)
    p.add_argument('out', type=pathlib.Path)
    p.add_argument('--port', type=int, default=55430)
    p.add_argument('--compression', default='pglz', help='of page images, comma-separated: pglz,lz4,zstd')
    p.add_argument('--scale', type=int, default=1, help='above 1 also what makes much WAL, of every resource manager')
    p.add_argument('--wal-level', default='logical')
    p.add_argument('--pack', type=pathlib.Path)
    return p.parse_args()


class Server:
    """One data directory and the server on it."""

    def __init__(self, args, folder):
        self.args, self.data, self.port = args, args.out / folder, args.port
        self.user = 'postgres' if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name

    def program(self, name, *words):
        command = [str(self.args.bin / name), *map(str, words)]
        if os.getuid() == 0:
            command = ['runuser', '-u', 'postgres', '--', *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.args.out)

    def start(self):
        self.program('pg_ctl', '-D', self.data, '-w', '-l', self.data.parent / 'log', '-o',
                     f'-p {self.port} -k {self.args.out} -c listen_addresses=', 'start')

    def stop(self, mode='fast'):
        self.program('pg_ctl', '-D', self.data, '-w', '-m', mode, 'stop')

    def connect(self, database='postgres'):
        link = psycopg2.connect(host=str(self.args.out), port=self.port, dbname=database, user=self.user)
        link.autocommit = True
        return link

    def set(self, **settings):
        with open(self.data / 'postgresql.conf', 'a') as conf:
            conf.writelines(f"{name} = '{value}'\n" for name, value in settings.items())


def query(link, text, *values):
    with link.cursor() as cursor:
        cursor.execute(text, values or None)
        return cursor.fetchone()[0] if cursor.description else None


def run(link, text):
    for statement in filter(str.strip, text.split(';\n')):
        query(link, statement)


def lsn(text):
    high, low = text.split('/')
    return int(high, 16) << 32 | int(low, 16)


TABLES = """
CREATE TABLE item (id int PRIMARY KEY, k int, body text, tags int[], spot point, range_of int4range);
CREATE INDEX ON item USING hash (k);
CREATE INDEX ON item USING gin (tags);
CREATE INDEX ON item USING gist (spot);
CREATE INDEX ON item USING spgist (body);
CREATE INDEX ON item USING brin (id);
CREATE SEQUENCE counter;
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int REFERENCES parent);
INSERT INTO parent SELECT generate_series(1, 50);
CREATE UNLOGGED TABLE quick (id int);
"""

WORK = """
INSERT INTO item SELECT g, g % 7, 'body ' || g, ARRAY[g % 3, g % 5], point(g, -g), int4range(g, g + 5)
    FROM generate_series(1, 200 * {scale}) g;
UPDATE item SET k = k + 1 WHERE id % 4 = 0;
UPDATE item SET body = body || '!' WHERE id % 5 = 0;
DELETE FROM item WHERE id % 9 = 0;
SELECT sum(nextval('counter')) FROM generate_series(1, 70);
INSERT INTO child SELECT g % 50 + 1 FROM generate_series(1, 100 * {scale}) g;
VACUUM item;
CREATE TABLE copied AS SELECT * FROM item;
TRUNCATE copied;
INSERT INTO copied SELECT * FROM item LIMIT 20;
DROP TABLE copied;
BEGIN;
CREATE TABLE fleeting (id int);
TRUNCATE fleeting;
ROLLBACK;
BEGIN;
INSERT INTO parent VALUES (1001);
SAVEPOINT one;
INSERT INTO parent VALUES (1002);
ROLLBACK TO one;
SAVEPOINT two;
INSERT INTO parent VALUES (1003);
RELEASE two;
COMMIT;
BEGIN;
INSERT INTO parent VALUES (1004);
ROLLBACK;
BEGIN;
CREATE TABLE held (id int);
INSERT INTO held VALUES (1);
PREPARE TRANSACTION 'kept';
COMMIT PREPARED 'kept';
BEGIN;
DROP TABLE held;
PREPARE TRANSACTION 'dropped';
COMMIT PREPARED 'dropped';
BEGIN;
INSERT INTO parent VALUES (1005);
PREPARE TRANSACTION 'given up';
ROLLBACK PREPARED 'given up';
ALTER TABLE child ADD COLUMN note text DEFAULT 'x';
CLUSTER item USING item_pkey;
ALTER TABLE item ALTER COLUMN k TYPE bigint;
REINDEX INDEX item_pkey;
DO $$ BEGIN FOR i IN 1..150 LOOP BEGIN INSERT INTO parent VALUES (5000 + i); EXCEPTION WHEN unique_violation THEN NULL; END; END LOOP; END $$;
DO $$ BEGIN FOR i IN 1..12 LOOP EXECUTE 'CREATE TABLE many' || i || ' (id int PRIMARY KEY, body text)'; END LOOP; END $$;
DO $$ BEGIN FOR i IN 1..12 LOOP EXECUTE 'DROP TABLE many' || i; END LOOP; END $$
"""


def multixacts(server):
    """Two sessions lock the same rows: MULTIXACT records, and locks in HEAP ones."""
    a, b = server.connect(), server.connect()
    for link in (a, b):
        query(link, 'BEGIN')
        query(link, 'SELECT count(*) FROM (SELECT 1 FROM parent WHERE id < 20 FOR SHARE) x')
    query(a, 'COMMIT')
    query(b, 'COMMIT')
    a.close(), b.close()


def images(link, compressions, version):
    """The first change of a page after a checkpoint carries its image."""
    run(link, "ALTER SYSTEM SET full_page_writes = on;\nSELECT pg_reload_conf();\nSELECT pg_sleep(0.2)")
    for compression in compressions:
        query(link, 'CHECKPOINT')
        query(link, 'SET wal_compression = ' + ('on' if version < 15 else compression))
        query(link, 'UPDATE parent SET id = id + 20000 WHERE id BETWEEN 5000 AND 5050')
        query(link, 'UPDATE parent SET id = id - 20000 WHERE id BETWEEN 25000 AND 25050')
    query(link, 'RESET wal_compression')
    run(link, "ALTER SYSTEM RESET full_page_writes;\nSELECT pg_reload_conf();\nSELECT pg_sleep(0.2)")


def origins(link):
    query(link, "SELECT pg_replication_origin_create('far')")
    query(link, "SELECT pg_replication_origin_session_setup('far')")
    query(link, 'BEGIN')
    query(link, "SELECT pg_replication_origin_xact_setup('0/ABCDEF0', '2020-02-02 02:02:02+00')")
    query(link, 'INSERT INTO parent VALUES (7001)')
    query(link, 'COMMIT')
    query(link, 'SELECT pg_replication_origin_session_reset()')
    query(link, "SELECT pg_replication_origin_drop('far')")


def tablespaces(server, link, facts):
    folder = server.args.out / 'space'
    folder.mkdir()
    shutil.chown(folder, server.user)
    query(link, f"CREATE TABLESPACE apart LOCATION '{folder}'")
    facts['tablespace'] = query(link, "SELECT oid::bigint FROM pg_tablespace WHERE spcname = 'apart'")
    facts['tablespace_path'] = str(folder)
    run(link, 'CREATE TABLE away (id int) TABLESPACE apart;\nINSERT INTO away VALUES (1);\nDROP TABLE away;\n'
              'DROP TABLESPACE apart')


def borders(link, scale):
    """Records longer than a page, than a segment, and ones whose head lies across a border."""
    for size in (9000, 70000):
        query(link, "SELECT pg_logical_emit_message(true, 'long', repeat('x', %s))", size)
    to_segment_end(link, 9000)
    query(link, "SELECT pg_logical_emit_message(true, 'over the border', repeat('x', 20000))")
    if scale > 1:
        query(link, "SELECT pg_logical_emit_message(false, 'longer than a segment', repeat('y', 2500000))")
    for size in range(150 if scale == 1 else 3000):
        query(link, "SELECT pg_logical_emit_message(false, 'p', repeat('z', %s))", size * 8 % 1200)


def position(link):
    return lsn(query(link, 'SELECT pg_current_wal_insert_lsn()'))


def to_segment_end(link, left):
    """Writes until less than `left` bytes of the segment are free."""
    while SEGMENT - position(link) % SEGMENT > left:
        room = SEGMENT - position(link) % SEGMENT - left
        query(link, "SELECT pg_logical_emit_message(false, 'fill', repeat('f', %s))", max(8, min(room - 200, 7000)))


def overwritten(server, facts):
    """Crashes inside a record that crosses into a segment, which is then lost."""
    link = server.connect()
    to_segment_end(link, 20000)
    facts['overwritten_after'] = position(link)
    query(link, "SELECT pg_logical_emit_message(false, 'lost', repeat('L', 60000))")
    last = query(link, 'SELECT pg_walfile_name(pg_current_wal_insert_lsn())')
    link.close()
    server.stop('immediate')
    (server.data / 'pg_wal' / last).unlink()
    server.start()


def backup(server, link, facts):
    new = server.data.joinpath('PG_VERSION').read_text().strip() >= '15'
    start, stop = (('pg_backup_start', 'pg_backup_stop') if new else ('pg_start_backup', 'pg_stop_backup'))
    start_values, stop_values = ("'f', true", 'false') if new else ("'f', true, false", 'false, false')
    facts['backup_start'] = query(link, f'SELECT {start}({start_values})')
    facts['backup_stop'] = query(link, f'SELECT lsn FROM {stop}({stop_values})')


def databases(server, link, version):
    for strategy in (['wal_log', 'file_copy'] if version >= 15 else [None]):
        query(link, 'CREATE DATABASE other' + (f' STRATEGY {strategy}' if strategy else ''))
        query(link, 'DROP DATABASE other')


def whole_databases(server, link, version):
    """CREATE DATABASE both ways, a move between tablespaces, DROP."""
    folder = server.args.out / 'space2'
    folder.mkdir()
    shutil.chown(folder, server.user)
    query(link, f"CREATE TABLESPACE spare LOCATION '{folder}'")
    databases(server, link, version)
    query(link, 'CREATE DATABASE wandering')
    query(link, 'ALTER DATABASE wandering SET TABLESPACE spare')
    inside = server.connect('wandering')
    run(inside, 'CREATE TABLE a (id int PRIMARY KEY);\nINSERT INTO a SELECT generate_series(1, 1000);\n'
                'ALTER TABLE a SET TABLESPACE pg_default;\nVACUUM FULL a')
    inside.close()
    run(link, 'CREATE TABLE moved AS SELECT generate_series(1, 3000) AS id;\nALTER TABLE moved SET TABLESPACE spare;\n'
              'INSERT INTO moved VALUES (1)')


SUBTRANSACTIONS = """
DO $$ BEGIN
    CREATE TEMP TABLE IF NOT EXISTS apart (id int);
    FOR i IN 1..33000 LOOP BEGIN INSERT INTO apart VALUES (i); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP;
END $$
"""

THOROUGH = """
VACUUM FULL pg_class;
CREATE TABLE shrinking AS SELECT g AS id, repeat('s', 100) AS body FROM generate_series(1, 5000) g;
CREATE INDEX ON shrinking (id);
CREATE INDEX ON shrinking USING hash (body);
DELETE FROM shrinking WHERE id > 100;
VACUUM shrinking;
INSERT INTO shrinking SELECT g, 'again' FROM generate_series(1, 2000) g;
CREATE MATERIALIZED VIEW seen AS SELECT id FROM shrinking;
REFRESH MATERIALIZED VIEW seen;
CREATE INDEX CONCURRENTLY ON shrinking (body, id);
CREATE UNLOGGED TABLE unlogged AS SELECT generate_series(1, 1000) AS id;
ALTER TABLE unlogged SET LOGGED;
UPDATE shrinking SET body = 'changed';
DELETE FROM shrinking WHERE id % 2 = 0;
CREATE TABLE cut AS SELECT * FROM shrinking;
BEGIN;
SAVEPOINT one;
TRUNCATE cut;
SAVEPOINT two;
DROP MATERIALIZED VIEW seen;
ROLLBACK TO one;
DELETE FROM cut;
COMMIT;
CREATE SCHEMA s;
DO $$ BEGIN FOR i IN 1..300 LOOP EXECUTE 'CREATE TABLE s.t' || i || ' (id int)'; END LOOP; END $$;
DROP SCHEMA s CASCADE;
ALTER SEQUENCE counter RESTART;
SELECT lo_create(4242);
SELECT lo_put(4242, 0, repeat('large', 2000)::bytea);
VACUUM (FREEZE) parent;
BEGIN;
UPDATE shrinking SET body = 'prepared' WHERE id < 300;
DROP TABLE cut;
PREPARE TRANSACTION 'two-phased';
COMMIT PREPARED 'two-phased'
"""


def changes_over_borders(link):
    """The image of a page that nothing else touches lies over the border of a segment, again and again; once, the commit
    of a DROP does, because its invalidations and files are long."""
    pages = 8
    run(link, "CREATE TABLE wide (id int, body text);\nALTER TABLE wide ALTER body SET STORAGE PLAIN;\n"
              f"INSERT INTO wide SELECT g, repeat('w', 7500) FROM generate_series(1, {pages}) g;\n"
              "CREATE SCHEMA long;\nDO $$ BEGIN FOR i IN 1..200 LOOP EXECUTE 'CREATE TABLE long.t' || i || ' (id int)'; END LOOP; END $$;\n"
              'SELECT pg_switch_wal();\nCHECKPOINT')
    for page in range(1, pages + 1):
        to_segment_end(link, 4000)
        query(link, 'DELETE FROM wide WHERE id = %s', page)
    query(link, 'BEGIN')
    query(link, 'DROP SCHEMA long CASCADE')
    to_segment_end(link, 4000)
    query(link, 'COMMIT')


def thorough(link):
    """What the work at scale 1 leaves out because it makes much WAL: with it, every resource manager writes."""
    run(link, THOROUGH)
    query(link, SUBTRANSACTIONS)
    changes_over_borders(link)
    if query(link, "SELECT count(*) FROM pg_available_extensions WHERE name = 'bloom'"):
        run(link, 'CREATE EXTENSION bloom;\nCREATE INDEX ON parent USING bloom (id)')


def promote(server, facts):
    """A copy of the stopped cluster recovers from the archive and becomes timeline 2 inside a segment."""
    copy = Server(server.args, 'promoted')
    subprocess.run(['cp', '-a', server.data, copy.data], check=True)
    copy.set(restore_command=f'cp {server.args.out}/archive/%f %p')
    (copy.data / 'standby.signal').touch()
    shutil.chown(copy.data / 'standby.signal', copy.user)
    copy.start()
    link = copy.connect()
    query(link, 'SELECT pg_promote()')
    facts['promoted_at'] = query(link, 'SELECT pg_current_wal_insert_lsn()')
    query(link, 'INSERT INTO parent VALUES (9001)')
    facts['second_timeline_xid'] = query(link, 'SELECT txid_current()')
    query(link, 'SELECT pg_switch_wal()')
    link.close()
    copy.stop()


def make(args, facts):
    args.out.mkdir(parents=True)
    args.out.chmod(0o755)
    (args.out / 'archive').mkdir()
    server = Server(args, 'data')
    if os.getuid() == 0:
        for folder in (args.out, args.out / 'archive'):
            shutil.chown(folder, 'postgres')
    server.program('initdb', '-D', server.data, '--wal-segsize=1', '--no-sync', '-k', '-A', 'trust', '-U', server.user)
    server.set(fsync='off', wal_level=args.wal_level, max_prepared_transactions=8, max_wal_senders=4, archive_mode='on',
               archive_command=f'cp %p {args.out}/archive/%f', track_commit_timestamp='on',
               full_page_writes='off' if args.scale == 1 else 'on',  # images make up most of the bytes
               max_connections=40, autovacuum='off', log_min_messages='log',
               shared_buffers='32MB', min_wal_size='2MB', max_wal_size='64MB', timezone='UTC')
    version = int((server.data / 'PG_VERSION').read_text())
    server.start()
    link = server.connect()
    run(link, TABLES)
    query(link, 'SELECT pg_switch_wal()')
    facts['begin'] = position(link)
    query(link, 'CHECKPOINT')
    facts['restore_point'] = query(link, "SELECT pg_create_restore_point('before the work')")
    run(link, WORK.format(scale=args.scale))
    images(link, args.compression.split(','), version)
    multixacts(server)
    origins(link)
    tablespaces(server, link, facts)
    borders(link, args.scale)
    if args.scale > 1:
        whole_databases(server, link, version)
        thorough(link)
    backup(server, link, facts)
    query(link, "SELECT pg_create_restore_point('after the work')")
    query(link, 'SELECT pg_switch_wal()')
    link.close()
    overwritten(server, facts)
    server.stop()
    server.set(max_connections=60, wal_level='replica', wal_log_hints='on')
    server.start()
    link = server.connect()
    facts['last_xid'] = query(link, 'SELECT txid_current()')
    facts['end'] = position(link)
    query(link, 'SELECT pg_switch_wal()')
    query(link, 'INSERT INTO parent VALUES (8001)')
    link.close()
    server.stop()
    promote(server, facts)
    facts['version'] = version


def segment_name(timeline, at):
    number = at // SEGMENT
    return f'{timeline:08X}{number // 4096:08X}{number % 4096:08X}'


def pack(args, facts):
    """The segments of the work, then the first one of timeline 2."""
    names = [segment_name(1, at) for at in range(facts['begin'] // SEGMENT * SEGMENT, facts['end'] + 1, SEGMENT)]
    names.append(sorted(f.name for f in (args.out / 'archive').glob('00000002????????????????'))[0])
    facts['segments'] = names
    joined = b''.join((args.out / 'archive' / name).read_bytes() for name in names)
    subprocess.run(['zstd', '-q', '-f', '--ultra', '-22', '--long=27', f'--stream-size={len(joined)}', '-o',
                    str(args.pack)], input=joined, check=True)


def main():
    args = arguments()
    args.bin, args.out = args.bin.resolve(), args.out.resolve()
    facts = {'compression': args.compression}
    make(args, facts)
    for _ in range(100):
        if not list((args.out / 'data/pg_wal/archive_status').glob('*.ready')):
            break
        time.sleep(0.1)
    if args.pack:
        pack(args, facts)
    (args.out / 'facts.json').write_text(json.dumps(facts, indent=1) + '\n')
    print(json.dumps(facts))


if __name__ == '__main__':
    sys.exit(main())
