#!/bin/bash
# test.sh: everything that must pass; the last line is "N passed, N failed".
#
# Parts, each in a build folder of its own: all meson suites (unit, conformance, fault), the command line from outside, the
# suites under ASan and UBSan, what has threads under TSan, the fuzz targets for a few seconds each, the independent
# reader, the golden repositories, and the system tests on real servers. With SANITIZE=address,undefined the program that
# the command line and system tests drive is built that way, too.
# A part that breaks down without counting anything counts as one failure. PARTS="units system" runs only those.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
SANITIZE=${SANITIZE-}
parts=${PARTS:-units cli sanitized threads fuzz servers spec golden system}
passed=0 failed=0 reports=build-reports
mkdir -p $reports

# System tests side by side: they wait as much as they compute.
jobs=${PGSTRATA_TEST_JOBS:-$((2 * $(nproc)))}

# What servers and repositories of tests hold is thrown away, and no test pulls the plug: memory does where there is plenty of
# it, each test having up to 3 GB, and where programs may run. Tests of files, folders and stores, and the demo, use the disk.
scratch() {
    local room free
    room=$(df --output=avail -B1G /dev/shm 2>/dev/null | tail -1)
    free=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    if [ "${room:-0}" -ge $((3 * jobs)) ] && [ "${free:-0}" -ge $((4 * jobs)) ] &&
        ! grep -qE '^[^ ]+ /dev/shm [^ ]+ [^ ]*noexec' /proc/mounts; then
        echo /dev/shm
    else
        echo /tmp
    fi
}
TMPDIR=${TMPDIR:-$(scratch)}
export TMPDIR

# tally NAME PASSED FAILED: adds a part's figures.
tally() {
    passed=$((passed + $2)) failed=$((failed + $3))
    echo "test: $1: $2 passed, $3 failed (${SECONDS} s since the start)"
}

build() {
    local folder=$1
    shift
    scripts/configure.sh "$folder" "$@" && ninja -C "$folder" --quiet
}

# Half as much compiling as at -O2, and the tests take as long.
sanitizer_options() { echo "-Db_sanitize=$1 -Db_lundef=false -Doptimization=1 -Dc_args=-g1"; }

# meson_part NAME FOLDER TEST...: runs the tests (all when none is named) of a build folder.
meson_part() {
    local name=$1 folder=$2 counts
    shift 2
    rm -f "$folder/meson-logs/testlog.json"
    ${runner-} meson test -C "$folder" --no-rebuild --timeout-multiplier 5 --print-errorlogs "$@" || true
    counts=$(python3 scripts/tally.py meson "$folder/meson-logs/testlog.json")
    # shellcheck disable=SC2086
    tally "$name" $counts
}

pytest_part() {
    local name=$1 report=$reports/$1.xml
    shift
    rm -f "$report"
    PGSTRATA_BUILD=$PWD/$main_build pytest-3 -q -ra -p no:cacheprovider --junitxml="$report" "$@" </dev/null || true
    # shellcheck disable=SC2046
    tally "$name" $(python3 scripts/tally.py junit "$report")
}

run_units() {
    # shellcheck disable=SC2046
    build "$main_build" $([ -z "$SANITIZE" ] || sanitizer_options "$SANITIZE") || { tally build 0 1; return; }
    meson_part units "$main_build"
}

run_cli() {
    pytest_part cli tests/cli
}

run_sanitized() {
    [ -z "$SANITIZE" ] || return 0
    # shellcheck disable=SC2046
    build build-asan $(sanitizer_options address,undefined) || { tally build-asan 0 1; return; }
    meson_part 'units under ASan and UBSan' build-asan
}

# Builds no more than these tests. TSan needs the memory layout that address randomisation may take away from it.
run_threads() {
    local tests programs runner
    # shellcheck disable=SC2046
    scripts/configure.sh build-tsan $(sanitizer_options thread) || { tally build-tsan 0 1; return; }
    mapfile -t tests < <(meson test -C build-tsan --list 2>/dev/null | sed -nE 's#^(.* )?(flow/.*|repo/(frame_pool|page_hashes)_test|archive/wal_rights_test)$#\2#p')
    [ ${#tests[@]} != 0 ] || { tally 'tests of threads' 0 1; return; }
    programs=("${tests[@]/\//-}")
    ninja -C build-tsan --quiet "${programs[@]/#/tests/unit/}" || { tally build-tsan 0 1; return; }
    runner=$(setarch -R true 2>/dev/null && echo setarch -R)
    meson_part 'threads under TSan' build-tsan "${tests[@]}"
}

run_fuzz() {
    # shellcheck disable=SC2046
    tally fuzz $(scripts/fuzz.sh | tee /dev/stderr | sed -nE '$s/^fuzz: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' |
        grep . || echo 0 1)
}

run_servers() {
    if PGSTRATA_SERVERS=$(scripts/servers.sh); then export PGSTRATA_SERVERS; else tally servers 0 1; fi
}

run_spec() {
    if [ -d tests/spec ]; then pytest_part spec tests/spec; fi
}

run_golden() {
    pytest_part golden -n "$(nproc)" tests/golden
}

run_system() {
    pytest_part system -n "$jobs" --dist loadgroup tests/system
}

main_build=build
[ -z "$SANITIZE" ] || main_build=build-${SANITIZE//,/-}
for part in $parts; do
    echo "test: --- $part"
    "run_$part" || tally "$part" 0 1
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed != 0 ]
