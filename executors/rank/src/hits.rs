//! What the chunks of one query matched: the table that every ranker computes on.

use std::collections::HashMap;

use crate::Id;

/// One row: a chunk of the query matched a chunk of a document.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit<'a> {
    /// The document that the matched chunk belongs to.
    pub document: Id<'a>,
    /// The matched chunk.
    pub match_chunk: Id<'a>,
    /// The chunk of the query.
    pub query_chunk: Id<'a>,
    /// How far apart, or how similar, the two are.
    pub score: f64,
}

/// Everything that the chunks of one query matched.
#[derive(Clone, Debug)]
pub struct Hits<'a> {
    rows: Vec<Hit<'a>>,
    query_chunks: u32,
    siblings: HashMap<Id<'a>, u32>,
}

/// A document and the score that a ranker gave it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked<'a> {
    /// The document.
    pub document: Id<'a>,
    /// Its score, in the precision in which a document carries it. Large is good.
    pub score: f32,
}

impl<'a> Hits<'a> {
    /// The hits of a query that has `query_chunks` chunks. `siblings` tells of each matched chunk how many chunks its
    /// document has, itself among them; it may stay empty for rankers that do not ask.
    ///
    /// The order of the rows makes no difference to anything.
    #[must_use]
    pub fn new(mut rows: Vec<Hit<'a>>, query_chunks: u32, siblings: HashMap<Id<'a>, u32>) -> Self {
        // One order for all, so that sums, which depend on the order in the last digit, do not depend on the rows'.
        rows.sort_unstable_by(|left, right| {
            let ids = |row: &Hit<'a>| (row.document, row.query_chunk, row.match_chunk);
            ids(left).cmp(&ids(right)).then(left.score.total_cmp(&right.score))
        });
        Self { rows, query_chunks, siblings }
    }

    /// The rows, by document, then query chunk, then matched chunk, then score.
    pub fn rows(&self) -> &[Hit<'a>] {
        &self.rows
    }

    /// How many chunks the query has.
    pub fn query_chunks(&self) -> f64 {
        f64::from(self.query_chunks)
    }

    /// How many chunks the document of this matched chunk has; not a number when nobody said.
    pub fn siblings(&self, match_chunk: Id<'a>) -> f64 {
        self.siblings.get(&match_chunk).copied().map_or(f64::NAN, f64::from)
    }

    /// The mean of [`Hits::siblings`] over the matched chunks, each counted once; not a number when there are none.
    pub fn mean_siblings(&self) -> f64 {
        let sum: u64 = self.siblings.values().copied().map(u64::from).sum();
        sum as f64 / self.siblings.len() as f64
    }

    /// Gives each document the score that `score` makes of its rows, and puts the best first. Equal scores go by the text of the id.
    pub fn rank(&self, score: impl Fn(&[Hit<'a>]) -> f64) -> Vec<Ranked<'a>> {
        let documents = self.rows.chunk_by(|left, right| left.document == right.document);
        let ranked = documents.filter_map(|rows| {
            let document = rows.first()?.document;
            // Adding zero takes the sign off a negative one, which would be a difference without a meaning.
            #[expect(clippy::cast_possible_truncation, reason = "documents carry scores in single precision")]
            let score = score(rows) as f32 + 0.0;
            Some(Ranked { document, score })
        });
        let mut ranked: Vec<Ranked<'a>> = ranked.collect();
        // Ties go by the text of the id, as in every list of matches, so that lists can be merged.
        let ties = |left: &Ranked<'_>, right: &Ranked<'_>| left.document.0.cmp(right.document.0);
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
    fn the_best_document_comes_first_and_ties_go_by_id() {
        let rows = vec![hit("10", 1.0), hit("9", 1.0), hit("8", 0.0), hit("7", -0.0), hit("11", 2.0)];
        let ranked = Hits::new(rows, 1, HashMap::new()).rank(|rows| rows[0].score);
        let documents: Vec<&str> = ranked.iter().map(|ranked| ranked.document.0).collect();
        assert_eq!(documents, ["11", "10", "9", "7", "8"]);
    }

    #[test]
    fn a_matched_chunk_counts_once_in_the_mean() {
        let siblings = HashMap::from([(Id("a"), 1), (Id("b"), 4)]);
        let hits = Hits::new(vec![hit("x", 0.0); 5], 1, siblings);
        assert_eq!(hits.mean_siblings(), 2.5);
        assert_eq!(hits.siblings(Id("b")), 4.0);
        assert!(hits.siblings(Id("c")).is_nan());
    }

    #[test]
    fn no_hits_rank_nothing() {
        assert_eq!(Hits::new(Vec::new(), 3, HashMap::new()).rank(|_| 1.0), []);
    }
}
