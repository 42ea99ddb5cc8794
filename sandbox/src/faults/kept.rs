//! The faults that are switched on, as they are kept: a restart forgets none.

use sqlx::{PgPool, Row as _, postgres::PgRow};

use super::{Fault, Kind};
use crate::part::Part;

/// The fault that this call meets, if any; one of its `times` is used up.
///
/// `line` is `METHOD /path` below the part's mount, or the SMTP phase.
pub async fn meet(database: &PgPool, part: Part, line: &str) -> Result<Option<Fault>, sqlx::Error> {
    let Some(fault) = on(database, part).await?.filter(|fault| fault.concerns(line)) else { return Ok(None) };
    let counted = sqlx::query(
        "update faults
         set times = times - 1
         where part = $1
         and (times is null or times > 0)",
    )
    .bind(part.name())
    .execute(database)
    .await?;
    Ok((counted.rows_affected() == 1).then_some(fault))
}

/// The fault that is switched on for a part.
pub async fn on(database: &PgPool, part: Part) -> Result<Option<Fault>, sqlx::Error> {
    let row = sqlx::query(
        "select kind, status, code, retry_after, path, times, seconds
         from faults
         where part = $1
         and (times is null or times > 0)",
    )
    .bind(part.name())
    .fetch_optional(database)
    .await?;
    row.as_ref().map(from_row).transpose()
}

/// Switches a fault on; it takes the place of the part's last one.
pub async fn switch_on(database: &PgPool, part: Part, fault: &Fault) -> Result<(), sqlx::Error> {
    sqlx::query(
        "insert into faults (part, kind, status, code, retry_after, path, times, seconds)
         values ($1, $2, $3, $4, $5, $6, $7, $8)
         on conflict (part) do update
         set kind = excluded.kind, status = excluded.status, code = excluded.code,
             retry_after = excluded.retry_after, path = excluded.path, times = excluded.times,
             seconds = excluded.seconds",
    )
    .bind(part.name())
    .bind(fault.kind.name())
    .bind(fault.status.map(i32::from))
    .bind(&fault.code)
    .bind(fault.retry_after.and_then(|seconds| i32::try_from(seconds).ok()))
    .bind(&fault.path)
    .bind(fault.times.and_then(|times| i32::try_from(times).ok()))
    .bind(fault.seconds)
    .execute(database)
    .await?;
    Ok(())
}

/// Switches the fault of one part off, or of all.
pub async fn switch_off(database: &PgPool, part: Option<Part>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "delete from faults
         where $1::text is null
         or part = $1",
    )
    .bind(part.map(Part::name))
    .execute(database)
    .await?;
    Ok(())
}

fn from_row(row: &PgRow) -> Result<Fault, sqlx::Error> {
    let kind: String = row.try_get("kind")?;
    Ok(Fault {
        kind: Kind::named(&kind).ok_or_else(|| sqlx::Error::Decode("unknown kind of fault".into()))?,
        status: row.try_get::<Option<i32>, _>("status")?.and_then(|status| u16::try_from(status).ok()),
        code: row.try_get("code")?,
        retry_after: row.try_get::<Option<i32>, _>("retry_after")?.and_then(|seconds| u32::try_from(seconds).ok()),
        path: row.try_get("path")?,
        times: row.try_get::<Option<i32>, _>("times")?.and_then(|times| u32::try_from(times).ok()),
        seconds: row.try_get("seconds")?,
    })
}
