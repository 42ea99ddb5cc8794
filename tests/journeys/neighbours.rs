//! Every link between our processes and their neighbours breaks in every way, with buyers under way: meanwhile the API answers
//! in time, and afterwards whatever was accepted reaches its due state, once.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use landfall_tests::chance::Chance;
use landfall_tests::journey::Buyer;
use landfall_tests::links::{Link, Links};
use landfall_tests::patience::until;
use landfall_tests::proxy::Way::Back;
use landfall_tests::proxy::Wire;
use landfall_tests::seller::{Seller, announcement, query};
use landfall_tests::soak::{self, Soak};
use landfall_tests::stack::{Stack, Wishes};
use reqwest::StatusCode;
use serde_json::Value;
use uuid::Uuid;

/// Within this every door answers, whatever is broken (contract §2, §3).
const IN_TIME: Duration = Duration::from_secs(10);

/// One Landfall whose links can break, and a buyer who has gone the whole way while they did not.
struct Trial {
    stack: Stack,
    links: Links,
    witness: Buyer,
    http: reqwest::Client,
    chance: Chance,
    rounds: usize,
}

impl Trial {
    async fn begin(seed: u64) -> Self {
        let mut stack = Wishes::default()
            .with("REDISPATCH_AFTER_MS", "500")
            .with("RETRY_INITIAL_MS", "100")
            // So few that they can all be dead at once.
            .with("DATABASE_CONNECTIONS", "4")
            .prepare()
            .await;
        let links = Links::of(&stack);
        links.start(&mut stack).await;
        let mut witness = stack.buyer().insisting();
        witness.goes_the_whole_way("witness").await;
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { stack, links, witness, http, chance: Chance::seeded(seed), rounds: 0 }
    }

    /// Two buyers travel; somewhere on their way these faults begin, are felt, and end.
    async fn survives(&mut self, faults: &[(Link, Wire)]) {
        self.rounds += 1;
        let (round, began) = (self.rounds, Instant::now());
        let mut buyers = [self.stack.buyer().insisting(), self.stack.buyer().insisting()];
        let before = self.commands_done().await;
        let later = self.chance.below(8);
        let travel = join_all(buyers.iter_mut().enumerate().map(|(number, buyer)| async move {
            buyer.goes_the_whole_way(&format!("ann{round}x{number}")).await;
        }));
        let trouble = async {
            // What is asked of early must be broken early, or nobody feels it.
            if faults.iter().all(|(link, _)| link.variable().1 == "DATABASE_URL" || link.variable().1 == "NATS_URL") {
                let due = before + i64::try_from(later).unwrap();
                until("the buyers have come far enough", || async {
                    (self.commands_done().await >= due).then_some(())
                })
                .await;
            }
            let failed = self.attempts_failed().await;
            for (link, wire) in faults {
                self.links.set(*link, *wire);
            }
            tokio::join!(self.is_felt(faults, failed), self.answers_in_time(faults));
            self.links.heal();
        };
        tokio::join!(travel, trouble);
        self.stack.is_sound(&[]).await;
        println!("{faults:?}: survived in {:?}", began.elapsed());
    }

    /// Two different links, each broken in some way.
    fn pair(&mut self) -> [(Link, Wire); 2] {
        let one = self.chance.below(Link::ALL.len());
        let other = (one + 1 + self.chance.below(Link::ALL.len() - 1)) % Link::ALL.len();
        [one, other].map(|link| (Link::ALL[link], Wire::FAULTS[self.chance.below(Wire::FAULTS.len())]))
    }

    async fn commands_done(&self) -> i64 {
        let done = sqlx::query_scalar("select count(*) from commands where state = 'done'");
        done.fetch_one(&self.stack.pool).await.unwrap()
    }

    async fn attempts_failed(&self) -> i64 {
        sqlx::query_scalar("select count(*) from attempts").fetch_one(&self.stack.pool).await.unwrap()
    }

