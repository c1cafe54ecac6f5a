//! A hostile client: its entry in the table, and the connections that it opens.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::wire::connection::Connection;

/// Source address of the attacks. It differs from that of the healthy clients, so that limits per peer count only the attack.
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Pause after a connection was closed or refused, before it is opened again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Size of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As in the table.
    Full,
    /// A tenth of the connections and of the bytes, for debug builds on small machines.
    Short,
}

/// An attack on a served flow.
#[derive(Clone, Copy)]
pub struct Attack {
    /// Protocol or part of the service that is attacked.
    pub group: &'static str,
    /// Group and name of the attack, as `group::name`.
    pub name: &'static str,
    /// Description of the data that is sent, for the printed table.
    pub sends: &'static str,
    /// Description of the bound that limits the effect of the attack, for the printed table.
    pub bound: &'static str,
    /// Effect against which a defence is still missing; `None` for an attack that is withstood.
    pub open: Option<&'static str>,
    pub(crate) run: fn(Attacker) -> Pin<Box<dyn Future<Output = ()> + Send>>,
}

/// Traffic of an attack.
#[derive(Debug, Default)]
pub(crate) struct Traffic {
    /// Connections that were accepted.
    pub(crate) connections: AtomicU64,
    /// Bytes that were sent.
    pub(crate) bytes: AtomicU64,
}

impl Traffic {
    /// Counts bytes that were sent.
    pub(crate) fn sent(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// Context of a running attack: the address of the service, the size of the attack, and the time at which it ends.
#[derive(Clone)]
pub(crate) struct Attacker {
    pub(crate) address: SocketAddr,
    pub(crate) form: Form,
    /// Time at which the attack stops.
    pub(crate) end: Instant,
    pub(crate) traffic: Arc<Traffic>,
}

impl Attacker {
    /// Returns a number of bytes, items or connections for this form of the attack: `full`, or a tenth of it.
    pub(crate) fn sized(&self, full: usize) -> usize {
        match self.form {
            Form::Full => full,
            Form::Short => full.div_ceil(10),
        }
    }

    /// Opens a connection.
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let socket = TcpSocket::new_v4()?;
        // Systems other than Linux have no second loopback address; there, the default source is used.
        let _ = socket.bind(SocketAddr::new(SOURCE, 0));
        let stream: TcpStream = socket.connect(self.address).await?;
        stream.set_nodelay(true)?;
        self.traffic.connections.fetch_add(1, Ordering::Relaxed);
        Ok(Connection::new(stream, Arc::clone(&self.traffic)))
    }

    /// Runs this number of sessions concurrently, and starts each again when it ends, until the end of the attack.
    /// A session opens its own connection.
    pub(crate) async fn swarm<F>(
        self,
        connections: usize,
        session: impl Fn(Self) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let end = self.end;
        let mut sessions = JoinSet::new();
        for _ in 0..connections {
            let (attacker, session) = (self.clone(), session.clone());
            sessions.spawn(async move {
                loop {
                    // Errors are the expected outcome: the service closes connections of hostile clients.
                    let _ = session(attacker.clone()).await;
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
            });
        }
        tokio::time::sleep_until(end).await;
    }

    /// Sends `bytes` on each of this number of connections, and discards replies until the service closes it.
    pub(crate) async fn send(self, connections: usize, bytes: impl AsRef<[u8]>) {
        let bytes: Arc<[u8]> = bytes.as_ref().into();
        let session = move |attacker: Self| {
            let bytes = Arc::clone(&bytes);
            async move {
                let mut connection = attacker.connect().await?;
                connection.send(&bytes).await?;
                connection.discard().await
            }
        };
        self.swarm(connections, session).await;
    }

    /// Sends `start` once and then `bytes` repeatedly on each of this number of connections. Replies are read and discarded
    /// if `reads` is true; otherwise they stay unread.
    pub(crate) async fn flood(self, connections: usize, start: &[u8], bytes: Vec<u8>, reads: bool) {
        let start: Arc<[u8]> = start.into();
        let bytes: Arc<[u8]> = bytes.into();
        let session = move |attacker: Self| {
            let (start, bytes) = (Arc::clone(&start), Arc::clone(&bytes));
            async move {
                let mut connection = attacker.connect().await?;
                connection.send(&start).await?;
                connection.flood(&bytes, reads).await
            }
        };
        self.swarm(connections, session).await;
    }

    /// Sends `start` once and then one byte per `interval` on each of this number of connections.
    pub(crate) async fn trickle(self, connections: usize, start: &[u8], byte: u8, interval: Duration) {
        let start: Arc<[u8]> = start.into();
        let session = move |attacker: Self| {
            let start = Arc::clone(&start);
            async move {
                let mut connection = attacker.connect().await?;
                connection.send(&start).await?;
                loop {
                    tokio::time::sleep(interval).await;
                    connection.send(&[byte]).await?;
                }
            }
        };
        self.swarm(connections, session).await;
    }
}
