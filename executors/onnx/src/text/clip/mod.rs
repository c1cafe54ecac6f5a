//! CLIP's own tokenizer: the text is cleaned, cut into words, and each word's bytes are joined to pieces that the
//! vocabulary has. The vocabulary is that of OpenAI, which every CLIP with English texts uses.

mod clean;
mod entities;
mod patterns;

use flowrun_sdk::{BuildError, ExecutorError};
use tokenizers::Model as _;
use tokenizers::models::bpe::{BPE, Vocab};

use self::patterns::Pattern;
use super::tokens::Tokens;

/// Pairs of pieces in the order in which they are joined.
const MERGES: &str = include_str!("../../../assets/clip_merges.txt");

/// What ends a word's last piece.
const END_OF_WORD: &str = "</w>";

/// What every text begins and ends with.
const START: &str = "<|startoftext|>";
const END: &str = "<|endoftext|>";

/// Words: special tokens, shortened verbs, letters, single digits, signs.
static WORDS: Pattern = Pattern::new(
    r"(?i)<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+",
);

/// Words that are kept with their pieces.
const CACHED_MAX: usize = 10_000;

/// CLIP's tokenizer.
pub(super) struct ClipTokenizer {
    pieces: BPE,
    letters: Vec<char>,
    start: u32,
    end: u32,
}

impl ClipTokenizer {
    /// Reads the vocabulary, which the program carries.
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

    /// The tokens of a text, start and end among them; a long text is cut.
    pub(super) fn encode(&self, text: &str, length_max: usize) -> Result<Tokens, ExecutorError> {
        let mut ids = vec![self.start];
        for word in WORDS.find(&clean::clean(text)) {
            if ids.len() >= length_max {
                break;
            }
            match word {
                START => ids.push(self.start),
                END => ids.push(self.end),
                _ => ids.extend(self.word(word)?),
            }
        }
        ids.truncate(length_max.saturating_sub(1));
        ids.push(self.end);
        Ok(Tokens { types: vec![0; ids.len()], ids })
    }

    /// The largest number that a token has.
    pub(super) fn last_id(&self) -> u32 {
        self.end
    }

    fn word(&self, word: &str) -> Result<impl Iterator<Item = u32>, ExecutorError> {
        let spelt: String = word.bytes().filter_map(|byte| self.letters.get(usize::from(byte))).collect();
        let pieces = self.pieces.tokenize(&spelt).map_err(ExecutorError::input)?;
        Ok(pieces.into_iter().map(|piece| piece.id))
    }
}

/// A letter for each byte: itself where that is printed, else one from behind Latin.
fn letters() -> Vec<char> {
    let mut unprinted = 0x100_u32..;
    let letter = |byte: u8| match byte {
        b'!'..=b'~' | 0xa1..=0xac | 0xae..=0xff => Some(char::from(byte)),
        _ => unprinted.next().and_then(char::from_u32),
    };
    (0..=u8::MAX).filter_map(letter).collect()
}

/// The letters in the order of the vocabulary: those that stand for themselves go first.
fn in_order(letters: &[char]) -> Vec<char> {
    let (mut own, others): (Vec<char>, Vec<char>) =
        letters.iter().copied().partition(|letter| u32::from(*letter) < 0x100);
    own.extend(others);
    own
}

#[cfg(test)]
mod tests {
    use super::super::tokens::CLIP_CONTEXT as CONTEXT;
    use super::*;

    #[test]
    fn the_vocabulary_is_that_of_clip() {
        let tokenizer = ClipTokenizer::new().unwrap();
        assert_eq!((tokenizer.start, tokenizer.end), (49406, 49407));
        // As OpenAI's documentation has it.
        assert_eq!(tokenizer.encode("a diagram", CONTEXT).unwrap().ids, [49406, 320, 22697, 49407]);
        assert_eq!(tokenizer.encode("", CONTEXT).unwrap().ids, [49406, 49407]);
    }

    #[test]
    fn a_long_text_keeps_its_end() {
        let ids = ClipTokenizer::new().unwrap().encode(&"word ".repeat(500), CONTEXT).unwrap().ids;
        assert_eq!((ids.len(), ids[0], ids[76]), (77, 49406, 49407));
    }
}
