//! A model that is open: what goes into it, what comes out, and running it.

mod cache;
mod device;
mod elements;
mod error;
mod format;
mod memory;
mod open;
mod port;
mod trial;

use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};

pub use device::Device;
pub use elements::{Elements, Feed, Fetched};
pub use error::ModelError;
use memory::GivesBack;
pub use port::{ElementType, Port};
pub use trial::{open_on_trial, try_with};

use crate::runtime::Runtime;

/// How a model is opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads that one run may keep busy, this one among them.
    pub threads: usize,
    /// Where it runs; elsewhere is no answer.
    pub device: Device,
    /// Sizes for axes of inputs that the model leaves open: input, axis, size. tract is several times as fast when it
    /// knows them all; ONNX Runtime does not need them, and is not told.
    pub sizes: Vec<(String, usize, usize)>,
}

impl Default for Options {
    fn default() -> Self {
        Self { threads: 1, device: Device::Cpu, sizes: Vec::new() }
    }
}

/// A model that is open. One call at a time; every replica opens its own.
#[derive(Debug)]
pub struct Model {
    session: Session,
    runtime: &'static Runtime,
    inputs: Vec<Port>,
    outputs: Vec<Port>,
    /// Dropped last.
    _memory: GivesBack,
}

impl Model {
    /// What goes in, in the order of the file.
    #[must_use]
    pub fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// What comes out, in the order of the file.
    #[must_use]
    pub fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    /// What it runs on.
    #[must_use]
    pub fn runtime(&self) -> &'static Runtime {
        self.runtime
    }

    /// Runs the model and hands the outputs of these names to `take`, in the order of the names. The inputs are not
    /// copied, save by tract.
    ///
    /// # Errors
    /// [`ModelError`] when a name, a type or a shape is not the model's, or when the run fails.
    pub fn run<T>(
        &mut self,
        inputs: &[(&str, Feed<'_>)],
        outputs: &[&str],
        take: impl FnOnce(&[Fetched<'_>]) -> T,
    ) -> Result<T, ModelError> {
        self.check(inputs, outputs)?;
        let failed = |error: ort::Error| ModelError::Run(error.to_string());
        let values = inputs.iter().map(|(name, feed)| Ok((*name, value(feed)?)));
        let values = values.collect::<Result<Vec<_>, ort::Error>>().map_err(failed)?;
        // tract computes all of them whatever is wanted, and knows no options.
        let selected = match self.runtime.is_onnx_runtime() {
            true => Some(selection(outputs).map_err(failed)?),
            false => None,
        };
        let found = match &selected {
            Some(options) => self.session.run_with_options(values, options),
            None => self.session.run(values),
        };
        let found = found.map_err(failed)?;
        let fetched = outputs.iter().map(|name| match found.get(name) {
            Some(value) => fetched(value),
            None => Err(ModelError::Run(format!("there is no output `{name}`"))),
        });
        Ok(take(&fetched.collect::<Result<Vec<_>, ModelError>>()?))
    }

    /// Holds a call against the model, so that nothing reaches the runtime that it was not made for.
    fn check(&self, inputs: &[(&str, Feed<'_>)], outputs: &[&str]) -> Result<(), ModelError> {
        for port in &self.inputs {
            let Some((_, feed)) = inputs.iter().find(|(name, _)| *name == port.name) else {
                return Err(ModelError::Run(format!("its input `{}` is not given", port.name)));
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

fn selection(outputs: &[&str]) -> ort::Result<RunOptions<ort::session::HasSelectedOutputs>> {
    let none = ort::session::OutputSelector::no_default();
    let selector = outputs.iter().fold(none, |selector, name| selector.with(*name));
    Ok(RunOptions::new()?.with_outputs(selector))
}

/// What goes in, as the runtime takes it.
fn value<'a>(feed: &'a Feed<'_>) -> ort::Result<SessionInputValue<'a>> {
    let shape = feed.shape.as_slice();
    Ok(match feed.elements {
        Elements::F32(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::F16(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::I32(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::I64(elements) => TensorRef::from_array_view((shape, elements))?.into(),
        Elements::U8(elements) => TensorRef::from_array_view((shape, elements))?.into(),
    })
}

/// What came out, where the runtime holds it.
fn fetched(value: &DynValue) -> Result<Fetched<'_>, ModelError> {
    use half::f16;
    fn of<'a, T: ort::value::PrimitiveTensorElementType + 'a>(
        value: &'a DynValue,
        elements: impl FnOnce(&'a [T]) -> Elements<'a>,
    ) -> Option<Fetched<'a>> {
        let (shape, data) = value.try_extract_tensor::<T>().ok()?;
        let shape = shape.iter().map(|size| usize::try_from(*size).unwrap_or_default()).collect();
        Some(Fetched { shape, elements: elements(data) })
    }
    let found = of::<f32>(value, Elements::F32).or_else(|| of::<f16>(value, Elements::F16));
    let found = found.or_else(|| of::<i64>(value, Elements::I64));
    let found = found.or_else(|| of::<i32>(value, Elements::I32)).or_else(|| of::<u8>(value, Elements::U8));
    found.ok_or_else(|| ModelError::Run(format!("an output is of type {}, which is not read", value.dtype())))
}
