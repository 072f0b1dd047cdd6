#!/usr/bin/env python3
"""clang.py BUILD: what clang says about every file of a build that another compiler made, with the same options.

Nothing is written: meson's compile_commands.json names the commands, and they run with clang -fsyntax-only.
"""
import concurrent.futures, json, os, pathlib, shlex, subprocess, sys

build = pathlib.Path(sys.argv[1])


def judge(entry):
    words = shlex.split(entry['command'])[1:]
    dropped = {at + step for at, word in enumerate(words) for step in (0, 1) if word in ('-o', '-MF', '-MQ')}
    options = [word for at, word in enumerate(words) if at not in dropped and word not in ('-MD', '-c')]
    done = subprocess.run(['clang', '-fsyntax-only', '-Wno-unknown-warning-option', *options], cwd=entry['directory'],
                          capture_output=True, text=True)
    return done.stdout + done.stderr if done.returncode else ''


entries = json.loads((build / 'compile_commands.json').read_text())
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    said = [text for text in pool.map(judge, entries) if text]
print(''.join(said) or f'clang: agrees with {len(entries)} files')
sys.exit(bool(said))
