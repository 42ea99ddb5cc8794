//! What became of every row, step by step: kept by triggers in the test's database, so that nothing can go back unseen.

use std::collections::HashMap;

use sqlx::{PgPool, Row};

/// The stages in the guide's order.
const STAGES: [&str; 5] = ["purchase", "billing_account", "workspace", "confirmation", "active"];

const WATCH: &str = "
create schema watched;
create table watched.activations (n bigint generated always as identity, id uuid, version bigint, stage text, status text);
create table watched.commands (
  n bigint generated always as identity, id uuid, activation_id uuid, name text, state text, fence bigint, attempts int
);
create function watched.activation() returns trigger language plpgsql as $$
begin
  insert into watched.activations (id, version, stage, status) values (new.id, new.version, new.stage, new.status);
  return null;
end $$;
create function watched.command() returns trigger language plpgsql as $$
begin
  insert into watched.commands (id, activation_id, name, state, fence, attempts)
  values (new.id, new.activation_id, new.name, new.state, new.fence, new.attempts);
  return null;
end $$;
create trigger watched after insert or update on activations for each row execute function watched.activation();
create trigger watched after insert or update on commands for each row execute function watched.command();
";

/// Applies the migrations, as the processes would, and watches the two tables of the ledger from then on.
pub async fn watch(pool: &PgPool) {
    migrate(pool).await;
    sqlx::raw_sql(WATCH).execute(pool).await.expect("the triggers can be made");
}

/// Applies the migrations alone.
pub async fn migrate(pool: &PgPool) {
    let migrations = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../migrations"));
    let migrator = sqlx::migrate::Migrator::new(migrations).await.expect("the migrations can be read");
    migrator.run(pool).await.expect("the migrations can be applied");
}

/// Versions never fell and rose with every change, stages never went back, what was cancelled stayed so; fences never fell
/// and rose with every outcome, and a command that had ended never began again.
pub async fn never_went_back(pool: &PgPool) {
    let rows = sqlx::query("select id::text, version, stage, status from watched.activations order by n");
    let mut last = HashMap::<String, (i64, String, String)>::new();
    for row in rows.fetch_all(pool).await.expect("the history can be read") {
        let (id, version, stage, status): (String, i64, String, String) =
            (row.get(0), row.get(1), row.get(2), row.get(3));
        if let Some((before, stage_before, status_before)) = last.get(&id) {
            let what = format!("{id}: {before} {stage_before} {status_before} -> {version} {stage} {status}");
            let changed = (&stage, &status) != (stage_before, status_before);
            assert!(version > *before || (version == *before && !changed), "a version: {what}");
            assert!(rank(&stage) >= rank(stage_before), "a stage went back: {what}");
            assert!(status_before != "cancelled" || status == "cancelled", "a cancelled activation went on: {what}");
            assert!(
                status_before != "succeeded" || status == "succeeded" || status == "cancelled",
                "it had succeeded: {what}"
            );
        }
        last.insert(id, (version, stage, status));
    }
    let rows = sqlx::query("select id::text, name, state, fence from watched.commands order by n");
    let mut last = HashMap::<String, (String, i64)>::new();
    for row in rows.fetch_all(pool).await.expect("the history can be read") {
        let (id, name, state, fence): (String, String, String, i64) = (row.get(0), row.get(1), row.get(2), row.get(3));
        if let Some((state_before, fence_before)) = last.get(&id) {
            let what = format!("{name} {id}: {state_before} {fence_before} -> {state} {fence}");
            assert!(fence >= *fence_before, "a fence fell: {what}");
            if state != *state_before {
                assert!(fence > *fence_before, "an outcome without a new fence: {what}");
                assert!(["ready", "dead"].contains(&state_before.as_str()), "a command that had ended went on: {what}");
            }
        }
        last.insert(id, (state, fence));
    }
}

fn rank(stage: &str) -> usize {
    STAGES.iter().position(|known| *known == stage).unwrap_or_else(|| panic!("an unknown stage: {stage}"))
}
