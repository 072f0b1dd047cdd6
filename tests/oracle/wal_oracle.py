#!/usr/bin/python3
"""Compares what our reader finds in WAL with what PostgreSQL's own readers find, record by record.

    wal_oracle.py WAL_LIST BIN FOLDER [--port N]

WAL_LIST is the built tests/oracle/wal_list, FOLDER was made by scripts/make-wal-fixtures.py, BIN holds programs of its
major: pg_waldump where there is one, else the server with pg_walinspect (15 and later), else (14) only our own checks
count: every checksum right, no break in the chain, all segments read to their end. Prints one line; exit status 1 when
anything differs.
"""
import argparse, json, os, pathlib, shutil, subprocess, sys

import judge

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
        records = judge.records_by_walinspect(cursor, first, last)
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
        name = 'pg_waldump'
        theirs = judge.records_by_waldump(args.bin / 'pg_waldump', archive, segments[0].name, segments[-1].name)
    elif facts['version'] >= 15:
        name = 'pg_walinspect'
        first_lsn, last_lsn = min(mine), max(end for end, *_ in mine.values())
        theirs = walinspect(args, *(f'{at >> 32:X}/{at & 0xFFFFFFFF:X}' for at in (first_lsn, last_lsn)))
    else:
        name, theirs = 'checksums and chain only', None

    if theirs is not None:
        faults += compare(mine, theirs, name)
    managers = {record[2] for record in mine.values()}
    images = sum(1 for record in mine.values() for block in record[5] if block[4])
    print(f'{facts["version"]}: {len(mine)} records, {sum(len(r[5]) for r in mine.values())} block references, {images} '
          f'images, {len(managers)} managers, {len(segments)} segments, {name}: {len(faults)} differences')
    print('\n'.join(faults[:10]), end='\n' if faults else '')
    return bool(faults)


def compare(mine, theirs, name):
    faults = [f'{name} alone has {at:X}' for at in theirs.keys() - mine.keys()]
    faults += [f'only we have {at:X}' for at in mine.keys() - theirs.keys()]
    for at in mine.keys() & theirs.keys():
        their = theirs[at]
        end, prev, manager, length, xid, blocks = mine[at]
        images = their.end is None  # pg_walinspect tells the stored bytes of an image only, and not of all
        our = ((end if their.end else None), prev, manager, length, xid, [block if images else block[:4] for block in blocks])
        told = (their.end, their.prev, their.manager, their.length, their.xid,
                [block if images else block[:4] for block in their.blocks])
        if our != told:
            faults.append(f'{at:X}: ours {our}, theirs {told}')
    return faults


if __name__ == '__main__':
    sys.exit(main())
