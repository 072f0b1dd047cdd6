#!/bin/bash
# make-fixtures.sh SERVERS [MAJOR...]: makes tests/fixtures/pg/<major>/ again from real servers.
#
# SERVERS holds pg13/native/bin … pg18/native/bin with initdb, pg_ctl and postgres. psql of any major must be in PATH.
# As root the servers run as the user "postgres". Values that change with every run (system ids, LSNs, times) are read
# by the tests from the files, or compared between files of one run; so a new run needs no change of the tests.
set -euo pipefail
servers=$(realpath "$1"); shift
[ $# -gt 0 ] || set -- 13 14 15 16 17 18
to=$(realpath "$(dirname "$0")/..")/tests/fixtures/pg
work=$(mktemp -d)
user=$(id -un)
if [ "$user" = root ]; then user=postgres; chown postgres "$work"; fi
as_user() { if [ "$(id -un)" = "$user" ]; then "$@"; else runuser -u "$user" -- "$@"; fi; }
port=$((20000 + RANDOM % 20000))
bin='' data=''
stop() { [ -z "$data" ] || as_user "$bin/pg_ctl" -D "$data" -m immediate -s stop >/dev/null 2>&1 || true; }
trap 'stop; rm -rf "$work"' EXIT

start() { as_user "$bin/pg_ctl" -D "$data" -l "$work/log" -s -w -o "-p $port -k $work -c listen_addresses= $*" start; }
sql() { as_user psql -XAtq -v ON_ERROR_STOP=1 -h "$work" -p "$port" -U postgres -d postgres "$@"; }
bytes() { perl -ne 'chomp; print pack("H*", $_)'; }
# promote: an archive recovery that finds nothing ends at once and begins the next timeline
promote() {
    as_user "$bin/pg_ctl" -D "$data" -s -m fast stop
    as_user touch "$data/recovery.signal"
    start
    until [ "$(sql -c 'select pg_is_in_recovery()')" = f ]; do sleep 0.1; done
}

one_major() {
    local major=$1 out=$to/$1 begin=pg_backup_start end=pg_backup_stop exclusive=''
    bin=$servers/pg$major/native/bin data=$work/data$major
    mkdir -p "$out"
    [ "$major" -ge 15 ] || { begin=pg_start_backup end=pg_stop_backup exclusive=', false'; }
    as_user "$bin/initdb" -D "$data" -k -A trust -U postgres --no-sync --locale=C -E UTF8 --wal-segsize=1 >/dev/null
    as_user tee -a "$data/postgresql.conf" >/dev/null <<<"restore_command = 'false'
wal_level = replica
max_connections = 20"
    start -c archive_mode=on # without archiving the server removes the .backup file at once
    local odd=$work/odd$major$'\n'\\space\ x
    as_user mkdir "$odd" "$work/plain$major"
    sql -c "create tablespace odd location E'${odd//\\/\\\\}'" -c "create tablespace plain location '$work/plain$major'"
    sql -c "alter system set archive_command = E'cp \"%p\" ''/a b/%f'' \\\\\\\\ # x'" -c "alter system set work_mem = '5MB'"
    sql >"$work/stopped" <<SQL
select $begin(E'label with \\\\ and ü', true$exclusive);
create temp table s as select * from $end(${exclusive:+false, }false);
\o $work/label
select encode(convert_to(labelfile, 'UTF8'), 'hex') from s;
\o $work/map
select encode(convert_to(spcmapfile, 'UTF8'), 'hex') from s;
SQL
    bytes <"$work/label" >"$out/backup_label"
    # the scratch folder's name is of this run only
    bytes <"$work/map" | sed "s|$work|/srv|" >"$out/tablespace_map"
    cp "$data"/pg_wal/*.backup "$out/history.backup"
    sql -c checkpoint
    cp "$data/global/pg_control" "$out/pg_control.running"
    cp "$data/global/pg_filenode.map" "$out/pg_filenode.map"
    cp "$data/postgresql.auto.conf" "$out/postgresql.auto.conf"
    sql -c "select setting from pg_file_settings where name = 'archive_command'" >"$out/archive_command"
    promote
    promote
    cp "$data/pg_wal/00000003.history" "$out/00000003.history"
    as_user "$bin/pg_ctl" -D "$data" -s -m fast stop
    cp "$data/global/pg_control" "$out/pg_control.shut_down"
    # pg_proc's heap, its index on oid, and one page of each map: relfilenodes as initdb makes them
    head -c $((3 * 8192)) "$data/base/1/1255" >"$out/heap_pages"
    head -c $((2 * 8192)) "$data/base/1/2690" >"$out/index_pages"
    head -c 8192 "$data/base/1/1255_vm" >"$out/vm_page"
    data=''
}

for major; do one_major "$major"; echo "fixtures: $major"; done
chmod -R u=rwX,go=rX "$to"
