"""Fixtures of the system tests.

major       the PostgreSQL major: 13, 15, 18 (the full stories), or what @pytest.mark.majors(…) names. For a quick run by
            hand, PGSTRATA_MAJORS="15 17" narrows it.
folder      an empty folder that the server user owns; removed afterwards unless PGSTRATA_KEEP is set.
clusters    makes clusters: clusters(major, …) as Cluster.create, clusters.adopt(major, data); all are stopped afterwards.
cluster     one running cluster of `major`.
all_programs  finds pg_waldump and the like of a major.
pgstrata    runs the program: pgstrata('backup', …) returns a Run and asserts exit status 0, unless code=… says another.
"""
import contextlib
import dataclasses
import os
import pathlib
import pty
import shutil
import subprocess

import pytest

import pgcluster

TOP = pathlib.Path(__file__).resolve().parents[2]


def pytest_configure(config):
    config.addinivalue_line('markers', 'majors(*numbers): run on these PostgreSQL majors instead of 13, 15 and 18')


def pytest_generate_tests(metafunc):
    if 'major' in metafunc.fixturenames:
        marker = metafunc.definition.get_closest_marker('majors')
        majors = marker.args if marker else pgcluster.STORY
        if chosen := os.environ.get('PGSTRATA_MAJORS'):
            majors = [major for major in majors if str(major) in chosen.split()]
        metafunc.parametrize('major', majors, scope='session', ids=[f'pg{major}' for major in majors])


def pytest_collection_modifyitems(items):
    """With -n, a module that says ONE_WORKER keeps its tests of one major together, so that its fixtures are made once. Such
    groups take minutes and begin first, so that at the end nobody waits for one."""
    def is_group(item):
        return getattr(item.module, 'ONE_WORKER', False)
    items.sort(key=lambda item: not is_group(item))
    for item in filter(is_group, items):
        major = item.callspec.params.get('major', '') if hasattr(item, 'callspec') else ''
        item.add_marker(pytest.mark.xdist_group(f'{item.module.__name__}-{major}'))


@pytest.fixture
def folder():
    path = pgcluster.new_folder()
    yield path
    if 'PGSTRATA_KEEP' not in os.environ:
        shutil.rmtree(path, ignore_errors=True)


class Clusters:
    def __init__(self, folder):
        self.folder, self.made = folder, []

    def _home(self):
        home = self.folder / f'c{len(self.made)}'
        home.mkdir()
        pgcluster.own_by_server_user(home)
        return home

    def _keep(self, cluster):
        self.made.append(cluster)
        return cluster

    def __call__(self, major, **options):
        return self._keep(pgcluster.Cluster.create(major, self._home(), **options))

    def adopt(self, major, data, **options):
        return self._keep(pgcluster.Cluster.adopt(major, data, self._home(), **options))

    def copy_cold(self, cluster):
        return self._keep(cluster.copy_cold(self._home()))


@pytest.fixture
def clusters(folder):
    maker = Clusters(folder)
    yield maker
    for cluster in maker.made:
        cluster.stop('immediate')


@pytest.fixture
def cluster(clusters, major):
    return clusters(major).start()


@pytest.fixture(scope='session')
def all_programs():
    """all_programs(major): the folder with every program of that PostgreSQL, pg_waldump and pg_controldata too. There is one
    for 13, 15, 17 and 18. Skips the test, with the reason, when its Debian suite is gone from the mirror."""
    def find(major):
        if major == 15:
            return pgcluster.DEBIAN_15
        folder = pgcluster.servers_folder().parent / f'suite-pg{major}'
        suite = {13: 'bullseye', 17: 'trixie', 18: 'forky'}[major]
        done = subprocess.run([TOP / 'scripts' / 'suite-server.sh', suite, str(major), folder], text=True,
                              stdin=subprocess.DEVNULL, capture_output=True)
        if done.returncode == 3:
            pytest.skip(done.stderr.strip().split('\n')[-1])
        assert done.returncode == 0, done.stderr
        return pathlib.Path(done.stdout.strip())
    return find


