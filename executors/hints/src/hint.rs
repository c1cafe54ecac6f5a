//! Reads the hints of a text, from left to right.
//!
//! At each word the kinds of hints are tried in a fixed order; the first that fits is taken with all of its words. A negation
//! applies to the next hint, and by “or” to the following ones. Alternatives with one that is not understood (“birds or dogs”
//! without birds in the vocabulary) give no hint, since the filter would exclude the other.

use crate::calendar::Day;
use crate::condition::Condition;
use crate::negation::{Negation, negation};
use crate::vocabulary::{Role, Vocabulary};
use crate::words::Words;
use crate::{date, hour, noun_phrase, scene, time};

/// Maximum number of hints, which is that of conditions in a tag.
const HINTS_MAX: usize = 8;

/// Phrases with another meaning than their words.
const FIXED_PHRASES: &[&str] = &[
    "hot dog",
    "hot dogs",
    "top dog",
    "dog days",
    "train of thought",
    "trojan horse",
    "rocking horse",
    "sea horse",
    "dark horse",
    "copy cat",
    "cat and mouse",
    "cats and dogs and",
    "raining cats and dogs",
    "in the red",
    "in the black",
    "black and white",
    "out of the blue",
    "feeling blue",
    "in the spotlight",
    "night and day",
    "day and night",
    "at night club",
    "night vision",
    "green screen",
];

/// Kinds of hints, the most reliable first: conditions of the last are dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Time,
    Scene,
    Date,
    Hour,
    Phrase,
    Noun,
    Adjective,
}

/// A part of a text that means a condition.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) kind: Kind,
    pub(crate) condition: Condition,
    /// Its first word.
    pub(crate) from: usize,
    /// The position after its last word.
    pub(crate) to: usize,
}

/// Tags that conditions are about; `None` for kinds that are not understood.
#[derive(Debug)]
pub(crate) struct Understood {
    pub(crate) time: Option<String>,
    pub(crate) scene: Option<String>,
    pub(crate) date: Option<String>,
    pub(crate) hour: Option<String>,
    pub(crate) today: Option<Day>,
    pub(crate) vocabulary: Vocabulary,
}

/// The hints of a text, those that are dropped last first.
pub(crate) fn hints(words: &Words<'_>, understood: &Understood) -> Vec<Hint> {
    let mut reader = Reader { words, understood, hints: Vec::new(), after_hint: 0 };
    let mut at = 0;
    while at < words.len() && reader.hints.len() < HINTS_MAX {
        at = reader.step(at).max(at + 1);
    }
    let mut hints = reader.hints;
    hints.truncate(HINTS_MAX);
    hints.sort_by_key(|hint| hint.kind);
    hints
}

struct Reader<'a> {
    words: &'a Words<'a>,
    understood: &'a Understood,
    hints: Vec<Hint>,
    /// The position after the last hint: numbers before it belong to it.
    after_hint: usize,
}

