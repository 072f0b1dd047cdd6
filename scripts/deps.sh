#!/bin/bash
# deps.sh [--missing] build|demo|test|bench...: installs the Debian packages that a task needs.
#
# Says first what it will install, installs only what is missing, asks no questions. As root, or through sudo.
# Installing never starts a service and never leaves a PostgreSQL cluster behind; one that is there is left alone.
# --missing only prints the names of the missing packages.
set -euo pipefail

build='gcc libc6-dev make meson ninja-build pkg-config libzstd-dev liblz4-dev libssl-dev libxxhash-dev libjansson-dev
    libinih-dev libpq-dev libcmocka-dev zstd lz4'
test="$build clang libclang-rt-14-dev clang-format shellcheck pyflakes3 postgresql-15 tzdata python3
    python3-pytest python3-pytest-xdist python3-psycopg2 python3-zstandard python3-lz4 python3-xxhash patchelf file groff-base
    man-db"
bench="$test pgbackrest"
demo="$build postgresql-15"

say() { echo "deps: $*"; }

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing_of() {
    local name
    for name in $1; do
        is_installed "$name" || echo "$name"
    done
    # Node brings npm along where it does not come from Debian.
    case $1 in *pytest*) command -v npm >/dev/null || printf '%s\n' nodejs npm ;; esac
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
        --no-install-recommends "$@" </dev/null
}

# The package lists are fetched when they do not know a package, and once more when what they know is gone.
install_packages() {
    apt-cache show "$@" >/dev/null 2>&1 || apt update
    apt install "$@" || { apt update && apt install "$@"; }
}

undo=()
cleanup() {
    local step
    for step in "${undo[@]}"; do as_root sh -c "$step"; done
}
trap cleanup EXIT

# Debian starts a service when its package is installed, unless this file says no. Kept only while we install.
forbid_services() {
    local guard=/usr/sbin/policy-rc.d
    [ ! -e $guard ] || return 0
    undo+=("rm -f $guard")
    as_root sh -c "printf '#!/bin/sh\nexit 101\n' >$guard && chmod 755 $guard"
}

# Debian creates a cluster "main" when a server is installed for the first time, unless this setting says no.
# The setting is put back as it was as soon as the package is in.
forbid_default_cluster() {
    local conf=/etc/postgresql-common/createcluster.conf
    is_installed postgresql-common || install_packages postgresql-common
    undo+=("if [ -e $conf.pgstrata ]; then mv $conf.pgstrata $conf; else rm -f $conf; fi")
    as_root sh -c "[ ! -e $conf ] || cp -p $conf $conf.pgstrata; echo 'create_main_cluster = false' >>$conf"
}

only_list=no
if [ "${1-}" = --missing ]; then only_list=yes; shift; fi
wanted=
for task in "$@"; do
    case $task in
    build) wanted+=" $build" ;;
    test) wanted+=" $test" ;;
    bench) wanted+=" $bench" ;;
    demo) wanted+=" $demo" ;;
    *) echo "deps: no task \"$task\": build, demo, test or bench" >&2; exit 2 ;;
    esac
done
[ -n "$wanted" ] || { echo "usage: scripts/deps.sh [--missing] build|demo|test|bench..." >&2; exit 2; }

command -v dpkg-query >/dev/null || {
    echo "deps: this is no Debian; install by hand what answers to:" $wanted >&2
    exit 1
}
mapfile -t missing < <(missing_of "$wanted" | sort -u)
if [ $only_list = yes ]; then
    [ ${#missing[@]} = 0 ] || printf '%s\n' "${missing[@]}"
    exit 0
fi
if [ ${#missing[@]} = 0 ]; then
    say "everything that \"$*\" needs is installed"
    exit 0
fi
say "will install with apt-get:" "${missing[@]}"
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
    echo "deps: not root and no sudo; ask an administrator to run: apt-get install --no-install-recommends ${missing[*]}" >&2
    exit 1
fi
forbid_services
case " ${missing[*]} " in *' postgresql-15 '*) forbid_default_cluster ;; esac
install_packages "${missing[@]}"
say "done"
