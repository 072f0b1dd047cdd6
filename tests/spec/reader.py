#!/usr/bin/python3
# SPDX-License-Identifier: PostgreSQL
# Copyright (c) 2026, the pgstrata authors
"""A second reader of repositories, written from src/repo/FORMAT.md alone.

    reader.py REPOSITORY list                          clusters, generations, backups, WAL
    reader.py REPOSITORY verify                        every object, all hashes; backups with all they draw on
    reader.py REPOSITORY restore CLUSTER/gN LABEL DIR  the files of a backup; tablespaces go where their links lead
    reader.py REPOSITORY wal CLUSTER/gN NAME FILE      one file of pg_wal

It shares no code with the program and reads simply: an object whole, a manifest whole.
"""
import hashlib
import json
import os
import pathlib
import re
import struct
import sys

import lz4.frame
import xxhash
import zstandard

BLOCK = 8192
FRAME_PLAIN_MAX, FRAME_STORED_MAX = 262144, 278528
SKIP_MAGIC = 0x184D2A5E
KINDS = {1: 'repository', 2: 'cluster', 3: 'branch', 4: 'history', 5: 'wal', 6: 'partial', 7: 'backup history', 8: 'tail',
         9: 'begin', 10: 'pack', 11: 'packs', 12: 'backup', 13: 'hold', 14: 'lock', 15: 'key'}
LABEL = r'[0-9]{8}-[0-9]{6}[FDI]'
TREE = [  # "Tree of names": what stands below <cluster>/g<n>/, and the kind it must have
    (r'cluster', 2), (r'branch/[0-9A-F]{8}', 3), (r'wal/[0-9A-F]{8}\.history', 4),
    (r'wal/[0-9A-F]{8}/[0-9A-F]{16}/[0-9A-F]{24}\.wal', 5),
    (r'wal/[0-9A-F]{8}/[0-9A-F]{16}/[0-9A-F]{24}\.partial(\.[0-9a-f]{8})?', 6),
    (r'wal/[0-9A-F]{8}/[0-9A-F]{16}/[0-9A-F]{24}\.[0-9A-F]{8}\.backup', 7),
    (r'wal/[0-9A-F]{8}/[0-9A-F]{16}/[0-9A-F]{24}\.[0-9A-F]{8}-[0-9A-F]{8}\.tail', 8),
    (rf'backup/{LABEL}/begin', 9), (rf'backup/{LABEL}/pack-[0-9]{{6}}', 10), (rf'backup/{LABEL}/packs', 11),
    (rf'backup/{LABEL}/backup', 12), (rf'hold/(pin|fate)/{LABEL}\.[0-9]{{6}}', 13),
    (r'hold/timeline/[0-9A-F]{8}\.[0-9]{6}', 13), (r'hold/wal/[0-9]{6}', 13), (r'hold/clock/[0-9a-f]{16}', 13),
    (rf'hold/gone/{LABEL}', 13)]
WORDS = {'pin': ('pinned', 'unpinned'), 'fate': ('condemned', 'reprieved', 'removing'), 'timeline': ('given up',)}
EVENTS = {1: 'checkpoint', 2: 'redo point', 3: 'end of recovery', 4: 'parameter change', 5: 'restore point',
          6: 'end of a backup', 7: 'full_page_writes', 8: 'switch', 9: 'overwrite', 10: 'tablespace created',
          11: 'tablespace dropped'}


class Corrupt(Exception):
    """The bytes are not what the document says they must be."""


class Unsupported(Exception):
    """Sound, as far as can be told, but of a newer version."""


def need(condition, text):
    if not condition:
        raise Corrupt(text)


def known(condition, text):
    if not condition:
        raise Unsupported(text)


def crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC_TABLE = crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC_TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def xxh128(data):
    return xxhash.xxh3_128_digest(data)


def u(data, at, size):
    need(at + size <= len(data), 'it ends too early')
    return int.from_bytes(data[at:at + size], 'little')