impl Reader<'_> {
    /// Reads what begins at a word, and returns the position after it.
    fn step(&mut self, at: usize) -> usize {
        if let Some(end) = FIXED_PHRASES.iter().find_map(|phrase| self.words.skip_all(at, phrase)) {
            return end;
        }
        match negation(self.words, at) {
            Some((kind, next)) => self.negated(kind, at, next),
            None => self.positive(at),
        }
    }

    fn positive(&mut self, at: usize) -> usize {
        let Some((hints, end)) = self.hint(at) else { return at };
        let (hints, end, is_complete) = self.alternatives(at, hints, end);
        if is_complete {
            self.push(hints);
        }
        self.after_hint = end;
        end
    }

    /// Adds hints, unless a hint with the same condition is known.
    fn push(&mut self, hints: Vec<Hint>) {
        for hint in hints {
            if !self.hints.iter().any(|known| known.condition == hint.condition) {
                self.hints.push(hint);
            }
        }
    }

    /// Reads further hints after `or`. False if an alternative is not understood.
    fn alternatives(&self, at: usize, hints: Vec<Hint>, end: usize) -> (Vec<Hint>, usize, bool) {
        let before = at.checked_sub(1).map(|before| {
            if self.words.is(before, &["a", "an", "the"]) { before.wrapping_sub(1) } else { before }
        });
        let mut is_complete = before.is_none_or(|before| !self.words.is(before, &["or"]));
        let (mut hints, mut end) = (hints, end);
        while self.words.is(end, &["or"]) {
            if self.words.is(end + 1, &["so"]) {
                return (hints, end + 2, is_complete);
            }
            let Some((other, next)) = self.hint_after_articles(end + 1) else {
                is_complete = false;
                break;
            };
            if let (Some(first), Some(second)) = (all(hints.clone()), all(other)) {
                let condition = first.condition.or(second.condition);
                hints = vec![Hint { condition, to: next, ..first }];
            }
            end = next;
        }
        (hints, end, is_complete)
    }

    fn negated(&mut self, kind: Negation, at: usize, next: usize) -> usize {
        let Some((hints, mut end)) = self.hint_after_fillers(next) else { return next };
        let Some(first) = all(hints) else { return next };
        if kind == Negation::Suspended {
            self.after_hint = end;
            return end;
        }
        let Hint { kind: hint_kind, mut condition, .. } = first;
        loop {
            let word = self.words.word(end);
            let joins = matches!(word, "or" | "nor") || (word == "and" && kind == Negation::List);
            let joined = joins.then(|| self.hint_after_articles(end + 1)).flatten();
            let Some((other, next)) = joined else { break };
            if let Some(other) = all(other) {
                condition = condition.or(other.condition);
            }
            end = next;
        }
        // Of “without birds or dogs”, dogs are excluded, whether or not birds are understood.
        self.push(vec![Hint { kind: hint_kind, condition: condition.negated(), from: at, to: end }]);
        self.after_hint = end;
        end
    }

    /// A hint after up to three words that negations are followed by.
    fn hint_after_fillers(&self, at: usize) -> Option<(Vec<Hint>, usize)> {
        const FILLERS: &[&str] = &[
            "a",
            "an",
            "any",
            "the",
            "show",
            "me",
            "want",
            "include",
            "including",
            "with",
            "from",
            "during",
            "filmed",
            "recorded",
            "shot",
            "happening",
            "to",
            "see",
            "visible",
            "for",
            "in",
        ];
        for position in at..at + 4 {
            if let Some(found) = self.hint(position) {
                return Some(found);
            }
            if !self.words.is(position, FILLERS) {
                return None;
            }
        }
        None
    }

    fn hint_after_articles(&self, at: usize) -> Option<(Vec<Hint>, usize)> {
        self.hint(self.words.skip(at, &["a", "an", "the", "any", "in"])).or_else(|| self.hint(at))
    }

    /// Hints that begin at a word, and the position after them.
    fn hint(&self, at: usize) -> Option<(Vec<Hint>, usize)> {
        let Understood { time, scene, date, hour, today, vocabulary } = self.understood;
        let words = self.words;
        let date = || {
            date.as_ref().and_then(|tag| date::parse(words, at, tag, *today)).map(|found| (Kind::Date, found))
        };
        let hour =
            || hour.as_ref().and_then(|tag| hour::parse(words, at, tag)).map(|found| (Kind::Hour, found));
        let scene =
            || scene.as_ref().and_then(|tag| scene::parse(words, at, tag)).map(|found| (Kind::Scene, found));
        let time =
            || time.as_ref().and_then(|tag| time::parse(words, at, tag)).map(|found| (Kind::Time, found));
        let phrase = || {
            let (term, end) = vocabulary.term(words, at).filter(|(term, _)| term.role == Role::Phrase)?;
            Some((Kind::Phrase, (Condition::compare(&term.tag, "==", term.value.clone()), end)))
        };
        let single = date().or_else(hour).or_else(scene).or_else(time).or_else(phrase);
        if let Some((kind, (condition, to))) = single {
            return Some((vec![Hint { kind, condition, from: at, to }], to));
        }
        noun_phrase::parse(words, at, self.after_hint, vocabulary)
    }
}

/// All hints as one.
fn all(mut hints: Vec<Hint>) -> Option<Hint> {
    if hints.len() < 2 {
        return hints.pop();
    }
    let (from, to) = (hints.first()?.from, hints.last()?.to);
    let kind = hints.last()?.kind;
    Some(Hint {
        kind,
        condition: Condition::All(hints.into_iter().map(|hint| hint.condition).collect()),
        from,
        to,
    })
}
