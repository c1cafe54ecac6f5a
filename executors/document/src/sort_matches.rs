//! `SortMatches`: puts matches in the order of a score.

use std::cmp::Ordering;

use flowrun_sdk::{
    AccessPaths, AsyncExecutor, Build, BuildError, Call, Document, ExecutorError, ExecutorType, Instance,
    async_trait, parse_parameters,
};

flowrun_sdk::choice! {
    /// Which scores come first.
    pub(crate) enum SortOrder {
        /// Small ones: distances.
        Ascending = "ascending",
        /// Large ones: similarities, relevance.
        Descending = "descending",
    }
}

flowrun_sdk::parameters! {
    /// By what matches are sorted, and whose.
    pub(crate) struct SortMatchesParameters {
        /// The name of the score to sort by; null takes the first score of each match.
        score: Option<String> = None,
        /// Small or large scores first. Matches without the score come last in either order.
        order: SortOrder = SortOrder::Ascending,
        /// The documents whose matches are sorted.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<SortMatchesParameters>(
    "SortMatches",
    "Sorts the matches of each document by a score.",
    create,
);

struct SortMatches(SortMatchesParameters);

impl SortMatches {
    /// The score of a match. One that is not a number counts as missing: it says nothing about order.
    fn score(&self, document: &Document) -> Option<f32> {
        let score = match &self.0.score {
            Some(name) => document.scores.get(name),
            None => document.score(),
        };
        score.map(|score| score.value).filter(|value| !value.is_nan())
    }

    /// A total order: by score, then by id, so that the result does not depend on the order before.
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
            // Matches mostly arrive in order, and a list in order is not copied, though it may be shared.
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
