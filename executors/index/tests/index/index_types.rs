//! Kinds of FAISS indexes: which are taken, and that all of them answer with exact distances.

use flowrun_sdk::Document;
use serde_json::{Value, json};

use crate::bench::{NONE, call, call_with, directory, document, found, open, refusal};

const DIMENSION: u64 = 8;

/// Vectors on a curve: neighbours in number are neighbours in space.
fn vector(number: u64) -> Vec<f32> {
    let element =
        |axis: u64| ((number as f32 * 0.003 + axis as f32).sin() + (number * axis % 7) as f32 * 0.01) + 0.5;
    (0..DIMENSION).map(element).collect()
}

fn documents(numbers: impl Iterator<Item = u64>) -> Vec<Document> {
    numbers.map(|number| document(&format!("{number:05}"), &vector(number))).collect()
}

/// How much of the exact answer is in the answer of this kind of index, and whether it was trained.
fn recall(index: &str, metric: &str, rows: u64) -> (f32, Value) {
    let directory = directory();
    let mut answers = Vec::new();
    let mut status = Value::Null;
    for kind in ["Flat", index] {
        let with = json!({"index": kind, "metric": metric, "fsync": "never"});
        let mut bench = open(&directory.path().join(kind), "VectorIndexer", &with);
        call(&mut bench, "/index", documents(0..rows));
        let answer = call(&mut bench, "/search", documents((0..rows).step_by(97)));
        answers.push(answer.documents.iter().map(found).collect::<Vec<_>>());
        status = Value::Object(call(&mut bench, "/status", NONE).results);
    }
    let [exact, approximate] = answers.try_into().unwrap();
    let pairs = exact.iter().zip(&approximate);
    // Found or not, a distance is the exact one: equal to the last bit.
    let hits: usize =
        pairs.map(|(exact, other)| other.iter().filter(|hit| exact.contains(hit)).count()).sum();
    let all: usize = exact.iter().map(Vec::len).sum();
    assert!(approximate.iter().zip(&exact).all(|(a, b)| a.len() == b.len()), "{index}");
    (hits as f32 / all as f32, status)
}

#[test]
fn every_kind_finds_nearly_all_and_reports_exact_distances() {
    // Codes of one bit for each of eight dimensions tell little; the others find nearly all.
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
fn a_kind_that_cannot_be_trained_yet_compares_with_everything() {
    for index in ["IVF100000,Flat", "IVF50,PQ4", "OPQ4,PQ4"] {
        let (recall, status) = recall(index, "cosine", 300);
        assert_eq!((recall, &status["trained"], &status["index"]), (1.0, &json!(false), &json!(index)));
    }
}

#[test]
fn a_kind_that_cannot_be_trained_on_these_vectors_compares_with_everything() {
    // Found out when there are enough vectors: 16 components cannot be had from 8 dimensions.
    let (recall, status) = recall("PCA16,Flat", "euclidean", 10_000);
    assert_eq!((recall, &status["trained"]), (1.0, &json!(false)));
}

#[test]
fn training_happens_as_soon_as_there_are_enough() {
    let directory = directory();
    let with = json!({"index": "IVF4,Flat", "fsync": "never", "n_probe": 4});
    let mut bench = open(directory.path(), "VectorIndexer", &with);
    let mut trained_after = |numbers| {
        call(&mut bench, "/index", documents(numbers));
        call(&mut bench, "/status", NONE).results["trained"].clone()
    };
    assert_eq!(trained_after(0..155), false);
    assert_eq!(trained_after(155..156), true);
    assert!(directory.path().join("0/faiss-000001.index").exists(), "training is saved at once");
    assert_eq!(trained_after(156..200), true);
    let answer = call(&mut bench, "/search", documents([3, 199].into_iter()));
    assert_eq!(found(&answer.documents[0])[0], ("00003".to_owned(), 0.0));
    assert_eq!(found(&answer.documents[1])[0], ("00199".to_owned(), 0.0));
}

#[test]
fn a_kind_that_does_not_exist_is_refused_by_name() {
    let directory = directory();
    for (index, dimension, reason) in [
        ("Nonsense", None, "`index`: `Nonsense` is not an index type"),
        ("IDMap2,Flat", None, "`IDMap2` is none of Flat"),
        ("PQ7", Some(128), "`index`: `PQ7` does not support 128 dimensions"),
        ("IVF16", Some(8), "`index`: `IVF16` does not support 8 dimensions"),
        (
            "HNSW8_PQ4",
            Some(8),
            "`index`: `HNSW8_PQ4` supports only euclidean distance: write `metric: euclidean`",
        ),
        ("PQ64x4fs,IVF4", Some(128), "`index`: `PQ64x4fs,IVF4` will not do"),
    ] {
        let refused =
            refusal(directory.path(), "VectorIndexer", &json!({"index": index, "dimension": dimension}));
        assert!(refused.contains(reason), "{refused}");
        assert!(!refused.contains(".cpp") && !refused.contains('/'), "{refused}");
    }
    assert!(!directory.path().join("0").exists(), "what is refused leaves nothing behind");
}

#[test]
fn a_kind_that_does_not_fit_the_first_vector_is_refused_then() {
    let directory = directory();
    let mut bench = open(directory.path(), "VectorIndexer", &json!({"index": "PQ7"}));
    let error = call_with(&mut bench, "/index", documents(0..1), json!({})).unwrap_err().to_string();
    assert!(error.starts_with("parameter `index`: `PQ7` does not support 8 dimensions"), "{error}");
    drop(bench);
    let mut bench = open(directory.path(), "VectorIndexer", &json!({"index": "Flat"}));
    call(&mut bench, "/index", documents(0..1));
}
