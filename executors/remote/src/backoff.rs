//! How long to wait before the same is tried again.

use std::time::Duration;

/// The longest wait before a call is made again.
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The first wait before a call is made again.
const WAIT_FIRST: Duration = Duration::from_millis(50);

/// The longest that an address is set aside.
const ASIDE_MAX: Duration = Duration::from_secs(30);

/// How long an address is set aside after its first failure.
const ASIDE_FIRST: Duration = Duration::from_millis(500);

/// The wait after so many rounds through all addresses, at random around it, so that callers that failed together do
/// not come back together.
pub(crate) fn wait(rounds: u32) -> Duration {
    doubled(WAIT_FIRST, rounds, WAIT_MAX).mul_f64(rand::random_range(0.5..1.5))
}

/// How long an address is set aside after so many failures, one behind the other.
pub(crate) fn aside(failures: u32) -> Duration {
    doubled(ASIDE_FIRST, failures, ASIDE_MAX)
}

/// `first` the first time, then twice as much every time.
fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_their_bound() {
        let waits: Vec<u128> = (1..=9).map(|failures| aside(failures).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!((aside(0), aside(u32::MAX)), (ASIDE_FIRST, ASIDE_MAX));
        for rounds in 1..40 {
            assert!((WAIT_FIRST / 2..WAIT_MAX * 3 / 2).contains(&wait(rounds)));
        }
    }
}
