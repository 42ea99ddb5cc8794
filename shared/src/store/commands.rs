//! The table `commands`: putting in, taking out, holding.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::activation::Activation;
use crate::buyer::{AccountId, InstanceId};
use crate::command::Queued;
use crate::purchase::{MarketplaceName, Purchase, PurchaseState, Purchased};

/// Puts a command in, in the transaction that makes it true. One that is in hand in the same lane already stays alone.
///
/// # Errors
/// If the database fails.
pub async fn insert(
    db: &mut PgConnection,
    activation_id: Uuid,
    queued: &Queued,
    redispatch_seconds: f64,
    trace: &str,
) -> Result<bool, sqlx::Error> {
    let command = &queued.command;
    let inserted = sqlx::query!(
        "insert into commands (id, activation_id, lane, name, key, hidden, due_at, input, trace)
         values ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7), $8, $9)
         on conflict do nothing",
        queued.id,
        activation_id,
        command.lane().as_str(),
        command.name(),
        queued.key,
        command.is_hidden(),
        redispatch_seconds,
        command.input(),
        trace,
    )
    .execute(db)
    .await?;
    Ok(inserted.rows_affected() == 1)
}

/// A command with all that its step needs, as it stands now.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The row's id.
    pub id: Uuid,
    /// The intention's id.
    pub key: Uuid,
    /// The name, which may be unknown to this version.
    pub name: String,
    /// What is asked.
    pub input: Value,
    /// Who holds an older one writes nothing.
    pub fence: i64,
    /// The attempts made, with this one if it was claimed.
    pub attempts: i32,
    /// Wake-ups sent since the last outcome.
    pub dispatches: i32,
    /// Nobody reports on it until then.
    pub lease_until: Option<OffsetDateTime>,
    /// Since when the other side says *not yet*.
    pub waiting_since: Option<OffsetDateTime>,
    /// Where the request came from.
    pub trace: String,
    /// The activation's version.
    pub version: i64,
    /// The activation.
    pub activation: Activation,
    /// What was announced.
    pub purchase: Option<Purchase>,
    /// The database's time.
    pub now: OffsetDateTime,
}

/// Reads what is ready among these commands; what is not there is done, or not due.
///
/// # Errors
/// If the database fails.
pub async fn load(db: &PgPool, ids: &[Uuid]) -> Result<Vec<Loaded>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"select c.id, c.key, c.name, c.input, c.fence, c.attempts, c.dispatches, c.lease_until, c.waiting_since, c.trace,
                  a.version, a.state as activation, a.marketplace, a.instance_id,
                  p.account_id as "account_id?", p.order_id as "order_id?", p.product_code, p.sku_id, p.trial, p.expires_at,
                  p.items as "items?", p.state as "purchase_state?", p.version as "purchase_version?", now() as "now!"
           from unnest($1::uuid[]) wanted (id)
           join commands c on c.id = wanted.id
           join activations a on a.id = c.activation_id
           left join purchases p on p.marketplace = a.marketplace and p.instance_id = a.instance_id
           where c.state = 'ready' and c.not_before <= now()"#,
        ids,
    )
    .fetch_all(db)
    .await?;
    rows.into_iter()
        .map(|row| {
            let purchase = match (row.account_id, row.purchase_state, row.purchase_version) {
                (Some(account_id), Some(state), Some(version)) => Some(Purchase {
                    marketplace: decode(MarketplaceName::parse(&row.marketplace).ok_or("unknown marketplace"))?,
                    instance_id: decode(InstanceId::parse(&row.instance_id).map_err(|_| "bad instance id"))?,
                    account_id: decode(AccountId::parse(&account_id).map_err(|_| "bad account id"))?,
                    sold: Purchased {
                        order_id: row.order_id,
                        product_code: row.product_code,
                        sku_id: row.sku_id,
                        trial: row.trial,
                        expires_at: row.expires_at,
                    },
                    items: decode(serde_json::from_value::<BTreeMap<_, _>>(row.items.unwrap_or_default()))?,
                    state: decode(PurchaseState::parse(&state).ok_or("unknown state"))?,
                    version,
                }),
                _ => None,
            };
            Ok(Loaded {
                id: row.id,
                key: row.key,
                name: row.name,
                input: row.input,
                fence: row.fence,
                attempts: row.attempts,
                dispatches: row.dispatches,
                lease_until: row.lease_until,
                waiting_since: row.waiting_since,
                trace: row.trace,
                version: row.version,
                activation: decode(serde_json::from_value(row.activation))?,
                purchase,
                now: row.now,
            })
        })
        .collect()
}

