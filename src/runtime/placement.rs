//! Which shard a document goes to where that does not follow from its id alone.
//!
//! A document that a shard holds stays there, whatever the strategy says of it now: so writing an id twice replaces it.
//! Where an id is on its way to is remembered until the shard is through with it; until then whoever comes with the same
//! id goes the same way. What is looked up is looked up under the lock that this is remembered under, so that nobody
//! finds an id neither on its way nor arrived.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use flowrun_sdk::{Document, ShardSummary, Value};
use parking_lot::Mutex;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::clusters::Clusters;
use super::loads::Loads;
use super::split::shard_of;
use crate::spec::{GroupTag, Strategy, TagStrategy, TimeBuckets, TimeTag};

/// Seconds of an hour.
const HOUR: f64 = 3600.0;

/// Where new documents go.
pub(super) struct Placement {
    strategy: Strategy,
    holdings: Arc<[Option<Arc<dyn ShardSummary>>]>,
    underway: Arc<Mutex<Underway>>,
}

/// What is on its way to the shards.
#[derive(Default)]
struct Underway {
    /// Where documents go, and how many of each id.
    ids: HashMap<String, (usize, usize)>,
    /// How many ids are on their way to each shard.
    counts: Vec<u64>,
    /// Whose turn it is.
    next: usize,
    /// Clusters of what came, once something has.
    clusters: Option<Clusters>,
}

impl Underway {
    /// Where a document is on its way to.
    fn shard(&self, id: &str) -> Option<usize> {
        self.ids.get(id).map(|(shard, _)| *shard)
    }

    /// Remembers where ids are on their way to. One that is on its way elsewhere is found there by who comes next.
    fn enter(&mut self, ids: &[String], shard: usize) {
        for id in ids {
            let (shard, count) = self.ids.entry(id.clone()).or_insert((shard, 0));
            *count += 1;
            if *count == 1
                && let Some(count) = self.counts.get_mut(*shard)
            {
                *count += 1;
            }
        }
    }
}

/// Documents on their way; forgotten when dropped.
pub(super) struct Placed {
    underway: Arc<Mutex<Underway>>,
    ids: Vec<String>,
}

impl Placement {
    pub(super) fn new(strategy: Strategy, holdings: Arc<[Option<Arc<dyn ShardSummary>>]>) -> Self {
        let underway = Underway { counts: vec![0; holdings.len()], ..Underway::default() };
        Self { strategy, holdings, underway: Arc::new(Mutex::new(underway)) }
    }

    /// The shard of each document, which it goes to as long as the other thing that is returned is held.
    pub(super) fn place(&self, documents: &[Document]) -> (Vec<usize>, Placed) {
        let mut placed = Placed { underway: Arc::clone(&self.underway), ids: Vec::new() };
        let place = |document: &Document| {
            let mut ids = Vec::new();
            ids_of(document, &mut ids);
            let mut underway = self.underway.lock();
            let shard = self.known(document, &ids, &underway);
            let shard = shard.unwrap_or_else(|| self.choose(document, &mut underway));
            underway.enter(&ids, shard);
            placed.ids.append(&mut ids);
            shard
        };
        let shards = documents.iter().map(place).collect();
        (shards, placed)
    }

    /// The shard that a document is on its way to or is held by, or else chunks of it; `ids` are its own and theirs. A shard
    /// that does not say may hold it: then it has to speak for itself.
    fn known(&self, document: &Document, ids: &[String], underway: &Underway) -> Option<usize> {
        let first = |holds: &dyn Fn(&dyn ShardSummary) -> bool| {
            self.holdings.iter().position(|holdings| holdings.as_deref().is_some_and(holds))
        };
        underway
            .shard(&document.id)
            .or_else(|| first(&|holdings| holdings.may_contain(&document.id)))
            .or_else(|| ids.iter().find_map(|id| underway.shard(id)))
            .or_else(|| first(&|holdings| holdings.may_contain_chunks(document)))
            .or_else(|| self.holdings.iter().position(Option::is_none))
    }

    /// The shard of a new document.
    fn choose(&self, document: &Document, underway: &mut Underway) -> usize {
        let shards = self.holdings.len();
        match &self.strategy {
            Strategy::Hash => shard_of(&document.id, shards),
            Strategy::RoundRobin => {
                let shard = underway.next % shards;
                underway.next = shard + 1;
                shard
            }
            Strategy::LeastLoaded => self.loads(0..shards, underway).least(),
            Strategy::Cluster(clusters) => match self.position(document) {
                Some(position) => {
                    let loads = self.loads(0..shards, underway);
                    let clusters = underway.clusters.get_or_insert_with(|| self.clusters(*clusters));
                    clusters.shard(position, &loads)
                }
                None => shard_of(&document.id, shards),
            },
            Strategy::ByTags(tags) => {
                let Some(group) = &tags.group else {
                    let said = place_by_tags(tags, document, shards);
                    return said.unwrap_or_else(|| shard_of(&document.id, shards));
                };
                let among = shards_of_group(group, document, shards);
                let said = place_by_tags(tags, document, among.len());
                let said = said.and_then(|place| among.get(place).copied());
                let loads = self.loads(among, underway);
                said.filter(|shard| loads.has_room(*shard)).unwrap_or_else(|| loads.least())
            }
        }
    }

