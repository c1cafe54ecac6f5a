//! A model that is missing, damaged, hostile or of another kind ends the start with an error at its place.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Output;

use crate::support::models::{models, runtime_library};
use crate::support::program::{command, directory, text};

/// A flow of an encoder with these parameters, whose model is `model.onnx` beside it.
fn flow(parameters: &str) -> String {
    format!(
        "jtype: Flow\nexecutors:\n  - name: encoder\n    uses: OnnxImageEncoder\n    uses_with:\n      \
         model_path: model.onnx\n{parameters}  - name: indexer\n    uses: AnnLiteIndexer\n    uses_with:\n      \
         n_dim: 16\n"
    )
}

/// What happens to that flow with a model of these bytes.
fn refused(flow: &str, model: Option<&[u8]>, library: &Path) -> (Output, String) {
    let place = directory(flow);
    if let Some(model) = model {
        std::fs::write(place.path().join("model.onnx"), model).unwrap();
    }
    std::fs::write(place.path().join("a.jsonl"), "{\"id\": \"a\"}\n").unwrap();
    let mut command =
        command(place.path(), &["run", "flow.yml", "--endpoint", "/index", "--input", "a.jsonl"]);
    command.env("XDG_CACHE_HOME", place.path().join("cache")).env("ORT_DYLIB_PATH", library);
    let output = command.output().unwrap();
    let said = text(&output.stderr).replace(place.path().to_str().unwrap(), "");
    (output, said)
}

fn assert_refused(parameters: &str, model: Option<&[u8]>, line: usize, reason: &str) {
    let library = runtime_library().unwrap();
    let (output, said) = refused(&flow(parameters), model, &library);
    assert_eq!(output.status.code(), Some(2), "{reason}: {said}");
    assert!(said.contains(reason), "{reason}: {said}");
    assert!(said.contains(&format!("flow.yml:{line}:")), "{reason}: line {line}: {said}");
}

/// A message of protocol buffers, with a length before its content.
fn message(number: u8, content: &[u8]) -> Vec<u8> {
    let mut length = content.len();
    let mut written = vec![number << 3 | 2];
    while length >= 0x80 {
        written.push(length as u8 | 0x80);
        length >>= 7;
    }
    written.push(length as u8);
    [written, content.to_vec()].concat()
}

#[test]
fn a_file_that_is_no_model_is_told_at_its_place() {
    let Some(models) = models() else { return };
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    assert_refused("", None, 6, "cannot read ./model.onnx");
    assert_refused("", Some(b""), 6, "the file is empty");
    assert_refused("", Some(b"<html>not found</html>"), 6, "the file is not an ONNX model");
    assert_refused("", Some(&small[..small.len() / 2]), 6, "the file is not an ONNX model, or is truncated");
    // Whole as a message, of an operator that nobody has.
    let node = [message(1, b"input"), message(2, b"features"), message(4, b"Abracadabra")].concat();
    let graph = [message(1, &node), message(2, b"g")].concat();
    let unknown = [vec![8, 8], message(7, &graph), message(8, &[16, 17])].concat();
    assert_refused("", Some(&unknown), 6, "ONNX Runtime cannot open the model");
}

#[test]
fn what_does_not_fit_the_model_is_told_at_its_place() {
    let Some(models) = models() else { return };
    let read = |name: &str| std::fs::read(models.join(name)).unwrap();
    let (small, sentences) = (read("small.onnx"), read("sentences/model.onnx"));
    assert_refused("", Some(&sentences), 6, "the model is not an image encoder");
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
        assert_refused(parameters, Some(&small), line, reason);
    }
    let any_size = read("small_any_size.onnx");
    assert_refused("      output: features\n", Some(&any_size), 6, "choose one, for example `size: 224`");
}

