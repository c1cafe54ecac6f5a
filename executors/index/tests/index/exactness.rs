//! Exact search: any number of shards gives the answer of one shard and of a naive comparison with all vectors, ties
//! included.

use std::collections::BTreeMap;
use std::path::Path;

use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use proptest::prelude::*;
use serde_json::json;

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, matches_of, open, open_shards};

/// An id and a vector of small integers, so that many distances are equal.
type Write = (u8, Vec<i8>);

#[derive(Clone, Debug)]
struct Case {
    metric: &'static str,
    batches: Vec<Vec<Write>>,
    deleted: Vec<u8>,
    queries: Vec<Vec<i8>>,
    k: usize,
    shards: usize,
}

fn cases() -> impl Strategy<Value = Case> {
    (1..4_usize).prop_flat_map(|dimension| {
        // No zero vectors: `cosine` is not defined for them.
        let vector = proptest::collection::vec(prop_oneof![Just(-1_i8), Just(1), Just(2)], dimension);
        let write = (0..120_u8, vector.clone());
        let batch = proptest::collection::vec(write, 0..90);
        (
            proptest::sample::select(vec!["cosine", "euclidean", "inner_product"]),
            proptest::collection::vec(batch, 1..4),
            proptest::collection::vec(0..120_u8, 0..30),
            proptest::collection::vec(vector, 1..25),
            1..25_usize,
            2..5_usize,
        )
            .prop_map(|(metric, batches, deleted, queries, k, shards)| Case {
                metric,
                batches,
                deleted,
                queries,
                k,
                shards,
            })
    })
}

fn floats(vector: &[i8]) -> Vec<f32> {
    vector.iter().map(|&element| f32::from(element)).collect()
}

/// The documents after all writes and deletes.
fn stored(case: &Case) -> BTreeMap<String, Vec<i8>> {
    let writes = case.batches.iter().flatten();
    let mut stored: BTreeMap<String, Vec<i8>> =
        writes.map(|(id, vector)| (id.to_string(), vector.clone())).collect();
    case.deleted.iter().for_each(|id| drop(stored.remove(&id.to_string())));
    stored
}

/// The expected matches, computed from integers, which are exact.
fn naive(case: &Case, query: &[i8]) -> Vec<(String, f32)> {
    let dot =
        |a: &[i8], b: &[i8]| -> f64 { a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum() };
    let distance = |vector: &[i8]| {
        let distance = match case.metric {
            "cosine" => {
                (1.0 - dot(query, vector) / (dot(query, query) * dot(vector, vector)).sqrt()).max(0.0)
            }
            "euclidean" => (dot(query, query) - 2.0 * dot(query, vector) + dot(vector, vector)).sqrt(),
            _ => 1.0 - dot(query, vector),
        };
        #[expect(clippy::cast_possible_truncation, reason = "distances are reported in single precision")]
        let rounded = distance as f32;
        rounded
    };
    let stored = stored(case);
    let mut all: Vec<(String, f32)> =
        stored.iter().map(|(id, vector)| (id.clone(), distance(vector))).collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    all.truncate(case.k);
    all
}

/// Matches of each query.
type Answers = Vec<Vec<(String, f32)>>;

/// The answers of each shard.
fn answers(base: &Path, case: &Case, shards: usize) -> Vec<Answers> {
    let with = json!({"metric": case.metric, "fsync": "never"});
    let mut executors = open_shards(base, "VectorIndexer", &with, shards);
    let answers = executors.iter_mut().enumerate();
    answers.map(|(shard, executor)| answers_of_shard(executor, case, shard, shards)).collect()
}

