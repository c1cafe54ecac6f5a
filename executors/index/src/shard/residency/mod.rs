//! Which shards of a pod have their index in memory: no more than `resident` says, those that were used last.
//!
//! Who uses an index enters its shard, and waits for a place while all are taken by others who use theirs. The one that was
//! used longest ago makes room: it is left to the disk, and read again when it is asked next. Documents and vectors are on
//! disk in any case. A thread that builds an index takes no place, so that no search waits for that; one builds at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Weak};
use std::time::Duration;

use flowrun_sdk::{Parameter, ParameterKind, Value, tracing};
use parking_lot::{Condvar, Mutex};

use super::Shard;
use crate::byte_size::ByteSize;
use crate::derived::release_memory;
use crate::storage::StorageError;

/// How often somebody who waits for a place looks whether to go on waiting.
const LOOKING: Duration = Duration::from_millis(20);

/// How many indexes of a pod's shards are in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CacheCapacity {
    /// Of so many shards.
    Shards(u64),
    /// As many as take so many bytes, and one at least.
    Bytes(u64),
}

impl Parameter for CacheCapacity {
    const KIND: ParameterKind =
        ParameterKind::Other("a number of shards such as `4`, or an amount of memory such as `2GB`");

    fn parse(value: &Value) -> Option<Self> {
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64(),
        };
        match number {
            Some(shards) => (shards > 0).then_some(Self::Shards(shards)),
            None => ByteSize::parse(value).map(|size| Self::Bytes(size.bytes())),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Shards(shards) => (*shards).into(),
            Self::Bytes(bytes) => format!("{bytes}B").into(),
        }
    }
}

/// What somebody wants of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// To search it, or to add rows.
    Ask,
    /// To make another, which takes long.
    Build,
}

/// Who has which place. Shared by the shards of a pod.
#[derive(Debug)]
pub(super) struct Residency {
    resident: CacheCapacity,
    places: Mutex<Places>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Places {
    places: Vec<Place>,
    /// Counts what happens.
    moment: u64,
}

/// What is known of a shard.
#[derive(Debug)]
struct Place {
    shard: Weak<Shard>,
    presence: Presence,
    users: usize,
    /// One of the users works on the index.
    is_built: bool,
    /// It could not be left to the disk when that was tried last.
    is_stuck: bool,
    used: u64,
    /// What it takes in memory, or did when it was there last.
    bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Absent,
    /// On its way in or out.
    Moving,
    Present,
}

/// What is to be done next by who wants to enter a shard.
enum Step {
    /// It has entered.
    Enter,
    /// Read the index; the place is taken.
    Bring,
    /// Leave this one to the disk first.
    Rest(Arc<Shard>),
    Wait,
}

impl Places {
    fn of(&mut self, shard: &Shard) -> Option<&mut Place> {
        self.places.iter_mut().find(|place| std::ptr::eq(place.shard.as_ptr(), shard))
    }

    /// Those that take room.
    fn taken(&self) -> impl Iterator<Item = &Place> {
        let takes = |place: &&Place| {
            place.presence != Presence::Absent && !place.is_built && place.shard.strong_count() > 0
        };
        self.places.iter().filter(takes)
    }

    /// Whether one more that takes so many bytes has room.
    fn has_room(&self, resident: CacheCapacity, bytes: u64) -> bool {
        match resident {
            CacheCapacity::Shards(shards) => (self.taken().count() as u64) < shards,
            CacheCapacity::Bytes(bytes_max) => {
                let taken: u64 = self.taken().map(|place| place.bytes).sum();
                taken.saturating_add(bytes) <= bytes_max || self.taken().next().is_none()
            }
        }
    }

    /// Whether more is in memory than there is room for.
    fn is_crowded(&self, resident: CacheCapacity) -> bool {
        let count = self.taken().count() as u64;
        match resident {
            CacheCapacity::Shards(shards) => count > shards,
            CacheCapacity::Bytes(bytes_max) => {
                count > 1 && self.taken().map(|place| place.bytes).sum::<u64>() > bytes_max
            }
        }
    }

