//! Background health check: connects to endpoints that have no connection, so that the readiness of a flow does not depend on
//! its first request.

use std::sync::{Arc, Weak};
use std::time::Duration;

use flowrun_sdk::BuildError;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::runtime::Handle;

use crate::backends::{Backends, no_runtime};
use crate::backoff;

/// Delay after a check in which all endpoints could be reached, and longest delay after one in which some could not.
const INTERVAL: Duration = Duration::from_secs(5);

/// Delay after the first check in which some endpoint could not be reached. It is doubled after each further one in a row.
const RETRY_FIRST: Duration = Duration::from_millis(200);

/// Starts the check, which ends when the executor is dropped.
///
/// # Errors
/// If called outside a tokio runtime.
pub(crate) fn start(backends: &Arc<Backends>) -> Result<(), BuildError> {
    let tasks = Handle::try_current().map_err(|_| no_runtime())?;
    tasks.spawn(run(Arc::downgrade(backends)));
    Ok(())
}

async fn run(backends: Weak<Backends>) {
    let mut failures: u32 = 0;
    loop {
        {
            let Some(backends) = backends.upgrade() else { return };
            let endpoints = &backends.endpoints.all;
            let connecting = endpoints
                .iter()
                .map(async |endpoint| endpoint.connect(&backends.options).await.is_ok().then_some(endpoint));
            // One slow endpoint does not delay the others.
            let mut connecting: FuturesUnordered<_> = connecting.collect();
            let mut all_reached = true;
            while let Some(reached) = connecting.next().await {
                match reached {
                    Some(endpoint) => {
                        endpoint.record_success();
                        backends.update_health();
                    }
                    None => all_reached = false,
                }
            }
            backends.update_health();
            failures = if all_reached { 0 } else { failures.saturating_add(1) };
        }
        tokio::time::sleep(delay(failures)).await;
    }
}

/// Delay before the next check, after this many checks in a row in which some endpoint could not be reached.
fn delay(failures: u32) -> Duration {
    if failures == 0 { INTERVAL } else { backoff::doubled(RETRY_FIRST, failures, INTERVAL) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_retry_is_soon_and_the_delays_double_up_to_the_interval() {
        let delays: Vec<u128> = (0..8).map(|failures| delay(failures).as_millis()).collect();
        assert_eq!(delays, [5_000, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        assert_eq!(delay(u32::MAX), INTERVAL);
    }
}
