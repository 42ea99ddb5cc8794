//! Somebody who meddles with the wake-ups: each comes twice, some late and in another order, among others that make no sense.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::{Client, HeaderMap};
use futures_util::StreamExt;
use landfall_shared::command::NAMES;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::chance::Chance;
use crate::stack::Stack;

/// Marks what the meddler himself has sent.
const MARK: &str = "Meddled";

/// Meddles until it is stopped.
pub struct Meddler {
    meddling: JoinHandle<()>,
    heard: Arc<AtomicU64>,
}

impl Meddler {
    /// Begins to double each wake-up of a stack, and to send each again later, among nonsense.
    pub async fn start(stack: &Stack, seed: u64) -> Self {
        let client = async_nats::connect(&stack.nats_url).await.unwrap();
        let subjects = format!("{}landfall.command.>", stack.prefix);
        let mut wakeups = client.subscribe(subjects).await.unwrap();
        client.flush().await.unwrap();
        let heard = Arc::new(AtomicU64::new(0));
        let (prefix, counting) = (stack.prefix.clone(), Arc::clone(&heard));
        let meddling = tokio::spawn(async move {
            let mut chance = Chance::seeded(seed);
            let mut known = Vec::new();
            while let Some(wakeup) = wakeups.next().await {
                if wakeup.headers.is_some_and(|headers| headers.get(MARK).is_some()) {
                    continue;
                }
                counting.fetch_add(1, Ordering::SeqCst);
                let (subject, payload) = (wakeup.subject.to_string(), wakeup.payload.to_vec());
                again(&client, &subject, &payload).await;
                known.push((subject, payload));
                // Some that are long done, in another order, and on another step's subject.
                chance.shuffle(&mut known);
                for (subject, payload) in known.iter().take(3) {
                    again(&client, subject, payload).await;
                }
                let (_, astray) = &known[chance.below(known.len())];
                again(&client, &format!("{prefix}landfall.command.{}", NAMES[chance.below(NAMES.len())]), astray).await;
                nonsense(&client, &prefix, &mut chance).await;
            }
        });
        Self { meddling, heard }
    }

    /// Ends it; how many wake-ups there were that he had not sent himself.
    pub fn stop(self) -> u64 {
        self.meddling.abort();
        self.heard.load(Ordering::SeqCst)
    }
}

/// Garbage, an oversized message, an id that no row has, on the subjects of steps.
async fn nonsense(client: &Client, prefix: &str, chance: &mut Chance) {
    let step = NAMES[chance.below(NAMES.len())];
    let subject = format!("{prefix}landfall.command.{step}");
    match chance.below(5) {
        0 => again(client, &subject, b"\xff\xfe{not json").await,
        1 => again(client, &subject, &vec![b'x'; 200_000]).await,
        2 => again(client, &subject, b"").await,
        3 => again(client, &subject, Uuid::new_v4().to_string().as_bytes()).await,
        _ => again(client, &subject, b"{\"id\":\"0199\",\"name\":\"create_workspace\"}").await,
    }
}

async fn again(client: &Client, subject: &str, payload: &[u8]) {
    let mut marked = HeaderMap::new();
    marked.insert(MARK, "yes");
    client.publish_with_headers(subject.to_owned(), marked, payload.to_vec().into()).await.unwrap();
}
