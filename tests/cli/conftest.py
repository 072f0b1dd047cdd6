# SPDX-License-Identifier: PostgreSQL
# Copyright (c) 2026, the pgstrata authors
"""Runs the real program: PGSTRATA=path, or the one in PGSTRATA_BUILD (build/)."""
import os
import pathlib
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def program(tmp_path):
    """program(*arguments, conf=text, **environment): runs it without this machine's configuration."""
    build = TOP / os.environ.get('PGSTRATA_BUILD', 'build')
    path = pathlib.Path(os.environ.get('PGSTRATA', build / 'src/pgstrata'))
    clean = {k: v for k, v in os.environ.items() if not k.startswith(('PGSTRATA', 'PG'))}

    def run(*arguments, conf='', stdout=subprocess.PIPE, **environment):
        file = tmp_path / 'pgstrata.conf'
        file.write_text(conf)
        return subprocess.run([path, *arguments], text=True, stdout=stdout, stderr=subprocess.PIPE, timeout=60,
                              env={**clean, 'PGSTRATA_CONFIG': str(file), **environment}, check=False)
    run.file = tmp_path / 'pgstrata.conf'
    run.path = path
    return run
