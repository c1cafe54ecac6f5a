//! How many documents shards have, and which of them has too many.

/// So many documents a shard may have beyond twice its share before others take what would go to it.
const SLACK: u64 = 64;

/// Documents of each shard that something may go to.
#[derive(Debug)]
pub(super) struct Loads(Vec<(usize, u64)>);

impl Loads {
    /// Of these shards, each with its documents.
    pub(super) fn new(loads: impl IntoIterator<Item = (usize, u64)>) -> Self {
        Self(loads.into_iter().collect())
    }

    /// Whether a shard has less than twice its share. One that is not among them has not.
    pub(super) fn has_room(&self, shard: usize) -> bool {
        let sum: u64 = self.0.iter().map(|(_, load)| load).sum();
        let most = 2 * sum / self.0.len().max(1) as u64 + SLACK;
        self.0.iter().any(|(other, load)| *other == shard && *load < most)
    }

    /// The shard with the fewest documents; the first of several.
    pub(super) fn least(&self) -> usize {
        self.0.iter().min_by_key(|(_, load)| *load).map_or(0, |(shard, _)| *shard)
    }
}
