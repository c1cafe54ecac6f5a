//! Reports of one background task to the health of a shard.

use flowrun_sdk::{Health, tracing};

/// Reports the failures of one task and their end. A failure that another task reported stays.
#[derive(Debug)]
pub(super) struct HealthReport {
    health: Health,
    /// The failure that was reported last and not yet recovered from.
    reported: Option<String>,
}

impl HealthReport {
    pub(super) fn new(health: Health) -> Self {
        Self { health, reported: None }
    }

    /// Reports a failure; the first of consecutive ones is logged.
    pub(super) fn fail(&mut self, reason: String) {
        if self.reported.is_none() {
            tracing::error!("{reason}");
        }
        self.health.set_unhealthy(reason.clone());
        self.reported = Some(reason);
    }

    /// Reports that the task works; returns whether it failed before.
    pub(super) fn succeed(&mut self) -> bool {
        let Some(reported) = self.reported.take() else { return false };
        if self.health.unhealthy_reason() == Some(reported) {
            self.health.set_healthy();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_ends_its_own_failure_only() {
        let health = Health::default();
        let (mut one, mut other) = (HealthReport::new(health.clone()), HealthReport::new(health.clone()));
        assert!(!one.succeed());
        one.fail("disk".to_owned());
        one.fail("disk is full".to_owned());
        assert_eq!(health.unhealthy_reason().as_deref(), Some("disk is full"));
        assert!(one.succeed() && health.unhealthy_reason().is_none());
        one.fail("disk".to_owned());
        other.fail("index".to_owned());
        assert!(one.succeed());
        assert_eq!(health.unhealthy_reason().as_deref(), Some("index"));
    }
}
