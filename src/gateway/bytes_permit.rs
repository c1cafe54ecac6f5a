//! Capacity for bytes at the gateway: received and decoded parts of requests, and replies that are not written yet.
//!
//! Requests are admitted in [`admission`](super::admission), which owns the capacity.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::request::Rejection;
use crate::limits::{CLIENT_TIMEOUT, QUEUE_RESERVED_DIVISOR, READ_TIME_DIVISOR_MAX, SMALL_REQUEST_BYTES_MAX};

/// Unit in which bytes are counted, because a tokio semaphore has at most 2²⁹ permits on a 32-bit machine.
pub(super) const PAGE: usize = 4096;

/// Interval at which waiting tasks check for free capacity, and recompute [`ByteCapacity::read_time`].
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Capacity for bytes. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct ByteCapacity {
    pages: Arc<Semaphore>,
    bytes_max: usize,
}

/// Share of a capacity, which can grow; dropping it frees the share.
#[derive(Debug)]
pub(super) struct BytesPermit {
    capacity: ByteCapacity,
    held: Mutex<Option<OwnedSemaphorePermit>>,
}

impl ByteCapacity {
    /// Capacity for `bytes_max` bytes, in whole pages.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { pages: Arc::new(Semaphore::new(bytes_max / PAGE)), bytes_max }
    }

    /// A permit for no bytes yet.
    pub(super) fn permit(&self) -> BytesPermit {
        BytesPermit { capacity: self.clone(), held: Mutex::new(None) }
    }

    /// Uses all but `free` bytes of the capacity.
    #[cfg(test)]
    pub(super) fn fill(&self, free: usize) -> OwnedSemaphorePermit {
        let pages = u32::try_from((self.free() - free) / PAGE).unwrap();
        Arc::clone(&self.pages).try_acquire_many_owned(pages).unwrap()
    }

    /// Maximum of bytes.
    pub(super) fn bytes_max(&self) -> usize {
        self.bytes_max
    }

    /// Bytes that are not in use, in whole pages.
    pub(super) fn free(&self) -> usize {
        self.pages.available_permits() * PAGE
    }

    /// Current time limit for a client to read a reply: `limit` while at most half of the capacity is used. It shrinks
    /// linearly to `limit` / [`READ_TIME_DIVISOR_MAX`] as the rest is used up. The replies that have waited longest
    /// exceed it first, and the bytes that they free extend it again.
    pub(super) fn read_time(&self, limit: Duration) -> Duration {
        let half = (self.bytes_max / 2).max(1);
        let free_percent = u32::try_from(100 * self.free().min(half) / half).unwrap_or(100);
        let shortest = limit / READ_TIME_DIVISOR_MAX;
        shortest + (limit - shortest) * free_percent / 100
    }

    /// Waits until [`read_time`](Self::read_time) of `limit`, which is recomputed meanwhile, has passed.
    pub(super) async fn read_timeout(&self, limit: Duration) {
        let start = Instant::now();
        while start.elapsed() < self.read_time(limit) {
            tokio::time::sleep(CHECK_INTERVAL).await;
        }
    }
}

impl BytesPermit {
    /// Another permit of the same capacity, for no bytes yet.
    pub(super) fn another(&self) -> Self {
        self.capacity.permit()
    }

    /// Grows the permit to at least `bytes` in all. Never waits. A permit for more than [`SMALL_REQUEST_BYTES_MAX`]
    /// must leave a part of the capacity free, so that clients that send or request much cannot take all of it.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`] without capacity; the permit is unchanged.
    pub(super) fn try_grow_to(&self, bytes: usize) -> Result<(), Rejection> {
        let mut held = self.held.lock();
        let missing = missing_pages(held.as_ref(), bytes);
        if missing == 0 {
            return Ok(());
        }
        let left = self.capacity.free().saturating_sub(missing as usize * PAGE);
        let reserved = self.capacity.bytes_max / QUEUE_RESERVED_DIVISOR;
        if bytes > SMALL_REQUEST_BYTES_MAX && left < reserved {
            return Err(bytes_exceeded());
        }
        let pages = Arc::clone(&self.capacity.pages);
        merge(&mut held, pages.try_acquire_many_owned(missing).map_err(|_| bytes_exceeded())?);
        Ok(())
    }

