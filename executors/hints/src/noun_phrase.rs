//! Things and colours: “a red car”, “mostly green”, “a dog”.
//!
//! A word of the vocabulary is a hint only if the picture is likely to show it: a noun must be the head of its phrase (“dog food”
//! shows no dog) and not be counted (tags do not count; “5 people”, “seven samurai”), and an adjective must describe such a noun,
//! the picture itself (“blue background”), or be used alone (“mostly green”).

use crate::condition::Condition;
use crate::hint::{Hint, Kind};
use crate::numbers::is_count;
use crate::vocabulary::{Role, Term, Vocabulary};
use crate::words::Words;

/// Words that are no nouns: after them a noun phrase has ended.
const FUNCTION_WORDS: &[&str] = &[
    "a",
    "about",
    "above",
    "across",
    "after",
    "against",
    "along",
    "also",
    "among",
    "an",
    "and",
    "any",
    "are",
    "around",
    "as",
    "at",
    "away",
    "before",
    "behind",
    "below",
    "beside",
    "between",
    "but",
    "by",
    "can",
    "does",
    "down",
    "during",
    "except",
    "for",
    "from",
    "had",
    "has",
    "have",
    "he",
    "her",
    "here",
    "his",
    "i",
    "in",
    "inside",
    "into",
    "is",
    "it",
    "near",
    "next",
    "no",
    "nor",
    "not",
    "off",
    "on",
    "onto",
    "or",
    "out",
    "outside",
    "over",
    "please",
    "she",
    "somewhere",
    "did",
    "do",
    "could",
    "should",
    "if",
    "than",
    "like",
    "that",
    "the",
    "their",
    "then",
    "there",
    "they",
    "through",
    "to",
    "toward",
    "towards",
    "under",
    "until",
    "up",
    "was",
    "were",
    "when",
    "where",
    "which",
    "while",
];

/// More words that may follow a noun.
const AFTER_NOUNS: &[&str] = &[
    "who",
    "with",
    "within",
    "without",
    "anywhere",
    "everywhere",
    "will",
    "would",
    "only",
    "too",
    "again",
    "visible",
    "runs",
    "run",
    "walks",
    "walk",
    "jumps",
    "jump",
    "drives",
    "drive",
    "stands",
    "sits",
    "sit",
    "sleeps",
    "sleep",
    "flies",
    "fly",
    "swims",
    "swim",
    "plays",
    "play",
    "passes",
    "pass",
    "crosses",
    "turns",
    "turn",
    "leaves",
    "leave",
    "arrives",
    "arrive",
    "appears",
    "appear",
    "enters",
    "enter",
    "comes",
    "come",
    "goes",
    "go",
    "eats",
    "eat",
    "barks",
    "bark",
    "looks",
    "look",
    "moves",
    "move",
    "chase",
    "crash",
    "ate",
    "ran",
    "sat",
    "stood",
    "swam",
    "flew",
    "came",
    "went",
    "left",
];

/// Nouns for the picture as a whole, or for what fills it.
const PICTURES: &[&str] = &[
    "background",
    "backgrounds",
    "backdrop",
    "sky",
    "scene",
    "scenes",
    "frame",
    "frames",
    "shot",
    "shots",
    "picture",
    "pictures",
    "image",
    "images",
    "photo",
    "photos",
    "footage",
    "video",
    "clip",
    "screen",
    "light",
    "lights",
    "lighting",
    "one",
    "ones",
    "colour",
    "colours",
    "color",
    "colors",
    "tone",
    "tones",
    "tint",
    "hue",
    "palette",
];

/// Words before an adjective that is used alone.
const BEFORE_PREDICATES: &[&str] = &[
    "is",
    "are",
    "was",
    "were",
    "be",
    "looks",
    "mostly",
    "mainly",
    "predominantly",
    "largely",
    "all",
    "entirely",
    "completely",
    "very",
    "in",
    "something",
    "anything",
    "everything",
    "not",
    "but",
    "no",
    "without",
];

