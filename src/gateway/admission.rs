//! Who is let in. A [`Ticket`] is room: for one request, and for its bytes.
//!
//! A request is let in or refused by its head, before its body has come: what is refused costs next to nothing, and
//! what is on its way is counted. Whoever cannot be held back waits no longer than [`QUEUE_WAIT_MAX`]: how long that would
//! be follows from how long requests stay inside (Little's law), so that the queue is as long as the flow is fast.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use super::exchange::Refusal;
use crate::limits::{CLIENT_TIMEOUT, QUEUE_BURST, QUEUE_BYTES_MAX, QUEUE_MAX, QUEUE_WAIT_MAX};

/// Bytes are counted in pages, because a semaphore counts up to 2²⁹ only.
const PAGE: usize = 4096;

/// The last so many requests, about, make the mean stay.
const STAYS: u64 = 64;

/// The room at the gateway.
#[derive(Debug)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    /// Requests that are inside the flow at once.
    credits: usize,
    /// Requests that have room, and so how many there are to be waited for.
    requests_max: usize,
    /// How long a request is inside the flow, in the mean, in microseconds; 0 when none was yet.
    stay: AtomicU64,
    ending: watch::Sender<bool>,
}

/// A request that wants to be let in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entrance {
    /// Bytes that it is known to have.
    pub(super) bytes: usize,
    /// Whether every credit is taken, so that it will wait.
    pub(super) full: bool,
    /// How long it may wait; `None` when it waits as long as it takes.
    pub(super) patience: Option<Duration>,
}

/// Room for one request, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    _request: OwnedSemaphorePermit,
    /// Room for its bytes.
    pub(super) hold: Arc<Hold>,
}

/// Room for bytes, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Hold {
    pages: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Admission {
    /// Room for the requests that are inside a flow with so many credits, and for those that wait for one.
    pub(super) fn new(credits: usize, waiting: usize) -> Self {
        let requests_max = credits + waiting.min(QUEUE_MAX);
        Self {
            requests: Arc::new(Semaphore::new(requests_max)),
            pages: Arc::new(Semaphore::new(QUEUE_BYTES_MAX / PAGE)),
            credits,
            requests_max,
            stay: AtomicU64::new(0),
            ending: watch::Sender::new(false),
        }
    }

    /// Lets a request in, or says at once why not.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] and [`Refusal::Ending`].
    pub(super) fn enter(&self, entrance: Entrance) -> Result<Ticket, Refusal> {
        if *self.ending.borrow() {
            return Err(Refusal::Ending);
        }
        if let (true, Some(patience)) = (entrance.full, entrance.patience) {
            self.in_time(patience)?;
        }
        let taken = |error| match error {
            TryAcquireError::Closed => Refusal::Ending,
            TryAcquireError::NoPermits => {
                Refusal::Overloaded(format!("{} requests are under way", self.requests_max))
            }
        };
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(taken)?;
        let hold = self.hold();
        hold.at_least(entrance.bytes)?;
        Ok(Ticket { _request: request, hold: Arc::new(hold) })
    }

    /// Whether one more has its turn soon enough.
    fn in_time(&self, patience: Duration) -> Result<(), Refusal> {
        let waiting = self.under_way().saturating_sub(self.credits);
        let wait = self.wait_behind(waiting);
        // A burst is no overload, but who is sure to be too late is told so.
        let short = waiting < QUEUE_BURST && patience >= QUEUE_WAIT_MAX;
        if short || wait <= patience {
            return Ok(());
        }
        let wait = wait.as_secs_f64();
        Err(Refusal::Overloaded(format!("{waiting} requests wait before this one, some {wait:.1} s")))
    }

    /// How long somebody waits for a credit behind so many who do.
    fn wait_behind(&self, waiting: usize) -> Duration {
        let credits = self.credits.max(1) as u64;
        Duration::from_micros(self.stay.load(Ordering::Relaxed).saturating_mul(waiting as u64) / credits)
    }

    /// Notes how long a request was inside the flow.
    pub(super) fn stayed(&self, stay: Duration) {
        let stay = u64::try_from(stay.as_micros()).unwrap_or(u64::MAX).max(1);
        let mean = self.stay.load(Ordering::Relaxed);
        // Of two at the same time one may be forgotten: it is a mean of many.
        let mean = if mean == 0 { stay } else { mean - mean / STAYS + stay / STAYS };
        self.stay.store(mean, Ordering::Relaxed);
    }

    /// Room for no bytes yet.
    pub(super) fn hold(&self) -> Hold {
        Hold { pages: Arc::clone(&self.pages), held: Mutex::new(None) }
    }

    /// Requests that have room now.
    pub(super) fn under_way(&self) -> usize {
        self.requests_max - self.requests.available_permits()
    }

    /// How many can have room.
    pub(super) fn requests_max(&self) -> usize {
        self.requests_max
    }

    /// Bytes that have room now, in whole pages.
    pub(super) fn bytes(&self) -> usize {
        QUEUE_BYTES_MAX - self.pages.available_permits() * PAGE
    }

    /// Lets nobody in any more. Those who have room keep it.
    pub(super) fn end(&self) {
        self.ending.send_replace(true);
    }

    /// Whether nobody is let in any more.
    pub(super) fn is_ending(&self) -> bool {
        *self.ending.borrow()
    }

    /// Waits until nobody is let in any more.
    pub(super) async fn ended(&self) {
        // The sender lives as long as this does.
        let _ = self.ending.subscribe().wait_for(|ending| *ending).await;
    }
}

/// How long a request waits that came with this deadline.
pub(super) fn patience(deadline: Option<Instant>) -> Duration {
    deadline.map_or(QUEUE_WAIT_MAX, |deadline| {
        deadline.saturating_duration_since(Instant::now()).min(QUEUE_WAIT_MAX)
    })
}

