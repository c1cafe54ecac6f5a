//! Starts the workers of one shard: threads, a task, or inline replicas.

use std::sync::Arc;
use std::thread;

use flowrun_sdk::{AsyncExecutor, BoxedExecutor, Executor};
use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot};

use super::build::BuiltExecutor;
use crate::runtime::edges::PodOutput;
use crate::runtime::metrics::PodMetrics;
use crate::runtime::worker::{
    BatchPolicy, Batcher, ExecutorFactory, InlineReplica, InlineWorkers, PartSender, TaskReplica, TaskWorker,
    ThreadPriority, ThreadWorker, WorkQueue, WorkerContext, WorkerExit,
};
use crate::topology::{PodPlan, Worker};

/// Settings shared by the workers of a pod.
pub(super) struct ShardWorkers<'a> {
    pub(super) plan: &'a PodPlan,
    pub(super) priority: ThreadPriority,
    pub(super) name: Arc<str>,
    pub(super) metrics: Arc<PodMetrics>,
    pub(super) output: Arc<PodOutput>,
    /// `None` when the pod forms no batches.
    pub(super) batch_policy: Option<Arc<BatchPolicy>>,
    /// Set if the results of the pod are the reply: see [`WorkerContext::is_last`].
    pub(super) is_last: bool,
}

/// Executors of one shard by the way they are called.
#[derive(Default)]
struct Replicas {
    inline: Vec<(WorkerContext, Box<dyn Executor>, ExecutorFactory)>,
    threads: Vec<(WorkerContext, Box<dyn Executor>, ExecutorFactory)>,
    tasks: Vec<(WorkerContext, Box<dyn AsyncExecutor>, ExecutorFactory)>,
}

type Exits = Vec<oneshot::Receiver<WorkerExit>>;

impl ShardWorkers<'_> {
    /// Starts the workers of one shard and returns the channel to them. All replicas of a shard have the same form, as
    /// they are built from one plan.
    pub(super) fn start(&self, built: Vec<BuiltExecutor>, exits: &mut Exits) -> PartSender {
        let first = built.first().map(|built| (built.instance.backends, built.instance.concurrency));
        let (backends, concurrency) = first.unwrap_or((1, None));
        let Replicas { inline, threads, tasks } = self.sort_by_form(built);
        if !inline.is_empty() {
            return Self::start_inline(inline, exits);
        }
        if tasks.is_empty() {
            return self.start_threads(threads, exits);
        }
        let concurrency = concurrency.unwrap_or(self.plan.concurrency).saturating_mul(backends);
        self.start_task(tasks, concurrency, exits)
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

    fn start_inline(
        replicas: Vec<(WorkerContext, Box<dyn Executor>, ExecutorFactory)>,
        exits: &mut Exits,
    ) -> PartSender {
        let start = |(context, executor, factory)| {
            let (exit, exited) = oneshot::channel();
            exits.push(exited);
            InlineReplica::new(context, executor, factory, exit)
        };
        PartSender::Inline(InlineWorkers::new(replicas.into_iter().map(start).collect()))
    }

    fn start_threads(
        &self,
        replicas: Vec<(WorkerContext, Box<dyn Executor>, ExecutorFactory)>,
        exits: &mut Exits,
    ) -> PartSender {
        let (sender, receiver) = crossbeam_channel::bounded(self.plan.channel_slots);
        let batcher = self.batcher().map(|batcher| Arc::new(Mutex::new(batcher)));
        let queue = WorkQueue { receiver, batcher };
        for (context, executor, factory) in replicas {
            let worker = ThreadWorker { context, executor, factory, queue: queue.clone() };
            exits.push(self.spawn_thread(worker));
        }
        PartSender::Thread(sender)
    }

    fn spawn_thread(&self, worker: ThreadWorker) -> oneshot::Receiver<WorkerExit> {
        let (exit, exited) = oneshot::channel();
        let (priority, output) = (self.priority, Arc::clone(&self.output));
        let run = move || {
            priority.apply();
            let _ = exit.send(worker.run(|part| output.deliver(part)));
        };
        // Without a thread the worker is dropped: its channel closes, and requests sent to it fail.
        if let Err(error) = thread::Builder::new().name(self.name.to_string()).spawn(run) {
            tracing::error!(pod = &*self.name, %error, "a worker thread could not be started");
        }
        exited
    }

    fn start_task(
        &self,
        replicas: Vec<(WorkerContext, Box<dyn AsyncExecutor>, ExecutorFactory)>,
        concurrency: usize,
        exits: &mut Exits,
    ) -> PartSender {
        let (sender, receiver) = mpsc::channel(self.plan.channel_slots);
        let replicas = replicas.into_iter();
        let replicas =
            replicas.map(|(context, executor, factory)| TaskReplica::new(context, executor, factory));
        let worker = TaskWorker::new(replicas.collect(), concurrency, receiver, self.batcher());
        let (exit, exited) = oneshot::channel();
        let output = Arc::clone(&self.output);
        tokio::spawn(async move {
            let _ = exit.send(worker.run(|part| output.deliver(part)).await);
        });
        exits.push(exited);
        PartSender::Task(sender)
    }

    fn batcher(&self) -> Option<Batcher> {
        self.batch_policy.clone().map(Batcher::new)
    }

    fn context(&self, worker: Worker) -> WorkerContext {
        let shard = if self.plan.shards > 1 { format!("/shard-{}", worker.shard) } else { String::new() };
        WorkerContext {
            pod: Arc::clone(&self.name),
            worker: format!("{}{shard}/rep-{}", self.name, worker.replica).into(),
            metrics: Arc::clone(&self.metrics),
            timeout_send: self.plan.timeout_send,
            batch_policy: self.batch_policy.clone(),
            // Results of several shards are merged first.
            is_last: self.is_last && self.plan.shards == 1,
        }
    }
}
