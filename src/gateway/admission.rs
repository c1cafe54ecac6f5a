//! Who is let in. A [`Ticket`] is room: for one request, and for its bytes.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use super::exchange::Refusal;
use crate::limits::{QUEUE_BYTES_MAX, QUEUE_MAX};

/// Bytes are counted in pages, because a semaphore counts up to 2²⁹ only.
const PAGE: usize = 4096;

/// The room at the gateway.
#[derive(Debug)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    pages: Arc<Semaphore>,
    /// Requests that have room, and so how many there are to be waited for.
    requests_max: usize,
    ending: watch::Sender<bool>,
}

/// Room for one request, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    _request: OwnedSemaphorePermit,
    _pages: OwnedSemaphorePermit,
}

impl Admission {
    /// Room for the requests that are inside a flow with so many credits, and for those that wait for one.
    pub(super) fn new(credits: usize, waiting: usize) -> Self {
        let requests_max = credits + waiting.min(QUEUE_MAX);
        Self {
            requests: Arc::new(Semaphore::new(requests_max)),
            pages: Arc::new(Semaphore::new(QUEUE_BYTES_MAX / PAGE)),
            requests_max,
            ending: watch::Sender::new(false),
        }
    }

    /// Lets a request of so many bytes in, or says at once why not.
    ///
    /// # Errors
    /// [`Refusal::Overloaded`] and [`Refusal::Ending`].
    pub(super) fn enter(&self, bytes: usize) -> Result<Ticket, Refusal> {
        if *self.ending.borrow() {
            return Err(Refusal::Ending);
        }
        let taken = |error| match error {
            TryAcquireError::Closed => Refusal::Ending,
            TryAcquireError::NoPermits => {
                Refusal::Overloaded(format!("{} requests are under way", self.requests_max))
            }
        };
        let request = Arc::clone(&self.requests).try_acquire_owned().map_err(taken)?;
        let pages = u32::try_from(bytes.div_ceil(PAGE)).unwrap_or(u32::MAX);
        let full = |_| {
            let most = QUEUE_BYTES_MAX >> 20;
            Refusal::Overloaded(format!("its requests hold {most} MiB, and this one does not fit"))
        };
        let pages = Arc::clone(&self.pages).try_acquire_many_owned(pages).map_err(full)?;
        Ok(Ticket { _request: request, _pages: pages })
    }

    /// Requests that have room now.
    pub(super) fn under_way(&self) -> usize {
        self.requests_max - self.requests.available_permits()
    }

    /// How many can have room.
    pub(super) fn requests_max(&self) -> usize {
        self.requests_max
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_given_back_and_no_more_than_there_is() {
        let admission = Admission::new(1, 1);
        let (first, _second) = (admission.enter(10).unwrap(), admission.enter(10).unwrap());
        assert!(matches!(admission.enter(10), Err(Refusal::Overloaded(_))));
        drop(first);
        assert!(admission.enter(0).is_ok());
    }

    #[test]
    fn bytes_are_counted_beside_requests() {
        let admission = Admission::new(10, 0);
        let _large = admission.enter(QUEUE_BYTES_MAX - PAGE).unwrap();
        assert!(matches!(admission.enter(2 * PAGE), Err(Refusal::Overloaded(_))));
        assert!(admission.enter(PAGE).is_ok());
        assert_eq!(admission.under_way(), 1);
    }

    #[test]
    fn nobody_is_let_in_at_the_end() {
        let admission = Admission::new(1, 1);
        let _inside = admission.enter(0).unwrap();
        admission.end();
        assert_eq!(admission.enter(0).unwrap_err(), Refusal::Ending);
        assert_eq!(admission.under_way(), 1);
    }
}
