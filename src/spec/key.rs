//! A table of keys: what may stand in a mapping of a flow file, of which type, and what becomes of it.
//!
//! The table is the parser's list of known keys, the source of suggestions for misspelt ones, and the reference in
//! `docs/yaml.md`, at once.

/// One row of a table.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// Other spellings of the same key, from other versions of Jina.
    pub also: &'static [&'static str],
    /// What values it takes.
    pub kind: Kind,
    /// What becomes of it.
    pub effect: Effect,
    /// What it means, in a phrase.
    pub documentation: &'static str,
}

/// What values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// True or false.
    Flag,
    /// An integer between two bounds, both included.
    Count(usize, usize),
    /// An integer up to a bound, or -1 for the default.
    CountOrDefault(usize),
    /// Milliseconds; -1 for no end.
    Milliseconds,
    /// A text.
    Text,
    /// A text, or a list of texts.
    Texts,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// A mapping.
    Mapping,
    /// A list.
    List,
    /// Whatever; the key's own parser looks closer.
    Any,
}

/// What becomes of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does what it says.
    Obeyed,
    /// It is accepted and does nothing here, for this reason.
    WithoutEffect(&'static str),
    /// It is refused, with what to do instead.
    Refused(&'static str),
}

impl Key {
    /// A key that does what it says.
    pub(super) const fn obeyed(name: &'static str, kind: Kind, documentation: &'static str) -> Self {
        Self { name, also: &[], kind, effect: Effect::Obeyed, documentation }
    }

    /// A key that is accepted and does nothing here.
    pub(super) const fn ignored(name: &'static str, reason: &'static str) -> Self {
        Self { name, also: &[], kind: Kind::Any, effect: Effect::WithoutEffect(reason), documentation: "" }
    }

    /// A key that is refused, with what to do instead.
    pub(super) const fn refused(name: &'static str, instead: &'static str) -> Self {
        Self { name, also: &[], kind: Kind::Any, effect: Effect::Refused(instead), documentation: "" }
    }

    /// The same, in other spellings too.
    pub(super) const fn also(self, also: &'static [&'static str]) -> Self {
        Self { also, ..self }
    }

    /// Every spelling of the key.
    pub fn spellings(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.also.iter().copied())
    }
}

impl Kind {
    /// What values the key takes, for people, as in “must be …”.
    pub fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count(least, most) => format!("an integer from {least} to {most}"),
            Self::CountOrDefault(most) => format!("an integer from 0 to {most}, or -1 for the default"),
            Self::Milliseconds => "a number of milliseconds, or -1 for no end".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Texts => "a text or a list of texts".to_owned(),
            Self::Choice(words) => {
                words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Self::Mapping => "a mapping".to_owned(),
            Self::List => "a list".to_owned(),
            Self::Any => "a value".to_owned(),
        }
    }
}
