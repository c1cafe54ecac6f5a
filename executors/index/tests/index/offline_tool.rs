//! Operations on an index without a flow: copy, verify, compact, import, export.

use std::path::Path;

use flowrun_index::tool::{self, ImportOptions};
use flowrun_sdk::Document;
use flowrun_sdk::testing::ExecutorHarness;
use serde_json::{Value, json};

use crate::harness::{NO_DOCUMENTS, call, call_with, directory, document, matches_of, open, open_shards};

fn with() -> Value {
    json!({"metric": "euclidean", "fsync": "never"})
}

fn stored(number: u16) -> Document {
    document(&format!("{number:03}"), &[f32::from(number), 1.0]).with_tag("number", number).with_text("t")
}

/// An index in which some documents were replaced and some deleted.
fn fill(base: &Path) -> ExecutorHarness {
    let mut executor = open(base, "VectorIndexer", &with());
    call(&mut executor, "/index", (0..60).map(stored).collect());
    call(
        &mut executor,
        "/index",
        (0..10).map(|number| document(&format!("{number:03}"), &[500.0, 1.0])).collect(),
    );
    call_with(&mut executor, "/delete", NO_DOCUMENTS, json!({"ids": ["020", "021"]})).unwrap();
    executor
}

/// Matches of a query, nearest first.
fn answers(base: &Path) -> Vec<(String, f32)> {
    let mut executor = open(base, "VectorIndexer", &with());
    let query = vec![document("q", &[15.0, 1.0])];
    matches_of(&call_with(&mut executor, "/search", query, json!({"top_k": 100})).unwrap().documents[0])
}

fn problems(path: &Path) -> Vec<String> {
    tool::verify(path).unwrap().into_iter().flat_map(|(_, problems)| problems).collect()
}

#[test]
fn a_copy_answers_like_the_index_and_has_no_tombstones() {
    let directory = directory();
    let (base, copy) = (directory.path().join("pod"), directory.path().join("copy"));
    let executor = fill(&base);
    // Reading operations work while the index is open.
    let live = directory.path().join("live");
    assert_eq!((tool::copy(&base, &live).unwrap(), problems(&base)), (58, vec![]));
    assert_eq!(tool::inspect(&base).unwrap()[0]["documents"], 58);
    let refused = tool::compact(&base).unwrap_err().to_string();
    assert!(refused.contains("another process or pod writes to"), "{refused}");
    drop(executor);
    let before = answers(&base);
    assert_eq!((answers(&live), problems(&live)), (before.clone(), vec![]));
    assert_eq!(tool::copy(&base, &copy).unwrap(), 58);
    assert_eq!((answers(&copy), problems(&copy)), (before.clone(), vec![]));
    let described = tool::inspect(&copy).unwrap();
    assert_eq!((&described[0]["documents"], &described[0]["dead_rows"]), (&json!(58), &json!(0)));
    let refused = tool::copy(&base, &copy).unwrap_err().to_string();
    assert!(refused.contains("is not empty"), "{refused}");
    let refused = tool::copy(&directory.path().join("nothing"), &directory.path().join("other"));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("there is no index in"), "{refused}");

    assert_eq!(tool::inspect(&base).unwrap()[0]["dead_rows"], 12);
    assert_eq!((tool::compact(&base).unwrap(), tool::compact(&base).unwrap()), (12, 0));
    assert_eq!((answers(&base), problems(&base)), (before, vec![]));
}

#[test]
fn a_document_store_can_be_copied() {
    let directory = directory();
    let (base, copy) = (directory.path().join("pod"), directory.path().join("copy"));
    let mut executor = open(&base, "DocumentStore", &json!({}));
    call(&mut executor, "/index", (0..30).map(|number| Document::new(number.to_string())).collect());
    drop(executor);
    assert_eq!((tool::copy(&base, &copy).unwrap(), problems(&copy)), (30, vec![]));
    let mut executor = open(&copy, "DocumentStore", &json!({}));
    assert_eq!(call(&mut executor, "/status", NO_DOCUMENTS).results["documents"], 30);
}

#[test]
fn exported_documents_can_be_imported() {
    let directory = directory();
    let base = directory.path().join("pod");
    drop(fill(&base));
    let before = answers(&base);
    for name in ["out.jsonl", "out.npy", "out.fvecs"] {
        let file = directory.path().join(name);
        assert_eq!(tool::export(&base, &file).unwrap(), 58, "{name}");
        let copy = directory.path().join(format!("{name}-pod"));
        let options = ImportOptions { metric: Some("euclidean".to_owned()), ..ImportOptions::default() };
        assert_eq!(tool::import(&copy.join("0"), &file, &options).unwrap(), 58, "{name}");
        assert_eq!((answers(&copy), problems(&copy)), (before.clone(), vec![]), "{name}");
        // A repeated import changes nothing.
        tool::import(&copy.join("0"), &file, &ImportOptions::default()).unwrap();
        assert_eq!(tool::inspect(&copy).unwrap()[0]["rows"], 58);
    }
    let mut executor = open(&directory.path().join("out.jsonl-pod"), "VectorIndexer", &with());
    let answer = call(&mut executor, "/search", vec![document("q", &[30.0, 1.0])]);
    let nearest = &answer.documents[0].matches[0];
    assert_eq!((nearest.text.as_deref(), &nearest.tags["number"]), (Some("t"), &json!(30)));
}

