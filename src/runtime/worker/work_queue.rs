//! The receiving side of a shard's queue: batches for its threads or its task, formed by a batcher if the pod has one.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::batcher::{Batch, Batcher};
use super::part_queue::PartQueue;
use crate::runtime::request::RequestError;
use crate::runtime::routing::Part;

/// Parts of one shard that no worker has taken yet, without the channel that wakes the workers.
#[derive(Clone)]
pub(in crate::runtime) struct WaitingParts {
    /// Parts that are in no batch yet.
    pub(in crate::runtime) queue: Arc<PartQueue>,
    /// The open batches. A thread that waits for the next batch keeps it locked; the other threads wait for the lock.
    pub(in crate::runtime) batcher: Option<Arc<Mutex<Batcher>>>,
}

impl WaitingParts {
    /// Removes the parts that satisfy `condition`. Skips the open batches while a thread waits for them to fill.
    pub(in crate::runtime) fn remove(&self, condition: impl Fn(&Part) -> bool) -> Vec<Part> {
        let mut removed = self.queue.remove(&condition);
        if let Some(mut batcher) = self.batcher.as_ref().and_then(|batcher| batcher.try_lock()) {
            removed.extend(batcher.remove(&condition));
        }
        removed
    }

    /// Refuses parts that arrive with this error from now on; `None` accepts them again.
    pub(in crate::runtime) fn refuse(&self, error: Option<RequestError>) {
        self.queue.refuse(error);
    }
}

/// The queue of a shard's worker threads.
#[derive(Clone)]
pub(in crate::runtime) struct WorkQueue {
    /// One token for each part that was queued; see [`part_queue`](super::part_queue).
    pub(in crate::runtime) tokens: Receiver<()>,
    pub(in crate::runtime) waiting: WaitingParts,
}

impl WorkQueue {
    /// Waits for the next batch; `None` once the input has ended.
    pub(super) fn next(&self) -> Option<Batch> {
        let WaitingParts { queue, batcher } = &self.waiting;
        let Some(batcher) = batcher else {
            loop {
                self.tokens.recv().ok()?;
                if let Some(part) = queue.pop() {
                    return Some(Batch::single(part));
                }
            }
        };
        let mut batcher = batcher.lock();
        loop {
            if let Some(batch) = batcher.take_full() {
                return Some(batch);
            }
            match self.tokens.try_recv() {
                Ok(()) => {}
                Err(TryRecvError::Disconnected) => return batcher.take_any(),
                Err(TryRecvError::Empty) => {
                    if let Some(batch) = batcher.take_due(Instant::now()) {
                        return Some(batch);
                    }
                    let received = match batcher.next_due() {
                        Some(due) => self.tokens.recv_deadline(due),
                        None => self.tokens.recv().map_err(RecvTimeoutError::from),
                    };
                    match received {
                        Ok(()) => {}
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => return batcher.take_any(),
                    }
                }
            }
            if let Some(single) = queue.pop().and_then(|part| batcher.add(part)) {
                return Some(single);
            }
        }
    }
}

/// The batches of a shard's task, until the input ends.
pub(super) fn batch_stream(tokens: mpsc::Receiver<()>, waiting: WaitingParts) -> impl Stream<Item = Batch> {
    stream::unfold((tokens, waiting), |(mut tokens, waiting)| async move {
        let batch = match &waiting.batcher {
            None => next_part(&mut tokens, &waiting.queue).await.map(Batch::single),
            Some(batcher) => next_batch(&mut tokens, &waiting.queue, batcher).await,
        };
        batch.map(|batch| (batch, (tokens, waiting)))
    })
}

async fn next_part(tokens: &mut mpsc::Receiver<()>, queue: &PartQueue) -> Option<Part> {
    loop {
        tokens.recv().await?;
        if let Some(part) = queue.pop() {
            return Some(part);
        }
    }
}

/// Async counterpart of [`WorkQueue::next`], which blocks its thread. Nothing else takes batches from this batcher, so it is
/// locked for single steps only.
async fn next_batch(
    tokens: &mut mpsc::Receiver<()>,
    queue: &PartQueue,
    batcher: &Mutex<Batcher>,
) -> Option<Batch> {
    loop {
        if let Some(batch) = batcher.lock().take_full() {
            return Some(batch);
        }
        match tokens.try_recv() {
            Ok(()) => {}
            Err(mpsc::error::TryRecvError::Disconnected) => return batcher.lock().take_any(),
            Err(mpsc::error::TryRecvError::Empty) => {
                if let Some(batch) = batcher.lock().take_due(Instant::now()) {
                    return Some(batch);
                }
                let due = batcher.lock().next_due();
                let received = match due {
                    Some(due) => tokio::time::timeout_at(due.into(), tokens.recv()).await,
                    None => Ok(tokens.recv().await),
                };
                match received {
                    Ok(Some(())) => {}
                    Ok(None) => return batcher.lock().take_any(),
                    Err(_) => continue,
                }
            }
        }
        if let Some(single) = queue.pop().and_then(|part| batcher.lock().add(part)) {
            return Some(single);
        }
    }
}
