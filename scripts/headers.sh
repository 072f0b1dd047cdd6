#!/bin/sh
# Every header compiles alone.
set -eu
cd "$(dirname "$0")/.."
find src -name '*.h' | sort | xargs -P 2 -n 8 sh -c '
    for header; do
        echo "#include \"${header#src/}\"" |
            ${CC:-gcc} -std=c17 -D_GNU_SOURCE -Wall -Wextra -Werror -Isrc $(pkg-config --cflags libpq) -fsyntax-only -x c - ||
            { echo "$header does not compile alone" >&2; exit 255; }
    done' sh
echo "headers: each compiles alone"