# ---- the program

@dataclasses.dataclass
class Run:
    args: tuple
    code: int
    out: str
    err: str

    def __str__(self):
        return f'pgstrata {" ".join(self.args)}: exit {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}'


class Pgstrata:
    """The program with one configuration file and one environment. `user` None is who runs the tests (root, in CI)."""

    def __init__(self, program, folder):
        self.program, self.conf, self.user, self.env = program, folder / 'pgstrata.conf', None, {}
        self.folder = folder

    def configure(self, repos, clusters, **common):
        """Writes the configuration: repos and clusters map names to their settings, common ones go to [global]. A key's
        underscores become hyphens. What pgstrata keeps on the host goes to the test's folder unless a setting says else."""
        common.setdefault('state_dir', self.folder / 'state')
        def lines(settings):
            return [f'{key.replace("_", "-")} = {value}\n' for key, value in settings.items()]
        text = ['[global]\n', *lines(common)]
        for kind, sections in (('repo', repos), ('cluster', clusters)):
            for name, settings in sections.items():
                text += [f'[{kind} {name}]\n', *lines(settings)]
        # Renamed into place, as an administrator's tools do: a standby's restore_command may read the file at any moment.
        fresh = self.conf.with_suffix('.new')
        fresh.write_text(''.join(text))
        fresh.chmod(0o644)
        fresh.replace(self.conf)
        return self.conf

    def argv(self, *args):
        """The command as a list, for archive_command and the like."""
        return [str(self.program), f'--config={self.conf}', *map(str, args)]

    def __call__(self, *args, code=0, user=None, env=None, cwd='/', timeout_s=300, stdin=None):
        """Runs it and checks the exit status against `code` (None: any)."""
        argv = pgcluster.as_user(user or self.user, self.argv(*args))
        done = subprocess.run(argv, input=stdin, stdin=None if stdin else subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=timeout_s, cwd=cwd, env={**pgcluster.clean_environment(), **self.env, **(env or {})})
        return self._checked(Run(tuple(map(str, args)), done.returncode, done.stdout, done.stderr), code)

    @staticmethod
    def _checked(run, code):
        assert code is None or run.code == code, f'expected exit {code}\n{run}'
        return run

    def on_terminal(self, answer, *args, code=0, meanwhile=None):
        """Runs it on a terminal where somebody answers its question, after doing something else meanwhile. Run.err is what
        the terminal shows."""
        person, terminal = pty.openpty()
        if not meanwhile:
            os.write(person, f'{answer}\n'.encode())
        process = subprocess.Popen(pgcluster.as_user(self.user, self.argv(*args)), stdin=terminal, stderr=terminal, cwd='/',
                                   stdout=subprocess.PIPE, text=True, env={**pgcluster.clean_environment(), **self.env})
        os.close(terminal)
        shown = b''
        with contextlib.suppress(OSError):      # EIO: nobody has the terminal open any more
            while piece := os.read(person, 4096):
                shown += piece
                if meanwhile and b'[y/N]' in shown:
                    meanwhile()
                    meanwhile = os.write(person, f'{answer}\n'.encode()) and None
        os.close(person)
        out = process.communicate()[0]
        return self._checked(Run(tuple(map(str, args)), process.returncode, out, shown.decode()), code)


@pytest.fixture(scope='session')
def program():
    """A copy of the built program where the server user may run it: the source tree may lie in a closed home."""
    build = pathlib.Path(os.environ.get('PGSTRATA_BUILD', TOP / 'build'))
    found = [path for path in (build / 'pgstrata', build / 'src' / 'pgstrata', build / 'src' / 'cli' / 'pgstrata')
             if path.is_file()]
    assert found, f'no pgstrata below {build}; run make'
    home = pgcluster.new_folder('pgstrata-program-')
    shutil.copy2(found[0], home / 'pgstrata')
    yield home / 'pgstrata'
    shutil.rmtree(home)


@pytest.fixture
def pgstrata(program, folder):
    return Pgstrata(program, folder)
