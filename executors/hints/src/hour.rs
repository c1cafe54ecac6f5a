//! Hours of the day: “in the morning”, “after 6 pm”.

use crate::condition::Condition;
use crate::numbers::number;
use crate::time::{comparison, is_half_day};
use crate::words::Words;

/// Parts of the day, in hours.
const PARTS: [(&str, f64, f64); 6] = [
    ("in the morning", 6.0, 12.0),
    ("in the afternoon", 12.0, 18.0),
    ("in the evening", 18.0, 22.0),
    ("at noon", 11.0, 14.0),
    ("around noon", 11.0, 14.0),
    ("at midday", 11.0, 14.0),
];

/// A condition on the hour, and the position after its words.
pub(crate) fn parse(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let part = PARTS.iter().find_map(|(text, from, to)| {
        let end = words.skip_all(at, text).filter(|end| !words.common_word(end - 1).is_empty())?;
        Some((Condition::range(tag, *from, "<", *to), end))
    });
    part.or_else(|| range(words, at, tag)).or_else(|| bound(words, at, tag))
}

/// “after 6 pm”, “at 7 pm”.
fn bound(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    if words.is(at, &["at", "around", "about"]) {
        let (hour, end) = hour(words, words.skip(at + 1, &["about", "around"]))?;
        return Some((Condition::range(tag, hour, "<", hour + 1.0), end));
    }
    let (comparison, next) = comparison(words, at)?;
    let (hour, end) = hour(words, next)?;
    let comparison = if comparison.starts_with('<') { "<" } else { ">=" };
    Some((Condition::compare(tag, comparison, hour), end))
}

/// “between 2 and 4 pm”, “from 10 pm to 2 am”.
fn range(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let join = match words.word(at) {
        "between" => "and",
        "from" => "to",
        _ => return None,
    };
    let first = hour(words, at + 1);
    let join_at = first.map_or_else(|| number(words, at + 1), Some)?.1;
    let (to, end) = words.is(join_at, &[join]).then(|| hour(words, join_at + 1)).flatten()?;
    let from = match first {
        Some((from, _)) => from,
        // Both are in the same half of the day, if the first is then earlier.
        None => {
            let written =
                number(words, at + 1).map(|(hour, _)| hour).filter(|hour| (1.0..=12.0).contains(hour))?;
            let written = written % 12.0;
            if to >= 12.0 && written + 12.0 < to { written + 12.0 } else { written }
        }
    };
    let condition = match from < to {
        true => Condition::range(tag, from, "<", to),
        false => Condition::compare(tag, ">=", from).or(Condition::compare(tag, "<", to)),
    };
    Some((condition, end))
}

/// “6 pm”, “6:30pm”, “6 p.m.”: hours since midnight.
fn hour(words: &Words<'_>, at: usize) -> Option<(f64, usize)> {
    match words.word(at) {
        "noon" | "midday" => return Some((12.0, at + 1)),
        _ => {}
    }
    let written =
        words.clock(at).map(|clock| clock.hours).or_else(|| number(words, at).map(|(hour, _)| hour))?;
    let next = words.clock(at).map_or_else(|| number(words, at).map(|(_, next)| next), |_| Some(at + 1))?;
    if !is_half_day(words, next) || !(1.0..13.0).contains(&written) || words.is(next, &["o'clock"]) {
        return None;
    }
    let is_afternoon = words.word(next).starts_with('p');
    let end = if words.symbol(next + 1) == Some('.') && words.is(next + 2, &["m"]) {
        next + 3 + usize::from(words.symbol(next + 3) == Some('.'))
    } else {
        next + 1
    };
    Some((written % 12.0 + if is_afternoon { 12.0 } else { 0.0 }, end))
}
