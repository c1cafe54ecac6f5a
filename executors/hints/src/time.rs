//! Times in a video: “after 7:05”, “between 5 and 10 minutes”, “the first 30 seconds”.

use crate::condition::Condition;
use crate::numbers::{integer, number, ordinal};
use crate::words::Words;

/// Seconds before and after a time that is given in seconds.
const AROUND_SECONDS: f64 = 10.0;
/// Seconds before and after a time that is given in minutes.
const AROUND_MINUTES: f64 = 30.0;
/// Seconds before and after a time that is given in hours.
const AROUND_HOURS: f64 = 300.0;

const MINUTE: f64 = 60.0;
const HOUR: f64 = 3600.0;

/// Words for the whole that a time is in.
const VIDEOS: &[&str] = &[
    "video",
    "videos",
    "film",
    "clip",
    "movie",
    "recording",
    "footage",
    "it",
    "show",
    "episode",
    "stream",
    "game",
];

/// A point in time.
#[derive(Clone, Copy, Debug)]
struct Point {
    seconds: f64,
    /// Unit in seconds; 1 for a time with colons.
    unit: f64,
    end: usize,
}

impl Point {
    fn around(self, tag: &str) -> Condition {
        let tolerance = match self.unit {
            HOUR => AROUND_HOURS,
            MINUTE => AROUND_MINUTES,
            _ => AROUND_SECONDS,
        };
        let from = (self.seconds - tolerance).max(0.0);
        Condition::range(tag, from, "<=", self.seconds + tolerance)
    }
}

/// A condition on the time, and the position after its words.
pub(crate) fn parse(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    range(words, at, tag)
        .or_else(|| bound(words, at, tag))
        .or_else(|| beginning(words, at, tag))
        .or_else(|| minute(words, at, tag))
        .or_else(|| moment(words, at, tag))
}

/// Comparison that a preposition means, and the position after it.
pub(crate) fn comparison(words: &Words<'_>, at: usize) -> Option<(&'static str, usize)> {
    const PREPOSITIONS: [(&str, &str); 17] = [
        ("later than", ">"),
        ("any time after", ">"),
        ("anytime after", ">"),
        ("after", ">"),
        ("earlier than", "<"),
        ("any time before", "<"),
        ("anytime before", "<"),
        ("prior to", "<"),
        ("before", "<"),
        ("up until", "<="),
        ("up to", "<="),
        ("until", "<="),
        ("till", "<="),
        ("by", "<="),
        ("since", ">="),
        ("starting at", ">="),
        ("starting from", ">="),
    ];
    let found =
        PREPOSITIONS.iter().find_map(|(text, comparison)| Some((*comparison, words.skip_all(at, text)?)));
    found.or_else(|| Some((">=", words.skip_all(at, "beginning at")?)))
}

/// “after 7:05”, “before the first 10 minutes”, “from 3:00 on”.
fn bound(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    if words.is(at, &["from"]) {
        let point = point(words, words.skip(at + 1, &["the", "about", "around"]))?;
        let is_start = words.is(point.end, &["on", "onward", "onwards", "forward", "forwards"]);
        return is_start.then(|| (Condition::compare(tag, ">=", point.seconds), point.end + 1));
    }
    let (comparison, next) = comparison(words, at)?;
    let next = words.skip(words.skip(next, &["the", "about", "around"]), &["first"]);
    let point = point(words, next)?;
    (!is_length(words, point.end)).then(|| (Condition::compare(tag, comparison, point.seconds), point.end))
}

