//! Negations: “not”, “without”, “except”.

use crate::words::Words;

/// Effect of a negation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Negation {
    /// Negates the next hint, and further ones after `or`.
    Simple,
    /// Like `without`: negates further ones after `and`, too.
    List,
    /// “Not only”: the next hint is none.
    Suspended,
}

/// A negation at a position, and the position after it.
pub(crate) fn negation(words: &Words<'_>, at: usize) -> Option<(Negation, usize)> {
    const SUSPENDED: &[&str] = &["not only", "not just", "not always", "not necessarily"];
    const LISTS: &[&str] = &[
        "without",
        "excluding",
        "except for",
        "except",
        "neither",
        "other than",
        "apart from",
        "free of",
        "devoid of",
        "minus",
    ];
    const SIMPLE: &[&str] = &[
        "not",
        "no",
        "never",
        "nothing",
        "don't",
        "do not",
        "doesn't",
        "does not",
        "isn't",
        "aren't",
        "nor",
        "avoid",
        "skip",
        "exclude",
        "no longer",
        "rather than",
    ];
    let find = |list: &[&str]| list.iter().find_map(|text| words.skip_all(at, text));
    find(SUSPENDED)
        .map(|end| (Negation::Suspended, end))
        .or_else(|| find(LISTS).map(|end| (Negation::List, end)))
        .or_else(|| find(SIMPLE).map(|end| (Negation::Simple, end)))
}
