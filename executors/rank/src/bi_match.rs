//! `BiMatchRanker`: ranks documents by mutual coverage of the chunks of query and document.

use std::collections::BTreeMap;

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hit, Hits, Id, RankedDocument, Ranker, executor};

flowrun_sdk::parameters! {
    /// The parameters of `BiMatchRanker`.
    struct BiMatchRankerParameters {
        /// Distance assumed for a chunk without a match; more than 0.
        d_miss: f64 = 2000.0,
        /// Keeps the chunks of the query, which are removed otherwise.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<BiMatchRankerParameters>(
    BiMatchRanker::NAME,
    "Ranks documents by mutual coverage of their chunks and those of the query; expects distances (smaller is better).",
    create,
);

/// Scores a document by the mean coverage of its own chunks and of the query's chunks. The coverage of either side is
///
/// `1 − (Σ nearest + d_miss · (chunks − hit)) / (d_miss · chunks)`
///
/// where `hit` of its `chunks` have a match, and `nearest` is the smallest distance of each matched chunk. The number of chunks of
/// a document is the tag `siblings` of its first matched chunk (smallest [`Id`]). The score is 1 when all chunks match at
/// distance 0, and 0 when none match. Like in Jina, scores are not clamped: distances above `d_miss` give negative scores,
/// and more matched chunks than `siblings` states give scores above 1.
#[derive(Clone, Copy, Debug)]
pub struct BiMatchRanker {
    /// Distance assumed for a chunk without a match; must be more than 0.
    pub d_miss: f64,
}

impl BiMatchRanker {
    /// Coverage of one side: `side` returns the chunk of a hit on that side, `chunks` the number of chunks of the side.
    fn coverage<'a>(
        &self,
        rows: &[Hit<'a>],
        side: impl Fn(&Hit<'a>) -> Id<'a>,
        chunks: impl FnOnce(Id<'a>) -> f64,
    ) -> f64 {
        let mut nearest: BTreeMap<Id<'a>, f64> = BTreeMap::new();
        for row in rows {
            let least = nearest.entry(side(row)).or_insert(row.score);
            *least = least.min(row.score);
        }
        let Some((&first, _)) = nearest.first_key_value() else { return 0.0 };
        let chunks = chunks(first);
        let missed = self.d_miss * (chunks - nearest.len() as f64);
        1.0 - (nearest.values().sum::<f64>() + missed) / (self.d_miss * chunks)
    }
}

impl Ranker for BiMatchRanker {
    const NAME: &'static str = "BiMatchRanker";
    const NEEDS_SIBLINGS: bool = true;

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<RankedDocument<'a>> {
        hits.rank(|rows| {
            let document = self.coverage(rows, |hit| hit.match_chunk, |first| hits.siblings(first));
            let query = self.coverage(rows, |hit| hit.query_chunk, |_| hits.query_chunks());
            f64::midpoint(document, query)
        })
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let BiMatchRankerParameters { d_miss, keep_chunks } = parse_parameters(build)?;
    if d_miss <= 0.0 {
        return Err(BuildError::parameter("d_miss", format_args!("must be more than 0, but is {d_miss}")));
    }
    Ok(executor::instance(BiMatchRanker { d_miss }, keep_chunks))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn the_first_matched_chunk_states_the_number_of_chunks() {
        let hit = |match_chunk, query_chunk, score| Hit {
            document: Id("a"),
            match_chunk: Id(match_chunk),
            query_chunk: Id(query_chunk),
            score,
        };
        let rows = vec![hit("a#10", "q#0", 1.0), hit("a#9", "q#0", 3.0), hit("a#9", "q#1", 2.0)];
        let siblings = HashMap::from([(Id("a#9"), 4), (Id("a#10"), 100)]);
        let ranked = BiMatchRanker { d_miss: 10.0 }.rank(&Hits::new(rows, 3, siblings));
        // Document: 2 of 4 chunks, at distances 2 and 1; query: 2 of 3 chunks, at 1 and 2.
        let expected = f64::midpoint(1.0 - (3.0 + 20.0) / 40.0, 1.0 - (3.0 + 10.0) / 30.0);
        assert!((f64::from(ranked[0].score) - expected).abs() < 1e-7, "{ranked:?}");
    }

    #[test]
    fn scores_are_not_clamped() {
        let far = Hit { document: Id("a"), match_chunk: Id("m"), query_chunk: Id("q"), score: 30.0 };
        let near = Hit { document: Id("b"), match_chunk: Id("n"), query_chunk: Id("q"), score: 0.0 };
        let other = Hit { match_chunk: Id("o"), ..near };
        let siblings = HashMap::from([(Id("m"), 1), (Id("n"), 1), (Id("o"), 1)]);
        let ranked = BiMatchRanker { d_miss: 10.0 }.rank(&Hits::new(vec![far, near, other], 1, siblings));
        assert_eq!(ranked.iter().map(|ranked| ranked.score).collect::<Vec<_>>(), [1.5, -2.0]);
    }
}
