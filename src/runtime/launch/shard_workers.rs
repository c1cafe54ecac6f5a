//! Starts the workers of one shard: threads, a task, or inline replicas.

use std::sync::Arc;
use std::thread;

use flowrun_sdk::{AsyncExecutor, BoxedExecutor, Executor, Health};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::build::BuiltExecutor;
use crate::runtime::edges::PodOutput;
use crate::runtime::metrics::PodMetrics;
use crate::runtime::watchdog::{CallLimit, HangPolicy, ShardWatch, WorkerGuard, WorkerLink, WorkerWatch};
use crate::runtime::worker::{
    BatchPolicy, Batcher, ExecutorFactory, InlineReplica, InlineWorkers, PartQueue, PartSender, RunningCalls,
    TaskReplica, TaskWorker, ThreadPriority, ThreadWorker, WaitingParts, WorkQueue, WorkerContext,
    WorkerExit,
};
use crate::topology::{ExecutorPlan, PodPlan, Worker};

/// Settings shared by the workers of a pod.
pub(super) struct ShardWorkers<'a> {
    pub(super) plan: &'a PodPlan,
    pub(super) priority: ThreadPriority,
    pub(super) hang_policy: HangPolicy,
    /// Time that a call may take before its worker is suspected to hang; `None` without a limit.
    pub(super) call_limit: Option<CallLimit>,
    /// The pod's name.
    pub(super) name: Arc<str>,
    pub(super) metrics: Arc<PodMetrics>,
    /// Output side of the pod, which results are delivered to.
    pub(super) output: Arc<PodOutput>,
    /// `None` when the pod forms no batches.
    pub(super) batch_policy: Option<Arc<BatchPolicy>>,
    /// Set if the results of the pod are the reply: see [`WorkerContext::is_last`].
    pub(super) is_last: bool,
}

/// Workers that were started.
#[derive(Default)]
pub(super) struct StartedWorkers {
    /// Receivers of the exit states of all workers.
    pub(super) exits: Vec<oneshot::Receiver<WorkerExit>>,
    /// Supervision of every shard that has a queue.
    pub(super) watches: Vec<ShardWatch>,
    /// Health of the workers of the pod that is being started.
    pub(super) health: Vec<Health>,
}

/// An executor of one form with its context, for one worker.
type Replica<E> = (WorkerContext, Box<E>, ExecutorFactory);

/// Executors of one shard by the way they are called.
#[derive(Default)]
struct Replicas {
    inline: Vec<Replica<dyn Executor>>,
    threads: Vec<Replica<dyn Executor>>,
    tasks: Vec<Replica<dyn AsyncExecutor>>,
}

