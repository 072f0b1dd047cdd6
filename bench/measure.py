"""Runs a command several times and tells wall time, CPU time and peak memory, each as the median.

CPU counts the command and every child it waited for; the server's own share is not in it. The competitors of one row
take turns (A B C, A B C, …), because the machines are shared and drift.
"""
import os
import statistics
import subprocess
import time


class Contestant:
    """One command of a comparison. `prepare` runs untimed before each run; `stored` tells the bytes it left."""

    def __init__(self, name, argv, prepare=None, stored=None, user=None, ok=(0,)):
        self.name, self.argv, self.prepare, self.stored, self.ok = name, [str(a) for a in argv], prepare, stored, ok
        if user:
            self.argv = ['runuser', '-u', user, '--'] + self.argv
        self.wall, self.cpu, self.memory, self.bytes = [], [], [], None

    def run_once(self):
        if self.prepare:
            self.prepare()
        begin = time.monotonic()
        log = open('/tmp/pgstrata-bench-command.log', 'w')
        child = subprocess.Popen(self.argv, stdout=log, stderr=subprocess.STDOUT, cwd='/')
        _, status, usage = os.wait4(child.pid, 0)
        self.wall.append(time.monotonic() - begin)
        child.returncode = os.waitstatus_to_exitcode(status)
        log.close()
        if child.returncode not in self.ok:
            raise SystemExit(f'{self.name}: exit {child.returncode}: {" ".join(self.argv)}\n{open(log.name).read()[-2000:]}')
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
    """All contestants in turn, `runs` times; returns {'title', 'rows'}."""
    for number in range(runs):
        for contestant in contestants:
            contestant.run_once()
            log(f'  {title}: {contestant.name} run {number + 1}: {contestant.wall[-1]:.2f} s')
    return {'title': title, 'rows': [c.row() for c in contestants]}


def folder_bytes(path):
    return int(subprocess.run(['du', '-sb', str(path)], check=True, text=True, stdout=subprocess.PIPE).stdout.split()[0])


def drop_caches():
    """A cold source for the next run; only root may."""
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w') as control:
        control.write('3\n')


def table(result, yardstick=None):
    """A Markdown table of one race; ratios are times of the row divided by the first row's."""
    lines = [f'### {result["title"]}', '', '| | wall s (min..max) | x first | CPU s | memory MB | stored MB |', '|---|---|---|---|---|---|']
    first = result['rows'][0]['wall_s']
    for row in result['rows']:
        stored = f'{row["stored_bytes"] / 1e6:.0f}' if row['stored_bytes'] else ''
        lines.append(f'| {row["name"]} | {row["wall_s"]:.3f} ({row["wall_min_s"]:.3f}..{row["wall_max_s"]:.3f}) '
                     f'| {row["wall_s"] / first:.2f} | {row["cpu_s"]:.3f} | {row["memory_bytes"] / 1e6:.0f} | {stored} |')
    return '\n'.join(lines) + '\n'
