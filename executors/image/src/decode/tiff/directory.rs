//! Reads the first directory of a TIFF file: the entries that the decoder of the `image` crate does not obey.

/// Bytes of an entry: tag, type, count, and the value or its position.
const ENTRY_BYTES: usize = 12;
/// Position of the value in an entry.
const VALUE: usize = 8;
/// Types of values of one and of two bytes; values of other types are read as four bytes.
const BYTE: u16 = 1;
const SHORT: u16 = 3;

/// The first directory of a file.
#[derive(Clone, Copy)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    is_little: bool,
    /// Position of the first entry.
    start: usize,
    count: usize,
}

/// An entry of a directory.
#[derive(Clone, Copy)]
struct Entry<'a> {
    bytes: &'a [u8],
    /// Position in the file.
    position: usize,
}

impl<'a> Directory<'a> {
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let is_little = bytes.starts_with(b"II*\0");
        if !is_little && !bytes.starts_with(b"MM\0*") {
            return None;
        }
        let directory = Self { bytes, is_little, start: 0, count: 0 };
        let position = usize::try_from(directory.long(bytes.get(4..)?)?).ok()?;
        let count = directory.short(bytes.get(position..)?)?;
        Some(Self { start: position + 2, count: count.into(), ..directory })
    }

    /// The first value of an entry, of a type whose values fit into the entry.
    pub(super) fn value(&self, tag: u16) -> Option<u32> {
        self.values(tag).next()
    }

    /// The first values of all entries of a tag. Files have one, but which of several counts is up to the decoder.
    pub(super) fn values(&self, tag: u16) -> impl Iterator<Item = u32> {
        self.entries().filter(move |entry| self.short(entry.bytes) == Some(tag)).filter_map(|entry| {
            let value = entry.bytes.get(VALUE..)?;
            match self.kind(entry)? {
                BYTE => value.first().copied().map(u32::from),
                SHORT => self.short(value).map(u32::from),
                _ => self.long(value),
            }
        })
    }

    /// The values of two bytes of an entry that has more of them than fit into it, at most `max`.
    pub(super) fn shorts(&self, tag: u16, max: usize) -> Option<Vec<u16>> {
        let entry = self.entry(tag).filter(|entry| self.kind(*entry) == Some(SHORT))?;
        let count = usize::try_from(self.long(entry.bytes.get(4..)?)?).ok().filter(|count| *count <= max)?;
        let position = usize::try_from(self.long(entry.bytes.get(VALUE..)?)?).ok()?;
        let values = self.bytes.get(position..)?.get(..count.checked_mul(2)?)?;
        values.chunks_exact(2).map(|value| self.short(value)).collect()
    }

    /// A copy of the file in which an entry of one value of two bytes has another value.
    pub(super) fn with_short(&self, tag: u16, value: u16) -> Option<Vec<u8>> {
        let entry = self.entry(tag).filter(|entry| self.kind(*entry) == Some(SHORT))?;
        let value = if self.is_little { value.to_le_bytes() } else { value.to_be_bytes() };
        let mut changed = self.bytes.to_vec();
        changed.get_mut(entry.position + VALUE..)?.get_mut(..2)?.copy_from_slice(&value);
        Some(changed)
    }

    fn entry(&self, tag: u16) -> Option<Entry<'a>> {
        self.entries().find(|entry| self.short(entry.bytes) == Some(tag))
    }

    fn entries(&self) -> impl Iterator<Item = Entry<'a>> + use<'a> {
        let (bytes, start) = (self.bytes.get(self.start..).unwrap_or_default(), self.start);
        let entries = bytes.chunks_exact(ENTRY_BYTES).take(self.count).enumerate();
        entries.map(move |(number, bytes)| Entry { bytes, position: start + number * ENTRY_BYTES })
    }

    fn kind(&self, entry: Entry<'_>) -> Option<u16> {
        self.short(entry.bytes.get(2..)?)
    }

    fn short(&self, bytes: &[u8]) -> Option<u16> {
        let pair = *bytes.first_chunk()?;
        Some(if self.is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
    }

    fn long(&self, bytes: &[u8]) -> Option<u32> {
        let four = *bytes.first_chunk()?;
        Some(if self.is_little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }
}
