//! Numbers in digits and in words.

use crate::words::Words;

/// Words for 0 to 19.
const SMALL: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
/// Words for 20, 30, … 90.
const TENS: &[&str] = &["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];
/// Words for 1st to 12th.
const ORDINALS: &[&str] = &[
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
    "eleventh", "twelfth",
];

/// A number at a position, and the position after it.
pub(crate) fn number(words: &Words<'_>, at: usize) -> Option<(f64, usize)> {
    if let Some(number) = words.digits(at) {
        return Some((number, at + 1));
    }
    let index = |list: &[&str], at: usize| list.iter().position(|word| *word == words.word(at));
    if let Some(small) = index(SMALL, at) {
        return Some((small as f64, at + 1));
    }
    let tens = (20 + 10 * index(TENS, at)?) as f64;
    let next = at + 1 + usize::from(words.symbol(at + 1) == Some('-'));
    match index(SMALL, next).filter(|ones| (1..10).contains(ones)) {
        Some(ones) => Some((tens + ones as f64, next + 1)),
        None => Some((tens, at + 1)),
    }
}

/// An integer from 0 to 99999 at a position, and the position after it.
pub(crate) fn integer(words: &Words<'_>, at: usize) -> Option<(f64, usize)> {
    number(words, at).filter(|(number, _)| number.fract() == 0.0 && *number < 100_000.0)
}

/// An ordinal such as `third` or `3rd` at a position, and the position after it.
pub(crate) fn ordinal(words: &Words<'_>, at: usize) -> Option<(f64, usize)> {
    if let Some(index) = ORDINALS.iter().position(|word| *word == words.word(at)) {
        return Some(((index + 1) as f64, at + 1));
    }
    let (number, next) = words.digits(at).map(|number| (number, at + 1))?;
    let has_suffix = words.is_glued(next) && words.is(next, &["st", "nd", "rd", "th"]);
    (has_suffix && number.fract() == 0.0 && number >= 1.0).then_some((number, next + 1))
}

/// True if a number or `both`, `several`, … is at a position.
pub(crate) fn is_count(words: &Words<'_>, at: usize) -> bool {
    number(words, at).is_some()
        || words.is(
            at,
            &[
                "half",
                "hundred",
                "thousand",
                "million",
                "dozen",
                "dozens",
                "hundreds",
                "thousands",
                "both",
                "several",
            ],
        )
}
