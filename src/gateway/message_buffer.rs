//! Buffers a message while it is received, without trusting its announced length.

use bytes::{Bytes, BytesMut};

use crate::limits::LARGE_MESSAGE_BYTES;

/// The received part of a message, in one piece. It grows with the bytes that have arrived, not with those announced,
/// and does not keep the buffers of the connection.
#[derive(Debug, Default)]
pub(super) struct MessageBuffer(BytesMut);

impl MessageBuffer {
    /// Bytes received so far.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Appends bytes. `rest` is the announced number of bytes from here on, these included, or 0 if it is unknown.
    pub(super) fn push(&mut self, bytes: &[u8], rest: usize) {
        if self.0.capacity() - self.0.len() < bytes.len() {
            // A message of moderate size is allocated once.
            let announced = rest.min(self.0.len().max(LARGE_MESSAGE_BYTES));
            self.0.reserve(announced.max(bytes.len()));
        }
        self.0.extend_from_slice(bytes);
    }

    /// Takes the message, and leaves an empty buffer.
    pub(super) fn take(&mut self) -> Bytes {
        std::mem::take(&mut self.0).freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn announced_bytes_are_allocated_as_they_arrive() {
        let mut buffer = MessageBuffer::default();
        buffer.push(b"ab", 1 << 30);
        assert!(buffer.0.capacity() <= 2 * LARGE_MESSAGE_BYTES);
        let mut small = MessageBuffer::default();
        small.push(b"ab", 1_000);
        let address = small.0.as_ptr();
        small.push(&[0; 998], 998);
        assert_eq!((small.0.as_ptr(), small.len()), (address, 1_000));
        assert_eq!(small.take().len(), 1_000);
    }
}
