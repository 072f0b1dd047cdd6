"""What PostgreSQL's own readers find in WAL, and what a WAL index must hold because of it.

records_by_waldump and records_by_walinspect give {start: Record}; Expected takes the records of a stretch one after the other and
gathers what src/repo/FORMAT.md says that the sections *blocks* and *activity* hold. It reads nothing but the text that those programs
print, so it shares no code and no table of layouts with the program.
"""
import dataclasses
import re
import subprocess

MANAGERS = ('XLOG Transaction Storage CLOG Database Tablespace MultiXact RelMap Standby Heap2 Heap Btree Hash Gin Gist '
            'Sequence SPGist BRIN CommitTs ReplicationOrigin Generic LogicalMessage').split()
FORKS = ['main', 'fsm', 'vm', 'init']
PAGE = 8192
NOTE_ROWS, ACTS_MAX = 128, 256      # as in FORMAT.md, "Activity"


def number(lsn):
    high, low = lsn.split('/')
    return int(high, 16) << 32 | int(low, 16)


@dataclasses.dataclass
class Record:
    start: int
    prev: int
    manager: int
    length: int
    xid: int
    text: str
    end: int = None
    blocks: list = dataclasses.field(default_factory=list)     # (id, 'space/database/file', fork, block, image)

    def last_byte(self, segment):
        """Where its last byte lies, over the heads of pages."""
        at, left = self.start, self.length
        while left > (room := PAGE - at % PAGE):
            left -= room
            at += room
            at += 40 if at % segment == 0 else 24
        return at + left - 1

    def is_over_border(self, segment):
        return self.start // segment != self.last_byte(segment) // segment


RECORD = re.compile(r'rmgr: (\S+) +len \(rec/tot\): +\d+/ *(\d+), tx: +(\d+), lsn: ([0-9A-F/]+), prev ([0-9A-F/]+), desc: (.*)')
BLOCK = re.compile(r'\s+blkref #(\d+): rel ([\d/]+) fork (\w+) blk (\d+)(?: \((FPW[^)]*)\); hole: offset: (\d+), length: '
                   r'(\d+)(?:, compression saved: (\d+))?)?')


def records_by_waldump(program, folder, first, last):
    """Of the segments from file `first` to file `last`."""
    done = subprocess.run([program, '-b', '-p', folder, first, last], capture_output=True, text=True)
    records, record = {}, None
    for line in done.stdout.splitlines():
        if found := RECORD.match(line):
            manager, length, xid, start, prev, text = found.groups()
            record = Record(number(start), number(prev), MANAGERS.index(manager), int(length), int(xid), text)
            records[record.start] = record
        elif found := BLOCK.match(line):
            ident, file, fork, block, image, offset, hole, saved = found.groups()
            record.blocks.append((int(ident), file, FORKS.index(fork), int(block),
                                  (int(offset), int(hole), int(saved or 0)) if image else None))
        elif 'blkref' in line:
            raise ValueError(f'not understood: {line}')
    return records


