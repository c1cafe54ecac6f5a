//! Models built by `make models` and `make minilm`, and the Python environment that builds them and contains ONNX Runtime.

use std::path::PathBuf;

use super::artifact::artifact;

/// Environment variable that makes missing models an error.
const REQUIRED: &str = "FLOWRUN_MODELS";

/// Directory with the models of `tests/models/make_models.py` and their reference outputs.
pub(crate) fn models() -> Option<PathBuf> {
    artifact("models", "tests/models/*.txt tests/models/*.py", REQUIRED, "models")
}

/// Directory with MiniLM in the layout of sentence-transformers.
pub(crate) fn minilm() -> Option<PathBuf> {
    let sources = ["minilm.txt", "export_minilm.py", "graph.py", "transformer.py"];
    artifact("minilm", &sources.map(|name| format!("tests/models/{name}")).join(" "), REQUIRED, "minilm")
}

/// Directory with EfficientNet-Lite0 (`model.onnx`), drawn `pictures`, and their embeddings by the reference (`reference.json`).
pub(crate) fn efficientnet() -> Option<PathBuf> {
    let sources = ["package.txt", "checkpoint.py", "export.py", "network.py", "../graph.py"];
    let sources = sources.map(|name| format!("tests/models/efficientnet/{name}")).join(" ");
    artifact("efficientnet", &sources, REQUIRED, "efficientnet")
}

/// Interpreter of the environment that builds the models: numpy, onnxruntime, Pillow, tokenizers, ftfy.
pub(crate) fn python() -> Option<PathBuf> {
    let environment = artifact("python-models", "tests/models/requirements.txt", REQUIRED, "models")?;
    Some(environment.join("bin/python"))
}

/// Shared library of ONNX Runtime in that environment, for `ORT_DYLIB_PATH`.
pub(crate) fn runtime_library() -> Option<PathBuf> {
    let libraries = python()?.ancestors().nth(2)?.join("lib");
    let python = std::fs::read_dir(libraries).unwrap().next()?.unwrap().path();
    let entries = std::fs::read_dir(python.join("site-packages/onnxruntime/capi")).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    files.find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
    })
}
