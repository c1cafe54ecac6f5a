//! Models that are missing, damaged, malicious or unsuitable: the start fails with an error at the position in the flow
//! file.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use crate::support::models::{models, runtime_library};
use crate::support::program::{command, directory, text};

/// YAML of a flow with an image encoder with these parameters and the model `model.onnx`.
fn flow(parameters: &str) -> String {
    format!(
        "jtype: Flow\nexecutors:\n  - name: encoder\n    uses: OnnxImageEncoder\n    uses_with:\n      \
         model_path: model.onnx\n{parameters}  - name: indexer\n    uses: AnnLiteIndexer\n    uses_with:\n      \
         n_dim: 16\n"
    )
}

/// Runs the flow with these bytes as its model. Returns the output, and standard error without the directory.
fn run_with_model(flow: &str, model: Option<&[u8]>, library: &Path) -> (Output, String) {
    let directory = directory(flow);
    if let Some(model) = model {
        std::fs::write(directory.path().join("model.onnx"), model).unwrap();
    }
    std::fs::write(directory.path().join("a.jsonl"), "{\"id\": \"a\"}\n").unwrap();
    let mut command =
        command(directory.path(), &["run", "flow.yml", "--endpoint", "/index", "--input", "a.jsonl"]);
    command.env("XDG_CACHE_HOME", directory.path().join("cache")).env("ORT_DYLIB_PATH", library);
    let output = command.output().unwrap();
    let stderr = text(&output.stderr).replace(directory.path().to_str().unwrap(), "");
    (output, stderr)
}

/// Asserts that the start fails with `reason` at `line` of the flow file.
fn assert_rejected(parameters: &str, model: Option<&[u8]>, line: usize, reason: &str) {
    let library = runtime_library().unwrap();
    let (output, stderr) = run_with_model(&flow(parameters), model, &library);
    assert_eq!(output.status.code(), Some(2), "{reason}: {stderr}");
    assert!(stderr.contains(reason), "{reason}: {stderr}");
    assert!(stderr.contains(&format!("flow.yml:{line}:")), "{reason}: line {line}: {stderr}");
}

/// Encodes a length-delimited field of a Protocol Buffers message.
fn message(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut encoded = vec![number << 3 | 2];
    while length >= 0x80 {
        encoded.push(length as u8 | 0x80);
        length >>= 7;
    }
    encoded.push(length as u8);
    [encoded, content.to_vec()].concat()
}

#[test]
fn a_file_that_is_no_model_is_reported_at_its_position() {
    let Some(models) = models() else { return };
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    assert_rejected("", None, 6, "./model.onnx does not exist");
    assert_rejected("", Some(b""), 6, "the file is empty");
    assert_rejected("", Some(b"<html>not found</html>"), 6, "the file is not an ONNX model");
    assert_rejected("", Some(&small[..small.len() / 2]), 6, "the file is not an ONNX model, or is truncated");
    // A well-formed message with an unknown operator.
    let node = [message(1, b"input"), message(2, b"features"), message(4, b"Abracadabra")].concat();
    let graph = [message(1, &node), message(2, b"g")].concat();
    let unknown = [vec![8, 8], message(7, &graph), message(8, &[16, 17])].concat();
    assert_rejected("", Some(&unknown), 6, "ONNX Runtime cannot open the model");
}

#[test]
fn parameters_that_contradict_the_model_are_reported_at_their_position() {
    let Some(models) = models() else { return };
    let read = |name: &str| std::fs::read(models.join(name)).unwrap();
    let (small, sentences) = (read("small.onnx"), read("sentences/model.onnx"));
    assert_rejected("", Some(&sentences), 6, "the model is not an image encoder");
    for (parameters, line, reason) in [
        ("      size: 100\n", 7, "the model's image input has shape [?, 3, 32, 32]"),
        ("      layout: nhwc\n", 7, "which is not nhwc"),
        ("      output: nope\n", 7, "the model's outputs are [\"maps\", \"features\"]"),
        ("      output: '9'\n", 7, "the model's outputs are"),
        ("      output: maps\n", 4, "set `pooling` to `mean`"),
        ("      output: features\n      dimension: 5\n", 8, "the model's output `features` has dimension 16"),
        (
            "      output: features\n      resize: 8\n",
            8,
            "images whose shorter side is 8 are too small for a crop",
        ),
        ("      output: features\n      std: [1, 0, 1]\n", 8, "must not be 0"),
        ("      output: features\n      device: cuda\n", 8, "`device: cuda` is not available"),
        ("      output: features\n      minibatch_size: 0\n", 8, "must be at least 1"),
    ] {
        assert_rejected(parameters, Some(&small), line, reason);
    }
    let any_size = read("small_any_size.onnx");
    assert_rejected("      output: features\n", Some(&any_size), 6, "choose one, for example `size: 224`");
}

