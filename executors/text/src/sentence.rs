//! Splits a text into sentences by punctuation alone, as Jina's `Sentencizer` does: `3.14` is two sentences.

use crate::punctuation::Punctuation;

/// A sentence of a text. Positions count characters from the beginning of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sentence<'t> {
    /// The text from `start` to `end`.
    pub(crate) text: &'t str,
    /// Position of the first character.
    pub(crate) start: usize,
    /// Position after the last character.
    pub(crate) end: usize,
}

impl Sentence<'_> {
    /// Length in characters.
    pub(crate) fn len(&self) -> usize {
        self.end - self.start
    }

    /// The sentence, truncated to its first `characters`.
    pub(crate) fn truncated(self, characters: usize) -> Self {
        match self.text.char_indices().nth(characters) {
            Some((bytes, _)) => Self {
                text: self.text.get(..bytes).unwrap_or_default(),
                end: self.start + characters,
                ..self
            },
            None => self,
        }
    }
}

/// Iterator over the sentences of a text. It omits white space around sentences and punctuation without a sentence.
/// Punctuation that directly follows a sentence belongs to it.
pub(crate) struct Sentences<'t, 'p> {
    rest: &'t str,
    /// Number of characters before `rest`.
    position: usize,
    punctuation: &'p Punctuation,
}

impl<'t, 'p> Sentences<'t, 'p> {
    /// The sentences of `text`, which end at the characters of `punctuation`.
    pub(crate) fn new(text: &'t str, punctuation: &'p Punctuation) -> Self {
        Self { rest: text, position: 0, punctuation }
    }

    /// Removes the next `bytes` from `rest` and returns them.
    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.rest = rest;
        self.position += taken.chars().count();
        taken
    }

    /// Number of bytes of `text` before the first character for which `ends` holds.
    fn span(text: &str, ends: impl Fn(char) -> bool) -> usize {
        text.find(ends).unwrap_or(text.len())
    }
}

impl<'t> Iterator for Sentences<'t, '_> {
    type Item = Sentence<'t>;

    fn next(&mut self) -> Option<Sentence<'t>> {
        let punctuation = self.punctuation;
        let is_mark = |character: char| punctuation.contains(character);
        self.take(Self::span(self.rest, |character| !is_mark(character) && !character.is_whitespace()));
        let body = Self::span(self.rest, is_mark);
        let words = self.rest.get(..body)?.trim_end().len();
        if words == 0 {
            return None;
        }
        let marks = match self.rest.get(body..) {
            // White space, including a line feed, ends a sentence but is not part of it.
            Some(rest) if words == body => Self::span(rest, |mark| !is_mark(mark) || mark.is_whitespace()),
            _ => 0,
        };
        let start = self.position;
        let text = self.take(words + marks);
        Some(Sentence { text, start, end: self.position })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sentences(text: &str) -> Vec<String> {
        let punctuation = Punctuation::default();
        Sentences::new(text, &punctuation).map(|sentence| sentence.text.to_owned()).collect()
    }

    #[test]
    fn a_text_is_split_after_punctuation() {
        assert_eq!(sentences("It is. Is it?!  Yes"), ["It is.", "Is it?!", "Yes"]);
        assert_eq!(sentences("これは猫。それは犬！"), ["これは猫。", "それは犬！"]);
        assert_eq!(sentences("one line\nanother.\n\nlast\n"), ["one line", "another.", "last"]);
    }

    #[test]
    fn punctuation_without_a_sentence_is_omitted() {
        assert_eq!(sentences("... so ? . well"), ["so", "well"]);
        assert_eq!(sentences("a.\n.b"), ["a.", "b"]);
        assert_eq!(sentences(" ?!\n…"), ["…"]);
        assert_eq!(sentences(""), [""; 0]);
        assert_eq!(sentences(" . \n"), [""; 0]);
    }

    proptest! {
        #[test]
        fn a_sentence_is_the_text_at_its_position(text in "[ab é。.!\n\u{3000}]{0,40}", length in 1..5_usize) {
            let punctuation = Punctuation::default();
            let characters: Vec<char> = text.chars().collect();
            let mut position = 0;
            for sentence in Sentences::new(&text, &punctuation) {
                for sentence in [sentence, sentence.truncated(length)] {
                    let expected: String = characters[sentence.start..sentence.end].iter().collect();
                    prop_assert_eq!(sentence.text, &expected);
                }
                prop_assert_eq!(sentence.truncated(length).len(), sentence.len().min(length));
                prop_assert_eq!(sentence.text, sentence.text.trim());
                prop_assert!(position <= sentence.start && sentence.start < sentence.end);
                position = sentence.end;
            }
        }

        #[test]
        fn no_letter_is_lost(text in "[ab é。.!\n]{0,40}") {
            let letters = |text: &str| text.chars().filter(|character| character.is_alphabetic()).collect::<String>();
            prop_assert_eq!(letters(&sentences(&text).concat()), letters(&text));
        }
    }
}
