//! Calls with a bad token: at most 60 a minute are recorded, the rest is counted; a flood of them costs nobody a connection.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use landfall_shared::store::Database;
use landfall_shared::store::marketplace_calls::{self, BAD_TOKENS_A_MINUTE, Call};
use tokio::sync::Mutex;

const MINUTE: Duration = Duration::from_mins(1);
/// Other processes have filled the minute: they are not asked again at once.
const FULL_FOR: Duration = Duration::from_secs(1);

/// What this process has recorded in the last minute. Only one call is being recorded at a time; the others wait without a
/// connection to the database.
#[derive(Debug, Default)]
pub struct BadTokens(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    recorded: VecDeque<Instant>,
    full_until: Option<Instant>,
}

impl Window {
    fn is_full(&mut self, now: Instant) -> bool {
        while self.recorded.front().is_some_and(|first| now.duration_since(*first) >= MINUTE) {
            self.recorded.pop_front();
        }
        let recorded = i64::try_from(self.recorded.len()).unwrap_or(i64::MAX);
        recorded >= BAD_TOKENS_A_MINUTE || self.full_until.is_some_and(|until| now < until)
    }
}

impl BadTokens {
    /// Counts a call, and records it where there is room.
    pub async fn record(&self, database: &Database, call: &Call<'_>) {
        metrics::counter!("landfall_marketplace_calls_total", "verdict" => call.verdict.as_str()).increment(1);
        let mut window = self.0.lock().await;
        if window.is_full(Instant::now()) {
            return;
        }
        match write(database, call).await {
            Ok(true) => window.recorded.push_back(Instant::now()),
            Ok(false) => window.full_until = Some(Instant::now() + FULL_FOR),
            Err(error) => tracing::warn!(%error, "a call with a bad token could not be recorded"),
        }
    }
}

async fn write(database: &Database, call: &Call<'_>) -> Result<bool, sqlx::Error> {
    let mut transaction = database.begin().await?;
    let recorded = marketplace_calls::record_bad_token(&mut transaction, call).await?;
    transaction.commit().await?;
    Ok(recorded)
}
