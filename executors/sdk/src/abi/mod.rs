//! The binary interface between flowrun and a shared library with executors: plain C, usable from any language.
//!
//! A library exports one function, `flowrun_plugin`, which receives the host's table of functions and returns its own
//! ([`FlowrunHost`], [`FlowrunPlugin`]). Documents cross the interface as messages of docarray's first schema
//! ([`crate::protobuf`]), parameters and results as JSON. **Ownership never crosses it**: arguments are valid until the
//! function returns, unless its description states otherwise, and memory is freed by the side that allocated it.
//!
//! The executors of a library are described in a section of its file, `.note.flowrun`, which the host reads before it
//! executes anything of the library: see [`Note`].
//!
//! Plugins in Rust use none of this directly: [`export_executor!`](crate::export_executor!) exports ordinary executors.
//!
//! ```
//! # use flowrun_sdk::{BuildError, Call, executor, export_executor};
//! # flowrun_sdk::parameters! {
//! #     /// No parameters.
//! #     struct NoParameters {}
//! # }
//! struct Mine;
//!
//! /// Does nothing.
//! #[executor]
//! impl Mine {
//!     #[create]
//!     fn new(_: NoParameters) -> Result<Self, BuildError> {
//!         Ok(Self)
//!     }
//!
//!     #[requests]
//!     fn pass(&mut self, _: &mut Call<'_>) {}
//! }
//!
//! export_executor!(Mine::TYPE);
//! ```

mod bytes;
mod const_description;
mod const_json;
mod description;
mod entry;
mod export;
mod exported_executor;
mod host_log;
mod incoming_call;
mod note;
mod status;
mod table;

pub use description::{DescribedExecutor, DescribedKind, DescribedParameter, Description};
pub use entry::{plugin_table, start_plugin};
pub use export::Library;
pub use note::{NOTE_NAME, NOTE_SECTION, NOTE_TYPE, Note, note_length};
pub use status::{error_kind, status};
pub use table::*;
