# Starts a PostgreSQL server on a port, with settings that are arguments (NAME=VALUE), says `ready`, and stops it
# when standard input ends. Until then each line there is a word: `kill` kills all of its processes at once,
# `start` starts it again, `stop` stops them all where they are and `go-on` lets them go on; `done` is the answer,
# or what went wrong.
set -eu
port=$1
shift
more=
for setting; do more="$more -c $setting"; done
bin=
for folder in /usr/lib/postgresql/*/bin /usr/local/pgsql/bin; do
    if [ -x "$folder/initdb" ]; then bin=$folder; fi
done
if [ -z "$bin" ] && command -v initdb >/dev/null; then bin=$(dirname "$(command -v initdb)"); fi
if [ -z "$bin" ]; then
    echo "there is no PostgreSQL server: apt-get install postgresql (Debian)" >&2
    exit 1
fi
folder=$(mktemp -d "${TMPDIR:-/tmp}/artel-pg.XXXXXX")
# A server refuses to run as root.
as=
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as="runuser -u postgres --"
fi
# To the server first, so that it starts no further child meanwhile.
signal_all() {
    server=$(head -n 1 "$folder/data/postmaster.pid" 2>/dev/null) || return 1
    kill "-$1" "$server" 2>/dev/null || return 1
    for child in $(ps -o pid= --ppid "$server"); do kill "-$1" "$child" 2>/dev/null || true; done
}
clear_away() {
    signal_all CONT || true
    $as "$bin/pg_ctl" -D "$folder/data" stop -m immediate >/dev/null 2>&1 || true
    rm -rf "$folder"
}
trap clear_away EXIT
cd "$folder"
$as "$bin/initdb" -D "$folder/data" -U postgres -A trust --no-sync -E UTF8 --locale=C.UTF-8 \
    >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; exit 1; }
start_server() {
    $as "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/data/server.log" start -o "-p $port \
        -c listen_addresses=127.0.0.1 -c unix_socket_directories='$folder' -c max_connections=300 $more" \
        >/dev/null 2>&1 </dev/null
}
# Stopped first, it starts nothing in place of what dies; were one of its children left, it would keep the
# next server from starting.
kill_server() {
    server=$(head -n 1 "$folder/data/postmaster.pid")
    kill -STOP "$server"
    for child in $(ps -o pid= --ppid "$server"); do kill -KILL "$child" 2>/dev/null || true; done
    kill -KILL "$server"
    while kill -0 "$server" 2>/dev/null; do sleep 0.01; done
}
start_server || { cat "$folder/data/server.log" >&2; exit 1; }
echo ready
while read -r word; do
    case $word in
        kill) kill_server && echo "done" || echo "cannot kill it" ;;
        stop) signal_all STOP && echo "done" || echo "cannot stop it" ;;
        go-on) signal_all CONT && echo "done" || echo "cannot let it go on" ;;
        start) start_server && echo "done" || tail -n 1 "$folder/data/server.log" ;;
    esac
done