#[test]
fn a_dimension_mismatch_is_reported_at_start() {
    let (Some(models), Some(library)) = (models(), runtime_library()) else { return };
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    let flow = flow("      output: features\n").replace("n_dim: 16", "n_dim: 17");
    let (output, stderr) = run_with_model(&flow, Some(&small), &library);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("F503"), "{stderr}");
    let reason = "`indexer` reads embeddings of dimension 17, but `encoder` before it writes dimension 16";
    assert!(stderr.contains(reason) && stderr.contains("flow.yml:11:"), "{stderr}");
}

#[test]
fn a_malicious_model_crashes_only_its_trial_process() {
    let Some(models) = models() else { return };
    // Messages nested deeper than any stack.
    let mut deep = message(2, b"g");
    for _ in 0..20_000 {
        // A node's attribute holds a graph, which holds a node.
        deep = message(1, &message(5, &message(6, &deep)));
    }
    assert_rejected("", Some(&[vec![8, 8], message(7, &deep)].concat()), 6, "");
    // A tensor with a declared size of 2^60 elements.
    let huge =
        [vec![8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 16, 1], message(8, b"w")].concat();
    let graph = [message(2, b"g"), message(5, &huge)].concat();
    assert_rejected("", Some(&[vec![8, 8], message(7, &graph), message(8, &[16, 17])].concat()), 6, "");
    // Damaged at several positions: the file may still be a valid model or cause an error, but must not crash the flow.
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    let library = runtime_library().unwrap();
    let mut outcomes = String::new();
    for seed in 0..12_usize {
        let mut damaged = small.clone();
        for place in (seed * 97 % 211..damaged.len()).step_by(211) {
            damaged[place] ^= 1 << (seed % 8);
        }
        let (output, stderr) = run_with_model(&flow("      output: features\n"), Some(&damaged), &library);
        write!(outcomes, "{:?} ", output.status.code()).unwrap();
        assert!(matches!(output.status.code(), Some(0..=2)), "{seed}: {:?}: {stderr}", output.status);
    }
    assert!(outcomes.contains("Some(2)"), "{outcomes}");
}

#[test]
fn an_unusable_runtime_library_is_reported_at_start() {
    let Some(models) = models() else { return };
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    for (library, reason) in [
        ("/no/such/library.so", "loading the library failed"),
        ("libc.so.6", "not a library of ONNX Runtime"),
    ] {
        let (output, stderr) =
            run_with_model(&flow("      output: features\n"), Some(&small), Path::new(library));
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains("ORT_DYLIB_PATH") && stderr.contains(reason), "{stderr}");
    }
}

#[test]
fn optimised_models_are_cached_and_damaged_ones_rebuilt() {
    let (Some(models), Some(library)) = (models(), runtime_library()) else { return };
    let directory = directory(&flow("      output: features\n"));
    std::fs::copy(models.join("small.onnx"), directory.path().join("model.onnx")).unwrap();
    std::fs::copy(models.join("small.onnx"), directory.path().join("a.jsonl")).unwrap();
    std::fs::write(directory.path().join("a.jsonl"), "").unwrap();
    let run = || {
        let mut command =
            command(directory.path(), &["run", "flow.yml", "--endpoint", "/index", "--input", "a.jsonl"]);
        command.env("XDG_CACHE_HOME", directory.path().join("cache")).env("ORT_DYLIB_PATH", &library);
        command.output().unwrap()
    };
    let optimised_models = || {
        let entries = std::fs::read_dir(directory.path().join("cache/flowrun/optimised")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "onnx")).collect::<Vec<_>>()
    };
    run();
    let [first] = &optimised_models()[..] else { panic!("{:?}", optimised_models()) };
    let whole = std::fs::read(first).unwrap();
    std::fs::write(first, &whole[..whole.len() / 2]).unwrap();
    let output = run();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("is damaged and will be rebuilt"), "{stderr}");
    let [rebuilt] = &optimised_models()[..] else { panic!("{:?}", optimised_models()) };
    // Only the length is compared: the optimiser's output is not deterministic.
    assert_eq!(std::fs::metadata(rebuilt).unwrap().len(), whole.len() as u64);
}
