//! Exponential backoff: delays between retries, and ejection times of endpoints.

use std::time::Duration;

/// Maximum delay before a retry.
const RETRY_DELAY_MAX: Duration = Duration::from_secs(2);

/// Delay before the first retry.
const RETRY_DELAY_FIRST: Duration = Duration::from_millis(50);

/// Maximum ejection time of an endpoint.
const EJECTION_MAX: Duration = Duration::from_secs(30);

/// Ejection time of an endpoint after its first failure.
const EJECTION_FIRST: Duration = Duration::from_millis(500);

/// Delay before retry round number `rounds` (from 1), with a random factor of 0.5 to 1.5 so that callers that failed at
/// the same time do not retry at the same time.
pub(crate) fn retry_delay(rounds: u32) -> Duration {
    doubled(RETRY_DELAY_FIRST, rounds, RETRY_DELAY_MAX).mul_f64(rand::random_range(0.5..1.5))
}

/// Ejection time of an endpoint after `failures` consecutive failures.
pub(crate) fn ejection_time(failures: u32) -> Duration {
    doubled(EJECTION_FIRST, failures, EJECTION_MAX)
}

/// `first`, doubled `times - 1` times, but at most `most`.
pub(crate) fn doubled(first: Duration, times: u32, most: Duration) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1)).unwrap_or(u32::MAX);
    first.saturating_mul(factor).min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_their_maximum() {
        let waits: Vec<u128> = (1..=9).map(|failures| ejection_time(failures).as_millis()).collect();
        assert_eq!(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!((ejection_time(0), ejection_time(u32::MAX)), (EJECTION_FIRST, EJECTION_MAX));
        for rounds in 1..40 {
            assert!((RETRY_DELAY_FIRST / 2..RETRY_DELAY_MAX * 3 / 2).contains(&retry_delay(rounds)));
        }
    }
}
