# SPDX-License-Identifier: PostgreSQL
# Copyright (c) 2026, the pgstrata authors
"""What the program's own parts store, the independent reader and the stock tools must give back."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import reader
import zstandard

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / os.environ.get('PGSTRATA_BUILD', 'build')
SEGMENT = 1 << 20
UNFINISHED, TAIL_END = '000000010000000000000FFE', 0x12348
FULL, INCR = '20261121-083000F', '20261122-083000I'
CODECS = ('none', 'lz4', 'zstd')
DOCUMENT = (TOP / 'src/repo/FORMAT.md').read_text()


def page(number):
    """A page that no other number gives."""
    return (f'page {number} '.encode() * 1200)[:8192]


def tree_make(folder, moment, same=0):
    """A data directory at moment 1 or 2: holes, odd names, short last blocks, links, and `same` files that stay as they are."""
    base = os.fsencode(folder) + b'/'
    files = {
        b'PG_VERSION': b'15\n',
        b'base/5/16384': page(1) + page(moment) + bytes(8192 * 3) + page(5) + page(6) + page(7 + moment) + b'tail',
        b'base/5/empty': b'',
        b'base/5/zeros': bytes(100000),
        b'base/5/\xff\xfe no utf-8': b'x' * 10000,
        b'base/5/"quoted\\ \xc3\xa9\x01': b'y',
        b'base.x': b'sorts between base and base/5',
        b'global/pg_control': page(100 + moment),
    }
    if moment == 1:
        files[b'base/5/gone'] = page(99)
    else:
        files[b'base/5/many'] = b''.join(page(n) if n % 2 else bytes(8192) for n in range(5000))
    for name in (b'base', b'base/5', b'global', b'pg_tblspc', b'empty'):
        os.makedirs(base + name)
    os.chmod(base + b'empty', 0o750)
    for name, content in files.items():
        with open(base + name, 'wb') as file:
            file.write(content)
        os.chmod(base + name, 0o640 if moment == 2 else 0o600)
    long = b'AAA/' + b'/'.join([b'x' * 250] * 3)
    os.makedirs(base + long)
    for number in range(same):
        with open(base + long + b'/%05d' % number, 'wb') as file:
            file.write(b'same')
        os.utime(file.name, (10 ** 9, 10 ** 9))
    os.symlink(b'/srv/fa\xe9st', base + b'pg_tblspc/16400')
    for path, _, _ in os.walk(base + b'AAA'):
        os.utime(path, (10 ** 9, 10 ** 9))


def tree_read(folder):
    seen = {}
    for path, folders, files in os.walk(os.fsencode(folder)):
        for name in folders + files:
            whole = os.path.join(path, name)
            key = os.path.relpath(whole, os.fsencode(folder))
            if os.path.islink(whole):
                seen[key] = os.readlink(whole)
            elif os.path.isdir(whole):
                seen[key] = oct(os.stat(whole).st_mode)
            else:
                with open(whole, 'rb') as file:
                    seen[key] = (file.read(), oct(os.stat(whole).st_mode))
    return seen


def wal_make(folder):
    """The segments that a real server made, named by their own first page, a history file and a partial."""
    folder.mkdir()
    stream = zstandard.ZstdDecompressor().stream_reader((TOP / 'tests/fixtures/wal/pg15.zst').open('rb')).read()
    for at in range(0, len(stream), SEGMENT):
        timeline, address = reader.u(stream, at + 4, 4), reader.u(stream, at + 8, 8)
        if at + SEGMENT == len(stream):
            timeline = 2  # its first page still carries the parent's number
        number = address // SEGMENT
        name = f'{timeline:08X}{number // 4096:08X}{number % 4096:08X}'
        (folder / name).write_bytes(stream[at:at + SEGMENT])
    (folder / '00000002.history').write_text('1\t0/3000060\tno recovery target specified\n')
    (folder / '000000010000000000000FFF.partial').write_bytes(stream[:SEGMENT])
    # A segment that was never finished, in two parts that overlap.
    stream = bytearray(stream[:SEGMENT])
    stream[8:16] = (0xFFE * SEGMENT).to_bytes(8, 'little')
    for start, end in ((0, 0x8000), (0x7000, TAIL_END)):
        (folder / f'{UNFINISHED}.{start:08X}-{end:08X}.tail').write_bytes(stream[start:end])


class Made:
    """A repository, and what went into it."""

    def __init__(self, folder, codec, same=0):
        self.codec, self.root = codec, folder / 'repository'
        self.first, self.second, self.wal = folder / 'first', folder / 'second', folder / 'wal'
        tree_make(self.first, 1, same)
        tree_make(self.second, 2, same)
        wal_make(self.wal)
        self.generation = self.root / 'main/g1'
        self.make()

    def make(self):
        subprocess.run([BUILD / 'tests/spec/make_repository', self.root, self.codec, self.first, self.second, self.wal],
                       check=True, timeout=60)


@pytest.fixture(scope='module', params=CODECS)
def made(request, tmp_path_factory):
    return Made(tmp_path_factory.mktemp(request.param), request.param, same=300)    # fill a leaf of the manifest


def test_every_object_is_sound(made):
    repository = reader.Repository(made.root)
    assert reader.verify(repository) == len(list(repository.keys())) > 10


@pytest.mark.parametrize('label', (FULL, INCR))
def test_a_backup_is_restored(made, label, tmp_path):
    reader.restore(reader.Repository(made.root), 'main/g1', label, tmp_path / 'restored')
    assert (tmp_path / 'restored/backup_label').read_text() == 'START WAL LOCATION: 0/2000028\n'
    (tmp_path / 'restored/backup_label').unlink()
    assert tree_read(tmp_path / 'restored') == tree_read(made.first if label == FULL else made.second)


def test_the_second_backup_draws_on_the_first(made):
    repository = reader.Repository(made.root)
    record = repository.json(f'main/g1/backup/{INCR}/backup', 12)
    entry = next(e for e in reader.manifest(repository, 'main/g1', record['manifest']) if e['path'] == b'base/5/16384')
    assert [(e['first'], e['count'], e['label']) for e in entry['extents']] == [
        (0, 1, FULL), (1, 1, INCR), (5, 2, FULL), (7, 1, INCR), (8, 1, FULL)]
    assert reader.raw(record, 'note') == b'caf\xe9'


def test_the_second_manifest_refers_to_a_leaf_of_the_first(made):
    repository = reader.Repository(made.root)
    leaves = {}
    for label in (FULL, INCR):
        place = repository.json(f'main/g1/backup/{label}/backup', 12)['manifest']
        leaves[label] = reader.leaf_places(repository, 'main/g1', place)
    assert leaves[INCR][0] == leaves[FULL][0] and leaves[INCR][0]['label'] == FULL
    assert leaves[INCR][1]['label'] == INCR


def test_the_list_of_packs_says_how_much_is_live(made):
    lines = reader.ndjson(reader.Repository(made.root).container(f'main/g1/backup/{INCR}/packs', 11).plain())
    live = {line['label']: (line['live'], line['plain']) for line in lines[1:]}
    assert live[INCR][0] == live[INCR][1]
    assert 0 < live[FULL][0] < live[FULL][1] - 8192 * 4  # the root, the other leaves, a file, blocks that changed


def test_wal_is_given_back_with_its_summary(made):
    repository = reader.Repository(made.root)
    records = 0
    for path in made.wal.iterdir():
        assert reader.wal(repository, 'main/g1', path.name) == path.read_bytes()
        key, kind = reader.wal_key('main/g1', path.name)
        sections = repository.container(key).sections
        assert ({16, 17, 18, 19} <= set(sections)) == (kind == 5 or '.00000000-' in key)
        records += reader.summary(sections[16])[0] if kind == 5 else 0
    assert records > 1000


def example(heading):
    """The bytes of the example below a heading of the document."""
    dump = DOCUMENT[DOCUMENT.index(heading):].split('### Example\n', 1)[1].split('```\n', 2)[1]
    return bytes.fromhex(''.join(line[10:58] for line in dump.splitlines()))


def test_the_examples_of_a_wal_index_say_what_stands_above_them():
    assert reader.summary(example('### Summary (type 16)')) == (2, [('restore point', 'before')])
    fault, databases, relations = reader.blocks(example('### Blocks (type 17)'))
    assert (fault, databases) == ('', [(1663, 16400)])
    assert relations == {(1663, 5, 16384): (None, [range(7, 8)]), (1663, 5, 16390): (3, [range(0, 1), range(5, 7)])}
    seen = reader.activity(example('### Activity (type 18)'))
    assert seen['rows'] == {(1663, 5, 16384): (0, 0, 1000), (1663, 5, 16390): (3, 300, 0)}
    assert (seen['committed'], seen['aborted']) == ([range(700, 703)], [range(703, 704)])
    assert [(note['xid'], note['top'], note['lsn'], note['acts']) for note in seen['notes']] == [
        (700, 0, 0x3000100, [('rows', (1663, 5, 16384), (0, 0, 1000))]), (705, 704, 0, [('lock', (0, 5, 24576), (0, 0, 0))])]
    assert reader.seams(example('### Seams (type 19)')) == (0x3FFFF98, 0x4FFFE60, 3, b'end', 80, 5, b'begin')


@pytest.mark.parametrize('heading, read', (('### Blocks (type 17)', reader.blocks), ('### Activity (type 18)', reader.activity),
                                           ('### Seams (type 19)', reader.seams)))
def test_a_section_that_is_cut_or_too_long_is_refused(heading, read):
    section = example(heading)
    for changed in (section + b'\0', *(section[:end] for end in range(len(section)))):
        with pytest.raises(reader.Corrupt):
            read(changed)
    with pytest.raises(reader.Unsupported):
        read(b'\2' + section[1:])


def test_segments_join_by_their_seams(made):
    """The joined record's length and CRC are right, and each segment names the end of the one before."""
    repository, joined, chained = reader.Repository(made.root), 0, 0
    open_record, open_at, last = b'', 0, None
    for path in sorted(made.wal.glob('00000001' + '?' * 16)):
        if path.name == UNFINISHED:
            continue
        sections = repository.container(reader.wal_key('main/g1', path.name)[0]).sections
        previous, end, head_total, head, tail_total, here, tail = reader.seams(sections[19])
        start = None
        if open_record and head_total:
            record = open_record + head
            assert len(record) == reader.u(record, 0, 4) == len(open_record) + head_total
            assert reader.crc32c(record[24:] + record[:20]) == reader.u(record, 20, 4)
            start, joined = open_at, joined + 1
        if previous and (start or last):
            assert previous == (start or last)
            chained += 1
        last = end or start or last
        open_record, open_at = tail, reader.u(sections[16], 32, 8)
        assert not tail_total or here == len(tail) > 0
    assert joined > 0 and chained > 5


