#!/bin/bash
# bench/run.sh: measures everything and writes the tables to build-bench/report.md. Needs root and about 20 GB below /var/tmp.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/deps.sh bench
[ -d build-bench ] || meson setup build-bench -Dtests=false -Dbuildtype=release >/dev/null
ninja -C build-bench
work=${WORK:-/var/tmp/pgstrata-bench}
mkdir -p "$work"
# The server's user must be able to run it, wherever the checkout lies.
install -m 755 build-bench/src/pgstrata "$work/pgstrata"
/usr/bin/python3 bench/bench.py --pgstrata "$work/pgstrata" --work "$work" --report build-bench/report "$@"
echo "tables: build-bench/report.md"
