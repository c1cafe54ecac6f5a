//! Tokenises texts with a Hugging Face `tokenizer.json` or with CLIP's tokenizer.

use std::path::Path;

use flowrun_sdk::{BuildError, ExecutorError, guard};
use tokenizers::{PostProcessor as _, Tokenizer, TruncationDirection, TruncationParams};

use super::clip::ClipTokenizer;
use super::tokens::{self, Tokens};

/// Largest `tokenizer.json` in bytes. Multilingual vocabularies have 17 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// A tokenizer of Hugging Face, or CLIP's.
pub(super) struct TextTokenizer {
    kind: Kind,
    /// Largest number of tokens of a text.
    max_tokens: usize,
    /// Token id of padding.
    padding: u32,
}

enum Kind {
    HuggingFace(Box<Tokenizer>),
    Clip(Box<ClipTokenizer>),
}

impl TextTokenizer {
    /// Opens a `tokenizer.json`. Its padding and truncation settings are overridden, because files are often saved with
    /// the settings of their last use. A `max_tokens` of `None` means that of the file, or 512 if it has none.
    ///
    /// # Errors
    /// [`BuildError::Parameter`] if the file cannot be read, is not a tokenizer, or `max_tokens` is too small.
    pub(super) fn open(path: &Path, max_tokens: Option<usize>) -> Result<Self, BuildError> {
        let bytes = guard::read_file(path, FILE_BYTES_MAX);
        let bytes = bytes.map_err(|error| BuildError::parameter("tokenizer", error))?;
        let mut tokenizer =
            Tokenizer::from_bytes(guard::without_byte_order_mark(&bytes)).map_err(|error| {
                let path = path.display();
                let reason = format_args!("`{path}` is not a `tokenizer.json` of Hugging Face: {error}");
                BuildError::parameter("tokenizer", reason)
            })?;
        let own = tokenizer.get_truncation().map(|truncation| truncation.max_length);
        let max_tokens = max_tokens.or(own).unwrap_or(LENGTH_MAX);
        let special = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        if max_tokens <= special {
            let reason = format_args!("must be more than {special}, the number of special tokens");
            return Err(BuildError::parameter("max_length", reason));
        }
        let direction = tokenizer.get_truncation().map_or(TruncationDirection::Right, |own| own.direction);
        let truncation =
            TruncationParams { max_length: max_tokens, direction, ..TruncationParams::default() };
        let padding = tokenizer.get_padding().map(|padding| padding.pad_id);
        let padding = padding.or_else(|| PADDING.iter().find_map(|token| tokenizer.token_to_id(token)));
        tokenizer.with_padding(None);
        let truncated = tokenizer.with_truncation(Some(truncation)).map(drop);
        truncated.map_err(|error| BuildError::parameter("max_length", error))?;
        let kind = Kind::HuggingFace(Box::new(tokenizer));
        Ok(Self { kind, max_tokens, padding: padding.unwrap_or(0) })
    }

    /// CLIP's tokenizer. A `max_tokens` of `None` means 77.
    ///
    /// # Errors
    /// [`BuildError::Parameter`] if `max_tokens` is less than 2.
    pub(super) fn clip(max_tokens: Option<usize>) -> Result<Self, BuildError> {
        let max_tokens = max_tokens.unwrap_or(tokens::CLIP_CONTEXT);
        if max_tokens < 2 {
            return Err(BuildError::parameter(
                "max_length",
                "must be more than 1: the start and end tokens take two",
            ));
        }
        Ok(Self { kind: Kind::Clip(Box::new(ClipTokenizer::new()?)), max_tokens, padding: 0 })
    }

    /// Tokenises a text, with special tokens. Longer texts than the maximum are truncated.
    pub(super) fn encode(&self, text: &str) -> Result<Tokens, ExecutorError> {
        match &self.kind {
            Kind::Clip(tokenizer) => tokenizer.encode(text, self.max_tokens),
            Kind::HuggingFace(tokenizer) => {
                let encoding = tokenizer.encode_fast(text, true).map_err(ExecutorError::input)?;
                Ok(Tokens { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
            }
        }
    }

    /// Largest number of tokens of a text.
    pub(super) fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// Token id of padding.
    pub(super) fn padding(&self) -> u32 {
        self.padding
    }

    /// Largest token id.
    pub(super) fn last_id(&self) -> u32 {
        match &self.kind {
            Kind::Clip(tokenizer) => tokenizer.last_id(),
            Kind::HuggingFace(tokenizer) => tokenizer.get_vocab(true).into_values().max().unwrap_or_default(),
        }
    }
}

/// Default for the largest number of tokens: the positions of BERT.
const LENGTH_MAX: usize = 512;

/// Names of the padding token in vocabularies, by precedence.
const PADDING: [&str; 3] = ["[PAD]", "<pad>", "<|endoftext|>"];