/// Words for people, whom colours do not describe.
const PEOPLE: &[&str] = &[
    "people", "person", "persons", "man", "men", "woman", "women", "boy", "boys", "girl", "girls", "child",
    "children", "guy",
];

/// A noun phrase at a position: the conditions of its words, and the position after it.
pub(crate) fn parse(
    words: &Words<'_>,
    at: usize,
    after_hint: usize,
    vocabulary: &Vocabulary,
) -> Option<(Vec<Hint>, usize)> {
    let mut hints: Vec<Hint> = Vec::new();
    let mut next = at;
    while let Some((term, end)) =
        vocabulary.term(words, next).filter(|(term, _)| term.role == Role::Adjective)
    {
        add_adjective(words, &mut hints, term, (next, end));
        let join = end + usize::from(words.is(end, &["and", "or"]) || words.symbol(end) == Some(','));
        let joined = vocabulary.term(words, join).is_some_and(|(term, _)| term.role == Role::Adjective);
        next = if joined { join } else { end };
    }
    let is_counted = is_counted(words, at, after_hint);
    if let Some((term, end)) = vocabulary.term(words, next).filter(|(term, _)| term.role == Role::Noun) {
        if is_counted || !is_head(words, end, term.is_plural) {
            return None;
        }
        if words.is(next, PEOPLE) {
            hints.clear();
        }
        hints.push(hint(Kind::Noun, term, (next, end)));
        return Some((hints, end));
    }
    let describes_picture = words.is(next, PICTURES) && !is_counted;
    (!hints.is_empty() && (describes_picture || stands_alone(words, at, next))).then_some((hints, next))
}

fn hint(kind: Kind, term: &Term, (from, to): (usize, usize)) -> Hint {
    Hint { kind, condition: Condition::compare(&term.tag, "==", term.value.clone()), from, to }
}

/// Adds an adjective; one after `or` is an alternative to the last one.
fn add_adjective(words: &Words<'_>, hints: &mut Vec<Hint>, term: &Term, (from, to): (usize, usize)) {
    let added = hint(Kind::Adjective, term, (from, to));
    match hints.pop() {
        Some(last) if from.checked_sub(1).is_some_and(|before| words.is(before, &["or"])) => {
            hints.push(Hint { condition: last.condition.or(added.condition), to, ..last });
        }
        last => hints.extend(last.into_iter().chain([added])),
    }
}

/// True if a number is before a phrase, or one word before it, unless that number belongs to another hint.
fn is_counted(words: &Words<'_>, at: usize, after_hint: usize) -> bool {
    let is_count =
        |before: usize| at.checked_sub(before).is_some_and(|at| at >= after_hint && is_count(words, at));
    let has_word_before =
        at.checked_sub(1).is_some_and(|at| !words.is(at, FUNCTION_WORDS) && !words.ends(at));
    is_count(1) || (has_word_before && is_count(2))
}

/// True if a noun that ends at a position is not followed by another noun. Plurals seldom precede one.
fn is_head(words: &Words<'_>, at: usize, is_plural: bool) -> bool {
    let word = words.word(at);
    is_plural
        || words.ends(at)
        || is_function_word(words, at)
        || AFTER_NOUNS.contains(&word)
        || (word.len() > 4 && (word.ends_with("ing") || word.ends_with("ed") || word.ends_with("ly")))
}

fn is_function_word(words: &Words<'_>, at: usize) -> bool {
    FUNCTION_WORDS.contains(&words.word(at))
}

/// True if an adjective from one position to another is a whole text, or a predicate that is followed by no noun.
fn stands_alone(words: &Words<'_>, from: usize, to: usize) -> bool {
    let follows = match from.checked_sub(1) {
        None => words.ends(to),
        Some(before) => {
            words.is(before, BEFORE_PREDICATES) || (words.symbol(before) == Some(',') && words.ends(to))
        }
    };
    follows && (words.ends(to) || is_function_word(words, to))
}