class Container:
    """One object, read whole and checked."""

    def __init__(self, data, name, where):
        self.where = where
        self.data, self.name = data, name
        self.read_trailer()
        self.read_index()
        self.read_head()

    def read_trailer(self):
        data = self.data
        need(len(data) >= 76, 'shorter than a trailer')
        trailer = data[-76:]
        need(trailer[64:72] == b'PGSTREND', 'no trailer')
        need(u(trailer, 72, 4) == crc32c(trailer[:72]), 'the CRC of the trailer is wrong')
        known(u(trailer, 58, 2) == 1, 'another version of the container')
        known(u(trailer, 56, 2) == 0 and u(trailer, 60, 4) == 0, 'a signature or a reserved field')
        index_length, self.frame_count = u(trailer, 0, 4), u(trailer, 4, 4)
        self.plain_length, index_at = u(trailer, 8, 8), u(trailer, 16, 8)
        need(index_at == len(data) - index_length - 108 and index_at >= 8, 'index and object length do not fit')
        self.tail_at = index_at - 8
        need(u(data, self.tail_at, 4) == SKIP_MAGIC and u(data, self.tail_at + 4, 4) == len(data) - index_at,
             'no skippable frame around the tail')
        self.index = data[index_at:index_at + index_length]
        need(xxh128(self.index) == trailer[40:56], 'the hash of the index is wrong')
        sha_at = index_at + index_length
        self.sha256 = data[sha_at:sha_at + 32]
        need(hashlib.sha256(data[:sha_at]).digest() == self.sha256, 'the SHA-256 is wrong')
        self.head_hash = trailer[24:40]

    def read_index(self):
        self.sections, at, last = {}, 0, 0
        while at < len(self.index):
            kind, flags, length = struct.unpack_from('<HHI', self.index, at)
            need(kind > last, 'sections are out of order')
            known(kind in (1, 2, 3, 16, 17, 18, 19) or not flags & 1, f'section {kind}')
            need(at + 8 + length <= len(self.index), 'a section is cut')
            self.sections[kind] = self.index[at + 8:at + 8 + length]
            at, last = at + 8 + length, kind
        frames = self.sections.get(1)
        need(frames is not None and len(frames) == 24 * self.frame_count, 'the list of frames is missing or cut')
        self.frames = [(*struct.unpack_from('<II', frames, at), frames[at + 8:at + 24]) for at in range(0, len(frames), 24)]
        need(all(1 <= s <= FRAME_STORED_MAX and 1 <= p <= FRAME_PLAIN_MAX for s, p, _ in self.frames), 'a frame of no size')
        need(sum(p for _, p, _ in self.frames) == self.plain_length, 'frames and plain length do not fit')

    def read_head(self):
        head_length = self.tail_at - sum(s for s, _, _ in self.frames)
        need(28 <= head_length <= 8192, 'no room for a head')
        head = self.data[:head_length]
        need(xxh128(head) == self.head_hash, 'the hash of the head is wrong')
        need(u(head, 0, 4) == SKIP_MAGIC and u(head, 4, 4) == head_length - 8 and head[8:16] == b'PGSTRATA', 'no head')
        known(u(head, 16, 2) == 1 and head[18] in KINDS and head[19] <= 2 and u(head, 20, 2) == 0, 'an unknown head')
        self.kind, self.codec = head[18], head[19]
        name_length = u(head, 22, 2)
        name = head[24:24 + name_length].decode()
        need(name == self.name, f'it is named {name}')
        known(u(head, 24 + name_length, 2) == 0, 'sealed')
        facts_length = u(head, 26 + name_length, 2)
        self.facts = head[28 + name_length:28 + name_length + facts_length]
        need(28 + name_length + facts_length == head_length, 'the head has a wrong length')
        self.head_length = head_length

    def plain(self):
        """All plain bytes, every frame checked."""
        parts, at = [], self.head_length
        for number, (stored, length, digest) in enumerate(self.frames):
            frame = self.data[at:at + stored]
            try:
                if self.codec == 1:
                    part = lz4.frame.decompress(frame)
                else:
                    part = zstandard.ZstdDecompressor().decompress(frame, max_output_size=length)
            except (RuntimeError, zstandard.ZstdError) as error:
                raise Corrupt(f'frame {number}: {error}') from error
            need(len(part) == length and xxh128(part) == digest, f'frame {number} is not what was stored')
            parts.append(part)
            at += stored
        return b''.join(parts)


