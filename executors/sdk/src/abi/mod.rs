//! The boundary between flowrun and a shared library: plain C, so that any compiler will do.
//!
//! A library exports one symbol, `flowrun_plugin`. Given the host's table of functions it returns its own. Documents
//! cross as the bytes of the wire format ([`crate::protobuf`]), parameters and results as JSON. **Nothing changes its
//! owner**: what a function is given is valid until it returns, unless its description says otherwise, and whoever
//! made something frees it.
//!
//! What a library offers stands in a section of its file, `.note.flowrun`, which is read before anything of it is
//! executed: see [`Note`].
//!
//! A plugin in Rust sees none of this: it is an executor like any other, and one line exports it.
//!
//! ```
//! # use flowrun_sdk::{BuildError, Call, executor, export_executor};
//! # flowrun_sdk::parameters! {
//! #     /// None.
//! #     struct Nothing {}
//! # }
//! struct Mine;
//!
//! /// Does nothing.
//! #[executor]
//! impl Mine {
//!     #[create]
//!     fn new(_: Nothing) -> Result<Self, BuildError> {
//!         Ok(Self)
//!     }
//!
//!     #[requests]
//!     fn pass(&mut self, _: &mut Call<'_>) {}
//! }
//!
//! export_executor!(Mine::TYPE);
//! ```

mod describe;
mod description;
mod exported;
mod given;
mod log;
mod note;
mod plugin;
mod table;
mod text;

pub use description::{DescribedExecutor, DescribedKind, DescribedParameter, Description};
pub use note::{NOTE_NAME, NOTE_SECTION, NOTE_TYPE, Note, note_length};
pub use plugin::{Library, plugin, table};
pub use table::*;

impl FlowrunBytes {
    /// These bytes, as long as they live.
    pub const fn of(bytes: &[u8]) -> Self {
        Self { data: bytes.as_ptr(), length: bytes.len() }
    }

    /// No bytes.
    pub const EMPTY: Self = Self { data: std::ptr::null(), length: 0 };

    /// The bytes.
    ///
    /// # Safety
    /// There are as many as it says, and they live as long as `'a`.
    pub const unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: as whoever calls promises.
        unsafe { std::slice::from_raw_parts(self.data, self.length) }
    }

    /// The text; what is no UTF-8 is replaced.
    ///
    /// # Safety
    /// As [`FlowrunBytes::bytes`].
    pub unsafe fn text<'a>(self) -> std::borrow::Cow<'a, str> {
        // SAFETY: as whoever calls promises.
        String::from_utf8_lossy(unsafe { self.bytes() })
    }
}

/// The number of a kind of error.
pub fn status(kind: crate::ErrorKind) -> u32 {
    use crate::ErrorKind as Kind;
    match kind {
        Kind::Input => FLOWRUN_INPUT,
        Kind::Parameter => FLOWRUN_PARAMETER,
        Kind::Resource => FLOWRUN_RESOURCE,
        Kind::Cancelled => FLOWRUN_CANCELLED,
        Kind::Expired => FLOWRUN_EXPIRED,
        Kind::Internal => FLOWRUN_INTERNAL,
    }
}

/// The kind of error of that number; numbers that are none are defects.
pub fn kind(status: u32) -> crate::ErrorKind {
    use crate::ErrorKind as Kind;
    match status {
        FLOWRUN_INPUT => Kind::Input,
        FLOWRUN_PARAMETER => Kind::Parameter,
        FLOWRUN_RESOURCE => Kind::Resource,
        FLOWRUN_CANCELLED => Kind::Cancelled,
        FLOWRUN_EXPIRED => Kind::Expired,
        _ => Kind::Internal,
    }
}
