//! Inputs and outputs of a text model.

use crate::session::{ElementType, ModelError, Port};

use super::tokens::Tokens;

/// Content of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputRole {
    /// Token ids.
    Ids,
    /// Attention mask: 1 for tokens, 0 for padding.
    Mask,
    /// Segment of each token.
    Types,
    /// Position of each token: 0, 1, 2, …
    Positions,
}

impl InputRole {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "input_ids" | "input" | "ids" | "tokens" | "text" => Some(Self::Ids),
            "attention_mask" | "mask" | "input_mask" => Some(Self::Mask),
            "token_type_ids" | "segment_ids" => Some(Self::Types),
            "position_ids" => Some(Self::Positions),
            _ => None,
        }
    }

    /// The number at a position of a row.
    pub(super) fn number(self, tokens: &Tokens, position: usize, padding: u32) -> u32 {
        match self {
            Self::Ids => tokens.ids.get(position).copied().unwrap_or(padding),
            Self::Mask => u32::from(position < tokens.ids.len()),
            Self::Types => tokens.types.get(position).copied().unwrap_or_default(),
            Self::Positions => u32::try_from(position).unwrap_or(u32::MAX),
        }
    }
}

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    /// Name in the file.
    pub name: String,
    /// Numbers that the input takes.
    pub role: InputRole,
    /// True for int64, false for int32.
    pub is_wide: bool,
}

/// The signature of a text model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    /// Inputs in the order of the file.
    pub inputs: Vec<Input>,
    /// Name of the output with the embedding.
    pub output: String,
    /// Fixed batch size, if any.
    pub rows: Option<usize>,
    /// Fixed number of tokens per row, if any.
    pub length: Option<usize>,
}

/// Default outputs by precedence; those with one vector per text are first.
const OUTPUTS: [&str; 4] = ["sentence_embedding", "text_embeds", "last_hidden_state", "token_embeddings"];

impl Signature {
    /// Reads the signature. `output` is a name or an index, `None` for the default; with `pools`, the default is an output with
    /// one vector per token.
    ///
    /// # Errors
    /// [`ModelError::Signature`] if the model is not a text encoder, or has no such output.
    pub(super) fn read(
        inputs: &[Port],
        outputs: &[Port],
        output: Option<&str>,
        pools: bool,
    ) -> Result<Self, ModelError> {
        let read = inputs.iter().map(|port| input(port, inputs.len() == 1));
        let read = read.collect::<Result<Vec<Input>, ModelError>>()?;
        if !read.iter().any(|input| input.role == InputRole::Ids) {
            return Err(ModelError::Signature(format!(
                "the model is not a text encoder: it has no input `input_ids`; it has {}",
                names(inputs)
            )));
        }
        let axis = |axis: usize| inputs.iter().find_map(|port| port.shape.get(axis).copied().flatten());
        Ok(Self {
            inputs: read,
            output: select_output(outputs, output, pools)?,
            rows: axis(0),
            length: axis(1),
        })
    }
}

fn input(port: &Port, is_only: bool) -> Result<Input, ModelError> {
    let Port { name, element_type, shape } = port;
    let is_wide = match element_type {
        ElementType::I64 => true,
        ElementType::I32 => false,
        other => {
            return Err(ModelError::Signature(format!(
                "its input `{name}` is {other}; a text encoder requires int64 or int32"
            )));
        }
    };
    if shape.len() != 2 {
        let shape = port.shape_text();
        return Err(ModelError::Signature(format!(
            "its input `{name}` has shape {shape}; a text encoder requires texts × tokens"
        )));
    }
    let role = InputRole::from_name(name).or(is_only.then_some(InputRole::Ids)).ok_or_else(|| {
        ModelError::Signature(format!(
            "its input `{name}` is not known: texts are given as `input_ids`, `attention_mask`, `token_type_ids` and \
             `position_ids`"
        ))
    })?;
    Ok(Input { name: name.clone(), role, is_wide })
}