class Repository:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        document = self.json('pgstrata', 1)
        known(document['format'] == 1, f'format {document["format"]}')
        self.id = document['id']
        self.packs = {}

    def keys(self):
        for path in sorted(self.root.rglob('*')):
            parts = path.relative_to(self.root).parts
            if path.is_file() and not any(part.startswith('.') for part in parts):
                yield '/'.join(parts)

    def container(self, key, kind=None):
        data = (self.root / key).read_bytes()
        name = key.split('/', 1)[1] if '/' in key else key
        try:
            container = Container(data, name, key)
            need(kind is None or container.kind == kind, f'its kind is {container.kind}')
            return container
        except Corrupt as error:
            raise Corrupt(f'{key}: {error}') from error

    def json(self, key, kind):
        document = json.loads(self.container(key, kind).plain())
        known(document['schema'] == 1, f'{key}: schema {document["schema"]}')
        return document

    def place(self, root, place):
        """The bytes of a place, checked. The last packs are kept."""
        key = f'{root}/backup/{place["label"]}/pack-{place["pack"]:06}'
        if key not in self.packs:
            if len(self.packs) > 4:
                self.packs.clear()
            self.packs[key] = self.container(key, 10).plain()
        data = self.packs[key][place['offset']:place['offset'] + place['size']]
        if 'hash' in place:
            need(len(data) == place['size'] and xxh128(data).hex() == place['hash'], f'{key} at {place["offset"]}: wrong hash')
        return data


def raw(document, name):
    """A raw field as bytes."""
    return bytes.fromhex(document[name + '_hex']) if name + '_hex' in document else document[name].encode()


def ndjson(data):
    need(data.endswith(b'\n'), 'the last line has no end')
    lines = data[:-1].split(b'\n')
    need(all(0 < len(line) < FRAME_PLAIN_MAX for line in lines), 'an empty or endless line')
    return [json.loads(line) for line in lines]


def extents(line, labels):
    count = line.get('count', [])
    columns = [line.get(name, [0] * len(count)) for name in ('skip', 'label', 'pack', 'offset')]
    need(all(len(column) == len(count) for column in columns), 'columns of different lengths')
    first = blocks = pack = offset = 0
    for n, skip, label, pack_delta, offset_delta in zip(count, *columns):
        first, pack, offset = first + blocks + skip, pack + pack_delta, offset + BLOCK * blocks + offset_delta
        blocks = n
        need(n >= 1 and skip >= 0 and 1 <= pack <= 999999 and 0 <= offset < 1 << 30, 'an extent lies nowhere')
        yield {'first': first, 'count': n, 'label': labels[label], 'pack': pack, 'offset': offset}


def root_lines(repository, root, place):
    lines = ndjson(repository.place(root, place))
    top = lines[0]
    known(top['root'] == 1, 'another version of the manifest')
    need(top['leaves'] == len(lines) - 1, 'leaves are missing')
    return top, [dict(line, label=top['labels'][line['label']]) for line in lines[1:]]


def leaf_places(repository, root, place):
    """Where the leaves of a manifest lie."""
    return [{name: line[name] for name in ('label', 'pack', 'offset', 'size', 'hash')}
            for line in root_lines(repository, root, place)[1]]


