//! The queue that the workers of one shard take batches from: a channel, and a batcher if the pod forms batches.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::batcher::{Batch, Batcher};
use crate::runtime::routing::Part;

/// The queue of a shard's worker threads.
#[derive(Clone)]
pub(in crate::runtime) struct WorkQueue {
    pub(in crate::runtime) receiver: Receiver<Part>,
    /// Locked by the thread that waits for the next batch; the other threads wait for the lock.
    pub(in crate::runtime) batcher: Option<Arc<Mutex<Batcher>>>,
}

impl WorkQueue {
    /// Waits for the next batch; `None` once the input has ended.
    pub(super) fn next(&self) -> Option<Batch> {
        let Some(batcher) = &self.batcher else { return self.receiver.recv().ok().map(Batch::single) };
        let mut batcher = batcher.lock();
        loop {
            if let Some(batch) = batcher.take_full() {
                return Some(batch);
            }
            let part = match self.receiver.try_recv() {
                Ok(part) => part,
                Err(TryRecvError::Disconnected) => return batcher.take_any(),
                Err(TryRecvError::Empty) => {
                    if let Some(batch) = batcher.take_due(Instant::now()) {
                        return Some(batch);
                    }
                    let received = match batcher.next_due() {
                        Some(due) => self.receiver.recv_deadline(due),
                        None => self.receiver.recv().map_err(RecvTimeoutError::from),
                    };
                    match received {
                        Ok(part) => part,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => return batcher.take_any(),
                    }
                }
            };
            if let Some(single) = batcher.add(part) {
                return Some(single);
            }
        }
    }
}

/// The batches of a shard's task, until the input ends.
pub(super) fn batch_stream(
    receiver: mpsc::Receiver<Part>,
    batcher: Option<Batcher>,
) -> impl Stream<Item = Batch> {
    stream::unfold((receiver, batcher), |(mut receiver, mut batcher)| async move {
        let batch = match &mut batcher {
            None => receiver.recv().await.map(Batch::single),
            Some(batcher) => next_batch(&mut receiver, batcher).await,
        };
        batch.map(|batch| (batch, (receiver, batcher)))
    })
}

/// Async counterpart of [`WorkQueue::next`], which blocks its thread.
async fn next_batch(receiver: &mut mpsc::Receiver<Part>, batcher: &mut Batcher) -> Option<Batch> {
    loop {
        if let Some(batch) = batcher.take_full() {
            return Some(batch);
        }
        let part = match receiver.try_recv() {
            Ok(part) => part,
            Err(mpsc::error::TryRecvError::Disconnected) => return batcher.take_any(),
            Err(mpsc::error::TryRecvError::Empty) => {
                if let Some(batch) = batcher.take_due(Instant::now()) {
                    return Some(batch);
                }
                let received = match batcher.next_due() {
                    Some(due) => tokio::time::timeout_at(due.into(), receiver.recv()).await,
                    None => Ok(receiver.recv().await),
                };
                match received {
                    Ok(Some(part)) => part,
                    Ok(None) => return batcher.take_any(),
                    Err(_) => continue,
                }
            }
        };
        if let Some(single) = batcher.add(part) {
            return Some(single);
        }
    }
}
