#!/bin/bash
# demo.sh: the main job on real input, without questions. A throwaway PostgreSQL 15 cluster with 300,000 rows and
# customers at work; pgstrata protects it; somebody drops a table; pgstrata brings back the moment before, and every row
# is compared.
#
# Everything happens below one temporary folder, on ports and sockets of its own, and is removed at the end (DEMO_KEEP=1
# keeps it). A PostgreSQL that runs on this machine is not touched. Expects a finished build; BUILD names its folder.
set -euo pipefail
cd "$(dirname "$0")/.."
build=${BUILD:-build} server=/usr/lib/postgresql/15/bin steps=()

if [ "$(id -u)" = 0 ]; then owner=postgres; else owner=$(id -un); fi
demo=$(mktemp -d "${TMPDIR:-/tmp}/pgstrata-demo.XXXXXX")
chmod 755 "$demo"

as_owner() { if [ "$(id -un)" = "$owner" ]; then "$@"; else runuser -u "$owner" -- "$@"; fi; }

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

program=
for place in "$build"/pgstrata "$build"/src/pgstrata "$build"/src/cli/pgstrata; do
    if [ -f "$place" ]; then program=$place; fi
done
[ -n "$program" ] || { echo "demo: no pgstrata in $build; run: make" >&2; exit 1; }
[ -x $server/postgres ] || { echo "demo: PostgreSQL 15 is missing; run: scripts/deps.sh demo" >&2; exit 1; }

# ---- the stage

mkdir "$demo"/{bin,run,shop}
cp "$program" "$demo/bin/pgstrata"
conf=$demo/pgstrata.conf data=$demo/shop/data clone=$demo/restored port=$(free_port)
[ "$(id -u)" != 0 ] || chown -R "$owner:" "$demo"

