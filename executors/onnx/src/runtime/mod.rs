//! Inference backend: ONNX Runtime if a usable library is found, else tract.
//!
//! [`start`] selects it once per process, when the first model is opened at the start of a flow, so that a library that
//! hangs delays the start and not a request.

mod fetch;
mod library;
mod report;
mod search;

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use flowrun_sdk::tracing;
use ort::environment::Environment;

pub use fetch::{FetchError, fetch, version as fetched_version};
pub use library::MINOR_VERSION_MIN;
pub use report::{Report, report};
pub use search::{Candidate, Origin};

/// Time limit for starting a library. The slowest measured start took 0.2 s from a cold disk.
const START_MAX: Duration = Duration::from_secs(30);

/// An inference backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// ONNX Runtime.
    OnnxRuntime {
        /// Path of the library.
        path: PathBuf,
        /// Its version, for example `1.31.1`.
        version: String,
    },
    /// tract, which is compiled in.
    Tract,
}

impl Backend {
    /// Name, and for ONNX Runtime the version; part of the keys of the model cache.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::OnnxRuntime { version, .. } => format!("onnxruntime-{version}"),
            Self::Tract => "tract".to_owned(),
        }
    }
}

/// An error of starting the runtime.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The library at `ORT_DYLIB_PATH` cannot be used. No other library is tried.
    #[error(
        "the library that ORT_DYLIB_PATH names cannot be used: {0}; set it to another libonnxruntime.so, or unset it"
    )]
    NamedLibrary(String),
    /// The library did not start within the time limit.
    #[error(
        "ONNX Runtime did not start within {} seconds: set ORT_DYLIB_PATH to another libonnxruntime.so, or run `flowrun doctor`",
        START_MAX.as_secs()
    )]
    Timeout,
    /// No usable library was found, and this build has no other backend.
    #[error(
        "no usable library of ONNX Runtime was found, and this build has no tract: run `flowrun doctor --fix` to download one"
    )]
    NoLibrary,
    /// The library failed to start.
    #[error(
        "ONNX Runtime did not start: {0}; set ORT_DYLIB_PATH to another libonnxruntime.so, or run `flowrun doctor`"
    )]
    Failed(String),
}

/// A started runtime. It lives as long as the process.
#[derive(Debug)]
pub struct Runtime {
    backend: Backend,
    environment: Environment,
}

impl Runtime {
    /// The backend.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Available devices, as values of the parameter `device`.
    #[must_use]
    pub fn devices(&self) -> Vec<&'static str> {
        use ort::ep::{CUDA, ExecutionProvider as _, TensorRT};
        let has = |name, is_available: ort::Result<bool>| is_available.unwrap_or_default().then_some(name);
        if !self.is_onnx_runtime() {
            return vec!["cpu"];
        }
        let others = [has("cuda", CUDA::is_available()), has("tensorrt", TensorRT::is_available())];
        std::iter::once("cpu").chain(others.into_iter().flatten()).collect()
    }

    /// Name for messages.
    pub(crate) fn name(&self) -> &'static str {
        if self.is_onnx_runtime() { "ONNX Runtime" } else { "tract" }
    }

    /// True for ONNX Runtime, false for tract.
    #[must_use]
    pub fn is_onnx_runtime(&self) -> bool {
        matches!(self.backend, Backend::OnnxRuntime { .. })
    }

    /// Environment in which sessions are created.
    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// Returns the runtime of this process; the first call starts it.
///
/// # Errors
/// [`RuntimeError`]; later calls return the same error.
pub fn start() -> Result<&'static Runtime, RuntimeError> {
    static RUNTIME: OnceLock<Result<Runtime, RuntimeError>> = OnceLock::new();
    RUNTIME.get_or_init(start_with_timeout).as_ref().map_err(RuntimeError::clone)
}

/// Starts the runtime on a separate thread. After a timeout the thread is leaked, because threads cannot be terminated.
fn start_with_timeout() -> Result<Runtime, RuntimeError> {
    let (sender, receiver) = sync_channel(1);
    let spawned = std::thread::Builder::new().name("onnx-start".to_owned()).spawn(move || {
        drop(sender.send(select_backend()));
    });
    spawned.map_err(|error| RuntimeError::Failed(error.to_string()))?;
    match receiver.recv_timeout(START_MAX) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(RuntimeError::Timeout),
        Err(RecvTimeoutError::Disconnected) => Err(RuntimeError::Failed("it panicked".to_owned())),
    }
}

/// Selects the first usable library, else tract.
fn select_backend() -> Result<Runtime, RuntimeError> {
    for candidate in search::candidates() {
        match library::open(&candidate.path) {
            Ok(version) => {
                tracing::info!(version, library = %candidate.path.display(), "models run on ONNX Runtime");
                return create_runtime(Backend::OnnxRuntime { path: candidate.path, version });
            }
            Err(error) if candidate.origin == Origin::Environment => {
                return Err(RuntimeError::NamedLibrary(format!("{}: {error}", candidate.path.display())));
            }
            Err(error) => {
                tracing::warn!(library = %candidate.path.display(), "the library cannot be used: {error}")
            }
        }
    }
    start_without_library()
}

#[cfg(feature = "tract")]
fn start_without_library() -> Result<Runtime, RuntimeError> {
    tracing::warn!(
        "no usable library of ONNX Runtime was found; models run on tract, which is several times slower: run \
         `flowrun doctor --fix` to download one"
    );
    ort::set_api(ort_tract::api());
    create_runtime(Backend::Tract)
}

#[cfg(not(feature = "tract"))]
fn start_without_library() -> Result<Runtime, RuntimeError> {
    Err(RuntimeError::NoLibrary)
}

fn create_runtime(backend: Backend) -> Result<Runtime, RuntimeError> {
    let environment = ort::init().with_name("flowrun").with_telemetry(false).build();
    let environment = environment.map_err(|error| RuntimeError::Failed(error.to_string()))?;
    // ONNX Runtime logs to standard error, including harmless warnings. tract has no log level.
    if backend != Backend::Tract {
        environment.set_log_level(ort::logging::LogLevel::Error);
    }
    Ok(Runtime { backend, environment })
}
