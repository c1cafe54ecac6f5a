//! Capacity for bytes at the gateway: received parts of requests, and replies that are not written yet.
//!
//! Requests are admitted in [`admission`](super::admission), which owns the capacity.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::request::Rejection;
use crate::limits::{CLIENT_TIMEOUT, QUEUE_BYTES_MAX, QUEUE_BYTES_RESERVED, SMALL_BODY_BYTES_MAX};

/// Unit in which bytes are counted, because a tokio semaphore has at most 2²⁹ permits on a 32-bit machine.
pub(super) const PAGE: usize = 4096;

/// Capacity for bytes, which can grow; dropping it frees the capacity.
#[derive(Debug)]
pub(super) struct BytesPermit {
    pages: Arc<Semaphore>,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl BytesPermit {
    /// A permit for no bytes yet, that takes its capacity from `pages`.
    pub(super) fn new(pages: &Arc<Semaphore>) -> Self {
        Self { pages: Arc::clone(pages), held: Mutex::new(None) }
    }

    /// Grows the permit to `bytes` in all, for an unfinished body. Large bodies leave [`QUEUE_BYTES_RESERVED`] free,
    /// so that clients that announce or send much cannot take all capacity. Never waits.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`].
    pub(super) fn try_grow_body_to(&self, bytes: usize) -> Result<(), Rejection> {
        let missing = missing_pages(self.held.lock().as_ref(), bytes) as usize;
        let free = self.pages.available_permits().saturating_sub(missing) * PAGE;
        if missing > 0 && bytes > SMALL_BODY_BYTES_MAX && free < QUEUE_BYTES_RESERVED {
            return Err(bytes_exceeded());
        }
        self.try_grow_to(bytes)
    }

    /// Grows the permit to at least `bytes` in all. Never waits.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`].
    pub(super) fn try_grow_to(&self, bytes: usize) -> Result<(), Rejection> {
        let mut held = self.held.lock();
        let missing = missing_pages(held.as_ref(), bytes);
        if missing > 0 {
            let more =
                Arc::clone(&self.pages).try_acquire_many_owned(missing).map_err(|_| bytes_exceeded())?;
            merge(&mut held, more);
        }
        Ok(())
    }

    /// Grows the permit to at least `bytes` in all, waiting up to [`CLIENT_TIMEOUT`] until other requests free theirs.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`].
    pub(super) async fn grow_to(&self, bytes: usize) -> Result<(), Rejection> {
        let missing = missing_pages(self.held.lock().as_ref(), bytes);
        let more = Arc::clone(&self.pages).acquire_many_owned(missing);
        let more = tokio::time::timeout(CLIENT_TIMEOUT, more).await.map_err(|_| bytes_exceeded())?;
        merge(&mut self.held.lock(), more.map_err(|_| bytes_exceeded())?);
        Ok(())
    }

    /// Frees the bytes beyond `bytes`.
    pub(super) fn shrink_to(&self, bytes: usize) {
        let mut held = self.held.lock();
        if let Some(permit) = held.as_mut() {
            let excess = permit.num_permits().saturating_sub(bytes.div_ceil(PAGE));
            drop(permit.split(excess));
        }
    }

    /// Moves all bytes into a new permit, and leaves this one empty.
    pub(super) fn take(&self) -> Self {
        Self { pages: Arc::clone(&self.pages), held: Mutex::new(self.held.lock().take()) }
    }

    /// Bytes that the permit is for, in whole pages.
    pub(super) fn bytes(&self) -> usize {
        self.held.lock().as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * PAGE
    }

    /// True if the permit is for no bytes.
    pub(super) fn is_empty(&self) -> bool {
        self.held.lock().is_none()
    }

    /// Frees all bytes.
    pub(super) fn clear(&self) {
        self.held.lock().take();
    }
}

fn missing_pages(held: Option<&OwnedSemaphorePermit>, bytes: usize) -> u32 {
    let held = held.map_or(0, OwnedSemaphorePermit::num_permits);
    u32::try_from(bytes.div_ceil(PAGE).saturating_sub(held)).unwrap_or(u32::MAX)
}

fn merge(held: &mut Option<OwnedSemaphorePermit>, more: OwnedSemaphorePermit) {
    match held {
        Some(held) => held.merge(more),
        None => *held = Some(more),
    }
}

/// Rejection of bytes beyond the capacity.
pub(super) fn bytes_exceeded() -> Rejection {
    let max = QUEUE_BYTES_MAX >> 20;
    Rejection::Overloaded(format!(
        "requests and replies in flight may hold {max} MiB, and this one does not fit"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::admission::Admission;

    #[test]
    fn a_permit_can_be_moved_and_shrunk() {
        let admission = Admission::new(10, 0);
        let received = admission.bytes_permit();
        received.try_grow_to(5 * PAGE).unwrap();
        let request = received.take();
        assert_eq!((received.is_empty(), request.bytes(), admission.bytes()), (true, 5 * PAGE, 5 * PAGE));
        request.shrink_to(2 * PAGE - 1);
        assert_eq!((request.bytes(), admission.bytes()), (2 * PAGE, 2 * PAGE));
        request.shrink_to(4 * PAGE);
        assert_eq!(request.bytes(), 2 * PAGE);
    }

    #[test]
    fn large_bodies_leave_capacity_for_small_ones() {
        let admission = Admission::new(10, 0);
        let (large, small) = (admission.bytes_permit(), admission.bytes_permit());
        large.try_grow_body_to(QUEUE_BYTES_MAX - QUEUE_BYTES_RESERVED).unwrap();
        assert!(matches!(large.try_grow_body_to(QUEUE_BYTES_MAX), Err(Rejection::Overloaded(_))));
        small.try_grow_body_to(SMALL_BODY_BYTES_MAX).unwrap();
        assert!(small.try_grow_body_to(2 * SMALL_BODY_BYTES_MAX).is_err());
    }
}
