//! Reads the fields of a protobuf message without a schema.

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::error::WireError;

/// Content of a field, by its wire type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
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
pub(super) struct FieldReader<'a>(&'a [u8]);

impl<'a> FieldReader<'a> {
    pub(super) fn new(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WireError::Truncated)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// Reads one field; its content is `None` for a group.
    fn read(&mut self) -> Result<(u32, Option<Field<'a>>), WireError> {
        let (number, wire) = decode_key(&mut self.0)?;
        let field = match wire {
            WireType::Varint => Field::Varint(decode_varint(&mut self.0)?),
            WireType::ThirtyTwoBit => Field::Fixed32(self.take()?),
            WireType::SixtyFourBit => Field::Fixed64(self.take()?),
            WireType::LengthDelimited => {
                let length =
                    usize::try_from(decode_varint(&mut self.0)?).map_err(|_| WireError::Truncated)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError::Truncated)?;
                self.0 = rest;
                Field::Bytes(bytes)
            }
            WireType::StartGroup | WireType::EndGroup => {
                skip_field(wire, number, &mut self.0, DecodeContext::default())?;
                return Ok((number, None));
            }
        };
        Ok((number, Some(field)))
    }
}

impl<'a> Iterator for FieldReader<'a> {
    type Item = Result<(u32, Field<'a>), WireError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.0.is_empty() {
            match self.read() {
                Ok((number, Some(field))) => return Some(Ok((number, field))),
                Ok((_, None)) => {}
                Err(error) => {
                    self.0 = &[];
                    return Some(Err(error));
                }
            }
        }
        None
    }
}

/// Conversions fail with [`WireError::WrongType`] if the wire type does not match.
impl<'a> Field<'a> {
    pub(super) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::WrongType),
        }
    }

    pub(super) fn str(self) -> Result<&'a str, WireError> {
        str::from_utf8(self.bytes()?).map_err(|_| WireError::NotUtf8)
    }

    /// Narrows to 32 bits by dropping the upper half, as every protobuf implementation does.
    #[expect(clippy::cast_possible_truncation, reason = "that is how protobuf narrows")]
    pub(super) fn uint32(self) -> Result<u32, WireError> {
        match self {
            Self::Varint(number) => Ok(number as u32),
            _ => Err(WireError::WrongType),
        }
    }

    pub(super) fn float(self) -> Result<f32, WireError> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(WireError::WrongType),
        }
    }

    pub(super) fn double(self) -> Result<f64, WireError> {
        match self {
            Self::Fixed64(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(WireError::WrongType),
        }
    }

    /// Appends the floats of a repeated field, packed or not.
    pub(super) fn append_floats(self, floats: &mut Vec<f32>) -> Result<(), WireError> {
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

    /// Appends the sizes of a repeated field, packed or not. Sizes beyond the address space are saturated.
    pub(super) fn append_sizes(self, sizes: &mut Vec<usize>) -> Result<(), WireError> {
        let mut append = |size| sizes.push(usize::try_from(size).unwrap_or(usize::MAX));
        match self {
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    append(decode_varint(&mut packed)?);
                }
            }
            Self::Varint(size) => append(size),
            _ => return Err(WireError::WrongType),
        }
        Ok(())
    }
}
