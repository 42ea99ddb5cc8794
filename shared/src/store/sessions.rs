//! The tables `sessions`, `session_activations` and `login_links`: who may see what.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

/// How a session came to see an activation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// By *Login Directly*.
    Login,
    /// By typing the ids.
    Typed,
}

impl Entry {
    fn as_str(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Typed => "typed",
        }
    }
}

/// Begins a session that may see an activation, and what the browser's earlier session could see, whose place it takes. Of a
/// double click both requests bring the earlier session: both get what it saw.
///
/// # Errors
/// If the database fails.
pub async fn begin(
    db: &mut PgConnection,
    id: &[u8],
    earlier: Option<&[u8]>,
    activation_id: Uuid,
    entry: Entry,
) -> Result<(), sqlx::Error> {
    sqlx::query!("insert into sessions (id) values ($1)", id).execute(&mut *db).await?;
    if let Some(earlier) = earlier {
        sqlx::query!(
            "insert into session_activations (session_id, activation_id, entry)
             select $1, activation_id, entry
             from session_activations
             join sessions on sessions.id = session_activations.session_id
             where session_id = $2 and used_at > now() - interval '24 hours'
               and (replaced_at is null or replaced_at > now() - interval '10 seconds')",
            id,
            earlier,
        )
        .execute(&mut *db)
        .await?;
        sqlx::query!("update sessions set replaced_at = coalesce(replaced_at, now()) where id = $1", earlier)
            .execute(&mut *db)
            .await?;
    }
    sqlx::query!(
        "insert into session_activations (session_id, activation_id, entry)
         values ($1, $2, $3)
         on conflict (session_id, activation_id) do update
         set entry = case when session_activations.entry = 'login' then 'login' else excluded.entry end",
        id,
        activation_id,
        entry.as_str(),
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Ends a session.
///
/// # Errors
/// If the database fails.
pub async fn end(db: &mut PgConnection, id: &[u8]) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from sessions where id = $1", id).execute(db).await?;
    Ok(())
}

/// Ends what typed entries could see of an activation.
///
/// # Errors
/// If the database fails.
pub async fn end_typed(db: &mut PgConnection, activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("delete from session_activations where activation_id = $1 and entry = 'typed'", activation_id)
        .execute(db)
        .await?;
    Ok(())
}

/// Whether the session is alive: it lives 24 h from its last use, which this is (written at most once a minute).
///
/// # Errors
/// If the database fails.
pub async fn is_alive(db: &mut PgConnection, id: &[u8]) -> Result<bool, sqlx::Error> {
    let used = sqlx::query!(
        r#"select used_at < now() - interval '1 minute' as "stale!"
           from sessions
           where id = $1 and used_at > now() - interval '24 hours' and replaced_at is null"#,
        id
    )
    .fetch_optional(&mut *db)
    .await?;
    if used.as_ref().is_some_and(|used| used.stale) {
        sqlx::query!("update sessions set used_at = now() where id = $1", id).execute(db).await?;
    }
    Ok(used.is_some())
}

/// By which entry a live session may see an activation, if it may.
///
/// # Errors
/// If the database fails.
pub async fn entry(db: &mut PgConnection, id: &[u8], activation_id: Uuid) -> Result<Option<Entry>, sqlx::Error> {
    let entry = sqlx::query_scalar!(
        "select sa.entry
         from session_activations sa
         join sessions s on s.id = sa.session_id
         where sa.session_id = $1 and sa.activation_id = $2
           and s.used_at > now() - interval '24 hours' and s.replaced_at is null",
        id,
        activation_id,
    )
    .fetch_optional(db)
    .await?;
    Ok(entry.map(|entry| if entry == "login" { Entry::Login } else { Entry::Typed }))
}

/// What a login link is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Used now for the first time.
    Fresh,
    /// Used less than 10 s ago by the same client, as a double click does: it leads to the same activation.
    Repeated(Option<Uuid>),
    /// Used up.
    UsedUp,
}

/// Uses a login link, which is good once; for 10 s the same client may repeat it.
///
/// # Errors
/// If the database fails.
pub async fn use_link(db: &mut PgConnection, digest: &[u8], client: &[u8]) -> Result<Link, sqlx::Error> {
    let fresh =
        sqlx::query!("insert into login_links (digest, client) values ($1, $2) on conflict do nothing", digest, client)
            .execute(&mut *db)
            .await?;
    if fresh.rows_affected() == 1 {
        return Ok(Link::Fresh);
    }
    let used = sqlx::query!(
        r#"select client = $2 and used_at > now() - interval '10 seconds' as "again!", activation_id
           from login_links
           where digest = $1"#,
        digest,
        client,
    )
    .fetch_one(db)
    .await?;
    Ok(if used.again { Link::Repeated(used.activation_id) } else { Link::UsedUp })
}

/// Notes where a link led.
///
/// # Errors
/// If the database fails.
pub async fn link_led_to(db: &mut PgConnection, digest: &[u8], activation_id: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query!("update login_links set activation_id = $2 where digest = $1", digest, activation_id)
        .execute(db)
        .await?;
    Ok(())
}

/// The database's time, where a transaction needs it before it has read a row.
///
/// # Errors
/// If the database fails.
pub async fn now(db: &mut PgConnection) -> Result<OffsetDateTime, sqlx::Error> {
    sqlx::query_scalar!(r#"select now() as "now!""#).fetch_one(db).await
}
