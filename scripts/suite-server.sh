#!/bin/bash
# suite-server.sh SUITE MAJOR DEST: unpacks a PostgreSQL with all its programs from another Debian suite into DEST.
#
#   bullseye 13 · trixie 17 · forky 18: what npm's servers lack, above all pg_waldump; the oracle tests compare with it.
# The packages come from the mirror that this machine uses anyway, with package lists and state of their own: apt and dpkg of
# the machine are not touched. Each suite has its own libc, so the programs are made to load it from DEST.
# Prints the folder of the programs. Exit 3 with a reason when the suite cannot be had: then the caller skips what needs it.
set -euo pipefail
[ $# = 3 ] || { echo "usage: scripts/suite-server.sh SUITE MAJOR DEST" >&2; exit 2; }
suite=$1 major=$2
mkdir -p "$3"
dest=$(realpath "$3")
programs=$dest/usr/lib/postgresql/$major/bin
exec 9>"$dest.lock"
flock 9

if "$programs/postgres" --version >/dev/null 2>&1 && [ -e "$dest/.complete" ]; then
    echo "$programs"
    exit 0
fi
for tool in apt-get dpkg-deb patchelf file; do
    command -v $tool >/dev/null || {
        echo "suite-server: $tool is missing; run: scripts/deps.sh test" >&2
        exit 1
    }
done

mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
    sed -nE 's#^(URIs:|deb( \[[^]]*\])?) *(https?://[^ ]+/debian)/?( .*)?$#\3#p' | sed -n 1p)
[ -n "$mirror" ] || { echo "suite-server: $suite skipped, no Debian mirror in /etc/apt" >&2; exit 3; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/state"
: >"$work/status"       # nothing is installed, so apt fetches the libraries too
signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
echo "deb $signed $mirror $suite main" >"$work/sources.list"
# The newest minor of a suite that is still cared for; the security archive of an old one is empty.
case $suite in trixie) echo "deb $signed $mirror-security $suite-security main" >>"$work/sources.list" ;; esac

apt() {
    apt-get -qq -y -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o Dir::State="$work/state" \
        -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Retries=2 "$@" </dev/null 2>"$work/said" >&2
}

if ! apt update || ! apt --no-install-recommends --download-only install "postgresql-$major" "postgresql-client-$major"; then
    cat "$work/said" >&2
    echo "suite-server: PostgreSQL $major of $suite skipped: $(grep '^E:' "$work/said" | sed -n 1p)" >&2
    exit 3
fi

# What the programs never load: an interpreter, the JIT compiler, system packages.
for package in "$work"/cache/archives/*.deb; do
    case ${package##*/} in
    perl* | libperl* | systemd* | udev* | init-* | locales* | libllvm* | gcc-* | bash_* | coreutils_*) continue ;;
    esac
    dpkg-deb -x "$package" "$dest"
done
library=$dest/usr/lib/postgresql/$major/lib
rm -rf "$library/llvmjit.so" "$library/bitcode"

loader=$(find "$dest" -name 'ld-linux-x86-64.so.2' -print -quit)
[ -n "$loader" ] || { echo "suite-server: the packages of $suite hold no ld-linux-x86-64.so.2" >&2; exit 1; }
loader=$(realpath "$loader")
paths=$(find "$dest" -type d -path '*lib/x86_64-linux-gnu' | paste -sd:)
for program in "$programs"/*; do
    if file -bL "$program" | grep -q '^ELF.*dynamic'; then
        patchelf --set-interpreter "$loader" --force-rpath --set-rpath "$paths" "$program"
    fi
done
for module in "$library"/*.so; do patchelf --force-rpath --set-rpath "$paths" "$module"; done

"$programs/postgres" --version >&2
chmod -R a+rX "$dest"
touch "$dest/.complete"
echo "$programs"
