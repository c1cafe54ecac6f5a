//! Whatever a document holds, it is found again or fails alone; nothing brings the index down.

use flowrun_sdk::{Bytes, Context, DataType, Document, Tensor};
use proptest::prelude::*;
use serde_json::json;

use crate::bench::{NONE, call, call_with, directory, document, failures, found, kind, open, search};

/// Floats of every kind: ordinary, tiny, huge, infinite, no numbers.
fn element() -> impl Strategy<Value = f32> {
    prop_oneof![4 => -10.0_f32..10.0, 2 => any::<u32>().prop_map(f32::from_bits), 1 => Just(0.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_vector_is_found_at_no_distance_from_itself_or_fails_alone(
        vectors in proptest::collection::vec(proptest::collection::vec(element(), 3), 1..40),
        metric in proptest::sample::select(vec!["cosine", "euclidean"]),
    ) {
        let directory = directory();
        let mut bench = open(directory.path(), "VectorIndexer", &json!({"metric": metric, "fsync": "never"}));
        let documents: Vec<Document> =
            vectors.iter().enumerate().map(|(number, vector)| document(&number.to_string(), vector)).collect();
        let answer = call(&mut bench, "/index", documents.clone());
        let comparable = |vector: &[f32]| {
            vector.iter().all(|element| element.is_finite())
                && (metric == "euclidean" || vector.iter().any(|element| *element != 0.0))
        };
        let pairs = documents.iter().zip(&vectors);
        let pairs = pairs.filter(|(_, vector)| comparable(vector));
        let good: Vec<&Document> = pairs.map(|(document, _)| document).collect();
        prop_assert!(answer.documents.iter().eq(good.iter().copied()));
        prop_assert_eq!(answer.failures.len(), documents.len() - good.len());
        let answer = call_with(&mut bench, "/search", documents.clone(), json!({"top_k": 40})).unwrap();
        prop_assert_eq!(answer.documents.len(), good.len());
        for query in answer.documents.iter() {
            let found = found(query);
            prop_assert_eq!(found.len(), good.len());
            prop_assert!(found.iter().any(|(id, distance)| *id == query.id && *distance == 0.0), "{found:?}");
            prop_assert!(found.windows(2).all(|pair| (pair[0].1, &pair[0].0) <= (pair[1].1, &pair[1].0)));
        }
    }

    #[test]
    fn any_id_is_stored_and_found(ids in proptest::collection::btree_set(".{1,40}", 1..10)) {
        let directory = directory();
        let mut bench = open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean", "fsync": "never"}));
        let documents: Vec<Document> = ids.iter().map(|id| document(id, &[1.0])).collect();
        call(&mut bench, "/index", documents);
        let ids: Vec<String> = ids.into_iter().collect();
        prop_assert_eq!(&search(&mut bench, &[1.0]), &ids);
        let parameters = json!({"ids": ids[1..]});
        prop_assert_eq!(&call_with(&mut bench, "/delete", NONE, parameters).unwrap().results["deleted"], ids.len() - 1);
        prop_assert_eq!(&search(&mut bench, &[1.0])[..], &ids[..1]);
    }
}

#[test]
fn embeddings_of_other_types_are_read_as_numbers_or_fail_alone() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({"metric": "euclidean"}));
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
    let answer = call(&mut bench, "/index", documents);
    let failed: Vec<String> = failures(&answer).into_iter().map(|(label, _)| label).collect();
    assert_eq!(failed, ["complex", "odd"]);
    let answer = call(&mut bench, "/search", vec![document("q", &[0.0, 0.0])]);
    let expected = [("halves", 1.0), ("big-endian", 2.0), ("bytes", 5.0), ("integers", 13.0)];
    assert_eq!(found(&answer.documents[0]), expected.map(|(id, distance)| (id.to_owned(), distance)));
}

#[test]
fn a_query_that_is_as_many_matches_deep_as_can_be_said_is_answered() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({}));
    call(&mut bench, "/index", vec![document("a", &[1.0])]);
    let query = Document { adjacency: u32::MAX, ..document("q", &[1.0]) };
    let answer = call(&mut bench, "/search", vec![query]);
    assert_eq!(answer.documents[0].matches[0].adjacency, u32::MAX);
}

#[test]
fn other_endpoints_pass_by_and_matches_are_announced_in_ascending_order() {
    let directory = directory();
    for (name, found) in [("VectorIndexer", true), ("NumpyIndexer", true), ("DocumentStore", false)] {
        let context = Context::standalone(directory.path().join(name));
        let bench = flowrun_sdk::testing::ExecutorHarness::new(kind(name), &json!({}), context).unwrap();
        let instance = bench.instance();
        assert!(instance.endpoints.handles("/index") && !instance.endpoints.handles("/rank"));
        let ranking = instance.ranking.map(|ranking| (ranking.order, ranking.top_k));
        assert_eq!(ranking, found.then_some((flowrun_sdk::Order::Ascending, 10)));
    }
}

#[test]
fn a_read_only_store_gives_and_refuses_to_change() {
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
    let mut bench =
        flowrun_sdk::testing::ExecutorHarness::new(kind("DocumentStore"), &json!({}), context).unwrap();
    assert_eq!(call(&mut bench, "/get", vec![Document::new("a")]).documents[0].text.as_deref(), Some("t"));
    let error =
        call_with(&mut bench, "/delete", vec![Document::new("a")], json!({})).unwrap_err().to_string();
    assert_eq!(error, "`/delete` would change the data of `docs`, which is `read_only: true`");
}
