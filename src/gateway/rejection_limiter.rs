//! Refusals at a pace. A refusal costs little, but clients that ask again at once whenever they are refused would ask so
//! often that nothing is left for the work that was let in. So a burst is told at once, and so many a second after it, which
//! clients that wait as they are told do not reach; the others hear it later, up to the second that they should have waited.

use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::exchange::Refusal;
use crate::limits::{REJECTIONS_BURST, REJECTIONS_PER_SECOND};

/// When refusals are told.
#[derive(Debug)]
pub(super) struct Refusals {
    /// When the next would be due if there were no bursts.
    due: Mutex<Instant>,
}

impl Refusals {
    pub(super) fn new() -> Self {
        Self { due: Mutex::new(Instant::now()) }
    }

    /// Returns when a refusal is to be told. Only that there is no room is told at a pace.
    pub(super) async fn turn(&self, refusal: &Refusal) {
        if matches!(refusal, Refusal::Overloaded(_)) {
            let wait = self.wait(Instant::now());
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
            }
        }
    }

    /// How long the next refusal waits, as the generic cell rate algorithm has it (ITU-T I.371).
    fn wait(&self, now: Instant) -> Duration {
        let each = Duration::from_secs(1) / REJECTIONS_PER_SECOND;
        let burst = each * REJECTIONS_BURST;
        let mut due = self.due.lock();
        let wait = due.saturating_duration_since(now + burst);
        if wait >= Refusal::RETRY_AFTER {
            return Refusal::RETRY_AFTER;
        }
        *due = (*due).max(now) + each;
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_told_at_once_and_the_rest_at_a_pace_within_a_second() {
        let (refusals, start) = (Refusals::new(), Instant::now());
        let waits: Vec<Duration> =
            (0..REJECTIONS_BURST + 3 * REJECTIONS_PER_SECOND).map(|_| refusals.wait(start)).collect();
        let at_once = waits.iter().filter(|wait| wait.is_zero()).count();
        assert!((REJECTIONS_BURST as usize..=REJECTIONS_BURST as usize + 1).contains(&at_once), "{at_once}");
        assert!(waits.is_sorted() && waits.last() == Some(&Refusal::RETRY_AFTER));
        let within = |limit: f64| waits.iter().filter(|wait| wait.as_secs_f64() < limit).count();
        let half = (REJECTIONS_BURST + REJECTIONS_PER_SECOND / 2) as usize;
        assert!(within(0.5).abs_diff(half) <= 2, "{}", within(0.5));
    }

    #[test]
    fn who_keeps_to_the_pace_never_waits() {
        let (refusals, mut now) = (Refusals::new(), Instant::now());
        for _ in 0..3 * REJECTIONS_PER_SECOND {
            assert_eq!(refusals.wait(now), Duration::ZERO);
            now += Duration::from_secs(1) / REJECTIONS_PER_SECOND;
        }
        // And after a second of rest there is a burst again.
        now += Duration::from_secs(1);
        assert!((0..REJECTIONS_BURST).all(|_| refusals.wait(now).is_zero()));
    }
}
