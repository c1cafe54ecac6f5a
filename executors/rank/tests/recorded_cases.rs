//! Rankers and executors give the results that Jina 0.1.14 gave on recorded cases.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::HashMap;

use flowrun_rank::{
    BiMatchRanker, Bm25Ranker, EXECUTORS, Hit, Hits, Id, MaxRanker, MinRanker, RankedDocument, Ranker,
    TfIdfRanker,
};
use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Catalog, Context, Document, NamedScore, Value};

const TOLERANCE: f64 = 1e-6;

/// Results of Jina 0.1.14's `BM25Ranker` with the document lengths of matched chunks only, by the number of the case.
///
/// The recorded calls also pass lengths of chunks that were not matched, which change the mean length. Jina's own driver
/// never did so, and a request does not contain them.
const BM25_OF_MATCHED_CHUNKS: [(usize, &[(u64, f64)]); 4] = [
    (3, &[(0, 2.2292385631309526), (3, 1.520222030263228), (2, 0.8525663409146916)]),
    (8, &[(1, 2.2128541452852915), (2, 0.4401305019855499), (0, 0.39160195299583117)]),
    (10, &[(0, 1.9041480756238385), (2, 1.1475376919181788), (1, 1.0645902156829834)]),
    (11, &[(0, 1.7789069047151325), (1, 1.71995884180069), (2, 0.6807729494599077)]),
];

/// Document, matched chunk, query chunk; score.
type Row = ([String; 3], f64);

/// One recorded call, with ids as text.
struct Case {
    rows: Vec<Row>,
    query_chunks: u32,
    siblings: HashMap<String, u32>,
    /// Documents and scores by ranker, best first.
    results: HashMap<String, Vec<(String, f64)>>,
}

fn cases() -> Vec<Case> {
    let recorded = include_str!("../../../tests/oracles/rankers_jina0.1.14.json");
    let recorded: Value = serde_json::from_str(recorded).unwrap();
    let cases: Vec<Case> = recorded.as_array().unwrap().iter().map(case).collect();
    assert_eq!(cases.len(), 12);
    cases
}

fn case(recorded: &Value) -> Case {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let id = |value: &Value| value.as_f64().unwrap().to_string();
    let row = |row: &Value| ([0, 1, 2].map(|column| id(&row[column])), row[3].as_f64().unwrap());
    let result = |pair: &Value| (id(&pair[0]), pair[1].as_f64().unwrap());
    let results = recorded["results"].as_object().unwrap();
    let lengths = recorded["match_len"].as_object().unwrap();
    let count = |value: &Value| u32::try_from(value.as_u64().unwrap()).unwrap();
    Case {
        rows: list(&recorded["match_idx"]).iter().map(row).collect(),
        query_chunks: count(&recorded["query_len"]),
        siblings: lengths.iter().map(|(chunk, length)| (chunk.clone(), count(length))).collect(),
        results: results
            .iter()
            .map(|(ranker, pairs)| (ranker.clone(), list(pairs).iter().map(result).collect()))
            .collect(),
    }
}

fn hit(([document, match_chunk, query_chunk], score): &Row) -> Hit<'_> {
    Hit { document: Id(document), match_chunk: Id(match_chunk), query_chunk: Id(query_chunk), score: *score }
}

impl Case {
    fn hits(&self) -> Hits<'_> {
        let siblings = self.siblings.iter().map(|(chunk, count)| (Id(chunk), *count));
        Hits::new(self.rows.iter().map(hit).collect(), self.query_chunks, siblings.collect())
    }

    /// A query document with the hits as matches of its chunks.
    fn query(&self) -> Document {
        let mut query = Document::new("query");
        let chunk = |number: u32| {
            let id = (900 + number).to_string();
            let rows = self.rows.iter().filter(|([_, _, query_chunk], _)| *query_chunk == id);
            let matches = rows.map(|([document, match_chunk, _], score)| {
                let mut found = Document::new(match_chunk).with_tag("siblings", self.siblings[match_chunk]);
                found.parent_id.clone_from(document);
                #[expect(clippy::cast_possible_truncation, reason = "recorded scores have single precision")]
                found.scores.insert("euclidean".to_owned(), NamedScore::new(*score as f32, "Indexer"));
                found
            });
            Document { matches: matches.collect(), ..Document::new(&id) }
        };
        query.chunks = (0..self.query_chunks).map(chunk).collect();
        query
    }
}

fn assert_close<'a>(
    label: &str,
    actual: impl IntoIterator<Item = (&'a str, f32)>,
    expected: &[(String, f64)],
) {
    let actual: Vec<(&str, f32)> = actual.into_iter().collect();
    assert_eq!(actual.len(), expected.len(), "{label}: {actual:?}");
    for ((id, score), (expected_id, expected_score)) in actual.iter().zip(expected) {
        assert_eq!(id, expected_id, "{label}: {actual:?}");
        let difference = (f64::from(*score) - expected_score).abs();
        assert!(difference <= TOLERANCE, "{label}: {score} is not {expected_score}");
    }
}

fn check_function<R: Ranker>(ranker: &R) {
    for (number, case) in cases().iter().enumerate() {
        let hits = case.hits();
        let ranked = ranker.rank(&hits);
        let actual = ranked.iter().map(|RankedDocument { document, score }| (document.0, *score));
        assert_close(&format!("{}, case {number}", R::NAME), actual, &case.results[R::NAME]);
    }
}

#[test]
fn rankers_equal_jina_on_every_recorded_case() {
    check_function(&BiMatchRanker { d_miss: 2000.0 });
    check_function(&MinRanker);
    check_function(&MaxRanker);
    check_function(&TfIdfRanker { threshold: 0.1 });
    check_function(&Bm25Ranker { k: 1.2, b: 0.75, threshold: 0.1 });
}

/// Expected answer of the executor: the recorded one, except for BM25, whose mean length differs.
fn expected(number: usize, ranker: &str, case: &Case) -> Vec<(String, f64)> {
    let matched = BM25_OF_MATCHED_CHUNKS.iter().find(|(case, _)| ranker == "BM25Ranker" && *case == number);
    match matched {
        Some((_, results)) => results.iter().map(|(id, score)| (id.to_string(), *score)).collect(),
        None => case.results[ranker].clone(),
    }
}

#[test]
fn executors_with_default_parameters_equal_jina() {
    let catalog = Catalog::new([EXECUTORS]);
    for (number, case) in cases().iter().enumerate() {
        for name in case.results.keys() {
            let executor_type = catalog.get(name).unwrap_or_else(|| panic!("there is no {name}"));
            let mut executor =
                ExecutorHarness::new(executor_type, &Value::Null, Context::standalone(".")).unwrap();
            let answer = executor.call("/search", vec![case.query()], &Value::Null).unwrap();
            assert_eq!(answer.failures, []);
            let matches = answer.documents[0].matches.iter();
            let actual = matches.map(|found| (found.id.as_str(), found.scores[name].value));
            assert_close(&format!("{name}, case {number}"), actual, &expected(number, name, case));
        }
    }
}
