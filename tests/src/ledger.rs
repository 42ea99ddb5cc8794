//! The ledger without its processes: workers, buyers, the marketplace and an operator who move one step at a time, or all at
//! once, over the real tables; every version that is written is noted with what it was made from.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use landfall_shared::activation::{Activation, Cancellation, StartedBy};
use landfall_shared::buyer::InstanceId;
use landfall_shared::command::NAMES;
use landfall_shared::purchase::MarketplaceName;
use landfall_shared::store::commands::Loaded;
use landfall_shared::store::{activations, commands, due, purchases};
use serde_json::json;
use sqlx::PgPool;
use uuid::Uuid;

use crate::chance::Chance;

mod others;
mod settling;

use others::{bought, buyer_acts, marketplace_says, operator_cancels, operator_retries};
use settling::{Note, outcome_of, settle_batch};

const MARKETPLACE: MarketplaceName = MarketplaceName::Alibaba;
/// A lease that ends only when `TimePasses`.
const LONG: f64 = 3600.0;

/// One move of somebody.
#[derive(Debug, Clone)]
pub enum Move {
    /// A worker takes the row behind a wake-up; one that comes twice stays for somebody else to take, too.
    Take { worker: usize, message: usize, twice: bool },
    /// A worker settles what it has had in hand longest.
    Settle { worker: usize, outcome: u8 },
    /// All workers settle all they have in hand, while rows are dispatched, a buyer acts, the marketplace speaks and an operator
    /// cancels and retries.
    AtOnce(u64),
    /// A worker dies with all it has in hand.
    Crash(usize),
    /// Leases end, pauses are over, and what is due is sent out.
    TimePasses,
    /// A buyer does what her page offers.
    BuyerActs(usize),
    /// The marketplace renews, suspends, resumes or releases.
    MarketplaceSays { instance: usize, notice: u8 },
    /// An operator cancels.
    OperatorCancels(usize),
    /// An operator has what died tried again.
    OperatorRetries(usize),
}

struct Held {
    loaded: Loaded,
    claimed: bool,
}

/// A version as it was written: from which state, and which.
struct Written {
    from: Option<Activation>,
    to: Activation,
}

/// Two instances, each with two activations that would hold it, and three workers.
pub struct Ledger {
    pool: PgPool,
    instances: Vec<InstanceId>,
    activations: Vec<Uuid>,
    workers: [Vec<Held>; 3],
    messages: Vec<Uuid>,
    written: BTreeMap<(Uuid, i64), Written>,
    counted: BTreeMap<&'static str, usize>,
}

type Done<T> = Result<T, String>;

#[expect(clippy::needless_pass_by_value, reason = "the form that `map_err` takes")]
fn said(error: sqlx::Error) -> String {
    error.to_string()
}

impl Ledger {
    pub async fn open(pool: &PgPool) -> Self {
        let counted = ["written", "held by another", "changed", "gone", "claimed", "cancelled", "dead", "bound"];
        let mut ledger = Self {
            pool: pool.clone(),
            instances: Vec::new(),
            activations: Vec::new(),
            workers: [Vec::new(), Vec::new(), Vec::new()],
            messages: Vec::new(),
            written: BTreeMap::new(),
            counted: counted.into_iter().map(|what| (what, 0)).collect(),
        };
        let mut db = pool.begin().await.unwrap();
        for _ in 0..2 {
            let digits = (Uuid::new_v4().as_u128() % 10_u128.pow(18)).to_string();
            let instance_id = InstanceId::parse(&digits).unwrap();
            let purchase = bought(&instance_id);
            purchases::insert(&mut db, &purchase, Some(&json!({}))).await.unwrap();
            for started_by in [StartedBy::Login, StartedBy::Typed] {
                let (id, account) = (Uuid::now_v7(), Some(purchase.account_id.clone()));
                let (activation, queued) = Activation::begin(id, MARKETPLACE, instance_id.clone(), account, started_by);
                activations::insert(&mut db, &activation).await.unwrap();
                commands::insert(&mut db, id, &queued, LONG, "").await.unwrap();
                ledger.messages.push(queued.id);
                ledger.activations.push(id);
                ledger.written.insert((id, 1), Written { from: None, to: activation });
            }
            ledger.instances.push(instance_id);
        }
        db.commit().await.unwrap();
        ledger
    }

