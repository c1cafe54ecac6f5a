//! The state that the calls of a remote executor and its health check share.

use std::sync::Arc;

use flowrun_sdk::{BuildError, Health, Metrics};

use crate::load_balancer::LoadBalancer;
use crate::peer::PeerOptions;

/// The endpoints of a remote executor, the options for connecting to them, and the health that they determine.
pub(crate) struct Backends {
    /// Beginning of the message that lists endpoints that cannot be reached.
    pub(crate) cannot_reach: String,
    pub(crate) endpoints: LoadBalancer,
    /// Options for connecting to an endpoint.
    pub(crate) options: PeerOptions,
    /// Health of the executor in its flow.
    pub(crate) health: Health,
}

impl Backends {
    /// Registers the number of endpoints and the number of reachable ones.
    pub(crate) fn register_metrics(self: &Arc<Self>, metrics: &Metrics) {
        let count = |number: usize| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        let all = self.endpoints.all.len();
        metrics.gauge("remote_addresses", "Addresses of a remote executor.").set(count(all));
        let backends = Arc::downgrade(self);
        let reachable = move || {
            let missing = backends.upgrade()?.endpoints.failures().len();
            Some(count(all.saturating_sub(missing)))
        };
        let help = "Addresses of a remote executor that can be reached.";
        metrics.observable_gauge("remote_addresses_reachable", help, reachable);
    }

    /// Updates the health: healthy if at least one endpoint can be reached, degraded unless all can.
    pub(crate) fn update_health(&self) {
        let failures = self.endpoints.failures();
        if failures.is_empty() {
            self.health.set_degraded(None);
            self.health.set_healthy();
            return;
        }
        let reason = format!("{} {}", self.cannot_reach, failures.join("; "));
        self.health.set_degraded(Some(reason.clone()));
        match failures.len() == self.endpoints.all.len() {
            true => self.health.set_unhealthy(reason),
            false => self.health.set_healthy(),
        }
    }
}

/// The error for a remote executor created outside a tokio runtime.
pub(crate) fn no_runtime() -> BuildError {
    BuildError::failed("a remote executor requires a tokio runtime")
}
