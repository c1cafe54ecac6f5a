//! From a file to a session: read, hashed, optimised once and kept, opened.

use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use flowrun_sdk::guard;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::cache::{self, Kept};
use super::format;
use super::memory::GivesBack;
use super::port::Port;
use super::{Device, Model, ModelError, Options, trial};
use crate::runtime::{self, Runtime};

/// The most bytes of a model's file: what protocol buffers hold. Larger models keep their numbers in files beside it.
pub(super) const FILE_BYTES_MAX: u64 = 2 << 30;

/// How long a model may take to open. A hostile one can keep an optimiser busy for ever.
const OPEN_MAX: Duration = Duration::from_secs(120);

impl Model {
    /// Opens the model in that file.
    ///
    /// # Errors
    /// [`ModelError`] when there is no such model, when nothing runs it, or when the device is not to be had.
    pub fn open(path: &Path, options: &Options) -> Result<Self, ModelError> {
        // Before anything is loaded for it.
        let bytes = read(path)?;
        format::outline(&bytes)?;
        let runtime = runtime::start()?;
        if !runtime.is_onnx_runtime() && options.device != Device::Cpu {
            return Err(ModelError::Device(format!(
                "`device: {}` needs ONNX Runtime, and there is none: set ORT_DYLIB_PATH",
                options.device.name()
            )));
        }
        let session = watched(path, bytes, options, runtime)?;
        let inputs = session.inputs().iter().map(Port::of).collect();
        let outputs = session.outputs().iter().map(Port::of).collect();
        Ok(Self { session, runtime, inputs, outputs, _memory: GivesBack })
    }
}

/// Opens on a thread of its own, which is left behind when it does not come back.
fn watched(
    path: &Path,
    bytes: Vec<u8>,
    options: &Options,
    runtime: &'static Runtime,
) -> Result<Session, ModelError> {
    let (tell, told) = sync_channel(1);
    let (path, options) = (path.to_owned(), options.clone());
    let spawned = std::thread::Builder::new().name("onnx-open".to_owned()).spawn(move || {
        drop(tell.send(open(&path, &bytes, &options, runtime)));
    });
    spawned.map_err(|error| ModelError::File(error.to_string()))?;
    match told.recv_timeout(OPEN_MAX) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            Err(ModelError::Model(format!("it did not open within {} seconds", OPEN_MAX.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => Err(ModelError::Model("opening it panicked".to_owned())),
    }
}

fn open(path: &Path, bytes: &[u8], options: &Options, runtime: &Runtime) -> Result<Session, ModelError> {
    let key = cache::key(bytes, &runtime.backend().label(), &options.sizes);
    let _turn = if cache::is_known(&key) { None } else { Some(cache::turn()) };
    if !cache::is_known(&key) && trial::tried(path, options)? {
        cache::know(&key);
    }
    of_bytes(path, bytes, &key, options, runtime)
}

/// Opens the model here, whatever it is.
pub(super) fn directly(path: &Path, options: &Options, runtime: &Runtime) -> Result<Session, ModelError> {
    let bytes = read(path)?;
    let key = cache::key(&bytes, &runtime.backend().label(), &options.sizes);
    of_bytes(path, &bytes, &key, options, runtime)
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let bytes =
        guard::read_file(path, FILE_BYTES_MAX).map_err(|error| ModelError::File(error.to_string()))?;
    if bytes.is_empty() {
        return Err(ModelError::Model("the file is empty".to_owned()));
    }
    Ok(bytes)
}

fn of_bytes(
    path: &Path,
    bytes: &[u8],
    key: &str,
    options: &Options,
    runtime: &Runtime,
) -> Result<Session, ModelError> {
    let outline = format::outline(bytes)?;
    let failed =
        |error: ort::Error| ModelError::Model(format!("{} does not open it: {error}", runtime.name()));
    // Numbers that lie in files beside the model are found by its path alone.
    if outline.refers_to_files {
        return builder(options, runtime)?.commit_from_file(path).map_err(failed);
    }
    if !runtime.is_onnx_runtime() {
        let fixed = format::fixed(bytes, &options.sizes)?;
        return builder(options, runtime)?.commit_from_memory(&fixed).map_err(failed);
    }
    if options.device != Device::Cpu {
        return builder(options, runtime)?.commit_from_memory(bytes).map_err(failed);
    }
    match cache::kept(key) {
        Kept::Optimised(optimised) => {
            unoptimised(options, runtime)?.commit_from_memory(&optimised).map_err(failed)
        }
        Kept::Nowhere => builder(options, runtime)?.commit_from_memory(bytes).map_err(failed),
        Kept::NotYet(place) => {
            let mut saving = with(builder(options, runtime)?.with_optimized_model_path(place.path()))?;
            let opened = saving.commit_from_memory(bytes).map_err(failed)?;
            place.keep();
            Ok(opened)
        }
    }
}

/// A builder for a model as its author left it.
fn builder(options: &Options, runtime: &Runtime) -> Result<SessionBuilder, ModelError> {
    configured(options, runtime, GraphOptimizationLevel::All)
}

/// A builder for a model that was optimised before.
fn unoptimised(options: &Options, runtime: &Runtime) -> Result<SessionBuilder, ModelError> {
    configured(options, runtime, GraphOptimizationLevel::Disable)
}

fn configured(
    options: &Options,
    runtime: &Runtime,
    level: GraphOptimizationLevel,
) -> Result<SessionBuilder, ModelError> {
    let built =
        Session::builder(runtime.environment()).map_err(|error| ModelError::Model(error.to_string()))?;
    let built = with(built.with_optimization_level(level))?;
    if !runtime.is_onnx_runtime() {
        return Ok(built);
    }
    // Threads that spin between runs are taken from the other replicas.
    let built = with(built.with_intra_threads(options.threads.max(1)))?;
    let built = with(built.with_intra_op_spinning(false))?;
    built.with_execution_providers(options.device.providers()).map_err(|error| {
        ModelError::Device(format!("`device: {}` is not to be had: {error}", options.device.name()))
    })
}

fn with(result: Result<SessionBuilder, ort::Error<SessionBuilder>>) -> Result<SessionBuilder, ModelError> {
    result.map_err(|error| ModelError::Model(error.to_string()))
}
