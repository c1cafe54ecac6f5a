//! A message, field by field: the protobuf encoding as it is, without a schema.

use std::str;

use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

use super::WireError;

/// What a field holds, as far as its encoding tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    /// A number of up to 64 bits, or a truth.
    Varint(u64),
    /// Four bytes: a `float`.
    Four([u8; 4]),
    /// Eight bytes: a `double`.
    Eight([u8; 8]),
    /// A text, bytes, a message, or packed numbers.
    Bytes(&'a [u8]),
}

/// The fields of a message in the order in which they stand: number and content. Groups, which nobody sends any more,
/// are passed over. Ends behind the first error.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    /// The fields of this message.
    pub(super) fn of(message: &'a [u8]) -> Self {
        Self(message)
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(WireError::CutOff)?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The next field; `None` for a group.
    fn read(&mut self) -> Result<(u32, Option<Field<'a>>), WireError> {
        let (number, wire) = decode_key(&mut self.0)?;
        let field = match wire {
            WireType::Varint => Field::Varint(decode_varint(&mut self.0)?),
            WireType::ThirtyTwoBit => Field::Four(self.take()?),
            WireType::SixtyFourBit => Field::Eight(self.take()?),
            WireType::LengthDelimited => {
                let length = usize::try_from(decode_varint(&mut self.0)?).map_err(|_| WireError::CutOff)?;
                let (bytes, rest) = self.0.split_at_checked(length).ok_or(WireError::CutOff)?;
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

impl<'a> Iterator for Fields<'a> {
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

impl<'a> Field<'a> {
    /// The bytes that a field of bytes or a message holds.
    ///
    /// # Errors
    /// [`WireError::WrongType`], as for all of these.
    pub(super) fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(WireError::WrongType),
        }
    }

    /// The text that a field holds.
    pub(super) fn text(self) -> Result<&'a str, WireError> {
        str::from_utf8(self.bytes()?).map_err(|_| WireError::NotText)
    }

    /// The small number that a field holds. What does not fit loses its upper half, as everywhere in protobuf.
    #[expect(clippy::cast_possible_truncation, reason = "that is how protobuf narrows")]
    pub(super) fn number(self) -> Result<u32, WireError> {
        match self {
            Self::Varint(number) => Ok(number as u32),
            _ => Err(WireError::WrongType),
        }
    }

    pub(super) fn float(self) -> Result<f32, WireError> {
        match self {
            Self::Four(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(WireError::WrongType),
        }
    }

    pub(super) fn double(self) -> Result<f64, WireError> {
        match self {
            Self::Eight(bytes) => Ok(f64::from_le_bytes(bytes)),
            _ => Err(WireError::WrongType),
        }
    }

    /// Adds the floats that a repeated field holds, packed or not.
    pub(super) fn floats(self, floats: &mut Vec<f32>) -> Result<(), WireError> {
        match self {
            Self::Bytes(packed) => {
                let (each, rest) = packed.as_chunks();
                if !rest.is_empty() {
                    return Err(WireError::CutOff);
                }
                floats.extend(each.iter().copied().map(f32::from_le_bytes));
            }
            single => floats.push(single.float()?),
        }
        Ok(())
    }

    /// Adds the sides that a repeated field holds, packed or not.
    pub(super) fn sides(self, sides: &mut Vec<usize>) -> Result<(), WireError> {
        let mut add = |side| sides.push(usize::try_from(side).unwrap_or(usize::MAX));
        match self {
            Self::Bytes(mut packed) => {
                while !packed.is_empty() {
                    add(decode_varint(&mut packed)?);
                }
            }
            Self::Varint(side) => add(side),
            _ => return Err(WireError::WrongType),
        }
        Ok(())
    }
}