customers=
tidy() {
    local status=$? folder
    set +e
    [ -z "$customers" ] || { kill "$customers"; wait "$customers"; } 2>/dev/null
    for folder in "$data" "$clone"; do
        [ ! -e "$folder/postmaster.pid" ] || as_owner $server/pg_ctl -D "$folder" -m immediate -w stop >/dev/null 2>&1
    done
    if [ $status != 0 ]; then
        echo "demo: did not reach its end (exit $status)" >&2
        tail -n 15 "$demo"/*.log 2>/dev/null >&2
    fi
    if [ -n "${DEMO_KEEP-}" ]; then echo "demo: everything is kept in $demo"; else rm -rf "$demo"; fi
    exit $status
}
trap tidy EXIT
trap 'exit 130' INT TERM

# ---- words

chapter() { printf '\n== %s  (%d s)\n' "$1" "$SECONDS"; }

# The arguments as one would type them.
quote() {
    local word line=
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_/.:=+,@%-]*) word="'$word'" ;; esac
        line+=" $word"
    done
    echo "${line# }"
}

# Shows a command, runs it, remembers it for the summary.
run() {
    local shown
    shown=$(quote "$@")
    steps+=("$shown")
    echo "\$ $shown"
    "$@"
}

sql() { as_owner psql -X -q -A -t -v ON_ERROR_STOP=1 -h "$demo/run" -p "$1" -U postgres -d shop "${@:2}" </dev/null; }

pgstrata() { "$demo/bin/pgstrata" --config="$conf" "$@" </dev/null; }

# start FOLDER LOG PORT
start() {
    as_owner $server/pg_ctl -D "$1" -l "$demo/$2.log" -w -t 60 \
        -o "-p $3 -k $demo/run -c listen_addresses=''" start >/dev/null
}

# Rows and content of every table: count, and one hash over all rows in key order.
tables='customers films orders payments'
sums() {
    local table
    for table in $tables; do
        echo "select '$table', count(*), md5(string_agg(md5(t::text), '' order by id)) from $table t;"
    done
}

# Customers never sleep: small transactions, all day, also across a restart. Ends when the table is gone.
customers_at_work() {
    until grep -qs 'relation "payments" does not exist' "$demo/customers.log"; do
        sql "$port" -c "
            with o as (insert into orders (customer_id, film_id, ordered_at, copies)
                       select 1 + random() * 19999, 1 + random() * 1999, clock_timestamp(), 1 + random() * 3
                       from generate_series(1, 5) returning id, copies)
            insert into payments (order_id, amount, method) select id, copies * 3.99, 'card' from o;
            update customers set visits = visits + 1 where id = 1 + (random() * 19999)::int" 2>>"$demo/customers.log" || true
        sleep 0.02
    done
}

# wait_for WHAT COMMAND...: asks every tenth of a second, for at most half a minute.
wait_for() {
    local what=$1 tries
    shift
    for tries in $(seq 300); do
        if "$@"; then return; fi
        sleep 0.1
    done
    echo "demo: after $((tries / 10)) s still waiting until $what" >&2
    return 1
}
is_archived() {
    ! [[ $(sql "$port" -c "select coalesce(max(last_archived_wal), '') from pg_stat_archiver") < $1 ]]
}
is_recovered() { [ "$(sql "$clone_port" -c 'select pg_is_in_recovery()')" = f ]; }

# ---- the play

chapter 'A shop with 300,000 rows'
as_owner $server/initdb -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 --data-checksums >/dev/null
as_owner tee -a "$data/postgresql.conf" >/dev/null <<CONF
port = $port
unix_socket_directories = '$demo/run'
listen_addresses = ''
CONF
as_owner $server/pg_ctl -D "$data" -l "$demo/shop.log" -w start >/dev/null
as_owner createdb -h "$demo/run" -p "$port" -U postgres shop
sql "$port" -c "
    create table customers (id serial primary key, name text not null, email text not null unique, city text,
                            visits int not null default 0);
    create table films (id serial primary key, title text not null, year int, description text);
    create table orders (id serial primary key, customer_id int references customers, film_id int references films,
                         ordered_at timestamptz not null, copies int not null);
    create table payments (id serial primary key, order_id int references orders, amount numeric(8, 2), method text);
    insert into customers (name, email, city)
        select f || ' ' || l, lower(f || '.' || l) || n || '@example.org', c from (
            select n, (array['Mina','Jonas','Aisha','Lucia','Takumi','Ewa','Noah','Priya','Omar','Chloe'])[1 + n % 10] as f,
                (array['Kim','Schmidt','Garcia','Okafor','Sato','Nowak','Rossi','Silva','Larsen'])[1 + n / 10 % 9] as l,
                (array['Seoul','Lyon','Lagos','Quito','Osaka','Gdansk','Oslo'])[1 + n * 7 % 11 % 7] as c
            from generate_series(1, 20000) n) as people;
    insert into films (title, year, description)
        select (array['Silent','Golden','Last','Broken','Hidden'])[1 + n % 5] || ' '
            || (array['River','Harvest','Station','Garden','Signal','Winter'])[1 + n / 5 % 6] || ' ' || n,
            1950 + n % 75, repeat(md5(n::text) || ' and what became of it. ', 4) from generate_series(1, 2000) n;
    insert into orders (customer_id, film_id, ordered_at, copies)
        select 1 + n * 7919 % 20000, 1 + n * 1499 % 2000, timestamptz '2026-01-01' + n * interval '3 min', 1 + n % 3
        from generate_series(1, 139000) n;
    insert into payments (order_id, amount, method)
        select id, copies * 3.99, (array['card','transfer','cash'])[1 + id % 3] from orders;
    analyze"
customers_at_work &
customers=$!
sql "$port" -c "select sum(n_live_tup) || ' rows, and customers at work' from pg_stat_user_tables"

chapter 'Protect it'
run pgstrata setup --restart --cluster=shop --pgdata="$data" --user=postgres --repo-url="$demo/repository" \
    --state-dir="$demo/state"
run pgstrata backup --type full
run pgstrata check
run pgstrata info

chapter 'Work goes on; then the accident'
sleep 1
# The lock waits until all open transactions have ended and lets none begin: what is read here is what this moment holds.
# In the order in which the customers write, or the two could wait for each other.
mapfile -t before < <(sql "$port" -c "
    begin; lock table orders, payments, customers, films in share mode;
    select to_char(clock_timestamp() at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') || '+00';
    $(sums) commit")
moment=${before[0]}
printf '%s  ' "at $moment:"
printf '%s\n' "${before[@]:1}" | cut -d'|' -f1,2 | paste -sd' '
sleep 1
echo "\$ psql -d shop -c 'drop table payments'"
sql "$port" -c 'drop table payments'
wait "$customers" || true
customers=
segment=$(sql "$port" -c 'select pg_walfile_name(pg_switch_wal())')
wait_for "$segment is archived" is_archived "$segment"

chapter 'Bring back the moment before'
run pgstrata restore --target-time "$moment" --target-action promote --to-dir "$clone"
clone_port=$(free_port)
start "$clone" restored "$clone_port"
wait_for 'recovery ends' is_recovered

chapter 'Is it all there?'
mapfile -t after < <(sql "$clone_port" -c "$(sums)")
printf '%-10s %8s  %-34s%s\n' table rows 'content before the accident' 'content restored'
wrong=0
for i in "${!after[@]}"; do
    IFS='|' read -r table rows hash <<<"${before[i + 1]}"
    IFS='|' read -r _ restored_rows restored_hash <<<"${after[i]}"
    printf '%-10s %8s  %s  %s\n' "$table" "$restored_rows" "$hash" "$restored_hash"
    [ "$rows $hash" = "$restored_rows $restored_hash" ] || wrong=1
done
if [ $wrong != 0 ] || [ ${#after[@]} != 4 ]; then
    echo 'demo: the restored rows are NOT what was there before' >&2
    exit 1
fi
echo 'Every table equals what was there the moment before the accident, row by row.'

chapter 'What was run, to repeat on your own cluster'
for step in "${steps[@]}"; do
    echo "    ${step/pgstrata/pgstrata --config=$conf}"
done
