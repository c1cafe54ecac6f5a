//! `OnnxImageEncoder` and `CLIPEncoder` give the same embeddings as Pillow and ONNX Runtime in Python.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::LazyLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::models::{efficientnet, models, python, runtime_library};
use crate::support::program::{command, directory, json_lines, text};

/// The reference images and embeddings, computed once. `None` without Python or models.
static REFERENCE: LazyLock<Option<Reference>> = LazyLock::new(|| {
    let (python, models) = (python()?, models()?);
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/reference_pictures.py");
    let mut reference = std::process::Command::new(python);
    let output = reference.arg("-B").arg(script).arg(models).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let expected = std::fs::read_to_string(directory.path().join("expected.json")).unwrap();
    Some(Reference { directory, cases: serde_json::from_str(&expected).unwrap() })
});

struct Reference {
    directory: TempDir,
    /// Parameters, model and expected embeddings, by the name of the case.
    cases: BTreeMap<String, Value>,
}

impl Reference {
    /// The embeddings of files by flowrun, by file name.
    fn encode(&self, with: &Value, input: &Path, library: Option<&Path>) -> BTreeMap<String, Vec<f64>> {
        let (output, results) = encode(with, input, library);
        assert!(output.status.success(), "{with}: {}", text(&output.stderr));
        results
    }

    fn images(&self) -> PathBuf {
        self.directory.path().join("pictures")
    }
}

/// Runs a flow of one `OnnxImageEncoder`.
fn encode(with: &Value, input: &Path, library: Option<&Path>) -> (Output, BTreeMap<String, Vec<f64>>) {
    encode_by("OnnxImageEncoder", with, input, library)
}

/// Runs a flow of one encoder. Returns the output of the program, and the embeddings by file name.
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
    let workspace = directory(&flow.to_string());
    let mut command = command(workspace.path(), &["run", "flow.yml", "--output", "out.jsonl", "--input"]);
    command.arg(input).env("XDG_CACHE_HOME", workspace.path().join("cache"));
    if let Some(library) = library {
        command.env("ORT_DYLIB_PATH", library);
    }
    let output = command.output().unwrap();
    let results = std::fs::read_to_string(workspace.path().join("out.jsonl")).unwrap_or_default();
    let results = json_lines(&results).into_iter().map(|document| {
        let id =
            Path::new(document["id"].as_str().unwrap()).file_name().unwrap().to_str().unwrap().to_owned();
        let embedding = document["embedding"].as_array().unwrap_or_else(|| panic!("{document}"));
        (id, embedding.iter().map(|number| number.as_f64().unwrap()).collect())
    });
    (output, results.collect())
}

fn parameters(case: &Value) -> Value {
    let mut with = case["with"].clone();
    with["model_path"] = case["model"].clone();
    with
}

fn expected(case: &Value) -> BTreeMap<String, Vec<f64>> {
    serde_json::from_value(case["embeddings"].clone()).unwrap()
}

fn cosine(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    dot(left, right) / (dot(left, left) * dot(right, right)).sqrt()
}

fn assert_similar(
    name: &str,
    found: &BTreeMap<String, Vec<f64>>,
    expected: &BTreeMap<String, Vec<f64>>,
    cosine_min: f64,
) {
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{name}");
    for (image, expected) in expected {
        let cosine = cosine(&found[image], expected);
        assert!(cosine >= cosine_min, "{name}: {image}: {cosine}");
    }
}

#[test]
fn ordinary_and_unusual_images_get_the_embeddings_of_the_reference() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    for (name, case) in &reference.cases {
        let found = reference.encode(&parameters(case), &reference.images(), Some(&library));
        assert_similar(name, &found, &expected(case), 0.9999);
    }
}