    /// Waits until somebody has met one of the faults; it may well keep everybody from ever meeting the other. A refused
    /// connection is seen by nobody but its maker: then a failed attempt tells.
    async fn is_felt(&self, faults: &[(Link, Wire)], failed: i64) {
        until("somebody feels the fault", || async {
            let felt = faults.iter().any(|(link, wire)| {
                self.links.hits(*link) > 0 || *wire == Wire::Refuses && link.variable().1 == "NATS_URL"
            });
            (felt || self.attempts_failed().await > failed).then_some(())
        })
        .await;
    }

    /// While links are broken: a poll, a long poll, a purchase and the question whether the API is ready.
    async fn answers_in_time(&self, faults: &[(Link, Wire)]) {
        let wire = faults.iter().find(|(link, _)| *link == Link::ApiPostgres).map(|(_, wire)| *wire);
        let away = wire.is_some_and(is_away);
        tokio::join!(
            self.polls(wire, away, None),
            self.polls(wire, away, Some("wait=1")),
            self.announces(wire, away),
            self.is_ready(wire, away),
        );
    }

    async fn polls(&self, wire: Option<Wire>, away: bool, prefer: Option<&str>) {
        let mut poll = self.witness.polls();
        let mut longest = IN_TIME;
        if let Some(prefer) = prefer {
            poll = poll.header("prefer", prefer);
            // What was asked to be held is held that much longer.
            longest += if away { Duration::ZERO } else { Duration::from_secs(1) };
        }
        let began = Instant::now();
        let answer = poll.timeout(2 * IN_TIME).send().await.expect("the API answers");
        let (took, status) = (began.elapsed(), answer.status());
        assert!(took < longest, "{wire:?}: a poll took {took:?} and brought {status}");
        match status {
            StatusCode::OK => assert!(!away, "{wire:?}: how can it know?"),
            StatusCode::SERVICE_UNAVAILABLE => {
                assert!(wire.is_some(), "PostgreSQL is not away");
                assert!(answer.headers().contains_key("retry-after"), "{wire:?}: {:?}", answer.headers());
                let problem: Value = answer.json().await.unwrap();
                assert_eq!(problem["code"], "unavailable", "{problem}");
            }
            other => assert_eq!(other, StatusCode::OK, "{wire:?}"),
        }
    }

    async fn announces(&self, wire: Option<Wire>, away: bool) {
        let id = (Uuid::new_v4().as_u128() % 10_u128.pow(18)).to_string();
        let signed = Seller::of(&self.stack).sign(&query(&announcement("1234567890", &id)));
        let mut url = self.stack.api_url.join("marketplaces/alibaba/spi").unwrap();
        url.set_query(Some(&signed));
        let began = Instant::now();
        let answer = self.http.get(url).timeout(2 * IN_TIME).send().await.expect("the API answers");
        let took = began.elapsed();
        assert!(took < IN_TIME, "{wire:?}: the marketplace waited for {took:?}");
        assert_eq!(answer.status(), StatusCode::OK, "{wire:?}");
        let answer: Value = answer.json().await.unwrap();
        let accepted = answer["instanceId"] == id && answer["appInfo"].is_object();
        assert!(accepted || answer["instanceId"] == "0" && answer["message"].is_string(), "{wire:?}: {answer}");
        match wire {
            None => assert!(accepted, "PostgreSQL is not away"),
            Some(_) => assert!(!(accepted && away), "{wire:?}: where is it kept?"),
        }
    }

    async fn is_ready(&self, wire: Option<Wire>, away: bool) {
        let url = self.stack.api_url.join("readyz").unwrap();
        let status = self.http.get(url).timeout(IN_TIME).send().await.expect("the API answers").status();
        match wire {
            None => assert_eq!(status, StatusCode::OK, "NATS is nothing that readiness needs"),
            Some(_) => assert!(!away || status == StatusCode::SERVICE_UNAVAILABLE, "{wire:?}: {status}"),
        }
    }

    async fn ends_well(mut self) {
        assert!(self.rounds > 0);
        self.stack.ends_well().await;
    }
}

