"""Runs commands several times and tells wall time, CPU time, peak memory and bytes stored; the median counts.

CPU counts the command and every child it waited for; the server's own share is not in it. The contestants of one race
take turns (A B C, A B C, …), because machines are shared and drift. Memory below that of this program (about 20 MB)
cannot be told: the kernel counts a process from before it becomes the command.
"""
import os
import pwd
import statistics
import subprocess
import tempfile
import time


def drop_to(user):
    """What Popen needs to start a command as another user, without runuser: its session costs 8 ms of each run."""
    if not user:
        return {}
    entry = pwd.getpwnam(user)
    return {'user': entry.pw_uid, 'group': entry.pw_gid, 'extra_groups': []}


class Contestant:
    """One command of a race. `prepare` runs untimed before each run; `stored` tells the bytes it left."""

    def __init__(self, name, argv, prepare=None, stored=None, user=None, folder='/'):
        self.name, self.argv, self.prepare, self.stored = name, [str(a) for a in argv], prepare, stored
        self.user, self.folder = user, folder
        self.wall, self.cpu, self.memory, self.bytes = [], [], [], None

    def run_once(self):
        if self.prepare:
            self.prepare()
        with tempfile.TemporaryFile('w+') as log:
            begin = time.monotonic()
            child = subprocess.Popen(self.argv, stdout=log, stderr=subprocess.STDOUT, cwd=self.folder, **drop_to(self.user))
            _, status, usage = os.wait4(child.pid, 0)
            self.wall.append(time.monotonic() - begin)
            child.returncode = os.waitstatus_to_exitcode(status)
            if child.returncode != 0:
                log.seek(0)
                raise SystemExit(f'{self.name}: exit {child.returncode}: {" ".join(self.argv)}\n{log.read()[-2000:]}')
        self.cpu.append(usage.ru_utime + usage.ru_stime)
        self.memory.append(usage.ru_maxrss * 1024)
        if self.stored:
            self.bytes = self.stored()

    def row(self):
        median = statistics.median
        return {'name': self.name, 'wall_s': median(self.wall), 'wall_min_s': min(self.wall), 'wall_max_s': max(self.wall),
                'cpu_s': median(self.cpu), 'memory_bytes': median(self.memory), 'stored_bytes': self.bytes,
                'command': ' '.join(self.argv)}


def race(title, contestants, runs=5, log=print):
    """All contestants in turn, `runs` times after one that does not count; returns {'title', 'runs', 'rows'}."""
    for number in range(runs + 1):
        for contestant in contestants:
            contestant.run_once()
            log(f'  {title}: {contestant.name} run {number}: {contestant.wall[-1]:.3f} s', flush=True)
    for contestant in contestants:
        for figures in (contestant.wall, contestant.cpu, contestant.memory):
            del figures[0]
    return {'title': title, 'runs': runs, 'rows': [c.row() for c in contestants]}


def folder_bytes(path):
    """Also where `path` is a link, such as pgBackRest's "latest"."""
    return int(subprocess.run(['du', '-sb', os.path.realpath(path)], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])


def drop_caches():
    """A cold source for the next run; only root may."""
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w') as control:
        control.write('3\n')


def table(result):
    """A Markdown table of one race: seconds, or milliseconds where the first row took less than half a second. The third
    column is the row's time divided by the first row's."""
    first = result['rows'][0]['wall_s']
    unit, factor, digits = ('ms', 1000, 1) if first < 0.5 else ('s', 1, 2)
    lines = [f'### {result["title"]}', f'{result["runs"]} runs each, in turn; medians', '',
             f'| | wall {unit} (min..max) | x the first | CPU {unit} | memory MB | stored MB |', '|---|---|---|---|---|---|']

    def shown(seconds):
        return f'{seconds * factor:.{digits}f}'
    for row in result['rows']:
        stored = f'{row["stored_bytes"] / 1e6:.{1 if row["stored_bytes"] < 1e8 else 0}f}' if row['stored_bytes'] else ''
        lines.append(f'| {row["name"]} | {shown(row["wall_s"])} ({shown(row["wall_min_s"])}..{shown(row["wall_max_s"])}) '
                     f'| {row["wall_s"] / first:.2f} | {shown(row["cpu_s"])} | {row["memory_bytes"] / 1e6:.0f} | {stored} |')
    return '\n'.join(lines) + '\n'
