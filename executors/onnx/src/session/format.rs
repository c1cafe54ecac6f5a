//! Partial parser of ONNX files (protocol buffers): validates the structure before a runtime reads the file, and fixes
//! symbolic axes. Field numbers are those of `onnx.proto`.

use std::collections::HashMap;

use super::ModelError;

/// Largest model file in bytes: the limit of protocol buffers. Larger models have external weights.
pub(super) const FILE_BYTES_MAX: u64 = 2 << 30;

/// Field numbers of `onnx.proto`: message and field.
pub(super) mod field {
    pub(in crate::session) const MODEL_GRAPH: u64 = 7;
    pub(in crate::session) const GRAPH_INITIALIZER: u64 = 5;
    pub(in crate::session) const GRAPH_INPUT: u64 = 11;
    pub(in crate::session) const GRAPH_OUTPUT: u64 = 12;
    pub(in crate::session) const GRAPH_VALUE_INFO: u64 = 13;
    pub(in crate::session) const TENSOR_EXTERNAL_DATA: u64 = 13;
    pub(in crate::session) const TENSOR_DATA_LOCATION: u64 = 14;
    /// Value of `TENSOR_DATA_LOCATION`.
    pub(super) const DATA_LOCATION_EXTERNAL: u8 = 1;
    pub(in crate::session) const VALUE_NAME: u64 = 1;
    pub(in crate::session) const VALUE_TYPE: u64 = 2;
    pub(in crate::session) const TYPE_TENSOR: u64 = 1;
    pub(in crate::session) const TENSOR_SHAPE: u64 = 2;
    pub(in crate::session) const SHAPE_DIM: u64 = 1;
    pub(in crate::session) const DIM_VALUE: u64 = 1;
    pub(in crate::session) const DIM_PARAM: u64 = 2;
}

/// One field of a message.
#[derive(Clone, Copy)]
pub(super) struct Field<'a> {
    /// Number of the field.
    pub(super) number: u64,
    /// The encoded field, including its key.
    pub(super) written: &'a [u8],
    /// Content of a length-delimited field: a message, a string or bytes; `None` for a number.
    pub(super) content: Option<&'a [u8]>,
}

/// Properties of a model's file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline {
    /// True if weights are stored in external files.
    pub(super) refers_to_files: bool,
}

/// Parses the structure of a file, so that other formats and truncated files have a different error than unsupported
/// operators.
///
/// # Errors
/// [`ModelError::Model`] if the file is not an ONNX model, or is damaged.
pub(super) fn outline(model: &[u8]) -> Result<Outline, ModelError> {
    let graph = graph(model)?;
    let initializers = fields(graph)?.into_iter().filter(|field| field.number == field::GRAPH_INITIALIZER);
    let mut refers_to_files = false;
    for initializer in initializers {
        refers_to_files |= fields(initializer.content.unwrap_or_default())?.iter().any(is_external);
    }
    Ok(Outline { refers_to_files })
}

/// True for a field that declares a tensor's data to be in an external file, even if no location is given.
pub(super) fn is_external(field: &Field<'_>) -> bool {
    match field.number {
        field::TENSOR_EXTERNAL_DATA => true,
        field::TENSOR_DATA_LOCATION => field.written.last() == Some(&field::DATA_LOCATION_EXTERNAL),
        _ => false,
    }
}

