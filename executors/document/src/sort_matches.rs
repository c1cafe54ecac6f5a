//! `SortMatches`: sorts matches by a score.

use std::cmp::Ordering;

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, Document, ExecutorError, ExecutorType, Instance,
    async_trait, parse_parameters,
};

flowrun_sdk::choice! {
    /// Sort order.
    pub(crate) enum SortOrder {
        /// Smallest first, for distances.
        Ascending = "ascending",
        /// Largest first, for similarities and relevance.
        Descending = "descending",
    }
}

flowrun_sdk::parameters! {
    /// The parameters of `SortMatches`.
    pub(crate) struct SortMatchesParameters {
        /// Name of the score to sort by; null for the first score of each match.
        score: Option<String> = None,
        /// Sort order of the scores. Matches without the score are last in either order.
        order: SortOrder = SortOrder::Ascending,
        /// Documents whose matches are sorted.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// Executor type `SortMatches`.
pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SortMatchesParameters>(
    "SortMatches",
    "Sorts the matches of each document by a score.",
    create,
);

struct SortMatches(SortMatchesParameters);

impl SortMatches {
    /// Score of a match. NaN counts as missing, since it has no order.
    fn score(&self, document: &Document) -> Option<f32> {
        let score = match &self.0.score {
            Some(name) => document.scores.get(name),
            None => document.score(),
        };
        score.map(|score| score.value).filter(|value| !value.is_nan())
    }

    /// A total order, by score and then by id, so that the result does not depend on the input order.
    fn compare(&self, left: &Document, right: &Document) -> Ordering {
        let by_score = match (self.score(left), self.score(right)) {
            (Some(left), Some(right)) => {
                let ascending = left.partial_cmp(&right).unwrap_or(Ordering::Equal);
                match self.0.order {
                    SortOrder::Ascending => ascending,
                    SortOrder::Descending => ascending.reverse(),
                }
            }
            (left, right) => left.is_none().cmp(&right.is_none()),
        };
        by_score.then_with(|| left.id.cmp(&right.id))
    }
}

#[async_trait]
impl AsyncExecutor for SortMatches {
    async fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        call.for_each(&paths, |document| {
            // Matches are usually sorted already; then a shared list is not copied.
            if !document.matches.is_sorted_by(|left, right| self.compare(left, right).is_le()) {
                document.matches.make_mut().sort_by(|left, right| self.compare(left, right));
            }
            Ok(())
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(SortMatches).map(Instance::new_async)
}