#[test]
fn equal_model_inputs_give_equal_outputs() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    let mut compared = 0;
    for (name, case) in &reference.cases {
        let input = reference.directory.path().join(format!("inputs/{name}.jsonl"));
        if !input.exists() {
            continue;
        }
        let mut with = parameters(case);
        with["tensors"] = json!("input");
        // With 8-bit weights, numbers are quantised by the largest number of the batch.
        with["minibatch_size"] = json!(if name.ends_with("int8") { 1 } else { 32 });
        let found = reference.encode(&with, &input, Some(&library));
        for (image, expected) in expected(case) {
            let differences = found[&image].iter().zip(&expected).map(|(a, b)| (a - b).abs());
            let largest = differences.fold(0.0, f64::max);
            assert!(largest <= 1e-5, "{name}: {image}: {largest}");
            compared += 1;
        }
    }
    assert!(compared > 50);
}

#[test]
fn without_onnx_runtime_tract_gives_the_same_embeddings_and_a_warning() {
    let Some(reference) = &*REFERENCE else { return };
    for name in ["small", "small_batch1", "small_any_size", "clip/visual"] {
        let case = &reference.cases[name];
        let (output, found) = encode(&parameters(case), &reference.images().join("*o*.png"), None);
        let log = text(&output.stderr);
        assert!(
            log.contains("no usable library of ONNX Runtime was found; models run on tract"),
            "{name}: {log}"
        );
        let mut expected = expected(case);
        expected.retain(|image, _| found.contains_key(image));
        assert!(expected.len() >= 2, "{name}: {log}");
        assert_similar(name, &found, &expected, 0.9999);
    }
}

#[test]
fn one_bad_image_of_a_batch_fails_alone() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    let case = &reference.cases["small"];
    let images = tempfile::tempdir().unwrap();
    for name in ["photo.jpg", "one.png", "grey.jpg"] {
        std::fs::copy(reference.images().join(name), images.path().join(name)).unwrap();
    }
    std::fs::write(images.path().join("photo.png"), "not an image").unwrap();
    let (output, found) = encode(&parameters(case), images.path(), Some(&library));
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("photo.png"), "{}", text(&output.stderr));
    let mut expected = expected(case);
    expected.retain(|image, _| ["photo.jpg", "one.png", "grey.jpg"].contains(&image.as_str()));
    assert_similar("small", &found, &expected, 0.9999);
}

#[test]
fn clip_encodes_images_with_its_visual_tower() {
    let (Some(reference), Some(library)) = (&*REFERENCE, runtime_library()) else { return };
    let case = &reference.cases["clip/visual"];
    let directory = Path::new(case["model"].as_str().unwrap()).parent().unwrap();
    let with = json!({"model_path": directory, "num_worker_preprocess": 1, "minibatch_size": 3});
    let (output, found) = encode_by("CLIPEncoder", &with, &reference.images(), Some(&library));
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_similar("CLIPEncoder", &found, &expected(case), 0.9999);
}

#[test]
fn efficientnet_lite0_gives_the_embeddings_of_its_reference_in_numpy() {
    let Some(directory) = efficientnet() else { return };
    let expected = std::fs::read_to_string(directory.join("reference.json")).unwrap();
    let expected: BTreeMap<String, Vec<f64>> = serde_json::from_str(&expected).unwrap();
    let with = json!({"model_path": directory.join("model.onnx"), "preset": "efficientnet_lite0"});
    for library in [None, runtime_library()] {
        let (output, embeddings) = encode(&with, &directory.join("pictures"), library.as_deref());
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(embeddings.len(), expected.len());
        for (name, expected) in &expected {
            assert_eq!((embeddings[name].len(), expected.len()), (1280, 1280), "{name}");
            let differences = embeddings[name].iter().zip(expected).map(|(a, b)| (a - b).abs());
            let largest = differences.fold(0.0, f64::max);
            // After scaling, one of 30,000 pixels differs from Pillow's by 1.
            let tolerance = if name.starts_with("scaled") { 1e-3 } else { 1e-4 };
            assert!(largest <= tolerance, "{name}: {largest:e}");
        }
    }
}
