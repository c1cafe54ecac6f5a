//! A shard that is open, and the thread that works for it where nobody waits.
//!
//! The thread builds the index and tells the disk of what was acknowledged before it had it. It is started when there
//! is something to do for the first time, and ends with the shard. Another removes what is kept until a time alone, see
//! [`super::expiry`].

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use flowrun_sdk::{Condition, ExecutorError, tracing};
use parking_lot::{Condvar, Mutex};

use super::Shard;
use super::answer::Check;
use super::expiry::start_expiring;
use super::recurring::Recurring;
use super::residency::Use;
use crate::storage::{Change, FSYNC_INTERVAL, Outcome, StorageError};

/// How often somebody who waits for the thread looks whether to go on waiting.
const LOOKING: Duration = Duration::from_millis(20);

/// A shard that is open. When the last replica lets go of it, its thread ends first.
#[derive(Debug)]
pub(crate) struct OpenShard {
    shard: Arc<Shard>,
    desk: Arc<Desk>,
    thread: Mutex<Option<JoinHandle<()>>>,
    expirer: Option<Recurring>,
    follower: Option<Recurring>,
}

/// Where the thread finds what it is to do.
#[derive(Debug)]
struct Desk {
    tasks: Mutex<Tasks>,
    changed: Condvar,
    condition: Condition,
}

/// What the thread is to do.
#[derive(Debug, Default)]
struct Tasks {
    is_over: bool,
    /// Look whether the index has work.
    look: bool,
    is_busy: bool,
    /// When the disk is to be told.
    sync_at: Option<Instant>,
}

impl Desk {
    /// Lets the thread look.
    fn look(&self) {
        self.tasks.lock().look = true;
        self.changed.notify_all();
    }
}

impl Deref for OpenShard {
    type Target = Shard;

    fn deref(&self) -> &Shard {
        &self.shard
    }
}

impl OpenShard {
    pub(super) fn new(shard: Shard, condition: Condition) -> Self {
        let shard = Arc::new(shard);
        if let Some(residency) = &shard.residency {
            residency.join(&shard);
        }
        let expirer = start_expiring(&shard, condition.clone());
        let desk = Desk { tasks: Mutex::default(), changed: Condvar::new(), condition: condition.clone() };
        let desk = Arc::new(desk);
        let own = Arc::clone(&desk);
        let follower = Shard::start_following(&shard, condition, move || own.look());
        let open = Self { shard, desk, thread: Mutex::default(), expirer, follower };
        if open.follower.is_some() {
            open.start_thread();
        }
        open.wake();
        open
    }

    /// The shard without its thread.
    pub(super) fn shard(&self) -> &Arc<Shard> {
        &self.shard
    }

    /// Makes a change durable, and then visible.
    ///
    /// # Errors
    /// When it could not be made durable; then nothing of it is visible.
    pub(crate) fn apply(&self, change: Change) -> Result<Outcome, StorageError> {
        let outcome = self.shard.write(change)?;
        self.wake();
        self.expirer.iter().for_each(Recurring::wake);
        Ok(outcome)
    }

    /// Waits until the index covers all that is stored.
    ///
    /// # Errors
    /// When `check` says to give up.
    pub(crate) fn settle(&self, check: Check<'_>) -> Result<(), ExecutorError> {
        self.wake();
        loop {
            check()?;
            let mut tasks = self.desk.tasks.lock();
            if !tasks.look && !tasks.is_busy {
                return Ok(());
            }
            self.desk.changed.wait_for(&mut tasks, LOOKING);
        }
    }

    /// Lets the thread look, if there is something to see.
    pub(super) fn wake(&self) {
        let (has_work, is_unsynced) = self.shard.has_work();
        if !has_work && !is_unsynced {
            return;
        }
        let mut tasks = self.desk.tasks.lock();
        tasks.look |= has_work;
        if is_unsynced {
            tasks.sync_at.get_or_insert_with(|| Instant::now() + FSYNC_INTERVAL);
        }
        drop(tasks);
        self.desk.changed.notify_all();
        self.start_thread();
    }

