# What this machine must have: found, or installed by its package manager after saying so.

say() { printf '\033[1m%s\033[0m\n' "$*"; }
fail() { printf 'dev: %s\n' "$*" >&2; exit 1; }

# The folder of a PostgreSQL server's programs: the newest on the machine.
postgres_bin() {
  local folder
  folder=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
  [ -x "${folder:-}/initdb" ] || folder=$(dirname "$(command -v initdb 2>/dev/null || echo /none/initdb)")
  [ -x "$folder/postgres" ] && printf '%s\n' "$folder"
}

nats_bin() {
  command -v "${NATS_SERVER_BIN:-nats-server}" 2>/dev/null || { [ -x /usr/sbin/nats-server ] && echo /usr/sbin/nats-server; }
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# Installs Debian packages that are missing. PostgreSQL's package would start a server of its own: it is told not to.
install_packages() {
  command -v apt-get >/dev/null || fail "missing here: $*. Install it, or start a Docker engine."
  say "Installing with apt-get: $*"
  as_root mkdir -p /etc/postgresql-common/createcluster.d
  echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/landfall.conf >/dev/null
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# PostgreSQL, NATS, and what their being started needs.
need_servers() {
  local missing=()
  [ -n "$(postgres_bin)" ] || missing+=(postgresql)
  [ -n "$(nats_bin)" ] || missing+=(nats-server)
  command -v cc >/dev/null || missing+=(gcc libc6-dev)
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
  command -v cargo >/dev/null || fail "there is no Rust toolchain here: see https://rustup.rs"
}

# PostgreSQL does not run as root: then it runs as its package's user, and lives where that user may go.
as_postgres() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid postgres --regid postgres --clear-groups -- "$@"; else "$@"; fi
}

# A port that nobody listens on: the wished one, or one above it.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# Waits until a command succeeds, for at most so many seconds.
wait_for() {
  local seconds=$1 end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || return 1
    sleep 0.1
  done
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# A GET that succeeds: bash alone, for a fresh machine has no curl.
ready() {
  local port=$1 path=$2 line
  exec 3<>"/dev/tcp/127.0.0.1/$port" || return 1
  printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$path" >&3
  IFS= read -r -t 5 line <&3 || line=
  exec 3>&-
  [[ $line == *" 200"* ]]
}

# Starts a private PostgreSQL in a folder and waits until it answers: start_postgres FOLDER PORT LOG; its process is $POSTGRES_PID.
start_postgres() {
  local data=$1 port=$2 log=$3 bin
  bin=$(postgres_bin)
  if [ ! -e "$data/PG_VERSION" ]; then
    mkdir -p "$data"
    [ "$(id -u)" != 0 ] || chown postgres "$data"
    as_postgres "$bin/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C >/dev/null
  fi
  as_postgres "$bin/postgres" -D "$data" -p "$port" -h 127.0.0.1 -k '' </dev/null >>"$log" 2>&1 &
  POSTGRES_PID=$!
  wait_for 30 "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" || fail "PostgreSQL does not start: see $log"
}

# Where a checkout's PostgreSQL keeps its data: not below /root, where its user may not go.
postgres_home() {
  if [ "$(id -u)" = 0 ]; then echo "/var/tmp/landfall-$(printf '%s' "$ROOT" | cksum | cut -d' ' -f1)"; else echo "$DEV"; fi
}
