# What this machine must have: found on it, in Docker, or installed by its package manager after saying so.

# As in compose.yaml and in the tests.
POSTGRES_IMAGE=postgres:17
NATS_IMAGE=nats:2.12-alpine

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

# A machine may have Docker's client and no engine.
docker_answers() { command -v docker >/dev/null && timeout 10 docker version >/dev/null 2>&1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; return; fi
  command -v sudo >/dev/null || fail "this needs root, and there is no sudo here: $*"
  sudo "$@"
}

# What of these is missing is installed: need compiler|postgres|nats|browser|pictures|faketime|python...
need() {
  local what missing=()
  for what in "$@"; do
    case $what in
      # Rust links by cc, and ring is partly C; cargo asks its registry over TLS.
      compiler)
        command -v cargo >/dev/null || fail "there is no Rust toolchain here: see https://rustup.rs"
        command -v cc >/dev/null || missing+=(gcc libc6-dev)
        [ -e /etc/ssl/certs/ca-certificates.crt ] || missing+=(ca-certificates)
        ;;
      postgres) [ -n "$(postgres_bin)" ] || missing+=(postgresql) ;;
      nats) [ -n "$(nats_bin)" ] || missing+=(nats-server) ;;
      # For the tests of the pages, with a font for Chinese. On Ubuntu the packages have other names.
      browser)
        local browser=chromium driver=chromium-driver
        ! grep -qs '^ID=ubuntu' /etc/os-release || { browser=chromium-browser driver=chromium-chromedriver; }
        command -v chromium >/dev/null || command -v chromium-browser >/dev/null || missing+=("$browser")
        command -v chromedriver >/dev/null || missing+=("$driver")
        # axe-core, which looks for what a screen reader stumbles over, comes from npm.
        command -v npm >/dev/null || missing+=(npm)
        ls /usr/share/fonts/opentype/noto/NotoSansCJK-* >/dev/null 2>&1 || missing+=(fonts-noto-cjk)
        ;;
      # For what comes from PyPI, in an environment of its own.
      python) python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3 python3-venv) ;;
      pictures) command -v pngquant >/dev/null || missing+=(pngquant) ;;
      # For the tests of clocks that are wrong.
      faketime) ls /usr/lib/*/faketime/libfaketimeMT.so.1 >/dev/null 2>&1 || missing+=(libfaketime) ;;
    esac
  done
  [ ${#missing[@]} -eq 0 ] || install_packages "${missing[@]}"
}

# PostgreSQL and NATS: those of the machine, else Docker's, else those of the package manager.
need_servers() {
  { [ -n "$(postgres_bin)" ] && [ -n "$(nats_bin)" ]; } || docker_answers || need postgres nats
}

# Installs programs from PyPI into a folder of their own, each archive by its digest; anew when the list of them has changed:
# install_from_pypi FOLDER LIST.
install_from_pypi() {
  ! cmp -s "$2" "$1/list" || return 0
  need python
  say "Installing from PyPI: $2"
  rm -rf "$1"
  python3 -m venv "$1"
  "$1/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r "$2"
  cp "$2" "$1/list"
}

# Installs Debian packages. PostgreSQL's would start a server of its own: it is told not to.
install_packages() {
  command -v apt-get >/dev/null || fail "missing here: $*. Install it, or start a Docker engine."
  say "Installing with apt-get: $*"
  if [[ " $* " == *" postgresql "* ]]; then
    as_root mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/landfall.conf >/dev/null
  fi
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null ||
    fail "apt-get cannot install: $*. Install it by hand, or start a Docker engine."
}

# A port that nobody listens on: the wished one, or one above it.
free_port() {
  local port=$1
  while answers "$port"; do port=$((port + 1)); done
  echo "$port"
}

# Waits until a command succeeds, for at most so many seconds and while a process lives: wait_for SECONDS PID COMMAND...
wait_for() {
  local end=$((SECONDS + $1)) pid=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    { [ $SECONDS -lt $end ] && kill -0 "$pid" 2>/dev/null; } || return 1
    sleep 0.1
  done
}

# Ends because something did not start: does_not_start WHAT LOG.
does_not_start() {
  tail -n 5 "$2" >&2
  fail "$1 does not start: the lines above are from ${2#"$ROOT"/}"
}

answers() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# What was started and has not been stopped: pid:name, in order.
STARTED=()

# Starts a program that ends with us, by this signal, even when we are killed:
# start_leashed LOG SIGNAL [SETPRIV OPTION...] -- PROGRAM...; it is $!, and named after its log.
start_leashed() {
  local log=$1 signal=$2 name
  shift 2
  setpriv --pdeathsig "$signal" "$@" </dev/null >>"$log" 2>&1 &
  name=${log##*/}
  STARTED+=("$!:${name%.log}")
}

