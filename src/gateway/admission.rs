//! Admission control: bounds the requests and the bytes at the gateway.
//!
//! A request is admitted or rejected from its headers, before its body is read, so that a rejection costs little and
//! bytes in transit are counted. A credit is the right to be inside the flow; there are `prefetch` of them. A request
//! that waits for a credit queues here, and is rejected if its expected wait exceeds [`QUEUE_WAIT_MAX`]. The expected
//! wait follows from the mean sojourn time in the flow (Little's law), so a faster flow has a longer queue. The next
//! message of a stream waits on its connection instead (backpressure). The rate at which rejections are sent is bounded
//! in [`rejection_limiter`](super::rejection_limiter).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flowrun_sdk::Documents;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use super::bytes_permit::{ByteCapacity, BytesPermit, bytes_exceeded};
use super::request::Rejection;
use super::shutdown_phase::ShutdownPhase;
use crate::limits::{QUEUE_BURST, QUEUE_BYTES_MAX, QUEUE_MAX, QUEUE_WAIT_MAX, REPLY_BYTES_MIN};

/// Weight of the past in the moving average of sojourn times: about this many requests count.
const SOJOURN_WINDOW: u64 = 64;

/// Capacity of the gateway, in requests and in bytes.
#[derive(Debug)]
pub(super) struct Admission {
    requests: Arc<Semaphore>,
    /// Capacity for the bytes of requests and replies.
    pub(super) capacity: ByteCapacity,
    /// Maximum of requests inside the flow.
    credits: usize,
    /// Maximum of admitted requests: inside the flow or queued for a credit.
    requests_max: usize,
    /// Mean sojourn time of requests in the flow, in microseconds; 0 before the first request.
    sojourn_micros: AtomicU64,
    /// Phase of the shutdown: no request is admitted while draining.
    pub(super) shutdown: ShutdownPhase,
}

/// A request to be admitted.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdmissionRequest {
    /// Bytes of the request.
    pub(super) bytes: usize,
    /// Bytes that the client announced (0: unknown). They must fit into the free capacity, but hold none of it until
    /// they arrive.
    pub(super) announced: usize,
    /// True if the flow has no free credit, so that the request queues.
    pub(super) no_credit: bool,
    /// Longest acceptable wait for a credit; `None` for no bound.
    pub(super) max_wait: Option<Duration>,
}

/// Capacity for one request; dropping it frees the capacity.
#[derive(Debug)]
pub(super) struct Permit {
    /// Slot of the request; `None` while its body arrives slowly, and once the flow has answered.
    slot: Mutex<Option<OwnedSemaphorePermit>>,
    /// Capacity for the bytes of the request and of its reply.
    pub(super) bytes: Arc<BytesPermit>,
}

impl Admission {
    /// Capacity for `credits` requests inside the flow, and `queued` that wait for a credit (at most [`QUEUE_MAX`]);
    /// their bytes are bounded by [`QUEUE_BYTES_MAX`].
    pub(super) fn new(credits: usize, queued: usize) -> Self {
        let requests_max = credits + queued.min(QUEUE_MAX);
        Self {
            requests: Arc::new(Semaphore::new(requests_max)),
            capacity: ByteCapacity::new(QUEUE_BYTES_MAX),
            credits,
            requests_max,
            sojourn_micros: AtomicU64::new(0),
            shutdown: ShutdownPhase::default(),
        }
    }

    /// Bounds the bytes by `bytes_max`.
    #[must_use]
    pub(super) fn with_bytes_max(self, bytes_max: usize) -> Self {
        Self { capacity: ByteCapacity::new(bytes_max), ..self }
    }

    /// Admits or rejects a request. Never waits.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`] if requests, bytes or the expected wait exceed their maximum, and
    /// [`Rejection::Draining`].
    pub(super) fn admit(&self, request: AdmissionRequest) -> Result<Permit, Rejection> {
        self.admit_received(request, &Arc::new(self.bytes_permit()))
    }

    /// Like [`Admission::admit`], for a request whose message was received under the permit `bytes`.
    ///
    /// # Errors
    /// Those of [`Admission::admit`].
    pub(super) fn admit_received(
        &self,
        request: AdmissionRequest,
        bytes: &Arc<BytesPermit>,
    ) -> Result<Permit, Rejection> {
        if self.shutdown.is_draining() {
            return Err(Rejection::Draining);
        }
        if let (true, Some(max_wait)) = (request.no_credit, request.max_wait) {
            self.check_wait(max_wait)?;
        }
        let slot = self.slot()?;
        if request.announced > self.capacity.free() {
            return Err(bytes_exceeded());
        }
        bytes.try_grow_to(request.bytes)?;
        Ok(Permit { slot: Mutex::new(Some(slot)), bytes: Arc::clone(bytes) })
    }

