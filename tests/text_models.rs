//! Text models with unusual files: symbolic links, external weights, and inputs in addition to token ids.

use std::path::Path;

use serde_json::Value;

use crate::support::program::{command, directory, json_lines, text};

/// Model files, each with the same table of vectors, and their tokenizer.
const MODELS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/models");

/// The texts of two documents, and the mean of the rows of the table that their tokens select.
const CASES: [(&str, [f64; 4]); 2] = [
    ("the quick brown fox", [1.8, 1.9, 2.0, 2.1]),
    ("hello world hello world hello world", [4.0, 4.1, 4.2, 4.3]),
];

/// Encodes the texts with the model at `path`, on the runtime that is compiled in.
fn assert_encodes(path: &Path) {
    let path = path.display();
    let directory = directory(&format!(
        "jtype: Flow\nexecutors:\n- {{name: e, uses: OnnxTextEncoder, uses_with: {{model_path: '{path}', normalize: false}}}}\n"
    ));
    let lines: Vec<String> =
        CASES.iter().map(|(text, _)| format!("{}\n", serde_json::json!({ "text": text }))).collect();
    std::fs::write(directory.path().join("texts.jsonl"), lines.concat()).unwrap();
    let mut command = command(directory.path(), &["flow.yml", "-i", "texts.jsonl", "-e", "/x", "-o", "-"]);
    let output = command.env("XDG_CACHE_HOME", directory.path()).output().unwrap();
    assert!(output.status.success(), "{path}: {}", text(&output.stderr));
    let results = json_lines(text(&output.stdout));
    assert_eq!(results.len(), CASES.len());
    for (result, (text, expected)) in results.iter().zip(CASES) {
        let found = result["embedding"].as_array().unwrap().iter().filter_map(Value::as_f64);
        assert!(
            found.zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-4),
            "{text}: {result}"
        );
    }
}

#[test]
fn external_weights_are_read_next_to_the_model() {
    assert_encodes(&Path::new(MODELS).join("external"));
}

#[test]
fn files_of_a_model_may_be_links_as_in_the_caches_of_model_hubs() {
    let hub = tempfile::tempdir().unwrap();
    let (blobs, snapshot) = (hub.path().join("blobs"), hub.path().join("snapshot"));
    std::fs::create_dir(&blobs).unwrap();
    std::fs::create_dir(&snapshot).unwrap();
    for (number, name) in ["model.onnx", "model.onnx_data", "tokenizer.json"].iter().enumerate() {
        std::fs::copy(Path::new(MODELS).join("external").join(name), blobs.join(number.to_string())).unwrap();
        std::os::unix::fs::symlink(format!("../blobs/{number}"), snapshot.join(name)).unwrap();
    }
    assert_encodes(&snapshot);
    // A link to the whole directory.
    let link = hub.path().join("link");
    std::os::unix::fs::symlink(&snapshot, &link).unwrap();
    assert_encodes(&link);
}

#[test]
fn models_that_require_positions_receive_them() {
    assert_encodes(&Path::new(MODELS).join("position"));
}