    /// What happened how often.
    pub fn counted(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.counted.iter().map(|(what, times)| (*what, *times))
    }

    fn count(&mut self, what: &'static str) {
        *self.counted.entry(what).or_default() += 1;
    }

    /// Brings an activation so many commands further, all of which go well.
    pub async fn advances(&mut self, activation: usize, steps: usize) -> Done<()> {
        let id = self.activations[activation];
        for _ in 0..steps {
            let ready = "select id from commands where activation_id = $1 and state = 'ready'";
            let ready: Vec<Uuid> = sqlx::query_scalar(ready).bind(id).fetch_all(&self.pool).await.map_err(said)?;
            self.messages.retain(|message| !ready.contains(message));
            for loaded in commands::load(&self.pool, &ready).await.map_err(said)? {
                self.settle(vec![(Held { loaded, claimed: false }, 0)]).await?;
            }
            self.makes(&Move::BuyerActs(activation)).await?;
        }
        Ok(())
    }

    pub async fn makes(&mut self, one: &Move) -> Done<()> {
        match *one {
            Move::Take { worker, message, twice } => self.take(worker, message, twice).await,
            Move::Settle { worker, outcome } => {
                if self.workers[worker].is_empty() {
                    return Ok(());
                }
                let held = self.workers[worker].remove(0);
                self.settle(vec![(held, outcome)]).await
            }
            Move::AtOnce(seed) => Box::pin(self.all_at_once(seed)).await,
            Move::Crash(worker) => {
                self.workers[worker].clear();
                Ok(())
            }
            Move::TimePasses => self.time_passes().await,
            Move::BuyerActs(activation) => {
                let id = self.activations[activation % self.activations.len()];
                let acted = buyer_acts(&self.pool, id).await.map_err(said)?;
                self.note(acted.into_iter().collect())
            }
            Move::MarketplaceSays { instance, notice } => {
                let instance = self.instances[instance % self.instances.len()].clone();
                let changed = marketplace_says(&self.pool, &instance, notice).await.map_err(said)?;
                self.note(changed)
            }
            Move::OperatorCancels(activation) => {
                let id = self.activations[activation % self.activations.len()];
                let changed = operator_cancels(&self.pool, id).await.map_err(said)?;
                self.note(changed.into_iter().collect())
            }
            Move::OperatorRetries(activation) => {
                let id = self.activations[activation % self.activations.len()];
                let changed = operator_retries(&self.pool, id).await.map_err(said)?;
                self.note(changed.into_iter().collect())
            }
        }
    }

    async fn take(&mut self, worker: usize, message: usize, twice: bool) -> Done<()> {
        if self.messages.is_empty() {
            return Ok(());
        }
        let at = message % self.messages.len();
        let id = if twice { self.messages[at] } else { self.messages.swap_remove(at) };
        if self.workers[worker].iter().any(|held| held.loaded.id == id) {
            return Ok(());
        }
        let Some(mut loaded) = commands::load(&self.pool, &[id]).await.map_err(said)?.pop() else {
            self.count("gone");
            return Ok(());
        };
        // As workers decide it: what may have been begun before is claimed first.
        let claimed = twice || loaded.dispatches > 1 || loaded.lease_until.is_some();
        if claimed {
            let Some(claim) = commands::claim(&self.pool, &[(id, true)], LONG).await.map_err(said)?.pop() else {
                self.count("gone");
                return Ok(());
            };
            (loaded.fence, loaded.attempts) = (claim.fence, claim.attempts);
            self.count("claimed");
        }
        self.workers[worker].push(Held { loaded, claimed });
        Ok(())
    }

