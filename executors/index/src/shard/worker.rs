//! A shard that is open, and the thread that works for it where nobody waits.
//!
//! The thread builds the index. It is started when there is something to do for the first time, and ends with the shard.
//! Others tell the disk of what was acknowledged before it had it, remove what is kept until a time (see
//! [`super::expiry`]), and look for what somebody else writes (see [`super::following`]), each where it is needed.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use flowrun_sdk::{ExecutorError, Health, tracing};
use parking_lot::{Condvar, Mutex};

use super::answer::{Check, Match};
use super::backup::BackupName;
use super::expiry::start_expiring;
use super::recurring::Recurring;
use super::residency::Use;
use super::search::SearchParams;
use super::{ReadTransaction, Shard};
use crate::metric::Query;
use crate::storage::{Change, FSYNC_INTERVAL, Fsync, Outcome, StorageError};

/// Why nothing more is worked on.
const PANICKED: &str = "the thread that keeps the index up has panicked: restart the flow";
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
    syncer: Option<Recurring>,
}

/// Where the thread finds what it is to do.
#[derive(Debug)]
struct Desk {
    tasks: Mutex<Tasks>,
    changed: Condvar,
    health: Health,
}

/// What the thread is to do.
#[derive(Debug, Default)]
struct Tasks {
    is_over: bool,
    /// Look whether the index has work.
    look: bool,
    is_busy: bool,
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
    pub(super) fn new(shard: Shard, health: Health) -> Self {
        let shard = Arc::new(shard);
        if let Some(residency) = &shard.residency {
            residency.join(&shard);
        }
        let syncer = Shard::start_syncing(&shard, health.clone());
        let desk = Desk { tasks: Mutex::default(), changed: Condvar::new(), health: health.clone() };
        let desk = Arc::new(desk);
        let look = || {
            let desk = Arc::clone(&desk);
            move || desk.look()
        };
        let expirer = start_expiring(&shard, health.clone(), look());
        let follower = Shard::start_following(&shard, health, look());
        let open = Self { shard, desk, thread: Mutex::default(), expirer, follower, syncer };
        if open.expirer.is_some() || open.follower.is_some() {
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
        self.apply_with(|_| Ok(change))
    }

    /// The same for a change that depends on what is stored: nobody else writes meanwhile.
    ///
    /// # Errors
    /// When it cannot be made, or could not be made durable; then nothing of it is visible.
    pub(crate) fn apply_with<E: From<StorageError>>(
        &self,
        change: impl FnOnce(&ReadTransaction<'_>) -> Result<Change, E>,
    ) -> Result<Outcome, E> {
        let outcome = self.shard.write(change)?;
        self.wake();
        self.expirer.iter().for_each(Recurring::wake);
        Ok(outcome)
    }

    /// As [`Shard::restore`]. What is restored comes without its index.
    ///
    /// # Errors
    /// As for [`Shard::restore`].
    pub(crate) fn restore(&self, name: &BackupName) -> Result<u64, ExecutorError> {
        let restored = self.shard.restore(name);
        self.wake();
        restored
    }

    /// As [`Shard::search`]. An index that was read for it may lack what was written since, or be damaged.
    ///
    /// # Errors
    /// As for [`Shard::search`].
    pub(crate) fn search(
        &self,
        queries: &[Query],
        asked: &SearchParams<'_>,
        check: Check<'_>,
    ) -> Result<Vec<Vec<Match>>, ExecutorError> {
        let found = self.shard.search(queries, asked, check);
        if self.shard.residency.is_some() {
            self.wake();
        }
        found
    }

    /// Waits until the index covers all that is stored.
    ///
    /// # Errors
    /// When `check` says to give up.
    pub(crate) fn wait_until_indexed(&self, check: Check<'_>) -> Result<(), ExecutorError> {
        self.wake();
        loop {
            check()?;
            let mut tasks = self.desk.tasks.lock();
            if tasks.is_over {
                return Err(ExecutorError::resource(PANICKED));
            }
            if !tasks.look && !tasks.is_busy {
                return Ok(());
            }
            self.desk.changed.wait_for(&mut tasks, LOOKING);
        }
    }

    /// Lets the thread look, if there is something to see.
    pub(super) fn wake(&self) {
        if self.shard.has_work() {
            self.desk.look();
            self.start_thread();
        }
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
    /// Whether there is work to do where nobody waits.
    pub(super) fn has_work(&self) -> bool {
        let is_worth_compacting = self.is_worth_compacting();
        let state = self.state.read();
        is_worth_compacting || state.vectors.as_ref().is_some_and(|vectors| vectors.has_work())
    }

    /// Does the work of the index, and leaves dead rows behind.
    pub(super) fn work(&self) -> Result<(), StorageError> {
        // Rows may be added until there are so many that an index is to be built.
        while self.has_work() {
            let builds = self.residency.is_none() || self.is_to_build();
            let wanted = if builds { Use::Build } else { Use::Ask };
            let check = || if self.is_closing() { Err(Interrupted::Closing) } else { Ok(()) };
            let _entered = match self.enter(wanted, check) {
                Ok(entered) => entered,
                Err(Interrupted::Closing) => return Ok(()),
                Err(Interrupted::Failed(error)) => return Err(error),
            };
            if builds && self.is_worth_compacting() {
                self.compact();
            }
            let vectors = self.state.read().vectors.clone();
            vectors.map_or(Ok(()), |vectors| vectors.work(builds))?;
            if builds || !self.is_to_build() {
                break;
            }
        }
        Ok(())
    }

    /// Whether another index or another generation is to be made.
    fn is_to_build(&self) -> bool {
        let is_to_be_built =
            || self.state.read().vectors.as_ref().is_some_and(|vectors| vectors.is_to_be_built());
        self.is_worth_compacting() || is_to_be_built()
    }

    /// Starts to tell the disk of what was acknowledged, where that is not done at once.
    fn start_syncing(shard: &Arc<Self>, health: Health) -> Option<Recurring> {
        if shard.settings.read_only || shard.settings.fsync != Fsync::Interval {
            return None;
        }
        let shard = Arc::clone(shard);
        Some(Recurring::start(health.clone(), move || match shard.sync() {
            Ok(()) => Some(FSYNC_INTERVAL),
            Err(error) => {
                tracing::error!(%error, "the last writes may not be on disk");
                health.set_unhealthy(error.to_string());
                None
            }
        }))
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
        if let Some(vectors) = &self.state.read().vectors {
            vectors.is_over.store(true, Ordering::Release);
        }
        // For good: who begins one now sees that the shard is closed.
        std::mem::forget(self.compacting.hurry());
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
        // What was acknowledged before the disk had it should not depend on the system's mood.
        self.syncer.take();
        if let Err(error) = self.shard.sync() {
            tracing::error!(%error, "the last writes may not be on disk");
        }
    }
}

/// Lets nobody wait for a thread that a defect ended.
struct Present<'a>(&'a Desk);

impl Drop for Present<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.health.set_unhealthy(PANICKED);
            *self.0.tasks.lock() = Tasks { is_over: true, ..Tasks::default() };
            self.0.changed.notify_all();
        }
    }
}

fn work(shard: &Shard, desk: &Desk) {
    let _present = Present(desk);
    loop {
        let mut tasks = desk.tasks.lock();
        tasks.is_busy = false;
        desk.changed.notify_all();
        while !tasks.is_over && !tasks.look {
            desk.changed.wait(&mut tasks);
        }
        if tasks.is_over {
            break;
        }
        tasks.is_busy = std::mem::take(&mut tasks.look);
        drop(tasks);
        if let Err(error) = shard.work() {
            tracing::error!(%error, "upkeep of the index failed");
            desk.health.set_unhealthy(error.to_string());
        }
    }
}