    /// Sends away the one that was used longest ago and is not used now.
    fn send_away(&mut self) -> Option<Arc<Shard>> {
        let idle = |place: &&mut Place| {
            place.presence == Presence::Present && place.users == 0 && !place.is_stuck && !place.is_built
        };
        let mut idle: Vec<&mut Place> = self.places.iter_mut().filter(idle).collect();
        idle.sort_by_key(|place| place.used);
        idle.into_iter().find_map(|place| {
            let shard = place.shard.upgrade()?;
            place.presence = Presence::Moving;
            Some(shard)
        })
    }

    fn step(&mut self, resident: CacheCapacity, shard: &Shard, wanted: Use) -> Step {
        let is_building = self.places.iter().any(|place| place.is_built && place.shard.strong_count() > 0);
        let Some(place) = self.of(shard) else { return Step::Enter };
        // Another generation may have taken the place of the one that was in memory.
        if place.presence == Presence::Present && shard.is_known_to_be_at_rest() {
            place.presence = Presence::Absent;
        }
        let (presence, bytes) = (place.presence, place.bytes);
        match presence {
            Presence::Moving => return Step::Wait,
            _ if wanted == Use::Build && is_building => return Step::Wait,
            Presence::Present => {}
            Presence::Absent if wanted == Use::Build || self.has_room(resident, bytes) => {}
            Presence::Absent => match self.send_away() {
                Some(idle) => return Step::Rest(idle),
                // Waiting would not help when those that are there cannot go.
                None if self.taken().all(|place| place.is_stuck && place.users == 0) => {}
                None => return Step::Wait,
            },
        }
        self.moment += 1;
        let moment = self.moment;
        let Some(place) = self.of(shard) else { return Step::Enter };
        (place.users, place.used) = (place.users + 1, moment);
        place.is_built |= wanted == Use::Build;
        if presence == Presence::Present {
            return Step::Enter;
        }
        place.presence = Presence::Moving;
        Step::Bring
    }
}

impl Residency {
    /// What the shards of the pod of that name in this directory share. Of several pods that read it each has as many as it
    /// says.
    pub(super) fn of(pod: &str, directory: &Path, resident: CacheCapacity) -> Arc<Self> {
        type Pods = HashMap<(String, PathBuf, CacheCapacity), Weak<Residency>>;
        static PODS: LazyLock<Mutex<Pods>> = LazyLock::new(Mutex::default);
        let key = (pod.to_owned(), directory.to_owned(), resident);
        let mut pods = PODS.lock();
        pods.retain(|_, residency| residency.strong_count() > 0);
        if let Some(known) = pods.get(&key).and_then(Weak::upgrade) {
            return known;
        }
        let made = Arc::new(Self { resident, places: Mutex::default(), changed: Condvar::new() });
        pods.insert(key, Arc::downgrade(&made));
        made
    }

    /// From now on the shard can be entered; its index is not in memory.
    pub(super) fn join(&self, shard: &Arc<Shard>) {
        let bytes = shard.index_bytes();
        let mut places = self.places.lock();
        places.places.retain(|place| place.shard.strong_count() > 0);
        places.places.push(Place {
            shard: Arc::downgrade(shard),
            presence: Presence::Absent,
            users: 0,
            is_built: false,
            is_stuck: false,
            used: 0,
            bytes,
        });
    }

    /// Sees to it that the index of a shard is in memory, and stays there until what is returned is dropped.
    ///
    /// # Errors
    /// When vectors cannot be read, or `check` says to give up waiting.
    pub(super) fn enter<'a, E: From<StorageError>>(
        &'a self,
        shard: &'a Shard,
        wanted: Use,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Entered<'a>, E> {
        loop {
            let mut places = self.places.lock();
            match places.step(self.resident, shard, wanted) {
                Step::Enter => return Ok(Entered { residency: self, shard, wanted }),
                Step::Bring => {
                    drop(places);
                    // Gone again by itself if that fails.
                    let entered = Entered { residency: self, shard, wanted };
                    let moving = Moving { residency: self, shard, becomes: Presence::Absent };
                    shard.bring()?;
                    moving.end(Presence::Present);
                    return Ok(entered);
                }
                Step::Rest(idle) => {
                    drop(places);
                    self.rest(&idle);
                }
                Step::Wait => {
                    self.changed.wait_for(&mut places, LOOKING);
                    drop(places);
                    check()?;
                }
            }
        }
    }

