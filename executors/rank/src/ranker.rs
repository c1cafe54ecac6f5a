//! The trait of rankers. `executor` writes the matches, and `query` collects the hits.

use crate::{Hits, RankedDocument};

/// Aggregates the hits of a document's chunks to one score per document.
pub trait Ranker: Send {
    /// Name of the executor and of the scores that it sets.
    const NAME: &'static str;

    /// True if the ranker uses the number of chunks of a matched document.
    const NEEDS_SIBLINGS: bool;

    /// Remedy for negative scores, for the error message of rankers that only support distances; `None` when negative scores
    /// are supported.
    fn negative_score_remedy(&self) -> Option<&'static str> {
        None
    }

    /// Documents with at least one hit, sorted by score, largest first; ties by the text of the id. [`Hits::rank`] sorts
    /// in this order.
    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>>;
}
