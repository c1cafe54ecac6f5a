//! Dates: “in March 2024”, “since 2021”, and, with the day of today, “yesterday”.

use crate::calendar::{Day, month};
use crate::condition::Condition;
use crate::numbers::integer;
use crate::time::comparison;
use crate::words::Words;

/// Words after which a number is no year: “2000 meters”.
const UNITS: &[&str] = &[
    "meter",
    "meters",
    "metres",
    "m",
    "km",
    "kilometers",
    "kilometres",
    "feet",
    "ft",
    "miles",
    "yards",
    "kg",
    "tons",
    "tonnes",
    "degrees",
    "watts",
    "volts",
    "dollars",
    "euros",
    "pounds",
    "words",
    "pieces",
    "parts",
    "ways",
    "things",
    "people",
    "times",
    "steps",
    "bc",
    "px",
    "pixels",
    "fps",
    "hz",
    "rpm",
];

/// Days from the first up to the second, and the position after their words.
type Period = (Day, Day, usize);

/// A condition on the date, and the position after its words.
pub(crate) fn parse(
    words: &Words<'_>,
    at: usize,
    tag: &str,
    today: Option<Day>,
) -> Option<(Condition, usize)> {
    let text = |day: Day| day.to_string();
    if let Some((from, to, end)) = range(words, at, today) {
        return Some((Condition::range(tag, text(from), "<", text(to)), end));
    }
    if let Some((comparison, next)) = comparison(words, at)
        && let Some((from, to, end)) = period(words, words.skip(next, &["the"]), today)
    {
        let condition = match comparison {
            "<" => Condition::compare(tag, "<", text(from)),
            "<=" => Condition::compare(tag, "<", text(to)),
            ">" => Condition::compare(tag, ">=", text(to)),
            _ => Condition::compare(tag, ">=", text(from)),
        };
        return Some((condition, end));
    }
    let (from, to, end) = if words.is(at, &["in", "on", "from", "of", "during", "throughout"]) {
        period(words, words.skip(at + 1, &["the"]), today)?
    } else {
        // A year alone is not a date: “2001: A Space Odyssey”.
        let first = words.skip(at, &["the"]);
        period(words, first, today).filter(|_| words.digits(first).is_none_or(|year| year < 1000.0))?
    };
    Some((Condition::range(tag, text(from), "<", text(to)), end))
}

/// “between 2019 and 2021”, “from May to July 2022”.
fn range(words: &Words<'_>, at: usize, today: Option<Day>) -> Option<Period> {
    let joins: &[&str] = match words.word(at) {
        "between" => &["and"],
        "from" => &["to", "until", "till", "through"],
        _ => return None,
    };
    let first = period(words, at + 1, today);
    // The year of “May to July 2022” is that of the second month.
    let month = || month(words.word(at + 1));
    let join = first.map_or_else(|| month().map(|_| at + 2), |(_, _, end)| Some(end))?;
    let (last, to, end) = words.is(join, joins).then(|| period(words, join + 1, today)).flatten()?;
    let from = match first {
        Some((from, ..)) => from,
        None => Day::first_of(last.year_and_month().0, month()?),
    };
    (from <= last).then_some((from, to, end))
}

/// A day, month or year.
fn period(words: &Words<'_>, at: usize, today: Option<Day>) -> Option<Period> {
    if let Some(day) = words.day(at) {
        return Some((day, day.plus(1), at + 1));
    }
    day_of_month(words, at)
        .or_else(|| month_of_year(words, at))
        .or_else(|| {
            let (year, end) = year(words, at).filter(|(_, end)| !words.is(*end, UNITS))?;
            Some((Day::first_of(year, 1), Day::first_of(year + 1, 1), end))
        })
        .or_else(|| relative(words, at, today?))
}

/// “5 March 2024”, “24th of December 2022”.
fn day_of_month(words: &Words<'_>, at: usize) -> Option<Period> {
    let day = whole(words.digits(at)?)?;
    let next = words.skip(words.skip(at + 1, &["st", "nd", "rd", "th"]), &["of"]);
    let month = month(words.word(next))?;
    let (year, end) = year(words, comma(words, next + 1))?;
    let day = Day::new(year, month, day)?;
    Some((day, day.plus(1), end))
}

/// “March 2024”, “March 5, 2024”, “dec. 2023”.
fn month_of_year(words: &Words<'_>, at: usize) -> Option<Period> {
    let month = month(words.word(at))?;
    let next = at + 1 + usize::from(words.symbol(at + 1) == Some('.'));
    if let Some((year, end)) = year(words, comma(words, words.skip(next, &["of"]))) {
        return Some((Day::first_of(year, month), Day::first_of(year, month + 1), end));
    }
    let day = whole(words.digits(next)?)?;
    let (year, end) = year(words, comma(words, words.skip(next + 1, &["st", "nd", "rd", "th"])))?;
    let day = Day::new(year, month, day)?;
    Some((day, day.plus(1), end))
}

fn comma(words: &Words<'_>, at: usize) -> usize {
    at + usize::from(words.symbol(at) == Some(','))
}

/// A year from 1900 to 2099.
fn year(words: &Words<'_>, at: usize) -> Option<(i64, usize)> {
    let year = whole(words.digits(at)?).filter(|year| (1900..2100).contains(year))?;
    let is_part = words.is_glued(at + 1) && !words.ends(at + 1);
    (!is_part).then_some((year, at + 1))
}

fn whole(number: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "it is a small integer")]
    (number.fract() == 0.0 && (0.0..10_000.0).contains(&number)).then_some(number as i64)
}

/// “yesterday”, “last month”, “the last 3 days”, “3 days ago”.
fn relative(words: &Words<'_>, at: usize, today: Day) -> Option<Period> {
    let (year, month) = today.year_and_month();
    if let Some(end) = words.skip_all(at, "day before yesterday") {
        return Some((today.plus(-2), today.plus(-1), end));
    }
    match words.common_word(at) {
        "today" => return Some((today, today.plus(1), at + 1)),
        "yesterday" => return Some((today.plus(-1), today, at + 1)),
        _ => {}
    }
    let back = match words.word(at) {
        "last" | "past" | "previous" => 1,
        "this" => 0,
        _ => return ago(words, at, today),
    };
    let monday = today.monday().plus(-7 * back);
    let (from, to) = match words.word(at + 1) {
        "week" => (monday, monday.plus(7)),
        "month" => (Day::first_of(year, month - back), Day::first_of(year, month - back + 1)),
        "year" => (Day::first_of(year - back, 1), Day::first_of(year - back + 1, 1)),
        _ => {
            let (days, end) = days(words, at + 1).filter(|_| back == 1)?;
            return Some((today.plus(1 - days), today.plus(1), end));
        }
    };
    Some((from, to, at + 2))
}

fn ago(words: &Words<'_>, at: usize, today: Day) -> Option<Period> {
    let (days, end) = days(words, at)?;
    let day = today.plus(-days);
    words.is(end, &["ago"]).then_some((day, day.plus(1), end + 1))
}

/// “3 days”, “2 weeks”, in days.
fn days(words: &Words<'_>, at: usize) -> Option<(i64, usize)> {
    let (count, next) = integer(words, at)?;
    let length = match words.word(next) {
        "day" | "days" => 1,
        "week" | "weeks" => 7,
        _ => return None,
    };
    Some((whole(count)? * length, next + 1))
}