    /// Settles a batch as workers do: what had changed is applied again, whoever loses an instance is refused.
    async fn settle(&mut self, batch: Vec<(Held, u8)>) -> Done<()> {
        let batch = batch.into_iter().map(|(held, outcome)| {
            let outcome = outcome_of(&held.loaded, outcome);
            (held, outcome)
        });
        let notes = settle_batch(&self.pool, batch.collect()).await?;
        self.note_settled(notes)
    }

    async fn all_at_once(&mut self, seed: u64) -> Done<()> {
        let mut chance = Chance::seeded(seed);
        let mut batches = Vec::new();
        for worker in &mut self.workers {
            let mut held: Vec<(Held, u8)> =
                worker.drain(..).map(|held| (held, u8::try_from(chance.below(12)).unwrap())).collect();
            chance.shuffle(&mut held);
            let batch = held.into_iter().map(|(held, outcome)| {
                let outcome = outcome_of(&held.loaded, outcome);
                (held, outcome)
            });
            batches.push(settle_batch(&self.pool, batch.collect()));
        }
        let id = self.activations[chance.below(self.activations.len())];
        let instance = self.instances[chance.below(self.instances.len())].clone();
        let (over, dead) = (self.activations[chance.below(4)], self.activations[chance.below(4)]);
        let (is_cancelled, is_retried) = (chance.below(4) == 0, chance.below(2) == 0);
        let notice = u8::try_from(chance.below(9)).unwrap();
        let name = NAMES[chance.below(NAMES.len())];
        let (settled, acted, changed, operated, leased, again) = tokio::join!(
            join_all(batches),
            buyer_acts(&self.pool, id),
            marketplace_says(&self.pool, &instance, notice),
            async {
                let cancelled = if is_cancelled { operator_cancels(&self.pool, over).await? } else { None };
                let retried = if is_retried { operator_retries(&self.pool, dead).await? } else { None };
                Ok([cancelled, retried])
            },
            due::lease(&self.pool, name, LONG),
            due::dispatched_again(&self.pool, &NAMES, 1.0),
        );
        again.map_err(said)?;
        self.messages.extend(leased.map_err(said)?);
        self.note(acted.map_err(said)?.into_iter().chain(changed.map_err(said)?).collect())?;
        self.note(operated.map_err(said)?.into_iter().flatten().collect())?;
        for notes in settled {
            self.note_settled(notes?)?;
        }
        Ok(())
    }

    async fn time_passes(&mut self) -> Done<()> {
        let later = "update commands
                     set lease_until = case when lease_until is not null then now() - interval '1 second' end,
                         due_at = now(), not_before = now()
                     where state = 'ready' and activation_id = any($1)";
        sqlx::query(later).bind(&self.activations).execute(&self.pool).await.map_err(said)?;
        for name in NAMES {
            self.messages.extend(due::lease(&self.pool, name, LONG).await.map_err(said)?);
        }
        Ok(())
    }

    /// Lets everything in hand die, and one worker do whatever is left.
    pub async fn drains(&mut self) -> Done<()> {
        self.workers.iter_mut().for_each(Vec::clear);
        for _ in 0..40 {
            self.time_passes().await?;
            while !self.messages.is_empty() {
                self.take(0, 0, false).await?;
                while let Some(held) = self.workers[0].pop() {
                    self.settle(vec![(held, 0)]).await?;
                }
            }
            let ready = "select count(*) from commands where state = 'ready' and activation_id = any($1)";
            let ready: i64 =
                sqlx::query_scalar(ready).bind(&self.activations).fetch_one(&self.pool).await.map_err(said)?;
            if ready == 0 {
                return Ok(());
            }
        }
        Err("there is no end to it".to_owned())
    }

    fn note_settled(&mut self, notes: Vec<Note>) -> Done<()> {
        for note in notes {
            for (what, times) in note.counted {
                *self.counted.entry(what).or_default() += times;
            }
            self.messages.extend(note.next);
            self.note(note.written.into_iter().collect())?;
        }
        Ok(())
    }

