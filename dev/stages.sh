# shellcheck shell=bash
# Stages for the scripts of this folder, which source this file: each stage runs quietly, is timed,
# and shows what it printed when it fails. Where ARTEL_STAGES names a file, each stage adds a line to
# it, so that .ci/run can print them all at the end.

program=$(basename "$0")
logs="${CARGO_TARGET_DIR:-target}/dev"
stages_failed=0
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

# Ends the script: what is wrong, and what to do.
die() {
  printf '%s: %s\n' "$program" "$1" >&2
  exit "${2:-1}"
}

# stage NAME COMMAND…: runs the command. A failure is counted, and the script goes on.
stage() {
  local name=$1 log started seconds result=ok
  shift
  mkdir -p "$logs"
  log="$logs/$program-${name//[^a-z0-9]/-}.log"
  started=$SECONDS
  "$@" >"$log" 2>&1 || result=failed
  seconds=$((SECONDS - started))
  printf '%-6s %-32s %5d s  %s\n' "$program" "$name" "$seconds" "$result" |
    tee -a "${ARTEL_STAGES:-/dev/null}"
  if [[ $result == failed ]]; then
    stages_failed=$((stages_failed + 1))
    show "$log"
    return 1
  fi
}

# Shows a log, only its end where it is long.
show() {
  local lines_max=400 lines
  lines=$(wc -l <"$1")
  if ((lines > lines_max)); then
    printf '    … %d lines before these are in %s\n' $((lines - lines_max)) "$1" >&2
  fi
  tail -n "$lines_max" "$1" | sed 's/^/    /' >&2
}

# Ends the script: the command line is wrong.
misused() {
  die "$1; dev/$program --help says what may be written" 2
}

# Compiles what is run next: with cargo's own progress on a terminal, else with a word where it takes
# long.
compile() {
  if [[ -t 2 ]]; then
    cargo build --locked "$@"
    return
  fi
  local build waited=0
  cargo build --quiet --locked "$@" &
  build=$!
  while kill -0 "$build" 2>/dev/null && ((waited < 30)); do
    sleep 0.1
    waited=$((waited + 1))
  done
  if kill -0 "$build" 2>/dev/null; then
    printf '%s: compiling, which takes some minutes the first time\n' "$program" >&2
  fi
  wait "$build"
}

# Makes sure that there is a cargo.
need_cargo() {
  command -v cargo >/dev/null ||
    die "there is no cargo: install Rust from https://rustup.rs (rust-toolchain.toml names the version)"
}

# Makes sure that there are the servers that tests start: PostgreSQL, PgBouncer and Redis.
need_servers() {
  local missing=()
  if ! ls /usr/lib/postgresql/*/bin/initdb /usr/local/pgsql/bin/initdb >/dev/null 2>&1 &&
    ! command -v initdb >/dev/null; then
    missing+=(postgresql)
  fi
  command -v pgbouncer >/dev/null || [[ -x /usr/sbin/pgbouncer ]] || missing+=(pgbouncer)
  command -v redis-server >/dev/null || missing+=(redis-server)
  ((${#missing[@]} > 0)) || return 0
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    printf '%s: installing the servers that tests start (%s)\n' "$program" "${missing[*]}" >&2
    # Tests start servers of their own: none is to run beside them.
    mkdir -p /etc/postgresql-common
    [[ -e /etc/postgresql-common/createcluster.conf ]] ||
      echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    if apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install -y -qq --no-install-recommends "${missing[@]}"; then
      return
    fi
  fi
  die "tests need servers that are not here: apt-get install ${missing[*]} (Debian), or dev/test --quick"
} >/dev/null

# Makes sure that there is a C compiler: SQLite and the hashes of BLAKE3 are compiled with it.
need_cc() {
  command -v cc >/dev/null && return
  local packages="gcc libc6-dev"
  if [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null; then
    printf '%s: installing a C compiler (%s)\n' "$program" "$packages" >&2
    # shellcheck disable=SC2086 # two packages
    if apt-get update -qq && apt-get install -y -qq --no-install-recommends $packages; then
      return
    fi
  fi
  die "there is no C compiler, which SQLite needs: apt-get install $packages (Debian), or your system's C compiler"
} >/dev/null
