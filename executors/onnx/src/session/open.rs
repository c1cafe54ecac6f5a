//! Opens a model: reads and hashes the file, optimises it once, and caches the result.

use std::borrow::Cow;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

use flowrun_sdk::guard;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};

use super::cache::{self, CacheLookup};
use super::external_data;
use super::format;
use super::memory::TrimOnDrop;
use super::port::Port;
use super::{Device, Model, ModelError, Options, trial};
use crate::runtime::{self, Runtime};

/// Time limit for opening a model. A malicious model can keep the optimiser busy for ever.
const OPEN_MAX: Duration = Duration::from_secs(120);

impl Model {
    /// Opens a model file.
    ///
    /// # Errors
    /// [`ModelError`] when the file is not a valid model, or the runtime or the device is not available.
    pub fn open(path: &Path, options: &Options) -> Result<Self, ModelError> {
        // Validated before a runtime is loaded.
        let bytes = read(path)?;
        format::outline(&bytes)?;
        let runtime = runtime::start()?;
        if !runtime.is_onnx_runtime() && options.device != Device::Cpu {
            return Err(ModelError::Device(format!(
                "`device: {}` requires ONNX Runtime, of which no usable library was found: run `flowrun doctor --fix` or set \
                 ORT_DYLIB_PATH",
                options.device.name()
            )));
        }
        let session = open_with_timeout(path, bytes, options, runtime)?;
        let inputs = session.inputs().iter().map(Port::from_outlet).collect();
        let outputs = session.outputs().iter().map(Port::from_outlet).collect();
        Ok(Self { session, runtime, inputs, outputs, _memory: TrimOnDrop })
    }
}

/// Opens a model on a separate thread, which is leaked after a timeout.
fn open_with_timeout(
    path: &Path,
    bytes: Vec<u8>,
    options: &Options,
    runtime: &'static Runtime,
) -> Result<Session, ModelError> {
    let (sender, receiver) = sync_channel(1);
    let (path, options) = (path.to_owned(), options.clone());
    let spawned = std::thread::Builder::new().name("onnx-open".to_owned()).spawn(move || {
        drop(sender.send(open(&path, &bytes, &options, runtime)));
    });
    spawned.map_err(|error| ModelError::File(error.to_string()))?;
    match receiver.recv_timeout(OPEN_MAX) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => {
            Err(ModelError::Model(format!("the model did not open within {} seconds", OPEN_MAX.as_secs())))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(ModelError::Model("opening the model panicked".to_owned()))
        }
    }
}

fn open(path: &Path, bytes: &[u8], options: &Options, runtime: &Runtime) -> Result<Session, ModelError> {
    let key = cache::key(bytes, &runtime.backend().label(), &options.sizes);
    let _lock = if cache::was_opened(&key) { None } else { Some(cache::lock_first_open()) };
    if !cache::was_opened(&key) && trial::run(path, options)? {
        cache::record_opened(&key);
    }
    create_session(path, bytes, &key, options, runtime)
}

/// Opens a model in this process, without a trial in a child process and without a time limit.
pub(super) fn open_in_process(
    path: &Path,
    options: &Options,
    runtime: &Runtime,
) -> Result<Session, ModelError> {
    let bytes = read(path)?;
    let key = cache::key(&bytes, &runtime.backend().label(), &options.sizes);
    create_session(path, &bytes, &key, options, runtime)
}

fn read(path: &Path) -> Result<Vec<u8>, ModelError> {
    let bytes = guard::read_file(path, format::FILE_BYTES_MAX)
        .map_err(|error| ModelError::File(error.to_string()))?;
    if bytes.is_empty() {
        return Err(ModelError::Model("the file is empty".to_owned()));
    }
    Ok(bytes)
}

fn create_session(
    path: &Path,
    bytes: &[u8],
    key: &str,
    options: &Options,
    runtime: &Runtime,
) -> Result<Session, ModelError> {
    let outline = format::outline(bytes)?;
    let failed =
        |error: ort::Error| ModelError::Model(format!("{} cannot open the model: {error}", runtime.name()));
    if !runtime.is_onnx_runtime() {
        let directory = path.parent().unwrap_or(Path::new(""));
        let model = match outline.refers_to_files {
            // tract rejects external weights that are links out of the directory.
            true => Cow::from(external_data::embed(bytes, directory)?),
            false => Cow::from(bytes),
        };
        let fixed = format::fix_axes(&model, &options.sizes)?;
        return builder(options, runtime)?.commit_from_memory(&fixed).map_err(failed);
    }
    // ONNX Runtime finds external weights through the path of the model.
    if outline.refers_to_files {
        return builder(options, runtime)?.commit_from_file(path).map_err(failed);
    }
    if options.device != Device::Cpu {
        return builder(options, runtime)?.commit_from_memory(bytes).map_err(failed);
    }
    match cache::look_up(key) {
        CacheLookup::Hit(optimised) => {
            unoptimised(options, runtime)?.commit_from_memory(&optimised).map_err(failed)
        }
        CacheLookup::Unavailable => builder(options, runtime)?.commit_from_memory(bytes).map_err(failed),
        CacheLookup::Miss(entry) => {
            let mut saving = with(builder(options, runtime)?.with_optimized_model_path(entry.path()))?;
            let opened = saving.commit_from_memory(bytes).map_err(failed)?;
            entry.commit();
            Ok(opened)
        }
    }
}

/// A builder for an original model, which is optimised.
fn builder(options: &Options, runtime: &Runtime) -> Result<SessionBuilder, ModelError> {
    configured(options, runtime, GraphOptimizationLevel::All)
}

/// A builder for an already optimised model.
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
    // Threads that spin between runs would take CPU time from other replicas.
    let built = with(built.with_intra_threads(options.threads.max(1)))?;
    let built = with(built.with_intra_op_spinning(false))?;
    built.with_execution_providers(options.device.providers()).map_err(|error| {
        ModelError::Device(format!("`device: {}` is not available: {error}", options.device.name()))
    })
}

fn with(result: Result<SessionBuilder, ort::Error<SessionBuilder>>) -> Result<SessionBuilder, ModelError> {
    result.map_err(|error| ModelError::Model(error.to_string()))
}
