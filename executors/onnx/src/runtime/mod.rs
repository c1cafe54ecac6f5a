//! What computes: ONNX Runtime when a library of it is found, else tract.
//!
//! Which one is decided once in a process, by [`start`], when the first model is opened, and never by the first use of
//! something: that would be lazy, and a library that does not load would hang a request instead of a start.

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
pub use search::{Candidate, Origin, cache_directory};

/// How long a library may take to start. The slowest one measured took a fifth of a second from a cold disk.
const START_MAX: Duration = Duration::from_secs(30);

/// What computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// ONNX Runtime.
    OnnxRuntime {
        /// The library.
        path: PathBuf,
        /// What it says of itself: `1.31.1`.
        version: String,
    },
    /// The one that is compiled in.
    Tract,
}

impl Backend {
    /// Its name and version, which is what a cache of its work is kept by.
    #[must_use]
    pub fn label(&self) -> String {
        match self {
            Self::OnnxRuntime { version, .. } => format!("onnxruntime-{version}"),
            Self::Tract => "tract".to_owned(),
        }
    }
}

/// Why nothing computes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeError {
    /// The library that `ORT_DYLIB_PATH` names will not do: who names one does not want another.
    #[error("the library that ORT_DYLIB_PATH names cannot be used: {0}")]
    Named(String),
    /// It did not come back.
    #[error(
        "ONNX Runtime did not start within {} seconds: set ORT_DYLIB_PATH to another libonnxruntime.so, or run `flowrun doctor`",
        START_MAX.as_secs()
    )]
    Hangs,
    /// No library was found, and this build has no other backend.
    #[error(
        "no library of ONNX Runtime was found, and this flowrun was built without tract: `flowrun doctor --fix` fetches ONNX Runtime"
    )]
    NoLibrary,
    /// It came back with an error.
    #[error("ONNX Runtime did not start: {0}")]
    Failed(String),
}

/// A started runtime. It lives as long as the process.
#[derive(Debug)]
pub struct Runtime {
    backend: Backend,
    environment: Environment,
}

impl Runtime {
    /// What computes.
    #[must_use]
    pub fn backend(&self) -> &Backend {
        &self.backend
    }

    /// Where models may run beside the processor, by the names of `device:`.
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

    /// What people call it.
    pub(crate) fn name(&self) -> &'static str {
        if self.is_onnx_runtime() { "ONNX Runtime" } else { "tract" }
    }

    /// Whether it is ONNX Runtime.
    #[must_use]
    pub fn is_onnx_runtime(&self) -> bool {
        matches!(self.backend, Backend::OnnxRuntime { .. })
    }

    pub(crate) fn environment(&self) -> &Environment {
        &self.environment
    }
}

/// The runtime of this process; the first call starts it.
///
/// # Errors
/// [`RuntimeError`]; the same for every later call.
pub fn start() -> Result<&'static Runtime, RuntimeError> {
    static RUNTIME: OnceLock<Result<Runtime, RuntimeError>> = OnceLock::new();
    RUNTIME.get_or_init(watched).as_ref().map_err(RuntimeError::clone)
}

/// Starts on a thread of its own, which is left behind when it does not come back: nothing ends a thread from outside.
fn watched() -> Result<Runtime, RuntimeError> {
    let (tell, told) = sync_channel(1);
    let spawned = std::thread::Builder::new().name("onnx-start".to_owned()).spawn(move || {
        drop(tell.send(chosen()));
    });
    spawned.map_err(|error| RuntimeError::Failed(error.to_string()))?;
    match told.recv_timeout(START_MAX) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(RuntimeError::Hangs),
        Err(RecvTimeoutError::Disconnected) => Err(RuntimeError::Failed("it panicked".to_owned())),
    }
}

/// The first library that will do, else tract.
fn chosen() -> Result<Runtime, RuntimeError> {
    for candidate in search::candidates() {
        match library::open(&candidate.path) {
            Ok(version) => {
                tracing::info!(version, library = %candidate.path.display(), "models run on ONNX Runtime");
                return started(Backend::OnnxRuntime { path: candidate.path, version });
            }
            Err(error) if candidate.origin == Origin::Environment => {
                return Err(RuntimeError::Named(error.to_string()));
            }
            Err(error) => tracing::warn!(library = %candidate.path.display(), "cannot be used: {error}"),
        }
    }
    start_without_library()
}

#[cfg(feature = "tract")]
fn start_without_library() -> Result<Runtime, RuntimeError> {
    tracing::warn!(
        "there is no ONNX Runtime here, models run on tract, several times slower: `flowrun doctor --fix` fetches it"
    );
    ort::set_api(ort_tract::api());
    started(Backend::Tract)
}

#[cfg(not(feature = "tract"))]
fn start_without_library() -> Result<Runtime, RuntimeError> {
    Err(RuntimeError::NoLibrary)
}

fn started(backend: Backend) -> Result<Runtime, RuntimeError> {
    let environment = ort::init().with_name("flowrun").with_telemetry(false).build();
    let environment = environment.map_err(|error| RuntimeError::Failed(error.to_string()))?;
    // It writes to our standard error by itself, and warns of what is meant so; tract cannot be told.
    if backend != Backend::Tract {
        environment.set_log_level(ort::logging::LogLevel::Error);
    }
    Ok(Runtime { backend, environment })
}
