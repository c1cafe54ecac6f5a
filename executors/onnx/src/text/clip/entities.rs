//! Entities of HTML, as the parser of HTML 5 reads them: `&amp;`, `&#38;`, `&#x26;`, and the old ones without a
//! semicolon. The table is that of the standard.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::patterns::Pattern;

/// Names, those that need no semicolon without one, and the characters that they stand for in hexadecimal.
const TABLE: &str = include_str!("../../../assets/entities.txt");

static ENTITIES: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let character = |code: &str| u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
    let lines = TABLE.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, codes)| (name, codes.split(' ').filter_map(character).collect())).collect()
});

/// What may be an entity: a number, or a name of 32 characters at the most.
static CANDIDATE: Pattern = Pattern::new(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\x0C <&#;]{1,32};?)");

/// An entity that ends as it should.
static STRICT: Pattern = Pattern::new("&#?[0-9A-Za-z]{1,24};");

/// What Windows means by the bytes from 0x80, where its code page differs from Unicode.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// The character that a control character of the second kind was meant to be; itself for any other.
pub(super) fn from_windows(letter: char) -> char {
    let place = (letter as usize).checked_sub(0x80);
    place.and_then(|place| WINDOWS.get(place)).copied().unwrap_or(letter)
}

/// The text without entities, as browsers show it.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    CANDIDATE.replace(text, |found| {
        let body = found.strip_prefix('&')?;
        match body.strip_prefix('#') {
            Some(number) => Some(numbered(number.trim_end_matches(';'))),
            None => named(body),
        }
    })
}

/// The text without the entities that are beyond doubt: those that end in a semicolon, in capitals too.
pub(super) fn unescape_strictly(text: &str) -> Cow<'_, str> {
    STRICT.replace(text, |found| {
        let body = found.strip_prefix('&')?;
        if body.starts_with('#') {
            // Where the semicolon is left the number was something else.
            return Some(unescape(found)).filter(|read| !read.contains(';')).map(Cow::into_owned);
        }
        ENTITIES.get(body).cloned().or_else(|| in_capitals(found, body))
    })
}

/// `&EACUTE;`, where capitals mean nothing else.
fn in_capitals(entity: &str, body: &str) -> Option<String> {
    let small = body.to_ascii_lowercase();
    let character = ENTITIES.get(small.as_str())?;
    let is_shouted = body == body.to_ascii_uppercase() && unescape(entity) == entity;
    is_shouted.then(|| character.to_uppercase())
}

/// The character of that number, decimal or behind an `x` hexadecimal; nothing for what is no character.
fn numbered(number: &str) -> String {
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    // A number with too many digits is one that is too large.
    let number = number.unwrap_or(u32::MAX);
    let is_no_character = matches!(number & 0xffff, 0xfffe | 0xffff)
        || matches!(number, 0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f | 0xfdd0..=0xfdef);
    match char::from_u32(number) {
        Some('\0') | None => '\u{fffd}'.to_string(),
        Some(_) if is_no_character => String::new(),
        Some(letter) => from_windows(letter).to_string(),
    }
}

/// The entity of that name, or of the longest beginning of it that is one.
fn named(body: &str) -> Option<String> {
    if let Some(character) = ENTITIES.get(body) {
        return Some(character.clone());
    }
    let ends = body.char_indices().map(|(end, _)| end).skip(2);
    let ends: Vec<usize> = ends.collect();
    ends.into_iter().rev().find_map(|end| {
        let (name, rest) = body.split_at_checked(end)?;
        Some(format!("{}{rest}", ENTITIES.get(name)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_are_read_as_browsers_read_them() {
        let read = [
            ("a &amp; b &lt;&#60;&#x3C;", "a & b <<<"),
            ("&notit; &ampx &copy 2020 &unknown;", "¬it; &x © 2020 &unknown;"),
            ("&#0;&#128;&#xD800;&#1114112;&#7;", "\u{fffd}€\u{fffd}\u{fffd}"),
            ("&; &#; & &&amp", "&; &#; & &&"),
            ("&#99999999999999999999;&NotEqualTilde;", "\u{fffd}\u{2242}\u{338}"),
        ];
        read.into_iter().for_each(|(text, expected)| assert_eq!(unescape(text), expected, "{text}"));
    }

    #[test]
    fn strictly_only_whole_entities_are_read_and_capitals_are_too() {
        let read = [
            ("this&not that &amp", "this&not that &amp"),
            ("P&EACUTE;REZ &SZLIG; &nTILDE; &LTIMES;", "PÉREZ SS &nTILDE; &LTIMES;"),
            ("&lt;&#x3c;&#12a;", "<<&#12a;"),
        ];
        read.into_iter().for_each(|(text, expected)| assert_eq!(unescape_strictly(text), expected, "{text}"));
    }
}