# Stops all of it, the last first.
stop_all() {
  local pid i
  for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
    pid=${STARTED[i]%%:*}
    # PostgreSQL's SIGINT is a fast shutdown: it waits for no connection.
    if [[ ${STARTED[i]} == *:postgres ]]; then kill -INT "$pid" 2>/dev/null || true; else kill -TERM "$pid" 2>/dev/null || true; fi
    wait_gone "$pid" 40
  done
  STARTED=()
}

# Waits until a process has ended, and kills it when it takes too long: wait_gone PID SECONDS.
wait_gone() {
  local end=$((SECONDS + $2))
  while kill -0 "$1" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
}

# Starts a private PostgreSQL in a folder and waits until it answers: start_postgres FOLDER PORT LOG.
# Without the programs it is a container, its data in a volume.
start_postgres() {
  local data=$1 port=$2 log=$3 bin user=()
  bin=$(postgres_bin) || true
  POSTGRES_PORT=$port
  if [ -z "$bin" ]; then
    start_container postgres "$data" "$port:5432" "$log" INT -e POSTGRES_HOST_AUTH_METHOD=trust \
      -v "@:/var/lib/postgresql/data" "$POSTGRES_IMAGE"
    POSTGRES_CONTAINER=$CONTAINER
    # Over TCP: while the image sets itself up it answers on its socket alone. The image may have to be pulled first.
    wait_for 600 $! docker exec "$CONTAINER" pg_isready -q -h 127.0.0.1 || does_not_start PostgreSQL "$log"
    return
  fi
  # It does not run as root: then it runs as its package's user, and lives where that user may go.
  [ "$(id -u)" != 0 ] || user=(--reuid postgres --regid postgres --clear-groups)
  if [ ! -e "$data/PG_VERSION" ]; then
    mkdir -p "$data"
    [ "$(id -u)" != 0 ] || chown postgres "$data"
    setpriv "${user[@]}" -- "$bin/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C >/dev/null
  fi
  start_leashed "$log" INT "${user[@]}" -- "$bin/postgres" -D "$data" -p "$port" -h 127.0.0.1 -k ''
  wait_for 30 $! postgres_is_ours "$bin" "$port" "$data" || does_not_start PostgreSQL "$log"
}

# Somebody else may have taken the port in between, and would answer in its place.
postgres_is_ours() { [ "$("$1/psql" -qAtX -h 127.0.0.1 -p "$2" -U postgres -c 'show data_directory' 2>/dev/null)" = "$3" ]; }

# psql against the PostgreSQL that was started.
sql() {
  local bin
  bin=$(postgres_bin) || true
  if [ -n "$bin" ]; then
    "$bin/psql" -qX -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$POSTGRES_PORT" -U postgres "$@"
  else
    docker exec -i "$POSTGRES_CONTAINER" psql -qX -v ON_ERROR_STOP=1 -h 127.0.0.1 -U postgres "$@"
  fi
}

# Starts NATS with JetStream in a folder and waits until it answers: start_nats FOLDER PORT LOG.
start_nats() {
  local data=$1 port=$2 log=$3 bin name
  bin=$(nats_bin) || true
  name=$(container_of nats "$data")
  if [ -n "$bin" ]; then
    start_leashed "$log" TERM -- "$bin" -js -a 127.0.0.1 -p "$port" -sd "$data" --server_name "$name"
  else
    start_container nats "$data" "$port:4222" "$log" TERM -v "@:/data" "$NATS_IMAGE" nats-server -js -sd /data --server_name "$name"
  fi
  wait_for 600 $! nats_answers "$port" "$name" || does_not_start NATS "$log"
}

# Its first word says who it is: a published port of a container answers before its server does, and somebody else may have
# taken the port in between.
nats_answers() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$1" || return 1
  IFS= read -r -t 2 line <&3 || line=
  exec 3>&-
  [[ $line == INFO*"\"server_name\":\"$2\""* ]]
}

# The name of the container, and of its volume (@), that stand for a server in a folder: container_of NAME FOLDER.
container_of() { echo "landfall-$1-$(printf '%s' "$2" | cksum | cut -d' ' -f1)"; }

# Starts one: start_container NAME FOLDER PORTS LOG SIGNAL ARGUMENTS...; its client, which hands signals on, is $!, and its
# name $CONTAINER.
start_container() {
  CONTAINER=$(container_of "$1" "$2")
  local ports=$3 log=$4 signal=$5
  shift 5
  docker rm -f "$CONTAINER" >/dev/null 2>&1 || true
  start_leashed "$log" "$signal" -- docker run --rm --name "$CONTAINER" -p "127.0.0.1:$ports" "${@//@:/$CONTAINER:}"
}

# Where a checkout's servers keep their data: not below /root, where PostgreSQL's user may not go.
servers_home() {
  if [ "$(id -u)" != 0 ]; then echo "$DEV"; return; fi
  [ -e "$DEV/home" ] && [ -d "$(cat "$DEV/home")" ] || mktemp -d /var/tmp/landfall.XXXXXX >"$DEV/home"
  chmod 755 "$(cat "$DEV/home")"
  cat "$DEV/home"
}