def manifest(repository, root, place):
    """The entries of a backup, in order, each with its extents."""
    top, leaf_lines = root_lines(repository, root, place)
    last, entries, files, size, going_on = b'', 0, 0, 0, None
    for leaf_line in leaf_lines:
        leaf = ndjson(repository.place(root, leaf_line))
        known(leaf[0]['leaf'] == 1, 'another version of a leaf')
        need(len(leaf) - 1 == leaf_line['lines'], 'a leaf has other lines than its root says')
        need(raw(leaf[1], 'path') == raw(leaf_line, 'first') and raw(leaf[-1], 'path') == raw(leaf_line, 'last'),
             'a leaf has another range than its root says')
        for line in leaf[1:]:
            path = raw(line, 'path')
            if going_on:
                need(path == going_on['path'], f'{path}: the entry before should go on')
                going_on['extents'] += extents(line, leaf[0]['labels'])
                entry = going_on
            else:
                need(path > last, f'{path} is out of order')
                need(all(part not in (b'', b'.', b'..') for part in path.split(b'/')) and len(path) < 1024, f'{path} is not safe')
                entry = {'path': path, 'kind': line.get('kind', 'file'), 'mode': int(line['mode'], 8),
                         'size': line.get('size', 0), 'target': raw(line, 'target') if line.get('kind') == 'link' else None,
                         'extents': list(extents(line, leaf[0]['labels']))}
                known(entry['kind'] in ('file', 'folder', 'link'), f'kind {entry["kind"]}')
            going_on, last = entry if line.get('more') else None, path
            if not going_on:
                entries, files, size = entries + 1, files + (entry['kind'] == 'file'), size + entry['size']
                yield entry
    need(not going_on and (entries, files, size) == (top['entries'], top['files'], top['size']), 'the totals are wrong')


def file_bytes(repository, root, entry):
    """The content of a file: zeros, and the extents laid over them."""
    content = bytearray(entry['size'])
    end = 0
    for extent in entry['extents']:
        at = extent['first'] * BLOCK
        size = min(extent['count'] * BLOCK, entry['size'] - at)
        need(at >= end and size > (extent['count'] - 1) * BLOCK, f'{entry["path"]}: extents overlap or end behind the file')
        content[at:at + size] = repository.place(root, dict(extent, size=size))
        end = at + extent['count'] * BLOCK
    need(len(content) == entry['size'], f'{entry["path"]}: a pack is too short')
    return bytes(content)


def restore(repository, root, label, folder, inside=False):
    """Writes a backup's files. A link leads where it led, unless `inside`: then it becomes a folder."""
    record = repository.json(f'{root}/backup/{label}/backup', 12)
    target = os.fsencode(folder)
    os.makedirs(target, exist_ok=True)
    for entry in manifest(repository, root, record['manifest']):
        path = target + b'/' + entry['path']
        if entry['kind'] == 'folder' or inside and entry['kind'] == 'link':
            os.makedirs(path, exist_ok=True)
        elif entry['kind'] == 'link':
            os.symlink(entry['target'], path)
        else:
            with open(path, 'xb') as file:
                file.write(file_bytes(repository, root, entry))
        if entry['kind'] != 'link':
            os.chmod(path, entry['mode'])
    for side in record['side']:
        if raw(side, 'name') == b'global/pg_control':
            with open(target + b'/global/pg_control', 'wb') as file:
                file.write(repository.place(root, side))
    for name in ('backup_label', 'tablespace_map'):
        if raw(record, name):
            with open(target + b'/' + name.encode(), 'wb') as file:
                os.chmod(file.fileno(), 0o600)
                file.write(raw(record, name))


def wal_key(root, name):
    if name.endswith('.history'):
        return f'{root}/wal/{name}', 4
    kind = 6 if '.partial' in name else 7 if name.endswith('.backup') else 8 if name.endswith('.tail') else 5
    return f'{root}/wal/{name[:8]}/{name[:16]}/{name}{".wal" if kind == 5 else ""}', kind


