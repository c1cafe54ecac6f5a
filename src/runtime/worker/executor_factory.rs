//! Builds the executor of one worker, at launch and again after a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flowrun_sdk::{
    Build, BuildError, Context, ExecutorType, Health, Instance, Metrics, SharedState, panic_message,
};

use super::compound;
use crate::topology::{ComponentPlan, ExecutorPlan, PodPlan, Worker};

/// Plan and contexts from which the executor of one worker is built.
#[derive(Clone)]
pub(in crate::runtime) struct ExecutorFactory {
    plan: ExecutorPlan,
    /// One per component.
    types: Arc<[ExecutorType]>,
    /// One per component.
    contexts: Vec<Context>,
    /// Runtime on which async components of a compound executor are called.
    tasks: tokio::runtime::Handle,
}

/// State shared by the replicas of one shard.
pub(in crate::runtime) struct ShardState {
    state: SharedState,
    /// One per component.
    metrics: Vec<Metrics>,
}

impl ShardState {
    pub(in crate::runtime) fn new(pod: &PodPlan) -> Self {
        let components = pod.executor.as_ref().map_or(0, |plan| plan.components.len());
        let metrics = std::iter::repeat_with(Metrics::default).take(components).collect();
        Self { state: SharedState::default(), metrics }
    }
}

/// Error of one component's constructor.
#[derive(Clone, Debug)]
pub(in crate::runtime) struct BuildFailure {
    /// Position of the component in the executor plan.
    pub(in crate::runtime) component: usize,
    pub(in crate::runtime) error: BuildError,
}

impl ExecutorFactory {
    /// Factory for `worker` of `pod`, whose components have these types; `None` when there is no executor for it. Panics
    /// outside a tokio runtime.
    pub(in crate::runtime) fn new(
        pod: &PodPlan,
        types: &Arc<[ExecutorType]>,
        worker: Worker,
        shard: &ShardState,
    ) -> Option<Self> {
        let plan = pod.executor_of_shard(worker.shard)?.clone();
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
            shared: shard.state.clone(),
            metrics: metrics.clone(),
        };
        let contexts = plan.components.iter().zip(&shard.metrics).map(context).collect();
        Some(Self { plan, types: Arc::clone(types), contexts, tasks: tokio::runtime::Handle::current() })
    }

    /// Metrics reported by the components.
    pub(in crate::runtime) fn metrics(&self) -> impl Iterator<Item = Metrics> {
        self.contexts.iter().map(|context| context.metrics.clone())
    }

    /// Health reported by the components.
    pub(in crate::runtime) fn health(&self) -> impl Iterator<Item = Health> {
        self.contexts.iter().map(|context| context.health.clone())
    }

    /// Builds the executor, which may block. A panic of a constructor is an error.
    pub(in crate::runtime) fn build(&self) -> Result<Instance, BuildFailure> {
        let mut instances = Vec::with_capacity(self.contexts.len());
        let components = self.plan.components.iter().zip(self.types.iter()).zip(&self.contexts);
        for (component, ((plan, executor_type), context)) in components.enumerate() {
            let build = Build { with: plan.with.clone(), context: context.clone() };
            let built = catch_unwind(AssertUnwindSafe(|| executor_type.create(&build)));
            let built = built.unwrap_or_else(|payload| {
                Err(BuildError::failed(format_args!(
                    "the constructor panicked: {}",
                    panic_message(&*payload)
                )))
            });
            instances.push(built.map_err(|error| BuildFailure { component, error })?);
        }
        Ok(compound::combine(instances, &self.plan, &self.tasks))
    }
}
