//! Watches over places while nobody calls them: whether the flow is ready should not wait for a first request.

use std::sync::{Arc, Weak};
use std::time::Duration;

use flowrun_sdk::BuildError;
use tokio::runtime::Handle;

use crate::executor::{Reach, no_runtime};

/// How often those that answered are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

/// How soon one that did not answer is tried again, at first.
const AGAIN_FIRST: Duration = Duration::from_millis(200);

/// Begins to watch, for as long as the executor is there.
///
/// # Errors
/// Outside of tokio.
pub(crate) fn begin(reach: &Arc<Reach>) -> Result<(), BuildError> {
    let tasks = Handle::try_current().map_err(|_| no_runtime())?;
    tasks.spawn(watch(Arc::downgrade(reach)));
    Ok(())
}

async fn watch(reach: Weak<Reach>) {
    let mut wait = AGAIN_FIRST;
    loop {
        {
            let Some(reach) = reach.upgrade() else { return };
            let looks = reach.places.all.iter().map(|place| place.connect(&reach.manner));
            let looks = futures_util::future::join_all(looks).await;
            let all = looks.iter().all(Result::is_ok);
            for (place, _) in reach.places.all.iter().zip(&looks).filter(|(_, look)| look.is_ok()) {
                place.answered();
            }
            reach.tell();
            wait = if all { INTERVAL } else { (wait * 2).min(INTERVAL) };
        }
        tokio::time::sleep(wait).await;
    }
}
