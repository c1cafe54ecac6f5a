//! Resolves parameters, preset and the model's inputs and outputs to an encoding plan, and reports mismatches at start.

use flowrun_sdk::BuildError;

use super::ImageInput;
use super::output_pooling::{OutputLayout, OutputPooling};
use super::parameters::{Layout, OnnxImageEncoderParameters, Size};
use super::preset::{PresetDefaults, Resize, Scale};
use crate::session::{ElementType, Model, Port};

/// Resolved settings of the encoder.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Size and layout of the model's input, and the steps to it.
    pub(super) image_input: ImageInput,
    /// Range that bytes are scaled to.
    pub(super) scale: Scale,
    /// Mean of red, green and blue, which is subtracted after scaling.
    pub(super) mean: [f32; 3],
    /// Standard deviation of red, green and blue, by which the difference is divided.
    pub(super) std: [f32; 3],
    /// Name of the model's input.
    pub(super) input: String,
    /// Element type of the model's input.
    pub(super) element_type: ElementType,
    /// Batch size, if the model fixes it.
    pub(super) batch: Option<usize>,
    /// Name of the output with the embedding.
    pub(super) output: String,
    /// Pooling of the output to one vector per image.
    pub(super) pooling: OutputPooling,
}

/// Number of axes of an image input: batch, height, width and channels.
const AXES: usize = 4;

impl Plan {
    /// Resolves the settings from parameters, preset and model.
    ///
    /// # Errors
    /// [`BuildError::Parameter`] names the parameter that does not fit the model.
    pub(super) fn resolve(with: &OnnxImageEncoderParameters, model: &Model) -> Result<Self, BuildError> {
        let defaults = PresetDefaults::new(with.preset);
        let wrong = |name: &'static str, reason: String| BuildError::parameter(name, reason);
        let input = input(model).map_err(|reason| wrong("model_path", reason))?;
        let channels_first = channels_first(input, with.layout)?;
        let size = size(input, channels_first, with.size, defaults.side)?;
        let shorter_side = shorter_side(with, defaults.resize, size)?;
        let std = with.std.unwrap_or(defaults.std);
        if std.contains(&0.0) {
            return Err(wrong("std", "must not be 0".to_owned()));
        }
        let image_input = ImageInput {
            size,
            shorter_side,
            filter: with.filter.unwrap_or(defaults.filter),
            channels_first,
            tensors_channels_first: with.tensors_channels_first,
            exif: with.exif,
        };
        let output =
            output(with.output.as_deref(), model.outputs()).map_err(|reason| wrong("output", reason))?;
        let layout = OutputLayout { port: output, channels_first };
        let pooling = OutputPooling::new(layout, with.pooling, with.normalize)
            .map_err(|reason| wrong("pooling", reason))?;
        if let (Some(expected), Some(own)) = (with.dimension, pooling.dimension())
            && expected != own
        {
            return Err(wrong(
                "dimension",
                format!("the model's output `{}` has dimension {own}", output.name),
            ));
        }
        let (mean, scale) = (with.mean.unwrap_or(defaults.mean), with.scale.unwrap_or(defaults.scale));
        let (input, element_type, batch) =
            (input.name.clone(), input.element_type, input.shape.first().copied().flatten());
        Ok(Self {
            image_input,
            scale,
            mean,
            std,
            input,
            element_type,
            batch,
            output: output.name.clone(),
            pooling,
        })
    }

    /// Number of elements of an image: pixels times channels.
    pub(super) fn numbers(&self) -> usize {
        let [height, width] = self.image_input.size;
        3 * height as usize * width as usize
    }

    /// Shape of a batch of `pictures` images.
    pub(super) fn shape(&self, pictures: usize) -> Vec<usize> {
        let [height, width] = self.image_input.size.map(|side| side as usize);
        if self.image_input.channels_first {
            vec![pictures, 3, height, width]
        } else {
            vec![pictures, height, width, 3]
        }
    }
}

