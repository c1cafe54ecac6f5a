//! The endpoints of `VectorIndexer`.

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Tensor, Value};
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, call_with, clip, directory, document, executor_type, failures, matches_of, open,
    open_error, search,
};

fn euclidean() -> Value {
    json!({"metric": "euclidean"})
}

#[test]
fn matches_are_stored_documents_with_distances_nearest_first() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &euclidean());
    let mut rich = document("far", &[3.0, 4.0]).with_blob(vec![1, 2]).with_uri("far.gif").with_tag("n", 1);
    rich.tensor = Tensor::from_u8(vec![1], vec![9]).ok();
    rich.scores.insert("stale".to_owned(), flowrun_sdk::NamedScore::new(9.0, "x"));
    let answer = call(&mut executor, "/index", vec![rich, document("near", &[0.0, 1.0])]);
    assert_eq!((answer.documents.len(), &answer.results["indexed"]), (2, &json!(2)));

    let mut query = document("q", &[0.0, 0.0]);
    query.adjacency = 1;
    query.matches = [Document::new("earlier")].into_iter().collect();
    let answer = call(&mut executor, "/search", vec![query]);
    assert_eq!(matches_of(&answer.documents[0]), [("near".to_owned(), 1.0), ("far".to_owned(), 5.0)]);
    let far = &answer.documents[0].matches[1];
    let score = &far.scores["euclidean"];
    assert_eq!((score.op_name.as_str(), score.ref_id.as_str(), far.scores.len()), ("VectorIndexer", "q", 1));
    assert_eq!((far.uri.as_str(), far.blob.as_deref(), far.adjacency), ("far.gif", Some(&[1_u8, 2][..]), 2));
    assert!(far.tensor.is_none() && far.embedding.is_none() && far.tags["n"] == 1);
}

#[test]
fn every_metric_reports_a_distance() {
    for (metric, distances) in
        [("cosine", [0.0, 2.0]), ("euclidean", [1.0, 3.0]), ("inner_product", [-1.0, 3.0])]
    {
        let directory = directory();
        let mut executor = open(directory.path(), "VectorIndexer", &json!({"metric": metric}));
        call(&mut executor, "/index", vec![document("a", &[0.0, -1.0]), document("b", &[0.0, 1.0])]);
        let answer = call(&mut executor, "/search", vec![document("q", &[0.0, 2.0])]);
        assert_eq!(
            matches_of(&answer.documents[0]),
            [("b".to_owned(), distances[0]), ("a".to_owned(), distances[1])]
        );
    }
}

#[test]
fn writing_an_id_twice_replaces_the_document() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &euclidean());
    call(&mut executor, "/index", vec![document("a", &[1.0]), document("b", &[2.0]), document("a", &[9.0])]);
    assert_eq!(search(&mut executor, &[0.0]), ["b", "a"]);
    call(&mut executor, "/index", vec![document("a", &[0.5]).with_text("new")]);
    let answer = call(&mut executor, "/search", vec![document("q", &[0.0])]);
    assert_eq!(matches_of(&answer.documents[0]), [("a".to_owned(), 0.5), ("b".to_owned(), 2.0)]);
    assert_eq!(answer.documents[0].matches[0].text.as_deref(), Some("new"));
    let status = call(&mut executor, "/status", NO_DOCUMENTS).results;
    assert_eq!(
        (&status["documents"], &status["vectors"], &status["deleted"]),
        (&json!(2), &json!(2), &json!(1))
    );
}

#[test]
fn a_document_that_cannot_be_stored_fails_without_affecting_others() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    let mut matrix = Document::new("matrix");
    matrix.embedding = Tensor::from_f32(vec![2, 2], vec![1.0; 4]).ok();
    let documents = vec![
        document("short", &[]),
        document("good", &[1.0, 1.0]),
        document("long", &[1.0, 1.0, 1.0]),
        Document::new("none").with_uri("none.gif"),
        document("nan", &[f32::NAN, 1.0]),
        document("infinite", &[1.0, f32::INFINITY]),
        document("zero", &[0.0, 0.0]),
        matrix,
        document("", &[1.0, 0.0]),
        document(&"x".repeat(20_000), &[1.0, 0.0]),
    ];
    let answer = call(&mut executor, "/index", documents);
    assert_eq!((answer.documents.len(), &answer.results["indexed"]), (1, &json!(1)));
    let expected = [
        ("short", "the embedding is empty"),
        ("long", "the embedding has 3 dimensions, the index 2"),
        ("none.gif", "the document has no embedding: put an encoder before this pod"),
        ("nan", "element 0 of the embedding is NaN"),
        ("infinite", "element 1 of the embedding is inf"),
        ("zero", "the embedding is zero: its cosine is not defined"),
        ("matrix", "shape [2, 2]; a vector is needed"),
        ("", "a document without an id"),
        ("xxx", "an id has 20000 bytes, more than the 16384 allowed"),
    ];
    let failures = failures(&answer);
    assert_eq!(failures.len(), expected.len());
    for ((label, reason), (expected_label, expected_reason)) in failures.iter().zip(expected) {
        assert!(label.starts_with(expected_label) && reason.contains(expected_reason), "{label}: {reason}");
    }
    assert_eq!(search(&mut executor, &[1.0, 0.0]), ["good"]);
}