/// Writes the documents of `shard`, and answers all queries in one call; a call per query must give the same.
fn answers_of_shard(executor: &mut ExecutorHarness, case: &Case, shard: usize, shards: usize) -> Answers {
    for batch in &case.batches {
        let own = batch.iter().filter(|(id, _)| usize::from(*id) % shards == shard);
        let documents = own.map(|(id, vector)| document(&id.to_string(), &floats(vector))).collect();
        call(executor, "/index", documents);
    }
    let ids: Vec<String> = case.deleted.iter().map(u8::to_string).collect();
    call_with(executor, "/delete", NO_DOCUMENTS, json!({"ids": ids})).unwrap();
    let queries: Vec<Document> = case.queries.iter().map(|query| document("q", &floats(query))).collect();
    let mut search = |queries: Vec<Document>| {
        let answer = call_with(executor, "/search", queries, json!({"top_k": case.k})).unwrap();
        answer.documents.iter().map(matches_of).collect::<Vec<_>>()
    };
    let batched = search(queries.clone());
    let one_by_one: Vec<_> = queries.into_iter().flat_map(|query| search(vec![query])).collect();
    assert_eq!(batched, one_by_one);
    batched
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn any_number_of_shards_gives_the_naive_answer(case in cases()) {
        let directory = directory();
        let one = answers(&directory.path().join("one"), &case, 1).remove(0);
        let parts = answers(&directory.path().join("many"), &case, case.shards);
        for (number, query) in case.queries.iter().enumerate() {
            let mut merged: Vec<(String, f32)> = parts.iter().flat_map(|part| part[number].clone()).collect();
            merged.sort_by(|a, b| a.1.total_cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
            merged.truncate(case.k);
            prop_assert_eq!(&merged, &one[number]);
            prop_assert_eq!(&one[number], &naive(&case, query));
        }
    }
}

#[test]
fn ties_beyond_the_candidates_are_ordered_by_id() {
    let directory = directory();
    let mut executor =
        open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean", "fsync": "never"}));
    // Written in reverse, so that row order is the opposite of id order.
    let copies = (0..3000).rev().map(|number| document(&format!("{number:04}"), &[7.0, 7.0]));
    let others = (0..500_u16).map(|number| document(&format!("x{number}"), &[f32::from(number), -9.0]));
    call(&mut executor, "/index", copies.chain(others).collect());
    let answer = call(&mut executor, "/search", vec![document("q", &[7.0, 6.0])]);
    let expected: Vec<(String, f32)> = (0..10).map(|number| (format!("{number:04}"), 1.0)).collect();
    assert_eq!(matches_of(&answer.documents[0]), expected);
}

#[test]
fn vectors_that_overflow_single_precision_are_found() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean"}));
    let documents =
        (1..=30_u8).map(|number| document(&format!("{number:02}"), &[1e25 * f32::from(number), 1e30]));
    call(&mut executor, "/index", documents.collect());
    let answer = call(&mut executor, "/search", vec![document("q", &[0.0, 1e30])]);
    let expected: Vec<(String, f32)> =
        (1..=10_u8).map(|n| (format!("{n:02}"), 1e25 * f32::from(n))).collect();
    assert_eq!(matches_of(&answer.documents[0]), expected);
}

#[test]
fn live_documents_are_found_among_mostly_deleted_ones() {
    let directory = directory();
    for index in ["Flat", "HNSW8", "IVF4,Flat"] {
        let with = json!({"metric": "euclidean", "index": index, "fsync": "never"});
        let mut executor = open(&directory.path().join(index), "VectorIndexer", &with);
        let documents = (0..2000_u16).map(|n| document(&format!("{n:04}"), &[f32::from(n), 0.0])).collect();
        call(&mut executor, "/index", documents);
        let dead: Vec<String> = (0..1990).map(|n| format!("{n:04}")).collect();
        call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": dead})).unwrap();
        let answer =
            call_with(&mut executor, "/search", vec![document("q", &[0.0, 0.0])], json!({"top_k": 50}))
                .unwrap();
        let expected: Vec<(String, f32)> =
            (1990..2000_u16).map(|n| (format!("{n:04}"), f32::from(n))).collect();
        assert_eq!(matches_of(&answer.documents[0]), expected, "{index}");
    }
}
