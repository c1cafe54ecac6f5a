//! How the executor of one worker is made, and made anew after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use flowrun_sdk::{Build, BuildError, Context, Health, Instance, Metrics, SharedState};

use super::call::panic_message;
use super::compound;
use crate::topology::{ComponentPlan, ExecutorPlan, PodPlan, Worker};

/// Everything it takes to make the executor of one worker.
#[derive(Clone)]
pub(super) struct Recipe {
    plan: ExecutorPlan,
    contexts: Vec<Context>,
    tasks: tokio::runtime::Handle,
}

/// What the replicas of one shard have in common.
pub(super) struct Shared {
    state: SharedState,
    /// Of each component.
    metrics: Vec<Metrics>,
}

impl Shared {
    pub(super) fn new(pod: &PodPlan) -> Self {
        let components = pod.executor.as_ref().map_or(0, |plan| plan.components.len());
        let metrics = std::iter::repeat_with(Metrics::default).take(components).collect();
        Self { state: SharedState::default(), metrics }
    }
}

/// Why an executor could not be made, and which component of it.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) component: usize,
    pub(super) error: BuildError,
}

impl Recipe {
    /// The recipe for `worker` of `pod`; `None` when the pod's executor is not known. Must be called within tokio.
    pub(super) fn new(pod: &PodPlan, worker: Worker, shared: &Shared) -> Option<Self> {
        let plan = pod.executor.clone()?;
        let context = |(component, metrics): (&ComponentPlan, &Metrics)| Context {
            pod: pod.name.clone(),
            workspace: component.workspace(worker.shard),
            directory: component.directory.clone(),
            shard: worker.shard,
            shards: pod.shards,
            replica: worker.replica,
            read_only: component.read_only,
            threads: pod.threads,
            concurrency: pod.concurrency,
            timeout_ready: pod.timeout_ready,
            health: Health::default(),
            shared: shared.state.clone(),
            metrics: metrics.clone(),
        };
        let contexts = plan.components.iter().zip(&shared.metrics).map(context).collect();
        Some(Self { plan, contexts, tasks: tokio::runtime::Handle::current() })
    }

    /// Where the components tell their numbers.
    pub(super) fn metrics(&self) -> impl Iterator<Item = Metrics> {
        self.contexts.iter().map(|context| context.metrics.clone())
    }

    /// Where the executors say when they cannot do their work.
    pub(super) fn health(&self) -> impl Iterator<Item = Health> {
        self.contexts.iter().map(|context| context.health.clone())
    }

    /// Makes it. A constructor that panics has failed.
    pub(super) fn make(&self) -> Result<Instance, Failed> {
        let mut instances = Vec::with_capacity(self.contexts.len());
        for (component, (plan, context)) in self.plan.components.iter().zip(&self.contexts).enumerate() {
            let build = Build { with: plan.with.clone(), context: context.clone() };
            let made = catch_unwind(AssertUnwindSafe(|| plan.kind.create(&build)));
            let made = made.unwrap_or_else(|payload| {
                Err(BuildError::failed(format_args!(
                    "the constructor panicked: {}",
                    panic_message(&*payload)
                )))
            });
            instances.push(made.map_err(|error| Failed { component, error })?);
        }
        Ok(compound::instance(instances, &self.plan, &self.tasks))
    }
}
