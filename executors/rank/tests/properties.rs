//! Properties of the rankers for arbitrary hits.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;

use flowrun_rank::{
    AggregateFunction, BiMatchRanker, Bm25Ranker, Hit, Hits, Id, MaxRanker, MinRanker, RankedDocument,
    Ranker, SimpleAggregateRanker, TfIdfRanker,
};
use proptest::prelude::*;

const D_MISS: f64 = 10.0;

/// Numbers of a document, of one of its chunks and of a query chunk, and a score.
type Row = (u8, u8, u8, u8);

/// Number of documents.
const DOCUMENTS: u8 = 4;

/// Number of chunks of each document and of the query.
const CHUNKS: u8 = 4;

/// Rows of few ids and few scores, so that documents, chunks and scores repeat.
fn rows() -> impl Strategy<Value = Vec<Row>> {
    proptest::collection::vec((0..DOCUMENTS, 0..CHUNKS, 0..CHUNKS, 0..8_u8), 0..40)
}

/// Ids of documents and chunks by number.
struct Names(Vec<(String, [String; CHUNKS as usize])>);

impl Names {
    fn new() -> Self {
        let chunks = |document: u8| std::array::from_fn(|chunk| format!("{document}#{chunk}"));
        // 8, 9, 10, 11: the order as text differs from the numeric one.
        Self((8..8 + DOCUMENTS).map(|document| (document.to_string(), chunks(document))).collect())
    }

    fn hits(&self, rows: &[Row]) -> Hits<'_> {
        let hit = |&(document, match_chunk, query_chunk, score): &Row| {
            let (document, chunks) = self.0.get(usize::from(document)).unwrap();
            let (_, query) = self.0.first().unwrap();
            Hit {
                document: Id(document),
                match_chunk: Id(chunks.get(usize::from(match_chunk)).unwrap()),
                query_chunk: Id(query.get(usize::from(query_chunk)).unwrap()),
                score: f64::from(score) / 3.0,
            }
        };
        let rows: Vec<Hit<'_>> = rows.iter().map(hit).collect();
        let siblings: HashMap<Id<'_>, u32> =
            rows.iter().map(|hit| (hit.match_chunk, u32::from(CHUNKS))).collect();
        Hits::new(rows, u32::from(CHUNKS), siblings)
    }
}

/// Results of every ranker.
fn ranked_by_all<'a>(hits: &Hits<'a>) -> Vec<Vec<RankedDocument<'a>>> {
    use AggregateFunction::{Max, Mean, Median, Min, Product, Sum};
    let aggregates = [Min, Max, Mean, Median, Sum, Product].map(|aggregate_function| {
        SimpleAggregateRanker { aggregate_function, inverse_score: true }.rank(hits)
    });
    let mut all = aggregates.to_vec();
    all.push(BiMatchRanker { d_miss: D_MISS }.rank(hits));
    all.push(MinRanker.rank(hits));
    all.push(MaxRanker.rank(hits));
    all.push(TfIdfRanker { threshold: 1.0 }.rank(hits));
    all.push(Bm25Ranker { k: 1.2, b: 0.75, threshold: 1.0 }.rank(hits));
    all
}

/// Scores of the hits of a document.
fn scores(hits: &Hits<'_>, document: Id<'_>) -> Vec<f64> {
    hits.rows().iter().filter(|hit| hit.document == document).map(|hit| hit.score).collect()
}