    /// How many documents these shards have, those on their way counted.
    fn loads(&self, among: impl IntoIterator<Item = usize>, underway: &Underway) -> Loads {
        Loads::new(among.into_iter().map(|shard| (shard, self.load(shard, underway))))
    }

    /// How many documents a shard has, those on their way counted.
    fn load(&self, shard: usize, underway: &Underway) -> u64 {
        let held = self.holdings.get(shard).and_then(Option::as_ref);
        let held = held.map_or(0, |holdings| holdings.document_count());
        held.saturating_add(underway.counts.get(shard).copied().unwrap_or(0))
    }

    /// Where a document is, in every shard alike.
    fn position(&self, document: &Document) -> Option<Vec<f32>> {
        let mut positions =
            self.holdings.iter().flatten().map(|holdings| holdings.placement_vector(document));
        let position = positions.next()??;
        // One that is empty yet does not know of which dimension vectors are.
        positions.all(|position| position.is_some()).then_some(position)
    }

    /// The clusters of what the shards hold.
    fn clusters(&self, most: usize) -> Clusters {
        let known = self
            .holdings
            .iter()
            .enumerate()
            .filter_map(|(shard, holdings)| Some((shard, holdings.as_ref()?)));
        let known = known.flat_map(|(shard, holdings)| {
            holdings.centroids().iter().map(|centroid| (centroid.clone(), shard)).collect::<Vec<_>>()
        });
        Clusters::new(most, known)
    }
}

/// The id of a document and those of its chunks, and theirs: all may be stored where it goes, if they have one.
fn ids_of(document: &Document, ids: &mut Vec<String>) {
    if !document.id.is_empty() {
        ids.push(document.id.clone());
    }
    document.chunks.iter().for_each(|chunk| ids_of(chunk, ids));
}

impl Drop for Placed {
    fn drop(&mut self) {
        let mut underway = self.underway.lock();
        for id in &self.ids {
            let Some((shard, count)) = underway.ids.get_mut(id) else { continue };
            *count -= 1;
            if *count == 0 {
                let shard = *shard;
                underway.ids.remove(id);
                if let Some(count) = underway.counts.get_mut(shard) {
                    *count -= 1;
                }
            }
        }
    }
}

/// The shards that a document may go to because of its group, all when it is of none: those with the largest hashes
/// together with it, so that groups spread evenly, and nothing has to be remembered.
fn shards_of_group(group: &GroupTag, document: &Document, shards: usize) -> Vec<usize> {
    let mut among: Vec<usize> = (0..shards).collect();
    if let Some(text) = document.tags.get(&group.tag).and_then(text) {
        among.sort_by_key(|shard| Reverse(xxh3_64_with_seed(text.as_bytes(), *shard as u64)));
        among.truncate(group.per_group);
    }
    among
}

/// Which of so many places the time and the content of a document say; `None` when it has neither, or they do not matter.
fn place_by_tags(tags: &TagStrategy, document: &Document, places: usize) -> Option<usize> {
    let time = tags.time.as_ref().and_then(|time| slot(time, document));
    let content = tags.content.as_ref().and_then(|tag| text(document.tags.get(tag)?));
    let places = u64::try_from(places).ok().filter(|places| *places > 0)?;
    let place = match (time, content) {
        (None, None) => return None,
        // Neighbouring spans of time are in neighbouring shards, and the hours of a day spread over all.
        (Some(slot), None) => match tags.time.as_ref().map(|time| time.buckets) {
            Some(TimeBuckets::HourOfDay) => slot.unsigned_abs() * places / 24,
            _ => slot.rem_euclid(i64::try_from(places).ok()?).unsigned_abs(),
        },
        (None, Some(text)) => xxh3_64(text.as_bytes()) % places,
        (Some(slot), Some(text)) => {
            let seed = slot.rem_euclid(i64::MAX).unsigned_abs();
            xxh3_64_with_seed(text.as_bytes(), seed) % places
        }
    };
    usize::try_from(place).ok()
}

/// Which span of time, or which hour, a document is of.
fn slot(time: &TimeTag, document: &Document) -> Option<i64> {
    let value = document.tags.get(&time.tag)?;
    let slot = match (time.buckets, value) {
        (TimeBuckets::Span(span), _) => value.as_f64()? / span,
        (TimeBuckets::HourOfDay, Value::String(text)) => return hour_of(text),
        (TimeBuckets::HourOfDay, _) => (value.as_f64()? / HOUR).floor().rem_euclid(24.0),
    };
    #[expect(clippy::cast_possible_truncation, reason = "what is far away saturates")]
    let slot = slot.floor() as i64;
    Some(slot)
}

/// The hour in a time such as `2024-05-01T17:30:00`, as it is written.
fn hour_of(text: &str) -> Option<i64> {
    let (_, time) = text.split_once(['T', ' '])?;
    time.get(..2)?.parse().ok().filter(|hour| (0..24).contains(hour))
}

/// A value that documents may have in common, as a text.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        // 1 and 1.0 are the same number.
        Value::Number(number) => number.as_f64().map(|number| number.to_string()),
        _ => Some(value.to_string()),
    }
}