fn select_output(outputs: &[Port], output: Option<&str>, pools: bool) -> Result<String, ModelError> {
    let named = |name: &str| outputs.iter().find(|port| port.name == name);
    let found = match output {
        Some(output) => named(output).or_else(|| outputs.get(output.parse::<usize>().ok()?)),
        None => {
            let looked_for = OUTPUTS.get(if pools { 2.. } else { 0.. }).unwrap_or_default();
            looked_for.iter().find_map(|name| named(name)).or_else(|| outputs.first())
        }
    };
    found.map(|port| port.name.clone()).ok_or_else(|| {
        let (output, names) = (output.unwrap_or_default(), names(outputs));
        ModelError::Signature(format!("the model has no output `{output}`; it has {names}"))
    })
}

fn names(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("`{}`", port.name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, element_type: ElementType, shape: &[usize]) -> Port {
        let shape = shape.iter().map(|size| Some(*size).filter(|size| *size > 0)).collect();
        Port { name: name.to_owned(), element_type, shape }
    }

    #[test]
    fn inputs_and_outputs_are_recognised_by_name_type_and_shape() {
        let inputs = [
            port("input_ids", ElementType::I64, &[0, 77]),
            port("attention_mask", ElementType::I32, &[0, 77]),
        ];
        let outputs =
            ["last_hidden_state", "sentence_embedding"].map(|name| port(name, ElementType::F32, &[0, 4]));
        let signature = |output, pools| Signature::read(&inputs, &outputs, output, pools);
        let found = signature(None, false).unwrap();
        assert_eq!((found.output.as_str(), found.rows, found.length), ("sentence_embedding", None, Some(77)));
        let roles: Vec<_> = found.inputs.iter().map(|input| (input.role, input.is_wide)).collect();
        assert_eq!(roles, [(InputRole::Ids, true), (InputRole::Mask, false)]);
        assert_eq!(signature(None, true).unwrap().output, "last_hidden_state");
        assert_eq!(signature(Some("1"), true).unwrap().output, "sentence_embedding");
        assert_eq!(
            signature(Some("2"), false).unwrap_err().to_string(),
            "the model has no output `2`; it has `last_hidden_state`, `sentence_embedding`"
        );
    }

    #[test]
    fn positions_are_counted_from_zero_in_each_row() {
        let outputs = [port("y", ElementType::F32, &[0, 4])];
        let inputs = ["input_ids", "position_ids"].map(|name| port(name, ElementType::I64, &[0, 0]));
        let signature = Signature::read(&inputs, &outputs, None, false).unwrap();
        let tokens = Tokens { ids: vec![7, 8], types: vec![0, 0] };
        let row = |input: &Input| (0..4).map(|position| input.role.number(&tokens, position, 9)).collect();
        let rows: Vec<Vec<u32>> = signature.inputs.iter().map(row).collect();
        assert_eq!(rows, [[7, 8, 9, 9], [0, 1, 2, 3]]);
    }

    #[test]
    fn other_models_are_rejected() {
        let outputs = [port("y", ElementType::F32, &[0, 4])];
        let error = |inputs: &[Port]| {
            Signature::read(inputs, &outputs, None, false).map_err(|error| error.to_string())
        };
        assert!(error(&[port("x", ElementType::F32, &[0, 3])]).unwrap_err().contains("`x` is float32"));
        assert!(
            error(&[port("x", ElementType::I64, &[0, 3, 4])]).unwrap_err().contains("has shape [?, 3, 4]")
        );
        assert!(error(&[port("x", ElementType::I64, &[0, 0])]).is_ok());
        let two =
            [port("input_ids", ElementType::I64, &[0, 0]), port("pixel_mask", ElementType::I64, &[0, 0])];
        assert!(error(&two).unwrap_err().contains("`pixel_mask` is not known"));
        let mask =
            [port("attention_mask", ElementType::I64, &[0, 0]), port("mask", ElementType::I64, &[0, 0])];
        assert!(
            error(&mask)
                .unwrap_err()
                .starts_with("the model is not a text encoder: it has no input `input_ids`")
        );
    }
}
