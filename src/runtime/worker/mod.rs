//! Workers: take parts of requests from a queue, call an executor, and return the results.
//!
//! A CPU-bound executor has a thread per replica ([`ThreadWorker`]), an async executor shares one task per shard with
//! its replicas ([`TaskWorker`]), and an executor whose calls take next to no time is called by the sender itself
//! ([`InlineWorkers`]). All of them build calls ([`batch_call`]), form batches ([`batcher`]) and restart executors after
//! a panic ([`executor_slot`]) in the same way. The parts of a call are kept in [`RunningCalls`], where the watchdog can
//! take them from a call that does not end. Workers do not know where results go: `launch` passes a function.

mod batch_call;
mod batcher;
mod call_result;
mod call_timeout;
mod channel;
mod compound;
mod context;
mod executor_factory;
mod executor_slot;
mod exit;
mod inline_worker;
mod part_queue;
mod running_calls;
mod sync_slot;
mod task_worker;
mod thread_priority;
mod thread_worker;
mod work_queue;

pub(super) use batcher::{BatchPolicy, Batcher};
pub(super) use channel::{PartSender, SendResult};
pub(super) use context::WorkerContext;
pub(super) use executor_factory::{BuildFailure, ExecutorFactory, ShardState};
pub use exit::WorkerExit;
pub(super) use inline_worker::{InlineReplica, InlineWorkers};
pub(super) use part_queue::PartQueue;
pub(super) use running_calls::{RunningCall, RunningCalls};
pub(super) use task_worker::{TaskReplica, TaskWorker};
pub(super) use thread_priority::ThreadPriority;
pub(super) use thread_worker::ThreadWorker;
pub(super) use work_queue::{WaitingParts, WorkQueue};
