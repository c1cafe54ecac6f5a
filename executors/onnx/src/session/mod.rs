//! Opens and runs ONNX models.

mod cache;
mod device;
mod elements;
mod error;
mod external_data;
mod format;
#[cfg(test)]
mod fuzz;
mod interruptible;
mod memory;
mod open;
mod port;
mod trial;
mod trial_child;

use flowrun_sdk::Cancellation;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};

pub use device::Device;
pub use elements::{Elements, InputTensor, OutputTensor};
pub use error::ModelError;
use interruptible::InterruptibleOptions;
use memory::TrimOnDrop;
pub use port::{ElementType, Port};
pub use trial::set_trial_program;
pub use trial_child::run_trial_child;

use crate::runtime::Runtime;

/// Options of opening a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Number of threads of a run, including the calling thread.
    pub threads: usize,
    /// Device of the model; there is no fallback to another device.
    pub device: Device,
    /// Sizes for symbolic axes of inputs: input, axis, size. tract is several times as fast if all sizes are known;
    /// ONNX Runtime does not need them and does not receive them.
    pub sizes: Vec<(String, usize, usize)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, device: Device::Cpu, sizes: Vec::new() }
    }
}

/// An open model. It runs one call at a time; every replica opens its own.
#[derive(Debug)]
pub struct Model {
    session: Session,
    runtime: &'static Runtime,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// Must be dropped last, after the session has freed its memory.
    _memory: TrimOnDrop,
}

impl Model {
    /// Inputs in the order of the file.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Outputs in the order of the file.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// Runtime of the model.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runtime
    }

    /// Runs the model and passes the named outputs to `take`, in the order of the names. Only tract copies the inputs.
    ///
    /// # Errors
    /// [`ModelError`] when a name, a type or a shape is not the model's, or when the run fails.
    pub fn run<T>(
        &mut self,
        inputs: &[(&str, InputTensor<'_>)],
        outputs: &[&str],
        take: impl FnOnce(&[OutputTensor<'_>]) -> T,
    ) -> Result<T, ModelError> {
        self.run_until(&Cancellation::default(), inputs, outputs, take)
    }

    /// Runs the model like [`Model::run`], and ends the run with an error once `cancellation` is cancelled. tract runs to the
    /// end.
    ///
    /// # Errors
    /// Those of [`Model::run`].
    pub fn run_until<T>(
        &mut self,
        cancellation: &Cancellation,
        inputs: &[(&str, InputTensor<'_>)],
        outputs: &[&str],
        take: impl FnOnce(&[OutputTensor<'_>]) -> T,
    ) -> Result<T, ModelError> {
        self.check(inputs, outputs)?;
        let failed = |error: ort::Error| ModelError::Run(error.to_string());
        let values = inputs.iter().map(|(name, feed)| Ok((*name, value(feed)?)));
        let values = values.collect::<Result<Vec<_>, ort::Error>>().map_err(failed)?;
        // tract always computes all outputs and does not support run options.
        let selected = match self.runtime.is_onnx_runtime() {
            true => Some(InterruptibleOptions::new(outputs).map_err(failed)?),
            false => None,
        };
        let interrupt = selected.as_ref().map(|options| options.end_on(cancellation));
        let found = match &selected {
            Some(options) => self.session.run_with_options(values, options.options()),
            None => self.session.run(values),
        };
        drop(interrupt);
        let found = found.map_err(failed)?;
        let fetched = outputs.iter().map(|name| match found.get(name) {
            Some(value) => fetched(value),
            None => Err(ModelError::Run(format!("the model returned no output `{name}`"))),
        });
        Ok(take(&fetched.collect::<Result<Vec<_>, ModelError>>()?))
    }

    /// Checks the inputs and outputs of a call before the runtime receives them.
    fn check(&self, inputs: &[(&str, InputTensor<'_>)], outputs: &[&str]) -> Result<(), ModelError> {
        for port in &self.inputs {
            let Some((_, feed)) = inputs.iter().find(|(name, _)| *name == port.name) else {
                return Err(ModelError::Run(format!("no value for its input `{}`", port.name)));
            };
            port.check(feed)?;
        }
        for (name, _) in inputs {
            port::find(&self.inputs, name, "input")?;
        }
        for name in outputs {
            port::find(&self.outputs, name, "output")?;
        }
        Ok(())
    }
}

/// Converts an input to a value of the runtime without copying.
fn value<'a>(feed: &'a InputTensor<'_>) -> ort::Result<SessionInputValue<'a>> {
    let shape = feed.shape.as_slice();
    Ok(match feed.elements {
        Elements::F32(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::F16(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::I32(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::I64(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::U8(elements) => TensorRef::from_array_view((shape, elements))?.into(),
    })
}

/// Views an output in the memory of the runtime.
fn fetched(value: &DynValue) -> Result<OutputTensor<'_>, ModelError> {
    use half::f16;
    fn of<'a, T: ort::value::PrimitiveTensorElementType + 'a>(
        value: &'a DynValue,
        elements: impl FnOnce(&'a [T]) -> Elements<'a>,
    ) -> Option<OutputTensor<'a>> {
        let (shape, data) = value.try_extract_tensor::<T>().ok()?;
        let shape = shape.iter().map(|size| usize::try_from(*size).unwrap_or_default()).collect();
        Some(OutputTensor { shape, elements: elements(data) })
    }
    let found = of::<f32>(value, Elements::F32).or_else(|| of::<f16>(value, Elements::F16));
    let found = found.or_else(|| of::<i64>(value, Elements::I64));
    let found = found.or_else(|| of::<i32>(value, Elements::I32)).or_else(|| of::<u8>(value, Elements::U8));
    found.ok_or_else(|| {
        ModelError::Run(format!("an output has type {}, which is not supported", value.dtype()))
    })
}
