//! Splits a text into paragraphs at blank lines. Lines within a paragraph are joined, because they were wrapped to the
//! width of a page.

use std::collections::VecDeque;

use crate::chunking::Piece;

/// The paragraphs of a text in order. A paragraph of more than `characters_max` characters, which must be at least 1, is
/// split between words; a longer word is split itself.
pub(crate) fn paragraphs(text: &str, characters_max: usize) -> impl Iterator<Item = Piece<'static>> {
    let mut position = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    let mut words = std::iter::from_fn(move || {
        let mut words = Vec::new();
        while let Some(line) = lines.next() {
            words.extend(positioned_words(line, position));
            position += line.chars().count();
            let is_end = lines.peek().is_none_or(|next| next.trim().is_empty());
            if is_end && !words.is_empty() {
                return Some(words);
            }
        }
        None
    });
    let mut rest: VecDeque<(usize, &str)> = VecDeque::new();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            rest = words.next()?.into();
        }
        let (paragraph, taken) = join_words(rest.make_contiguous(), characters_max);
        rest.drain(..taken);
        // The rest of a word that is too long becomes the start of the next part.
        if let (0, Some((start, word))) = (taken, rest.front_mut()) {
            let cut = word.char_indices().nth(characters_max).map_or(word.len(), |(bytes, _)| bytes);
            *word = word.get(cut..).unwrap_or_default();
            *start += characters_max;
        }
        Some(paragraph)
    })
}

/// The words of a line with the positions of their first characters. The line begins at `position`.
fn positioned_words(line: &str, position: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut counted_bytes = 0;
    let mut word_position = position;
    line.split_whitespace().map(move |word| {
        let offset = word.as_ptr() as usize - line.as_ptr() as usize;
        word_position += line.get(counted_bytes..offset).map_or(0, |between| between.chars().count());
        counted_bytes = offset;
        (word_position, word)
    })
}

/// Joins as many words as fit into `characters_max` characters, and returns their number. If the first word does not
/// fit, the piece is its beginning and the number is 0.
fn join_words(words: &[(usize, &str)], characters_max: usize) -> (Piece<'static>, usize) {
    let mut text = String::new();
    let (mut length, mut taken) = (0, 0);
    let start = words.first().map_or(0, |(start, _)| *start);
    let mut end = start;
    for (position, word) in words {
        let characters = word.chars().count();
        let space = usize::from(taken > 0);
        if length + space + characters > characters_max {
            break;
        }
        if taken > 0 {
            text.push(' ');
        }
        text.push_str(word);
        length += space + characters;
        taken += 1;
        end = position + characters;
    }
    if let (0, Some((_, word))) = (taken, words.first()) {
        text = word.chars().take(characters_max).collect();
        end = start + characters_max;
    }
    (Piece { text: text.into(), start, end }, taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str, characters_max: usize) -> Vec<(String, usize, usize)> {
        paragraphs(text, characters_max)
            .map(|piece| (piece.text.into_owned(), piece.start, piece.end))
            .collect()
    }

    #[test]
    fn blank_lines_separate_paragraphs_and_other_lines_are_joined() {
        let text = "\n  Ä first\n  line.\n \t\nSecond\r\n\r\n\r\nthird\n";
        let expected = [("Ä first line.", 3, 18), ("Second", 22, 28), ("third", 34, 39)];
        assert_eq!(split(text, 99), expected.map(|(text, start, end)| (text.to_owned(), start, end)));
        assert_eq!(split(" \n\n", 9), []);
    }

    #[test]
    fn long_paragraphs_are_split_between_words_and_long_words_within() {
        let texts = |text: &str| split(text, 5).into_iter().map(|(text, ..)| text).collect::<Vec<_>>();
        assert_eq!(texts("one two three"), ["one", "two", "three"]);
        assert_eq!(texts("a b c d"), ["a b c", "d"]);
        assert_eq!(texts("ääääääö z"), ["äääää", "äö z"]);
    }
}
