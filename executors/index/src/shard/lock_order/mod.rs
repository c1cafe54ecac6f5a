//! The lock order of a shard: mutexes and read-write locks with a rank, which debug builds assert.
//!
//! A thread may block on a lock only while every lock that it holds has a lower [`LockRank`]. Debug builds keep the ranks
//! that the current thread holds and panic at the first violation; release builds compile to plain `parking_lot` locks.
//! An attempt that cannot block (`try_*`) is exempt, but the lock that it acquired counts for later ones. The order is
//! one for all shards of a pod: evicting the index of another shard follows it too.
//!
//! Not ranked: the thread handle of a background task, which is locked only to start or to join the thread.

mod held;
mod rank;

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::held::Held;
pub(super) use self::rank::LockRank;

/// The guard of a ranked lock.
#[derive(Debug)]
pub(super) struct Ranked<G> {
    guard: G,
    _held: Held,
}

impl<G> Ranked<G> {
    fn new(rank: LockRank, guard: G) -> Self {
        Self { guard, _held: Held::register(rank) }
    }
}

impl<G: Deref> Deref for Ranked<G> {
    type Target = G::Target;

    fn deref(&self) -> &G::Target {
        &self.guard
    }
}

impl<G: DerefMut> DerefMut for Ranked<G> {
    fn deref_mut(&mut self) -> &mut G::Target {
        &mut self.guard
    }
}

/// Guard of an [`OrderedMutex`].
pub(super) type OrderedMutexGuard<'a, T> = Ranked<MutexGuard<'a, T>>;
/// Shared guard of an [`OrderedRwLock`].
pub(super) type OrderedReadGuard<'a, T> = Ranked<RwLockReadGuard<'a, T>>;
/// Exclusive guard of an [`OrderedRwLock`].
pub(super) type OrderedWriteGuard<'a, T> = Ranked<RwLockWriteGuard<'a, T>>;

impl<T> OrderedMutexGuard<'_, T> {
    /// Releases the mutex until `changed` is notified.
    pub(super) fn wait(&mut self, changed: &Condvar) {
        changed.wait(&mut self.guard);
    }

    /// Releases the mutex until `changed` is notified or `timeout` has passed.
    pub(super) fn wait_for(&mut self, changed: &Condvar, timeout: Duration) {
        changed.wait_for(&mut self.guard, timeout);
    }
}

/// A mutex with a rank.
#[derive(Debug)]
pub(super) struct OrderedMutex<T> {
    rank: LockRank,
    mutex: Mutex<T>,
}

impl<T> OrderedMutex<T> {
    pub(super) fn new(rank: LockRank, value: T) -> Self {
        Self { rank, mutex: Mutex::new(value) }
    }

    /// Waits for the mutex. Panics in a debug build if that violates the lock order.
    pub(super) fn lock(&self) -> OrderedMutexGuard<'_, T> {
        Held::check(self.rank, false);
        Ranked::new(self.rank, self.mutex.lock())
    }

    /// Acquires the mutex if no thread holds it.
    pub(super) fn try_lock(&self) -> Option<OrderedMutexGuard<'_, T>> {
        self.mutex.try_lock().map(|guard| Ranked::new(self.rank, guard))
    }

    /// Returns whether a thread holds the mutex.
    pub(super) fn is_locked(&self) -> bool {
        self.mutex.is_locked()
    }
}

/// A read-write lock with a rank.
#[derive(Debug)]
pub(super) struct OrderedRwLock<T> {
    rank: LockRank,
    lock: RwLock<T>,
}

impl<T> OrderedRwLock<T> {
    pub(super) fn new(rank: LockRank, value: T) -> Self {
        Self { rank, lock: RwLock::new(value) }
    }

    /// Acquires the lock for reading, after threads that already wait to write.
    pub(super) fn read(&self) -> OrderedReadGuard<'_, T> {
        Held::check(self.rank, false);
        Ranked::new(self.rank, self.lock.read())
    }

    /// Acquires the lock for reading, ahead of threads that wait to write; the current thread may already hold it for
    /// reading.
    pub(super) fn read_recursive(&self) -> OrderedReadGuard<'_, T> {
        Held::check(self.rank, true);
        Ranked::new(self.rank, self.lock.read_recursive())
    }

    /// Acquires the lock for reading if no thread holds it, or waits for it, to write.
    pub(super) fn try_read(&self) -> Option<OrderedReadGuard<'_, T>> {
        self.lock.try_read().map(|guard| Ranked::new(self.rank, guard))
    }

    /// Waits to acquire the lock for writing. Panics in a debug build if that violates the lock order.
    pub(super) fn write(&self) -> OrderedWriteGuard<'_, T> {
        Held::check(self.rank, false);
        Ranked::new(self.rank, self.lock.write())
    }

    /// Acquires the lock for writing if no other thread holds it.
    pub(super) fn try_write(&self) -> Option<OrderedWriteGuard<'_, T>> {
        self.lock.try_write().map(|guard| Ranked::new(self.rank, guard))
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    fn panics(action: impl FnOnce()) -> bool {
        catch_unwind(AssertUnwindSafe(action)).is_err()
    }

    #[test]
    fn a_lower_rank_cannot_be_acquired_while_a_higher_one_is_held() {
        let writer = OrderedMutex::new(LockRank::Writer, ());
        let state = OrderedRwLock::new(LockRank::State, ());
        let view = OrderedRwLock::new(LockRank::View, ());
        drop((writer.lock(), state.read(), view.write()));
        let reading = state.read();
        assert!(panics(|| drop(writer.lock())));
        assert!(panics(|| drop(state.read())), "a thread that waits to write would block this forever");
        assert!(!panics(|| drop((state.read_recursive(), view.read()))));
        // An attempt cannot block, but counts once it succeeded.
        let attempted = writer.try_lock();
        assert!(attempted.is_some() && writer.is_locked());
        drop(reading);
        assert!(panics(|| drop(writer.lock())));
        drop(state.try_write());
        drop(state.try_read());
        drop(state.write());
        drop(attempted);
        drop(writer.lock());
    }

    #[test]
    fn ranks_are_kept_per_thread() {
        let (writer, state) =
            (OrderedMutex::new(LockRank::Writer, 1), OrderedRwLock::new(LockRank::State, 2));
        let _reading = state.read();
        let value = std::thread::scope(|scope| scope.spawn(|| *writer.lock()).join().unwrap());
        assert_eq!(value, 1);
    }
}