#[test]
fn no_chunk_of_a_root_with_a_bad_chunk_is_stored() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"access_paths": "@c"}));
    let answer = call(
        &mut executor,
        "/index",
        vec![clip("bad", &[&[1.0, 1.0, 1.0], &[1.0]]), clip("good", &[&[1.0, 2.0]])],
    );
    // The failed clip does not fix the dimension either.
    assert_eq!((failures(&answer)[0].0.as_str(), &answer.results["indexed"]), ("bad", &json!(1)));
    assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["dimension"], 2);
}

#[test]
fn an_invalid_query_fails_without_affecting_others() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    call(&mut executor, "/index", vec![document("a", &[1.0, 0.0]), document("b", &[0.0, 1.0])]);
    let queries = vec![
        document("first", &[1.0, 0.1]),
        document("zero", &[0.0, 0.0]),
        document("long", &[1.0; 3]),
        Document::new("none"),
        document("last", &[0.1, 1.0]),
    ];
    let answer = call(&mut executor, "/search", queries);
    let labels: Vec<String> = failures(&answer).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["zero", "long", "none"]);
    let best: Vec<&str> = answer.documents.iter().map(|query| query.matches[0].id.as_str()).collect();
    assert_eq!(best, ["a", "b"]);
}

#[test]
fn indexing_a_root_replaces_all_its_chunks() {
    let directory = directory();
    let mut executor =
        open(directory.path(), "VectorIndexer", &json!({"access_paths": "@c", "metric": "euclidean"}));
    call(&mut executor, "/index", vec![clip("a", &[&[1.0], &[2.0], &[3.0]]), clip("ab", &[&[4.0]])]);
    let mut frames = |vector: &[f32], documents| {
        call(&mut executor, "/index", documents);
        let mut query = Document::new("q");
        query.chunks = [document("q#0", vector)].into_iter().collect();
        let answer = call(&mut executor, "/search", vec![query]);
        matches_of(&answer.documents[0].chunks[0]).into_iter().map(|(id, _)| id).collect::<Vec<String>>()
    };
    assert_eq!(frames(&[0.0], vec![clip("a", &[&[1.5]])]), ["a#0", "ab#0"]);
    assert_eq!(frames(&[0.0], vec![Document::new("a")]), ["ab#0"]);
    assert_eq!(frames(&[0.0], vec![clip("a", &[&[1.0], &[2.0]]), clip("a", &[&[5.0]])]), ["ab#0", "a#0"]);
}

#[test]
fn chunks_indexed_as_roots_do_not_replace_each_other() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &euclidean());
    for number in 0..3_u8 {
        let frame = Document::new("clip").new_chunk(number).with_embedding(vec![f32::from(number)]);
        call(&mut executor, "/index", vec![frame]);
    }
    assert_eq!(search(&mut executor, &[0.0]), ["clip#0", "clip#1", "clip#2"]);
}

#[test]
fn chunks_without_parent_id_belong_to_their_document() {
    let directory = directory();
    let mut executor =
        open(directory.path(), "VectorIndexer", &json!({"access_paths": "@c", "metric": "euclidean"}));
    let read = |ids: &[&str]| {
        let chunks: Vec<Value> = ids.iter().map(|id| json!({"id": id, "embedding": [1.0]})).collect();
        vec![Document::from_json(&json!({"id": "a", "chunks": chunks})).unwrap()]
    };
    let mut left = |endpoint, ids| {
        call(&mut executor, endpoint, read(ids));
        call(&mut executor, "/status", NO_DOCUMENTS).results["vectors"].clone()
    };
    assert_eq!(left("/index", &["x", "y", "z"]), 3);
    assert_eq!(left("/index", &["y"]), 1);
    assert_eq!(left("/delete", &[]), 0);
}