def wal(repository, root, name):
    """A file of pg_wal, or a tail. A segment of which there are only tails is put together."""
    key, kind = wal_key(root, name)
    if kind == 5 and not (repository.root / key).exists():
        return covered(repository, root, name)
    container = repository.container(key, kind)
    plain = container.plain()
    if kind in (5, 6, 8):
        cluster = repository.json(f'{root}/cluster', 2)
        system_id, timeline, segment, major, _, length, digest = struct.unpack('<QIIIIQ16s', container.facts)
        need((str(system_id), segment, major) == (cluster['system_id'], cluster['segment_bytes'], cluster['major']),
             f'{key}: of another cluster')
        need(timeline == int(name[:8], 16) and length == len(plain) and digest == xxh128(plain), f'{key}: wrong facts')
        need(kind != 5 or length == segment, f'{key}: no whole segment')
    if kind == 8:
        start, end = tail_range(name)
        need(0 <= start < end < segment and start % 8 == end % 8 == 0, f'{key}: an impossible range')
        need(length == end - start, f'{key}: its length is not that of its range')
        need(start == 0 or not set(container.sections) & {16, 17, 18, 19}, f'{key}: an index of a segment whose begin is not there')
    for section, read in ((16, summary), (17, blocks), (18, activity), (19, seams)):
        if section in container.sections:
            read(container.sections[section])
    return plain


def tail_range(name):
    start, end = name.split('.')[1].split('-')
    return int(start, 16), int(end, 16)


def covered(repository, root, name):
    """The segment that its tails cover, with zeros behind. FileNotFoundError when there are none."""
    folder = (repository.root / wal_key(root, name)[0]).parent
    names = sorted(path.name for path in folder.glob(f'{name}.*.tail'))
    segment = repository.json(f'{root}/cluster', 2)['segment_bytes']
    plain = bytearray()
    for tail in names:
        start, end = tail_range(tail)
        if start > len(plain):
            break       # behind a hole, as all that follow
        part = wal(repository, root, tail)
        again = min(end, len(plain)) - start
        need(part[:again] == plain[start:start + again], f'{tail}: another tail holds other bytes')
        plain += part[again:]
    if not plain:
        raise FileNotFoundError(f'neither {name} nor tails of it')
    return bytes(plain) + bytes(segment - len(plain))


def summary(section):
    """The summary of a segment: records, events by name with their text."""
    known(u(section, 0, 2) == 1, 'another version of the summary')
    events, records, at = u(section, 4, 4), u(section, 8, 8), 136
    need(events <= 4096, 'too many events')
    for _ in ('end text', 'unread text'):
        at += 2 + u(section, at, 2)
    seen = []
    for _ in range(events):
        length = u(section, at, 2)
        event = section[at + 2:at + 2 + length]
        need(len(event) == length >= 48, 'an event is cut')
        seen.append((EVENTS.get(event[0], 'unknown'), event[74 if event[1] & 4 else 48:].decode('utf-8', 'replace')))
        at += 2 + length
    need(at == len(section), 'the summary has a wrong length')
    return records, seen


class Cursor:
    """Reads a section from its begin to its end."""

    def __init__(self, section, what):
        self.data, self.at, self.what = section, 0, what
        known(self.u(2) == 1, f'another version of the {what}')

    def bytes(self, size):
        need(self.at + size <= len(self.data), f'the {self.what} end too early')
        self.at += size
        return self.data[self.at - size:self.at]

    def u(self, size):
        return int.from_bytes(self.bytes(size), 'little')

    def varint(self, limit=1 << 32):
        number, shift = 0, 0
        while True:
            byte = self.u(1)
            number |= (byte & 127) << shift
            if byte < 128:
                need(number < limit, f'{self.what}: {number} is too large')
                return number
            shift += 7
            need(shift < 70, f'{self.what}: a varint without end')

    def varints(self, count):
        return tuple(self.varint() for _ in range(count))

    def runs(self, left):
        """Ranges; and how many of `left` numbers are not used up."""
        seen, end = [], 0
        for _ in range(self.varint(1 << 64)):
            first, count = end + self.varint(), self.varint() + 1
            end, left = first + count, left - count
            need(end <= 0xFFFFFFFF and left >= 0, f'{self.what}: too many numbers')
            seen.append(range(first, end))
        return seen, left

    def file(self, flags, before):
        """A relation's file, as three OIDs; ascending where it is told by its distance."""
        if flags & 1:
            file = (*before[:2], before[2] + self.varint())
        else:
            file = self.varints(3)
        need(file > before, f'{self.what}: relations are out of order')
        return file

    def end(self):
        need(self.at == len(self.data), f'the {self.what} have a wrong length')


