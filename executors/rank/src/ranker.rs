//! What a ranker is. Reading hits and writing matches is not its business; see `executor`.

use crate::{Hits, Ranked};

/// A rule that makes one score for each document out of the hits of its chunks.
pub trait Ranker: Send {
    /// The name of the executor and of the scores that it gives.
    const NAME: &'static str;

    /// Whether the rule asks how many chunks a matched document has.
    const NEEDS_SIBLINGS: bool;

    /// What to do about scores below 0 when the rule takes none, because it is made for distances; `None` when it takes
    /// any number.
    fn remedy_below_zero(&self) -> Option<&'static str> {
        None
    }

    /// The documents that were hit, best first, equal scores by id.
    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>>;
}
