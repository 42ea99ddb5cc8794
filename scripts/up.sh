# Starting everything on this machine, and stopping it.

random() { head -c "$1" /dev/urandom | base64 -w0; }

# Secrets of this checkout, made once.
secrets() {
  if [ ! -e "$DEV/secrets" ]; then
    (
      umask 077
      cat >"$DEV/secrets" <<TEXT
SECRET_KEY=$(random 32)
PLATFORM_SIGNING_SECRET=whsec_$(random 24)
ALIBABA_SECURITY_KEY=$(random 18 | tr -d '+/=')
ALIBABA_ACCESS_KEY_ID=LFDEV$(random 9 | tr -d '+/=')
ALIBABA_ACCESS_KEY_SECRET=$(random 24 | tr -d '+/=')
OPERATOR_TOKEN=$(random 24 | tr -d '+/=')
TEXT
    )
  fi
  set -a
  source "$DEV/secrets"
  set +a
}

STARTED=()

# Starts one of our programs with its log: run NAME PROGRAM...; its process is $!.
run() {
  local name=$1
  shift
  "$@" </dev/null >>"$DEV/log/$name.log" 2>&1 &
  STARTED+=("$!:$name")
}

stop_all() {
  trap - EXIT INT TERM HUP
  local entry pid i
  for ((i = ${#STARTED[@]} - 1; i >= 0; i--)); do
    pid=${STARTED[i]%%:*}
    # PostgreSQL's SIGINT is a fast shutdown: it waits for no connection.
    if [[ ${STARTED[i]} == *:postgres ]]; then kill -INT "$pid" 2>/dev/null || true; else kill -TERM "$pid" 2>/dev/null || true; fi
    wait_gone "$pid"
  done
  rm -f "$DEV/env" "$DEV/pid"
}

wait_gone() {
  local end=$((SECONDS + 30))
  while kill -0 "$1" 2>/dev/null && [ $SECONDS -lt $end ]; do sleep 0.1; done
  kill -KILL "$1" 2>/dev/null || true
}

up() {
  case ${1:-} in
    "") start ;;
    --detach) detach ;;
    *) fail "up takes --detach or nothing" ;;
  esac
}

is_up() { [ -e "$DEV/pid" ] && kill -0 "$(cat "$DEV/pid")" 2>/dev/null; }

detach() {
  ! is_up || fail "it is running already: see .dev/env, or ./dev down"
  mkdir -p "$DEV/log"
  need_servers
  build
  rm -f "$DEV/env"
  setsid "$ROOT/dev" up </dev/null >"$DEV/log/up.log" 2>&1 &
  local up=$!
  until [ -e "$DEV/env" ]; do
    kill -0 "$up" 2>/dev/null || { cat "$DEV/log/up.log" >&2; exit 1; }
    sleep 0.2
  done
  # Its last lines say what to open.
  wait_for 20 grep -q '^ready:' "$DEV/log/up.log" || true
  sed -n '/^ready:/,$p' "$DEV/log/up.log"
}

build() {
  say "Building (a first build takes some minutes)"
  SQLX_OFFLINE=true cargo build --quiet --workspace --bins
}

start() {
  mkdir -p "$DEV/log"
  exec 9>"$DEV/lock"
  flock -n 9 || fail "it is running already: see .dev/env, or ./dev down"
  need_servers
  build
  secrets
  trap stop_all EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  echo $$ >"$DEV/pid"
  start_servers
  start_programs
  write_env
  announce
  watch
}

start_servers() {
  local home pg nats
  home=$(postgres_home)
  pg=$(free_port 5442)
  nats=$(free_port 4242)
  say "Starting PostgreSQL on port $pg"
  mkdir -p "$home"
  # The lock is ours alone: a server must not keep it when we are gone.
  start_postgres "$home/postgres" "$pg" "$DEV/log/postgres.log" 9>&-
  STARTED+=("$POSTGRES_PID:postgres")
  local bin database
  bin=$(postgres_bin)
  for database in landfall landfall_outside; do
    "$bin/psql" -q -h 127.0.0.1 -p "$pg" -U postgres -tc "select 1 from pg_database where datname = '$database'" | grep -q 1 ||
      "$bin/createdb" -h 127.0.0.1 -p "$pg" -U postgres "$database"
  done
  say "Starting NATS on port $nats"
  run nats "$(nats_bin)" -js -a 127.0.0.1 -p "$nats" -sd "$DEV/nats" 9>&-
  wait_for 20 answers "$nats" || fail "nats-server does not start: see .dev/log/nats.log"
  export DATABASE_URL="postgres://postgres@127.0.0.1:$pg/landfall" NATS_URL="nats://127.0.0.1:$nats"
  export SANDBOX_DATABASE_URL="postgres://postgres@127.0.0.1:$pg/landfall_outside"
}

