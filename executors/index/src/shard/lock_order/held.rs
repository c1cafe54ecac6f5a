//! Ranks of the locks that the current thread holds. Tracked in debug builds only.

use super::rank::LockRank;

#[cfg(debug_assertions)]
thread_local! {
    static RANKS: std::cell::RefCell<Vec<LockRank>> = const { std::cell::RefCell::new(Vec::new()) };
}

/// Guard that keeps a rank registered as held by the current thread until it is dropped.
#[derive(Debug)]
pub(super) struct Held {
    #[cfg(debug_assertions)]
    rank: LockRank,
}

#[cfg(debug_assertions)]
impl Held {
    /// Asserts that blocking on a lock of this rank follows the order; with `may_recurse`, the thread may already hold the
    /// lock.
    pub(super) fn check(rank: LockRank, may_recurse: bool) {
        RANKS.with_borrow(|held| {
            let highest = held.iter().max();
            let follows = highest.is_none_or(|highest| *highest < rank || may_recurse && *highest == rank);
            assert!(follows, "lock order violated: `{rank:?}` is acquired while {held:?} are held");
        });
    }

    /// Registers a rank as held by the current thread.
    pub(super) fn register(rank: LockRank) -> Self {
        RANKS.with_borrow_mut(|held| held.push(rank));
        Self { rank }
    }
}

#[cfg(debug_assertions)]
impl Drop for Held {
    fn drop(&mut self) {
        RANKS.with_borrow_mut(|held| {
            if let Some(position) = held.iter().rposition(|rank| *rank == self.rank) {
                held.remove(position);
            }
        });
    }
}

#[cfg(not(debug_assertions))]
impl Held {
    pub(super) fn check(_: LockRank, _: bool) {}

    pub(super) fn register(_: LockRank) -> Self {
        Self {}
    }
}