def blocks(section):
    """(fault, databases, {file: (limit or None, ranges of blocks)})"""
    c = Cursor(section, 'blocks')
    fault = c.bytes(c.u(2)).decode('utf-8', 'replace')
    count = c.varint()
    need(count <= 16384, f'blocks: {count} databases')
    databases = [c.varints(2) for _ in range(count)]
    relations, file, left = {}, (0, 0, 0), 134217728
    for _ in range(c.varint()):
        flags = c.u(1)
        file = c.file(flags, file)
        limit = c.varint() if flags & 2 else None
        ranges, left = c.runs(left)
        relations[file] = (limit, ranges)
    c.end()
    return fault, databases, relations


ACTS = {1: 'rows', 2: 'create', 3: 'drop', 4: 'cut', 5: 'lock', 6: 'truncate', 7: 'drop relation', 8: 'drop database'}
NO_TIME = 1 << 63


def activity(section):
    """A dictionary: rows by file, ranges of xids, transactions of note."""
    c = Cursor(section, 'activity')
    dropped, unread = c.varint(), c.varint()
    rows, file = {}, (0, 0, 0)
    for _ in range(c.varint()):
        file = c.file(c.u(1), file)
        rows[file] = tuple(c.varint(1 << 64) for _ in range(3))
    committed, left = c.runs(268435456)
    aborted, _ = c.runs(left)
    notes = []
    for _ in range(c.varint()):
        is_committed = bool(c.u(1) & 1)
        xid, top, database = c.varints(3)
        lsn, time, left_out = c.u(8), c.u(8), c.varint()
        need(is_committed == bool(lsn) == (time != NO_TIME), 'a transaction that is open and ended')
        acts = [(ACTS.get(c.u(1), 'unknown'), c.varints(3), c.varints(3)) for _ in range(c.varint())]
        notes.append({'xid': xid, 'top': top, 'database': database, 'lsn': lsn, 'time': time, 'left_out': left_out, 'acts': acts})
    c.end()
    return {'dropped': dropped, 'unread': unread, 'rows': rows, 'committed': committed, 'aborted': aborted, 'notes': notes}


def seams(section):
    """(first's previous, last, head total, head, tail total, tail here, tail)"""
    c = Cursor(section, 'seams')
    c.u(2)
    previous, last = c.u(8), c.u(8)
    head_total = c.u(4)
    head = c.bytes(c.u(4))
    tail_total, tail_here = c.u(4), c.u(4)
    tail = c.bytes(c.u(4))
    c.end()
    need(len(head) <= head_total and len(tail) <= tail_here <= tail_total, 'seams longer than their records')
    need(max(len(head), len(tail)) <= 65536, 'seams above their bound')
    return previous, last, head_total, head, tail_total, tail_here, tail


def verify_pack(container):
    """FILES and PAGES against the plain bytes."""
    plain, files, pages = container.plain(), container.sections[2], container.sections[3]
    at, offset, path, block = 0, 0, b'', 0
    seed = u(pages, 0, 8)
    while at < len(files):
        shared, rest = struct.unpack_from('<HH', files, at)
        need(shared <= len(path), 'a path shares more than there is')
        path = path[:shared] + files[at + 4:at + 4 + rest]
        known(files[at + 4 + rest] < 4, 'a flag of a run')
        length = u(files, at + 9 + rest, 4)
        for page in range(offset, offset + length, BLOCK):
            digest = xxhash.xxh3_64_intdigest(plain[page:min(page + BLOCK, offset + length)], seed)
            need(digest == u(pages, 8 + 8 * block, 8), f'the hash of block {block} is wrong')
            block += 1
        at, offset = at + 21 + rest, offset + length
    need(at == len(files) and offset == len(plain) and len(pages) == 8 + 8 * block, 'FILES, PAGES and the bytes do not fit')