def unfinished(made):
    first, second = sorted(made.wal.glob(f'{UNFINISHED}.*'))
    return first.read_bytes()[:0x7000] + second.read_bytes() + bytes(SEGMENT - TAIL_END)


def test_an_unfinished_segment_is_put_together(made):
    assert reader.wal(reader.Repository(made.root), 'main/g1', UNFINISHED) == unfinished(made)


def test_tails_that_differ_are_refused(tmp_path):
    made = Made(tmp_path, 'none')
    path, = made.generation.rglob(f'{UNFINISHED}.00007000-*')
    other = made.wal / path.name
    other.write_bytes(bytes(TAIL_END - 0x7000))
    shutil.rmtree(made.root)
    made.make()
    repository = reader.Repository(made.root)
    reader.wal(repository, 'main/g1', path.name)
    with pytest.raises(reader.Corrupt, match='other bytes'):
        reader.wal(repository, 'main/g1', UNFINISHED)


def recipe(number):
    """A block of commands of "Recovery by hand"."""
    return re.findall(r'```\n(.*?)```', DOCUMENT[DOCUMENT.index('## Recovery by hand'):], re.S)[number]


def by_hand(made, commands, **values):
    """Runs commands of the document with its letters filled in, where it says."""
    for letter, value in values.items():
        commands = re.sub(rf'(?<==){letter}\b', str(value), commands) if len(letter) == 1 else commands.replace(letter, str(value))
    tool = 'lz4 -dc' if made.codec == 'lz4' else 'zstd -dc'
    commands = re.sub(r'zstd -dc (?!\S*/backup$)', tool + ' ', commands, flags=re.M)
    return subprocess.run(['bash', '-ec', commands], cwd=made.generation, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=60).stdout


