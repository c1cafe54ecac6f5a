//! Conversions between [`FlowrunBytes`], the borrowed bytes of the C interface, and Rust slices and texts.

use std::borrow::Cow;

use super::table::FlowrunBytes;

impl FlowrunBytes {
    /// Borrows `bytes`. The result is valid as long as they are.
    pub const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// No bytes: a null pointer and length 0.
    pub const EMPTY: Self = Self { data: std::ptr::null(), length: 0 };

    /// Borrows the bytes.
    ///
    /// # Safety
    /// `data` is null, or points to `length` bytes that are valid and unchanged for `'a`.
    pub const unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: the caller guarantees it.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    /// Borrows the text; invalid UTF-8 is replaced.
    ///
    /// # Safety
    /// The requirements of [`FlowrunBytes::bytes`].
    pub unsafe fn text<'a>(self) -> Cow<'a, str> {
        // SAFETY: the caller guarantees it.
        String::from_utf8_lossy(unsafe { self.bytes() })
    }
}
