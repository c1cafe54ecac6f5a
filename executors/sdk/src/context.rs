//! Where an executor stands: its pod, its shard and replica, its directory, its share of the machine.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use crate::{Metrics, RawParameters};

/// What an executor is given when it is constructed.
#[derive(Clone, Debug)]
pub struct Build {
    /// Its parameters, already checked against its table.
    pub with: RawParameters,
    /// Where it stands.
    pub context: Context,
}

/// Where an executor stands. The same for the life of the executor.
#[derive(Clone, Debug)]
pub struct Context {
    /// The pod that it works in.
    pub pod: String,
    /// The directory that is its own to write in; made when first needed. Shards do not share it, replicas do.
    pub workspace: PathBuf,
    /// The directory of the YAML file that names it; paths among its parameters start from here.
    pub directory: PathBuf,
    /// Which shard, from 0.
    pub shard: usize,
    /// How many shards the pod has.
    pub shards: usize,
    /// Which replica of the shard, from 0.
    pub replica: usize,
    /// Whether the flow promised not to change stored data.
    pub read_only: bool,
    /// How many threads it may keep busy.
    pub threads: usize,
    /// How many calls of an executor that waits may be under way at once.
    pub concurrency: usize,
    /// How long it may take to be made; `None` for no end.
    pub timeout_ready: Option<Duration>,
    /// Where it says when it cannot do its work for now.
    pub health: Health,
    /// State held in common by the replicas of one shard.
    pub shared: SharedState,
    /// Where it tells its numbers; in common as well.
    pub metrics: Metrics,
}

impl Context {
    /// A context for an executor that runs on its own, as in tests.
    #[must_use]
    pub fn standalone(workspace: impl Into<PathBuf>) -> Self {
        Self {
            pod: "pod".to_owned(),
            workspace: workspace.into(),
            directory: PathBuf::from("."),
            shard: 0,
            shards: 1,
            replica: 0,
            read_only: false,
            threads: 1,
            concurrency: 1,
            timeout_ready: None,
            health: Health::default(),
            shared: SharedState::default(),
            metrics: Metrics::default(),
        }
    }

    /// A path among the parameters: absolute as it is, else beside the YAML file.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.directory.join(path)
    }
}

/// Whether an executor can do its work: it says so here, and whoever asks whether the flow is ready is told. A call
/// may be made all the same. Clones are the same health.
#[derive(Clone, Default)]
pub struct Health(Arc<Stated>);

#[derive(Default)]
struct Stated {
    trouble: Mutex<Option<String>>,
    /// Who is told, beside those who ask.
    tell: Option<Tell>,
}

type Tell = Box<dyn Fn(Option<&str>) + Send + Sync>;

impl Health {
    /// A health that somebody is told of.
    pub(crate) fn with_observer(tell: impl Fn(Option<&str>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Stated { trouble: Mutex::default(), tell: Some(Box::new(tell)) }))
    }

    /// Says why it cannot, for now.
    pub fn set_unhealthy(&self, reason: impl Into<String>) {
        self.set(Some(reason.into()));
    }

    /// Says that it can.
    pub fn set_healthy(&self) {
        self.set(None);
    }

    fn set(&self, reason: Option<String>) {
        let mut trouble = self.0.trouble.lock();
        if let Some(tell) = self.0.tell.as_ref().filter(|_| *trouble != reason) {
            tell(reason.as_deref());
        }
        *trouble = reason;
    }

    /// Why it cannot, if it cannot.
    pub fn unhealthy_reason(&self) -> Option<String> {
        self.0.trouble.lock().clone()
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Health({:?})", self.unhealthy_reason())
    }
}

/// State that the replicas of one shard hold in common, such as an open index. Found by its type and its directory.
#[derive(Clone, Default)]
pub struct SharedState(Arc<Slots>);

type Slots = Mutex<HashMap<(TypeId, PathBuf), Slot>>;

/// Filled once; its own lock, so that opening one index does not hold up another.
type Slot = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

/// The state of those that a host gave the same number: it cannot hand over ours.
pub(crate) fn shared_state_for(number: u64) -> SharedState {
    static SHARED: LazyLock<Mutex<HashMap<u64, Weak<Slots>>>> = LazyLock::new(Mutex::default);
    let mut shared = SHARED.lock();
    shared.retain(|_, state| state.strong_count() > 0);
    if let Some(state) = shared.get(&number).and_then(Weak::upgrade) {
        return SharedState(state);
    }
    let state = SharedState::default();
    shared.insert(number, Arc::downgrade(&state.0));
    state
}

impl SharedState {
    /// The same number for every clone, and for no other state that is held at the time.
    pub fn id(&self) -> u64 {
        Arc::as_ptr(&self.0).addr() as u64
    }

    /// The state of type `T` for `directory`: what another replica opened already, or else what `open` returns.
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
    fn replicas_share_what_the_first_one_opened() {
        let shared = SharedState::default();
        let open = |number: u32| shared.get_or_open(Path::new("a"), || Ok::<_, ()>(number));
        assert_eq!((*open(1).unwrap(), *open(2).unwrap()), (1, 1));
        assert_eq!(*shared.get_or_open(Path::new("b"), || Ok::<_, ()>(3_u32)).unwrap(), 3);
        assert_eq!(*shared.get_or_open(Path::new("a"), || Ok::<_, ()>("text")).unwrap(), "text");
    }

    #[test]
    fn a_failed_opening_is_tried_again() {
        let shared = SharedState::default();
        assert_eq!(shared.get_or_open(Path::new("a"), || Err::<u32, _>("locked")), Err("locked"));
        assert_eq!(shared.get_or_open(Path::new("a"), || Ok::<_, ()>(7_u32)).map(|state| *state), Ok(7));
    }
}
