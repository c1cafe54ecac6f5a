//! An address, and the connection that it has or will have.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::link::{Link, Manner};
use crate::{Address, Unreachable, backoff};

/// An address, and the connection that it has or will have.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) address: Address,
    /// Calls that may be under way here.
    pub(crate) room: Semaphore,
    /// Calls that are under way here, or wait for room.
    under_way: AtomicUsize,
    state: Mutex<State>,
    /// Held by the one who connects.
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    link: Option<Link>,
    /// Failures, one behind the other.
    failures: u32,
    /// Not before then, if there are others.
    aside_until: Option<Instant>,
    /// Why it cannot be reached; none while it can, and before anybody has tried.
    trouble: Option<String>,
}

/// A call that is under way at a place, for as long as this is held.
pub(crate) struct UnderWay<'a>(&'a Place);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Place {
    /// A place for so many calls at once.
    pub(crate) fn new(address: Address, calls: usize) -> Self {
        Self {
            address,
            room: Semaphore::new(calls.max(1)),
            under_way: AtomicUsize::new(0),
            state: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
        }
    }

    /// Takes note of a call.
    pub(crate) fn enter(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::Relaxed);
        UnderWay(self)
    }

    /// Calls under way here.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Until when the place is set aside, if it is.
    pub(crate) fn aside(&self, now: Instant) -> Option<Instant> {
        self.state.lock().aside_until.filter(|until| *until > now)
    }

    /// The connection, if there is one.
    pub(crate) fn link(&self) -> Option<Link> {
        self.state.lock().link.clone().filter(|link| !link.is_closed())
    }

    /// The connection, made if there is none.
    pub(crate) async fn connect(&self, manner: &Manner) -> Result<Link, Unreachable> {
        if let Some(link) = self.link() {
            return Ok(link);
        }
        let _connecting = self.connecting.lock().await;
        // Another one may have connected meanwhile.
        if let Some(link) = self.link() {
            return Ok(link);
        }
        let made = Link::make(&self.address, manner).await;
        let mut state = self.state.lock();
        match &made {
            Ok(link) => {
                state.link = Some(link.clone());
                state.trouble = None;
            }
            Err(unreachable) => state.trouble = Some(unreachable.reason.clone()),
        }
        made
    }

    /// Somebody answered here.
    pub(crate) fn answered(&self) {
        let mut state = self.state.lock();
        if state.failures > 0 || state.trouble.is_some() {
            *state = State { link: state.link.take(), ..State::default() };
        }
    }

    /// Nobody answered here, for this reason: others come first for a while.
    pub(crate) fn set_aside(&self, reason: &str) {
        let mut state = self.state.lock();
        state.failures = state.failures.saturating_add(1);
        state.aside_until = Instant::now().checked_add(backoff::aside(state.failures));
        state.trouble = Some(reason.to_owned());
    }

    /// Why nobody answers here, as far as anybody knows.
    pub(crate) fn trouble(&self) -> Option<String> {
        let state = self.state.lock();
        match (&state.trouble, &state.link) {
            (Some(trouble), _) => Some(trouble.clone()),
            (None, Some(link)) if link.is_closed() => Some("the connection is closed".to_owned()),
            (None, Some(_)) => None,
            (None, None) => Some("nobody has been reached yet".to_owned()),
        }
    }
}