#[test]
fn an_indexer_of_another_dimension_is_told_before_there_is_any_document() {
    let (Some(models), Some(library)) = (models(), runtime_library()) else { return };
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    let flow = flow("      output: features\n").replace("n_dim: 16", "n_dim: 17");
    let (output, said) = refused(&flow, Some(&small), &library);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("F503"), "{said}");
    let reason = "`indexer` reads embeddings of dimension 17, but `encoder` before it writes dimension 16";
    assert!(said.contains(reason) && said.contains("flow.yml:11:"), "{said}");
}

#[test]
fn a_hostile_model_costs_a_trial_and_nothing_more() {
    let Some(models) = models() else { return };
    // Messages in messages, deeper than anybody's stack.
    let mut deep = message(2, b"g");
    for _ in 0..20_000 {
        // A node's attribute holds a graph, which holds a node.
        deep = message(1, &message(5, &message(6, &deep)));
    }
    assert_refused("", Some(&[vec![8, 8], message(7, &deep)].concat()), 6, "");
    // A tensor that says that it has 2^60 numbers.
    let huge =
        [vec![8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10, 16, 1], message(8, b"w")].concat();
    let graph = [message(2, b"g"), message(5, &huge)].concat();
    assert_refused("", Some(&[vec![8, 8], message(7, &graph), message(8, &[16, 17])].concat()), 6, "");
    // Damaged here and there: whatever becomes of it, it is an error or a model, and never the end of the flow.
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    let library = runtime_library().unwrap();
    let mut outcomes = String::new();
    for seed in 0..12_usize {
        let mut damaged = small.clone();
        for place in (seed * 97 % 211..damaged.len()).step_by(211) {
            damaged[place] ^= 1 << (seed % 8);
        }
        let (output, said) = refused(&flow("      output: features\n"), Some(&damaged), &library);
        write!(outcomes, "{:?} ", output.status.code()).unwrap();
        assert!(matches!(output.status.code(), Some(0..=2)), "{seed}: {:?}: {said}", output.status);
    }
    assert!(outcomes.contains("Some(2)"), "{outcomes}");
}

#[test]
fn a_library_that_is_named_and_will_not_do_ends_the_start() {
    let Some(models) = models() else { return };
    let small = std::fs::read(models.join("small.onnx")).unwrap();
    for (library, reason) in [
        ("/no/such/library.so", "loading the library failed"),
        ("libc.so.6", "not a library of ONNX Runtime"),
    ] {
        let (output, said) = refused(&flow("      output: features\n"), Some(&small), Path::new(library));
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("ORT_DYLIB_PATH") && said.contains(reason), "{said}");
    }
}

#[test]
fn optimised_models_are_kept_and_damaged_ones_made_anew() {
    let (Some(models), Some(library)) = (models(), runtime_library()) else { return };
    let place = directory(&flow("      output: features\n"));
    std::fs::copy(models.join("small.onnx"), place.path().join("model.onnx")).unwrap();
    std::fs::copy(models.join("small.onnx"), place.path().join("a.jsonl")).unwrap();
    std::fs::write(place.path().join("a.jsonl"), "").unwrap();
    let run = || {
        let mut command =
            command(place.path(), &["run", "flow.yml", "--endpoint", "/index", "--input", "a.jsonl"]);
        command.env("XDG_CACHE_HOME", place.path().join("cache")).env("ORT_DYLIB_PATH", &library);
        command.output().unwrap()
    };
    let kept = || {
        let entries = std::fs::read_dir(place.path().join("cache/flowrun/optimised")).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| path.extension().is_some_and(|extension| extension == "onnx")).collect::<Vec<_>>()
    };
    run();
    let [first] = &kept()[..] else { panic!("{:?}", kept()) };
    let whole = std::fs::read(first).unwrap();
    std::fs::write(first, &whole[..whole.len() / 2]).unwrap();
    let said = run();
    assert!(text(&said.stderr).contains("is damaged and will be rebuilt"), "{}", text(&said.stderr));
    let [anew] = &kept()[..] else { panic!("{:?}", kept()) };
    // The optimiser does not write the same twice.
    assert_eq!(std::fs::metadata(anew).unwrap().len(), whole.len() as u64);
}
