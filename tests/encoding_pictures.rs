//! Pictures become the embeddings that Pillow and ONNX Runtime make of them in Python.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::models::{models, python, runtime_library};
use crate::support::program::{command, directory, json_lines, text};

/// What the reference made, and where; drawn and encoded once.
static REFERENCE: LazyLock<Option<Reference>> = LazyLock::new(|| {
    let (python, models) = (python()?, models()?);
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/reference_pictures.py");
    let mut reference = std::process::Command::new(python);
    let made = reference.arg("-B").arg(script).arg(models).arg(directory.path()).output().unwrap();
    assert!(made.status.success(), "{}", text(&made.stderr));
    let expected = std::fs::read_to_string(directory.path().join("expected.json")).unwrap();
    Some(Reference { directory, ways: serde_json::from_str(&expected).unwrap() })
});

struct Reference {
    directory: TempDir,
    ways: BTreeMap<String, Value>,
}

impl Reference {
    /// The embeddings that flowrun makes of these files, by the files' names.
    fn encoded(&self, with: &Value, input: &Path, library: Option<&Path>) -> BTreeMap<String, Vec<f64>> {
        let (output, results) = encode(with, input, library);
        assert!(output.status.success(), "{with}: {}", text(&output.stderr));
        results
    }

    fn pictures(&self) -> PathBuf {
        self.directory.path().join("pictures")
    }
}

/// Runs a flow of one `OnnxImageEncoder`.
fn encode(with: &Value, input: &Path, library: Option<&Path>) -> (Output, BTreeMap<String, Vec<f64>>) {
    encode_by("OnnxImageEncoder", with, input, library)
}

/// Runs a flow of one encoder.
fn encode_by(
    encoder: &str,
    with: &Value,
    input: &Path,
    library: Option<&Path>,
) -> (Output, BTreeMap<String, Vec<f64>>) {
    let flow = json!({
        "jtype": "Flow",
        "with": {"endpoint": "/encode"},
        "executors": [{"name": "encoder", "uses": encoder, "uses_with": with}],
    });
    let place = directory(&flow.to_string());
    let mut command = command(place.path(), &["run", "flow.yml", "--output", "out.jsonl", "--input"]);
    command.arg(input).env("XDG_CACHE_HOME", place.path().join("cache"));
    if let Some(library) = library {
        command.env("ORT_DYLIB_PATH", library);
    }
    let output = command.output().unwrap();
    let written = std::fs::read_to_string(place.path().join("out.jsonl")).unwrap_or_default();
    let results = json_lines(&written).into_iter().map(|document| {
        let id =
            Path::new(document["id"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
        let embedding = document["embedding"].as_array().unwrap_or_else(|| panic!("{document}"));
        (id, embedding.iter().map(|number| number.as_f64().unwrap()).collect())
    });
    (output, results.collect())
}

fn with(way: &Value) -> Value {
    let mut with = way["with"].clone();
    with["model_path"] = way["model"].clone();
    with
}

fn expected(way: &Value) -> BTreeMap<String, Vec<f64>> {
    serde_json::from_value(way["embeddings"].clone()).unwrap()
}

fn cosine(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

fn assert_alike(
    name: &str,
    found: &BTreeMap<String, Vec<f64>>,
    expected: &BTreeMap<String, Vec<f64>>,
    least: f64,
) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
    for (picture, expected) in expected {
        let cosine = cosine(&found[picture], expected);
        assert!(cosine >= least, "{name}: {picture}: {cosine}");
    }
}

#[test]
fn plain_and_odd_pictures_become_the_embeddings_of_the_reference() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    for (name, way) in &reference.ways {
        let found = reference.encoded(&with(way), &reference.pictures(), Some(&library));
        assert_alike(name, &found, &expected(way), 0.9999);
    }
}

#[test]
fn the_same_numbers_into_a_model_are_the_same_numbers_out() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    let mut compared = 0;
    for (name, way) in &reference.ways {
        let input = reference.directory.path().join(format!("inputs/{name}.jsonl"));
        if !input.exists() {
            continue;
        }
        let mut with = with(way);
        with["tensors"] = json!("input");
        // Weights of eight bits: numbers are rounded by the largest of a whole batch.
        with["minibatch_size"] = json!(if name.ends_with("int8") { 1 } else { 32 });
        let found = reference.encoded(&with, &input, Some(&library));
        for (picture, expected) in expected(way) {
            let differences = found[&picture].iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let largest = differences.fold(0.0, f64::max);
            assert!(largest <= 1e-5, "{name}: {picture}: {largest}");
            compared += 1;
        }
    }
    assert!(compared > 50);
}

#[test]
fn without_onnx_runtime_tract_makes_the_same_embeddings_and_says_so() {
    let Some(reference) = &*REFERENCE else { return };
    for name in ["small", "small_batch1", "small_any_size", "clip/visual"] {
        let way = &reference.ways[name];
        let (output, found) = encode(&with(way), &reference.pictures().join("*o*.png"), None);
        let said = text(&output.stderr);
        assert!(said.contains("there is no ONNX Runtime here, models run on tract"), "{name}: {said}");
        let mut expected = expected(way);
        expected.retain(|picture, _| found.contains_key(picture));
        assert!(expected.len() >= 2, "{name}: {said}");
        assert_alike(name, &found, &expected, 0.9999);
    }
}

#[test]
fn one_bad_picture_of_a_batch_fails_alone() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    let way = &reference.ways["small"];
    let pictures = tempfile::tempdir().unwrap();
    for name in ["photo.jpg", "one.png", "grey.jpg"] {
        std::fs::copy(reference.pictures().join(name), pictures.path().join(name)).unwrap();
    }
    std::fs::write(pictures.path().join("photo.png"), "no picture").unwrap();
    let (output, found) = encode(&with(way), pictures.path(), Some(&library));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("photo.png"), "{}", text(&output.stderr));
    let mut expected = expected(way);
    expected.retain(|picture, _| ["photo.jpg", "one.png", "grey.jpg"].contains(&picture.as_str()));
    assert_alike("small", &found, &expected, 0.9999);
}

#[test]
fn clip_encodes_pictures_as_its_visual_tower_does() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    let way = &reference.ways["clip/visual"];
    let directory = Path::new(way["model"].as_str().unwrap()).parent().unwrap();
    let with = json!({"model_path": directory, "num_worker_preprocess": 1, "minibatch_size": 3});
    let (output, found) = encode_by("CLIPEncoder", &with, &reference.pictures(), Some(&library));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_alike("CLIPEncoder", &found, &expected(way), 0.9999);
}
