# /openapi.json held against the answers, by schemathesis.

openapi() {
  need compiler postgres nats python
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "schemathesis needs Python 3.11 or newer"
  say "Building the programs and the tests"
  SQLX_OFFLINE=true cargo build --quiet --workspace --bins
  install_from_pypi target/schemathesis tests/openapi/requirements.txt
  say "Calling everything that /openapi.json describes"
  SQLX_OFFLINE=true SCHEMATHESIS="$ROOT/target/schemathesis/bin/schemathesis" \
    cargo test --quiet --workspace --test journeys -- --ignored --nocapture openapi::
}