def records_by_walinspect(cursor, first, last):
    """The same from SQL (16 and later), between two LSNs in segments of 1 MB. Of images only the stored length is known."""
    cursor.execute('CREATE EXTENSION IF NOT EXISTS pg_walinspect')
    records, at = {}, number(first)
    while at < number(last):
        found = inspected(cursor, f'{at >> 32:X}/{at & 0xFFFFFFFF:X}', last)
        records.update(found)
        # It takes a record that was given up after a crash for the end of WAL; behind it, WAL goes on in the next segment.
        at = ((max(record.end for record in found.values()) - 1) // (1 << 20) + 1) << 20
    return records


def inspected(cursor, first, last):
    cursor.execute("SELECT start_lsn, end_lsn, prev_lsn, resource_manager, record_length, xid::text, record_type || ' ' || "
                   "coalesce(description, '') FROM pg_get_wal_records_info(%s, %s)", (first, last))
    records = {number(start): Record(number(start), number(prev), MANAGERS.index(manager), length, int(xid), text, number(end))
               for start, end, prev, manager, length, xid, text in cursor.fetchall()}
    cursor.execute('SELECT start_lsn, block_id, reltablespace, reldatabase, relfilenode, relforknumber, '
                   'relblocknumber, block_fpi_length FROM pg_get_wal_block_info(%s, %s) ORDER BY 1, 2', (first, last))
    for start, ident, space, database, file, fork, block, image in cursor.fetchall():
        records[number(start)].blocks.append((ident, f'{space}/{database}/{file}', fork, block, image or None))
    return records


# ---- what an index must hold

PATH = r'(?:global/(\d+)|base/(\d+)/(\d+)|pg_tblspc/(\d+)/\w+/(\d+)/(\d+))(?:_(fsm|vm|init))?'


def file_of_path(path):
    """((tablespace, database, file), fork)"""
    shared, database, file, space, space_database, space_file, fork = re.fullmatch(PATH, path).groups()
    if shared:
        return (1664, 0, int(shared)), fork
    if file:
        return (1663, int(database), int(file)), fork
    return (int(space), int(space_database), int(space_file)), fork


def numbers(text, name):
    """The numbers behind `name: ` up to the next semicolon."""
    found = re.search(rf'{name}: ([\d ,]+)', text)
    return [int(word) for word in re.findall(r'\d+', found.group(1))] if found else []


class Expected:
    """Fed with records in the order of WAL."""

    def __init__(self):
        self.databases, self.limits, self.blocks = set(), {}, {}
        self.rows, self.committed, self.aborted = {}, set(), set()
        self.open, self.notes = {}, {}      # xid: {act: rows}
        self.crowded = set()                # xids that committed with so many acts that some may be left out

    def take(self, record):
        name = MANAGERS[record.manager]
        if handler := getattr(self, f'_{name.lower()}', None):
            handler(record)
        for _, file, fork, block, _ in record.blocks:
            marks = self._touch(tuple(map(int, file.split('/'))))
            if fork == 0:
                marks.add(block)
        return self

    # blocks

    def _touch(self, file):
        return self.blocks.setdefault(file, set())

    def _limit(self, file, blocks):
        self.blocks[file] = {block for block in self._touch(file) if block < blocks}
        self.limits[file] = min(blocks, self.limits.get(file, blocks))

    def relations(self):
        """{file: (limit or None, blocks)}: of what is whole anyway, blocks are not listed."""
        return {file: (self.limits.get(file), frozenset() if self.limits.get(file) == 0 else frozenset(blocks))
                for file, blocks in self.blocks.items()}

    # activity

    def _act(self, xid, kind, place, inserts=0, updates=0, deletes=0):
        if xid:
            acts = self.open.setdefault(xid, {})
            before = acts.get((kind, place), (0, 0, 0))
            acts[kind, place] = tuple(map(sum, zip(before, (inserts, updates, deletes))))

    def _rows(self, record, inserts=0, updates=0, deletes=0):
        file = tuple(map(int, record.blocks[0][1].split('/')))
        before = self.rows.get(file, (0, 0, 0))
        self.rows[file] = tuple(map(sum, zip(before, (inserts, updates, deletes))))
        self._act(record.xid, 'changed rows', file, inserts, updates, deletes)

    def _heap(self, record):
        kind = record.text.split()[0].split('+')[0]
        if kind in ('INSERT', 'UPDATE', 'HOT_UPDATE', 'DELETE'):
            self._rows(record, kind == 'INSERT', kind.endswith('UPDATE'), kind == 'DELETE')
        elif kind == 'TRUNCATE':
            for relation in re.findall(r'\d+', re.split(r' relids:? ', record.text)[1]):
                self._act(record.xid, 'truncated relation', int(relation))      # its database is not printed

    def _heap2(self, record):
        if record.text.startswith('MULTI_INSERT'):
            self._rows(record, inserts=int(re.search(r'ntuples: (\d+)|(?<= )(\d+)(?= tuples)', record.text)[0].split()[-1]))

    def _storage(self, record):
        if found := re.match(r'CREATE (\S+)', record.text):
            file, fork = file_of_path(found.group(1))
            if fork:
                self._touch(file)
            else:
                self._limit(file, 0)
                self._act(record.xid, 'created file', file)
        elif found := re.match(r'TRUNCATE (\S+) to (\d+) blocks flags (\d+)', record.text):
            file, _ = file_of_path(found.group(1))
            if int(found.group(3)) & 1:
                self._limit(file, int(found.group(2)))
            else:
                self._touch(file)
            self._act(record.xid, 'cut file', file)

    def _database(self, record):
        if found := re.match(r'CREATE\w* (?:copy dir \d+/\d+ to|create dir) (\d+)/(\d+)', record.text):
            self.databases.add(tuple(map(int, found.groups())))
        elif record.text.startswith('DROP'):
            for place in re.findall(r'(\d+)/(\d+)', record.text):
                self.databases.add(tuple(map(int, place)))
                self._act(record.xid, 'dropped database', tuple(map(int, place)))
        else:
            raise ValueError(f'not understood: {record.text}')

    def _standby(self, record):
        if record.text.startswith('LOCK'):
            for xid, database, relation in re.findall(r'xid (\d+) db (\d+) rel (\d+)', record.text):
                self._act(int(xid), 'locked relation', (int(database), int(relation)))

    def _transaction(self, record):
        kind = record.text.split()[0]
        if kind == 'ASSIGNMENT' or kind not in ('COMMIT', 'COMMIT_PREPARED', 'ABORT', 'ABORT_PREPARED'):
            return
        xid = int(re.match(r'\w+ (\d+):', record.text).group(1)) if kind.endswith('PREPARED') else record.xid
        subxacts = numbers(record.text, 'subxacts')
        dropped = re.search(r'; rels:((?: [^ ;]+)+)', record.text)
        files = [file_of_path(path)[0] for path in dropped.group(1).split()] if dropped else []
        for file in files:
            self._limit(file, 0)
        if kind.startswith('ABORT'):
            self.aborted.update([xid, *subxacts])
            for gone in (xid, *subxacts):
                self.open.pop(gone, None)
            return
        self.committed.update([xid, *subxacts])
        acts = self.open.pop(xid, {})
        for sub in subxacts:
            for act, rows in self.open.pop(sub, {}).items():
                acts[act] = tuple(map(sum, zip(acts.get(act, (0, 0, 0)), rows)))
        for file in files:
            acts['dropped file', file] = (0, 0, 0)
        if stats := re.search(r'dropped stats:((?: \d+/\d+/\d+)+)', record.text):
            for kind_of, database, relation in re.findall(r'(\d+)/(\d+)/(\d+)', stats.group(1)):
                if kind_of == '2':
                    acts['dropped relation', (int(database), int(relation))] = (0, 0, 0)
        if len(acts) > ACTS_MAX:
            self.crowded.add(xid)
        ends = {'dropped file', 'cut file', 'dropped relation', 'dropped database', 'truncated relation'}
        if any(act in ends or rows[1] >= NOTE_ROWS or rows[2] >= NOTE_ROWS for (act, _), rows in acts.items()):
            self.notes[xid] = (record.start, acts)


def expected(records):
    """Of records in the order of WAL."""
    result = Expected()
    for record in records:
        result.take(record)
    return result


def in_one_segment(records, segment):
    """{number of a segment: its records that begin and end there, in order}"""
    found = {}
    for record in sorted(records.values(), key=lambda record: record.start):
        if not record.is_over_border(segment):
            found.setdefault(record.start // segment, []).append(record)
    return found

