#!/usr/bin/env python3
"""Budgets of the code: function 70 lines, file 600, header 150, parameters 5, nesting 3.

A table-like switch may be longer: put `/* budget: table */` on the line before the function.
"""
import pathlib, re, sys

TOP = pathlib.Path(__file__).resolve().parent.parent
FUNCTION, FILE, HEADER, PARAMETERS, NESTING = 70, 600, 150, 5, 3
faults = []


def function_faults(name, begin, signature, body, is_table):
    if len(body) > FUNCTION and not is_table:
        faults.append(f'{name}:{begin}: function of {len(body)} lines (at most {FUNCTION})')
    parameters = signature[signature.rfind('(', 0, signature.rfind(')')) + 1:signature.rfind(')')]
    if parameters.count(',') + 1 > PARAMETERS and '(*' not in signature:
        faults.append(f'{name}:{begin}: {parameters.count(",") + 1} parameters (at most {PARAMETERS})')
    depth = max(((len(line) - len(line.lstrip(' '))) // 4 - 1 for line in body
                 if re.match(r' *(if|for|while|switch|do)\b.*\{$', line)), default=0)
    if depth + 1 > NESTING and not is_table:
        faults.append(f'{name}:{begin}: blocks nested {depth + 1} deep (at most {NESTING})')


def check(path):
    name, lines = path.relative_to(TOP).as_posix(), path.read_text().split('\n')
    limit = HEADER if name.endswith('.h') else FILE
    if len(lines) > limit and name.startswith('src/'):
        faults.append(f'{name}: {len(lines)} lines (at most {limit})')
    begin = None
    for number, line in enumerate(lines, 1):
        if line == '{':
            begin, head = number, number - 1
            while head > 1 and lines[head - 1] and lines[head - 1][0] == ' ':
                head -= 1
            signature = ' '.join(lines[head - 1:number - 1])
            is_table = 'budget: table' in lines[head - 2]
        elif line == '}' and begin:
            if '(' in signature:
                function_faults(name, head, signature, lines[begin - 1:number], is_table)
            begin = None


for folder in ('src', 'tests'):
    for file in sorted((TOP / folder).rglob('*.[ch]')):
        check(file)
print('\n'.join(faults) if faults else 'budgets: kept')
sys.exit(bool(faults))
