//! Importing: an instance that nobody announced and the marketplace's `OpenAPI` knows is a purchase like any other from then on, so
//! that whatever the marketplace says of it, or has said, finds it.

use std::time::Duration;

use landfall_shared::dispatch::Wakeups;
use landfall_shared::purchase::Purchase;
use landfall_shared::store::said::Writing;
use landfall_shared::store::{Database, becoming_known, in_time, purchases};

/// The door by which purchases are imported: the one thing that a step writes, before its outcome, and only once.
pub struct Importing {
    /// Where they are kept.
    pub database: Database,
    /// Who is told.
    pub wakeups: Wakeups,
    /// `REDISPATCH_AFTER_MS`.
    pub redispatch: Duration,
}

impl Importing {
    /// Keeps a purchase, unless it was announced, or imported, meanwhile.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn import(&self, purchase: Purchase, trace: &str) -> Result<(), sqlx::Error> {
        let writing = Writing { redispatch_seconds: self.redispatch.as_secs_f64(), trace };
        let imported = in_time(async {
            let mut transaction = self.database.begin().await?;
            let (marketplace, instance_id) = (purchase.marketplace, purchase.instance_id.clone());
            purchases::lock_instance(&mut transaction, marketplace, &instance_id).await?;
            if purchases::lock(&mut transaction, marketplace, &instance_id).await?.is_some() {
                return Ok(Vec::new());
            }
            let news = becoming_known::imported(&mut transaction, purchase, writing).await?;
            transaction.commit().await?;
            Ok(news)
        });
        for news in imported.await? {
            self.wakeups.tell(news);
        }
        Ok(())
    }
}
