//! CLIP's tokenizer: cleans a text, splits it into words, and encodes the bytes of each word with byte pair encoding.
//! The vocabulary is OpenAI's, which all English CLIP models use.

mod clean;
mod entities;
mod patterns;

use flowrun_sdk::{BuildError, ExecutorError};
use tokenizers::Model as _;
use tokenizers::models::bpe::{BPE, Vocab};

use self::patterns::Pattern;
use super::tokens::Tokens;

/// Merges of the byte pair encoding by priority.
const MERGES: &str = include_str!("../../../assets/clip_merges.txt");

/// Suffix of the last piece of a word.
const END_OF_WORD: &str = "</w>";

/// First and last token of every text.
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// Words: special tokens, contractions, letters, single digits, symbols.
static WORDS: Pattern = Pattern::new(
    r"(?i)<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
);

/// Largest number of words in the cache.
const CACHED_MAX: usize = 10_000;

/// CLIP's tokenizer.
pub(super) struct ClipTokenizer {
    pieces: BPE,
    letters: Vec<char>,
    start: u32,
    end: u32,
}

impl ClipTokenizer {
    /// Reads the embedded vocabulary.
    pub(super) fn new() -> Result<Self, BuildError> {
        let letters = letters();
        let merges: Vec<(String, String)> = MERGES
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(first, second)| (first.to_owned(), second.to_owned()))
            .collect();
        let single = in_order(&letters);
        let last = single.iter().map(|letter| format!("{letter}{END_OF_WORD}"));
        let joined = merges.iter().map(|(first, second)| format!("{first}{second}"));
        let special = [START, END].map(str::to_owned);
        let all = single.iter().map(char::to_string).chain(last).chain(joined).chain(special);
        let vocabulary: Vocab = all.zip(0..).collect();
        let number = |token: &str| vocabulary.get(token).copied().unwrap_or_default();
        let (start, end) = (number(START), number(END));
        let pieces = BPE::builder()
            .vocab_and_merges(vocabulary, merges)
            .end_of_word_suffix(END_OF_WORD.to_owned())
            .cache_capacity(CACHED_MAX)
            .build()
            .map_err(BuildError::failed)?;
        Ok(Self { pieces, letters, start, end })
    }

    /// Tokenises a text with start and end tokens; long texts are truncated.
    pub(super) fn encode(&self, text: &str, max_tokens: usize) -> Result<Tokens, ExecutorError> {
        let mut ids = vec![self.start];
        for word in WORDS.find(&clean::clean(text)) {
            if ids.len() >= max_tokens {
                break;
            }
            match word {
                START => ids.push(self.start),
                END => ids.push(self.end),
                _ => ids.extend(self.word(word)?),
            }
        }
        ids.truncate(max_tokens.saturating_sub(1));
        ids.push(self.end);
        Ok(Tokens { types: vec![0; ids.len()], ids })
    }

    /// Largest token id.
    pub(super) fn last_id(&self) -> u32 {
        self.end
    }

    fn word(&self, word: &str) -> Result<impl Iterator<Item = u32>, ExecutorError> {
        let spelt: String = word.bytes().filter_map(|byte| self.letters.get(usize::from(byte))).collect();
        let pieces = self.pieces.tokenize(&spelt).map_err(ExecutorError::input)?;
        Ok(pieces.into_iter().map(|piece| piece.id))
    }
}

/// The letter of each byte: itself if it is printable, else one after Latin-1.
fn letters() -> Vec<char> {
    let mut unprinted = 0x100_u32..;
    let letter = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => Some(char::from(byte)),
        _ => unprinted.next().and_then(char::from_u32),
    };
    (0..=u8::MAX).filter_map(letter).collect()
}

/// The letters in the order of the vocabulary: printable bytes first.
fn in_order(letters: &[char]) -> Vec<char> {
    let (mut own, others): (Vec<char>, Vec<char>) =
        letters.iter().copied().partition(|letter| u32::from(*letter) < 0x100);
    own.extend(others);
    own
}

#[cfg(test)]
mod tests {
    use super::super::tokens::CLIP_CONTEXT;
    use super::*;

    #[test]
    fn the_vocabulary_is_that_of_clip() {
        let tokenizer = ClipTokenizer::new().unwrap();
        assert_eq!((tokenizer.start, tokenizer.end), (49406, 49407));
        // Example of OpenAI's documentation.
        assert_eq!(tokenizer.encode("a diagram", CLIP_CONTEXT).unwrap().ids, [49406, 320, 22697, 49407]);
        assert_eq!(tokenizer.encode("", CLIP_CONTEXT).unwrap().ids, [49406, 49407]);
    }

    #[test]
    fn a_long_text_keeps_its_end() {
        let ids = ClipTokenizer::new().unwrap().encode(&"word ".repeat(500), CLIP_CONTEXT).unwrap().ids;
        assert_eq!((ids.len(), ids[0], ids[76]), (77, 49406, 49407));
    }
}