impl Hold {
    /// Has room for so many bytes in all, or says at once that there is none.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`].
    pub(super) fn at_least(&self, bytes: usize) -> Result<(), Refusal> {
        let mut held = self.held.lock();
        let more = missing(held.as_ref(), bytes);
        if more > 0 {
            let more = Arc::clone(&self.pages).try_acquire_many_owned(more).map_err(|_| full())?;
            join(&mut held, more);
        }
        Ok(())
    }

    /// The same, waiting for others to make room as long as a client may take to send a request.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`].
    pub(super) async fn wait_for(&self, bytes: usize) -> Result<(), Refusal> {
        let more = missing(self.held.lock().as_ref(), bytes);
        let more = Arc::clone(&self.pages).acquire_many_owned(more);
        let more = tokio::time::timeout(CLIENT_TIMEOUT, more).await.map_err(|_| full())?;
        join(&mut self.held.lock(), more.map_err(|_| full())?);
        Ok(())
    }

    /// Whether it holds nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.held.lock().is_none()
    }

    /// Gives all back.
    pub(super) fn clear(&self) {
        self.held.lock().take();
    }
}

fn missing(held: Option<&OwnedSemaphorePermit>, bytes: usize) -> u32 {
    let held = held.map_or(0, OwnedSemaphorePermit::num_permits);
    u32::try_from(bytes.div_ceil(PAGE).saturating_sub(held)).unwrap_or(u32::MAX)
}

fn join(held: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
}

fn full() -> Refusal {
    let most = QUEUE_BYTES_MAX >> 20;
    Refusal::Overloaded(format!("its requests hold {most} MiB, and this one does not fit"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A request of so many bytes that comes when there are credits.
    fn of(bytes: usize) -> Entrance {
        Entrance { bytes, full: false, patience: Some(QUEUE_WAIT_MAX) }
    }

    #[test]
    fn room_is_given_back_and_no_more_than_there_is() {
        let admission = Admission::new(1, 1);
        let (first, _second) = (admission.enter(of(10)).unwrap(), admission.enter(of(10)).unwrap());
        assert!(matches!(admission.enter(of(10)), Err(Refusal::Overloaded(_))));
        drop(first);
        assert!(admission.enter(of(0)).is_ok());
    }

    #[test]
    fn bytes_are_counted_beside_requests_and_as_they_come() {
        let admission = Admission::new(10, 0);
        let large = admission.enter(of(0)).unwrap();
        large.hold.at_least(QUEUE_BYTES_MAX - PAGE).unwrap();
        large.hold.at_least(PAGE).unwrap();
        assert_eq!(admission.bytes(), QUEUE_BYTES_MAX - PAGE);
        assert!(matches!(admission.enter(of(2 * PAGE)), Err(Refusal::Overloaded(_))));
        let small = admission.enter(of(1)).unwrap();
        small.hold.at_least(PAGE).unwrap();
        assert!(matches!(small.hold.at_least(PAGE + 1), Err(Refusal::Overloaded(_))));
        assert_eq!(admission.under_way(), 2);
        large.hold.clear();
        small.hold.at_least(PAGE + 1).unwrap();
    }

    #[test]
    fn the_queue_is_as_long_as_the_flow_is_fast() {
        let credits = 10;
        let most_of = |stay: Duration, patience: Duration| {
            let admission = Admission::new(credits, QUEUE_MAX);
            (0..100).for_each(|_| admission.stayed(stay));
            let entrance = Entrance { bytes: 0, full: true, patience: Some(patience) };
            let mut inside = Vec::new();
            while let Ok(ticket) = admission.enter(entrance) {
                inside.push(ticket);
            }
            let unasked = admission.enter(Entrance { patience: None, ..entrance });
            assert_eq!(unasked.is_ok(), inside.len() < credits + QUEUE_MAX);
            inside.len() - credits
        };
        // Ten in 50 ms are two hundred in a second.
        let in_a_second = usize::try_from(200 * QUEUE_WAIT_MAX.as_millis() / 1000).unwrap();
        assert_eq!(most_of(Duration::from_millis(50), QUEUE_WAIT_MAX), in_a_second + 1);
        assert_eq!(most_of(Duration::from_millis(1), QUEUE_WAIT_MAX), QUEUE_MAX);
        assert_eq!(most_of(Duration::from_secs(60), QUEUE_WAIT_MAX), QUEUE_BURST);
        assert_eq!(most_of(Duration::from_millis(50), QUEUE_WAIT_MAX / 2), in_a_second / 2 + 1);
        assert_eq!(most_of(Duration::from_secs(60), QUEUE_WAIT_MAX / 2), 1);
    }

    #[test]
    fn the_mean_stay_follows_the_last_requests() {
        let admission = Admission::new(1, 0);
        assert_eq!(admission.wait_behind(5), Duration::ZERO);
        admission.stayed(Duration::from_millis(8));
        assert_eq!(admission.wait_behind(5), Duration::from_millis(40));
        (0..1000).for_each(|_| admission.stayed(Duration::from_millis(2)));
        let wait = admission.wait_behind(5);
        assert!(wait.abs_diff(Duration::from_millis(10)) < Duration::from_millis(1), "{wait:?}");
    }

    #[test]
    fn nobody_is_let_in_at_the_end() {
        let admission = Admission::new(1, 1);
        let _inside = admission.enter(of(0)).unwrap();
        admission.end();
        assert_eq!(admission.enter(of(0)).unwrap_err(), Refusal::Ending);
        assert_eq!(admission.under_way(), 1);
    }
}
