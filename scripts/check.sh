# Tests and checks.

run_tests() {
  need_servers
  local args=()
  [ "${1:-}" = --soak ] && { export LANDFALL_SOAK=1; shift; }
  [ $# -eq 0 ] || args=(-- "$@")
  export SQLX_OFFLINE=true
  say "Building the programs and the tests"
  cargo build --quiet --workspace --bins
  say "Testing"
  cargo test --workspace "${args[@]}"
}

check() {
  need_servers
  say "Format"
  cargo fmt --all --check
  say "Steps leave committing, acknowledging and error mapping to the runner"
  ! grep -nE 'map_err|\.commit\(|\.ack\(' workers/src/steps.rs workers/src/steps/*.rs || fail "see the lines above"
  say "Lints"
  SQLX_OFFLINE=true cargo clippy --quiet --workspace --all-targets -- -D warnings
  say "Documentation"
  SQLX_OFFLINE=true RUSTDOCFLAGS='-D warnings' cargo doc --quiet --workspace --no-deps
  check_dependencies
  say "SQL metadata is fresh"
  local fresh
  fresh=$(mktemp -d)
  write_metadata "$fresh"
  diff -r .sqlx "$fresh" || fail "a query or a migration has changed: ./dev prepare"
  rm -rf "$fresh"
  say "All is well"
}

# Forbidden dependencies by cargo-deny where it is installed; without it, at least what must never be linked.
check_dependencies() {
  say "Dependencies"
  if command -v cargo-deny >/dev/null; then
    cargo deny --log-level error check bans licenses sources
  fi
  local tree name
  tree=$(cargo tree --workspace --edges normal --prefix none | sort -u)
  for name in openssl native-tls aws-lc-rs chrono; do
    ! grep -qE "^$name v" <<<"$tree" || fail "$name is a dependency: one crypto provider, one date crate (cargo tree -i $name)"
  done
  # Every dependency that a crate names is used by it.
  local crate dependency unused=0
  for crate in shared api workers sandbox tests; do
    for dependency in $(sed -n '/^\[dependencies\]/,/^\[/s/^\([a-z0-9_-]*\) = .*/\1/p' "$crate/Cargo.toml"); do
      case $dependency in
        md-5) name=md5 ;;
        landfall-*) name=${dependency//-/_} ;;
        *) name=${dependency//-/_} ;;
      esac
      grep -rqE "\b$name\b" --include='*.rs' --include='*.html' "$crate" || { echo "$crate does not use $dependency"; unused=1; }
    done
  done
  [ $unused = 0 ] || fail "take the dependencies above out"
}

prepare() {
  need_servers
  rm -rf .sqlx
  mkdir .sqlx
  write_metadata "$ROOT/.sqlx"
  say "Written: .sqlx"
}

# Writes the metadata of every query into a folder, against a private PostgreSQL with the migrations applied.
write_metadata() {
  local folder=$1 home port bin
  home=$(mktemp -d /var/tmp/landfall-prepare.XXXXXX)
  chmod 755 "$home"
  port=$(free_port 5542)
  bin=$(postgres_bin)
  start_postgres "$home/postgres" "$port" "$home/postgres.log"
  local pid=$POSTGRES_PID migration
  for migration in migrations/*.sql; do
    "$bin/psql" -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -U postgres -f "$migration" postgres >/dev/null
  done
  # The macros ask the database again only where they are expanded again.
  touch shared/src/lib.rs api/src/lib.rs workers/src/lib.rs
  DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$folder" \
    cargo check --quiet --workspace
  kill -INT "$pid"
  wait "$pid" 2>/dev/null || true
  rm -rf "$home"
}