impl ShardWorkers<'_> {
    /// Starts the workers of one shard and returns the channel to them. All replicas of a shard have the same form, as
    /// they are built from one plan.
    pub(super) fn start(&self, built: Vec<BuiltExecutor>, started: &mut StartedWorkers) -> PartSender {
        let first = built.first().map(|built| (built.instance.backends, built.instance.concurrency));
        let (backends, concurrency) = first.unwrap_or((1, None));
        let Replicas { inline, threads, tasks } = self.sort_by_form(built);
        if !inline.is_empty() {
            return Self::start_inline(inline, started);
        }
        if tasks.is_empty() {
            return self.start_threads(threads, started);
        }
        let concurrency = concurrency.unwrap_or(self.plan.concurrency).saturating_mul(backends);
        self.start_task(tasks, concurrency, started)
    }

    fn sort_by_form(&self, built: Vec<BuiltExecutor>) -> Replicas {
        let mut replicas = Replicas::default();
        for BuiltExecutor { worker, instance, factory } in built {
            let context = self.context(worker);
            match instance.executor {
                // Batches need a queue, which inline executors do not have.
                BoxedExecutor::Sync(executor) if instance.inline && self.batch_policy.is_none() => {
                    replicas.inline.push((context, executor, factory));
                }
                BoxedExecutor::Sync(executor) => replicas.threads.push((context, executor, factory)),
                BoxedExecutor::Async(executor) => replicas.tasks.push((context, executor, factory)),
            }
        }
        replicas
    }

    fn start_inline(replicas: Vec<Replica<dyn Executor>>, started: &mut StartedWorkers) -> PartSender {
        let start = |(context, executor, factory)| {
            let (exit, exited) = oneshot::channel();
            started.exits.push(exited);
            InlineReplica::new(context, executor, factory, exit)
        };
        PartSender::Inline(InlineWorkers::new(replicas.into_iter().map(start).collect()))
    }

    fn start_threads(
        &self,
        replicas: Vec<Replica<dyn Executor>>,
        started: &mut StartedWorkers,
    ) -> PartSender {
        let (sender, tokens) = crossbeam_channel::bounded(self.plan.channel_slots);
        let waiting = self.waiting_parts();
        let mut watch = self.shard_watch(&waiting);
        for (context, executor, factory) in replicas {
            let guard = self.link(vec![context.clone()], 1, &mut watch, started);
            let queue = WorkQueue { tokens: tokens.clone(), waiting: waiting.clone() };
            self.spawn_thread(ThreadWorker { context, executor, factory, queue }, guard);
        }
        started.watches.push(watch);
        PartSender::Thread(waiting.queue, sender)
    }

    fn spawn_thread(&self, worker: ThreadWorker, guard: WorkerGuard) {
        let priority = self.priority;
        let run = move || {
            priority.apply();
            let exit = worker.run(|part| guard.deliver(part));
            guard.exit(exit);
        };
        // Without a thread the worker is dropped: its channel closes, and requests sent to it fail.
        if let Err(error) = thread::Builder::new().name(self.name.to_string()).spawn(run) {
            tracing::error!(pod = &*self.name, %error, "a worker thread could not be started");
        }
    }

    fn start_task(
        &self,
        replicas: Vec<Replica<dyn AsyncExecutor>>,
        concurrency: usize,
        started: &mut StartedWorkers,
    ) -> PartSender {
        let (sender, tokens) = mpsc::channel(self.plan.channel_slots);
        let waiting = self.waiting_parts();
        let mut watch = self.shard_watch(&waiting);
        let contexts = replicas.iter().map(|(context, ..)| context.clone()).collect();
        let guard = self.link(contexts, concurrency, &mut watch, started);
        let replicas = replicas.into_iter();
        let replicas =
            replicas.map(|(context, executor, factory)| TaskReplica::new(context, executor, factory));
        let worker = TaskWorker::new(replicas.collect(), concurrency, tokens, waiting.clone());
        tokio::spawn(async move {
            let exit = worker.run(|part| guard.deliver(part)).await;
            guard.exit(exit);
        });
        started.watches.push(watch);
        PartSender::Task(waiting.queue, sender)
    }

    fn waiting_parts(&self) -> WaitingParts {
        WaitingParts {
            queue: Arc::new(PartQueue::new(self.plan.channel_slots)),
            batcher: self.batch_policy.clone().map(|policy| Arc::new(Mutex::new(Batcher::new(policy)))),
        }
    }

    /// Supervision of a shard whose workers are not started yet.
    fn shard_watch(&self, waiting: &WaitingParts) -> ShardWatch {
        ShardWatch {
            pod: Arc::clone(&self.name),
            metrics: Arc::clone(&self.metrics),
            units: Vec::new(),
            waiting: waiting.clone(),
            policy: self.hang_policy,
            refusing: false,
        }
    }

    /// Connects workers that end together to the flow and to the watchdog. Each makes up to `capacity` calls at a time.
    fn link(
        &self,
        contexts: Vec<WorkerContext>,
        capacity: usize,
        watch: &mut ShardWatch,
        started: &mut StartedWorkers,
    ) -> WorkerGuard {
        let (link, guard, exited) = WorkerLink::connect(Arc::clone(&self.output));
        started.exits.push(exited);
        let watches = contexts.into_iter().map(|context| {
            let health = Health::default();
            started.health.push(health.clone());
            WorkerWatch::new(context, self.call_limit, capacity, health)
        });
        watch.units.push((link, watches.collect()));
        guard
    }

    fn context(&self, worker: Worker) -> WorkerContext {
        let shard = if self.plan.shards > 1 { format!("/shard-{}", worker.shard) } else { String::new() };
        WorkerContext {
            pod: Arc::clone(&self.name),
            names: self.output.names.clone(),
            executor: self.plan.executor.as_ref().map_or_else(String::new, ExecutorPlan::class_names).into(),
            calls: Arc::new(RunningCalls::default()),
            worker: format!("{}{shard}/rep-{}", self.name, worker.replica).into(),
            metrics: Arc::clone(&self.metrics),
            timeout_send: self.plan.timeout_send,
            batch_policy: self.batch_policy.clone(),
            // Results of several shards are merged first.
            is_last: self.is_last && self.plan.shards == 1,
        }
    }
}
