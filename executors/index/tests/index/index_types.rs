//! FAISS index types: recall, exact distances, training, rejected types.

use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, matches_of, open, open_error};

const DIMENSION: u64 = 8;

/// Vectors on a curve: vectors of consecutive numbers are neighbours.
fn vector(number: u64) -> Vec<f32> {
    let element =
        |axis: u64| ((number as f32 * 0.003 + axis as f32).sin() + (number * axis % 7) as f32 * 0.01) + 0.5;
    (0..DIMENSION).map(element).collect()
}

fn documents(numbers: impl Iterator<Item = u64>) -> Vec<Document> {
    numbers.map(|number| document(&format!("{number:05}"), &vector(number))).collect()
}

/// Recall of an index type against the exact answer, and the status of the index.
fn recall(index: &str, metric: &str, rows: u64) -> (f32, Value) {
    let directory = directory();
    let mut answers = Vec::new();
    let mut status = Value::Null;
    for index in ["Flat", index] {
        let with = json!({"index": index, "metric": metric, "fsync": "never"});
        let mut executor = open(&directory.path().join(index), "VectorIndexer", &with);
        call(&mut executor, "/index", documents(0..rows));
        let answer = call(&mut executor, "/search", documents((0..rows).step_by(97)));
        answers.push(answer.documents.iter().map(matches_of).collect::<Vec<_>>());
        status = Value::Object(call(&mut executor, "/status", NO_DOCUMENTS).results);
    }
    let [exact, approximate] = answers.try_into().unwrap();
    let pairs = exact.iter().zip(&approximate);
    // Reported distances are exact: equal to the last bit.
    let hits: usize =
        pairs.map(|(exact, other)| other.iter().filter(|hit| exact.contains(hit)).count()).sum();
    let all: usize = exact.iter().map(Vec::len).sum();
    assert!(approximate.iter().zip(&exact).all(|(a, b)| a.len() == b.len()), "{index}");
    (hits as f32 / all as f32, status)
}

#[test]
fn every_index_type_has_its_recall_and_reports_exact_distances() {
    // RaBitQ has one bit per dimension, too little for eight dimensions; the others find nearly all.
    for (index, metric, rows, recall_min) in [
        ("HNSW8", "cosine", 1000, 0.99),
        ("HNSW16,Flat", "euclidean", 1000, 0.99),
        ("IVF4,Flat", "cosine", 1000, 0.99),
        ("IVF16_HNSW8,Flat", "euclidean", 1000, 0.99),
        ("SQ8", "inner_product", 10_000, 0.9),
        ("IVF8,SQ8,RFlat", "euclidean", 10_000, 0.99),
        ("PQ4x4fs", "euclidean", 1000, 0.9),
        ("IVF8,PQ8", "cosine", 10_000, 0.7),
        ("IVF8,RaBitQ", "euclidean", 10_000, 0.5),
        ("PCA4,IVF4,Flat", "euclidean", 10_000, 0.95),
    ] {
        let (recall, status) = recall(index, metric, rows);
        assert_eq!(status["trained"], true, "{index}");
        assert!(recall >= recall_min, "{index} {metric}: {recall}");
    }
}

#[test]
fn an_index_without_enough_training_vectors_is_exhaustive() {
    for index in ["IVF100000,Flat", "IVF50,PQ4", "OPQ4,PQ4"] {
        let (recall, status) = recall(index, "cosine", 300);
        assert_eq!((recall, &status["trained"], &status["index"]), (1.0, &json!(false), &json!(index)));
    }
}

#[test]
fn an_index_that_cannot_be_trained_is_exhaustive() {
    // Fails in training: PCA cannot make 16 components of 8 dimensions.
    let (recall, status) = recall("PCA16,Flat", "euclidean", 10_000);
    assert_eq!((recall, &status["trained"]), (1.0, &json!(false)));
}

#[test]
fn an_index_is_trained_as_soon_as_there_are_enough_vectors() {
    let directory = directory();
    let with = json!({"index": "IVF4,Flat", "fsync": "never", "n_probe": 4});
    let mut executor = open(directory.path(), "VectorIndexer", &with);
    let mut trained_after = |numbers| {
        call(&mut executor, "/index", documents(numbers));
        call(&mut executor, "/status", NO_DOCUMENTS).results["trained"].clone()
    };
    assert_eq!(trained_after(0..155), false);
    assert_eq!(trained_after(155..156), true);
    assert!(directory.path().join("0/faiss-000001.index").exists(), "training is saved at once");
    assert_eq!(trained_after(156..200), true);
    let answer = call(&mut executor, "/search", documents([3, 199].into_iter()));
    assert_eq!(matches_of(&answer.documents[0])[0], ("00003".to_owned(), 0.0));
    assert_eq!(matches_of(&answer.documents[1])[0], ("00199".to_owned(), 0.0));
}

#[test]
fn unsupported_index_types_are_rejected_by_name() {
    let directory = directory();
    for (index, dimension, reason) in [
        ("Nonsense", None, "`index`: `Nonsense` is not an index type"),
        ("PQ7", Some(128), "`index`: `PQ7` does not support 128 dimensions"),
        ("IVF16", Some(8), "`index`: `IVF16` does not support 8 dimensions"),
        (
            "HNSW8_PQ4",
            Some(8),
            "`index`: `HNSW8_PQ4` supports only euclidean distance: write `metric: euclidean`",
        ),
        ("PQ64x4fs,IVF4", Some(128), "`index`: `PQ64x4fs,IVF4` does not support"),
    ] {
        let refused =
            open_error(directory.path(), "VectorIndexer", &json!({"index": index, "dimension": dimension}));
        assert!(refused.contains(reason), "{refused}");
        assert!(!refused.contains(".cpp") && !refused.contains('/'), "{refused}");
    }
    assert!(!directory.path().join("0").exists(), "a rejected index creates no files");
}

#[test]
fn an_index_type_that_does_not_fit_the_dimension_is_rejected_with_the_first_vector() {
    let directory = directory();
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"index": "PQ7"}));
    let error = call_with(&mut executor, "/index", documents(0..1), json!({})).unwrap_err().to_string();
    assert!(error.starts_with("parameter `index`: `PQ7` does not support 8 dimensions"), "{error}");
    drop(executor);
    let mut executor = open(directory.path(), "VectorIndexer", &json!({"index": "Flat"}));
    call(&mut executor, "/index", documents(0..1));
}
