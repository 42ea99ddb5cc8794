//! The table `commands`: putting in, taking out, holding.

use std::collections::BTreeMap;

use serde_json::Value;
use sqlx::{PgConnection, PgPool};
use time::OffsetDateTime;
use uuid::Uuid;

use super::due::Changed;
use crate::activation::Activation;
use crate::buyer::{AccountId, InstanceId};
use crate::command::{Command, Lane, Queued};
use crate::purchase::{MarketplaceName, Purchase, PurchaseState, Purchased};

mod overruled;

pub use overruled::{Retriable, cancel_mail, cancel_what_waits, lock_retriable, retry, supersede_dead_report};

/// Puts a command in, in the transaction that makes it true. One that is in hand beside the journey already stays alone, and
/// sees to what this one was for.
///
/// # Errors
/// If the database fails; if one of the journey is in hand: then it was nobody's turn, and the change must not be committed.
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
    let inserted = inserted.rows_affected() == 1;
    if !inserted && command.lane() == Lane::Journey {
        return Err(sqlx::Error::Protocol("another command of this journey is in hand".to_owned()));
    }
    Ok(inserted)
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
    /// The lane, as it stands in the row.
    pub lane: String,
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
    /// The purchase, if it is known.
    pub purchase: Option<Purchase>,
    /// Of a binding: an earlier activation of this instance was cancelled, and what it bound is still being taken back.
    pub being_unbound: bool,
    /// The database's time.
    pub now: OffsetDateTime,
}

impl Loaded {
    /// Whether its step sends a mail, which shows when it is done twice.
    #[must_use]
    pub fn is_mail(&self) -> bool {
        Command::from_row(&self.name, &self.input).is_ok_and(|command| command.is_mail())
    }
}

/// Reads what is ready among these commands; what is not there is done, or not due. A row that this version cannot read, for a
/// newer one wrote it, is left alone and takes none of its neighbours with it.
///
/// # Errors
/// If the database fails.
pub async fn load(db: &PgPool, ids: &[Uuid]) -> Result<Vec<Loaded>, sqlx::Error> {
    let rows = sqlx::query_as!(
        Row,
        r#"select c.id, c.key, c.name, c.lane, c.input, c.fence, c.attempts, c.dispatches, c.lease_until, c.waiting_since, c.trace,
                  a.version, a.state as activation, a.marketplace, a.instance_id,
                  p.account_id as "account_id?", p.order_id as "order_id?", p.product_code, p.sku_id, p.trial, p.expires_at,
                  p.items as "items?", p.state as "purchase_state?", p.version as "purchase_version?",
                  coalesce(json_typeof(p.answer) <> 'null', false) as "announced!",
                  case
                    when c.name = 'bind_workspace' then exists (
                      select from activations earlier
                      join commands undoes on undoes.activation_id = earlier.id
                      where earlier.marketplace = a.marketplace and earlier.instance_id = a.instance_id
                        and earlier.id <> a.id and earlier.status = 'cancelled'
                        and undoes.name in ('bind_workspace', 'unbind_workspace') and undoes.state in ('ready', 'dead')
                    )
                    else false
                  end as "being_unbound!",
                  now() as "now!"
           from unnest($1::uuid[]) wanted (id)
           join commands c on c.id = wanted.id
           join activations a on a.id = c.activation_id
           left join purchases p on p.marketplace = a.marketplace and p.instance_id = a.instance_id
           where c.state = 'ready' and c.not_before <= now()"#,
        ids,
    )
    .fetch_all(db)
    .await?;
    let read = rows.into_iter().filter_map(|row| {
        let id = row.id;
        let read = row.read().inspect_err(|error| {
            metrics::counter!("landfall_commands_unreadable_total").increment(1);
            tracing::warn!(command.id = %id, %error, "command {id} cannot be read by this version: left alone");
        });
        read.ok()
    });
    Ok(read.collect())
}

/// A command, its activation and its purchase as they stand in their rows.
struct Row {
    id: Uuid,
    key: Uuid,
    name: String,
    lane: String,
    input: Value,
    fence: i64,
    attempts: i32,
    dispatches: i32,
    lease_until: Option<OffsetDateTime>,
    waiting_since: Option<OffsetDateTime>,
    trace: String,
    version: i64,
    activation: Value,
    marketplace: String,
    instance_id: String,
    account_id: Option<String>,
    order_id: Option<String>,
    product_code: Option<String>,
    sku_id: Option<String>,
    trial: Option<bool>,
    expires_at: Option<OffsetDateTime>,
    items: Option<Value>,
    purchase_state: Option<String>,
    purchase_version: Option<i64>,
    announced: bool,
    being_unbound: bool,
    now: OffsetDateTime,
}

