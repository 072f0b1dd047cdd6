#!/usr/bin/python3
"""Compares what our reader finds in WAL with what PostgreSQL's own readers find, record by record.

    wal_oracle.py WAL_LIST BIN FOLDER [--port N]

WAL_LIST is the built tests/oracle/wal_list, FOLDER was made by scripts/make-wal-fixtures.py, BIN holds programs of its
major: pg_waldump where there is one, else the server with pg_walinspect (15 and later), else (14) only our own checks
count: every checksum right, no break in the chain, all segments read to their end. Prints one line; exit status 1 when
anything differs.
"""
import argparse, json, os, pathlib, re, shutil, subprocess, sys

MANAGERS = ('XLOG Transaction Storage CLOG Database Tablespace MultiXact RelMap Standby Heap2 Heap Btree Hash Gin Gist '
            'Sequence SPGist BRIN CommitTs ReplicationOrigin Generic LogicalMessage').split()
FORKS = ['main', 'fsm', 'vm', 'init']


def number(lsn):
    high, low = lsn.split('/')
    return int(high, 16) << 32 | int(low, 16)


def ours(program, segments):
    """{start: (end, prev, manager, length, xid, [(id, file, fork, block, image)])} and the closing lines."""
    text = subprocess.run([program, *segments], check=True, capture_output=True, text=True).stdout
    records, notes = {}, []
    for line in text.splitlines():
        if line.startswith('#'):
            notes.append(line[2:])
            continue
        start, end, prev, manager, _, length, xid, _, *blocks = line.split(' ')
        records[int(start, 16)] = (int(end, 16), int(prev, 16), int(manager), int(length), int(xid),
                                   [our_block(block) for block in blocks])
    return records, notes


def our_block(text):
    ident, file, fork, block, image, _ = text.split(':')
    if image:
        offset, hole, stored, codec, *_ = image.split(',')
        saved = 8192 - int(hole) - int(stored)
        image = (int(offset), int(hole), 0 if codec == 'plain' else saved)
    return int(ident), file, int(fork), int(block), image or None


RECORD = re.compile(r'rmgr: (\S+) +len \(rec/tot\): +\d+/ *(\d+), tx: +(\d+), lsn: ([0-9A-F/]+), prev ([0-9A-F/]+),')
BLOCK = re.compile(r'\s+blkref #(\d+): rel ([\d/]+) fork (\w+) blk (\d+)(?: \((FPW[^)]*)\); hole: offset: (\d+), length: '
                   r'(\d+)(?:, compression saved: (\d+))?)?')


def waldump(program, archive, first, last):
    """The same dictionary without ends, from pg_waldump."""
    done = subprocess.run([program, '-b', '-p', archive, first, last], capture_output=True, text=True)
    records, blocks = {}, []
    for line in done.stdout.splitlines():
        if found := RECORD.match(line):
            manager, length, xid, start, prev = found.groups()
            blocks = []
            records[number(start)] = (None, number(prev), MANAGERS.index(manager), int(length), int(xid), blocks)
        elif found := BLOCK.match(line):
            ident, file, fork, block, image, offset, hole, saved = found.groups()
            blocks.append((int(ident), file, FORKS.index(fork), int(block),
                           (int(offset), int(hole), int(saved or 0)) if image else None))
        elif 'blkref' in line:
            raise ValueError(f'not understood: {line}')
    return records, done.stderr.strip()


