//! JSON that is written at compile time, because the note of a library is part of its file.

/// A JSON text under construction. Bytes beyond `N` are only counted, so that `N = 0` measures the length.
#[derive(Debug)]
pub(super) struct ConstJson<const N: usize> {
    /// The text, padded with spaces; its first `N` bytes if it is longer.
    pub(super) bytes: [u8; N],
    /// Length of the whole text in bytes, which may exceed `N`.
    pub(super) length: usize,
}

impl<const N: usize> ConstJson<N> {
    /// Creates an empty text.
    pub(super) const fn new() -> Self {
        // JSON ignores trailing spaces, which are the padding.
        Self { bytes: [b' '; N], length: 0 }
    }

    #[expect(clippy::indexing_slicing, reason = "the bound is checked before")]
    const fn byte(&mut self, byte: u8) {
        if self.length < N {
            self.bytes[self.length] = byte;
        }
        self.length += 1;
    }

    /// Appends text as it is.
    #[expect(clippy::indexing_slicing, reason = "the bound is checked before")]
    pub(super) const fn raw(&mut self, text: &str) {
        let (bytes, mut position) = (text.as_bytes(), 0);
        while position < bytes.len() {
            self.byte(bytes[position]);
            position += 1;
        }
    }

    /// Appends a JSON string. White space is trimmed, and runs of it become one space.
    #[expect(clippy::indexing_slicing, reason = "the bound is checked before")]
    pub(super) const fn string(&mut self, text: &str) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let (bytes, mut position, mut blank, mut begun) = (text.as_bytes(), 0, false, false);
        self.byte(b'"');
        while position < bytes.len() {
            let byte = bytes[position];
            position += 1;
            if matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                blank = begun;
                continue;
            }
            if blank {
                self.byte(b' ');
            }
            (blank, begun) = (false, true);
            match byte {
                b'"' | b'\\' => {
                    self.byte(b'\\');
                    self.byte(byte);
                }
                0..0x20 => {
                    self.raw("\\u00");
                    self.byte(DIGITS[(byte >> 4) as usize]);
                    self.byte(DIGITS[(byte & 15) as usize]);
                }
                _ => self.byte(byte),
            }
        }
        self.byte(b'"');
    }

    /// Appends a comma and a key of an object.
    pub(super) const fn key(&mut self, name: &str) {
        self.byte(b',');
        self.string(name);
        self.byte(b':');
    }

    /// Appends a number in decimal digits.
    #[expect(clippy::indexing_slicing, reason = "the bound is checked before")]
    pub(super) const fn number(&mut self, mut number: u64) {
        let (mut digits, mut count) = ([0_u8; 20], 0);
        loop {
            digits[count] = b'0' + (number % 10) as u8;
            number /= 10;
            count += 1;
            if number == 0 {
                break;
            }
        }
        while count > 0 {
            count -= 1;
            self.byte(digits[count]);
        }
    }
}