/// The model's single input, which takes a batch of images.
fn input(model: &Model) -> Result<&Port, String> {
    let [input] = model.inputs() else {
        let names: Vec<&str> = model.inputs().iter().map(|port| port.name.as_str()).collect();
        return Err(format!(
            "the model is not an image encoder: it has the inputs {names:?} instead of a single image input"
        ));
    };
    let is_read = matches!(input.element_type, ElementType::F32 | ElementType::F16 | ElementType::U8);
    if !is_read || input.shape.len() != AXES {
        return Err(format!(
            "the model is not an image encoder: its input is {} of shape {}; an image input has four axes and is float32, float16 or uint8",
            input.element_type,
            input.shape_text()
        ));
    }
    Ok(input)
}

/// Determines the channel axis: as configured, else the axis of size 3.
fn channels_first(input: &Port, configured: Option<Layout>) -> Result<bool, BuildError> {
    let is_three = |axis: usize| matches!(input.shape.get(axis), Some(Some(3)));
    let may_be = |axis: usize| matches!(input.shape.get(axis), Some(Some(3) | None));
    let first = configured.map_or(!is_three(3) || is_three(1), |layout| layout == Layout::Nchw);
    if may_be(if first { 1 } else { 3 }) {
        return Ok(first);
    }
    let shape = input.shape_text();
    let (name, reason) = match configured {
        Some(layout) => {
            ("layout", format!("the model's image input has shape {shape}, which is not {}", layout.name()))
        }
        None => (
            "model_path",
            format!("the model's image input has shape {shape}, without an axis of three colour channels"),
        ),
    };
    Err(BuildError::parameter(name, reason))
}

/// Determines the input size: that of the model's file, else as configured.
fn size(
    input: &Port,
    first: bool,
    configured: Option<Size>,
    defaults: Option<u32>,
) -> Result<[u32; 2], BuildError> {
    let from = if first { 2 } else { 1 };
    let mut size = [0; 2];
    for (axis, side) in size.iter_mut().enumerate() {
        let own = input.shape.get(from + axis).copied().flatten().and_then(|own| u32::try_from(own).ok());
        let configured = configured.and_then(|Size(sides)| sides.get(axis).copied());
        *side = match (own, configured) {
            (Some(own), Some(configured)) if own != configured => {
                let shape = input.shape_text();
                return Err(BuildError::parameter(
                    "size",
                    format!("the model's image input has shape {shape}"),
                ));
            }
            (Some(own), _) => own,
            (None, configured) => configured.or(defaults).ok_or_else(|| {
                BuildError::parameter(
                    "model_path",
                    "the model accepts images of any size: choose one, for example `size: 224`",
                )
            })?,
        };
    }
    Ok(size)
}

/// Determines the length of the shorter side before cropping.
fn shorter_side(
    with: &OnnxImageEncoderParameters,
    defaults: Resize,
    [height, width]: [u32; 2],
) -> Result<Option<u32>, BuildError> {
    let longest = height.max(width);
    let side = with.resize.or(match defaults {
        Resize::Stretch => None,
        Resize::ToSize => Some(longest),
        Resize::Of224(side) => Some((u64::from(longest) * u64::from(side) / 224) as u32),
    });
    match side {
        Some(side) if side < longest => {
            let reason = format!(
                "images whose shorter side is {side} are too small for a crop of {height} × {width} pixels"
            );
            Err(BuildError::parameter("resize", reason))
        }
        side => Ok(side),
    }
}

/// Finds the output with the embedding.
fn output<'a>(configured: Option<&str>, outputs: &'a [Port]) -> Result<&'a Port, String> {
    let named = |name: &str| outputs.iter().find(|port| port.name == name);
    let found = match configured {
        Some(configured) => named(configured).or_else(|| outputs.get(configured.parse::<usize>().ok()?)),
        None => ["image_embeds", "embedding", "embeddings"]
            .into_iter()
            .find_map(named)
            .or_else(|| outputs.first()),
    };
    let names = || outputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>();
    let output = found.ok_or_else(|| format!("the model's outputs are {:?}", names()))?;
    match output.element_type {
        ElementType::F32 | ElementType::F16 => Ok(output),
        other => Err(format!(
            "the model's output `{}` is {other}; an embedding is float32 or float16",
            output.name
        )),
    }
}
