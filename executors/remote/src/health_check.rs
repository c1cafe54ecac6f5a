//! Background health check: connects to endpoints that have no connection, so that the readiness of a flow does not depend on
//! its first request.

use std::sync::{Arc, Weak};
use std::time::Duration;

use flowrun_sdk::BuildError;
use tokio::runtime::Handle;

use crate::backends::{Backends, no_runtime};

/// Interval of the check while all endpoints can be reached.
const INTERVAL: Duration = Duration::from_secs(5);

/// Initial value of the delay while an endpoint cannot be reached. It is doubled before each delay, up to `INTERVAL`.
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
    let mut wait = RETRY_FIRST;
    loop {
        {
            let Some(backends) = backends.upgrade() else { return };
            let endpoints = &backends.endpoints.all;
            let connecting = endpoints.iter().map(|endpoint| endpoint.connect(&backends.options));
            let results = futures_util::future::join_all(connecting).await;
            let all = results.iter().all(Result::is_ok);
            for (endpoint, _) in endpoints.iter().zip(&results).filter(|(_, result)| result.is_ok()) {
                endpoint.record_success();
            }
            backends.update_health();
            wait = if all { INTERVAL } else { (wait * 2).min(INTERVAL) };
        }
        tokio::time::sleep(wait).await;
    }
}