    /// The same if the index is in memory now.
    pub(super) fn enter_present<'a>(&'a self, shard: &'a Shard) -> Option<Entered<'a>> {
        let mut places = self.places.lock();
        places.of(shard).filter(|place| place.presence == Presence::Present)?.users += 1;
        Some(Entered { residency: self, shard, wanted: Use::Ask })
    }

    /// Leaves to the disk the index of a shard that was sent away.
    fn rest(&self, idle: &Shard) {
        let moving = Moving { residency: self, shard: idle, becomes: Presence::Present };
        let is_at_rest = idle.rest();
        if !is_at_rest && let Some(place) = self.places.lock().of(idle) {
            place.is_stuck = true;
        }
        moving.end(if is_at_rest { Presence::Absent } else { Presence::Present });
    }

    /// What is in memory and has no room goes.
    fn make_room(&self) {
        loop {
            let mut places = self.places.lock();
            let idle = places.is_crowded(self.resident).then(|| places.send_away()).flatten();
            drop(places);
            match idle {
                Some(idle) => self.rest(&idle),
                None => return,
            }
        }
    }
}

impl Shard {
    /// Sees to it that the index is in memory, and stays there until what is returned is dropped.
    ///
    /// # Errors
    /// When vectors cannot be read, or `check` says to give up waiting.
    pub(super) fn enter<E: From<StorageError>>(
        &self,
        wanted: Use,
        check: impl Fn() -> Result<(), E>,
    ) -> Result<Option<Entered<'_>>, E> {
        self.residency.as_ref().map(|residency| residency.enter(self, wanted, check)).transpose()
    }

    /// Whether the index is on disk alone.
    #[cfg(test)]
    fn is_at_rest(&self) -> bool {
        self.read().vectors.as_ref().is_some_and(|vectors| vectors.is_at_rest())
    }

    /// Whether the index is on disk alone, as far as that can be told without waiting for somebody.
    fn is_known_to_be_at_rest(&self) -> bool {
        let Some(state) = self.state.try_read() else { return false };
        let served = state.vectors.as_ref().and_then(|vectors| vectors.served.try_read());
        served.is_some_and(|served| served.derived.is_at_rest())
    }

    /// About how many bytes the index takes in memory, or will when it is there.
    fn index_bytes(&self) -> u64 {
        self.read().vectors.as_ref().map_or(0, |vectors| vectors.served.read().derived.bytes())
    }

    fn bring(&self) -> Result<(), StorageError> {
        let vectors = self.read().vectors.clone();
        vectors.map_or(Ok(()), |vectors| vectors.bring())
    }

    /// Leaves the index to the disk, and the tags that filters need; says whether it is there. Nobody uses it meanwhile.
    fn rest(&self) -> bool {
        let vectors = self.read().vectors.clone();
        let is_at_rest = vectors.is_none_or(|vectors| vectors.rest());
        // Who writes is not waited for: then the tags stay, which take less.
        if let Some(_writing) = self.writing.try_lock() {
            self.read().forget_tags();
        }
        release_memory();
        tracing::debug!(directory = %self.layout.directory().display(), is_at_rest, "left to the disk");
        is_at_rest
    }
}

/// An index on its way in or out; where it is when that ends, by a panic too.
struct Moving<'a> {
    residency: &'a Residency,
    shard: &'a Shard,
    becomes: Presence,
}

impl Moving<'_> {
    fn end(mut self, becomes: Presence) {
        self.becomes = becomes;
    }
}

impl Drop for Moving<'_> {
    fn drop(&mut self) {
        let bytes = self.shard.index_bytes();
        if let Some(place) = self.residency.places.lock().of(self.shard) {
            (place.presence, place.bytes) = (self.becomes, bytes);
        }
        self.residency.changed.notify_all();
    }
}

/// Somebody uses the index of a shard.
#[derive(Debug)]
pub(super) struct Entered<'a> {
    residency: &'a Residency,
    shard: &'a Shard,
    wanted: Use,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let bytes = self.shard.index_bytes();
        let mut places = self.residency.places.lock();
        if let Some(place) = places.of(self.shard) {
            (place.users, place.bytes) = (place.users.saturating_sub(1), bytes);
            place.is_built &= self.wanted != Use::Build;
            place.is_stuck = false;
        }
        drop(places);
        self.residency.changed.notify_all();
        self.residency.make_room();
    }
}

#[cfg(test)]
mod tests;