#[test]
fn deleting_a_document_deletes_its_chunks() {
    let directory = directory();
    let mut executor =
        open(directory.path(), "VectorIndexer", &json!({"access_paths": "@c", "metric": "euclidean"}));
    let clips = ["a", "b", "c"].map(|id| clip(id, &[&[1.0], &[2.0]]));
    call(&mut executor, "/index", clips.to_vec());
    let parameters = json!({"ids": ["a", "b#1", "unheard of", ""]});
    let answer = call_with(&mut executor, "/delete", vec![Document::new("c")], parameters).unwrap();
    assert_eq!(answer.results["deleted"], 5);
    let paths = json!({"access_paths": "@r"});
    let answer = call_with(&mut executor, "/search", vec![document("q", &[0.0])], paths).unwrap();
    assert_eq!(matches_of(&answer.documents[0]), [("b#0".to_owned(), 1.0)]);
    let wrong =
        call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": "a"})).unwrap_err().to_string();
    assert_eq!(wrong, "parameter `ids`: must be a list, each a text, but is `\"a\"`");
}

#[test]
fn update_inserts_nothing() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &euclidean());
    let nothing = call(&mut executor, "/update", vec![document("a", &[1.0, 2.0])]);
    assert_eq!((&nothing.results["updated"], &nothing.results["unknown"]), (&json!(0), &json!(1)));
    call(&mut executor, "/index", vec![document("a", &[1.0])]);
    let answer = call(&mut executor, "/update", vec![document("b", &[2.0]), document("a", &[3.0])]);
    assert_eq!((&answer.results["updated"], &answer.results["unknown"]), (&json!(1), &json!(1)));
    let answer = call(&mut executor, "/search", vec![document("q", &[0.0])]);
    assert_eq!(matches_of(&answer.documents[0]), [("a".to_owned(), 3.0)]);
}

#[test]
fn a_cleared_index_accepts_another_dimension() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({}));
    assert_eq!(search(&mut executor, &[1.0, 2.0]), [""; 0]);
    call(&mut executor, "/index", vec![document("a", &[1.0, 2.0])]);
    call(&mut executor, "/clear", NO_DOCUMENTS);
    assert_eq!(search(&mut executor, &[1.0]), [""; 0]);
    call(&mut executor, "/index", vec![document("b", &[1.0])]);
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"dimension": 1}));
    assert_eq!(search(&mut executor, &[1.0]), ["b"]);
    let names = std::fs::read_dir(directory.path().join("0")).unwrap().count();
    assert_eq!(names, 4, "LOCK, manifest, documents and vectors of one generation");
}

#[test]
fn requests_set_top_k_and_access_paths() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"limit": 2, "metric": "euclidean"}));
    let documents = (0..5_u8).map(|number| document(&number.to_string(), &[f32::from(number)])).collect();
    call(&mut executor, "/index", documents);
    assert_eq!(search(&mut executor, &[0.0]).len(), 2);
    let mut count = |parameters| {
        let answer = call_with(&mut executor, "/search", vec![clip("q", &[&[1.0], &[4.0]])], parameters);
        answer.map(|answer| {
            answer.documents[0].chunks.iter().map(|chunk| chunk.matches.len()).collect::<Vec<_>>()
        })
    };
    assert_eq!(count(json!({"access_paths": "@c", "top_k": 3})).unwrap(), [3, 3]);
    assert_eq!(count(json!({"access_paths": "@c", "limit": 99})).unwrap(), [5, 5]);
    assert_eq!(count(json!({"access_paths": "@c", "top_k": 0})).unwrap(), [0, 0]);
    assert!(
        count(json!({"access_paths": "@c", "top_k": 10_001}))
            .unwrap_err()
            .to_string()
            .contains("10000 allowed")
    );
}

#[test]
fn matches_of_the_same_search_are_not_queries() {
    let directory = directory();
    let mut executor =
        open(directory.path(), "VectorIndexer", &json!({"exclude": [], "metric": "euclidean"}));
    call(&mut executor, "/index", vec![document("a", &[1.0]), document("b", &[2.0])]);
    let queries = vec![document("q", &[0.0]), document("r", &[9.0])];
    let answer = call_with(&mut executor, "/search", queries, json!({"access_paths": "@r,m"})).unwrap();
    let best = |query: &Document| (query.matches[0].id.clone(), query.matches[0].matches.len());
    assert_eq!(best(&answer.documents[0]), ("a".to_owned(), 0));
    assert_eq!(best(&answer.documents[1]), ("b".to_owned(), 0));
}

#[test]
fn a_read_only_index_serves_searches_and_rejects_writes() {
    let directory = directory();
    let context = || Context { read_only: true, ..Context::standalone(directory.path().join("0")) };
    let read_only = || ExecutorHarness::new(executor_type("VectorIndexer"), &json!({}), context());
    let absent = read_only().err().unwrap().to_string();
    assert!(absent.starts_with("there is no index in") && absent.contains("`read_only`"), "{absent}");
    assert!(!directory.path().join("0").exists());
    call(&mut open(directory.path(), "VectorIndexer", &json!({})), "/index", vec![document("a", &[1.0])]);
    let mut executor = read_only().unwrap();
    for endpoint in ["/index", "/update", "/delete", "/clear"] {
        let error = call_with(&mut executor, endpoint, vec![document("a", &[2.0])], json!({}))
            .unwrap_err()
            .to_string();
        let expected = format!("`{endpoint}` would change the data of `pod`, which is `read_only: true`");
        assert_eq!(error, expected);
    }
    assert_eq!(search(&mut executor, &[1.0]), ["a"]);
}