#[test]
fn errors_of_an_export_name_the_file_that_failed() {
    let directory = directory();
    let base = directory.path().join("pod");
    drop(fill(&base));
    // A full disk, and a file that cannot be synced.
    for (device, reason) in [("/dev/full", "No space left on device"), ("/dev/null", "Invalid argument")] {
        for (file, failing) in [
            ("a.npy", "a.npy"),
            ("b.npy", "b.npy.ids"),
            ("c.fvecs.ids", "c.fvecs.ids"),
            ("d.jsonl", "d.jsonl"),
        ] {
            let failing = directory.path().join(failing);
            std::os::unix::fs::symlink(device, &failing).unwrap();
            let file = directory.path().join(file.trim_end_matches(".ids"));
            let refused = tool::export(&base, &file).unwrap_err().to_string();
            assert!(refused.contains(&format!("cannot write {}: {reason}", failing.display())), "{refused}");
            std::fs::remove_file(&failing).unwrap();
        }
    }
    std::fs::create_dir(directory.path().join("e.npy.ids")).unwrap();
    let refused = tool::export(&base, &directory.path().join("e.npy")).unwrap_err().to_string();
    assert!(refused.starts_with("cannot create ") && refused.contains("e.npy.ids: "), "{refused}");
}

#[test]
fn problems_of_an_index_name_the_remedy() {
    let directory = directory();
    let base = directory.path().join("pod");
    fill(&base).close().unwrap();
    std::fs::remove_file(base.join("0/documents-000001/acknowledged")).unwrap();
    let found = problems(&base);
    assert!(found.len() == 1 && found[0].contains("has no acknowledgement mark"), "{found:?}");
    assert!(found[0].contains("start the flow that writes to this index"), "{found:?}");
    open(&base, "VectorIndexer", &with()).close().unwrap();
    assert_eq!(problems(&base), [""; 0]);
}