/// “between 5 and 10 minutes”, “from 7:05 to 7:12”, “7:05-7:12”.
fn range(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let joins: &[&str] = match words.word(at) {
        "between" => &["and", "to"],
        "from" => &["to", "till", "until", "through"],
        _ if words.clock(at).is_some() => return clock_range(words, at, tag),
        _ => return None,
    };
    let first = words.skip(at + 1, &["the", "about"]);
    let start = point(words, first).or_else(|| {
        let (seconds, end) = minute_number(words, first, "minutes").or_else(|| number(words, first))?;
        Some(Point { seconds, unit: 0.0, end })
    })?;
    let join = words.skip(start.end, &["mark"]);
    let next = if words.is(join, joins) || is_dash(words, join) { join + 1 } else { return None };
    let next = words.skip(next, &["the", "about"]);
    let in_minutes = words.is(first, &["minute", "minutes"]);
    let bare = |at| integer(words, at).filter(|_| in_minutes);
    let end = point(words, next).or_else(|| {
        bare(next).map(|(minutes, end)| Point { seconds: minutes * MINUTE, unit: MINUTE, end })
    })?;
    // The unit of “between 5 and 10 minutes” is that of the second number.
    let from = match start.unit {
        0.0 if in_minutes => start.seconds,
        0.0 if end.unit > 1.0 || words.clock(next).is_none() => start.seconds * end.unit,
        0.0 => return None,
        _ => start.seconds,
    };
    let after = words.skip(end.end, &["mark"]);
    let is_range = from < end.seconds && !is_length(words, after);
    is_range.then(|| (Condition::range(tag, from, "<=", end.seconds), after))
}

fn clock_range(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let joined = words.is(at + 1, &["to", "until", "till"]) || is_dash(words, at + 1);
    let (from, to) = (words.clock(at)?, words.clock(at + 2)?);
    let is_range = joined && from.seconds < to.seconds && !is_half_day(words, at + 3);
    is_range.then(|| (Condition::range(tag, from.seconds, "<=", to.seconds), at + 3))
}

/// “the first 30 seconds”, “within the first minute”, “in the first half hour”.
fn beginning(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let next = words.skip(words.skip(at, &["in", "within", "during", "for"]), &["the"]);
    let next = next + usize::from(words.is(next, &["first", "opening", "initial"]));
    if !words.is(next.checked_sub(1)?, &["first", "opening", "initial"]) || next <= at {
        return None;
    }
    let length = duration(words, next).or_else(|| {
        let (unit, end) = unit(words, next)?;
        Some(Point { seconds: unit, unit, end })
    })?;
    (!is_length(words, length.end)).then(|| (Condition::compare(tag, "<", length.seconds), length.end))
}

/// “at minute 7”, “in the seventh minute”.
fn minute(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    if !words.is(at, &["in", "at", "during", "around"]) {
        return None;
    }
    let of_minute =
        |minute: f64, end| (Condition::range(tag, minute * MINUTE, "<", (minute + 1.0) * MINUTE), end);
    if let Some((seconds, end)) = minute_number(words, at + 1, "minute") {
        return Some(of_minute(seconds / MINUTE, end));
    }
    let (number, end) = ordinal(words, words.skip(at + 1, &["the"]))?;
    let end = words.is(end, &["minute"]).then_some(end + 1)?;
    (!is_length(words, end)).then(|| of_minute(number - 1.0, end))
}

/// “at 7:05”, “around the 5 minute mark”, “10 minutes into the video”.
fn moment(words: &Words<'_>, at: usize, tag: &str) -> Option<(Condition, usize)> {
    let next = words.skip(words.skip(at, &["at"]), &["about", "around", "roughly", "approximately", "near"]);
    let point = point(words, words.skip(next, &["the"]))?;
    let is_clock = words.clock(point.end - 1).is_some();
    let end = match words.word(point.end) {
        "mark" => point.end + 1,
        "into" => {
            let next = words.skip(point.end + 1, &["the", "a", "each", "every"]);
            words.is(next, VIDEOS).then_some(next + 1)?
        }
        "in" if words.ends(point.end + 1) => point.end + 1,
        _ if next > at && is_clock => point.end,
        _ if words.is(at, &["at"]) && words.ends(point.end) => point.end,
        _ => return None,
    };
    Some((point.around(tag), end))
}

