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

# Starts one of our programs with its log: run NAME PROGRAM...; its process is $!.
run() {
  local name=$1
  shift
  start_leashed "$DEV/log/$name.log" TERM -- "$@"
}

stop() {
  trap - EXIT INT TERM HUP
  say "Stopping"
  stop_all
  rm -f "$DEV/env" "$DEV/pid"
}

up() {
  case ${1:-} in
    "") start ;;
    --detach) detach ;;
    *) fail "up takes --detach or nothing" ;;
  esac
}

# Who runs holds the lock, whatever became of the files beside it.
is_up() { [ -e "$DEV/lock" ] && ! flock -n "$DEV/lock" true; }

already() { fail "it is running already: see .dev/env, or ./dev down"; }

detach() {
  ! is_up || already
  mkdir -p "$DEV/log"
  need compiler
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
  wait_for 20 "$up" grep -q '^  Stop:' "$DEV/log/up.log" || true
  sed -n '/^ready:/,$p' "$DEV/log/up.log"
}

build() {
  say "Building (a first build takes some minutes)"
  SQLX_OFFLINE=true cargo build --workspace --bins
}

start() {
  mkdir -p "$DEV/log"
  exec 9>"$DEV/lock"
  flock -n 9 || already
  rm -f "$DEV/env" "$DEV/pid"
  need compiler
  need_servers
  build 9>&-
  secrets
  trap stop EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
  echo $$ >"$DEV/pid"
  start_servers
  start_programs
  write_env
  announce
  watch
}

# The lock is ours alone: no server may keep it when we are gone (9>&-).
start_servers() {
  local home pg nats database
  home=$(servers_home)
  pg=$(free_port 5442)
  nats=$(free_port 4242)
  say "Starting PostgreSQL on port $pg"
  start_postgres "$home/postgres" "$pg" "$DEV/log/postgres.log" 9>&-
  for database in landfall landfall_outside; do
    [ "$(sql -Atc "select count(*) from pg_database where datname = '$database'")" = 1 ] || sql -c "create database $database"
  done
  say "Starting NATS on port $nats"
  start_nats "$home/nats" "$nats" "$DEV/log/nats.log" 9>&-
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
  wait_for 60 $! scripts/ready "$sandbox" /healthz || does_not_start "the sandbox" "$DEV/log/sandbox.log"
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
  wait_for 60 "$API_PID" scripts/ready "$api" /readyz || {
    ! tail -n 1 "$DEV/log/api.log" | grep -q migration || say "Its database was made by another version: ./dev wipe forgets it"
    does_not_start "the API" "$DEV/log/api.log"
  }
  wait_for 60 "$WORKERS_PID" scripts/ready "$workers" /readyz || does_not_start "the workers" "$DEV/log/workers.log"
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
  The shop, where it begins:   $SANDBOX_URL/shop
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
      kill -0 "${entry%%:*}" 2>/dev/null && continue
      tail -n 5 "$DEV/log/${entry##*:}.log" >&2
      fail "${entry##*:} has ended: stopping the rest (see .dev/log/${entry##*:}.log)"
    done
    sleep 1 &
    wait $! || true
  done
}

down() {
  if ! is_up; then
    rm -f "$DEV/env" "$DEV/pid"
    echo "nothing runs"
    return
  fi
  local pid
  pid=$(cat "$DEV/pid" 2>/dev/null) || fail "it is being built or started: stop it where it was started"
  kill -TERM "$pid"
  wait_gone "$pid" 120
  echo "stopped"
}

# Forgets the databases, the streams, the secrets and the logs of this checkout.
wipe() {
  ! is_up || fail "it is running: ./dev down first"
  if [ -d "$DEV" ]; then
    local home
    home=$(servers_home)
    ! docker_answers || docker volume rm "$(container_of postgres "$home/postgres")" "$(container_of nats "$home/nats")" >/dev/null 2>&1 || true
    [ "$home" = "$DEV" ] || rm -rf "$home"
    rm -rf "$DEV"
  fi
  echo "forgotten"
}

demo() {
  is_up || { say "Nothing runs yet: starting it"; "$ROOT/dev" up --detach; }
  set -a
  source "$DEV/env"
  set +a
  "$ROOT/target/debug/demo" "$@"
}
