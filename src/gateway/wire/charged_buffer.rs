//! A buffer that is charged to the capacity of the gateway before it is allocated.

use std::io;

use crate::gateway::bytes_permit::BytesPermit;
use crate::limits::REPLY_BYTES_MIN;

/// Capacity in bytes up to which a buffer doubles. Larger ones grow by a quarter, which copies more and takes less
/// memory.
const DOUBLED_BYTES_MAX: usize = 1 << 20;

/// A growing buffer. Its first [`REPLY_BYTES_MIN`] bytes are those that every reply is charged for.
pub(super) struct ChargedBuffer<'a> {
    bytes: Vec<u8>,
    permit: &'a BytesPermit,
    /// Bytes that the permit is for without the buffer.
    held: usize,
}

impl<'a> ChargedBuffer<'a> {
    /// An empty buffer, charged to `permit` in addition to the bytes that it holds.
    pub(super) fn new(permit: &'a BytesPermit) -> Self {
        Self { bytes: Vec::new(), permit, held: permit.bytes() }
    }

    /// The content. Only its own capacity remains charged.
    pub(super) fn finish(self) -> Vec<u8> {
        self.permit.shrink_to(self.bytes.capacity() + REPLY_BYTES_MIN);
        self.bytes
    }

    fn grow(&mut self, needed: usize) -> io::Result<()> {
        let capacity = self.bytes.capacity();
        let step = if capacity < DOUBLED_BYTES_MAX { capacity } else { capacity / 4 };
        let capacity = needed.max(capacity + step).max(REPLY_BYTES_MIN);
        // While it grows, both buffers are in memory.
        if capacity > REPLY_BYTES_MIN {
            let both = self.held + self.bytes.capacity() + capacity;
            self.permit.try_grow_to(both).map_err(io::Error::other)?;
        }
        self.bytes.reserve_exact(capacity - self.bytes.len());
        self.permit.shrink_to(self.held + capacity);
        Ok(())
    }
}

impl io::Write for ChargedBuffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let needed = self.bytes.len() + bytes.len();
        if needed > self.bytes.capacity() {
            self.grow(needed)?;
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;
    use crate::gateway::bytes_permit::ByteCapacity;

    const MAX: usize = 64 << 20;

    #[test]
    fn a_buffer_is_charged_before_it_grows() {
        let capacity = ByteCapacity::new(MAX);
        let permit = capacity.permit();
        permit.try_grow_to(1 << 20).unwrap();
        let mut buffer = ChargedBuffer::new(&permit);
        for length in 1..1000 {
            buffer.write_all(&vec![b'x'; length]).unwrap();
            assert!(MAX - capacity.free() + REPLY_BYTES_MIN >= (1 << 20) + buffer.bytes.capacity());
        }
        let bytes = buffer.finish();
        assert_eq!(bytes.len(), 1000 * 999 / 2);
        assert!(permit.bytes() >= bytes.len() && permit.bytes() < bytes.capacity() + 3 * REPLY_BYTES_MIN);
    }

    #[test]
    fn a_buffer_does_not_grow_beyond_the_capacity() {
        let capacity = ByteCapacity::new(MAX);
        let permit = capacity.permit();
        let _others = capacity.fill(1 << 20);
        let mut buffer = ChargedBuffer::new(&permit);
        let written = (0..100).take_while(|_| buffer.write_all(&[0; 100_000]).is_ok()).count();
        assert!((1..10).contains(&written), "{written}");
    }
}