    /// Like [`BytesPermit::try_grow_to`], but waits up to `limit` until other permits free their bytes.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`] if there is no capacity by then.
    pub(super) async fn grow_to(&self, bytes: usize, limit: Duration) -> Result<(), Rejection> {
        if self.try_grow_to(bytes).is_ok() {
            return Ok(());
        }
        // Bytes that the permit holds now may be freed meanwhile, with the message that they are for.
        let missing = bytes.saturating_sub(self.bytes());
        // Waiting in the queue of the semaphore would keep freed bytes from small requests until all of them are free.
        let growing = async {
            while self.try_grow_to(self.bytes() + missing).is_err() {
                tokio::time::sleep(CHECK_INTERVAL).await;
            }
        };
        tokio::time::timeout(limit, growing).await.map_err(|_| bytes_exceeded())
    }

    /// Like [`BytesPermit::grow_to`], for the next message of a stream: waits up to [`CLIENT_TIMEOUT`].
    ///
    /// # Errors
    /// [`Rejection::Overloaded`] if there is no capacity by then.
    pub(super) async fn grow_for_stream(&self, bytes: usize) -> Result<(), Rejection> {
        self.grow_to(bytes, CLIENT_TIMEOUT).await
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
        Self { capacity: self.capacity.clone(), held: Mutex::new(self.held.lock().take()) }
    }

    /// Bytes that the permit holds, in whole pages.
    pub(super) fn bytes(&self) -> usize {
        self.held.lock().as_ref().map_or(0, OwnedSemaphorePermit::num_permits) * PAGE
    }

    /// True if the permit holds no bytes.
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
    Rejection::Overloaded(
        "the memory of the gateway for requests and replies is in use, and this one does not fit".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const MAX: usize = 64 << 20;

    #[test]
    fn a_permit_can_be_moved_and_shrunk() {
        let capacity = ByteCapacity::new(MAX);
        let received = capacity.permit();
        received.try_grow_to(5 * PAGE).unwrap();
        let request = received.take();
        assert_eq!((received.is_empty(), request.bytes()), (true, 5 * PAGE));
        assert_eq!(capacity.free(), MAX - 5 * PAGE);
        request.shrink_to(2 * PAGE - 1);
        assert_eq!((request.bytes(), capacity.free()), (2 * PAGE, MAX - 2 * PAGE));
        request.shrink_to(4 * PAGE);
        assert_eq!(request.bytes(), 2 * PAGE);
    }

    #[test]
    fn large_requests_leave_capacity_for_small_ones() {
        let capacity = ByteCapacity::new(MAX);
        let (large, small) = (capacity.permit(), capacity.permit());
        let reserved = MAX / QUEUE_RESERVED_DIVISOR;
        large.try_grow_to(MAX - reserved).unwrap();
        assert!(matches!(large.try_grow_to(MAX - reserved + 1), Err(Rejection::Overloaded(_))));
        small.try_grow_to(SMALL_REQUEST_BYTES_MAX).unwrap();
        assert!(small.try_grow_to(2 * SMALL_REQUEST_BYTES_MAX).is_err());
    }

    #[tokio::test]
    async fn a_stream_that_waits_for_many_bytes_does_not_keep_small_requests_out() {
        let capacity = ByteCapacity::new(MAX);
        let (large, waiting, small) = (capacity.permit(), capacity.permit(), capacity.permit());
        large.try_grow_to(MAX / 2).unwrap();
        let growing = waiting.grow_for_stream(MAX / 2);
        tokio::pin!(growing);
        assert!((&mut growing).now_or_never().is_none());
        small.try_grow_to(SMALL_REQUEST_BYTES_MAX).unwrap();
        large.clear();
        growing.await.unwrap();
        assert_eq!(waiting.bytes(), MAX / 2);
    }

    #[test]
    fn readers_have_less_time_the_more_capacity_is_used() {
        let (capacity, limit) = (ByteCapacity::new(MAX), Duration::from_secs(10));
        let mut used = Vec::new();
        let mut times = vec![capacity.read_time(limit)];
        for _ in 0..MAX / SMALL_REQUEST_BYTES_MAX {
            let permit = capacity.permit();
            permit.try_grow_to(SMALL_REQUEST_BYTES_MAX).unwrap();
            used.push(permit);
            times.push(capacity.read_time(limit));
        }
        let (half_used, more_used) = times.split_at(used.len() / 2 + 1);
        assert!(half_used.iter().all(|time| *time == limit), "{times:?}");
        assert!(more_used.is_sorted_by(|one, next| one > next) && more_used[0] < limit, "{times:?}");
        assert_eq!(times.last(), Some(&(limit / READ_TIME_DIVISOR_MAX)));
    }
}