def walinspect(args, first, last):
    """The same from SQL, on the cluster of the folder, which gets its archived segments back."""
    import psycopg2
    data, archive = args.folder / 'data', args.folder / 'archive'
    for segment in archive.glob('00000001????????????????'):
        if not (data / 'pg_wal' / segment.name).exists():
            shutil.copy(segment, data / 'pg_wal')
            shutil.chown(data / 'pg_wal' / segment.name, data.owner())
    user = ['runuser', '-u', data.owner(), '--'] if os.getuid() == 0 else []
    ctl = [*user, args.bin / 'pg_ctl', '-D', data, '-w']
    subprocess.run([*ctl, '-l', args.folder / 'log', '-o', f'-p {args.port} -k {args.folder} -c listen_addresses=',
                    'start'], check=True, stdout=subprocess.DEVNULL, cwd=args.folder)
    try:
        link = psycopg2.connect(host=str(args.folder), port=args.port, dbname='postgres', user=data.owner())
        link.autocommit = True
        cursor = link.cursor()
        cursor.execute('CREATE EXTENSION IF NOT EXISTS pg_walinspect')
        cursor.execute('SELECT start_lsn, end_lsn, prev_lsn, resource_manager, record_length, xid::text FROM '
                       'pg_get_wal_records_info(%s, %s)', (first, last))
        records = {number(start): (number(end), number(prev), MANAGERS.index(manager), length, int(xid), [])
                   for start, end, prev, manager, length, xid in cursor.fetchall()}
        cursor.execute('SELECT start_lsn, block_id, reltablespace, reldatabase, relfilenode, relforknumber, '
                       'relblocknumber, block_fpi_length FROM pg_get_wal_block_info(%s, %s) ORDER BY 1, 2', (first, last))
        for start, ident, space, database, file, fork, block, image in cursor.fetchall():
            records[number(start)][5].append((ident, f'{space}/{database}/{file}', fork, block, image or None))
        link.close()
    finally:
        subprocess.run([*ctl, '-m', 'fast', 'stop'], check=True, stdout=subprocess.DEVNULL, cwd=args.folder)
    return records


def main():
    p = argparse.ArgumentParser()
    p.add_argument('wal_list', type=pathlib.Path)
    p.add_argument('bin', type=pathlib.Path)
    p.add_argument('folder', type=pathlib.Path)
    p.add_argument('--port', type=int, default=55431)
    args = p.parse_args()
    facts = json.loads((args.folder / 'facts.json').read_text())
    archive = args.folder / 'archive'
    first = facts['begin'] // (1 << 20)
    segments = [s for s in sorted(archive.glob('00000001????????????????'))
                if int(s.name[16:], 16) + int(s.name[8:16], 16) * 4096 >= first]
    mine, notes = ours(args.wal_list, segments)
    faults = [note for note in notes if note.startswith('end ') and not note.startswith('end 0')]
    faults += [note for note in notes if note.startswith('unread') and not note.startswith('unread 0')]

    if (args.bin / 'pg_waldump').exists():
        judge = 'pg_waldump'
        theirs, _ = waldump(args.bin / 'pg_waldump', archive, segments[0].name, segments[-1].name)
    elif facts['version'] >= 15:
        judge = 'pg_walinspect'
        first_lsn, last_lsn = min(mine), max(end for end, *_ in mine.values())
        theirs = walinspect(args, *(f'{at >> 32:X}/{at & 0xFFFFFFFF:X}' for at in (first_lsn, last_lsn)))
    else:
        judge, theirs = 'checksums and chain only', None

    if theirs is not None:
        faults += compare(mine, theirs, judge)
    managers = {record[2] for record in mine.values()}
    images = sum(1 for record in mine.values() for block in record[5] if block[4])
    print(f'{facts["version"]}: {len(mine)} records, {sum(len(r[5]) for r in mine.values())} block references, {images} '
          f'images, {len(managers)} managers, {len(segments)} segments, {judge}: {len(faults)} differences')
    print('\n'.join(faults[:10]), end='\n' if faults else '')
    return bool(faults)


def compare(mine, theirs, judge):
    faults = [f'{judge} alone has {at:X}' for at in theirs.keys() - mine.keys()]
    faults += [f'only we have {at:X}' for at in mine.keys() - theirs.keys()]
    for at in mine.keys() & theirs.keys():
        our, their = list(mine[at]), list(theirs[at])
        if their[0] is None:
            our[0] = None
        if judge == 'pg_walinspect':  # it tells the stored bytes of an image only, and not of all
            our[5] = [block[:4] for block in our[5]]
            their[5] = [block[:4] for block in their[5]]
        if our != their:
            faults.append(f'{at:X}: ours {our}, theirs {their}')
    return faults


if __name__ == '__main__':
    sys.exit(main())