/// Nothing can be learned from PostgreSQL over such a wire; over the others an answer may come, or not.
fn is_away(wire: Wire) -> bool {
    match wire {
        Wire::Refuses | Wire::Stalls | Wire::Forgets | Wire::Silent(_) => true,
        Wire::Passes | Wire::Cuts(_) | Wire::Delays(_) => false,
    }
}

#[tokio::test]
async fn postgresql_is_away_from_the_api_or_from_the_workers() {
    let mut trial = Trial::begin(soak::seed_or(1)).await;
    for wire in [Wire::Refuses, Wire::Silent(Back), Wire::Cuts(Back)] {
        trial.survives(&[(Link::ApiPostgres, wire)]).await;
    }
    for wire in [Wire::Forgets, Wire::Silent(Back), Wire::Cuts(Back)] {
        trial.survives(&[(Link::WorkersPostgres, wire)]).await;
    }
    trial.ends_well().await;
}

#[tokio::test]
async fn connections_that_all_died_over_a_statement_are_replaced() {
    let mut trial = Trial::begin(soak::seed_or(1)).await;
    // Somebody holds the row, so that four writes hang in the middle of their statements.
    let mut holder = trial.stack.pool.begin().await.unwrap();
    sqlx::query("select from activations for update").execute(&mut *holder).await.unwrap();
    let writes = join_all((0..4).map(|_| async {
        let answer = trial.witness.posts("/confirmation").timeout(2 * IN_TIME).send().await.expect("the API answers");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    }));
    let trouble = async {
        until("four writes wait for the row", || async {
            let waiting = "select count(*) from pg_stat_activity where application_name = 'landfall-api' and wait_event_type = 'Lock'
                           and datname = current_database()";
            let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(&trial.stack.pool).await.ok()?;
            (waiting == 4).then_some(())
        })
        .await;
        trial.links.set(Link::ApiPostgres, Wire::Forgets);
    };
    tokio::join!(writes, trouble);
    holder.rollback().await.unwrap();
    trial.links.heal();
    // Nothing of the four connections will ever move again.
    let seen = trial.witness.sees_when("the API answers again", |seen| seen["stage"] == "active").await;
    assert_eq!(seen["status"], "succeeded");
    assert!(trial.stack.logs().contains("did not answer although the database does: replaced"));
    trial.rounds += 1;
    trial.ends_well().await;
}

#[tokio::test]
async fn nats_and_the_outside_world_are_away() {
    let mut trial = Trial::begin(soak::seed_or(1)).await;
    for (link, wire) in [
        (Link::ApiNats, Wire::Stalls),
        (Link::WorkersNats, Wire::Refuses),
        (Link::WorkersNats, Wire::Silent(Back)),
        (Link::Marketplace, Wire::Cuts(Back)),
        (Link::BillingCenter, Wire::Silent(Back)),
        (Link::Console, Wire::Forgets),
        (Link::Mail, Wire::Cuts(Back)),
        (Link::Mail, Wire::Refuses),
    ] {
        trial.survives(&[(link, wire)]).await;
    }
    for _ in 0..2 {
        let pair = trial.pair();
        trial.survives(&pair).await;
    }
    trial.ends_well().await;
}

/// The long run: every link in every way, then pairs of them.
#[tokio::test]
async fn every_link_breaks_in_every_way() {
    let Some(Soak { seed, longest }) = soak::asked() else { return };
    let mut trial = Trial::begin(seed).await;
    let began = Instant::now();
    let alone = Link::ALL.into_iter().flat_map(|link| Wire::FAULTS.map(|wire| vec![(link, wire)]));
    let mut rounds: Vec<Vec<(Link, Wire)>> = alone.collect();
    rounds.extend((0..30).map(|_| trial.pair().to_vec()));
    for faults in rounds {
        if began.elapsed() > longest {
            println!("ended after {} rounds: {longest:?} are over", trial.rounds);
            break;
        }
        trial.survives(&faults).await;
    }
    trial.ends_well().await;
}