/// A column that does not hold what we once put there.
pub(super) fn decode<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    read: Result<T, E>,
) -> Result<T, sqlx::Error> {
    read.map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Takes ready commands for this process alone until the lease ends: so what kills a process is counted.
///
/// # Errors
/// If the database fails.
pub async fn claim(db: &PgPool, ids: &[Uuid], lease_seconds: f64) -> Result<Vec<Claimed>, sqlx::Error> {
    sqlx::query_as!(
        Claimed,
        "with claimable as materialized (
           select c.id
           from unnest($1::uuid[]) wanted (id)
           join commands c on c.id = wanted.id
           where c.state = 'ready' and c.not_before <= now() and (c.lease_until is null or c.lease_until <= now())
           order by c.id
           for update of c skip locked
         )
         update commands c
         set fence = c.fence + 1, attempts = c.attempts + 1,
             lease_until = now() + make_interval(secs => $2), due_at = now() + make_interval(secs => $2)
         from claimable
         where c.id = claimable.id
         returning c.id, c.fence, c.attempts",
        ids,
        lease_seconds,
    )
    .fetch_all(db)
    .await
}

/// What a claim gave.
#[derive(Debug, Clone, Copy)]
pub struct Claimed {
    /// The command.
    pub id: Uuid,
    /// Its fence from now on.
    pub fence: i64,
    /// Its attempts, with this one.
    pub attempts: i32,
}

/// Extends the lease of what this process has had in hand for a while, and shows it as running.
///
/// # Errors
/// If the database fails.
pub async fn extend(db: &PgPool, held: &[(Uuid, i64)], lease_seconds: f64) -> Result<(), sqlx::Error> {
    let (ids, fences): (Vec<Uuid>, Vec<i64>) = held.iter().copied().unzip();
    sqlx::query!(
        "with mine as materialized (
           select c.id, c.activation_id, c.held, c.hidden
           from unnest($1::uuid[], $2::bigint[]) f (id, fence)
           join commands c on c.id = f.id
           join activations a on a.id = c.activation_id
           where c.state = 'ready' and c.fence = f.fence
           order by a.id, c.id
           for update of a, c
         ),
         extended as (
           update commands c
           set lease_until = now() + make_interval(secs => $3), due_at = now() + make_interval(secs => $3), held = true
           from mine
           where c.id = mine.id
         )
         update activations a
         set version = a.version + 1, updated_at = now()
         from (select distinct activation_id from mine where not held and not hidden) shown
         where a.id = shown.activation_id",
        &ids,
        &fences,
        lease_seconds,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Cancels what of an activation was never sent out, in these lanes.
///
/// # Errors
/// If the database fails.
pub async fn cancel_undispatched(db: &mut PgConnection, activation_id: Uuid) -> Result<u64, sqlx::Error> {
    let cancelled = sqlx::query!(
        "update commands
         set state = 'cancelled', fence = fence + 1, due_at = null, lease_until = null, held = false, finished_at = now()
         where activation_id = $1 and lane in ('journey', 'mail') and state = 'ready' and dispatched_at is null",
        activation_id,
    )
    .execute(db)
    .await?;
    Ok(cancelled.rows_affected())
}

/// Cancels the mail that is in hand: a newer challenge, or a newer sending, takes its place.
///
/// # Errors
/// If the database fails.
pub async fn cancel_mail(db: &mut PgConnection, activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update commands
         set state = 'cancelled', fence = fence + 1, due_at = null, lease_until = null, held = false, finished_at = now()
         where activation_id = $1 and lane = 'mail' and state in ('ready', 'dead') and name = 'send_verification_code'",
        activation_id,
    )
    .execute(db)
    .await?;
    Ok(())
}
