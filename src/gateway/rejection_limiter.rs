//! Limits the rate at which rejections are sent.
//!
//! A rejection costs little, but clients that retry immediately would leave no time for admitted requests. A burst of
//! [`REJECTIONS_BURST`] and then [`REJECTIONS_PER_SECOND`] are sent immediately; the rest are delayed, by at most
//! [`Rejection::RETRY_AFTER`]. Clients that obey `Retry-After` do not reach this rate.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::request::Rejection;
use crate::limits::{REJECTIONS_BURST, REJECTIONS_PER_SECOND};

/// The limiter, shared by all connections.
#[derive(Debug)]
pub(super) struct RejectionLimiter {
    /// Theoretical arrival time of the next rejection.
    next: Mutex<Instant>,
}

impl RejectionLimiter {
    pub(super) fn new() -> Self {
        Self { next: Mutex::new(Instant::now()) }
    }

    /// Waits until a rejection may be sent. Only [`Rejection::Overloaded`] is limited.
    pub(super) async fn wait(&self, rejection: &Rejection) {
        if matches!(rejection, Rejection::Overloaded(_)) {
            let delay = self.delay(Instant::now());
            if !delay.is_zero() {
                tokio::time::sleep(delay).await;
            }
        }
    }

    /// Delay of the next rejection, by the generic cell rate algorithm (ITU-T I.371).
    fn delay(&self, now: Instant) -> Duration {
        let interval = Duration::from_secs(1) / REJECTIONS_PER_SECOND;
        let burst = interval * REJECTIONS_BURST;
        let mut next = self.next.lock();
        let delay = next.saturating_duration_since(now + burst);
        if delay >= Rejection::RETRY_AFTER {
            return Rejection::RETRY_AFTER;
        }
        *next = (*next).max(now) + interval;
        delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_sent_immediately_and_the_rest_within_the_retry_interval() {
        let (limiter, start) = (RejectionLimiter::new(), Instant::now());
        let delays: Vec<Duration> =
            (0..REJECTIONS_BURST + 3 * REJECTIONS_PER_SECOND).map(|_| limiter.delay(start)).collect();
        let immediate = delays.iter().filter(|delay| delay.is_zero()).count();
        assert!(
            (REJECTIONS_BURST as usize..=REJECTIONS_BURST as usize + 1).contains(&immediate),
            "{immediate}"
        );
        assert!(delays.is_sorted() && delays.last() == Some(&Rejection::RETRY_AFTER));
        let within = |limit: f64| delays.iter().filter(|delay| delay.as_secs_f64() < limit).count();
        let half = (REJECTIONS_BURST + REJECTIONS_PER_SECOND / 2) as usize;
        assert!(within(0.5).abs_diff(half) <= 2, "{}", within(0.5));
    }

    #[test]
    fn rejections_at_the_sustained_rate_are_never_delayed() {
        let (limiter, mut now) = (RejectionLimiter::new(), Instant::now());
        for _ in 0..3 * REJECTIONS_PER_SECOND {
            assert_eq!(limiter.delay(now), Duration::ZERO);
            now += Duration::from_secs(1) / REJECTIONS_PER_SECOND;
        }
        // After an idle second a full burst is available again.
        now += Duration::from_secs(1);
        assert!((0..REJECTIONS_BURST).all(|_| limiter.delay(now).is_zero()));
    }
}
