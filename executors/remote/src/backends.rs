//! The state that the calls of a remote executor and its health check share.

use flowrun_sdk::{BuildError, Health};

use crate::load_balancer::LoadBalancer;
use crate::peer::PeerOptions;

/// The endpoints of a remote executor, the options for connecting to them, and the health that they determine.
pub(crate) struct Backends {
    pub(crate) endpoints: LoadBalancer,
    /// Options for connecting to an endpoint.
    pub(crate) options: PeerOptions,
    /// Health of the executor in its flow.
    pub(crate) health: Health,
}

impl Backends {
    /// Updates the health: healthy if at least one endpoint can be reached.
    pub(crate) fn update_health(&self) {
        match self.endpoints.failure() {
            Some(reason) => self.health.set_unhealthy(reason),
            None => self.health.set_healthy(),
        }
    }
}

/// The error for a remote executor created outside a tokio runtime.
pub(crate) fn no_runtime() -> BuildError {
    BuildError::failed("a remote executor requires a tokio runtime")
}
