"""A backup's memory does not follow the number of files."""
import os
import pathlib
import shutil
import subprocess
import tempfile

import pytest

import archiving
import backing_up
import pgcluster

FILES = int(os.environ.get('PGSTRATA_MANY_FILES', 100_000))     # a million by hand
MEMORY_MB_MAX = 200


@pytest.mark.majors(15)
def test_many_small_files_in_bounded_memory(pgstrata, folder, major, request):
    memory = pathlib.Path('/dev/shm')      # a disk would take a minute to make and remove them
    home = pathlib.Path(tempfile.mkdtemp(prefix='pgstrata-test-', dir=memory if memory.is_dir() else None))
    request.addfinalizer(lambda: shutil.rmtree(home))
    pgcluster.own_by_server_user(home)
    cluster = pgcluster.Cluster.create(major, home)
    backups = backing_up.Backups(archiving.Archive(pgstrata, folder))
    backups.attach(cluster)
    for number in range(FILES // 1000):
        part = cluster.data / 'base' / f'{90000 + number}'
        part.mkdir()
        for name in range(1000):
            (part / f'{name}.txt').write_bytes(b'%d' % name)
    pgcluster.own_by_server_user(cluster.data)
    user = {'user': pgcluster.server_user(), 'group': pgcluster.server_user(), 'extra_groups': []} if os.geteuid() == 0 else {}
    process = subprocess.Popen(pgstrata.argv('backup', '--type', 'full', '--offline'), cwd='/', stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, env=pgcluster.clean_environment(), **user)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    print(f'{FILES} files: {usage.ru_maxrss // 1024} MB, {usage.ru_utime + usage.ru_stime:.1f} CPU s')
    assert process.returncode == 0
    assert len(backups.committed()) == 1
    assert usage.ru_maxrss < MEMORY_MB_MAX * 1024
