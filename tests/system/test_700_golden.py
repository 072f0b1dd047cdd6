"""Servers started on what the golden repositories hold: every moment they were made for comes back, row by row."""
import pathlib
import sys

import pytest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / 'golden'))
import golden  # noqa: E402

MOMENTS = [(name, moment) for name in golden.names() for moment in golden.expected(name)['moments']]


@pytest.mark.parametrize(('name', 'moment'), MOMENTS, ids=lambda it: it if isinstance(it, str) else '+'.join(it['options']))
def test_a_moment_comes_back(name, moment, clusters, folder, program):
    (folder / 'copy').mkdir()
    copy = golden.Copy(golden.V1 / name / 'repository', program, folder / 'copy')
    server = clusters.adopt(golden.expected(name)['major'], copy.restore(*moment['options'])).start()
    server.wait_for_recovery_end()
    assert golden.tables(server) == moment['tables']
    server.check_pages()
