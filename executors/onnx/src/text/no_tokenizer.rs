//! Stands in for `tokenizer` in builds without the cargo feature `tokenizers`: opening a tokenizer is an error that
//! names the feature.

use std::path::Path;

use flowrun_sdk::{BuildError, ExecutorError};

use super::tokens::Tokens;

/// The tokenizer type of this build. It has no values, so its methods are never called.
pub(super) enum TextTokenizer {}

impl TextTokenizer {
    /// Fails: this build cannot read a `tokenizer.json`.
    pub(super) fn open(_path: &Path, _max_tokens: Option<usize>) -> Result<Self, BuildError> {
        Err(missing())
    }

    /// Fails: this build has no CLIP tokenizer.
    pub(super) fn clip(_max_tokens: Option<usize>) -> Result<Self, BuildError> {
        Err(missing())
    }

    /// Tokenises a text.
    pub(super) fn encode(&self, _text: &str) -> Result<Tokens, ExecutorError> {
        match *self {}
    }

    /// Largest number of tokens of a text.
    pub(super) fn max_tokens(&self) -> usize {
        match *self {}
    }

    /// Token id of padding.
    pub(super) fn padding(&self) -> u32 {
        match *self {}
    }

    /// Largest token id.
    pub(super) fn last_id(&self) -> u32 {
        match *self {}
    }
}

fn missing() -> BuildError {
    let reason = "this build has no tokenizers: build with `cargo build --release --features tokenizers`";
    BuildError::parameter("tokenizer", reason)
}