/// Fixes the given axes of the inputs, and all other axes with the same symbolic name. `sizes` are input, axis and size, as
/// in [`Options`](super::Options).
pub(super) fn fix_axes(model: &[u8], sizes: &[(String, usize, usize)]) -> Result<Vec<u8>, ModelError> {
    let mut names = HashMap::new();
    for input in fields(graph(model)?)?.iter().filter(|field| field.number == field::GRAPH_INPUT) {
        let content = input.content.unwrap_or_default();
        let name = string(content, field::VALUE_NAME)?;
        for (axis, dimension) in dimensions(content)?.into_iter().enumerate() {
            let size = sizes.iter().find(|(input, at, _)| *input == name && *at == axis);
            let symbol = string(dimension, field::DIM_PARAM)?;
            if let Some((_, _, size)) = size.filter(|_| !symbol.is_empty()) {
                names.insert(symbol, *size);
            }
        }
    }
    rewritten(model, |field| {
        if field.number != field::MODEL_GRAPH {
            return Ok(None);
        }
        rewritten(field.content.unwrap_or_default(), |field| {
            let is_input = field.number == field::GRAPH_INPUT;
            if !is_input && field.number != field::GRAPH_OUTPUT && field.number != field::GRAPH_VALUE_INFO {
                return Ok(None);
            }
            let content = field.content.unwrap_or_default();
            let own = if is_input { string(content, field::VALUE_NAME)? } else { String::new() };
            fix_value_axes(content, &|axis, symbol| {
                let size = sizes.iter().find(|(input, at, _)| is_input && *input == own && *at == axis);
                size.map(|(_, _, size)| *size).or_else(|| names.get(symbol).copied())
            })
            .map(Some)
        })
        .map(Some)
    })
}

/// Fixes the axes of a value for which `size` returns a size, given the index and the symbolic name of the axis.
fn fix_value_axes(value: &[u8], size: &dyn Fn(usize, &str) -> Option<usize>) -> Result<Vec<u8>, ModelError> {
    let mut axis = 0;
    within(
        value,
        &[field::VALUE_TYPE, field::TYPE_TENSOR, field::TENSOR_SHAPE, field::SHAPE_DIM],
        &mut |dimension| {
            let symbol = string(dimension, field::DIM_PARAM)?;
            let has_size = fields(dimension)?.iter().any(|field| field.number == field::DIM_VALUE);
            let known = size(axis, &symbol).filter(|_| !has_size);
            axis += 1;
            Ok(known.map(|size| {
                let mut written = Vec::new();
                varint(&mut written, field::DIM_VALUE << 3);
                varint(&mut written, size as u64);
                written
            }))
        },
    )
}

/// Returns the replacement of a message, or `None` to keep it.
pub(super) type Replace<'a> = &'a mut dyn FnMut(&[u8]) -> Result<Option<Vec<u8>>, ModelError>;

/// Returns `message` with the nested messages at a path of field numbers replaced by `replace`.
pub(super) fn within(message: &[u8], path: &[u64], replace: Replace<'_>) -> Result<Vec<u8>, ModelError> {
    let Some((number, path)) = path.split_first() else { return Ok(message.to_vec()) };
    rewritten(message, |field| {
        let Some(content) = field.content.filter(|_| field.number == *number) else { return Ok(None) };
        match path {
            [] => replace(content),
            path => within(content, path, replace).map(Some),
        }
    })
}

/// Replaces the content of fields of a message.
fn rewritten<'a>(
    message: &'a [u8],
    mut replace: impl FnMut(Field<'a>) -> Result<Option<Vec<u8>>, ModelError>,
) -> Result<Vec<u8>, ModelError> {
    let mut written = Vec::with_capacity(message.len() + 64);
    for field in fields(message)? {
        match replace(field)? {
            Some(content) => {
                append_bytes(&mut written, field.number, &content);
            }
            None => written.extend_from_slice(field.written),
        }
    }
    Ok(written)
}

fn graph(model: &[u8]) -> Result<&[u8], ModelError> {
    let graph = fields(model)?.into_iter().find(|field| field.number == field::MODEL_GRAPH);
    graph
        .and_then(|field| field.content)
        .ok_or_else(|| ModelError::Model("the file is not an ONNX model: it has no graph".to_owned()))
}

/// The axes of a value.
fn dimensions(value: &[u8]) -> Result<Vec<&[u8]>, ModelError> {
    let mut messages = vec![value];
    for number in [field::VALUE_TYPE, field::TYPE_TENSOR, field::TENSOR_SHAPE, field::SHAPE_DIM] {
        let mut inner = Vec::new();
        for message in messages {
            let found = fields(message)?.into_iter().filter(|field| field.number == number);
            inner.extend(found.filter_map(|field| field.content));
        }
        messages = inner;
    }
    Ok(messages)
}

/// The string in the field `number` of a message; empty if there is none. Invalid UTF-8 is replaced.
pub(super) fn string(message: &[u8], number: u64) -> Result<String, ModelError> {
    let found = fields(message)?.into_iter().find(|field| field.number == number);
    Ok(found
        .and_then(|field| field.content)
        .map(|text| String::from_utf8_lossy(text).into_owned())
        .unwrap_or_default())
}

