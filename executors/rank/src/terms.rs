//! Term statistics for `TfIdfRanker` and `BM25Ranker`: chunks of a query are treated like the terms of a text search.

use std::collections::HashMap;

use crate::{Hit, Hits, Id};

/// Number of hits of each query chunk over all documents: the document frequency of a term.
pub(crate) struct DocumentFrequencies<'a> {
    counts: HashMap<Id<'a>, f64>,
    /// Sum over all terms.
    pub(crate) total: f64,
}

impl<'a> DocumentFrequencies<'a> {
    /// Counts the hits of each query chunk.
    pub(crate) fn new(hits: &Hits<'a>) -> Self {
        let mut counts = HashMap::new();
        for hit in hits.rows() {
            *counts.entry(hit.query_chunk).or_insert(0.0) += 1.0;
        }
        Self { counts, total: hits.rows().len() as f64 }
    }

    /// Number of hits of `query_chunk`; 0 if it has none.
    pub(crate) fn get(&self, query_chunk: Id<'a>) -> f64 {
        self.counts.get(&query_chunk).copied().unwrap_or(0.0)
    }
}

/// The hits of one query chunk in one document.
pub(crate) struct Term<'a> {
    pub(crate) query_chunk: Id<'a>,
    /// Number of hits that reach the threshold; at least one.
    pub(crate) count: f64,
    /// Last of the matched chunks that reach the threshold, by [`Id`]. Its tag `siblings` is the length of the document.
    /// (Jina takes the last of an unstable sort. The choice matters only if the tags of a document's chunks disagree.)
    pub(crate) match_chunk: Id<'a>,
}

/// Mean score of a document's hits, weighted by the `weight` of their term. Terms without a hit that reaches the threshold
/// have no weight. The mean is 0 when the sum of the weights is 0.
pub(crate) fn weighted_mean<'a>(
    document: &[Hit<'a>],
    threshold: f64,
    weight: impl Fn(&Term<'a>) -> f64,
) -> f64 {
    let (mut scores, mut weights) = (0.0, 0.0);
    for hits in document.chunk_by(|left, right| left.query_chunk == right.query_chunk) {
        let reaching = || hits.iter().filter(|hit| hit.score >= threshold);
        let Some(last) = reaching().next_back() else { continue };
        let count = reaching().count() as f64;
        let weight = weight(&Term { query_chunk: last.query_chunk, count, match_chunk: last.match_chunk });
        scores += weight * hits.iter().map(|hit| hit.score).sum::<f64>();
        weights += weight * hits.len() as f64;
    }
    if weights == 0.0 { 0.0 } else { scores / weights }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits<'a>(rows: &[(&'a str, &'a str, f64)]) -> Hits<'a> {
        let hit = |&(query_chunk, match_chunk, score)| Hit {
            document: Id("a"),
            match_chunk: Id(match_chunk),
            query_chunk: Id(query_chunk),
            score,
        };
        Hits::new(rows.iter().map(hit).collect(), 1, HashMap::new())
    }

    #[test]
    fn a_term_has_the_count_and_the_last_of_hits_that_reach_the_threshold() {
        let hits = hits(&[("q", "9", 0.5), ("q", "10", 0.5), ("q", "11", 0.25), ("p", "12", 0.25)]);
        let mean = weighted_mean(hits.rows(), 0.5, |term| {
            assert_eq!((term.query_chunk, term.count, term.match_chunk), (Id("q"), 2.0, Id("10")));
            3.0
        });
        // A hit below the threshold counts if its term has another that reaches it.
        assert!((mean - 1.25 / 3.0).abs() < 1e-12, "{mean}");
    }

    #[test]
    fn the_mean_is_zero_without_weights() {
        let hits = hits(&[("q", "1", 0.5)]);
        assert_eq!(weighted_mean(hits.rows(), 0.5, |_| 0.0), 0.0);
        assert_eq!(weighted_mean(hits.rows(), 0.6, |_| 1.0), 0.0);
    }

    #[test]
    fn document_frequencies_count_every_hit() {
        let frequencies =
            DocumentFrequencies::new(&hits(&[("q", "1", 0.0), ("q", "2", 9.0), ("p", "1", 0.0)]));
        let counts = ["q", "p", "r"].map(|chunk| frequencies.get(Id(chunk)));
        assert_eq!((counts, frequencies.total), ([2.0, 1.0, 0.0], 3.0));
    }
}
