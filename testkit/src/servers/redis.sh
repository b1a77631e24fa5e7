# Starts a Redis server on a port with some settings of its own behind it, says `ready`, and stops it when
# standard input ends. Until then each line there is a word: `kill` kills it at once, `start` starts it again,
# `stop` stops it where it is and `go-on` lets it go on; `done` is the answer, or what went wrong.
set -eu
port=$1
shift
command -v redis-server >/dev/null || {
    echo "there is no Redis server: apt-get install redis-server (Debian)" >&2
    exit 1
}
folder=$(mktemp -d "${TMPDIR:-/tmp}/artel-redis.XXXXXX")
server=
kill_server() {
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
}
clear_away() {
    kill_server
    rm -rf "$folder"
}
trap clear_away EXIT
cd "$folder"
start_server() {
    redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly yes \
        --appendfsync always "$@" >"$folder/log" 2>&1 </dev/null &
    server=$!
    tries=0
    until grep -q "eady to accept connections" "$folder/log"; do
        tries=$((tries + 1))
        if [ $tries -gt 400 ] || ! kill -0 "$server" 2>/dev/null; then return 1; fi
        sleep 0.05
    done
}
start_server "$@" || { cat "$folder/log" >&2; exit 1; }
echo ready
while read -r word; do
    case $word in
        kill) kill_server && echo done ;;
        stop) kill -STOP "$server" && echo done ;;
        go-on) kill -CONT "$server" && echo done ;;
        start) start_server "$@" && echo done || tail -n 1 "$folder/log" ;;
    esac
done
