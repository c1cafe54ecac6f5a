//! `flowrun index export` and `import`: indexes as tables of documents and vectors.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::program::{flowrun, json_lines, text};

/// The output of `flowrun index`, which must exit with `code`.
fn index(directory: &Path, arguments: &[&str], code: i32) -> String {
    let output = flowrun(directory, &[&["index"], arguments].concat());
    let output_text = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output_text}");
    output_text
}

/// The documents of an index, with their vectors.
fn documents(directory: &Path, path: &str) -> Vec<Value> {
    index(directory, &["export", path, "documents.jsonl"], 0);
    json_lines(&std::fs::read_to_string(directory.join("documents.jsonl")).unwrap())
}

#[test]
fn export_and_import_preserve_an_index() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut lines = json!({
        "id": "a", "text": "t", "uri": "u", "mime_type": "text/plain", "parent_id": "p", "granularity": 1, "weight": 0.5,
        "blob": "AQI=", "embedding": [0.1, -2.5], "tags": {"n": 1.25, "deep": {"list": [1, null, "x"]}},
        "scores": {"s": {"value": 0.5}}, "location": [1.0, 2.0],
    })
    .to_string();
    for number in 0..3000 {
        lines +=
            &format!("\n{}", json!({"id": format!("{number}"), "embedding": [number, 1.0], "text": "x"}));
    }
    std::fs::write(directory.join("in.jsonl"), lines).unwrap();
    index(directory, &["import", "first/0", "in.jsonl", "--metric", "euclidean"], 0);
    let output = index(directory, &["export", "first", "out.parquet"], 0);
    assert_eq!(output, "exported 3001 documents to out.parquet\n");
    let output = index(directory, &["import", "second/0", "out.parquet", "--metric", "euclidean"], 0);
    assert_eq!(output, "imported 3001 documents into second/0\n");
    let first = documents(directory, "first");
    assert_eq!((first.len(), &first), (3001, &documents(directory, "second")));
    assert_eq!((&first[0]["weight"], &first[0]["location"]), (&json!(0.5), &json!([1.0, 2.0])));
    index(directory, &["verify", "second"], 0);
}

#[test]
fn errors_of_export_and_import_name_the_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    std::fs::write(directory.join("in.jsonl"), "{\"id\": \"a\", \"embedding\": [1, 2]}\n").unwrap();
    std::fs::write(directory.join("wide.jsonl"), "{\"id\": \"a\", \"embedding\": [1, 2, 3]}\n").unwrap();
    std::fs::write(directory.join("ids"), "b\n").unwrap();
    index(directory, &["import", "a/0", "in.jsonl"], 0);
    index(directory, &["import", "wide/0", "wide.jsonl"], 0);
    index(directory, &["export", "a", "a.parquet"], 0);
    for (arguments, expected) in [
        (
            &["import", "wide/0", "a.parquet"][..],
            "a.parquet: row 0: the embedding has 2 dimensions, the index 3 (the vector is in column `embedding`, \
             --vector-column names another)",
        ),
        (
            &["import", "b/0", "a.parquet", "--ids", "ids"],
            "a.parquet: row 0: the documents have ids of their own: leave out --ids",
        ),
        (
            &["import", "b/0", "a.parquet", "--vector-column", "text"],
            "a.parquet: column `text` is Utf8, but vectors are lists of numbers; there are `id` (Utf8), `embedding` (",
        ),
        (
            &["import", "b/0", "in.jsonl", "--vector-column", "x"],
            "in.jsonl: a file of this format has no columns; remove --vector-column",
        ),
        (
            &["import", "b/0", "in.csv"],
            "in.csv: unknown file format; use one of .jsonl, .npy, .fvecs, .parquet, .arrow, .feather, .arrows",
        ),
        (
            &["export", "a", "a.arrow"],
            "a.arrow: unknown file format; use one of .jsonl, .npy, .fvecs, .parquet",
        ),
    ] {
        let output = index(directory, arguments, 1);
        assert!(output.contains(expected), "{arguments:?}: {output}");
    }
}
