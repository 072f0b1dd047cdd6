#!/bin/bash
# fuzz.sh [TARGET...]: builds the fuzz targets with clang and runs each on its corpus and then for FUZZ_SECONDS (5),
# as many at a time as there are processors.
#
# The last line is "fuzz: N passed, N failed". A finding is kept below build-fuzz/findings and printed. The seed is printed
# by the fuzzer; FUZZ_SEED repeats a run. New inputs are not written back into the tree.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
seconds=${FUZZ_SECONDS:-5} seed=${FUZZ_SEED:-$RANDOM} jobs=$(nproc)
passed=0 failed=0

CC=clang scripts/configure.sh build-fuzz -Dfuzz=true -Dtests=false -Db_sanitize=address,undefined -Db_lundef=false &&
    ninja -C build-fuzz --quiet || { echo 'fuzz: 0 passed, 1 failed'; exit 1; }
mkdir -p build-fuzz/findings

# fuzz_one TARGET: its own corpus, then new inputs.
fuzz_one() {
    local target=$1 name=${1##*/} corpus fresh status=0
    corpus=tests/fuzz/corpus/${name#fuzz_} fresh=$(mktemp -d)
    local folders=("$fresh")
    [ ! -d "$corpus" ] || folders+=("$corpus")
    if "$target" -max_total_time="$seconds" -seed="$seed" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix=build-fuzz/findings/"$name"- "${folders[@]}" >"build-fuzz/$name.log" 2>&1; then
        echo "fuzz: $name passed, $(sed -n 's/stat::number_of_executed_units: *//p' "build-fuzz/$name.log") runs, seed $seed"
    else
        status=1
        tail -40 "build-fuzz/$name.log"
        echo "fuzz: $name found something, seed $seed"
    fi
    rm -rf "$fresh"
    return $status
}

# Waits for one of those that run.
reap() {
    if wait -n; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    running=$((running - 1))
}

running=0
for target in build-fuzz/tests/fuzz/fuzz_*; do
    [ -f "$target" ] && [ -x "$target" ] || continue
    [ $# = 0 ] || [[ " $* " == *" ${target##*/} "* ]] || continue
    [ $running -lt "$jobs" ] || reap
    fuzz_one "$target" &
    running=$((running + 1))
done
while [ $running != 0 ]; do reap; done
echo "fuzz: $passed passed, $failed failed"
[ $failed = 0 ]