start_programs() {
  local api workers sandbox smtp
  api=$(free_port 8080) workers=$(free_port 8181) sandbox=$(free_port 8090) smtp=$(free_port 2525)
  export API_URL="http://127.0.0.1:$api" SANDBOX_URL="http://127.0.0.1:$sandbox"
  export SITES='cn=China|中国,sg=Singapore|新加坡'
  say "Starting the sandbox: marketplace, Billing Center, console, mail"
  SANDBOX_LISTEN_ADDR="127.0.0.1:$sandbox" SANDBOX_SMTP_LISTEN_ADDR="127.0.0.1:$smtp" \
    SPI_URL="$API_URL/marketplaces/alibaba/spi" run sandbox target/debug/landfall-sandbox 9>&-
  SANDBOX_PID=$!
  wait_for 30 ready "$sandbox" / || fail "the sandbox does not start: $(tail -n 3 "$DEV/log/sandbox.log")"
  export PUBLIC_URL="$API_URL" BRAND_NAME='Acme Observability|艾克观测'
  export LOGIN_URL="$SANDBOX_URL/console/login?site={site}" BILLING_CENTER_LOGIN_URL="$SANDBOX_URL/billing-center"
  export BILLING_CENTER_URL="$SANDBOX_URL/billing-center" CONSOLE_URL="$SANDBOX_URL/console"
  export SMTP_URL="smtp://127.0.0.1:$smtp" MAIL_FROM='Acme Observability <activation@acme.example>'
  export ALIBABA_API_URL="$SANDBOX_URL" OPERATOR_TOKENS="dev:act:$OPERATOR_TOKEN"
  say "Starting the API and the workers"
  LISTEN_ADDR="127.0.0.1:$api" run api target/debug/landfall-api 9>&-
  API_PID=$!
  WORKERS_LISTEN_ADDR="127.0.0.1:$workers" run workers target/debug/landfall-workers 9>&-
  WORKERS_PID=$!
  wait_for 30 ready "$api" /readyz || fail "the API does not start: $(tail -n 3 "$DEV/log/api.log")"
  wait_for 30 ready "$workers" /readyz || fail "the workers do not start: $(tail -n 3 "$DEV/log/workers.log")"
}

write_env() {
  (
    umask 077
    for name in API_URL SANDBOX_URL DATABASE_URL NATS_URL OPERATOR_TOKEN SITES API_PID WORKERS_PID SANDBOX_PID; do
      printf "%s='%s'\n" "$name" "${!name}"
    done >"$DEV/env.new"
  )
  mv "$DEV/env.new" "$DEV/env"
}

announce() {
  cat <<TEXT
ready: $API_URL
  The shop, where it begins:   $SANDBOX_URL
  Typed entry:                 $API_URL/activate
  Mails:                       $SANDBOX_URL/mailbox
  Stop:                        Ctrl-C, or ./dev down
TEXT
}

# Lasts until Ctrl-C, or until something ends that should not.
watch() {
  local entry
  while true; do
    for entry in "${STARTED[@]}"; do
      if ! kill -0 "${entry%%:*}" 2>/dev/null; then
        tail -n 5 "$DEV/log/${entry##*:}.log" >&2
        fail "${entry##*:} has ended: stopping the rest (see .dev/log/${entry##*:}.log)"
      fi
    done
    sleep 1 &
    wait $! || true
  done
}

down() {
  is_up || { echo "nothing runs"; return; }
  local pid
  pid=$(cat "$DEV/pid")
  kill -TERM "$pid"
  wait_gone "$pid"
  echo "stopped"
}

demo() {
  is_up || { say "Nothing runs yet: starting it"; "$ROOT/dev" up --detach; }
  set -a
  source "$DEV/env"
  set +a
  "$ROOT/target/debug/demo"
}
