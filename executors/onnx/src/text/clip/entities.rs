//! Decodes HTML 5 character references: `&amp;`, `&#38;`, `&#x26;`, and the legacy ones without a semicolon. The table
//! is that of the standard.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use super::patterns::Pattern;

/// Names (with the semicolon where it is required) and their characters in hexadecimal.
const TABLE: &str = include_str!("../../../assets/entities.txt");

static ENTITIES: LazyLock<HashMap<&str, String>> = LazyLock::new(|| {
    let character = |code: &str| u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
    let lines = TABLE.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(name, codes)| (name, codes.split(' ').filter_map(character).collect())).collect()
});

/// Candidates for entities: numbers, or names of at most 32 characters.
static CANDIDATE: Pattern = Pattern::new(r"&(#[0-9]+;?|#[xX][0-9a-fA-F]+;?|[^\t\n\x0C <&#;]{1,32};?)");

/// Entities that end in a semicolon.
static STRICT: Pattern = Pattern::new("&#?[0-9A-Za-z]{1,24};");

/// Characters of Windows-1252 from 0x80, where it differs from Unicode.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Maps C1 control characters to their Windows-1252 characters, and all other characters to themselves.
pub(super) fn from_windows(letter: char) -> char {
    let position = (letter as usize).checked_sub(0x80);
    position.and_then(|position| WINDOWS.get(position)).copied().unwrap_or(letter)
}

/// Decodes all entities like a browser.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    CANDIDATE.replace(text, |found| {
        let body = found.strip_prefix('&')?;
        match body.strip_prefix('#') {
            Some(number) => Some(numeric_character(number.trim_end_matches(';'))),
            None => named_character(body),
        }
    })
}

/// Decodes only entities that end in a semicolon, including upper-case ones.
pub(super) fn unescape_strictly(text: &str) -> Cow<'_, str> {
    STRICT.replace(text, |found| {
        let body = found.strip_prefix('&')?;
        if body.starts_with('#') {
            // If the semicolon remains, the candidate is not a numeric entity.
            return Some(unescape(found)).filter(|read| !read.contains(';')).map(Cow::into_owned);
        }
        ENTITIES.get(body).cloned().or_else(|| uppercase_entity(found, body))
    })
}

/// Decodes upper-case entities such as `&EACUTE;` if they have no other meaning.
fn uppercase_entity(entity: &str, body: &str) -> Option<String> {
    let small = body.to_ascii_lowercase();
    let character = ENTITIES.get(small.as_str())?;
    let is_unambiguous = body == body.to_ascii_uppercase() && unescape(entity) == entity;
    is_unambiguous.then(|| character.to_uppercase())
}

/// The character with a number, decimal or hexadecimal after an `x`; empty for noncharacters.
fn numeric_character(number: &str) -> String {
    let number = match number.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => number.parse(),
    };
    // Numbers with too many digits are out of range.
    let number = number.unwrap_or(u32::MAX);
    let is_no_character = matches!(number & 0xffff, 0xfffe | 0xffff)
        || matches!(number, 0x1..=0x8 | 0xb | 0xe..=0x1f | 0x7f | 0xfdd0..=0xfdef);
    match char::from_u32(number) {
        Some('\0') | None => '\u{fffd}'.to_string(),
        Some(_) if is_no_character => String::new(),
        Some(letter) => from_windows(letter).to_string(),
    }
}

/// Decodes the entity with the given name, or the longest prefix that is an entity.
fn named_character(body: &str) -> Option<String> {
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