def verify_backup(repository, root, label):
    packs = ndjson(repository.container(f'{root}/backup/{label}/packs', 11).plain())
    need(packs[0]['label'] == label and packs[0]['packs'] == len(packs) - 1, f'{label}: the list of packs is wrong')
    uses = {(use['label'], use['pack']): use for use in packs[1:]}
    need(list(uses) == sorted(uses) and len(uses) == len(packs) - 1, f'{label}: packs are out of order')
    for (of, number), use in uses.items():
        pack = repository.container(f'{root}/backup/{of}/pack-{number:06}', 10)
        need(pack.sha256.hex() == use['sha256'] and len(pack.data) == use['stored'] and pack.plain_length == use['plain'],
             f'{label}: {of}/{number} is another')
    record = repository.json(f'{root}/backup/{label}/backup', 12)
    need(record['label'] == label, f'{label}: the record is of {record["label"]}')
    places = [record['manifest'], *record['side'], *leaf_places(repository, root, record['manifest'])]
    for entry in manifest(repository, root, record['manifest']):
        file_bytes(repository, root, entry)
        places += [dict(extent, size=min(extent['count'] * BLOCK, entry['size'] - extent['first'] * BLOCK))
                   for extent in entry['extents']]
    live = dict.fromkeys(uses, 0)
    for place in places:
        pack = place['label'], place['pack']
        need(pack in uses or not place['size'], f'{label}: it draws on a pack that is not listed')
        if place['size']:
            live[pack] += place['size']
    need(all(live[pack] == use['live'] <= use['plain'] for pack, use in uses.items()), f'{label}: other bytes are live')
    for side in record['side']:
        repository.place(root, side)


def verify_hold(repository, key, folder, name):
    document = repository.json(key, 13)
    if folder in WORDS:
        need(document['subject'] == name.split('.')[0], f'{key}: the subject is {document["subject"]}')
        known(document['word'] in WORDS[folder] and document['by'] in ('rule', 'hand', 'force'), f'{key}: an unknown word')
        raw(document, 'host'), raw(document, 'note')
    elif folder == 'wal':
        for wanted in document['wanted']:
            need(wanted['timeline'] > 0 and (wanted['last'] is None or wanted['first'] <= wanted['last']), f'{key}: no range')


def verify_object(repository, key):
    container = repository.container(key)
    match = re.fullmatch(r'([a-z0-9_-]{1,40}/g[1-9][0-9]*)/(.*)', key)
    if not match:
        return need(key == 'pgstrata', f'{key} is no name of this format')
    root, rest = match.groups()
    need(any(re.fullmatch(pattern, rest) and kind == container.kind for pattern, kind in TREE), f'{key}: wrong name or kind')
    if container.kind in (4, 5, 6, 7, 8):
        wal(repository, root, rest.rsplit('/', 1)[1].removesuffix('.wal'))
    elif container.kind == 10:
        verify_pack(container)
    elif container.kind == 12:
        verify_backup(repository, root, rest.split('/')[1])
    elif container.kind == 13:
        verify_hold(repository, key, *rest.split('/')[1:])
    elif container.kind != 11:
        repository.json(key, container.kind)


def verify(repository):
    count = 0
    for key in repository.keys():
        if re.fullmatch(r'[a-z0-9_-]{1,40}/g[1-9][0-9]*/quarantine/.*\.[0-9a-f]{8}', key):
            continue  # what was damaged and has been set aside
        verify_object(repository, key)
        count += 1
    return count


def main(arguments):
    repository = Repository(arguments[0])
    match arguments[1:]:
        case ['list']:
            print(*repository.keys(), sep='\n')
        case ['verify']:
            print(f'{verify(repository)} objects are sound')
        case ['restore', root, label, folder]:
            restore(repository, root, label, folder)
        case ['wal', root, name, file]:
            pathlib.Path(file).write_bytes(wal(repository, root, name))
        case _:
            sys.exit(__doc__)


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (Corrupt, Unsupported) as fault:
        sys.exit(f'reader: {type(fault).__name__.lower()}: {fault}')
