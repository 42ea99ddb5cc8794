# The pictures of docs/guide.md, made by the tests of the pages.

# Which picture shows which page; the names on the right are those of the tests.
GUIDE_PICTURES='
typed-entry          01-typed-entry
choice               02-choice
registering          04-code
activation-method    06-activation-method
username-taken       27-username-taken-registering
binding              09-bind-account-code
workspaces           10-workspaces
confirm-binding      11-confirm-binding
create-workspace     15-create-workspace
create-with-account  16-create-with-account
successful           07-successful
retrying             40-retrying
needs-attention      44-needs-attention
'

guide() {
  need compiler postgres nats browser pictures
  say "Playing the buyer's way in Chromium"
  SQLX_OFFLINE=true cargo build --quiet --workspace --bins
  SQLX_OFFLINE=true cargo test --quiet --workspace --test journeys -- pages::
  local name page
  mkdir -p docs/pictures
  while read -r name page; do
    [ -n "$name" ] || continue
    pngquant --force --strip --speed 1 --quality 60-95 --output "docs/pictures/$name.png" "target/screenshots/en/$page-1280-light.png"
  done <<<"$GUIDE_PICTURES"
  say "Written: docs/pictures"
}