@pytest.mark.skipif(not shutil.which('lz4') or not shutil.which('zstd'), reason='needs the tools zstd and lz4')
def test_a_wal_segment_is_recovered_by_hand(made):
    name = sorted(made.wal.glob('0' * 7 + '1' + '?' * 16))[0].name
    example = '000000010000000000000003'
    command = recipe(0)
    assert example in command
    by_hand(made, command.replace(example[:16], name[:16]).replace(example, name))
    assert (made.generation / name).read_bytes() == (made.wal / name).read_bytes()
    (made.generation / name).unlink()


@pytest.mark.skipif(not shutil.which('lz4') or not shutil.which('zstd'), reason='needs the tools zstd and lz4')
def test_an_unfinished_segment_is_recovered_by_hand(made):
    command = recipe(1).replace('000000010000000000000004', UNFINISHED).replace('0001A2F8', '00008000')
    by_hand(made, command.replace('16777216', str(SEGMENT)))
    assert (made.generation / UNFINISHED).read_bytes() == unfinished(made)[:0x8000] + bytes(SEGMENT - 0x8000)
    (made.generation / UNFINISHED).unlink()


@pytest.mark.skipif(not shutil.which('lz4') or not shutil.which('zstd'), reason='needs the tools zstd and lz4')
def test_a_file_is_recovered_by_hand(made):
    show, cut = recipe(2).splitlines()
    record = reader.json.loads(by_hand(made, show))
    place = record['manifest']

    def cut_out(label, pack, offset, size):
        command = cut.replace(FULL, label).replace('pack-000001', f'pack-{pack:06}')
        by_hand(made, command, o=offset, s=size)
        (made.generation / 'root').rename(made.generation / 'piece')
        lines = (made.generation / 'piece').read_text().splitlines()
        (made.generation / 'piece').unlink()
        return [reader.json.loads(line) for line in lines]

    root = cut_out(place['label'], place['pack'], place['offset'], place['size'])
    path = 'base/5/16384'
    leaf_line = next(line for line in root[1:] if line['first'] <= path <= line['last'])
    leaf = cut_out(root[0]['labels'][leaf_line['label']], leaf_line['pack'], leaf_line['offset'], leaf_line['size'])
    line = next(line for line in leaf[1:] if line.get('path') == path)
    (made.generation / 'base/5').mkdir(parents=True)
    for extent in reader.extents(line, leaf[0]['labels']):
        by_hand(made, recipe(3), LABEL=extent['label'], NUMBER=f'{extent["pack"]:06}', f=extent['first'], p=extent['offset'],
                k=min(8192 * extent['count'], line['size'] - 8192 * extent['first']))
    by_hand(made, f'truncate -s {line["size"]} {path}')
    assert (made.generation / path).read_bytes() == (made.first / path).read_bytes()
    shutil.rmtree(made.generation / 'base')