    fn note(&mut self, changes: Vec<Change>) -> Done<()> {
        for Change { version, from, to, queued } in changes {
            self.messages.extend(queued);
            let id = to.id;
            if self.written.insert((id, version), Written { from: Some(from), to }).is_some() {
                return Err(format!("version {version} of {id} was written twice"));
            }
        }
        Ok(())
    }

    /// Whoever is bound has been told all that the marketplace said, unless an operator has to see to it first.
    async fn was_told(&self, activation: &Activation) -> Done<()> {
        let Some(binding) = activation.binding() else { return Ok(()) };
        let known = "select p.version, exists (select from commands c where c.activation_id = $2 and c.lane = 'lifecycle' and c.state = 'dead')
                     from purchases p where p.instance_id = $1";
        let known = sqlx::query_as(known).bind(activation.instance_id.as_str()).bind(activation.id);
        let (version, dead): (i64, bool) = known.fetch_one(&self.pool).await.map_err(said)?;
        let by_operator = activation.cancelled == Some(Cancellation::CancelledByOperator);
        if binding.told == version || dead || by_operator {
            return Ok(());
        }
        Err(format!(
            "the Billing Center knows version {} of the purchase of {}, and it is {version}",
            binding.told, activation.id
        ))
    }

    /// Every version was made from the one before it, the rows are the last ones, whoever is waited for is at it, and an
    /// instance has one holder.
    pub async fn is_sound(&mut self) -> Done<()> {
        for id in self.activations.clone() {
            let row: (i64, serde_json::Value, String) =
                sqlx::query_as("select version, state, status from activations where id = $1")
                    .bind(id)
                    .fetch_one(&self.pool)
                    .await
                    .map_err(said)?;
            let versions: Vec<(i64, &Written)> = self
                .written
                .range((id, 0)..=(id, i64::MAX))
                .map(|((_, version), written)| (*version, written))
                .collect();
            for pair in versions.windows(2) {
                let ((before, earlier), (version, later)) = (pair[0], pair[1]);
                if version != before + 1 || later.from.as_ref() != Some(&earlier.to) {
                    return Err(format!("version {version} of {id} was not made from version {before}"));
                }
            }
            let (version, last) = versions.last().expect("the first version");
            let is: Activation = serde_json::from_value(row.1).map_err(|error| error.to_string())?;
            if (*version, &last.to) != (row.0, &is) || is.status().as_str() != row.2 {
                return Err(format!("the row of {id} is version {}, and {version} was written last", row.0));
            }
            let (cancelled, bound) = (is.cancelled.is_some(), is.binding().is_some());
            if cancelled {
                self.count("cancelled");
            }
            if bound {
                self.count("bound");
            }
            self.was_told(&is).await?;
        }
        let wrong = "select a.id::text || ' ' || a.status || ' ' || a.stage
                     from activations a
                     where a.id = any($1)
                       and ((a.status in ('running', 'retrying')
                             and not exists (select from commands c where c.activation_id = a.id and c.lane = 'journey' and c.state = 'ready'))
                         or (a.status = 'needs_attention'
                             and not exists (select from commands c where c.activation_id = a.id and c.lane = 'journey' and c.state = 'dead'))
                         or exists (select from holds h join purchases p using (marketplace, instance_id)
                                    where h.activation_id = a.id and p.state = 'released')
                         or (a.status = 'cancelled' and exists (select from holds h where h.activation_id = a.id))
                         or (a.stage <> 'purchase' and a.status <> 'cancelled'
                             and not exists (select from holds h where h.activation_id = a.id)))";
        let wrong: Vec<String> =
            sqlx::query_scalar(wrong).bind(&self.activations).fetch_all(&self.pool).await.map_err(said)?;
        if wrong.is_empty() { Ok(()) } else { Err(format!("nothing leads out of here: {wrong:?}")) }
    }
}

/// A version that somebody wrote, and the command that came with it.
struct Change {
    version: i64,
    from: Activation,
    to: Activation,
    queued: Option<Uuid>,
}
