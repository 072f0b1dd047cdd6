#!/bin/bash
# check.sh FOLDER: the quick checks on a finished build in FOLDER. Runs them all, then says which ones did not pass.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
folder=$1
failed=()

check() {
    local name=$1 begin=$SECONDS
    shift
    if "$@"; then echo "check: $name passed ($((SECONDS - begin)) s)"; else failed+=("$name"); fi
}

# Tools that only `make test` installs: an absent one is said, and is a failure in CI, where everything is meant to be there.
check_with() {
    local tool=$1
    shift
    if command -v "$tool" >/dev/null; then
        check "$@"
    elif [ -n "${CI-}" ]; then
        failed+=("$1 ($tool is missing)")
    else
        echo "check: $1 left out, $tool is missing; run: scripts/deps.sh test"
    fi
}

format() { find src tests -name '*.[ch]' -print0 | xargs -0 clang-format --dry-run -Werror; }
shell() { find . -path './build*' -prune -o -name '*.sh' -print0 | xargs -0 shellcheck -S warning .ci/run; }
python() { find . -path './build*' -prune -o -name '*.py' -print0 | xargs -0 pyflakes3; }
units() {
    local log
    log=$(meson test -C "$folder" --suite unit --no-rebuild --print-errorlogs 2>&1) || { echo "$log"; return 1; }
    echo "$log" | grep -E '^Ok:'
}

check_with clang-format format format
check floors python3 scripts/floors.py
check budgets python3 scripts/budgets.py
check headers sh scripts/headers.sh
check_with clang clang python3 scripts/clang.py "$folder"
check_with pyflakes3 python python
check_with shellcheck shell shell
check units units
if [ ${#failed[@]} != 0 ]; then
    printf 'check: %s did not pass\n' "${failed[@]}" >&2
    exit 1
fi
