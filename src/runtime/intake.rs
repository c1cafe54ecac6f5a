//! Where workers take their work from: the channel, or the lobby between it and them where batches are formed.

use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use futures_util::{Stream, stream};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::lobby::{Batch, Lobby};
use super::part::Part;

/// Where the threads of one shard take their work from.
#[derive(Clone)]
pub(super) struct Intake {
    pub(super) receiver: Receiver<Part>,
    /// Who forms a batch holds it; the others wait, for there is nothing to do but what it will find.
    pub(super) lobby: Option<Arc<Mutex<Lobby>>>,
}

impl Intake {
    /// The next work; `None` when the input has ended.
    pub(super) fn next(&self) -> Option<Batch> {
        let Some(lobby) = &self.lobby else { return self.receiver.recv().ok().map(Batch::alone) };
        let mut lobby = lobby.lock();
        loop {
            if let Some(batch) = lobby.full() {
                return Some(batch);
            }
            let part = match self.receiver.try_recv() {
                Ok(part) => part,
                Err(TryRecvError::Disconnected) => return lobby.last(),
                Err(TryRecvError::Empty) => {
                    if let Some(batch) = lobby.due(Instant::now()) {
                        return Some(batch);
                    }
                    let come = match lobby.next_due() {
                        Some(due) => self.receiver.recv_deadline(due),
                        None => self.receiver.recv().map_err(RecvTimeoutError::from),
                    };
                    match come {
                        Ok(part) => part,
                        Err(RecvTimeoutError::Timeout) => continue,
                        Err(RecvTimeoutError::Disconnected) => return lobby.last(),
                    }
                }
            };
            if let Some(alone) = lobby.admit(part) {
                return Some(alone);
            }
        }
    }
}

/// The work of the tasks of one shard, until the input ends.
pub(super) fn work(receiver: mpsc::Receiver<Part>, lobby: Option<Lobby>) -> impl Stream<Item = Batch> {
    stream::unfold((receiver, lobby), |(mut receiver, mut lobby)| async move {
        let batch = match &mut lobby {
            None => receiver.recv().await.map(Batch::alone),
            Some(lobby) => next(&mut receiver, lobby).await,
        };
        batch.map(|batch| (batch, (receiver, lobby)))
    })
}

/// As [`Intake::next`], where tasks wait.
async fn next(receiver: &mut mpsc::Receiver<Part>, lobby: &mut Lobby) -> Option<Batch> {
    loop {
        if let Some(batch) = lobby.full() {
            return Some(batch);
        }
        let part = match receiver.try_recv() {
            Ok(part) => part,
            Err(mpsc::error::TryRecvError::Disconnected) => return lobby.last(),
            Err(mpsc::error::TryRecvError::Empty) => {
                if let Some(batch) = lobby.due(Instant::now()) {
                    return Some(batch);
                }
                let come = match lobby.next_due() {
                    Some(due) => tokio::time::timeout_at(due.into(), receiver.recv()).await,
                    None => Ok(receiver.recv().await),
                };
                match come {
                    Ok(Some(part)) => part,
                    Ok(None) => return lobby.last(),
                    Err(_) => continue,
                }
            }
        };
        if let Some(alone) = lobby.admit(part) {
            return Some(alone);
        }
    }
}