/// Wire type of length-delimited fields.
pub(super) const BYTES: u64 = 2;

/// Fields of a message in order.
///
/// # Errors
/// [`ModelError::Model`] if the bytes are not a message.
pub(super) fn fields(message: &[u8]) -> Result<Vec<Field<'_>>, ModelError> {
    let mut fields = Vec::new();
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let key = take_varint(&mut rest)?;
        let content = match key & 7 {
            0 => take_varint(&mut rest).map(|_| None)?,
            1 => take(&mut rest, 8).map(|_| None)?,
            BYTES => {
                let length = take_varint(&mut rest)?;
                Some(take(&mut rest, length)?)
            }
            5 => take(&mut rest, 4).map(|_| None)?,
            _ => return Err(ModelError::Model("the file is not an ONNX model, or is damaged".to_owned())),
        };
        let written = start.get(..start.len() - rest.len()).unwrap_or_default();
        fields.push(Field { number: key >> 3, written, content });
    }
    Ok(fields)
}

fn take<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], ModelError> {
    let split = usize::try_from(length).ok().and_then(|length| rest.split_at_checked(length));
    let (taken, behind) = split.ok_or_else(truncated)?;
    *rest = behind;
    Ok(taken)
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, ModelError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, behind) = rest.split_first().ok_or_else(truncated)?;
        *rest = behind;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(ModelError::Model("the file is not an ONNX model, or is damaged".to_owned()))
}

fn truncated() -> ModelError {
    ModelError::Model("the file is not an ONNX model, or is truncated".to_owned())
}

fn varint(written: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        written.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    written.push(value as u8);
}

/// Appends a length-delimited field: a message, a string or bytes.
pub(super) fn append_bytes(written: &mut Vec<u8>, number: u64, content: &[u8]) {
    varint(written, number << 3 | BYTES);
    varint(written, content.len() as u64);
    written.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: u64, content: &[u8]) -> Vec<u8> {
        let mut written = Vec::new();
        append_bytes(&mut written, number, content);
        written
    }

    /// A value with the given name and axes.
    fn value(name: &str, dimensions: &[Vec<u8>]) -> Vec<u8> {
        let shape: Vec<u8> = dimensions.iter().flat_map(|dimension| message(1, dimension)).collect();
        [message(1, name.as_bytes()), message(2, &message(1, &[vec![8, 1], message(2, &shape)].concat()))]
            .concat()
    }

    fn model(dimensions: &[Vec<u8>]) -> Vec<u8> {
        let graph = [message(11, &value("x", dimensions)), message(12, &value("y", dimensions))].concat();
        [vec![8, 8], message(7, &graph)].concat()
    }

    #[test]
    fn all_axes_with_the_same_name_are_fixed() {
        let (open, three) = (message(2, b"batch"), vec![8, 3]);
        let fixed_model = fix_axes(&model(&[open, three.clone()]), &[("x".to_owned(), 0, 300)]).unwrap();
        assert_eq!(fixed_model, model(&[vec![8, 0xac, 2], three]));
    }

    #[test]
    fn an_axis_without_a_name_is_fixed_only_where_requested() {
        let fixed_model = fix_axes(&model(&[vec![]]), &[("x".to_owned(), 0, 1)]).unwrap();
        let graph = [message(11, &value("x", &[vec![8, 1]])), message(12, &value("y", &[vec![]]))].concat();
        assert_eq!(fixed_model, [vec![8, 8], message(7, &graph)].concat());
    }

    #[test]
    fn other_formats_and_truncated_files_are_errors() {
        let whole = model(&[vec![8, 3]]);
        assert!(!outline(&whole).unwrap().refers_to_files);
        for length in 3..whole.len() {
            assert!(outline(&whole[..length]).is_err(), "{length}");
        }
        assert!(outline(b"<html>").is_err() && outline(&[0xff; 40]).is_err() && outline(b"").is_err());
        let beside = message(7, &message(5, &message(13, b"..")));
        assert!(outline(&beside).unwrap().refers_to_files);
    }
}
