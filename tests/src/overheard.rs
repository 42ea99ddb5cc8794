//! What a browser asks of a server, and how much it is answered, overheard on the wire between them.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Longer than the head of any request of a page.
const CHUNK: usize = 64 * 1024;

/// A wire that passes everything on, and notes what is asked over it.
pub struct Overheard {
    /// Where the browser is to ask.
    pub address: SocketAddr,
    heard: Heard,
    answered: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its first line and its headers, in lower case.
    pub head: String,
    /// It has neither been answered nor given up.
    pub is_open: bool,
}

type Heard = Arc<Mutex<Vec<Asked>>>;

impl Overheard {
    /// A wire to a server (`host:port`).
    pub async fn before(upstream: &str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (heard, answered) = (Heard::default(), Arc::<AtomicUsize>::default());
        let (noting, counting, upstream) = (Arc::clone(&heard), Arc::clone(&answered), upstream.to_owned());
        let listening = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                tokio::spawn(carry(browser, upstream.clone(), Arc::clone(&noting), Arc::clone(&counting)));
            }
        });
        Self { address, heard, answered, listening }
    }

    /// The polls of activations so far, in their order.
    pub fn polls(&self) -> Vec<Asked> {
        let heard = self.heard.lock().expect("nobody panics while noting");
        heard.iter().filter(|asked| asked.head.starts_with("get /v1/activations/")).cloned().collect()
    }

    /// How much was asked so far, of whatever kind.
    pub fn count(&self) -> usize {
        self.heard.lock().expect("nobody panics while noting").len()
    }

    /// Whether this was asked for, by its path.
    pub fn was_asked_for(&self, path: &str) -> bool {
        let heard = self.heard.lock().expect("nobody panics while noting");
        heard.iter().any(|asked| asked.head.starts_with(&format!("get {path} ")))
    }

    /// How many bytes were answered so far, heads and all.
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::SeqCst)
    }
}

impl Drop for Overheard {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// Carries one connection; over it, one request follows the other.
async fn carry(browser: TcpStream, upstream: String, heard: Heard, answered: Arc<AtomicUsize>) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let _ = (browser.set_nodelay(true), server.set_nodelay(true));
    let (asks, browsers) = browser.into_split();
    let (answers, asked) = server.into_split();
    let latest = Mutex::new(None);
    let there = pass_on(asks, asked, |bytes| {
        let text = String::from_utf8_lossy(bytes);
        if ["GET ", "POST ", "DELETE "].iter().any(|method| text.starts_with(method)) {
            let first = text.split("\r\n\r\n").next().unwrap_or_default().to_lowercase();
            let mut heard = heard.lock().expect("nobody panics while noting");
            *latest.lock().expect("nobody panics while noting") = Some(heard.len());
            heard.push(Asked { head: first, is_open: true });
        }
    });
    let back = pass_on(answers, browsers, |bytes| {
        answered.fetch_add(bytes.len(), Ordering::SeqCst);
        is_over(&heard, &latest);
    });
    // When one half ends, both do: both sockets are dropped.
    tokio::select! {
        () = there => {}
        () = back => {}
    }
    is_over(&heard, &latest);
}

fn is_over(heard: &Heard, latest: &Mutex<Option<usize>>) {
    let latest = *latest.lock().expect("nobody panics while noting");
    let mut heard = heard.lock().expect("nobody panics while noting");
    if let Some(asked) = latest.and_then(|at| heard.get_mut(at)) {
        asked.is_open = false;
    }
}

async fn pass_on(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, note: impl Fn(&[u8])) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        note(&chunk[..read]);
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}
