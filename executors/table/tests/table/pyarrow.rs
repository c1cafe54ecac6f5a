//! Interoperability with pyarrow, which `make clients` installs.

use std::path::Path;
use std::process::Command;

use flowrun_sdk::Document;
use flowrun_table::Writer;
use serde_json::{Value, json};

use crate::artifact::{artifact, root};
use crate::documents;

/// Runs the script with a verb and a path. Returns its output, or `None` when pyarrow is not installed.
fn script(verb: &str, path: &Path) -> Option<String> {
    let requirements = "tests/clients/requirements-arrow.txt";
    let environment = artifact("clients-arrow", requirements, "FLOWRUN_CLIENTS", "clients")?;
    let output = Command::new(environment.join("bin/python"))
        .arg("-B")
        .arg(root().join("executors/table/tests/table/tables.py"))
        .args([verb.as_ref(), path.as_os_str()])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn pyarrow_tables_of_every_compression_and_type_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let Some(_) = script("write", directory.path()) else { return };
    let mut files: Vec<_> =
        std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert_eq!(files.len(), 20, "{files:?}");
    for file in files {
        let read = documents(&file).unwrap();
        assert_eq!(read.len(), 3, "{}", file.display());
        let [first, second, _] = &read[..] else { panic!("{read:?}") };
        assert_eq!(
            (first.id.as_str(), first.text.as_deref(), first.blob.as_deref()),
            ("0", Some("zero"), Some(&b"\x00"[..]))
        );
        assert_eq!(*first.embedding.as_ref().unwrap().to_f32().unwrap(), [0.0, 0.5], "{}", file.display());
        let expected = json!({
            "bool": true,
            "int8": -1,
            "uint32": 4_294_967_295_u32,
            "int64": "9007199254740993",
            "half": 0.5,
            "double": 0.1,
            "large": "large",
            "view": "a text that does not fit into a view of twelve bytes",
            "category": "red",
            "date": "2024-02-29",
            "time": "12:34:56.789",
            "naive": "2024-02-29T12:00:00",
            "zoned": "2024-02-29T12:00:00.000001Z",
            "decimal": 1.25,
            "list": ["a", null],
            "struct": {"a": 1, "b": {"c": "d"}},
            "map": {"k": 1},
            "binary": "AQI=",
        });
        assert_eq!(Value::Object((*first.tags).clone()), expected, "{}", file.display());
        assert_eq!((second.text.as_deref(), second.tags.len()), (None, 0), "{}: {second:?}", file.display());
    }
}

#[test]
fn pyarrow_reads_written_tables() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.parquet");
    let mut writer = Writer::create(&path).unwrap();
    let document = Document::new("a").with_text("t").with_blob(vec![1, 2]).with_tag("n", 1);
    writer.push(Document { weight: Some(0.5), ..document }, &[0.25, -1.0]).unwrap();
    writer.push(Document::new("b").with_uri("u"), &[1.0, 2.0]).unwrap();
    writer.finish().unwrap();
    let Some(output) = script("read", &path) else { return };
    let expected = json!([
        {"id": "a", "embedding": [0.25, -1.0], "text": "t", "uri": null, "mime_type": null, "parent_id": null,
            "blob": "0102", "tags": "{\"n\":1}", "__document__": "{\"weight\":0.5}"},
        {"id": "b", "embedding": [1.0, 2.0], "text": null, "uri": "u", "mime_type": null, "parent_id": null,
            "blob": null, "tags": null, "__document__": null},
    ]);
    assert_eq!(serde_json::from_str::<Value>(&output).unwrap(), expected);
}
