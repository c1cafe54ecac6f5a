//! Whether a message can be read, without reading it: what is passed on unread must be known to be documents, and what
//! they will hold.

use serde_json::Value;

use super::WireError;
use super::field::{Field, Fields};
use super::read::{Array, Reading, entry, score};
use crate::{Document, NamedScore};

/// What a list of documents is, as far as it takes to pass it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// How many documents it has, those below others not counted.
    pub(super) count: usize,
    /// Whether each of those has an id.
    pub(super) named: bool,
    /// Bytes that all of them will hold; more than that, if something is said twice.
    pub(super) bytes: usize,
}

impl Reading<'_> {
    /// What [`Self::list`] would read.
    pub(super) fn check_list(self, list: &[u8]) -> Result<Seen, WireError> {
        let mut seen = Seen { count: 0, named: true, bytes: 0 };
        for field in Fields::of(list) {
            if let (1, document) = field? {
                let (named, bytes) = self.deeper()?.check(document.bytes()?)?;
                seen.count += 1;
                seen.named &= named;
                seen.bytes += bytes;
            }
        }
        Ok(seen)
    }

    /// Whether the document has an id, and what it will hold.
    fn check(self, message: &[u8]) -> Result<(bool, usize), WireError> {
        let (mut named, mut bytes) = (false, size_of::<Document>());
        let (mut tensor, mut embedding) = (Array::default(), Array::default());
        for field in Fields::of(message) {
            let (number, field) = field?;
            match number {
                1 => {
                    let id = field.text()?;
                    named = !id.is_empty();
                    bytes += id.len();
                }
                2 => bytes += field.bytes()?.len(),
                3 => tensor.merge(field.bytes()?)?,
                4 | 7 | 9 | 10 | 11 => bytes += field.text()?.len(),
                5 | 6 => _ = field.number()?,
                8 | 12 => _ = field.float()?,
                13 => check_floats(field)?,
                14 | 15 => bytes += self.deeper()?.check(field.bytes()?)?.1,
                16 => embedding.merge(field.bytes()?)?,
                17 => bytes += self.deeper()?.check_object(field.bytes()?)?,
                18 => {
                    entry(field.bytes()?, score)?;
                    bytes += size_of::<(String, NamedScore)>();
                }
                _ => {}
            }
        }
        for array in [tensor, embedding] {
            bytes += array.finish(self)?.map_or(0, |tensor| tensor.data().len());
        }
        Ok((named, bytes))
    }

    /// What the values of an object will hold.
    fn check_object(self, message: &[u8]) -> Result<usize, WireError> {
        let mut bytes = 0;
        for field in Fields::of(message) {
            if let (1, field) = field? {
                let (name, value) = entry(field.bytes()?, |value| self.deeper()?.check_value(value))?;
                bytes += name.len() + value.unwrap_or(size_of::<Value>());
            }
        }
        Ok(bytes)
    }

    fn check_value(self, message: &[u8]) -> Result<usize, WireError> {
        let mut bytes = size_of::<Value>();
        for field in Fields::of(message) {
            match field? {
                (1 | 4, field) => _ = field.number()?,
                (2, field) => _ = field.double()?,
                (3, field) => bytes += field.text()?.len(),
                (5, field) => bytes += self.deeper()?.check_object(field.bytes()?)?,
                (6, field) => {
                    let items = self.deeper()?;
                    for item in Fields::of(field.bytes()?) {
                        if let (1, item) = item? {
                            bytes += items.deeper()?.check_value(item.bytes()?)?;
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(bytes)
    }
}

fn check_floats(field: Field<'_>) -> Result<(), WireError> {
    match field {
        Field::Bytes(packed) if packed.len().is_multiple_of(4) => Ok(()),
        Field::Bytes(_) => Err(WireError::CutOff),
        single => single.float().map(|_| ()),
    }
}
