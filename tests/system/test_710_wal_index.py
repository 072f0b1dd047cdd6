"""The WAL index against PostgreSQL's own readers, on every major: block by block and record by record.

The judges are pg_waldump (13, 15, 17, 18; with changed page magics 13's also reads 14) and pg_walinspect (16). What they print
goes through tests/oracle/judge.py, which knows the meaning of records and nothing of our code.
"""
import importlib.util
import json
import pathlib
import random
import shutil
import subprocess
import sys
import types

import pytest

import archiving
import pgcluster

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / 'tests' / 'oracle'))
import judge        # noqa: E402
import wal_oracle   # noqa: E402

SEGMENT = 1 << 20
every_major = pytest.mark.majors(*pgcluster.EVERY)
ONE_WORKER = True   # the work and what PostgreSQL says of it are made once a major
MAGIC_13, MAGIC_14 = b'\x06\xd1', b'\x0d\xd1'


def maker():
    """scripts/make-wal-fixtures.py, which makes the work."""
    spec = importlib.util.spec_from_file_location('make_wal_fixtures', TOP / 'scripts' / 'make-wal-fixtures.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def address_of(path):
    with open(path, 'rb') as file:
        return int.from_bytes(file.read(16)[8:], 'little')


class Work:
    """WAL of a server that did a bit of everything: 1 MB segments of timeline 1, then those of its promoted copy."""

    def __init__(self, major, folder, programs):
        self.major, self.folder = major, folder
        compression = 'pglz,lz4,zstd' if programs and major >= 15 else 'pglz'
        self.programs = pathlib.Path(programs or pgcluster.server_programs(major))
        args = types.SimpleNamespace(bin=self.programs, out=folder / 'work', port=pgcluster.free_port(), scale=2,
                                     compression=compression, wal_level='replica' if major == 14 else 'logical')
        self.args, self.facts = args, {}
        maker().make(args, self.facts)
        self.archive, self.data = args.out / 'archive', args.out / 'data'
        for timeline, data in ((1, 'data'), (2, 'promoted')):
            ready = args.out / data / 'pg_wal' / 'archive_status'
            for path in ready.glob(f'{timeline:08X}????????????????.ready'):
                shutil.copy(ready.parent / path.stem, self.archive)
        # From here on: a server that is asked what it sees archives on.
        self.names = {timeline: sorted(self.archive.glob(f'{timeline:08X}' + '?' * 16)) for timeline in (1, 2)}

    def segments(self, timeline):
        return self.names[timeline]

    def records(self, timeline, judge_13):
        """What the judge finds in the segments of a timeline."""
        names = self.segments(timeline)
        first, last = names[0], names[-1]
        if (self.programs / 'pg_waldump').exists():
            return judge.records_by_waldump(self.programs / 'pg_waldump', self.archive, first.name, last.name)
        if self.major == 14:
            return self._records_of_14(judge_13, names)
        return wal_oracle.walinspect(types.SimpleNamespace(bin=self.programs, folder=self.args.out, port=self.args.port),
                                     *self.inspected(names))

    def inspected(self, names):
        ours, _ = wal_oracle.ours(archiving.BUILD / 'tests' / 'oracle' / 'wal_list', names)
        return [f'{at >> 32:X}/{at & 0xFFFFFFFF:X}' for at in (min(ours), max(end for end, *_ in ours.values()))]

    def _records_of_14(self, judge_13, names):
        """13 and 14 write the same but for the number on each page."""
        folder = self.folder / f'as-13-{names[0].name[:8]}'
        folder.mkdir()
        for path in names:
            content = bytearray(path.read_bytes())
            for at in range(0, len(content), judge.PAGE):
                if content[at:at + 2] == MAGIC_14:
                    content[at:at + 2] = MAGIC_13
            (folder / path.name).write_bytes(content)
        return judge.records_by_waldump(judge_13 / 'pg_waldump', folder, names[0].name, names[-1].name)


@pytest.fixture(scope='module')
def judge_13(all_programs, major):
    return all_programs(13) if major == 14 else None


@pytest.fixture(scope='module')
def work(major, all_programs):
    folder = pgcluster.new_folder()
    yield Work(major, folder, all_programs(major) if major in (13, 15, 17, 18) else None)
    shutil.rmtree(folder)


@pytest.fixture(scope='module')
def judged(work, judge_13):
    """Timeline 1 as the judge sees it."""
    return work.records(1, judge_13)


@pytest.fixture(scope='module')
def judged_second(work, judge_13):
    """Timeline 2."""
    if work.major == 16:
        pytest.skip('pg_walinspect only reads the timeline of its own server')
    return work.records(2, judge_13)


def index_of(pgstrata, *names):
    pgstrata.configure({}, {})
    return json.loads(pgstrata('wal-index', '--output=json', *names).out)['segments']


# ---- our index in the judge's terms

def runs(pairs):
    return {number for first, count in pairs for number in range(first, first + count)}


def place(entry):
    return entry['tablespace'], entry['database'], entry['file']


def act_key(act):
    kind = act['kind']
    if kind == 'truncated relation':
        return kind, act['relation']
    if kind in ('locked relation', 'dropped relation'):
        return kind, (act['database'], act['relation'])
    if kind == 'dropped database':
        return kind, (act['tablespace'], act['database'])
    return kind, place(act)


def acts_of(note):
    return {act_key(act): tuple(act.get(name, 0) for name in ('inserts', 'updates', 'deletes')) for act in note['acts']}


def relations_of(index):
    return {place(relation): (relation['limit'], frozenset(runs(relation['blocks']))) for relation in index['blocks']['relations']}


def compare_index(index, expected):
    assert index['fault'] is None and index['unread'] == 0 and index['blocks']['fault'] is None
    assert {(d['tablespace'], d['database']) for d in index['blocks']['databases']} == expected.databases
    assert relations_of(index) == expected.relations()
    activity = index['activity']
    assert {place(r): (r['inserts'], r['updates'], r['deletes']) for r in activity['relations']} == expected.rows
    assert runs(activity['committed']) == expected.committed
    assert runs(activity['aborted']) == expected.aborted
    assert activity['unread'] == activity['transactions_dropped'] == 0
    ended = [note for note in activity['transactions'] if note['state'] == 'committed' and not note['acts_dropped']]
    left_out = {note['xid'] for note in activity['transactions'] if note['acts_dropped']}
    assert {note['xid']: (judge.number(note['lsn']), acts_of(note)) for note in ended} == {
        xid: note for xid, note in expected.notes.items() if xid not in left_out}
    assert left_out <= expected.crowded | {xid for xid, acts in expected.open.items() if len(acts) > judge.ACTS_MAX}
    still = {xid: acts for xid, acts in expected.open.items()
             if any(kind != 'changed rows' or rows[1] or rows[2] for (kind, _), rows in acts.items())}
    assert {note['xid']: acts_of(note) for note in activity['transactions']
            if note['state'] == 'open' and not note['acts_dropped']} == {x: a for x, a in still.items() if x not in left_out}
    return len(expected.relations()), len(ended)


# ---- tests

@every_major
def test_every_manager_wrote(work, judged):
    """Else the comparison proves less than it says."""
    assert {judge.MANAGERS[record.manager] for record in judged.values()} == set(judge.MANAGERS)


@every_major
def test_reader_finds_the_same_records(work, judged):
    mine, notes = wal_oracle.ours(archiving.BUILD / 'tests' / 'oracle' / 'wal_list', work.segments(1))
    assert not wal_oracle.compare(mine, judged, 'the judge')
    assert [note for note in notes if note.startswith('end ')][0].startswith('end 0')
    assert len(mine) > 20000
    assert any(at % judge.PAGE > judge.PAGE - 24 for at in mine)        # a head of a record over a border


@every_major
def test_index_holds_what_the_judge_finds(work, judged, pgstrata):
    """Of records that lie in one segment; those over a border are in no index, but in the seams."""
    inside = judge.in_one_segment(judged, SEGMENT)
    names = work.segments(1)
    relations = notes = over = 0
    for name, index in zip(names, index_of(pgstrata, *names)):
        number = address_of(name) // SEGMENT
        expected = judge.expected(inside.get(number, []))
        assert index['segment'] == name.name and index['records'] == len(inside.get(number, []))
        touched, noted = compare_index(index, expected)
        relations, notes, over = relations + touched, notes + noted, over + bool(index['seams']['tail_record_bytes'])
    assert relations > 900 and notes > 20 and over > 8


@every_major
def test_second_timeline_is_indexed_from_inside_a_segment(work, judged_second, pgstrata):
    inside = judge.in_one_segment(judged_second, SEGMENT)
    names = work.segments(2)
    for name, index in zip(names, index_of(pgstrata, *names)):
        expected = judge.expected(inside.get(address_of(name) // SEGMENT, []))
        compare_index(index, expected)
    assert any(event['kind'] == 'end of recovery' for index in index_of(pgstrata, *names) for event in index['events'])


class Mapped:
    """The segments in a repository, in a random order, and the program's map of changes between two points."""

    def __init__(self, work, pgstrata, folder, seed, leave_out=()):
        self.work, self.archive = work, archiving.Archive(pgstrata, folder)
        url = self.archive.urls[0]
        pgstrata.configure({'r1': {'url': url}}, {'main': {'pgdata': work.data}})
        self.archive.call_probe('init', work.data, url)
        names = [name for name in work.segments(1) if name.name not in leave_out]
        random.Random(seed).shuffle(names)
        for name in names:
            pgstrata('archive-push', name, cwd=work.data)

    def fail_over(self):
        """The promoted copy archives, too."""
        promoted = self.work.args.out / 'promoted'
        self.archive.pgstrata.configure({'r1': {'url': self.archive.urls[0]}}, {'main': {'pgdata': promoted}})
        for name in [self.work.archive / '00000002.history', *self.work.segments(2)]:
            self.archive.pgstrata('archive-push', name, cwd=promoted)

    def changes(self, start, end, timeline=1, wal='none'):
        done = subprocess.run(pgcluster.as_server_user(self.archive.probe, 'changes', start, end, timeline, wal, self.archive.urls[0]),
                              capture_output=True, text=True, cwd='/')
        assert done.returncode == 0, done.stderr
        fault, databases, relations = None, set(), {}
        for line in done.stdout.splitlines():
            word, *rest = line.split(' ')
            if word == 'fault':
                fault = ' '.join(rest)
            elif word == 'database':
                databases.add(tuple(map(int, rest[0].split('/'))))
            else:
                limit, *blocks = rest
                relations[tuple(map(int, word.split('/')))] = (
                    None if limit == '-' else int(limit), frozenset(runs(tuple(map(int, run.split('+'))) for run in blocks)))
        return fault, databases, relations


def lsn(at):
    return f'{at >> 32:X}/{at & 0xFFFFFFFF:X}'


def borders_decide(judged, begin):
    """Does a record that crosses a border of segments change what the map says from there on?"""
    behind = [judged[at] for at in sorted(judged) if at >= begin]
    inside = [record for record in behind if not record.is_over_border(SEGMENT)]
    return judge.expected(inside).relations() != judge.expected(behind).relations()


@every_major
def test_map_over_all_segments_is_what_the_judge_finds(work, judged, pgstrata, folder):
    """Archived in any order, and with a part that only pg_wal has."""
    names = work.segments(1)
    newest = {name.name for name in names[-12:]}
    end = lsn(max(judged) + 8)
    mapped = Mapped(work, pgstrata, folder, seed=work.major, leave_out=newest)
    fault, *_ = mapped.changes(lsn(address_of(names[0]) + 40), end)
    assert 'is missing' in fault
    for name in newest:
        shutil.copy(work.archive / name, folder)
        pgcluster.own_by_server_user(folder / name)
    for first in (names[0], names[len(names) // 2], names[-11], names[-8], names[-6]):
        behind = [judged[at] for at in sorted(judged) if at >= address_of(first)]
        begin = behind[0].start     # as that of a backup is: the first record that begins in a segment
        expected = judge.expected(behind)
        fault, databases, relations = mapped.changes(lsn(begin), end, wal=folder)
        assert fault is None
        assert databases == expected.databases
        assert relations == expected.relations()
    assert any(borders_decide(judged, address_of(name)) for name in names[-20:])


@every_major
def test_map_goes_over_to_the_next_timeline_inside_a_segment(work, judged, judged_second, pgstrata, folder):
    switch = judge.number((work.archive / '00000002.history').read_text().split()[1])
    begin = address_of(work.segments(1)[-4])
    together = {at: record for at, record in judged.items() if begin <= at < switch}
    together |= {at: record for at, record in judged_second.items() if at >= switch}
    mapped = Mapped(work, pgstrata, folder, seed=1)
    mapped.fail_over()
    fault, databases, relations = mapped.changes(lsn(begin + 40), lsn(max(judged_second) + 8), timeline=2)
    assert fault is None
    expected = judge.expected(together[at] for at in sorted(together))
    assert databases == expected.databases and relations == expected.relations()
    assert switch % SEGMENT and any(judge.MANAGERS[record.manager] == 'Heap' for at, record in together.items() if at > switch)


@pytest.mark.majors(15)
@pytest.mark.parametrize('segment_mb', (16, 1024))
def test_large_segments_are_indexed_when_archived(segment_mb, clusters, pgstrata, folder, all_programs, major):
    archive = archiving.Archive(pgstrata, folder)
    cluster = clusters(major, segment_mb=segment_mb,
                       conf={'min_wal_size': f'{2 * segment_mb}MB', 'max_wal_size': f'{8 * segment_mb}MB', 'wal_init_zero': 'off'})
    archive.attach(cluster)
    cluster.start()
    cluster.sql("create table t as select g as id, repeat('t', 500) as body from generate_series(1, 30000) g; create index on t (id);"
                "begin; update t set body = 'u' where id < 10000; delete from t where id > 20000; commit")
    cluster.sql('vacuum t')
    cluster.sql('create table gone (id int); drop table gone')
    name = archiving.end_segment(archive, cluster)
    archived = sorted(path.name for path in (cluster.data / 'pg_wal').glob('0' * 7 + '1' + '?' * 16) if path.name <= name)
    judged = judge.records_by_waldump(all_programs(major) / 'pg_waldump', cluster.data / 'pg_wal', archived[0], name)
    inside = judge.in_one_segment(judged, segment_mb << 20)
    assert len(inside) == len(archived)
    for name in archived:
        pgcluster.wait_until(lambda: archive.has(name), f'{name} is archived')
        index, = json.loads(pgstrata('wal-index', name, '--output=json').out)['segments']
        assert index['is_stored']
        expected = judge.expected(inside[address_of(cluster.data / 'pg_wal' / name) // (segment_mb << 20)])
        compare_index(index, expected)
