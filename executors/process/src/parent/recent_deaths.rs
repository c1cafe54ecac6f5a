//! The recent deaths of a child, which make its pod unhealthy if they are many.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Number of deaths within [`WINDOW`] from which on the pod is unhealthy.
const UNHEALTHY_MIN: usize = 5;

/// Time for which a death counts against the health of the pod.
const WINDOW: Duration = Duration::from_secs(60);

/// Times of the deaths within [`WINDOW`], oldest first.
#[derive(Debug, Default)]
pub(super) struct RecentDeaths(VecDeque<Instant>);

impl RecentDeaths {
    /// Records a death.
    pub(super) fn record(&mut self, now: Instant) {
        self.0.push_back(now);
    }

    /// The reason why the pod is unhealthy at `now`; `None` after few deaths. Older deaths are forgotten.
    pub(super) fn unhealthy_reason(&mut self, now: Instant) -> Option<String> {
        self.0.retain(|death| now.duration_since(*death) < WINDOW);
        let count = self.0.len();
        (count >= UNHEALTHY_MIN)
            .then(|| format!("its process died {count} times within {} s", WINDOW.as_secs()))
    }

    /// Time at which the oldest death stops to count.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.0.front().map(|oldest| *oldest + WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_healthy_again_when_the_oldest_of_five_deaths_is_a_minute_old() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deaths = RecentDeaths::default();
        assert_eq!(deaths.next_change(), None);
        for seconds in [0, 10, 20, 30] {
            deaths.record(at(seconds));
            assert_eq!(deaths.unhealthy_reason(at(seconds)), None);
        }
        deaths.record(at(50));
        let reason = |count| Some(format!("its process died {count} times within 60 s"));
        assert_eq!(deaths.unhealthy_reason(at(50)), reason(5));
        deaths.record(at(55));
        assert_eq!((deaths.unhealthy_reason(at(59)), deaths.next_change()), (reason(6), Some(at(60))));
        // The text has the deaths that still count.
        assert_eq!((deaths.unhealthy_reason(at(60)), deaths.next_change()), (reason(5), Some(at(70))));
        assert_eq!((deaths.unhealthy_reason(at(70)), deaths.next_change()), (None, Some(at(80))));
    }
}
