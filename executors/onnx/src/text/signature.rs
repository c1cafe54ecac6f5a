//! What a model for texts takes and gives, as its file says it.

use crate::session::{ElementType, ModelError, Port};

use super::tokens::Tokens;

/// What an input is told of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Its number.
    Ids,
    /// 1; 0 where there is none.
    Mask,
    /// Its part.
    Types,
}

impl Role {
    fn of(name: &str) -> Option<Self> {
        match name {
            "input_ids" | "input" | "ids" | "tokens" | "text" => Some(Self::Ids),
            "attention_mask" | "mask" | "input_mask" => Some(Self::Mask),
            "token_type_ids" | "segment_ids" => Some(Self::Types),
            _ => None,
        }
    }

    /// What stands in a place of a row.
    pub(super) fn number(self, tokens: &Tokens, place: usize, padding: u32) -> u32 {
        match self {
            Self::Ids => tokens.ids.get(place).copied().unwrap_or(padding),
            Self::Mask => u32::from(place < tokens.ids.len()),
            Self::Types => tokens.types.get(place).copied().unwrap_or_default(),
        }
    }
}

/// An input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input {
    pub name: String,
    pub role: Role,
    /// Whether it takes 64 bits.
    pub is_wide: bool,
}

/// What a model takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    pub inputs: Vec<Input>,
    pub output: String,
    /// Rows that it takes, where that is fixed.
    pub rows: Option<usize>,
    /// Places of a row, where that is fixed.
    pub length: Option<usize>,
}

/// The outputs that are looked for when none is named; those with a vector for each text go first.
const OUTPUTS: [&str; 4] = ["sentence_embedding", "text_embeds", "last_hidden_state", "token_embeddings"];

impl Signature {
    /// Reads it. `output` is a name or a place; `pools` says that an output with a vector for each token is wanted.
    pub(super) fn of(
        inputs: &[Port],
        outputs: &[Port],
        output: Option<&str>,
        pools: bool,
    ) -> Result<Self, ModelError> {
        let read = inputs.iter().map(|port| input(port, inputs.len() == 1));
        let read = read.collect::<Result<Vec<Input>, ModelError>>()?;
        if !read.iter().any(|input| input.role == Role::Ids) {
            return Err(ModelError::Signature(format!(
                "it has no input `input_ids`, and is no model for texts: it has {}",
                names(inputs)
            )));
        }
        let axis = |axis: usize| inputs.iter().find_map(|port| port.shape.get(axis).copied().flatten());
        Ok(Self { inputs: read, output: chosen(outputs, output, pools)?, rows: axis(0), length: axis(1) })
    }
}

fn input(port: &Port, is_only: bool) -> Result<Input, ModelError> {
    let Port { name, element_type, shape } = port;
    let is_wide = match element_type {
        ElementType::I64 => true,
        ElementType::I32 => false,
        other => {
            return Err(ModelError::Signature(format!(
                "its input `{name}` takes {other}, and a model for texts takes int64 or int32"
            )));
        }
    };
    if shape.len() != 2 {
        let shape = port.shape_text();
        return Err(ModelError::Signature(format!(
            "its input `{name}` is of shape {shape}, and a model for texts takes texts × tokens"
        )));
    }
    let role = Role::of(name).or(is_only.then_some(Role::Ids)).ok_or_else(|| {
        ModelError::Signature(format!(
            "its input `{name}` is not known: texts are given as `input_ids`, `attention_mask` and `token_type_ids`"
        ))
    })?;
    Ok(Input { name: name.clone(), role, is_wide })
}

fn chosen(outputs: &[Port], output: Option<&str>, pools: bool) -> Result<String, ModelError> {
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
        ModelError::Signature(format!("it has no output `{output}`; it has {names}"))
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
    fn a_signature_tells_what_goes_in_and_comes_out() {
        let inputs = [
            port("input_ids", ElementType::I64, &[0, 77]),
            port("attention_mask", ElementType::I32, &[0, 77]),
        ];
        let outputs =
            ["last_hidden_state", "sentence_embedding"].map(|name| port(name, ElementType::F32, &[0, 4]));
        let signature = |output, pools| Signature::of(&inputs, &outputs, output, pools);
        let found = signature(None, false).unwrap();
        assert_eq!((found.output.as_str(), found.rows, found.length), ("sentence_embedding", None, Some(77)));
        let roles: Vec<_> = found.inputs.iter().map(|input| (input.role, input.is_wide)).collect();
        assert_eq!(roles, [(Role::Ids, true), (Role::Mask, false)]);
        assert_eq!(signature(None, true).unwrap().output, "last_hidden_state");
        assert_eq!(signature(Some("1"), true).unwrap().output, "sentence_embedding");
        assert_eq!(
            signature(Some("2"), false).unwrap_err().to_string(),
            "it has no output `2`; it has `last_hidden_state`, `sentence_embedding`"
        );
    }

    #[test]
    fn what_is_no_model_for_texts_is_told_apart() {
        let outputs = [port("y", ElementType::F32, &[0, 4])];
        let said =
            |inputs: &[Port]| Signature::of(inputs, &outputs, None, false).map_err(|error| error.to_string());
        assert!(said(&[port("x", ElementType::F32, &[0, 3])]).unwrap_err().contains("`x` takes float32"));
        assert!(said(&[port("x", ElementType::I64, &[0, 3, 4])]).unwrap_err().contains("of shape [?, 3, 4]"));
        assert!(said(&[port("x", ElementType::I64, &[0, 0])]).is_ok());
        let two =
            [port("input_ids", ElementType::I64, &[0, 0]), port("position_ids", ElementType::I64, &[0, 0])];
        assert!(said(&two).unwrap_err().contains("`position_ids` is not known"));
        let mask =
            [port("attention_mask", ElementType::I64, &[0, 0]), port("mask", ElementType::I64, &[0, 0])];
        assert!(said(&mask).unwrap_err().starts_with("it has no input `input_ids`"));
    }
}
