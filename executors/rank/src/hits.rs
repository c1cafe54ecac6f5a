//! Hits of a query: the table of matched chunks that every ranker computes on.

use std::collections::HashMap;

use crate::Id;

/// One row: a chunk of the query and a chunk of a document that matched it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit<'a> {
    /// Document of the matched chunk.
    pub document: Id<'a>,
    /// Matched chunk.
    pub match_chunk: Id<'a>,
    /// Chunk of the query.
    pub query_chunk: Id<'a>,
    /// Distance or similarity of the two chunks.
    pub score: f64,
}

/// All hits of one query.
#[derive(Clone, Debug)]
pub struct Hits<'a> {
    rows: Vec<Hit<'a>>,
    query_chunks: u32,
    siblings: HashMap<Id<'a>, u32>,
}

/// A document and its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedDocument<'a> {
    /// Id of the document.
    pub document: Id<'a>,
    /// Score in the precision of document scores; larger is better.
    pub score: f32,
}

impl<'a> Hits<'a> {
    /// Hits of a query that has `query_chunks` chunks. `siblings` is, by matched chunk, the number of chunks of its document,
    /// itself included; it may be empty for rankers without [`Ranker::NEEDS_SIBLINGS`](crate::Ranker::NEEDS_SIBLINGS).
    ///
    /// Results do not depend on the order of `rows`.
    #[must_use]
    pub fn new(mut rows: Vec<Hit<'a>>, query_chunks: u32, siblings: HashMap<Id<'a>, u32>) -> Self {
        // Floating-point sums depend on the order, so rows get a canonical one.
        rows.sort_unstable_by(|left, right| {
            let ids = |row: &Hit<'a>| (row.document, row.query_chunk, row.match_chunk);
            ids(left).cmp(&ids(right)).then(left.score.total_cmp(&right.score))
        });
        Self { rows, query_chunks, siblings }
    }

    /// Rows, sorted by document, query chunk, matched chunk and score.
    pub fn rows(&self) -> &[Hit<'a>] {
        &self.rows
    }

    /// Number of chunks of the query.
    pub fn query_chunks(&self) -> f64 {
        f64::from(self.query_chunks)
    }

    /// Number of chunks of the document of `match_chunk`; NaN when it is unknown.
    pub fn siblings(&self, match_chunk: Id<'a>) -> f64 {
        self.siblings.get(&match_chunk).copied().map_or(f64::NAN, f64::from)
    }

    /// Mean of [`Hits::siblings`] over the distinct matched chunks; NaN when there are none.
    pub fn mean_siblings(&self) -> f64 {
        let sum: u64 = self.siblings.values().copied().map(u64::from).sum();
        sum as f64 / self.siblings.len() as f64
    }

    /// Scores each document with `score`, a function of its rows, and sorts by score, largest first; ties by the text of the
    /// id.
    pub fn rank(&self, score: impl Fn(&[Hit<'a>]) -> f64) -> Vec<RankedDocument<'a>> {
        let documents = self.rows.chunk_by(|left, right| left.document == right.document);
        let ranked = documents.filter_map(|rows| {
            let document = rows.first()?.document;
            // Turns −0 into +0, which would sort differently.
            #[expect(clippy::cast_possible_truncation, reason = "document scores have single precision")]
            let score = score(rows) as f32 + 0.0;
            Some(RankedDocument { document, score })
        });
        let mut ranked: Vec<RankedDocument<'a>> = ranked.collect();
        // All lists of matches break ties by the text of the id, so that they can be merged.
        let ties =
            |left: &RankedDocument<'_>, right: &RankedDocument<'_>| left.document.0.cmp(right.document.0);
        ranked.sort_by(|left, right| right.score.total_cmp(&left.score).then_with(|| ties(left, right)));
        ranked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hit(document: &'static str, score: f64) -> Hit<'static> {
        Hit { document: Id(document), match_chunk: Id("m"), query_chunk: Id("q"), score }
    }

    #[test]
    fn documents_are_sorted_by_score_and_ties_by_id() {
        let rows = vec![hit("10", 1.0), hit("9", 1.0), hit("8", 0.0), hit("7", -0.0), hit("11", 2.0)];
        let ranked = Hits::new(rows, 1, HashMap::new()).rank(|rows| rows[0].score);
        let documents: Vec<&str> = ranked.iter().map(|ranked| ranked.document.0).collect();
        assert_eq!(documents, ["11", "10", "9", "7", "8"]);
    }

    #[test]
    fn each_matched_chunk_counts_once_in_the_mean() {
        let siblings = HashMap::from([(Id("a"), 1), (Id("b"), 4)]);
        let hits = Hits::new(vec![hit("x", 0.0); 5], 1, siblings);
        assert_eq!(hits.mean_siblings(), 2.5);
        assert_eq!(hits.siblings(Id("b")), 4.0);
        assert!(hits.siblings(Id("c")).is_nan());
    }

    #[test]
    fn no_hits_give_no_documents() {
        assert_eq!(Hits::new(Vec::new(), 3, HashMap::new()).rank(|_| 1.0), []);
    }
}