    /// Acquires the slot of a permit again that was released while the body arrived.
    ///
    /// # Errors
    /// [`Rejection::Overloaded`] if other requests use all slots.
    pub(super) fn resume(&self, permit: &Permit) -> Result<(), Rejection> {
        let mut slot = permit.slot.lock();
        if slot.is_none() {
            *slot = Some(self.slot()?);
        }
        Ok(())
    }

    fn slot(&self) -> Result<OwnedSemaphorePermit, Rejection> {
        let unavailable = |error| match error {
            TryAcquireError::Closed => Rejection::Draining,
            TryAcquireError::NoPermits => {
                Rejection::Overloaded(format!("{} requests are in flight, the maximum", self.requests_max))
            }
        };
        Arc::clone(&self.requests).try_acquire_owned().map_err(unavailable)
    }

    /// Rejects a request whose expected wait for a credit exceeds `max_wait`.
    fn check_wait(&self, max_wait: Duration) -> Result<(), Rejection> {
        let queued = self.in_flight().saturating_sub(self.credits);
        let wait = self.expected_wait(queued);
        // A short queue is a burst, not an overload, unless the request has a tighter deadline of its own.
        let burst = queued < QUEUE_BURST && max_wait >= QUEUE_WAIT_MAX;
        if burst || wait <= max_wait {
            return Ok(());
        }
        let wait = wait.as_secs_f64();
        Err(Rejection::Overloaded(format!("{queued} requests are queued, an expected wait of {wait:.1} s")))
    }

    /// Expected wait for a credit after `queued` requests that wait for one.
    fn expected_wait(&self, queued: usize) -> Duration {
        let credits = self.credits.max(1) as u64;
        let sojourn = self.sojourn_micros.load(Ordering::Relaxed);
        Duration::from_micros(sojourn.saturating_mul(queued as u64) / credits)
    }

    /// Adds the time that a request spent in the flow to the moving average.
    pub(super) fn record_sojourn(&self, sojourn: Duration) {
        let sojourn = u64::try_from(sojourn.as_micros()).unwrap_or(u64::MAX).max(1);
        let mean = self.sojourn_micros.load(Ordering::Relaxed);
        // A concurrent update may be lost, which a mean of many tolerates.
        let mean = match mean {
            0 => sojourn,
            mean => mean - mean / SOJOURN_WINDOW + sojourn / SOJOURN_WINDOW,
        };
        self.sojourn_micros.store(mean, Ordering::Relaxed);
    }

    /// An empty permit, which grows as bytes are received.
    pub(super) fn bytes_permit(&self) -> BytesPermit {
        self.capacity.permit()
    }

    /// Number of admitted requests.
    pub(super) fn in_flight(&self) -> usize {
        self.requests_max - self.requests.available_permits()
    }

    /// Maximum of admitted requests.
    pub(super) fn requests_max(&self) -> usize {
        self.requests_max
    }

    /// Bytes that are in use, in whole pages.
    pub(super) fn bytes(&self) -> usize {
        self.capacity.bytes_max() - self.capacity.free()
    }
}

/// Longest acceptable wait for a credit: the time until the deadline of the request, at most [`QUEUE_WAIT_MAX`].
pub(super) fn max_wait(deadline: Option<Instant>) -> Duration {
    deadline.map_or(QUEUE_WAIT_MAX, |deadline| {
        deadline.saturating_duration_since(Instant::now()).min(QUEUE_WAIT_MAX)
    })
}

impl Permit {
    /// Grows by the documents of a reply. Waits until other requests free their bytes, at most for [`QUEUE_WAIT_MAX`].
    ///
    /// # Errors
    /// [`Rejection::Unanswered`] if there is no capacity by then.
    pub(super) async fn reserve_reply(&self, documents: &Documents) -> Result<(), Rejection> {
        let needed = self.bytes.bytes() + documents.memory_bytes() + REPLY_BYTES_MIN;
        self.bytes.grow_to(needed, QUEUE_WAIT_MAX).await.map_err(|_| Rejection::Unanswered)
    }

