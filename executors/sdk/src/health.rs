//! Health of an executor, which determines the readiness of its flow after the executor was created.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

/// Health of one executor, set by the executor and reported by the flow's readiness endpoint.
///
/// An unhealthy executor is still called. A degraded one does its work, with less capacity or redundancy than planned.
/// Clones share their state.
///
/// ```
/// let health = flowrun_sdk::Health::default();
/// health.set_unhealthy("the disk is full");
/// assert_eq!(health.unhealthy_reason().as_deref(), Some("the disk is full"));
/// health.set_healthy();
/// assert_eq!(health.unhealthy_reason(), None);
/// ```
#[derive(Clone, Default)]
pub struct Health(Arc<State>);

#[derive(Default)]
struct State {
    reason: Mutex<Option<String>>,
    degradation: Mutex<Option<String>>,
    /// Called with each new reason, for a host across a foreign interface.
    observer: Option<Observer>,
}

type Observer = Box<dyn Fn(Option<&str>) + Send + Sync>;

impl Health {
    /// Creates a health that calls `observer` at every change.
    pub(crate) fn with_observer(observer: impl Fn(Option<&str>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(State { observer: Some(Box::new(observer)), ..State::default() }))
    }

    /// Reports that the executor cannot do its work for now, and why.
    pub fn set_unhealthy(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    /// Reports that the executor can do its work.
    pub fn set_healthy(&self) {
        self.set(None);
    }

    /// Reports a loss of capacity or redundancy with which the executor can still do its work; `None` once it is over.
    pub fn set_degraded(&self, reason: Option<String>) {
        *self.0.degradation.lock() = reason;
    }

    /// Returns the loss of a degraded executor, and `None` for any other.
    pub fn degradation(&self) -> Option<String> {
        self.0.degradation.lock().clone()
    }

    fn set(&self, new: Option<String>) {
        let mut reason = self.0.reason.lock();
        if let Some(observer) = self.0.observer.as_ref().filter(|_| *reason != new) {
            observer(new.as_deref());
        }
        *reason = new;
    }

    /// Returns the reason of an unhealthy executor, and `None` for a healthy one.
    pub fn unhealthy_reason(&self) -> Option<String> {
        self.0.reason.lock().clone()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Health({:?})", self.unhealthy_reason())
    }
}
