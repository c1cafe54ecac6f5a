//! From parameters, a preset and the model's own signature to what is done with a picture; mistakes are found here,
//! before there is any document.

use flowrun_sdk::BuildError;

use super::ImageInput;
use super::parameters::{Layout, OnnxImageEncoderParameters, Scale, Size};
use super::preset::{Habit, Resize};
use super::vectors::{Shaped, Vectors};
use crate::session::{ElementType, Model, Port};

/// What is done with a picture.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) image_input: ImageInput,
    pub(super) scale: Scale,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
    /// The model's input, and its type.
    pub(super) input: String,
    pub(super) element_type: ElementType,
    /// How many pictures a run takes, when the model takes so many and no other number.
    pub(super) batch: Option<usize>,
    pub(super) output: String,
    pub(super) vectors: Vectors,
}

/// The axis of the batch and the three of a picture.
const AXES: usize = 4;

impl Plan {
    /// # Errors
    /// [`BuildError::Parameter`] names the parameter that does not fit the model.
    pub(super) fn of(with: &OnnxImageEncoderParameters, model: &Model) -> Result<Self, BuildError> {
        let habit = Habit::of(with.preset);
        let wrong = |name: &'static str, reason: String| BuildError::parameter(name, reason);
        let input = input(model).map_err(|reason| wrong("model_path", reason))?;
        let channels_first = channels_first(input, with.layout)?;
        let size = size(input, channels_first, with.size, habit.side)?;
        let shorter_side = shorter_side(with, habit.resize, size)?;
        let std = with.std.unwrap_or(habit.std);
        if std.contains(&0.0) {
            return Err(wrong("std", "must not be 0".to_owned()));
        }
        let image_input = ImageInput {
            size,
            shorter_side,
            filter: with.filter.unwrap_or(habit.filter),
            channels_first,
            tensors_channels_first: with.tensors_channels_first,
        };
        let output =
            output(with.output.as_deref(), model.outputs()).map_err(|reason| wrong("output", reason))?;
        let pooled = Shaped { port: output, channels_first };
        let vectors =
            Vectors::of(pooled, with.pooling, with.normalize).map_err(|reason| wrong("pooling", reason))?;
        if let (Some(expected), Some(own)) = (with.dimension, vectors.dimension())
            && expected != own
        {
            return Err(wrong(
                "dimension",
                format!("the model's output `{}` has {own} numbers", output.name),
            ));
        }
        let (mean, scale) = (with.mean.unwrap_or(habit.mean), with.scale.unwrap_or(habit.scale));
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
            vectors,
        })
    }

    /// Numbers of one picture.
    pub(super) fn numbers(&self) -> usize {
        let [height, width] = self.image_input.size;
        3 * height as usize * width as usize
    }

    /// The shape of a batch.
    pub(super) fn shape(&self, pictures: usize) -> Vec<usize> {
        let [height, width] = self.image_input.size.map(|side| side as usize);
        if self.image_input.channels_first {
            vec![pictures, 3, height, width]
        } else {
            vec![pictures, height, width, 3]
        }
    }
}

/// The one input, which takes a batch of pictures.
fn input(model: &Model) -> Result<&Port, String> {
    let [input] = model.inputs() else {
        let names: Vec<&str> = model.inputs().iter().map(|port| port.name.as_str()).collect();
        return Err(format!("the model takes {names:?}, and not one picture: it is no encoder of pictures"));
    };
    let is_read = matches!(input.element_type, ElementType::F32 | ElementType::F16 | ElementType::U8);
    if !is_read || input.shape.len() != AXES {
        return Err(format!(
            "the model takes {} of shape {}, and not pictures of four axes in float32, float16 or uint8",
            input.element_type,
            input.shape_text()
        ));
    }
    Ok(input)
}

/// Which axis is that of the colours: as it is said, else the one of size 3.
fn channels_first(input: &Port, said: Option<Layout>) -> Result<bool, BuildError> {
    let is_three = |axis: usize| matches!(input.shape.get(axis), Some(Some(3)));
    let may_be = |axis: usize| matches!(input.shape.get(axis), Some(Some(3) | None));
    let first = said.map_or(!is_three(3) || is_three(1), |layout| layout == Layout::Nchw);
    if may_be(if first { 1 } else { 3 }) {
        return Ok(first);
    }
    let shape = input.shape_text();
    let (name, reason) = match said {
        Some(layout) => {
            ("layout", format!("the model takes pictures of shape {shape}, which is not {}", layout.name()))
        }
        None => (
            "model_path",
            format!("the model takes pictures of shape {shape}, none of whose axes are three colours"),
        ),
    };
    Err(BuildError::parameter(name, reason))
}

/// The pixels that the model looks at: as its file says, else as it is said.
fn size(input: &Port, first: bool, said: Option<Size>, habit: Option<u32>) -> Result<[u32; 2], BuildError> {
    let from = if first { 2 } else { 1 };
    let mut size = [0; 2];
    for (axis, side) in size.iter_mut().enumerate() {
        let own = input.shape.get(from + axis).copied().flatten().and_then(|own| u32::try_from(own).ok());
        let said = said.and_then(|Size(sides)| sides.get(axis).copied());
        *side = match (own, said) {
            (Some(own), Some(said)) if own != said => {
                let shape = input.shape_text();
                return Err(BuildError::parameter(
                    "size",
                    format!("the model takes pictures of shape {shape}"),
                ));
            }
            (Some(own), _) => own,
            (None, said) => said.or(habit).ok_or_else(|| {
                BuildError::parameter(
                    "model_path",
                    "the model takes pictures of any size: say one by `size: 224`",
                )
            })?,
        };
    }
    Ok(size)
}

/// The shorter side before cutting.
fn shorter_side(
    with: &OnnxImageEncoderParameters,
    habit: Resize,
    [height, width]: [u32; 2],
) -> Result<Option<u32>, BuildError> {
    let longest = height.max(width);
    let side = with.resize.or(match habit {
        Resize::Stretch => None,
        Resize::ToSize => Some(longest),
        Resize::Of224(side) => Some((u64::from(longest) * u64::from(side) / 224) as u32),
    });
    match side {
        Some(side) if side < longest => {
            let reason =
                format!("{height} × {width} pixels are not to be cut out of a shorter side of {side}");
            Err(BuildError::parameter("resize", reason))
        }
        side => Ok(side),
    }
}

/// The output that holds the embedding.
fn output<'a>(said: Option<&str>, outputs: &'a [Port]) -> Result<&'a Port, String> {
    let named = |name: &str| outputs.iter().find(|port| port.name == name);
    let found = match said {
        Some(said) => named(said).or_else(|| outputs.get(said.parse::<usize>().ok()?)),
        None => ["image_embeds", "embedding", "embeddings"]
            .into_iter()
            .find_map(named)
            .or_else(|| outputs.first()),
    };
    let names = || outputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>();
    let output = found.ok_or_else(|| format!("the model's outputs are {:?}", names()))?;
    match output.element_type {
        ElementType::F32 | ElementType::F16 => Ok(output),
        other => Err(format!("the model's output `{}` is {other}, and no embedding", output.name)),
    }
}
