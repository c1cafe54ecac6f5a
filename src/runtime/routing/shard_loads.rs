//! Number of documents of each candidate shard, to keep placement balanced.

/// Documents that a shard may hold beyond twice the average before new documents are placed elsewhere. Without it the
/// first documents of an empty pod would move from shard to shard.
const SLACK: u64 = 64;

/// Document counts of the shards that a document may be placed in.
#[derive(Debug)]
pub(super) struct ShardLoads(Vec<(usize, u64)>);

impl ShardLoads {
    /// `loads` are pairs of a shard number and its number of documents.
    pub(super) fn new(loads: impl IntoIterator<Item = (usize, u64)>) -> Self {
        Self(loads.into_iter().collect())
    }

    /// Returns `true` when `shard` is a candidate and holds less than twice the average plus [`SLACK`].
    pub(super) fn has_capacity(&self, shard: usize) -> bool {
        let sum: u64 = self.0.iter().map(|(_, load)| load).sum();
        let limit = 2 * sum / self.0.len().max(1) as u64 + SLACK;
        self.0.iter().any(|(candidate, load)| *candidate == shard && *load < limit)
    }

    /// The first candidate with the fewest documents; 0 without candidates.
    pub(super) fn least_loaded(&self) -> usize {
        self.0.iter().min_by_key(|(_, load)| *load).map_or(0, |(shard, _)| *shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_twice_the_average_plus_slack() {
        let loads = ShardLoads::new([(3, 1_000), (5, 100), (6, 100)]);
        assert_eq!([3, 5, 4].map(|shard| loads.has_capacity(shard)), [false, true, false]);
        assert_eq!((loads.least_loaded(), ShardLoads::new([]).least_loaded()), (5, 0));
    }
}
