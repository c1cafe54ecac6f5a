//! The hash that assigns a document id to a shard.

use xxhash_rust::xxh3::xxh3_64;

/// The shard, from 0, that stores the document `id` under `strategy: hash`: `xxh3_64(id) % shards`.
///
/// Indexes on disk depend on this function, so it must not change between versions or machines.
#[must_use]
pub fn shard_of(id: &str, shards: usize) -> usize {
    let shards = u64::try_from(shards.max(1)).unwrap_or(u64::MAX);
    usize::try_from(xxh3_64(id.as_bytes()) % shards).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shard_of_an_id_never_changes() {
        assert_eq!(["", "a", "document"].map(|id| shard_of(id, 1)), [0, 0, 0]);
        assert_eq!(["", "a", "document"].map(|id| shard_of(id, 1000)), [138, 719, 421]);
        assert_eq!(shard_of("a", 0), 0);
    }
}
