//! The indexers of Jina: same answers, parameters and defaults.

use flowrun_sdk::{Document, Value, guard};
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, call_with, clip, directory, document, executor_type, matches_of, open, open_error,
};

/// Answers of NumpyIndexer of Jina 0.1.14.
fn oracle() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/oracles/numpyindexer_jina0.1.14.json");
    serde_json::from_str(&guard::read_text(path.as_ref(), 1 << 20).unwrap()).unwrap()
}

/// Vectors as chunks of one document.
fn chunks_of(vectors: &Value) -> Document {
    let vectors: Vec<Vec<f32>> = serde_json::from_value(vectors.clone()).unwrap();
    let vectors: Vec<&[f32]> = vectors.iter().map(|vector| &vector[..]).collect();
    clip("a", &vectors)
}

#[test]
fn numpy_indexer_answers_like_jina() {
    let oracle = oracle();
    for metric in ["euclidean", "cosine"] {
        let directory = directory();
        let with = json!({"metric": metric, "index_filename": "vec.gz"});
        let mut executor = open(directory.path(), "NumpyIndexer", &with);
        call(&mut executor, "/index", vec![chunks_of(&oracle["index"])]);
        let parameters = json!({"top_k": oracle["top_k"]});
        let answer =
            call_with(&mut executor, "/search", vec![chunks_of(&oracle["query"])], parameters).unwrap();
        for (number, query) in answer.documents[0].chunks.iter().enumerate() {
            let ids: Vec<u64> = serde_json::from_value(oracle[metric]["idx"][number].clone()).unwrap();
            let distances: Vec<f32> = serde_json::from_value(oracle[metric]["dist"][number].clone()).unwrap();
            let found = matches_of(query);
            assert_eq!(found.iter().map(|(id, _)| id.clone()).collect::<Vec<_>>(), ids.map_ids());
            for ((_, distance), expected) in found.iter().zip(distances) {
                assert!((distance - expected).abs() < 1e-6, "{metric}: {distance} {expected}");
            }
            assert_eq!(query.matches[0].score().unwrap().op_name, "NumpyIndexer");
        }
    }
}

trait ChunkIds {
    fn map_ids(&self) -> Vec<String>;
}

impl ChunkIds for Vec<u64> {
    fn map_ids(&self) -> Vec<String> {
        self.iter().map(|number| format!("a#{number}")).collect()
    }
}

#[test]
fn the_default_metric_of_numpy_indexer_is_euclidean() {
    assert_eq!(executor_type("NumpyIndexer").fields[0].default(), Some(json!("euclidean")));
    let directory = directory();
    assert_eq!(
        open_error(directory.path(), "NumpyIndexer", &json!({"metrix": "cosine"})),
        "unknown parameter `metrix`"
    );
}

#[test]
fn a_key_value_indexer_completes_the_matches_of_a_vector_indexer() {
    let directory = directory();
    let mut vectors = open(&directory.path().join("vecidx"), "NumpyIndexer", &json!({}));
    let mut documents =
        open(&directory.path().join("chunkidx"), "BasePbIndexer", &json!({"index_filename": "chunk.gz"}));
    let mut stored = clip("a", &[&[1.0], &[2.0]]);
    for chunk in stored.chunks.make_mut() {
        *chunk = chunk.clone().with_text("frame").with_tag("siblings", 2).with_tag("title", "x");
    }
    call(&mut vectors, "/index", vec![stored.clone()]);
    call(&mut documents, "/index", vec![stored]);

    let answer = call(&mut vectors, "/search", vec![clip("q", &[&[1.9]])]);
    let reference = &answer.documents[0].chunks[0].matches[0];
    assert_eq!((reference.id.as_str(), reference.parent_id.as_str(), &reference.text), ("a#1", "a", &None));
    assert_eq!((reference.tags.len(), &reference.tags["siblings"], reference.granularity), (1, &json!(2), 1));

    let distances = matches_of(&answer.documents[0].chunks[0]);
    let answer = call(&mut documents, "/search", answer.documents.into_vec());
    let matches = &answer.documents[0].chunks[0].matches;
    assert_eq!((matches[0].text.as_deref(), matches[0].tags["title"].clone()), (Some("frame"), json!("x")));
    assert_eq!(matches_of(&answer.documents[0].chunks[0]), distances);
}