    fn start_thread(&self) {
        self.thread.lock().get_or_insert_with(|| {
            let (shard, desk) = (Arc::clone(&self.shard), Arc::clone(&self.desk));
            std::thread::spawn(move || work(&shard, &desk))
        });
    }
}

/// Why nothing is worked on.
enum Interrupted {
    /// Nobody needs it.
    Closing,
    Failed(StorageError),
}

impl From<StorageError> for Interrupted {
    fn from(error: StorageError) -> Self {
        Self::Failed(error)
    }
}

impl Shard {
    /// Whether there is work to do where nobody waits, and whether something is to be made durable.
    pub(super) fn has_work(&self) -> (bool, bool) {
        let is_worth_compacting = self.is_worth_compacting();
        let state = self.state.read();
        let has_work =
            is_worth_compacting || state.vectors.as_ref().is_some_and(|vectors| vectors.has_work());
        let is_unsynced = state.durability.lock().is_unsynced;
        (has_work, is_unsynced)
    }

    /// Does the work of the index, and leaves dead rows behind.
    pub(super) fn work(&self) -> Result<(), StorageError> {
        if !self.has_work().0 {
            return Ok(());
        }
        let check = || if self.is_closing() { Err(Interrupted::Closing) } else { Ok(()) };
        let _entered = match self.enter(Use::Build, check) {
            Ok(entered) => entered,
            Err(Interrupted::Closing) => return Ok(()),
            Err(Interrupted::Failed(error)) => return Err(error),
        };
        if self.is_worth_compacting() {
            self.compact();
        }
        let vectors = self.state.read().vectors.clone();
        vectors.map_or(Ok(()), |vectors| vectors.work())
    }

    /// Makes durable what was acknowledged before the disk had it.
    pub(super) fn sync(&self) -> Result<(), StorageError> {
        self.state.read().sync()
    }

    /// Whether nobody needs what is worked for.
    pub(super) fn is_closing(&self) -> bool {
        let state = self.state.read();
        state.vectors.as_ref().is_none_or(|vectors| vectors.is_over.load(Ordering::Acquire))
    }

    /// Whoever works for the index stops soon.
    fn give_up(&self) {
        self.compacting.give_up();
        if let Some(vectors) = &self.state.read().vectors {
            vectors.is_over.store(true, Ordering::Release);
        }
    }
}

impl Drop for OpenShard {
    fn drop(&mut self) {
        self.expirer.take();
        self.follower.take();
        self.desk.tasks.lock().is_over = true;
        self.desk.changed.notify_all();
        self.shard.give_up();
        if let Some(thread) = self.thread.get_mut().take() {
            // It catches nothing: a panic has been told by then.
            let _ = thread.join();
        }
    }
}

fn work(shard: &Shard, desk: &Desk) {
    loop {
        let mut tasks = desk.tasks.lock();
        tasks.is_busy = false;
        desk.changed.notify_all();
        let is_due = |tasks: &Tasks| tasks.sync_at.is_some_and(|at| at <= Instant::now());
        while !tasks.is_over && !tasks.look && !is_due(&tasks) {
            match tasks.sync_at {
                Some(at) => drop(desk.changed.wait_until(&mut tasks, at)),
                None => desk.changed.wait(&mut tasks),
            }
        }
        if tasks.is_over {
            break;
        }
        tasks.is_busy = std::mem::take(&mut tasks.look);
        let syncs = is_due(&tasks);
        if syncs {
            tasks.sync_at = None;
        }
        drop(tasks);
        let worked = if syncs { shard.sync() } else { Ok(()) };
        if let Err(error) = worked.and_then(|()| shard.work()) {
            tracing::error!(%error, "upkeep of the index failed");
            desk.condition.fail(error.to_string());
        }
    }
    // What was acknowledged under `interval` should not depend on the system's mood.
    if let Err(error) = shard.sync() {
        tracing::error!(%error, "the last writes may not be on disk");
    }
}
