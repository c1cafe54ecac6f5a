//! Hostile input: every document is found again or fails without affecting others.

use flowrun_sdk::{Bytes, Context, DataType, Document, Tensor};
use proptest::prelude::*;
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, call_with, directory, document, executor_type, failures, matches_of, open, search,
};

/// Floats of every kind: ordinary, tiny, huge, infinite, NaN.
fn element() -> impl Strategy<Value = f32> {
    prop_oneof![4 => -10.0_f32..10.0, 2 => any::<u32>().prop_map(f32::from_bits), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_vector_has_distance_zero_from_itself_or_fails(
        vectors in proptest::collection::vec(proptest::collection::vec(element(), 3), 1..40),
        metric in proptest::sample::select(vec!["cosine", "euclidean"]),
    ) {
        let directory = directory();
        let mut executor = open(directory.path(), "VectorIndexer", &json!({"metric": metric, "fsync": "never"}));
        let documents: Vec<Document> =
            vectors.iter().enumerate().map(|(number, vector)| document(&number.to_string(), vector)).collect();
        let answer = call(&mut executor, "/index", documents.clone());
        let comparable = |vector: &[f32]| {
            vector.iter().all(|element| element.is_finite())
                && (metric == "euclidean" || vector.iter().any(|element| *element != 0.0))
        };
        let pairs = documents.iter().zip(&vectors);
        let pairs = pairs.filter(|(_, vector)| comparable(vector));
        let good: Vec<&Document> = pairs.map(|(document, _)| document).collect();
        prop_assert!(answer.documents.iter().eq(good.iter().copied()));
        prop_assert_eq!(answer.failures.len(), documents.len() - good.len());
        let answer = call_with(&mut executor, "/search", documents.clone(), json!({"top_k": 40})).unwrap();
        prop_assert_eq!(answer.documents.len(), good.len());
        for query in answer.documents.iter() {
            let found = matches_of(query);
            prop_assert_eq!(found.len(), good.len());
            prop_assert!(found.iter().any(|(id, distance)| *id == query.id && *distance == 0.0), "{found:?}");
            prop_assert!(found.windows(2).all(|pair| (pair[0].1, &pair[0].0) <= (pair[1].1, &pair[1].0)));
        }
    }

    #[test]
    fn any_id_is_stored_found_and_deleted(ids in proptest::collection::btree_set(".{1,40}", 1..10)) {
        let directory = directory();
        let mut executor = open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean", "fsync": "never"}));
        let documents: Vec<Document> = ids.iter().map(|id| document(id, &[1.0])).collect();
        call(&mut executor, "/index", documents);
        let ids: Vec<String> = ids.into_iter().collect();
        prop_assert_eq!(&search(&mut executor, &[1.0]), &ids);
        let parameters = json!({"ids": ids[1..]});
        prop_assert_eq!(&call_with(&mut executor, "/delete", NO_DOCUMENTS, parameters).unwrap().results["deleted"], ids.len() - 1);
        prop_assert_eq!(&search(&mut executor, &[1.0])[..], &ids[..1]);
    }
}

#[test]
fn embeddings_of_other_types_are_converted_or_fail() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean"}));
    let typed = |id: &str, data_type: &str, bytes: &'static [u8]| {
        let data_type: DataType = data_type.parse().unwrap();
        let tensor = Tensor::new(data_type, vec![bytes.len() / data_type.size()], Bytes::from_static(bytes));
        Document { embedding: tensor.ok(), ..Document::new(id) }
    };
    let documents = vec![
        typed("bytes", "|u1", &[3, 4]),
        typed("integers", "<i2", &[5, 0, 12, 0]),
        typed("halves", "<f2", &[0x00, 0x3c, 0x00, 0x00]),
        typed("big-endian", ">f4", &[0x40, 0, 0, 0, 0, 0, 0, 0]),
        typed("complex", "<c8", &[0; 16]),
        typed("odd", "<f8", &[0; 8]),
    ];
    let answer = call(&mut executor, "/index", documents);
    let failed: Vec<String> = failures(&answer).into_iter().map(|(label, _)| label).collect();
    assert_eq!(failed, ["complex", "odd"]);
    let answer = call(&mut executor, "/search", vec![document("q", &[0.0, 0.0])]);
    let expected = [("halves", 1.0), ("big-endian", 2.0), ("bytes", 5.0), ("integers", 13.0)];
    assert_eq!(matches_of(&answer.documents[0]), expected.map(|(id, distance)| (id.to_owned(), distance)));
}

#[test]
fn the_adjacency_of_matches_saturates() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    call(&mut executor, "/index", vec![document("a", &[1.0])]);
    let query = Document { adjacency: u32::MAX, ..document("q", &[1.0]) };
    let answer = call(&mut executor, "/search", vec![query]);
    assert_eq!(answer.documents[0].matches[0].adjacency, u32::MAX);
}

#[test]
fn instances_declare_their_endpoints_and_ascending_ranking() {
    let directory = directory();
    for (name, is_ranked) in [("VectorIndexer", true), ("NumpyIndexer", true), ("DocumentStore", false)] {
        let context = Context::standalone(directory.path().join(name));
        let executor =
            flowrun_sdk::testing::ExecutorHarness::new(executor_type(name), &json!({}), context).unwrap();
        let instance = executor.instance();
        assert!(instance.endpoints.handles("/index") && !instance.endpoints.handles("/rank"));
        let ranking = instance.ranking.map(|ranking| (ranking.order, ranking.top_k));
        assert_eq!(ranking, is_ranked.then_some((flowrun_sdk::Order::Ascending, 10)));
    }
}

#[test]
fn a_read_only_store_serves_reads_and_rejects_writes() {
    let directory = directory();
    call(
        &mut open(directory.path(), "DocumentStore", &json!({})),
        "/index",
        vec![Document::new("a").with_text("t")],
    );
    let context = Context {
        read_only: true,
        pod: "docs".to_owned(),
        ..Context::standalone(directory.path().join("0"))
    };
    let mut executor =
        flowrun_sdk::testing::ExecutorHarness::new(executor_type("DocumentStore"), &json!({}), context)
            .unwrap();
    assert_eq!(call(&mut executor, "/get", vec![Document::new("a")]).documents[0].text.as_deref(), Some("t"));
    let error =
        call_with(&mut executor, "/delete", vec![Document::new("a")], json!({})).unwrap_err().to_string();
    assert_eq!(error, "`/delete` would change the data of `docs`, which is `read_only: true`");
}