    /// Frees the slot, but not the bytes, until [`Admission::resume`].
    pub(super) fn release_slot(&self) {
        self.slot.lock().take();
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Document;

    use super::*;
    use crate::gateway::bytes_permit::PAGE;

    /// A request of `bytes` that arrives while credits are free.
    fn with_bytes(bytes: usize) -> AdmissionRequest {
        AdmissionRequest { bytes, announced: 0, no_credit: false, max_wait: Some(QUEUE_WAIT_MAX) }
    }

    #[test]
    fn dropping_a_permit_frees_its_capacity() {
        let admission = Admission::new(1, 1);
        let (first, _second) =
            (admission.admit(with_bytes(10)).unwrap(), admission.admit(with_bytes(10)).unwrap());
        assert!(matches!(admission.admit(with_bytes(10)), Err(Rejection::Overloaded(_))));
        drop(first);
        assert!(admission.admit(with_bytes(0)).is_ok());
    }

    #[test]
    fn bytes_are_bounded_apart_from_requests_and_as_they_arrive() {
        let admission = Admission::new(10, 0);
        let used = admission.capacity.fill(PAGE);
        assert_eq!(admission.bytes(), QUEUE_BYTES_MAX - PAGE);
        assert!(matches!(admission.admit(with_bytes(2 * PAGE)), Err(Rejection::Overloaded(_))));
        let small = admission.admit(with_bytes(1)).unwrap();
        small.bytes.try_grow_to(PAGE).unwrap();
        assert!(matches!(small.bytes.try_grow_to(PAGE + 1), Err(Rejection::Overloaded(_))));
        assert_eq!(admission.in_flight(), 1);
        drop(used);
        small.bytes.try_grow_to(PAGE + 1).unwrap();
    }

    #[test]
    fn announced_bytes_hold_no_capacity() {
        let admission = Admission::new(10, 0);
        let announced = |bytes| AdmissionRequest { announced: bytes, ..with_bytes(0) };
        let _held: Vec<_> =
            (0..8).map(|_| admission.admit(announced(QUEUE_BYTES_MAX / 2)).unwrap()).collect();
        assert_eq!(admission.bytes(), 0);
        let _received = admission.capacity.fill(PAGE);
        assert!(matches!(admission.admit(announced(2 * PAGE)), Err(Rejection::Overloaded(_))));
    }

    #[test]
    fn a_request_that_releases_its_slot_has_none_until_it_resumes() {
        let admission = Admission::new(1, 0);
        let slow = admission.admit(with_bytes(PAGE)).unwrap();
        slow.release_slot();
        assert_eq!((admission.in_flight(), admission.bytes()), (0, PAGE));
        let other = admission.admit(with_bytes(0)).unwrap();
        assert!(matches!(admission.resume(&slow), Err(Rejection::Overloaded(_))));
        drop(other);
        admission.resume(&slow).unwrap();
        assert_eq!(admission.in_flight(), 1);
    }

    #[tokio::test]
    async fn a_reply_without_capacity_is_not_sent() {
        let admission = Admission::new(1, 0).with_bytes_max(64 << 20);
        let permit = admission.admit(with_bytes(PAGE)).unwrap();
        let reply = Documents::from(vec![Document::new("a").with_text("x".repeat(1 << 20))]);
        permit.reserve_reply(&reply).await.unwrap();
        assert!(permit.bytes.bytes() > PAGE + (1 << 20));
        let _others = admission.capacity.fill(0);
        assert_eq!(permit.reserve_reply(&reply).await, Err(Rejection::Unanswered));
    }

    #[test]
    fn queue_length_is_throughput_times_the_longest_wait() {
        let credits = 10;
        let queue_length = |sojourn: Duration, max_wait: Duration| {
            let admission = Admission::new(credits, QUEUE_MAX);
            (0..100).for_each(|_| admission.record_sojourn(sojourn));
            let request =
                AdmissionRequest { bytes: 0, announced: 0, no_credit: true, max_wait: Some(max_wait) };
            let mut permits = Vec::new();
            while let Ok(permit) = admission.admit(request) {
                permits.push(permit);
            }
            let unbounded = admission.admit(AdmissionRequest { max_wait: None, ..request });
            assert_eq!(unbounded.is_ok(), permits.len() < credits + QUEUE_MAX);
            permits.len() - credits
        };
        // Ten requests per 50 ms are 200 per second.
        let within_wait = usize::try_from(200 * QUEUE_WAIT_MAX.as_millis() / 1000).unwrap();
        assert_eq!(queue_length(Duration::from_millis(50), QUEUE_WAIT_MAX), within_wait + 1);
        assert_eq!(queue_length(Duration::from_millis(1), QUEUE_WAIT_MAX), QUEUE_MAX);
        assert_eq!(queue_length(Duration::from_secs(60), QUEUE_WAIT_MAX), QUEUE_BURST);
        assert_eq!(queue_length(Duration::from_millis(50), QUEUE_WAIT_MAX / 2), within_wait / 2 + 1);
        assert_eq!(queue_length(Duration::from_secs(60), QUEUE_WAIT_MAX / 2), 1);
    }

    #[test]
    fn mean_sojourn_time_follows_recent_requests() {
        let admission = Admission::new(1, 0);
        assert_eq!(admission.expected_wait(5), Duration::ZERO);
        admission.record_sojourn(Duration::from_millis(8));
        assert_eq!(admission.expected_wait(5), Duration::from_millis(40));
        (0..1000).for_each(|_| admission.record_sojourn(Duration::from_millis(2)));
        let wait = admission.expected_wait(5);
        assert!(wait.abs_diff(Duration::from_millis(10)) < Duration::from_millis(1), "{wait:?}");
    }

    #[test]
    fn requests_are_rejected_while_draining() {
        let admission = Admission::new(1, 1);
        let _permit = admission.admit(with_bytes(0)).unwrap();
        admission.shutdown.start_draining();
        assert_eq!(admission.admit(with_bytes(0)).unwrap_err(), Rejection::Draining);
        assert_eq!(admission.in_flight(), 1);
    }
}
