//! Scenes: “scene 3”, “scenes 2 to 4”, “after the first scene”.

use crate::condition::Condition;
use crate::numbers::{integer, ordinal};
use crate::time::{comparison, is_dash};
use crate::words::Words;

/// Maximum number of scenes in a list.
const LIST_MAX: usize = 16;

/// A condition on the scene, and the position after its words.
pub(crate) fn parse(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    range(words, at, tag)
        .or_else(|| bound(words, at, tag))
        .or_else(|| listed(words, words.skip(at, &["in"]), tag))
}

/// “between scene 3 and scene 5”, “from scene 3 to 5”, “from scene 3 on”.
fn range(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let join = match words.word(at) {
        "between" => "and",
        "from" => "to",
        _ => return None,
    };
    let (from, next) = scene(words, at + 1)?;
    if words.is(at, &["from"]) && words.is(next, &["on", "onward", "onwards"]) {
        return Some((Condition::compare(tag, ">=", from), next + 1));
    }
    let last = words.is(next, &[join]).then_some(next + 1)?;
    let (to, end) = scene(words, last).or_else(|| integer(words, last))?;
    (from <= to).then(|| (Condition::range(tag, from, "<=", to), end))
}

/// “after scene 4”.
fn bound(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let (comparison, next) = comparison(words, at)?;
    let (scene, end) = scene(words, next)?;
    Some((Condition::compare(tag, comparison, scene), end))
}

/// “scene 3”, “scenes 2, 4 and 5”, “scene 1 or 7”, “scenes 2-4”, “the third scene”.
fn listed(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let (first, mut end) = scene(words, at)?;
    let last = if words.is(end, &["to", "through", "until"]) || is_dash(words, end) {
        integer(words, end + 1)
    } else {
        None
    };
    if let Some((last, end)) = last.filter(|(last, _)| first < *last) {
        return Some((Condition::range(tag, first, "<=", last), end));
    }
    let is_plural = words.is(at, &["scenes"]);
    let mut condition = Condition::compare(tag, "==", first);
    for _ in 0..LIST_MAX {
        let is_comma = words.symbol(end) == Some(',');
        let joined = words.is(end, &["or"]) || (is_plural && (is_comma || words.is(end, &["and"])));
        let next = words.skip(end + 1, if is_comma { &["and", "or"] } else { &[] });
        let Some((number, after)) = integer(words, next).filter(|_| joined) else { break };
        condition = condition.or(Condition::compare(tag, "==", number));
        end = after;
    }
    Some((condition, end))
}

/// Number of “scene 3”, “scene number 3” and “scene #3”; “the third scene” is number 2, since the first is 0.
fn scene(words: &Words<'_>, at: usize) -> Option<(f64, usize)> {
    if words.is(at, &["scene", "scenes"]) {
        let next = words.skip(at + 1, &["number", "no", "nr"]);
        let next = next + usize::from(matches!(words.symbol(next), Some('#' | '.')));
        return integer(words, next);
    }
    let (number, next) = ordinal(words, words.skip(at, &["the"]))?;
    words.is(next, &["scene"]).then_some((number - 1.0, next + 1))
}
