# Starts a Redis server on a port with some settings of its own behind it, says `ready`, and stops it when
# standard input ends.
set -eu
port=$1
shift
command -v redis-server >/dev/null || {
    echo "there is no Redis server: apt-get install redis-server (Debian)" >&2
    exit 1
}
folder=$(mktemp -d "${TMPDIR:-/tmp}/artel-redis.XXXXXX")
clear_away() {
    kill -9 "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
cd "$folder"
redis-server --port "$port" --bind 127.0.0.1 --dir "$folder" --save '' --appendonly yes \
    --appendfsync always "$@" >"$folder/log" 2>&1 </dev/null &
server=$!
trap clear_away EXIT
tries=0
until grep -q "eady to accept connections" "$folder/log"; do
    tries=$((tries + 1))
    if [ $tries -gt 200 ] || ! kill -0 "$server" 2>/dev/null; then
        cat "$folder/log" >&2
        exit 1
    fi
    sleep 0.05
done
echo ready
exec 1>&-
cat >/dev/null
