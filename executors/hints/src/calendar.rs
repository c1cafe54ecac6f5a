//! Days of the Gregorian calendar, and arithmetic with them.

use std::fmt;

/// Names of the months, and their shortest abbreviations.
const MONTHS: [(&str, &str); 12] = [
    ("january", "jan"),
    ("february", "feb"),
    ("march", "mar"),
    ("april", "apr"),
    ("may", "may"),
    ("june", "jun"),
    ("july", "jul"),
    ("august", "aug"),
    ("september", "sep"),
    ("october", "oct"),
    ("november", "nov"),
    ("december", "dec"),
];

/// A day, in days since 1970-01-01. Its text is ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(i64);

impl Day {
    /// The day of a year from 1 to 9999, a month from 1 and a day from 1; `None` if there is no such day.
    pub(crate) fn new(year: i64, month: i64, day: i64) -> Option<Self> {
        let found = Self::first_of(year, month);
        let next = Self::first_of(year, month + 1);
        let is_valid = (1..=9999).contains(&year) && (1..=12).contains(&month) && day >= 1;
        Some(Self(found.0 + day - 1)).filter(|found| is_valid && *found < next)
    }

    /// Parses `2024-03-05`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let [year, month, day] = text.splitn(3, '-').collect::<Vec<_>>()[..] else { return None };
        let part = |text: &str, length: usize| {
            let is_number = text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| text.parse::<i64>().ok()).flatten()
        };
        Self::new(part(year, 4)?, part(month, 2)?, part(day, 2)?)
    }

    /// The first day of a month; months beyond December are in the next year.
    ///
    /// Howard Hinnant, chrono-compatible low-level date algorithms (`days_from_civil`).
    pub(crate) fn first_of(year: i64, month: i64) -> Self {
        let (year, month) = (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1);
        let year = if month <= 2 { year - 1 } else { year };
        let era = year.div_euclid(400);
        let year_of_era = year.rem_euclid(400);
        let day_of_year = (153 * ((month + 9) % 12) + 2) / 5;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        Self(era * 146_097 + day_of_era - 719_468)
    }

    /// Year and month.
    pub(crate) fn year_and_month(self) -> (i64, i64) {
        let days = self.0 + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = ((5 * day_of_year + 2) / 153 + 2) % 12 + 1;
        (year_of_era + era * 400 + i64::from(month <= 2), month)
    }

    /// The Monday of its week.
    pub(crate) fn monday(self) -> Self {
        // 1970-01-01 was a Thursday.
        Self(self.0 - (self.0 + 3).rem_euclid(7))
    }

    /// The day a number of days later.
    pub(crate) fn plus(self, days: i64) -> Self {
        Self(self.0.saturating_add(days))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = self.year_and_month();
        let day = self.0 - Self::first_of(year, month).0 + 1;
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Number of the month with a name, from 1.
pub(crate) fn month(name: &str) -> Option<i64> {
    let found = MONTHS
        .iter()
        .position(|(long, short)| name == *long || name == *short || (name == "sept" && *short == "sep"));
    found.and_then(|index| i64::try_from(index + 1).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_written_as_they_are_read() {
        for text in
            ["1970-01-01", "1999-12-31", "2000-02-29", "2024-02-29", "2024-03-01", "0001-01-01", "9999-12-31"]
        {
            assert_eq!(Day::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "2023-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-01-32",
            "24-01-01",
            "2024-1-1",
            "",
            "x",
        ] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        let mut day = Day::parse("1896-12-30").unwrap();
        for _ in 0..100_000 {
            let next = day.plus(1);
            assert_eq!(Day::parse(&next.to_string()), Some(next));
            assert!(next.to_string() > day.to_string());
            day = next;
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        for (text, monday) in
            [("2024-06-15", "2024-06-10"), ("2024-06-10", "2024-06-10"), ("1969-12-28", "1969-12-22")]
        {
            assert_eq!(Day::parse(text).unwrap().monday().to_string(), monday);
        }
    }
}