#[test]
fn json_lines_with_a_byte_order_mark_and_unknown_keys_can_be_imported() {
    let directory = directory();
    let (pod, file) = (directory.path().join("pod"), directory.path().join("a.jsonl"));
    std::fs::write(&file, "\u{feff}{\"id\": \"a\", \"title\": \"t\", \"embedding\": [1, 2]}\n").unwrap();
    assert_eq!(tool::import(&pod.join("0"), &file, &ImportOptions::default()).unwrap(), 1);
    let exported = directory.path().join("out.jsonl");
    assert_eq!(tool::export(&pod, &exported).unwrap(), 1);
    let line = flowrun_sdk::guard::read_text(&exported, 1 << 20).unwrap();
    assert!(line.contains(r#""tags":{"title":"t"}"#), "{line}");
}

#[test]
fn imported_documents_without_ids_get_ids() {
    let directory = directory();
    let path = directory.path().join("0");
    let listed = directory.path().join("ids");
    std::fs::write(&listed, "\"x\"\ny\n").unwrap();
    let with_ids = ImportOptions { ids: Some(listed), ..ImportOptions::default() };
    let with_prefix = ImportOptions { prefix: "row-".to_owned(), ..ImportOptions::default() };
    let import = |id: &str, count: u16, options: &ImportOptions| {
        tool::import_from(&path, Path::new("a.table"), options, |accept| {
            (0..count).try_for_each(|number| accept(document(id, &[f32::from(number), 1.0])))
        })
    };
    assert_eq!(import("own", 1, &with_prefix).unwrap(), 1);
    assert_eq!(import("", 2, &with_prefix).unwrap(), 2);
    assert_eq!(import("", 2, &with_ids).unwrap(), 2);
    for (id, count, expected) in [
        ("", 3, "ids:3: there are fewer ids than vectors"),
        ("own", 1, "have ids of their own: leave out --ids"),
    ] {
        let refused = import(id, count, &with_ids).unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
    }
    let refused = import("", 1, &with_ids).unwrap_err().to_string();
    assert!(
        refused.ends_with("ids: there are more ids than vectors; the vectors that were read are stored"),
        "{refused}"
    );
    let mut exported = Vec::new();
    let count = tool::export_to(&path, |document, vector| {
        exported.push((document.id, vector[0]));
        Ok::<_, String>(())
    });
    let expected = [("own", 0.0), ("row-0", 0.0), ("row-1", 1.0), ("x", 0.0), ("y", 1.0)];
    assert_eq!((count.unwrap(), exported), (5, expected.map(|(id, first)| (id.to_owned(), first)).to_vec()));
    let refused = tool::export_to(&path, |_, _| Err("no")).unwrap_err().to_string();
    assert_eq!(refused, "no");
}

#[test]
fn a_failed_import_names_the_line_and_keeps_earlier_documents() {
    let directory = directory();
    let path = directory.path().join("0");
    let long = "x".repeat(16_385);
    for (number, (wrong, expected)) in [
        (document("b", &[1.0, 2.0, 3.0]), "the embedding has 3 dimensions, the index 2"),
        (document(&long, &[1.0, 2.0]), "an id has 16385 bytes, more than the 16384 allowed"),
        (document("", &[1.0, 2.0]), "a document without an id cannot be stored"),
    ]
    .into_iter()
    .enumerate()
    {
        let path = path.with_file_name(number.to_string());
        let file = directory.path().join("a.jsonl");
        let lines = [document("a", &[1.0, 2.0]), wrong].map(|document| {
            let text = serde_json::to_string(&document).unwrap();
            format!("{text}\n")
        });
        std::fs::write(&file, lines.concat()).unwrap();
        let refused = tool::import(&path, &file, &ImportOptions::default()).unwrap_err().to_string();
        assert!(refused.contains("a.jsonl:2: ") && refused.contains(expected), "{refused}");
        std::fs::write(&file, &lines[0]).unwrap();
        assert_eq!(tool::import(&path, &file, &ImportOptions::default()).unwrap(), 1);
    }
}

#[test]
fn unfinished_copies_are_ignored() {
    let directory = directory();
    let base = directory.path().join("pod");
    drop(fill(&base));
    for name in ["copy.unfinished", ".snapshot-a"] {
        tool::copy(&base, &base.join("there")).unwrap();
        std::fs::rename(base.join("there"), base.join(name)).unwrap();
    }
    assert_eq!(tool::inspect(&base).unwrap().as_array().unwrap().len(), 1);
}

#[test]
fn malformed_files_are_named() {
    let directory = directory();
    let path = directory.path().join("0");
    for (name, content, expected) in [
        ("a.npy", &b"nonsense"[..], "it is not a .npy file"),
        ("b.npy", b"\x93NUMPY\x01\x00\x04\x00{}  ", "only matrices of <f2, <f4 or <f8"),
        ("c.fvecs", b"\x00\x00\x00\x80", "a vector has 0 dimensions"),
        ("d.jsonl", b"{\"id\": \"a\"}\n", "d.jsonl:1: the document has no embedding"),
        ("e.jsonl", b"\n{", "e.jsonl:2: "),
        ("f.txt", b"", "write a name that ends in"),
    ] {
        let file = directory.path().join(name);
        std::fs::write(&file, content).unwrap();
        let refused = tool::import(&path, &file, &ImportOptions::default()).unwrap_err().to_string();
        assert!(refused.contains(expected), "{name}: {refused}");
    }
    let options = ImportOptions { metric: Some("taxicab".to_owned()), ..ImportOptions::default() };
    let refused = tool::import(&directory.path().join("1"), Path::new("x.npy"), &options).unwrap_err();
    assert!(refused.to_string().contains("--metric `taxicab`: must be"), "{refused}");
}

#[test]
fn missing_shards_and_manifests_are_reported() {
    let directory = directory();
    let base = directory.path().join("pod");
    for executor in &mut open_shards(&base, "VectorIndexer", &with(), 3) {
        call(executor, "/index", vec![stored(7)]);
    }
    assert_eq!(problems(&base), [""; 0]);
    std::fs::remove_file(base.join("0/manifest.json")).unwrap();
    std::fs::remove_dir_all(base.join("2")).unwrap();
    let found = problems(directory.path());
    assert!(found.len() == 2 && found[0].contains("0/manifest.json is damaged: it is missing"), "{found:?}");
    assert!(found[1].contains("pod/2 is missing: the index has 3 shards; restore a snapshot"), "{found:?}");
    assert_eq!(problems(&base.join("1")), [""; 0]);
    // A snapshot or an export of the others would pass for the whole index.
    let copied = tool::copy(&base, &directory.path().join("copy"));
    let exported = tool::export_to(&base, |_, _| Ok::<_, String>(()));
    for refused in [copied, exported] {
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("pod/2 is missing"), "{refused}");
    }
    assert_eq!(tool::copy(&base.join("1"), &directory.path().join("copy")).unwrap(), 1);
}