#[test]
fn document_indexers_drop_bytes_and_chunks_and_truncate_matches() {
    for name in ["DocPbIndexer", "LeveldbIndexer", "DataURIPbIndexer", "BinaryPbIndexer"] {
        let directory = directory();
        let mut executor = open(directory.path(), name, &json!({"index_filename": "doc.gzip"}));
        let stored =
            |number: usize| clip(&format!("{number:02}"), &[&[1.0]]).with_blob(vec![1]).with_text("t");
        call(&mut executor, "/index", (0..12).map(stored).collect());
        let query = || {
            let matches = (0..12).rev().map(|number| Document::new(format!("{number:02}"))).collect();
            vec![Document { matches, ..Document::new("q") }]
        };
        let answer = call_with(&mut executor, "/search", query(), json!({"top_k": 3})).unwrap();
        let matches = &answer.documents[0].matches;
        assert_eq!(matches.iter().map(|found| found.id.as_str()).collect::<Vec<_>>(), ["11", "10", "09"]);
        assert_eq!(
            (matches[0].text.as_deref(), &matches[0].blob, matches[0].chunks.len()),
            (Some("t"), &None, 0)
        );
        assert_eq!(call(&mut executor, "/search", query()).documents[0].matches.len(), 10);
    }
}

#[test]
fn faiss_annoy_and_nmslib_have_their_own_metric_parameters() {
    for (name, with, distances) in [
        ("FaissIndexer", json!({"index_key": "Flat"}), [1.0, 5.0]),
        (
            "FaissIndexer",
            json!({"index_key": "IVF2,Flat", "distance": "inner_product", "nprobe": 2}),
            [-1.0, 5.0],
        ),
        ("AnnoyIndexer", json!({"n_trees": 3}), [1.0, 5.0]),
        ("AnnoyIndexer", json!({"metric": "angular"}), [0.0, 2.0]),
        ("NmslibIndexer", json!({}), [0.0, 2.0]),
        ("NmslibIndexer", json!({"space": "l2", "method": "sw-graph"}), [1.0, 5.0]),
    ] {
        let directory = directory();
        let mut executor = open(directory.path(), name, &with);
        call(&mut executor, "/index", vec![clip("a", &[&[-4.0], &[2.0]])]);
        let answer = call(&mut executor, "/search", vec![clip("q", &[&[1.0]])]);
        let expected = [("a#1".to_owned(), distances[0]), ("a#0".to_owned(), distances[1])];
        assert_eq!(matches_of(&answer.documents[0].chunks[0]), expected, "{name} {with}");
    }
    let directory = directory();
    assert!(
        open_error(directory.path(), "FaissIndexer", &json!({"index_key": "PQ"}))
            .starts_with("`index_key`: `PQ`")
    );
    assert_eq!(open_error(directory.path(), "FaissIndexer", &json!({})), "parameter `index_key` is required");
}

#[test]
fn mismatch_errors_use_the_parameters_of_the_indexer() {
    for (name, written, opened, expected) in [
        ("NumpyIndexer", json!({"metric": "cosine"}), json!({}), "write `metric: cosine`"),
        (
            "FaissIndexer",
            json!({"index_key": "Flat"}),
            json!({"index_key": "Flat", "distance": "inner_product"}),
            "written with `distance: l2`, not inner_product: write `distance: l2`",
        ),
        ("AnnoyIndexer", json!({"metric": "angular"}), json!({"metric": "dot"}), "write `metric: angular`"),
        ("AnnoyIndexer", json!({"metric": "dot"}), json!({}), "`metric: dot`, not euclidean: write"),
        (
            "NmslibIndexer",
            json!({}),
            json!({"space": "negdotprod"}),
            "not negdotprod: write `space: cosinesimil`",
        ),
        ("NmslibIndexer", json!({"space": "l2"}), json!({}), "write `space: l2`"),
        ("NmslibIndexer", json!({"space": "negdotprod"}), json!({}), "write `space: negdotprod`"),
        ("AnnLiteIndexer", json!({"n_dim": 2}), json!({"n_dim": 3}), "write `n_dim: 2`"),
        ("AnnLiteIndexer", json!({"n_dim": 2}), json!({"dim": 3}), "write `dim: 2`"),
        (
            "AnnLiteIndexer",
            json!({"n_dim": 2, "metric": "ip"}),
            json!({"n_dim": 2}),
            "write `metric: inner_product`",
        ),
    ] {
        let directory = directory();
        drop(open(directory.path(), name, &written));
        let refused = open_error(directory.path(), name, &opened);
        assert!(refused.contains(expected), "{name}: {refused}");
        drop(open(directory.path(), name, &written));
    }
    // The metric of another executor may not exist here.
    let directory = directory();
    drop(open(directory.path(), "NumpyIndexer", &json!({"metric": "cosine"})));
    let refused = open_error(directory.path(), "FaissIndexer", &json!({"index_key": "Flat"}));
    assert!(
        refused.starts_with("`distance`: ")
            && refused.contains("the metric cosine, which this executor does not support")
    );
}