proptest! {
    #[test]
    fn results_do_not_depend_on_the_order_of_rows(
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
    ) {
        let names = Names::new();
        let [hits, shuffled] = [rows, shuffled].map(|rows| names.hits(&rows));
        prop_assert_eq!(hits.rows(), shuffled.rows());
        // Bit-identical, including sums and ties.
        prop_assert_eq!(ranked_by_all(&hits), ranked_by_all(&shuffled));
    }

    #[test]
    fn every_document_with_a_hit_is_ranked_once_by_score_then_id(rows in rows()) {
        let names = Names::new();
        let hits = names.hits(&rows);
        let mut documents: Vec<Id<'_>> = hits.rows().iter().map(|hit| hit.document).collect();
        documents.dedup();
        for ranked in ranked_by_all(&hits) {
            let keys = |ranked: &RankedDocument<'_>| (-ranked.score, ranked.document.0.to_owned());
            prop_assert!(ranked.is_sorted_by(|left, right| keys(left) < keys(right)), "{:?}", ranked);
            let mut found: Vec<Id<'_>> = ranked.iter().map(|ranked| ranked.document).collect();
            found.sort();
            prop_assert_eq!(&found, &documents);
        }
    }

    #[test]
    fn a_document_at_distance_zero_from_itself_scores_one(chunks in 1..20_u32) {
        let ids: Vec<String> = (0..chunks).map(|chunk| format!("a#{chunk}")).collect();
        let hit = |id| Hit { document: Id("a"), match_chunk: Id(id), query_chunk: Id(id), score: 0.0 };
        let siblings = ids.iter().map(|id| (Id(id), chunks)).collect();
        let hits = Hits::new(ids.iter().map(|id| hit(id)).collect(), chunks, siblings);
        prop_assert_eq!(BiMatchRanker { d_miss: 2000.0 }.rank(&hits), [RankedDocument { document: Id("a"), score: 1.0 }]);
    }

    #[test]
    fn bi_match_scores_are_above_zero_and_at_most_one(rows in rows()) {
        let names = Names::new();
        for ranked in (BiMatchRanker { d_miss: D_MISS }).rank(&names.hits(&rows)) {
            prop_assert!(0.0 < ranked.score && ranked.score <= 1.0, "{:?}", ranked);
        }
    }

    #[test]
    fn another_hit_never_decreases_a_bi_match_score(rows in rows(), more in (0..DOCUMENTS, 0..CHUNKS, 0..CHUNKS, 0..8_u8)) {
        let names = Names::new();
        let ranker = BiMatchRanker { d_miss: D_MISS };
        let score = |rows: &[Row]| {
            let hits = names.hits(rows);
            let document = Id(&names.0.get(usize::from(more.0)).unwrap().0);
            let found = ranker.rank(&hits).into_iter().find(|ranked| ranked.document == document);
            found.map_or(0.0, |ranked| ranked.score)
        };
        prop_assert!(score(&rows) <= score(&[rows.as_slice(), &[more]].concat()));
    }

    #[test]
    fn weighted_means_are_within_the_range_of_scores(rows in rows(), threshold in 0..8_u8) {
        let names = Names::new();
        let hits = names.hits(&rows);
        let threshold = f64::from(threshold) / 3.0;
        let by_tf_idf = TfIdfRanker { threshold }.rank(&hits);
        let by_bm25 = Bm25Ranker { k: 1.2, b: 0.75, threshold }.rank(&hits);
        for RankedDocument { document, score } in by_tf_idf.into_iter().chain(by_bm25) {
            let scores = scores(&hits, document);
            let reached = scores.iter().any(|score| *score >= threshold);
            let least = if reached { scores.iter().copied().fold(f64::INFINITY, f64::min) } else { 0.0 };
            let largest = if reached { scores.iter().copied().fold(0.0, f64::max) } else { 0.0 };
            prop_assert!((least - 1e-6..=largest + 1e-6).contains(&f64::from(score)), "{} of {:?}", score, scores);
        }
    }

    #[test]
    fn min_and_max_aggregates_equal_their_rankers(rows in rows()) {
        let names = Names::new();
        let hits = names.hits(&rows);
        let aggregate = |aggregate_function, inverse_score| {
            SimpleAggregateRanker { aggregate_function, inverse_score }.rank(&hits)
        };
        prop_assert_eq!(aggregate(AggregateFunction::Min, true), MinRanker.rank(&hits));
        prop_assert_eq!(aggregate(AggregateFunction::Max, false), MaxRanker.rank(&hits));
    }
}
