//! From texts to tokens: as a `tokenizer.json` says, the format of Hugging Face, or as CLIP does it.

use std::path::Path;

use flowrun_sdk::{BuildError, ExecutorError, guard};
use tokenizers::{PostProcessor as _, Tokenizer, TruncationDirection, TruncationParams};

use super::clip::ClipTokenizer;
use super::tokens::{self, Tokens};

/// The largest `tokenizer.json`. Those of vocabularies for all languages have 17 MB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// What cuts texts into tokens.
pub(super) struct TextTokenizer {
    kind: Kind,
    /// Tokens of a text at the most.
    length_max: usize,
    /// What stands in places without a token.
    padding: u32,
}

enum Kind {
    HuggingFace(Box<Tokenizer>),
    Clip(Box<ClipTokenizer>),
}

impl TextTokenizer {
    /// The one that a `tokenizer.json` describes. It pads and truncates as the encoder wants, not as the file says: files
    /// are often saved with what was last done to them. A `length_max` of `None` is the file's, if that has one.
    pub(super) fn open(path: &Path, length_max: Option<usize>) -> Result<Self, BuildError> {
        let bytes = guard::read_file(path, FILE_BYTES_MAX);
        let bytes = bytes.map_err(|error| BuildError::parameter("tokenizer", error))?;
        let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|error| {
            let path = path.display();
            let reason = format_args!("`{path}` is no `tokenizer.json` of Hugging Face: {error}");
            BuildError::parameter("tokenizer", reason)
        })?;
        let own = tokenizer.get_truncation().map(|truncation| truncation.max_length);
        let length_max = length_max.or(own).unwrap_or(LENGTH_MAX);
        let special = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
        if length_max <= special {
            let reason = format_args!("must be more than {special}, which are special tokens");
            return Err(BuildError::parameter("max_length", reason));
        }
        let direction = tokenizer.get_truncation().map_or(TruncationDirection::Right, |own| own.direction);
        let truncation =
            TruncationParams { max_length: length_max, direction, ..TruncationParams::default() };
        let padding = tokenizer.get_padding().map(|padding| padding.pad_id);
        let padding = padding.or_else(|| PADDING.iter().find_map(|token| tokenizer.token_to_id(token)));
        tokenizer.with_padding(None);
        let truncated = tokenizer.with_truncation(Some(truncation)).map(drop);
        truncated.map_err(|error| BuildError::parameter("max_length", error))?;
        let kind = Kind::HuggingFace(Box::new(tokenizer));
        Ok(Self { kind, length_max, padding: padding.unwrap_or(0) })
    }

    /// CLIP's.
    pub(super) fn clip(length_max: Option<usize>) -> Result<Self, BuildError> {
        let length_max = length_max.unwrap_or(tokens::CLIP_CONTEXT);
        if length_max < 2 {
            return Err(BuildError::parameter("max_length", "must be more than 1: a start and an end"));
        }
        Ok(Self { kind: Kind::Clip(Box::new(ClipTokenizer::new()?)), length_max, padding: 0 })
    }

    /// The tokens of a text.
    pub(super) fn encode(&self, text: &str) -> Result<Tokens, ExecutorError> {
        match &self.kind {
            Kind::Clip(tokenizer) => tokenizer.encode(text, self.length_max),
            Kind::HuggingFace(tokenizer) => {
                let encoding = tokenizer.encode_fast(text, true).map_err(ExecutorError::input)?;
                Ok(Tokens { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
            }
        }
    }

    /// Tokens of a text at the most.
    pub(super) fn length_max(&self) -> usize {
        self.length_max
    }

    /// What stands in places without a token.
    pub(super) fn padding(&self) -> u32 {
        self.padding
    }

    /// The largest number that a token may have.
    pub(super) fn last_id(&self) -> u32 {
        match &self.kind {
            Kind::Clip(tokenizer) => tokenizer.last_id(),
            Kind::HuggingFace(tokenizer) => tokenizer.get_vocab(true).into_values().max().unwrap_or_default(),
        }
    }
}

/// Tokens of a text at the most where nobody says: what BERT has places for.
const LENGTH_MAX: usize = 512;

/// What the token that pads is called.
const PADDING: [&str; 3] = ["[PAD]", "<pad>", "<|endoftext|>"];