impl Row {
    fn read(self) -> Result<Loaded, sqlx::Error> {
        let purchase = match (self.account_id, self.purchase_state, self.purchase_version) {
            (Some(account_id), Some(state), Some(version)) => Some(Purchase {
                marketplace: decode(MarketplaceName::parse(&self.marketplace).ok_or("unknown marketplace"))?,
                instance_id: decode(InstanceId::parse(&self.instance_id).map_err(|_| "bad instance id"))?,
                account_id: decode(AccountId::parse(&account_id).map_err(|_| "bad account id"))?,
                sold: Purchased {
                    order_id: self.order_id,
                    product_code: self.product_code,
                    sku_id: self.sku_id,
                    trial: self.trial,
                    expires_at: self.expires_at,
                },
                items: decode(serde_json::from_value::<BTreeMap<_, _>>(self.items.unwrap_or_default()))?,
                state: decode(PurchaseState::parse(&state).ok_or("unknown state"))?,
                version,
                announced: self.announced,
            }),
            _ => None,
        };
        Ok(Loaded {
            id: self.id,
            key: self.key,
            name: self.name,
            lane: self.lane,
            input: self.input,
            fence: self.fence,
            attempts: self.attempts,
            dispatches: self.dispatches,
            lease_until: self.lease_until,
            waiting_since: self.waiting_since,
            trace: self.trace,
            version: self.version,
            activation: decode(serde_json::from_value(self.activation))?,
            purchase,
            being_unbound: self.being_unbound,
            now: self.now,
        })
    }
}

/// A column that does not hold what we once put there.
pub(super) fn decode<T, E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    read: Result<T, E>,
) -> Result<T, sqlx::Error> {
    read.map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Takes ready commands, each with whether its message was delivered before, for this process alone until the lease ends: so what
/// kills a process is counted. What somebody has taken before and was never heard of again is taken only when it was sent out
/// again: an old message that NATS delivers once more brings it back together with all that was in the same hands (`due::lease`).
///
/// # Errors
/// If the database fails.
pub async fn claim(db: &PgPool, wanted: &[(Uuid, bool)], lease_seconds: f64) -> Result<Vec<Claimed>, sqlx::Error> {
    let (ids, redelivered): (Vec<Uuid>, Vec<bool>) = wanted.iter().copied().unzip();
    sqlx::query_as!(
        Claimed,
        "with claimable as materialized (
           select c.id
           from unnest($1::uuid[], $3::bool[]) wanted (id, redelivered)
           join commands c on c.id = wanted.id
           where c.state = 'ready' and c.not_before <= now()
             and (c.lease_until is null or (c.lease_until <= now() and (c.due_at > now() or not wanted.redelivered)))
           order by c.id
           for update of c skip locked
         )
         update commands c
         set fence = c.fence + 1, attempts = c.attempts + 1,
             lease_until = now() + make_interval(secs => $2), due_at = now() + make_interval(secs => $2)
         from claimable
         where c.id = claimable.id
         returning c.id, c.fence, c.attempts",
        &ids,
        lease_seconds,
        &redelivered,
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

/// Extends the lease of what this process has had in hand for a while, and shows it as running; gives the activations that
/// this changed.
///
/// # Errors
/// If the database fails.
pub async fn extend(db: &PgPool, held: &[(Uuid, i64)], lease_seconds: f64) -> Result<Vec<Changed>, sqlx::Error> {
    let (ids, fences): (Vec<Uuid>, Vec<i64>) = held.iter().copied().unzip();
    sqlx::query_as!(
        Changed,
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
           set lease_until = now() + make_interval(secs => $3), due_at = now() + make_interval(secs => $3), held = true,
               attempts_shown = case when mine.held then c.attempts_shown else c.attempts end
           from mine
           where c.id = mine.id
         )
         update activations a
         set version = a.version + 1, updated_at = now()
         from (select distinct activation_id from mine where not held and not hidden) shown
         where a.id = shown.activation_id
         returning a.id, a.version, a.status",
        &ids,
        &fences,
        lease_seconds,
    )
    .fetch_all(db)
    .await
}

/// Hands back what a process has in hand and will not end: due at once, for whoever takes it. The old fence counts no more.
/// What somebody is settling at this moment is left to him. Gives the activations that this changed.
///
/// # Errors
/// If the database fails.
pub async fn hand_back(db: &PgPool, held: &[(Uuid, i64)]) -> Result<Vec<Changed>, sqlx::Error> {
    let (ids, fences): (Vec<Uuid>, Vec<i64>) = held.iter().copied().unzip();
    sqlx::query_as!(
        Changed,
        "with mine as materialized (
           select c.id, c.activation_id, (c.held or c.lease_until is not null) and not c.hidden as shows
           from unnest($1::uuid[], $2::bigint[]) f (id, fence)
           join commands c on c.id = f.id
           join activations a on a.id = c.activation_id
           where c.state = 'ready' and c.fence = f.fence
           order by a.id, c.id
           for update of a, c skip locked
         ),
         handed as (
           update commands c
           set fence = c.fence + 1, due_at = now(), lease_until = null, held = false, attempts_shown = c.attempts
           from mine
           where c.id = mine.id
         )
         update activations a
         set version = a.version + 1, updated_at = now()
         from (select distinct activation_id from mine where shows) shown
         where a.id = shown.activation_id
         returning a.id, a.version, a.status",
        &ids,
        &fences,
    )
    .fetch_all(db)
    .await
}
