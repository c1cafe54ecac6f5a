//! Words for values of tags, with synonyms.

use std::collections::HashMap;

use flowrun_sdk::Value;

use crate::words::Words;

/// Maximum number of words and synonyms.
const TERMS_MAX: usize = 20_000;
/// Maximum number of words in a synonym.
const TERM_WORDS_MAX: usize = 6;

/// Colours as `SceneTagger` names them, with synonyms.
const COLOURS: [Synonyms; 11] = [
    ("red", &["crimson", "scarlet", "reddish", "maroon"]),
    ("orange", &["amber"]),
    ("yellow", &["golden", "yellowish"]),
    ("green", &["greenish", "emerald"]),
    ("blue", &["bluish", "azure", "navy", "turquoise", "cyan"]),
    ("purple", &["violet", "lilac"]),
    ("pink", &["pinkish", "magenta"]),
    ("brown", &["brownish"]),
    ("black", &[]),
    ("white", &["whitish"]),
    ("grey", &["gray", "greyish", "grayish"]),
];

/// Times of day as `SceneTagger` names them, with phrases.
const TIMES_OF_DAY: [Synonyms; 2] = [
    (
        "day",
        &[
            "by day",
            "during the day",
            "at daytime",
            "in daytime",
            "in the daytime",
            "in daylight",
            "in broad daylight",
            "daytime",
            "daylight",
        ],
    ),
    (
        "night",
        &[
            "at night",
            "by night",
            "in the night",
            "during the night",
            "at nighttime",
            "nighttime",
            "night time",
            "night scene",
            "night scenes",
            "night shot",
            "night shots",
        ],
    ),
];

/// A value, and the words for it.
type Synonyms = (&'static str, &'static [&'static str]);

/// Use of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Before a noun, as colours are.
    Adjective,
    /// Name of a thing.
    Noun,
    /// Anywhere, literally.
    Phrase,
}

/// A word or phrase for the value of a tag.
#[derive(Clone, Debug)]
pub(crate) struct Term {
    words: Vec<String>,
    pub(crate) tag: String,
    pub(crate) value: String,
    pub(crate) role: Role,
    pub(crate) is_plural: bool,
}

/// All terms, by their first word.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    terms: HashMap<String, Vec<Term>>,
    count: usize,
}

impl Vocabulary {
    /// The built-in vocabulary, whose tags `tags` replaces or, by null, removes.
    ///
    /// # Errors
    /// The part of `tags` that is not a vocabulary.
    pub(crate) fn new(tags: &Value, adjectives: &[String], phrases: &[String]) -> Result<Self, String> {
        let none = serde_json::Map::new();
        let tags = match tags {
            Value::Null => &none,
            Value::Object(tags) => tags,
            _ => return Err("must be a mapping from tags to values with their synonyms".to_owned()),
        };
        let mut vocabulary = Self::default();
        let built_in: [(&str, &[Synonyms]); 2] = [("colours", &COLOURS), ("time_of_day", &TIMES_OF_DAY)];
        let role = |tag: &str| match tag {
            tag if adjectives.iter().any(|name| name == tag) => Role::Adjective,
            tag if phrases.iter().any(|name| name == tag) => Role::Phrase,
            _ => Role::Noun,
        };
        for (tag, values) in built_in.iter().filter(|(tag, _)| !tags.contains_key(*tag)) {
            for (value, synonyms) in *values {
                let own = (role(tag) != Role::Phrase).then_some(*value);
                for text in own.iter().chain(*synonyms) {
                    vocabulary.add(tag, value, role(tag), text)?;
                }
            }
        }
        for (tag, values) in tags {
            vocabulary.add_tag(tag, values, role(tag)).map_err(|reason| format!("`{tag}` {reason}"))?;
        }
        for terms in vocabulary.terms.values_mut() {
            terms.sort_by_key(|term| std::cmp::Reverse(term.words.len()));
        }
        Ok(vocabulary)
    }

