#!/bin/bash
# bench/run.sh [options of bench.py]: measures and writes the tables to build-bench/report.md; without options everything,
# and the tables into docs/PERFORMANCE.md too. Needs root, 25 GB below /var/tmp and, on two processors, some 35 minutes.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/deps.sh bench
[ -d build-bench ] || meson setup build-bench -Dtests=false -Dbuildtype=release >/dev/null
ninja -C build-bench
work=${WORK:-/var/tmp/pgstrata-bench}
mkdir -p "$work"
native=$(scripts/suite-server.sh trixie 17 "$(dirname "${PGSTRATA_SERVERS:-/var/cache/pgstrata/servers}")/suite-pg17") || native=
# The server's user must be able to run them, wherever the checkout lies.
install -m 755 build-bench/src/pgstrata "$work/pgstrata"
cc -O2 -D_GNU_SOURCE -o "$work/floor" bench/floor.c -lzstd
[ $# -gt 0 ] || set -- --write docs/PERFORMANCE.md
/usr/bin/python3 bench/bench.py --pgstrata "$work/pgstrata" --floor "$work/floor" --work "$work" ${native:+--native "$native"} --report build-bench/report "$@"
rm -f "$work/pgstrata" "$work/floor"
rmdir --ignore-fail-on-non-empty "$work"
echo "tables: build-bench/report.md"