def damaged(made, key, change):
    """What verify says of an object after `change` was done to its bytes."""
    path = made.root / key
    data = path.read_bytes()
    try:
        path.write_bytes(change(bytearray(data)))
        reader.verify_object(reader.Repository(made.root), key)
    except (reader.Corrupt, reader.Unsupported) as fault:
        return str(fault)
    finally:
        path.write_bytes(data)
    return None


def test_damage_is_found_wherever_it_is(tmp_path):
    made = Made(tmp_path, 'zstd')
    keys = [key for key in reader.Repository(made.root).keys() if '.wal' not in key]
    for key in keys:
        size = (made.root / key).stat().st_size
        for at in sorted({*range(0, size, max(size // 7, 1)), size - 1}):
            def flip(data, at=at):
                data[at] ^= 1
                return data
            assert damaged(made, key, flip), f'{key}, byte {at}'
        assert damaged(made, key, lambda data: data[:-1]), key
        assert damaged(made, key, lambda data: data + b'x'), key


def test_objects_that_changed_places_are_found(tmp_path):
    made = Made(tmp_path, 'zstd')
    one, two = (made.generation / 'backup' / label / 'pack-000001' for label in (FULL, INCR))
    a, b = one.read_bytes(), two.read_bytes()
    one.write_bytes(b)
    two.write_bytes(a)
    with pytest.raises(reader.Corrupt, match='it is named'):
        reader.verify(reader.Repository(made.root))


def test_a_missing_pack_is_found(tmp_path):
    made = Made(tmp_path, 'zstd')
    (made.generation / 'backup' / FULL / 'pack-000001').unlink()
    with pytest.raises(FileNotFoundError):
        reader.verify(reader.Repository(made.root))
