//! A proxy on the link between two processes: it passes bytes on until a test says what is wrong with the wire.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How many connections may wait to be accepted.
const BACKLOG: u32 = 256;
const CHUNK: usize = 16 * 1024;

/// In which direction bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From who connected to who listens: what is asked.
    There,
    /// What is answered.
    Back,
}

/// What a wire does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Nothing is wrong with it.
    Passes,
    /// Nobody listens, and who was connected is cut off.
    Refuses,
    /// Connections stand and new ones are made, but no byte moves; afterwards all of them arrive, late.
    Stalls,
    /// The same, and these connections never move again: only those made afterwards do.
    Forgets,
    /// One way is dead, the other is not; afterwards all bytes arrive, late.
    Silent(Way),
    /// Whoever sends something this way is cut off in the middle of it.
    Cuts(Way),
    /// Every piece is late by so much.
    Delays(Duration),
}

impl Wire {
    /// Everything that can be wrong with a wire.
    pub const FAULTS: [Self; 8] = [
        Self::Refuses,
        Self::Stalls,
        Self::Forgets,
        Self::Silent(Way::There),
        Self::Silent(Way::Back),
        Self::Cuts(Way::There),
        Self::Cuts(Way::Back),
        Self::Delays(Duration::from_millis(150)),
    ];

    fn holds(self, way: Way) -> bool {
        match self {
            Self::Stalls | Self::Forgets => true,
            Self::Silent(dead) => dead == way,
            Self::Passes | Self::Refuses | Self::Cuts(_) | Self::Delays(_) => false,
        }
    }
}

/// A proxy before one address.
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    wire: watch::Sender<Wire>,
    hits: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
    // Bound and never listening: keeps the port while nobody listens.
    _keeper: TcpSocket,
}

impl Proxy {
    /// Starts a proxy before an address (`host:port`).
    pub fn before(upstream: &str) -> Self {
        let keeper = bound(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let address = keeper.local_addr().expect("a bound socket has an address");
        let (wire, told) = watch::channel(Wire::Passes);
        let hits = Arc::new(AtomicUsize::new(0));
        let listener = listening(address);
        let accepting = tokio::spawn(accept(listener, address, upstream.to_owned(), told, Arc::clone(&hits)));
        Self { address, wire, hits, accepting, _keeper: keeper }
    }

    /// Starts a proxy before the server of a URL, and gives the URL through it.
    pub fn before_url(url: &str) -> (Self, String) {
        let mut url: url::Url = url.parse().expect("a URL");
        let (host, port) = (url.host_str().expect("a host"), url.port().expect("a port"));
        let proxy = Self::before(&format!("{host}:{port}"));
        url.set_ip_host(proxy.address.ip()).expect("a host can be another");
        url.set_port(Some(proxy.address.port())).expect("a port can be another");
        (proxy, url.into())
    }

    /// Says what is wrong with the wire from now on.
    pub fn set(&self, wire: Wire) {
        self.hits.store(0, Ordering::SeqCst);
        self.wire.send_replace(wire);
    }

    /// How many connections and pieces have met the fault.
    pub fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        self.wire.send_replace(Wire::Refuses);
    }
}

fn bound(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().expect("a socket can be made");
    socket.set_reuseport(true).expect("Linux lets sockets share a port");
    socket.bind(address).expect("a port is free");
    socket
}

fn listening(address: SocketAddr) -> TcpListener {
    bound(address).listen(BACKLOG).expect("a bound socket can listen")
}

async fn accept(
    listener: TcpListener,
    address: SocketAddr,
    upstream: String,
    mut wire: watch::Receiver<Wire>,
    hits: Arc<AtomicUsize>,
) {
    let mut listener = Some(listener);
    loop {
        let now = *wire.borrow_and_update();
        if now == Wire::Refuses {
            listener = None;
            if wire.changed().await.is_err() {
                return;
            }
            continue;
        }
        let accepting = listener.get_or_insert_with(|| listening(address));
        tokio::select! {
            accepted = accepting.accept() => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(carry(client, upstream.clone(), wire.clone(), Arc::clone(&hits)));
                }
            }
            changed = wire.changed() => if changed.is_err() { return },
        }
    }
}

/// Carries one connection until either side, or the wire, ends it.
async fn carry(client: TcpStream, upstream: String, wire: watch::Receiver<Wire>, hits: Arc<AtomicUsize>) {
    let forgotten = *wire.borrow() == Wire::Forgets;
    let Ok(server) = TcpStream::connect(&upstream).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (asks, answered) = client.into_split();
    let (answers, asked) = server.into_split();
    let there = pump(Way::There, asks, asked, wire.clone(), &hits, forgotten);
    let back = pump(Way::Back, answers, answered, wire, &hits, forgotten);
    // When one half ends, both do: both sockets are dropped.
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

async fn pump(
    way: Way,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut wire: watch::Receiver<Wire>,
    hits: &AtomicUsize,
    mut forgotten: bool,
) {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = tokio::select! {
            read = from.read(&mut chunk) => match read {
                Ok(0) | Err(_) => None,
                Ok(read) => Some(read),
            },
            changed = wire.changed() => {
                let now = *wire.borrow_and_update();
                forgotten |= now == Wire::Forgets;
                if changed.is_err() || now == Wire::Refuses {
                    hits.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                continue;
            }
        };
        // A farewell is a message like any other: a dead wire does not carry it.
        if !passes(way, &mut wire, hits, &mut forgotten).await {
            return;
        }
        let Some(read) = read else { return };
        let now = *wire.borrow();
        match now {
            Wire::Cuts(cut) if cut == way => {
                hits.fetch_add(1, Ordering::SeqCst);
                let _ = to.write_all(&chunk[..read / 2]).await;
                return;
            }
            Wire::Delays(by) => {
                hits.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(by).await;
            }
            Wire::Passes | Wire::Refuses | Wire::Stalls | Wire::Forgets | Wire::Silent(_) | Wire::Cuts(_) => {}
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            return;
        }
    }
}

/// Waits until the wire lets bytes pass this way; false if it will not for this connection.
async fn passes(way: Way, wire: &mut watch::Receiver<Wire>, hits: &AtomicUsize, forgotten: &mut bool) -> bool {
    let mut met = false;
    loop {
        let now = *wire.borrow_and_update();
        *forgotten |= now == Wire::Forgets;
        if now == Wire::Refuses {
            return false;
        }
        if !now.holds(way) && !*forgotten {
            return true;
        }
        if !met {
            hits.fetch_add(1, Ordering::SeqCst);
            met = true;
        }
        if wire.changed().await.is_err() {
            return false;
        }
    }
}