#[test]
fn bound_errors_use_the_parameters_of_the_indexer() {
    for (name, with, expected) in [
        ("AnnLiteIndexer", json!({"n_dim": 70_000}), "`n_dim`: must be from 1 to 65536"),
        ("AnnLiteIndexer", json!({"dim": 70_000}), "`dim`: must be from 1 to 65536"),
        ("AnnLiteIndexer", json!({"dim": 2, "limit": 10_001}), "`limit`: must be at most 10000"),
        (
            "AnnLiteIndexer",
            json!({"dim": 2, "match_args": {"limit": 10_001}}),
            "`match_args`: must be at most",
        ),
        ("VectorIndexer", json!({"limit": 10_001}), "`limit`: must be at most 10000"),
    ] {
        let refused = open_error(directory().path(), name, &with);
        assert!(refused.starts_with(expected), "{name}: {refused}");
    }
    let directory = directory();
    let with = json!({"index_key": "HNSW8_PQ4", "distance": "inner_product"});
    let mut executor = open(directory.path(), "FaissIndexer", &with);
    let error = call_with(&mut executor, "/index", vec![clip("a", &[&[1.0; 8]])], json!({})).unwrap_err();
    let expected =
        "parameter `index_key`: `HNSW8_PQ4` supports only euclidean distance: write `distance: l2`";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn annlite_accepts_its_parameters_and_rejects_unsupported_ones() {
    let directory = directory();
    let refused = |with: Value| open_error(directory.path(), "AnnLiteIndexer", &with);
    assert!(refused(json!({})).contains("`n_dim`: the number of dimensions is required"));
    assert!(refused(json!({"n_dim": 2, "n_components": 1})).starts_with("`n_components`"));
    assert!(refused(json!({"n_dim": 2, "data_path": "x"})).contains("`workspace`"));
    assert!(refused(json!({"n_dim": 2, "match_args": {"filter": {}}})).contains("only `limit` is supported"));
    assert!(refused(json!({"n_dim": 2, "max_connection": 1})).starts_with("`max_connection`"));
    let with = json!({"dim": 2, "metric": "ip", "match_args": {"limit": 1}, "columns": [["price", "float"]],
        "ef_construction": 100, "ef_search": 30, "max_connection": 8, "index_traversal_paths": "@c"});
    let mut executor = open(directory.path(), "AnnLiteIndexer", &with);
    call(&mut executor, "/index", vec![clip("a", &[&[1.0, 0.0], &[3.0, 0.0]])]);
    let answer = call(&mut executor, "/search", vec![document("q", &[1.0, 0.0])]);
    assert_eq!(matches_of(&answer.documents[0]), [("a#1".to_owned(), -2.0)]);
    assert_eq!(answer.documents[0].matches[0].score().unwrap().op_name, "AnnLiteIndexer");
    assert!(refused(json!({"n_dim": 2, "columns": ["price"]})).starts_with("`columns`"));
    let filtered = json!({"filter": {"prize": {"$lt": 1}}});
    let error = call_with(&mut executor, "/search", NO_DOCUMENTS, filtered).unwrap_err().to_string();
    assert!(error.starts_with("parameter `filter`: `prize` is not a column"), "{error}");
}

#[test]
fn annlite_status_is_a_document_with_the_sizes_of_the_index() {
    let directory = directory();
    let mut executor = open(directory.path(), "AnnLiteIndexer", &json!({"n_dim": 2}));
    let sizes = |executor: &mut _| {
        let documents = call(executor, "/status", NO_DOCUMENTS).documents;
        assert_eq!(documents.len(), 1);
        ["total_docs", "index_size", "appending_size"].map(|tag| documents[0].tags[tag].clone())
    };
    assert_eq!(sizes(&mut executor), [0, 0, 0]);
    call(&mut executor, "/index", vec![document("a", &[3.0, 4.0]), document("b", &[1.0, 0.0])]);
    assert_eq!(sizes(&mut executor), [2, 2, 0]);
    call(&mut executor, "/delete", vec![document("a", &[3.0, 4.0])]);
    assert_eq!(sizes(&mut executor), [1, 1, 0]);
}

#[test]
fn every_executor_documents_every_parameter() {
    for executor in flowrun_index::EXECUTORS {
        assert!(executor.summary.ends_with('.'), "{}", executor.name);
        for field in executor.fields {
            assert!(field.documentation.trim().ends_with('.'), "{} {}", executor.name, field.name);
        }
    }
}
