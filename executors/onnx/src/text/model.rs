//! An open text model: runs tokens and returns a vector per text.

use flowrun_sdk::Cancellation;

use crate::session::{Elements, InputTensor, Model, ModelError, OutputTensor};

use super::pooling::Pooling;
use super::signature::{InputRole, Signature};
use super::tokens::Tokens;
use crate::unit::scale_to_unit_length;

/// An open text model.
pub(super) struct TextModel {
    /// The model.
    pub model: Model,
    /// Its inputs, and the output that is read.
    pub signature: Signature,
    /// Pooling of an output with one vector per token.
    pub pooling: Pooling,
    /// True to scale vectors to length 1.
    pub normalize: bool,
    /// Token id of padding.
    pub padding: u32,
}

/// Numbers of an input, in its integer width.
enum Numbers {
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

impl TextModel {
    /// Encodes a batch of texts, at most as many as the model's fixed batch size. Vectors are in the order of the
    /// texts.
    ///
    /// # Errors
    /// [`ModelError`] if the run fails or is cancelled, or the shape of the output does not fit.
    pub(super) fn run(
        &mut self,
        rows: &[&Tokens],
        cancellation: &Cancellation,
    ) -> Result<Vec<Vec<f32>>, ModelError> {
        let Self { model, signature, pooling, normalize, padding } = self;
        let longest = rows.iter().map(|tokens| tokens.ids.len()).max().unwrap_or_default();
        let shape = vec![signature.rows.unwrap_or(rows.len()), signature.length.unwrap_or(longest)];
        let numbers: Vec<Numbers> = signature
            .inputs
            .iter()
            .map(|input| numbers(rows, &shape, input.role, input.is_wide, *padding))
            .collect();
        let feeds = signature.inputs.iter().zip(&numbers).map(|(input, numbers)| {
            let elements = match numbers {
                Numbers::Narrow(numbers) => Elements::I32(numbers),
                Numbers::Wide(numbers) => Elements::I64(numbers),
            };
            (input.name.as_str(), InputTensor { shape: shape.clone(), elements })
        });
        let feeds: Vec<_> = feeds.collect();
        model.run_until(cancellation, &feeds, &[&signature.output], |fetched| {
            let mut vectors =
                fetched.first().map_or_else(|| Ok(Vec::new()), |out| vectors(out, rows, *pooling))?;
            if *normalize {
                vectors.iter_mut().for_each(|vector| scale_to_unit_length(vector));
            }
            Ok(vectors)
        })?
    }
}

/// Numbers of an input: a row per text. A fixed batch size is filled with copies of the first text.
fn numbers(rows: &[&Tokens], shape: &[usize], role: InputRole, is_wide: bool, padding: u32) -> Numbers {
    let (count, length) =
        (shape.first().copied().unwrap_or_default(), shape.get(1).copied().unwrap_or_default());
    let filled = rows.iter().chain(rows.first().into_iter().cycle()).take(count);
    let each = filled.flat_map(|row| (0..length).map(|position| role.number(row, position, padding)));
    if is_wide {
        Numbers::Wide(each.map(i64::from).collect())
    } else {
        // Token ids are at most millions.
        Numbers::Narrow(each.map(|number| i32::try_from(number).unwrap_or(i32::MAX)).collect())
    }
}

/// Extracts the vectors from an output of shape texts × numbers or texts × tokens × numbers.
fn vectors(
    fetched: &OutputTensor<'_>,
    rows: &[&Tokens],
    pooling: Pooling,
) -> Result<Vec<Vec<f32>>, ModelError> {
    let elements = fetched.elements.to_f32();
    let (length, dimension) = match fetched.shape.as_slice() {
        [_, dimension] => (None, *dimension),
        [_, length, dimension] => (Some(*length), *dimension),
        shape => {
            return Err(ModelError::Signature(format!(
                "its output has shape {shape:?}; expected texts × dimension or texts × tokens × dimension: choose \
                 another `output`"
            )));
        }
    };
    let each = length.unwrap_or(1) * dimension;
    if each == 0 || elements.len() < each * rows.len() {
        let (shape, count) = (&fetched.shape, rows.len());
        return Err(ModelError::Run(format!("its output has shape {shape:?} for {count} texts")));
    }
    let each = elements.chunks_exact(each).zip(rows);
    Ok(each
        .map(|(numbers, row)| match length {
            None => numbers.to_vec(),
            Some(length) => pooling.pool(numbers, dimension, row.ids.len().min(length)),
        })
        .collect())
}
