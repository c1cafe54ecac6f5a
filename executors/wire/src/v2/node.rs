//! Values of docarray's second schema: reads a `NodeProto` of `proto/docarray2.proto` one level at a time. [`decode`] converts
//! the values.
//!
//! [`decode`]: super::decode

use flowrun_sdk::protobuf::{Field, FieldReader, WireError};
use prost::encoding::decode_varint;

use crate::extra_fields::KIND_NULL;

/// Largest number of messages in one another within a value, the value itself not counted. Prost decodes 100, and skips
/// unknown fields in all but the innermost.
pub(super) const LEVELS_MAX: u32 = 99;

/// A value, of which only the outermost level was read.
pub(super) struct Node<'a> {
    /// Number and undecoded content of the field of the `oneof` that is set; `None` for Python's `None`.
    pub(super) content: Option<(u32, Field<'a>)>,
    /// Python type of the value, if the sender states one.
    pub(super) r#type: Option<&'a str>,
    /// The encoded `NodeProto`.
    pub(super) bytes: &'a [u8],
}

impl<'a> Node<'a> {
    /// Reads the outermost level of an encoded `NodeProto`.
    ///
    /// # Errors
    /// [`WireError`] if `bytes` are not a message, or the type is not UTF-8.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut node = Self { content: None, r#type: None, bytes };
        for field in FieldReader::new(bytes) {
            match field? {
                (13, field) => node.r#type = Some(field.str()?),
                (number @ 1..=12, field) => node.content = Some((number, field)),
                _ => {}
            }
        }
        Ok(node)
    }

    /// Kind of a value that JSON can represent, as in [`ExtraFields::kinds`](crate::ExtraFields::kinds).
    pub(super) fn kind(&self) -> &'static str {
        match self.content {
            Some((1, _)) => "text",
            Some((2, _)) => "integer",
            Some((3, _)) => "float",
            Some((4, _)) => "boolean",
            Some((9, _)) => "list",
            Some((12, _)) => "dict",
            _ => KIND_NULL,
        }
    }
}

/// Checks an encoded `NodeProto` and all values in it: one that passes can be decoded to the generated types.
///
/// # Errors
/// [`WireError::TooDeep`] if it has more than [`LEVELS_MAX`] levels of messages: a list of values takes two, a map or a
/// document three, a list of documents four, an array two. Another [`WireError`] if a field is malformed, or for a group.
pub(super) fn check(node: &[u8]) -> Result<(), WireError> {
    check_node(node, LEVELS_MAX)
}

/// Checks a value that may contain `levels` levels of messages.
fn check_node(node: &[u8], levels: u32) -> Result<(), WireError> {
    for field in fields(node) {
        match field? {
            (1 | 13, field) => _ = field.str()?,
            (2 | 4, field) => _ = field.uint32()?,
            (3, field) => _ = field.double()?,
            (5, field) => _ = field.bytes()?,
            (6, field) => check_array(field.bytes()?, deeper(levels)?)?,
            (7 | 12, field) => check_map(field.bytes()?, deeper(levels)?)?,
            (8, field) => {
                let levels = deeper(levels)?;
                for document in fields(field.bytes()?) {
                    if let (1, document) = document? {
                        check_map(document.bytes()?, deeper(levels)?)?;
                    }
                }
            }
            (9..=11, field) => {
                let levels = deeper(levels)?;
                for item in fields(field.bytes()?) {
                    if let (1, item) = item? {
                        check_node(item.bytes()?, deeper(levels)?)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_map(map: &[u8], levels: u32) -> Result<(), WireError> {
    for entry in fields(map) {
        let (1, entry) = entry? else { continue };
        let levels = deeper(levels)?;
        for field in fields(entry.bytes()?) {
            match field? {
                (1, name) => _ = name.str()?,
                (2, value) => check_node(value.bytes()?, deeper(levels)?)?,
                _ => {}
            }
        }
    }
    Ok(())
}

fn check_array(array: &[u8], levels: u32) -> Result<(), WireError> {
    for field in fields(array) {
        match field? {
            (1, dense) => {
                deeper(levels)?;
                for field in fields(dense.bytes()?) {
                    match field? {
                        (1, buffer) => _ = buffer.bytes()?,
                        (2, shape) => check_shape(shape)?,
                        (3, dtype) => _ = dtype.str()?,
                        _ => {}
                    }
                }
            }
            (2, parameters) => _ = parameters.bytes()?,
            _ => {}
        }
    }
    Ok(())
}

fn fields(message: &[u8]) -> FieldReader<'_> {
    FieldReader::new(message).rejecting_groups()
}

fn deeper(levels: u32) -> Result<u32, WireError> {
    levels.checked_sub(1).ok_or(WireError::TooDeep)
}

/// Checks the encoding of a shape, packed or not. Its number of axes is not limited: an array that no tensor can represent
/// is kept as its message.
fn check_shape(shape: Field<'_>) -> Result<(), WireError> {
    match shape {
        Field::Bytes(mut packed) => {
            while !packed.is_empty() {
                decode_varint(&mut packed)?;
            }
            Ok(())
        }
        Field::Varint(_) => Ok(()),
        _ => Err(WireError::WrongType),
    }
}

/// Key and encoded value of an entry of a protobuf map.
pub(super) fn entry(message: &[u8]) -> Result<(&str, &[u8]), WireError> {
    let (mut name, mut value) = ("", &[][..]);
    for field in FieldReader::new(message) {
        match field? {
            (1, field) => name = field.str()?,
            (2, field) => value = field.bytes()?,
            _ => {}
        }
    }
    Ok((name, value))
}
