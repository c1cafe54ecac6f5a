//! Words, numbers and symbols of a text, with the parts that are quoted or names.

use crate::calendar::Day;

/// Number of words and symbols that are read: queries have a dozen, and a longer text is not one.
const WORDS_MAX: usize = 512;

/// Larger numbers are symbols, so that no computation overflows.
const NUMBER_MAX: f64 = 1e9;

/// Words that a name may contain, such as “Night at the Museum”.
const WORDS_OF_NAMES: &[&str] =
    &["a", "an", "and", "at", "by", "for", "from", "in", "of", "on", "or", "the", "to", "with"];

/// Capitalised words that are no names.
const NO_NAMES: &[&str] = &[
    "scene",
    "scenes",
    "minute",
    "minutes",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// The words of a text.
#[derive(Debug)]
pub(crate) struct Words<'a> {
    text: &'a str,
    words: Vec<Word>,
}

/// A word, number or symbol.
#[derive(Debug)]
struct Word {
    /// Lower case.
    text: String,
    start: usize,
    end: usize,
    kind: WordKind,
    /// True if no space is before it.
    glued: bool,
    capital: bool,
    /// Inside quotation marks.
    quoted: bool,
    /// Part of a name.
    named: bool,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum WordKind {
    Letters,
    Number(f64),
    /// `7:05` or `1:02:03`, in seconds and as hours of a day.
    Clock(Clock),
    Day(Day),
    Symbol(char),
}

/// A time with colons.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Clock {
    /// Minutes and seconds, or hours, minutes and seconds, as seconds.
    pub(crate) seconds: f64,
    /// Hours and minutes, as hours.
    pub(crate) hours: f64,
}

impl<'a> Words<'a> {
    /// Splits a text; only its first words are read.
    pub(crate) fn new(text: &'a str) -> Self {
        let mut words = Vec::new();
        let mut position = 0;
        while words.len() < WORDS_MAX
            && let Some(word) = next_word(text, position)
        {
            position = word.end;
            words.push(word);
        }
        let mut words = Self { text, words };
        words.mark_quotes();
        words.mark_names();
        words
    }

    pub(crate) fn len(&self) -> usize {
        self.words.len()
    }

    /// The text from one word to before another.
    pub(crate) fn span(&self, from: usize, to: usize) -> &'a str {
        let start = self.words.get(from).map_or(0, |word| word.start);
        let end = to.checked_sub(1).and_then(|last| self.words.get(last)).map_or(0, |word| word.end);
        self.text.get(start..end).unwrap_or_default()
    }

    /// The word at a position in lower case; empty for numbers, symbols, quoted words and beyond the end.
    pub(crate) fn word(&self, at: usize) -> &str {
        let word = self.words.get(at).filter(|word| word.kind == WordKind::Letters && !word.quoted);
        word.map_or("", |word| &word.text)
    }

    /// The word at a position, unless it is part of a name.
    pub(crate) fn common_word(&self, at: usize) -> &str {
        if self.words.get(at).is_some_and(|word| word.named) { "" } else { self.word(at) }
    }

    /// True if a word of the list is at a position.
    pub(crate) fn is(&self, at: usize, words: &[&str]) -> bool {
        words.contains(&self.word(at))
    }

    /// The position after these words, if they are at a position.
    pub(crate) fn skip_all(&self, at: usize, words: &str) -> Option<usize> {
        let mut position = at;
        for expected in words.split(' ') {
            if self.word(position) != expected {
                return None;
            }
            position += 1;
        }
        Some(position)
    }

    /// The position after a word of the list, or the position itself.
    pub(crate) fn skip(&self, at: usize, words: &[&str]) -> usize {
        at + usize::from(self.is(at, words))
    }

    pub(crate) fn symbol(&self, at: usize) -> Option<char> {
        match self.words.get(at)?.kind {
            WordKind::Symbol(symbol) => Some(symbol),
            _ => None,
        }
    }

    /// True beyond the end and at a symbol, which ends a phrase.
    pub(crate) fn ends(&self, at: usize) -> bool {
        self.words.get(at).is_none_or(|word| matches!(word.kind, WordKind::Symbol(_)))
    }

    /// True if no space is before the word at a position.
    pub(crate) fn is_glued(&self, at: usize) -> bool {
        self.words.get(at).is_some_and(|word| word.glued)
    }

    /// A number in digits.
    pub(crate) fn digits(&self, at: usize) -> Option<f64> {
        match self.unquoted(at)? {
            WordKind::Number(number) => Some(number),
            _ => None,
        }
    }

    pub(crate) fn clock(&self, at: usize) -> Option<Clock> {
        match self.unquoted(at)? {
            WordKind::Clock(clock) => Some(clock),
            _ => None,
        }
    }

    pub(crate) fn day(&self, at: usize) -> Option<Day> {
        match self.unquoted(at)? {
            WordKind::Day(day) => Some(day),
            _ => None,
        }
    }

    fn unquoted(&self, at: usize) -> Option<WordKind> {
        self.words.get(at).filter(|word| !word.quoted).map(|word| word.kind)
    }

    fn mark_quotes(&mut self) {
        let mut open: Option<(usize, char)> = None;
        for position in 0..self.words.len() {
            let Some(symbol) = self.symbol(position) else { continue };
            match open {
                Some((from, closing)) if symbol == closing => {
                    self.words.iter_mut().take(position).skip(from).for_each(|word| word.quoted = true);
                    open = None;
                }
                Some(_) => {}
                None => open = closing_quote(symbol).map(|closing| (position, closing)),
            }
        }
    }

    /// Marks capitalised words, unless they begin a sentence and are followed by no other, or all letters are capitals.
    fn mark_names(&mut self) {
        if !self.text.chars().any(char::is_lowercase) {
            return;
        }
        for position in 0..self.words.len() {
            let named = self.is_capital(position)
                && (!self.begins_sentence(position) || self.capital_follows(position + 1));
            if let Some(word) = self.words.get_mut(position) {
                word.named = named;
            }
        }
    }

    fn is_capital(&self, at: usize) -> bool {
        let word = self.words.get(at);
        word.is_some_and(|word| word.capital && !NO_NAMES.contains(&word.text.as_str()))
    }

    fn begins_sentence(&self, at: usize) -> bool {
        let before = at.checked_sub(1).map(|before| self.symbol(before));
        before.is_none_or(|symbol| symbol.is_some_and(|symbol| ".!?:;\"“(-–—".contains(symbol)))
    }

    fn capital_follows(&self, at: usize) -> bool {
        let next = (at..at + 3).find(|position| !WORDS_OF_NAMES.contains(&self.word(*position)));
        next.is_some_and(|next| self.is_capital(next))
    }
}

