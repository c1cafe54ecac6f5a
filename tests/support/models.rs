//! The models that `make models` makes, MiniLM, the Python that they are compared with, and the ONNX Runtime inside it.

use std::path::PathBuf;

use super::made::made;

/// Whose presence says that models must be there.
const REQUIRED: &str = "FLOWRUN_MODELS";

/// The directory with the models of `tests/models/make_models.py`, and with what the references say of them.
pub(crate) fn models() -> Option<PathBuf> {
    made("models", "tests/models/*.txt tests/models/*.py", REQUIRED, "models")
}

/// The directory with MiniLM, as sentence-transformers would have it.
pub(crate) fn minilm() -> Option<PathBuf> {
    let sources = ["minilm.txt", "export_minilm.py", "graph.py", "transformer.py"];
    made("minilm", &sources.map(|name| format!("tests/models/{name}")).join(" "), REQUIRED, "minilm")
}

/// The interpreter of the environment that makes models: numpy, onnxruntime, Pillow, tokenizers, ftfy.
pub(crate) fn python() -> Option<PathBuf> {
    let environment = made("python-models", "tests/models/requirements.txt", REQUIRED, "models")?;
    Some(environment.join("bin/python"))
}

/// The library of ONNX Runtime in that environment, as `ORT_DYLIB_PATH` wants it.
pub(crate) fn runtime_library() -> Option<PathBuf> {
    let libraries = python()?.ancestors().nth(2)?.join("lib");
    let python = std::fs::read_dir(libraries).unwrap().next()?.unwrap().path();
    let entries = std::fs::read_dir(python.join("site-packages/onnxruntime/capi")).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    files.find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.so"))
    })
}
