//! An address of a remote executor with its connection, its calls in flight and its recent failures. The endpoint of a
//! request (`/index`) is another concept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::metadata::Metadata;
use crate::peer::{Peer, PeerOptions};
use crate::{Address, Unreachable, backoff};

/// An address, its connection if there is one, and its state.
#[derive(Debug)]
pub(crate) struct Endpoint {
    /// The address of the server.
    pub(crate) address: Address,
    /// Name in messages: the address, and the number of the replica if it is that of a worker.
    pub(crate) label: String,
    /// Metadata of every call.
    pub(crate) metadata: Metadata,
    /// Permits for concurrent calls.
    pub(crate) permits: Semaphore,
    /// Calls in flight, those waiting for a permit included.
    in_flight: AtomicUsize,
    state: Mutex<State>,
    /// Held while connecting, so that concurrent calls share one attempt.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    peer: Option<Peer>,
    /// Consecutive failures.
    failures: u32,
    /// Other endpoints are preferred until then.
    ejected_until: Option<Instant>,
    /// The cause of the last failure; `None` while the endpoint works and before the first attempt.
    failure: Option<String>,
}

/// Counts a call as in flight until dropped.
pub(crate) struct InFlight<'a>(&'a Endpoint);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Endpoint {
    /// An endpoint with up to `calls` concurrent calls, at least one, each with `metadata`.
    pub(crate) fn new(address: Address, calls: usize, metadata: Metadata) -> Self {
        Self {
            label: address.to_string(),
            address,
            metadata,
            permits: Semaphore::new(calls.max(1)),
            in_flight: AtomicUsize::new(0),
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Names the replica of a worker in messages.
    pub(crate) fn with_replica(self, replica: usize) -> Self {
        Self { label: format!("replica {replica} at {}", self.address), ..self }
    }

    /// Counts a call as in flight while the guard is held.
    pub(crate) fn track_call(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Number of calls in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// End of the ejection; `None` if the endpoint is not ejected at `now`.
    pub(crate) fn ejected_until(&self, now: Instant) -> Option<Instant> {
        self.state.lock().ejected_until.filter(|until| *until > now)
    }

    /// The open connection, if there is one.
    pub(crate) fn peer(&self) -> Option<Peer> {
        self.state.lock().peer.clone().filter(|peer| !peer.is_closed())
    }

    /// Returns the open connection, and establishes one if there is none.
    ///
    /// # Errors
    /// [`Unreachable`] if no connection can be established; the cause is then the endpoint's [`failure`](Self::failure).
    pub(crate) async fn connect(&self, options: &PeerOptions) -> Result<Peer, Unreachable> {
        if let Some(peer) = self.peer() {
            return Ok(peer);
        }
        let _connecting = self.connecting.lock().await;
        // A concurrent call may have connected in the meantime.
        if let Some(peer) = self.peer() {
            return Ok(peer);
        }
        let connected = Peer::connect(&self.address, &self.metadata, options).await;
        let mut state = self.state.lock();
        match &connected {
            Ok(peer) => {
                state.peer = Some(peer.clone());
                state.failure = None;
            }
            Err(unreachable) => state.failure = Some(unreachable.reason.clone()),
        }
        connected
    }

    /// Records a successful call or connection: ends the ejection.
    pub(crate) fn record_success(&self) {
        let mut state = self.state.lock();
        if state.failures > 0 || state.failure.is_some() {
            *state = State { peer: state.peer.take(), ..State::default() };
        }
    }

    /// Records a failed attempt and ejects the endpoint, for longer with each consecutive failure.
    pub(crate) fn eject(&self, reason: &str) {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.ejected_until = Instant::now().checked_add(backoff::ejection_time(state.failures));
        state.failure = Some(reason.to_owned());
    }

    /// The reason why calls would fail now, as far as known; `None` if the endpoint works.
    pub(crate) fn failure(&self) -> Option<String> {
        let state = self.state.lock();
        match (&state.failure, &state.peer) {
            (Some(failure), _) => Some(failure.clone()),
            (None, Some(peer)) if peer.is_closed() => Some("the connection is closed".to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("not connected yet".to_owned()),
        }
    }
}
