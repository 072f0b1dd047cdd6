"""The golden repositories: where they are, what is written beside each, and how it is compared.

    v1/<name>/repository/     what the program stored
    v1/<name>/expected.json   what every reader must find in it:
        major, codec          of the server; of the objects
        objects               every object and the SHA-256 of its bytes, so that a torn checkout is told from a broken reader
        wal                   every file of the archive, segments made of tails too, and the SHA-256 of its plain bytes
        backups               label to `links` (path to target) and `files` (path to "mode size sha256", "mode folder" or
                              "tablespace")
        info                  what `pgstrata info` says, without what depends on the host
        moments               options of restore, and the tables that a server started on the result must hold

Nothing may change the trees: work on a Copy.
"""
import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
V1 = pathlib.Path(__file__).resolve().parent / 'v1'
sys.path[:0] = [str(TOP / 'tests' / 'system'), str(TOP / 'tests' / 'spec')]
import pgcluster  # noqa: E402
import reader  # noqa: E402

GENERATION = 'main/g1'
TABLESPACES = 'pgstrata.tablespaces'    # where restore puts the tablespaces of a clone
# What restore adds to the files of the backup, replaces or leaves out.
RESTORE_CHANGES = {'postgresql.auto.conf', 'recovery.signal', 'standby.signal', 'tablespace_map', 'pgstrata.plan', 'pgstrata.recovery',
                   'pgstrata.clone'}


def names():
    return sorted(path.parent.name for path in V1.glob('*/expected.json'))


def expected(name):
    return json.loads((V1 / name / 'expected.json').read_text())


def known_part(found, known):
    """What was found, without fields that were not known when the other was written down."""
    if isinstance(known, dict) and isinstance(found, dict):
        return {name: known_part(value, known[name]) for name, value in found.items() if name in known}
    if isinstance(known, list) and isinstance(found, list):
        return [known_part(one, other) for one, other in zip(found, known)] + found[len(known):]
    return found


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


def tree(folder):
    """Every file below the folder and its SHA-256."""
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob('*')) if not path.is_dir()}


def wal_names(objects):
    """Names of the archive's files among the keys of objects, and of segments of which there are only tails."""
    names = {key.rsplit('/', 1)[1].removesuffix('.wal') for key in objects if f'{GENERATION}/wal/' in key}
    return sorted(names | {name[:24] for name in names if name.endswith('.tail')})


def data_files(folder):
    """What lies in a data directory, in the words of expected.json. A tablespace is one as a link and as a folder."""
    seen = {}
    for where, folders, files in os.walk(folder, followlinks=True):
        at = pathlib.Path(where).relative_to(folder)
        if at == pathlib.Path('.') and TABLESPACES in folders:
            folders.remove(TABLESPACES)
        for name in folders:
            mode = stat.S_IMODE((folder / at / name).stat().st_mode)
            seen[str(at / name)] = 'tablespace' if at.name == 'pg_tblspc' else f'{mode:04o} folder'
        for name in files:
            path = folder / at / name
            assert not path.is_symlink(), f'{path} is a link'
            seen[str(at / name)] = f'{stat.S_IMODE(path.stat().st_mode):04o} {path.stat().st_size} {sha256(path)}'
    return dict(sorted(seen.items()))


def same_files(found, files):
    """Differences between what lies in a restored data directory and what the backup holds, but for what restore changes."""
    keys = (found.keys() | files.keys()) - RESTORE_CHANGES
    return {key: (found.get(key), files.get(key)) for key in keys if found.get(key) != files.get(key)}


def links(repository, label):
    """Where the links of a backup led to, as the independent reader says."""
    opened = reader.Repository(repository)
    record = opened.json(f'{GENERATION}/backup/{label}/backup', 12)
    return {os.fsdecode(entry['path']): os.fsdecode(entry['target'])
            for entry in reader.manifest(opened, GENERATION, record['manifest']) if entry['kind'] == 'link'}


def tables(cluster):
    """Row count and content hash of every table of the user, as the server computes them."""
    names = [name for name, in cluster.sql("select relname from pg_class where relkind = 'r' and oid >= 16384"
                                           " and relnamespace = 'public'::regnamespace order by 1")]
    return {name: cluster.value(f"select count(*) || ' rows, ' || md5(string_agg(md5(t::text), '' order by id)) from {name} t")
            for name in names}


class Copy:
    """A copy of a repository in a folder of its own, and the program on it, run as servers are. The cluster is gone."""

    def __init__(self, repository, program, folder):
        self.folder = folder
        self.repository, self.conf = self.folder / 'repository', self.folder / 'pgstrata.conf'
        self.program = shutil.copy2(program, self.folder / 'pgstrata')
        shutil.copytree(repository, self.repository)
        (self.folder / 'state').mkdir()
        self.conf.write_text(f'[global]\nstate-dir = {self.folder}/state\nretry-timeout = 1s\n'
                             f'[repo main]\nurl = {self.repository}\n[cluster main]\npgdata = {self.folder}/gone\n')
        pgcluster.own_by_server_user(self.folder)

    def run(self, *args, code=0, cwd='/'):
        done = subprocess.run(pgcluster.as_server_user(self.program, f'--config={self.conf}', *args), text=True, cwd=cwd,
                              capture_output=True, timeout=120, env=pgcluster.clean_environment(), stdin=subprocess.DEVNULL)
        assert code is None or done.returncode == code, f'{args}: exit {done.returncode}\n{done.stdout}{done.stderr}'
        return done

    def restore(self, *args, **options):
        """Restores into a new folder below the copy's, and gives its path."""
        data = self.folder / f'restored{len([*self.folder.glob("restored*")])}'
        self.run('restore', f'--to-dir={data}', *args, **options)
        return data

    def info(self):
        """What info says of the cluster, without what depends on the host and the day."""
        cluster, = json.loads(self.run('info', '--output=json').stdout)['clusters']
        for backup in cluster['backups']:
            del backup['kept_by']
        return {name: value for name, value in cluster.items() if name not in ('freshness', 'repositories')}

    def read_backup(self, label):
        """What the independent reader restores of a backup, as data_files() says it."""
        data = self.folder / label
        reader.restore(reader.Repository(self.repository), GENERATION, label, data, inside=True)
        return data_files(data)

    def read_wal(self, name):
        return hashlib.sha256(reader.wal(reader.Repository(self.repository), GENERATION, name)).hexdigest()