    /// The longest term at a position, and the position after it. Names are no terms.
    pub(crate) fn term(&self, words: &Words<'_>, at: usize) -> Option<(&Term, usize)> {
        let terms = self.terms.get(words.common_word(at))?;
        let is_here = |term: &&Term| {
            let mut numbered = term.words.iter().enumerate();
            numbered.all(|(number, word)| words.common_word(at + number) == word)
        };
        terms.iter().find(is_here).map(|term| (term, at + term.words.len()))
    }

    fn add_tag(&mut self, tag: &str, values: &Value, role: Role) -> Result<(), String> {
        if tag.is_empty() || tag.contains('`') {
            return Err("must be the name of a tag without backquotes".to_owned());
        }
        let text = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            _ => {
                Err(format!("has {value} where a text must be; put numbers and words such as `no` in quotes"))
            }
        };
        match values {
            Value::Null => Ok(()),
            Value::Array(values) => values.iter().try_for_each(|value| {
                let value = text(value)?;
                self.add(tag, &value, role, &value)
            }),
            Value::Object(values) => {
                for (value, synonyms) in values {
                    let synonyms = match synonyms {
                        Value::Null => Vec::new(),
                        Value::Array(synonyms) => synonyms.iter().map(text).collect::<Result<_, _>>()?,
                        synonym => vec![text(synonym)?],
                    };
                    if role != Role::Phrase || synonyms.is_empty() {
                        self.add(tag, value, role, value)?;
                    }
                    synonyms.iter().try_for_each(|synonym| self.add(tag, value, role, synonym))?;
                }
                Ok(())
            }
            _ => Err("must be a list of values, or a mapping from values to synonyms".to_owned()),
        }
    }

    /// Adds a word or phrase, and the plural of a noun.
    fn add(&mut self, tag: &str, value: &str, role: Role, text: &str) -> Result<(), String> {
        self.add_form(tag, value, role, text, is_plural(text))?;
        if role == Role::Noun && !is_plural(text) {
            self.add_form(tag, value, role, &plural(text), true)?;
        }
        Ok(())
    }

    fn add_form(
        &mut self,
        tag: &str,
        value: &str,
        role: Role,
        text: &str,
        is_plural: bool,
    ) -> Result<(), String> {
        let words = Words::new(text);
        let form: Vec<String> = (0..words.len()).map(|at| words.word(at).to_owned()).collect();
        if form.is_empty() || form.len() > TERM_WORDS_MAX || form.iter().any(String::is_empty) {
            return Err(format!("has `{text}`, which is not from 1 to {TERM_WORDS_MAX} words of letters"));
        }
        self.count += 1;
        if self.count > TERMS_MAX {
            return Err(format!("exceeds the {TERMS_MAX} words and plurals that a vocabulary may have"));
        }
        let first = form.first().cloned().unwrap_or_default();
        let (tag, value) = (tag.to_owned(), value.to_owned());
        self.terms.entry(first).or_default().push(Term { words: form, tag, value, role, is_plural });
        Ok(())
    }
}

/// True for words that are plurals: those that end with s, but not ss, and a few irregular ones.
fn is_plural(word: &str) -> bool {
    let last = word.rsplit(' ').next().unwrap_or(word);
    ["people", "men", "women", "children", "police", "cattle", "sheep"].contains(&last)
        || (last.ends_with('s') && !last.ends_with("ss") && !last.ends_with("us"))
}

/// The regular plural: cars, boxes, ponies.
fn plural(word: &str) -> String {
    let consonant_y = word.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'i', 'o', 'u']));
    if let Some(stem) = consonant_y {
        return format!("{stem}ies");
    }
    if let Some(stem) = word.strip_suffix("man") {
        return format!("{stem}men");
    }
    match ["s", "x", "ch", "sh"].iter().any(|end| word.ends_with(end)) {
        true => format!("{word}es"),
        false => format!("{word}s"),
    }
}