#[test]
fn replicas_share_one_index() {
    let directory = directory();
    let context = Context::standalone(directory.path());
    let replica =
        || ExecutorHarness::new(executor_type("VectorIndexer"), &euclidean(), context.clone()).unwrap();
    let (mut first, mut second) = (replica(), replica());
    call(&mut first, "/index", vec![document("a", &[1.0])]);
    assert_eq!(search(&mut second, &[1.0]), ["a"]);
    first.close().unwrap();
    call(&mut second, "/index", vec![document("b", &[2.0])]);
    assert_eq!(search(&mut second, &[1.0]), ["a", "b"]);
}

#[test]
fn searches_concurrent_with_writes_see_each_document_once_and_complete() {
    // A graph may propose rows that were added after the search began.
    for index in ["Flat", "HNSW8"] {
        search_during_writes(index);
    }
}

fn search_during_writes(index: &str) {
    let directory = directory();
    let context = Context::standalone(directory.path());
    let with = json!({"metric": "euclidean", "fsync": "never", "index": index});
    let replica = || ExecutorHarness::new(executor_type("VectorIndexer"), &with, context.clone()).unwrap();
    let mut writer = replica();
    // Vector and text of a document have the same version.
    let version = |number: u8| {
        let document = |id: u8| {
            document(&id.to_string(), &[f32::from(id), f32::from(number)]).with_text(number.to_string())
        };
        (0..20).map(document).collect::<Vec<_>>()
    };
    call(&mut writer, "/index", version(0));
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let mut reader = replica();
            scope.spawn(move || {
                for _ in 0..40 {
                    let queries = vec![document("q", &[0.0, 0.0]), document("r", &[19.0, 0.0])];
                    let answer = call_with(&mut reader, "/search", queries, json!({"top_k": 20})).unwrap();
                    let first = &answer.documents[0].matches[0];
                    assert_eq!(
                        first.text.as_deref(),
                        Some(first.score().unwrap().value.to_string().as_str())
                    );
                    assert!(answer.documents.iter().all(|query| query.matches.len() == 20));
                }
            });
        }
        for number in 1..20 {
            call(&mut writer, "/index", version(number));
        }
    });
}

#[test]
fn misspelt_and_invalid_parameters_are_rejected() {
    let directory = directory();
    let open_error = |with| open_error(directory.path(), "VectorIndexer", &with);
    assert_eq!(open_error(json!({"metrix": "cosine"})), "unknown parameter `metrix`");
    assert!(
        open_error(json!({"metric": "manhattan"}))
            .contains("must be `cosine`, `euclidean` or `inner_product`")
    );
    assert!(open_error(json!({"dimension": 0})).contains("must be from 1 to 65536, but is 0"));
    assert!(open_error(json!({"top_k": 10_001})).contains("must be at most 10000"));
    assert!(open_error(json!({"exclude": ["pixels"]})).contains("`tensor`"));
    assert!(open_error(json!({"index": "Flat", "n_probe": 4})).contains("`Flat` has no lists to probe"));
    assert!(
        open_error(json!({"index": "IVF4,Flat", "ef_search": 4}))
            .contains("`IVF4,Flat` has no graph to search")
    );
    assert!(!directory.path().join("0").exists(), "a rejected index creates no files");
}

#[test]
fn matches_beyond_the_largest_distance_are_left_out() {
    let directory = directory();
    let with = json!({"metric": "euclidean", "max_distance": 2});
    let mut executor = open(directory.path(), "VectorIndexer", &with);
    call(&mut executor, "/index", (0..9_u8).map(|n| document(&n.to_string(), &[f32::from(n)])).collect());
    let mut found = |parameters: Value| {
        let query = vec![document("q", &[0.0]), document("far", &[100.0])];
        let answer = call_with(&mut executor, "/search", query, parameters).unwrap();
        answer.documents.iter().map(|query| query.matches.len()).collect::<Vec<_>>()
    };
    assert_eq!(found(json!({})), [3, 0]);
    assert_eq!(found(json!({"max_distance": 0.5})), [1, 0]);
    assert_eq!(found(json!({"max_distance": 98, "top_k": 9})), [9, 7]);
    assert_eq!(found(json!({"max_distance": null})), [3, 0]);
}