fn closing_quote(symbol: char) -> Option<char> {
    match symbol {
        '"' => Some('"'),
        '“' | '„' => Some('”'),
        '«' => Some('»'),
        '‘' => Some('’'),
        '\'' => Some('\''),
        _ => None,
    }
}

/// The first word after a position in bytes.
fn next_word(text: &str, from: usize) -> Option<Word> {
    let rest = text.get(from..)?;
    let trimmed = rest.trim_start();
    let start = from + rest.len() - trimmed.len();
    let first = trimmed.chars().next()?;
    let (length, kind) = match first {
        '0'..='9' => number(trimmed),
        first if first.is_alphabetic() => (letters(trimmed), WordKind::Letters),
        first => (first.len_utf8(), WordKind::Symbol(first)),
    };
    let end = start + length;
    Some(Word {
        text: text.get(start..end)?.to_lowercase().replace('’', "'"),
        start,
        end,
        kind,
        glued: start == from && from > 0,
        capital: first.is_uppercase(),
        quoted: false,
        named: false,
    })
}

/// Length of a word in bytes: letters, with apostrophes between them.
fn letters(text: &str) -> usize {
    let mut end = 0;
    for (position, character) in text.char_indices() {
        let is_apostrophe = matches!(character, '\'' | '’') && {
            let after = text.get(position + character.len_utf8()..).and_then(|rest| rest.chars().next());
            after.is_some_and(char::is_alphabetic)
        };
        if !character.is_alphabetic() && !is_apostrophe {
            break;
        }
        end = position + character.len_utf8();
    }
    end
}

/// Length in bytes and value of a token that begins with a digit.
fn number(text: &str) -> (usize, WordKind) {
    let digits = |from: usize| -> usize { text.bytes().skip(from).take_while(u8::is_ascii_digit).count() };
    let first = digits(0);
    let day = text.get(..10).and_then(Day::parse).filter(|_| digits(8) == 2);
    if let Some(day) = day {
        return (10, WordKind::Day(day));
    }
    let mut groups = vec![(0, first)];
    let mut end = first;
    while text.as_bytes().get(end) == Some(&b':') && digits(end + 1) > 0 {
        groups.push((end + 1, digits(end + 1)));
        end += 1 + digits(end + 1);
    }
    if groups.len() > 1 {
        return (end, clock(text, &groups).map_or(WordKind::Symbol(':'), WordKind::Clock));
    }
    if text.as_bytes().get(end) == Some(&b'.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    let value = text.get(..end).and_then(|text| text.parse::<f64>().ok()).filter(|value| *value < NUMBER_MAX);
    (end, value.map_or(WordKind::Symbol('#'), WordKind::Number))
}

/// The time that groups of digits, by position and length, mean: all but the first have two digits and are below 60.
fn clock(text: &str, groups: &[(usize, usize)]) -> Option<Clock> {
    let values: Option<Vec<u32>> =
        groups.iter().map(|(from, length)| text.get(*from..from + length)?.parse().ok()).collect();
    let values = values?;
    let is_valid = groups.iter().zip(&values).skip(1).all(|((_, length), value)| *length == 2 && *value < 60);
    match values[..] {
        [minutes, seconds] if is_valid => Some(Clock {
            seconds: f64::from(minutes) * 60.0 + f64::from(seconds),
            hours: f64::from(minutes) + f64::from(seconds) / 60.0,
        }),
        [hours, minutes, seconds] if is_valid => {
            let seconds = f64::from(hours) * 3600.0 + f64::from(minutes) * 60.0 + f64::from(seconds);
            Some(Clock { seconds, hours: seconds / 3600.0 })
        }
        _ => None,
    }
}
