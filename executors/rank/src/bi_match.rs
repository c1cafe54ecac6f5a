//! `BiMatchRanker`: how well query and document cover each other, chunk by chunk.

use std::collections::BTreeMap;

use flowrun_sdk::{Build, BuildError, ExecutorType, Instance, parse_parameters};

use crate::{Hit, Hits, Id, Ranked, Ranker, executor};

flowrun_sdk::parameters! {
    /// What a miss costs, and what is left of the query.
    struct BiMatchRankerParameters {
        /// The distance that counts for a chunk without a counterpart; more than 0.
        d_miss: f64 = 2000.0,
        /// Whether the query keeps its chunks.
        keep_chunks: bool = false,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<BiMatchRankerParameters>(
    BiMatchRanker::NAME,
    "Ranks documents by how well their chunks and the query's cover each other; small scores of chunks are good.",
    create,
);

/// The mean of two directions. In each, every chunk of one side takes its nearest counterpart that was found:
///
/// `1 − (Σ nearest + d_miss · (chunks − hit)) / (d_miss · chunks)`
///
/// where `hit` of the side's `chunks` have a counterpart. The query knows its number of chunks; a document's is what
/// its first hit chunk (smallest [`Id`]) says. All chunks hit at distance 0 make 1, none hit makes 0. As in Jina nothing is
/// clamped: distances beyond `d_miss` make negative scores, and more hits than chunks make scores above 1.
#[derive(Clone, Copy, Debug)]
pub struct BiMatchRanker {
    /// The distance that counts for a chunk without a counterpart.
    pub d_miss: f64,
}

impl BiMatchRanker {
    /// One direction: `side` tells the chunk of a hit on that side, `chunks` how many there are.
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

    fn rank<'a>(&self, hits: &Hits<'a>) -> Vec<Ranked<'a>> {
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
    fn the_first_of_a_documents_chunks_says_how_many_it_has() {
        let hit = |match_chunk, query_chunk, score| Hit {
            document: Id("a"),
            match_chunk: Id(match_chunk),
            query_chunk: Id(query_chunk),
            score,
        };
        let rows = vec![hit("a#10", "q#0", 1.0), hit("a#9", "q#0", 3.0), hit("a#9", "q#1", 2.0)];
        let siblings = HashMap::from([(Id("a#9"), 4), (Id("a#10"), 100)]);
        let ranked = BiMatchRanker { d_miss: 10.0 }.rank(&Hits::new(rows, 3, siblings));
        // Of 4 chunks 2 are hit, at 2 and 1; of 3 chunks of the query 2, at 1 and 2.
        let expected = f64::midpoint(1.0 - (3.0 + 20.0) / 40.0, 1.0 - (3.0 + 10.0) / 30.0);
        assert!((f64::from(ranked[0].score) - expected).abs() < 1e-7, "{ranked:?}");
    }

    #[test]
    fn nothing_is_clamped() {
        let far = Hit { document: Id("a"), match_chunk: Id("m"), query_chunk: Id("q"), score: 30.0 };
        let near = Hit { document: Id("b"), match_chunk: Id("n"), query_chunk: Id("q"), score: 0.0 };
        let other = Hit { match_chunk: Id("o"), ..near };
        let siblings = HashMap::from([(Id("m"), 1), (Id("n"), 1), (Id("o"), 1)]);
        let ranked = BiMatchRanker { d_miss: 10.0 }.rank(&Hits::new(vec![far, near, other], 1, siblings));
        assert_eq!(ranked.iter().map(|ranked| ranked.score).collect::<Vec<_>>(), [1.5, -2.0]);
    }
}
