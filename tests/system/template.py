"""Data directories as initdb leaves them, made once for each kind and copied.

initdb takes most of a second of computing, and the tests want hundreds of clusters. A copy gets a system identifier of its
own, as if initdb had made it: in pg_control, with its checksum, and in the head of each WAL segment (PostgreSQL's
pg_control.h and xlog_internal.h).
"""
import atexit
import functools
import itertools
import os
import pathlib
import shutil
import struct
import time

made = itertools.count(1)


@functools.lru_cache(None)
def _table():
    """CRC-32C, bytewise."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82f63b78 if value & 1 else 0)
        table.append(value)
    return table


def _crc_offset(control):
    """Where pg_control's checksum stands: at the first place that holds the one of all before."""
    table, crc = _table(), 0xffffffff
    for at, byte in enumerate(control[:508]):
        if at % 4 == 0 and at and struct.unpack_from('<I', control, at)[0] == crc ^ 0xffffffff:
            return at
        crc = table[(crc ^ byte) & 0xff] ^ crc >> 8
    raise ValueError('pg_control holds no checksum of itself')


def _crc(content):
    table, crc = _table(), 0xffffffff
    for byte in content:
        crc = table[(crc ^ byte) & 0xff] ^ crc >> 8
    return crc ^ 0xffffffff


def _new_identifier():
    """Made as initdb does it: seconds and microseconds, and 12 bits that keep clusters of one moment apart."""
    now = time.time_ns()
    return (now // 10**9) << 32 | (now // 1000 % 10**6) << 12 | ((os.getpid() << 4) + next(made)) & 0xfff


def rename(data):
    """Gives the stopped cluster in `data` another system identifier. It stands in the long header of every segment."""
    identifier = struct.pack('<Q', _new_identifier())
    path = pathlib.Path(data) / 'global' / 'pg_control'
    control = bytearray(path.read_bytes())
    place = _crc_offset(control)
    control[:8] = identifier
    struct.pack_into('<I', control, place, _crc(control[:place]))
    with open(path, 'r+b') as file:
        file.write(control)
    for path in (pathlib.Path(data) / 'pg_wal').glob('0*'):
        with open(path, 'r+b') as segment:
            if any(segment.read(2)):    # no page magic: not written yet
                segment.seek(24)        # behind the short page header
                segment.write(identifier)


@functools.lru_cache(None)
def _folder(make_folder):
    folder = make_folder('pgstrata-initdb-')
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@functools.lru_cache(None)
def of(call, make_folder, argv):
    """The data directory that initdb makes with these arguments, run by `call`. Not to be changed."""
    folder = _folder(make_folder) / str(next(made))
    call([argv[0], '-D', folder, *argv[1:]])
    return folder
