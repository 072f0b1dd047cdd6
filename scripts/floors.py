#!/usr/bin/env python3
"""The one rule of src/: a file includes only its own room and rooms on lower floors (src/FLOORS).

Riders: <pthread.h> only in flow/, pg/ includes nothing from os/, printf/exit/getenv only in conf/ and cli/;
no circles between the files of a room; every .c includes its own header first.
"""
import pathlib, re, sys

SRC = pathlib.Path(__file__).resolve().parent.parent / 'src'
floor = {room: int(line.split()[0]) for line in (SRC / 'FLOORS').read_text().splitlines()
         if line and line[0].isdigit() for room in line.split()[1:]}
faults, edges = [], {}


def check(path):
    name = path.relative_to(SRC).as_posix()
    room = name.split('/')[0]
    if room not in floor:
        faults.append(f'{name}: room {room}/ is not in src/FLOORS')
        return
    text = re.sub(r'/\*.*?\*/', '', path.read_text(), flags=re.S)
    includes = re.findall(r'^\s*#\s*include\s+([<"][^>"]+)[>"]', text, flags=re.M)
    for at, include in enumerate(includes):
        kind, target = include[0], include[1:]
        if kind == '<':
            if target in ('pthread.h', 'threads.h') and room != 'flow':
                faults.append(f'{name}: <{target}> belongs to flow/ alone')
            continue
        to = target.split('/')[0]
        if to not in floor or not (SRC / target).exists():
            faults.append(f'{name}: "{target}" is not a file of src/')
        elif to != room and floor[to] >= floor[room]:
            faults.append(f'{name}: includes {target}, floor {floor[to]} is not below floor {floor[room]}')
        elif target.endswith('_priv.h') and to != room:
            faults.append(f'{name}: {target} is private to {to}/')
        edges.setdefault(name, []).append(target)
    own = name[:-2] + '.h'
    if name.endswith('.c') and (SRC / own).exists() and includes[:1] != ['"' + own]:
        faults.append(f'{name}: must include "{own}" first')
    if room not in ('conf', 'cli'):
        for call in re.findall(r'\b(printf|fprintf|puts|exit|_exit|getenv|secure_getenv)\s*\(', text):
            if not (call == '_exit' and room == 'os'):
                faults.append(f'{name}: {call}() belongs to conf/ and cli/')


def circles():
    state = {}
    def walk(node, trail):
        state[node] = 1
        for to in edges.get(node, []):
            if state.get(to) == 1:
                faults.append('circle: ' + ' -> '.join(trail[trail.index(to):] + [to] if to in trail else [node, to]))
            elif to not in state:
                walk(to, trail + [to])
        state[node] = 2
    for node in sorted(edges):
        if node not in state:
            walk(node, [node])


for file in sorted(SRC.rglob('*.[ch]')):
    check(file)
circles()
print('\n'.join(faults) if faults else f'floors: {len(edges)} files stand on their floors')
sys.exit(bool(faults))
