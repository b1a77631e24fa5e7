# Starts a Redis cluster on some ports: three nodes, and with six or more ports as many replicas of each as there
# are ports for. Says `ready`, and stops it when standard input ends.
set -eu
replicas=$(($# / 3 - 1))
command -v redis-server >/dev/null || {
    echo "there is no Redis server: apt-get install redis-server (Debian)" >&2
    exit 1
}
folder=$(mktemp -d "${TMPDIR:-/tmp}/artel-redis.XXXXXX")
servers=
clear_away() {
    for server in $servers; do
        kill -9 "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap clear_away EXIT
nodes=
for port in "$@"; do
    mkdir "$folder/$port"
    redis-server --port "$port" --bind 127.0.0.1 --dir "$folder/$port" --save '' --appendonly yes \
        --appendfsync always --cluster-enabled yes --cluster-config-file nodes.conf \
        --cluster-node-timeout 5000 --repl-diskless-sync-delay 0 >"$folder/$port/log" 2>&1 </dev/null &
    servers="$servers $!"
    nodes="$nodes 127.0.0.1:$port"
done
tries=0
for port in "$@"; do
    until redis-cli -p "$port" ping >/dev/null 2>&1; do
        tries=$((tries + 1))
        if [ $tries -gt 200 ]; then
            cat "$folder/$port/log" >&2
            exit 1
        fi
        sleep 0.05
    done
done
# shellcheck disable=SC2086 # one word a node
redis-cli --cluster create $nodes --cluster-replicas "$replicas" --cluster-yes >"$folder/create" 2>&1 || { cat "$folder/create" >&2; exit 1; }
for port in "$@"; do
    # A replica is ready when it has what its node has.
    until redis-cli -p "$port" cluster info | grep -q "cluster_state:ok" &&
        ! redis-cli -p "$port" info replication | grep -q "master_link_status:down" &&
        [ "$(redis-cli -p "$port" cluster nodes | grep -c slave)" = $((3 * replicas)) ]; do
        tries=$((tries + 1))
        if [ $tries -gt 400 ]; then
            redis-cli -p "$port" cluster info >&2
            exit 1
        fi
        sleep 0.05
    done
done
echo ready
exec 1>&-
cat >/dev/null