/// A time with colons, “minute 5” or “5 minutes”.
fn point(words: &Words<'_>, at: usize) -> Option<Point> {
    if let Some(clock) = words.clock(at) {
        let point = Point { seconds: clock.seconds, unit: 1.0, end: at + 1 };
        return Some(point).filter(|_| !is_half_day(words, at + 1));
    }
    let numbered = || {
        let (seconds, end) = minute_number(words, at, "minute")?;
        Some(Point { seconds, unit: MINUTE, end })
    };
    numbered().or_else(|| duration(words, at))
}

/// “minute 5”, in seconds.
fn minute_number(words: &Words<'_>, at: usize, word: &str) -> Option<(f64, usize)> {
    let (minute, end) = integer(words, at + 1).filter(|_| words.is(at, &[word]))?;
    Some((minute * MINUTE, end))
}

/// “5 minutes”, “1h 30m”, “one hour and twenty minutes”, “half an hour”, “an hour and a half”.
fn duration(words: &Words<'_>, at: usize) -> Option<Point> {
    if words.is(at, &["half"]) {
        let (unit, end) = unit(words, words.skip(at + 1, &["a", "an"]))?;
        return Some(Point { seconds: unit / 2.0, unit: unit / MINUTE, end });
    }
    let quarter = words.skip(at, &["a", "the"]);
    if let Some(next) =
        words.skip_all(quarter, "quarter of an hour").or_else(|| words.skip_all(quarter, "quarter hour"))
    {
        return Some(Point { seconds: HOUR / 4.0, unit: MINUTE, end: next });
    }
    let (mut total, mut last) = component(words, at)?;
    loop {
        let next = words.skip(last.1, &["and"]);
        if next > last.1
            && let Some(end) = words.skip_all(next, "a half")
        {
            return Some(Point { seconds: total + last.0 / 2.0, unit: last.0, end });
        }
        match component(words, next).filter(|(_, (unit, _))| *unit < last.0 && number(words, next).is_some())
        {
            Some((seconds, component)) => {
                total += seconds;
                last = component;
            }
            None => return Some(Point { seconds: total, unit: last.0, end: last.1 }),
        }
    }
}

/// “5 minutes”, “5-minute”, “an hour”: seconds, unit and the position after it.
fn component(words: &Words<'_>, at: usize) -> Option<(f64, (f64, usize))> {
    let is_article = words.is(at, &["a", "an", "one"]);
    let (number, next) = if is_article { (1.0, at + 1) } else { number(words, at)? };
    let (unit, end) = unit(words, next + usize::from(is_dash(words, next)))?;
    Some((number * unit, (unit, end)))
}

/// Seconds of a unit. A single letter has to follow its number without a space.
fn unit(words: &Words<'_>, at: usize) -> Option<(f64, usize)> {
    let unit = match words.word(at) {
        "second" | "seconds" | "sec" | "secs" => 1.0,
        "minute" | "minutes" | "min" | "mins" => MINUTE,
        "hour" | "hours" | "hr" | "hrs" => HOUR,
        "s" if words.is_glued(at) => 1.0,
        "m" if words.is_glued(at) => MINUTE,
        "h" if words.is_glued(at) => HOUR,
        _ => return None,
    };
    Some((unit, at + 1))
}

/// True if what ends here is a length, as in “5 minutes of silence” and “10 minutes later”, and no time in a video.
fn is_length(words: &Words<'_>, at: usize) -> bool {
    match words.word(at) {
        "of" => !words.is(words.skip(at + 1, &["the", "a", "each", "every", "this"]), VIDEOS),
        "long" | "later" | "earlier" | "ago" | "apart" | "each" | "flat" => true,
        _ => false,
    }
}

/// True at `am` and `pm`: the time is one of a day.
pub(crate) fn is_half_day(words: &Words<'_>, at: usize) -> bool {
    words.is(at, &["am", "pm", "o'clock"])
        || (words.is(at, &["a", "p"]) && words.symbol(at + 1) == Some('.') && words.is(at + 2, &["m"]))
}

pub(crate) fn is_dash(words: &Words<'_>, at: usize) -> bool {
    matches!(words.symbol(at), Some('-' | '–' | '—'))
}
