//! Taking: the row behind a wake-up, read together with others; claimed first where a process may have died over it.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use landfall_shared::crash;
use landfall_shared::store::commands::{self, Loaded};
use landfall_shared::store::{Database, in_time};
use uuid::Uuid;

use crate::together::Together;

/// What a wake-up found.
#[derive(Debug)]
pub enum Taken {
    /// The command, ready to be carried.
    Here {
        /// The row, its activation, its purchase.
        loaded: Box<Loaded>,
        /// Whether the attempt is counted already.
        claimed: bool,
        /// When the row was read.
        since: Instant,
    },
    /// Done, not due, or another process's.
    Gone,
    /// The database did not answer.
    Unknown,
}

#[derive(Debug, Clone, Copy)]
struct Wanted {
    id: Uuid,
    how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    FirstDelivery,
    Redelivery,
    ReadOnly,
}

/// The door at which rows are taken.
pub struct Taking {
    together: Together<Wanted, Taken>,
}

impl Taking {
    /// Starts the task that reads and claims.
    #[must_use]
    pub fn start(database: Database, lease: Duration) -> Self {
        let together = Together::start(move |wanted: Vec<Wanted>| {
            let database = database.clone();
            async move {
                let taken = take(&database, &wanted, lease).await;
                taken.unwrap_or_else(|error| {
                    tracing::warn!(%error, "rows could not be read: their wake-ups come again");
                    wanted.iter().map(|_| Taken::Unknown).collect()
                })
            }
        });
        Self { together }
    }

    /// Takes the row of a wake-up.
    pub async fn take(&self, id: Uuid, redelivered: bool) -> Taken {
        let how = if redelivered { How::Redelivery } else { How::FirstDelivery };
        self.together.ask(Wanted { id, how }).await.unwrap_or(Taken::Unknown)
    }

    /// Reads the row of a command in hand again, because it had changed.
    pub async fn read_again(&self, id: Uuid) -> Taken {
        self.together.ask(Wanted { id, how: How::ReadOnly }).await.unwrap_or(Taken::Unknown)
    }
}

async fn take(database: &Database, wanted: &[Wanted], lease: Duration) -> Result<Vec<Taken>, sqlx::Error> {
    let ids: Vec<Uuid> = wanted.iter().map(|wanted| wanted.id).collect();
    let since = Instant::now();
    let pool = database.pool();
    let mut loaded: HashMap<Uuid, Loaded> =
        in_time(commands::load(&pool, &ids)).await?.into_iter().map(|loaded| (loaded.id, loaded)).collect();
    let to_claim: Vec<(Uuid, bool)> = wanted
        .iter()
        .filter(|wanted| loaded.get(&wanted.id).is_some_and(|loaded| must_be_claimed(wanted.how, loaded)))
        .map(|wanted| (wanted.id, matches!(wanted.how, How::Redelivery)))
        .collect();
    let mut claims = HashMap::new();
    if !to_claim.is_empty() {
        for claim in in_time(commands::claim(&pool, &to_claim, lease.as_secs_f64())).await? {
            claims.insert(claim.id, claim);
        }
        crash::point("runner.after_claim");
    }
    Ok(wanted
        .iter()
        .map(|wanted| {
            let Some(mut row) = loaded.remove(&wanted.id) else { return Taken::Gone };
            let claimed = match (to_claim.iter().any(|(id, _)| *id == wanted.id), claims.get(&wanted.id)) {
                (true, None) => return Taken::Gone,
                (true, Some(claim)) => {
                    (row.fence, row.attempts) = (claim.fence, claim.attempts);
                    true
                }
                (false, _) => false,
            };
            Taken::Here { loaded: Box::new(row), claimed, since }
        })
        .collect())
}

/// The first delivery of the first dispatch runs unclaimed: nobody can have died over it. A mail is always claimed, for
/// sending it twice shows.
fn must_be_claimed(how: How, loaded: &Loaded) -> bool {
    match how {
        How::ReadOnly => false,
        How::Redelivery => true,
        How::FirstDelivery => loaded.dispatches > 1 || loaded.lease_until.is_some() || loaded.is_mail(),
    }
}
