//! Polling: the shards that receive a request, by endpoint.

use indexmap::IndexMap;

use super::endpoint::with_slash;
use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};
use crate::yaml::Node;

/// The shards that receive a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Polling {
    /// Each document goes to exactly one shard: the one that holds it, otherwise the one that the pod's strategy selects.
    Any,
    /// Every shard receives the whole request, and the replies are merged.
    All,
    /// Like `All`, without the shards whose tag statistics rule out a match of the request's filter.
    Relevant,
}

impl Polling {
    /// The word in a flow file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::All => "ALL",
            Self::Relevant => "RELEVANT",
        }
    }
}

/// The polling of every endpoint.
///
/// Defaults are those of Jina 3: `/search` is `ALL` and `/index` is `ANY` unless a mapping names them; other endpoints
/// follow the word given, or are `ANY`. The word `RELEVANT`, which Jina lacks, applies to the endpoints that query by a
/// filter (`/search`, `/filter`, `/count`); other endpoints stay `ANY`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PollingTable {
    by_endpoint: IndexMap<String, Polling>,
    default: Polling,
}

/// The endpoint that stores documents.
const INDEX: &str = "/index";

impl Default for PollingTable {
    fn default() -> Self {
        Self::from_word(Polling::Any)
    }
}

impl PollingTable {
    fn from_word(word: Polling) -> Self {
        let relevant = word == Polling::Relevant;
        let search = if relevant { Polling::Relevant } else { Polling::All };
        let mut by_endpoint = vec![("/search", search), (INDEX, Polling::Any)];
        if relevant {
            by_endpoint.extend([("/filter", search), ("/count", search)]);
        }
        let owned = |(endpoint, polling): (&str, Polling)| (endpoint.to_owned(), polling);
        Self {
            by_endpoint: by_endpoint.into_iter().map(owned).collect(),
            default: if relevant { Polling::Any } else { word },
        }
    }

    /// The polling of requests to `endpoint`.
    pub fn get(&self, endpoint: &str) -> Polling {
        self.by_endpoint.get(endpoint).copied().unwrap_or(self.default)
    }

    /// Every endpoint that the table names, then `*` for all other endpoints.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Polling)> {
        let named = self.by_endpoint.iter().map(|(endpoint, polling)| (endpoint.as_str(), *polling));
        named.chain(std::iter::once(("*", self.default)))
    }

    /// True if any endpoint is polled `RELEVANT`.
    pub fn has_relevant(&self) -> bool {
        self.entries().any(|(_, polling)| polling == Polling::Relevant)
    }

    /// Reads the value of a `polling` key: a word, a mapping by endpoint, or such a mapping as JSON in a string.
    pub(super) fn read(node: &Node, report: &mut Report) -> Self {
        if let Some(mapping) = node.mapping() {
            let entry =
                |(key, value): (&Node, &Node)| (key.key_text(), value.text().map(str::to_owned), value.span);
            return Self::from_entries(mapping.iter().map(entry), report);
        }
        let text = node.text().unwrap_or_default();
        if text.trim_start().starts_with('{')
            && let Ok(serde_json::Value::Object(entries)) = serde_json::from_str(text)
        {
            let entry = |(endpoint, value): (String, serde_json::Value)| {
                (endpoint, value.as_str().map(str::to_owned), node.span)
            };
            return Self::from_entries(entries.into_iter().map(entry), report);
        }
        read_word(node.text(), node.span, report).map_or_else(Self::default, Self::from_word)
    }

    fn from_entries(
        entries: impl Iterator<Item = (String, Option<String>, Span)>,
        report: &mut Report,
    ) -> Self {
        let mut table = Self::default();
        for (endpoint, value, span) in entries {
            let Some(polling) = read_word(value.as_deref(), span, report) else { continue };
            let named = with_slash(&endpoint);
            if polling == Polling::Relevant && named == INDEX {
                let message = "`RELEVANT` is for queries: `/index` would store every document in all shards";
                report.push(Diagnostic::at(Code::WrongType, span, message).help("write `ANY`"));
                continue;
            }
            match endpoint.as_str() {
                "*" => table.default = polling,
                _ => {
                    table.by_endpoint.insert(named, polling);
                }
            }
        }
        table
    }

    /// The table in the normal form.
    pub(super) fn to_json(&self) -> serde_json::Value {
        self.entries()
            .map(|(endpoint, polling)| (endpoint.to_owned(), serde_json::Value::from(polling.name())))
            .collect()
    }
}

fn read_word(text: Option<&str>, span: Span, report: &mut Report) -> Option<Polling> {
    match text.map(str::to_ascii_uppercase).as_deref() {
        Some("ANY") => Some(Polling::Any),
        Some("ALL" | "ALL_ASYNC") => Some(Polling::All),
        Some("RELEVANT") => Some(Polling::Relevant),
        _ => {
            let message = "`polling` must be `ANY`, `ALL`, `RELEVANT`, or a mapping from endpoints to these";
            let suggestion =
                text.and_then(|text| did_you_mean(&text.to_ascii_uppercase(), ["ANY", "ALL", "RELEVANT"]));
            report.push(Diagnostic::at(Code::WrongType, span, message).maybe_help(suggestion));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_keeps_jina_3_defaults_of_index_and_search() {
        let all = PollingTable::from_word(Polling::All);
        assert_eq!(
            (all.get("/index"), all.get("/search"), all.get("/x")),
            (Polling::Any, Polling::All, Polling::All)
        );
        let any = PollingTable::from_word(Polling::Any);
        assert_eq!(
            (any.get("/index"), any.get("/search"), any.get("/x")),
            (Polling::Any, Polling::All, Polling::Any)
        );
        let relevant = PollingTable::from_word(Polling::Relevant);
        assert_eq!(
            (relevant.get("/index"), relevant.get("/search"), relevant.get("/update")),
            (Polling::Any, Polling::Relevant, Polling::Any)
        );
    }
}
