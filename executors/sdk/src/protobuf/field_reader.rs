//! Reads the fields of a protobuf message without a schema.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::error::WireError;
use crate::TensorError;
use crate::tensor::AXES_MAX;

/// Content of a field, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Field<'a> {
    /// An integer of up to 64 bits, an enum or a boolean.
    Varint(u64),
    /// Four bytes: a `float`.
    Fixed32([u8; 4]),
    /// Eight bytes: a `double`.
    Fixed64([u8; 8]),
    /// A string, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
}

/// Iterates over the fields of a message: number and content. Groups, a deprecated encoding, are skipped. Ends after the
/// first error.
#[derive(Clone, Debug)]
pub struct FieldReader<'a> {
    rest: &'a [u8],
    rejects_groups: bool,
}

impl<'a> FieldReader<'a> {
    /// Reads the fields of `message`.
    #[must_use]
    pub fn new(message: &'a [u8]) -> Self {
        Self { rest: message, rejects_groups: false }
    }

    /// Makes groups an error. The depth to which a decoder skips groups depends on the nesting of the message.
    #[must_use]
    pub fn rejecting_groups(self) -> Self {
        Self { rejects_groups: true, ..self }
    }

    /// Number of the remaining fields with that number, up to the first error.
    #[must_use]
    pub fn count_of(&self, number: u32) -> usize {
        self.clone().filter(|field| matches!(field, Ok((found, _)) if *found == number)).count()
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Reads one field; its content is `None` for a group.
    fn read(&mut self) -> Result<(u32, Option<Field<'a>>), WireError> {
        let (number, wire) = decode_key(&mut self.rest)?;
        let field = match wire {
            WireType::Varint => Field::Varint(decode_varint(&mut self.rest)?),
            WireType::ThirtyTwoBit => Field::Fixed32(self.take()?),
            WireType::SixtyFourBit => Field::Fixed64(self.take()?),
            WireType::LengthDelimited => {
                let length =
                    usize::try_from(decode_varint(&mut self.rest)?).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(WireError::Truncated)?;
                self.rest = rest;
                Field::Bytes(bytes)
            }
            WireType::StartGroup if self.rejects_groups => return Err(WireError::WrongType),
            WireType::StartGroup | WireType::EndGroup => {
                skip_field(wire, number, &mut self.rest, DecodeContext::default())?;
                return Ok((number, None));
            }
        };
        Ok((number, Some(field)))
    }
}

impl<'a> Iterator for FieldReader<'a> {
    type Item = Result<(u32, Field<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.rest.is_empty() {
            match self.read() {
                Ok((number, Some(field))) => return Some(Ok((number, field))),
                Ok((_, None)) => {}
                Err(error) => {
                    self.rest = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Conversions fail with [`WireError::WrongType`] if the wire type does not match.
impl<'a> Field<'a> {
    /// Content of a string, bytes, a message or packed numbers.
    ///
    /// # Errors
    /// [`WireError`] if the field has another wire type.
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::WrongType),
        }
    }

    /// Content of a string.
    ///
    /// # Errors
    /// [`WireError`] if the field has another wire type or is not UTF-8.
    pub fn str(self) -> Result<&'a str, WireError> {
        str::from_utf8(self.bytes()?).map_err(|_| WireError::NotUtf8)
    }

    /// Narrows to 32 bits by dropping the upper half, as every protobuf implementation does.
    ///
    /// # Errors
    /// [`WireError`] if the field has another wire type.
    #[expect(clippy::cast_possible_truncation, reason = "that is how protobuf narrows")]
    pub fn uint32(self) -> Result<u32, WireError> {
        match self {
            Self::Varint(number) => Ok(number as u32),
            _ => Err(WireError::WrongType),
        }
    }

    /// Value of a `float`.
    ///
    /// # Errors
    /// [`WireError`] if the field has another wire type.
    pub fn float(self) -> Result<f32, WireError> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(WireError::WrongType),
        }
    }

    /// Value of a `double`.
    ///
    /// # Errors
    /// [`WireError`] if the field has another wire type.
    pub fn double(self) -> Result<f64, WireError> {
        match self {
            Self::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(WireError::WrongType),
        }
    }

    /// Appends the floats of a repeated field, packed or not.
    ///
    /// # Errors
    /// [`WireError`] if the field has another wire type or is truncated.
    pub fn append_floats(self, floats: &mut Vec<f32>) -> Result<(), WireError> {
        match self {
            Self::Bytes(packed) => {
                let (each, rest) = packed.as_chunks();
                if !rest.is_empty() {
                    return Err(WireError::Truncated);
                }
                floats.extend(each.iter().copied().map(f32::from_le_bytes));
            }
            single => floats.push(single.float()?),
        }
        Ok(())
    }

    /// Appends the axes of a shape, a repeated field, packed or not. Sizes beyond the address space are saturated.
    ///
    /// # Errors
    /// [`WireError`] for another wire type, a truncated field, or more axes than a tensor may have.
    pub fn append_axes(self, shape: &mut Vec<usize>) -> Result<(), WireError> {
        let mut append = |size| {
            // Checked here, because an axis of one byte occupies eight in memory.
            if shape.len() == AXES_MAX {
                return Err(TensorError::TooManyAxes(shape.len() + 1));
            }
            shape.push(usize::try_from(size).unwrap_or(usize::MAX));
            Ok(())
        };
        match self {
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    append(decode_varint(&mut packed)?)?;
                }
            }
            Self::Varint(size) => append(size)?,
            _ => return Err(WireError::WrongType),
        }
        Ok(())
    }
}
