# /openapi.json held against the answers, by schemathesis.

openapi() {
  need compiler postgres nats python
  say "Building the programs and the tests"
  SQLX_OFFLINE=true cargo build --quiet --workspace --bins
  install_schemathesis
  say "Calling everything that /openapi.json describes"
  SQLX_OFFLINE=true SCHEMATHESIS="$ROOT/target/schemathesis/bin/schemathesis" \
    cargo test --quiet --workspace --test journeys -- --ignored --nocapture openapi::
}

# From PyPI, each archive by its digest; anew when the list of them has changed.
install_schemathesis() {
  local home=$ROOT/target/schemathesis list=$ROOT/tests/openapi/requirements.txt
  ! cmp -s "$list" "$home/requirements.txt" || return 0
  say "Installing schemathesis"
  rm -rf "$home"
  python3 -m venv "$home"
  "$home/bin/pip" install --quiet --disable-pip-version-check --require-hashes -r "$list"
  cp "$list" "$home/requirements.txt"
}
