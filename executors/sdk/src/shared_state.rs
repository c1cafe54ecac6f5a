//! State that the replicas of one shard share.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

/// State that the replicas of one shard share, such as an open index. Values are found by their type and directory.
///
/// Clones share the state.
#[derive(Clone, Default)]
pub struct SharedState(Arc<Slots>);

type Slots = Mutex<HashMap<(TypeId, PathBuf), Slot>>;

/// One value, with its own lock, so that opening one index does not block access to another.
type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

impl SharedState {
    /// Returns the state for a host's [`id`](SharedState::id), for executors across a foreign interface: the host cannot
    /// pass its own. The same id gives the same state as long as an executor holds it.
    pub(crate) fn for_host_id(id: u64) -> Self {
        static STATES: LazyLock<Mutex<HashMap<u64, Weak<Slots>>>> = LazyLock::new(Mutex::default);
        let mut states = STATES.lock();
        states.retain(|_, state| state.strong_count() > 0);
        if let Some(state) = states.get(&id).and_then(Weak::upgrade) {
            return Self(state);
        }
        let state = Self::default();
        states.insert(id, Arc::downgrade(&state.0));
        state
    }

    /// Number that clones have in common, and that no other live state has.
    pub fn id(&self) -> u64 {
        Arc::as_ptr(&self.0).addr() as u64
    }

    /// Returns the value of type `T` for `directory`, and opens it if no replica did so before.
    ///
    /// Concurrent callers for the same type and directory wait for the one that opens it.
    ///
    /// # Errors
    /// The error of `open`; the next caller tries again.
    pub fn get_or_open<T, E>(
        &self,
        directory: &Path,
        open: impl FnOnce() -> Result<T, E>,
    ) -> Result<Arc<T>, E>
    where
        T: Any + Send + Sync,
    {
        let slot = Arc::clone(self.0.lock().entry((TypeId::of::<T>(), directory.to_owned())).or_default());
        let mut state = slot.lock();
        if let Some(open) = state.as_ref().and_then(|state| Arc::clone(state).downcast::<T>().ok()) {
            return Ok(open);
        }
        let opened = Arc::new(open()?);
        *state = Some(Arc::clone(&opened) as Arc<dyn Any + Send + Sync>);
        Ok(opened)
    }
}

impl fmt::Debug for SharedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedState({})", self.0.lock().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_share_the_value_that_the_first_one_opened() {
        let shared = SharedState::default();
        let open = |number: u32| shared.get_or_open(Path::new("a"), || Ok::<_, ()>(number));
        assert_eq!((*open(1).unwrap(), *open(2).unwrap()), (1, 1));
        assert_eq!(*shared.get_or_open(Path::new("b"), || Ok::<_, ()>(3_u32)).unwrap(), 3);
        assert_eq!(*shared.get_or_open(Path::new("a"), || Ok::<_, ()>("text")).unwrap(), "text");
    }

    #[test]
    fn a_failed_opening_is_retried() {
        let shared = SharedState::default();
        assert_eq!(shared.get_or_open(Path::new("a"), || Err::<u32, _>("locked")), Err("locked"));
        assert_eq!(shared.get_or_open(Path::new("a"), || Ok::<_, ()>(7_u32)).map(|state| *state), Ok(7));
    }
}
