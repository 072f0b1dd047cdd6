#!/bin/sh
# configure.sh FOLDER [OPTION...]: sets up a meson build folder, once; says what to do when something is missing.
set -eu
cd "$(dirname "$0")/.."
folder=$1
shift
[ ! -e "$folder/build.ninja" ] || exit 0

for tool in "${CC:-gcc}" meson ninja pkg-config; do
    command -v "${tool%% *}" >/dev/null || { echo "$tool is missing; run: make deps" >&2; exit 1; }
done
meson setup "$folder" "$@" >"$folder.setup.log" 2>&1 || {
    tail -4 "$folder.setup.log" >&2
    rm -rf "$folder" "$folder.setup.log"
    echo "the build could not be configured; when a dependency is missing, run: make deps" >&2
    exit 1
}
mv "$folder.setup.log" "$folder/setup.log"
