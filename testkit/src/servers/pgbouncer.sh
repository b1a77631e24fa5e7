# Starts PgBouncer on a port, before the PostgreSQL server on another, says `ready`, and stops it when
# standard input ends.
set -eu
port=$1 server=$2 mode=$3 connections=$4
PATH=$PATH:/usr/sbin
command -v pgbouncer >/dev/null || {
    echo "there is no PgBouncer: apt-get install pgbouncer (Debian)" >&2
    exit 1
}
folder=$(mktemp -d "${TMPDIR:-/tmp}/artel-pgb.XXXXXX")
as=
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as="runuser -u postgres --"
fi
clear_away() {
    kill "$pool" 2>/dev/null || true
    wait "$pool" 2>/dev/null || true
    rm -rf "$folder"
}
cat >"$folder/pgbouncer.ini" <<END
[databases]
* = host=127.0.0.1 port=$server
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = $port
unix_socket_dir =
auth_type = any
pool_mode = $mode
max_client_conn = 500
default_pool_size = $connections
logfile = $folder/log
END
sed -i 's/^\* = .*/& user=postgres/' "$folder/pgbouncer.ini"
cd "$folder"
$as pgbouncer -q "$folder/pgbouncer.ini" >/dev/null 2>"$folder/errors" </dev/null &
pool=$!
trap clear_away EXIT
tries=0
until bash -c "exec 3<>/dev/tcp/127.0.0.1/$port" 2>/dev/null; do
    tries=$((tries + 1))
    if [ $tries -gt 100 ]; then
        cat "$folder/errors" "$folder/log" >&2 || true
        exit 1
    fi
    sleep 0.05
done
echo ready
exec 1>&-
cat >/dev/null
