//! The tokens of a text, as every tokenizer produces them and every model takes them.

/// The context length of CLIP's text tower: the number of tokens of a text, start and end token included.
pub(super) const CLIP_CONTEXT: usize = 77;

/// The tokens of one text, special tokens included, without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tokens {
    /// The vocabulary id of each token.
    pub ids: Vec<u32>,
    /// The segment of each token: 0, except in the second text of a pair.
    pub types: Vec<u32>,
}
