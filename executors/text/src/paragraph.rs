//! Cutting a text into paragraphs: what stands between lines without a word. A paragraph's own lines are joined, as they
//! were broken for the width of a page.

use std::collections::VecDeque;

use crate::chunking::Piece;

/// The paragraphs of a text in order. One that has more than `characters_max` characters is cut between words, or, where
/// a word alone has more, within it.
pub(crate) fn paragraphs(text: &str, characters_max: usize) -> impl Iterator<Item = Piece<'static>> {
    let mut position = 0;
    let mut lines = text.split_inclusive('\n').peekable();
    let mut words = std::iter::from_fn(move || {
        let mut words = Vec::new();
        while let Some(line) = lines.next() {
            words.extend(words_of(line, position));
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
        let (paragraph, taken) = joined(rest.make_contiguous(), characters_max);
        rest.drain(..taken);
        // A word that is too long alone goes on in the next part.
        if let (0, Some((start, word))) = (taken, rest.front_mut()) {
            let cut = word.char_indices().nth(characters_max).map_or(word.len(), |(bytes, _)| bytes);
            *word = word.get(cut..).unwrap_or_default();
            *start += characters_max;
        }
        Some(paragraph)
    })
}

/// The words of a line and where they begin.
fn words_of(line: &str, position: usize) -> impl Iterator<Item = (usize, &str)> {
    let mut seen = 0;
    let mut at = position;
    line.split_whitespace().map(move |word| {
        let offset = word.as_ptr() as usize - line.as_ptr() as usize;
        at += line.get(seen..offset).map_or(0, |between| between.chars().count());
        seen = offset;
        (at, word)
    })
}

/// As many words as there is room for, and how many they are: 0 for the first part of a word without room.
fn joined(words: &[(usize, &str)], characters_max: usize) -> (Piece<'static>, usize) {
    let mut text = String::new();
    let (mut length, mut taken) = (0, 0);
    let start = words.first().map_or(0, |(start, _)| *start);
    let mut end = start;
    for (at, word) in words {
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
        end = at + characters;
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

    fn cut(text: &str, characters_max: usize) -> Vec<(String, usize, usize)> {
        paragraphs(text, characters_max)
            .map(|found| (found.text.into_owned(), found.start, found.end))
            .collect()
    }

    #[test]
    fn lines_without_words_part_paragraphs_and_others_are_joined() {
        let text = "\n  Ä first\n  line.\n \t\nSecond\r\n\r\n\r\nthird\n";
        let expected = [("Ä first line.", 3, 18), ("Second", 22, 28), ("third", 34, 39)];
        assert_eq!(cut(text, 99), expected.map(|(text, start, end)| (text.to_owned(), start, end)));
        assert_eq!(cut(" \n\n", 9), []);
    }

    #[test]
    fn long_paragraphs_are_cut_between_words_and_long_words_within() {
        let texts = |text: &str| cut(text, 5).into_iter().map(|(text, ..)| text).collect::<Vec<_>>();
        assert_eq!(texts("one two three"), ["one", "two", "three"]);
        assert_eq!(texts("a b c d"), ["a b c", "d"]);
        assert_eq!(texts("ääääääö z"), ["äääää", "äö z"]);
    }
}
