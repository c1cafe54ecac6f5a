//! A model for texts that is open: tokens in, a vector for each text out.

use crate::session::{Elements, Feed, Fetched, Model, ModelError};

use super::pooling::Pooling;
use super::signature::{Role, Signature};
use super::tokens::Tokens;
use crate::unit::normalize;

/// A model for texts.
pub(super) struct TextModel {
    pub model: Model,
    pub signature: Signature,
    pub pooling: Pooling,
    pub normalizes: bool,
    /// What stands in places without a token.
    pub padding: u32,
}

/// What goes into an input, of the width that it takes.
enum Numbers {
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
}

impl TextModel {
    /// The vectors of these texts, in their order. There are no more of them than the model takes at once.
    pub(super) fn run(&mut self, rows: &[&Tokens]) -> Result<Vec<Vec<f32>>, ModelError> {
        let Self { model, signature, pooling, normalizes, padding } = self;
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
            (input.name.as_str(), Feed { shape: shape.clone(), elements })
        });
        let feeds: Vec<_> = feeds.collect();
        model.run(&feeds, &[&signature.output], |fetched| {
            let mut vectors =
                fetched.first().map_or_else(|| Ok(Vec::new()), |out| vectors(out, rows, *pooling))?;
            if *normalizes {
                vectors.iter_mut().for_each(|vector| normalize(vector));
            }
            Ok(vectors)
        })?
    }
}

/// What an input is given: a row for each text, then as many of the first again as the model wants.
fn numbers(rows: &[&Tokens], shape: &[usize], role: Role, is_wide: bool, padding: u32) -> Numbers {
    let (count, length) =
        (shape.first().copied().unwrap_or_default(), shape.get(1).copied().unwrap_or_default());
    let filled = rows.iter().chain(rows.first().into_iter().cycle()).take(count);
    let each = filled.flat_map(|row| (0..length).map(|place| role.number(row, place, padding)));
    if is_wide {
        Numbers::Wide(each.map(i64::from).collect())
    } else {
        // Tokens are millions at the most.
        Numbers::Narrow(each.map(|number| i32::try_from(number).unwrap_or(i32::MAX)).collect())
    }
}

/// The vectors in an output of texts × numbers, or of texts × tokens × numbers.
fn vectors(fetched: &Fetched<'_>, rows: &[&Tokens], pooling: Pooling) -> Result<Vec<Vec<f32>>, ModelError> {
    let elements = fetched.elements.to_f32();
    let (length, dimension) = match fetched.shape.as_slice() {
        [_, dimension] => (None, *dimension),
        [_, length, dimension] => (Some(*length), *dimension),
        shape => {
            return Err(ModelError::Signature(format!(
                "its output is of shape {shape:?}, and not texts × numbers or texts × tokens × numbers: name another \
                 `output`"
            )));
        }
    };
    let each = length.unwrap_or(1) * dimension;
    if each == 0 || elements.len() < each * rows.len() {
        let (shape, count) = (&fetched.shape, rows.len());
        return Err(ModelError::Run(format!("its output is of shape {shape:?} for {count} texts")));
    }
    let each = elements.chunks_exact(each).zip(rows);
    Ok(each
        .map(|(numbers, row)| match length {
            None => numbers.to_vec(),
            Some(length) => pooling.pool(numbers, dimension, row.ids.len().min(length)),
        })
        .collect())
}
