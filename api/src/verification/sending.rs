//! Sending a code: the open challenge's once more, or a new one, with every limit of contract §3 counted in PostgreSQL.

use landfall_shared::store::challenges::{self, Asking, Challenge, Full, New, SENDS, TRIES};
use landfall_shared::store::sessions::Entry;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{Purpose, Target};
use crate::problem::Problem;
use crate::writing::Writing;

/// The challenge whose code is to be sent.
///
/// # Errors
/// 429 if a limit is reached.
pub async fn challenge(writing: &mut Writing, purpose: Purpose, target: &Target) -> Result<Uuid, Problem> {
    let (id, counted) = (writing.activation.id, target.counted());
    let pause = writing.app.config.both.code_resend.as_secs_f64();
    let language = writing.language.as_str();
    let latest = challenges::lock_latest(writing.db(), id, purpose.as_str(), (&counted, target.username())).await?;
    if let Some(open) = latest.filter(|latest| is_open(latest, writing.now)) {
        if open.sends >= SENDS {
            let detail = "This code was sent as often as a code is sent.";
            return Err(Problem::too_many_codes(detail, seconds_until(open.expires_at, writing.now)));
        }
        if open.resend_at > writing.now {
            let detail = "A code was sent a moment ago.";
            return Err(Problem::too_many_codes(detail, seconds_until(open.resend_at, writing.now)));
        }
        challenges::send_again(writing.db(), open.id, pause, language).await?;
        return Ok(open.id);
    }
    let account_id = writing.activation.account_id.as_ref().map(ToString::to_string);
    let client = (writing.entry == Entry::Typed).then(|| writing.client.clone());
    let asking = Asking {
        activation_id: id,
        purpose: purpose.as_str(),
        target: &counted,
        is_username: target.username().is_some(),
        account_id: account_id.as_deref(),
        client: client.as_deref(),
    };
    let codes_per_client = i64::from(writing.app.config.codes_per_client);
    within(&challenges::full(writing.db(), &asking, codes_per_client).await?)?;
    let (email, username) = match target {
        Target::Email(email) => (Some(email.as_str()), None),
        Target::Username(username) => (None, Some(username.as_str())),
    };
    let key_id = writing.app.keys.current().id().to_i32();
    let life = writing.app.config.both.code_ttl.as_secs_f64();
    let new = New { id: Uuid::now_v7(), asking, email, username, key_id, language, life, pause };
    challenges::insert(writing.db(), &new).await?;
    Ok(new.id)
}

fn is_open(challenge: &Challenge, now: OffsetDateTime) -> bool {
    ["queued", "sent", "refused"].contains(&challenge.status.as_str())
        && challenge.expires_at > now
        && challenge.tries < TRIES
}

/// Whole seconds, so that whoever waits so long has waited long enough.
fn seconds_until(then: OffsetDateTime, now: OffsetDateTime) -> i64 {
    let rest = then - now;
    rest.whole_seconds() + i64::from(rest.subsec_nanoseconds() > 0)
}

/// All limits at once: whoever waits until the last of them is over is not refused again.
fn within(full: &Full) -> Result<(), Problem> {
    let limits = [
        (full.target_hour, "This address or username was sent three codes within an hour."),
        (full.target_day, "This address or username was sent eight codes within a day."),
        (full.activation, "This activation was sent ten codes. Ask the operator for help."),
        (full.account_day, "This Account ID was sent twenty codes within a day."),
        (full.client_hour, "Too many codes were asked for from this network."),
    ];
    let reached = limits.into_iter().filter_map(|(wait, detail)| Some((wait?, detail)));
    match reached.max_by_key(|(wait, _)| *wait) {
        Some((wait, detail)) => Err(Problem::too_many_codes(detail, wait)),
        None => Ok(()),
    }
}
