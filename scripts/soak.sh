#!/bin/bash
# soak.sh: the long seeds, by hand. SEED repeats a run, KILLS says how many processes are killed in each story.
set -euo pipefail
cd "$(dirname "$0")/.."
export PGSTRATA_KILLS=${KILLS:-300} PGSTRATA_SEED=${SEED:-$RANDOM}
echo "soak: seed $PGSTRATA_SEED, $PGSTRATA_KILLS kills a story"
pytest-3 -q -s tests/system/test_600_kills.py tests/system/test_230_expire.py::test_killed_expiries_hurt_nothing \
    tests/system/test_402_repair.py::test_killed_verify_and_repair_lose_nothing
