//! Which shards see a request, endpoint by endpoint.

use indexmap::IndexMap;

use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};
use crate::yaml::Node;

/// Which shards see a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polling {
    /// Each document goes to exactly one shard: the one that has it, or else that of the pod's strategy.
    Any,
    /// Every shard gets the whole request, and the replies are merged.
    All,
    /// As `All`, but for shards none of whose documents can pass the request's filter.
    Relevant,
}

impl Polling {
    /// The word for it.
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
/// As in Jina 3: `/search` is `ALL` and `/index` is `ANY` unless a mapping names them; every other endpoint is what
/// `polling` says, `ANY` when it says nothing. The word `RELEVANT`, which Jina does not have, is for the endpoints that
/// ask by a filter; others stay `ANY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollingTable {
    named: IndexMap<String, Polling>,
    others: Polling,
}

/// Where documents are stored.
const INDEX: &str = "/index";

impl Default for PollingTable {
    fn default() -> Self {
        Self::of(Polling::Any)
    }
}

impl PollingTable {
    /// The table that a single word stands for.
    fn of(others: Polling) -> Self {
        let asking = if others == Polling::Relevant { Polling::Relevant } else { Polling::All };
        let mut named = vec![("/search", asking), (INDEX, Polling::Any)];
        let mut others = others;
        if others == Polling::Relevant {
            named.extend([("/filter", asking), ("/count", asking)]);
            others = Polling::Any;
        }
        Self {
            named: named.into_iter().map(|(endpoint, polling)| (endpoint.to_owned(), polling)).collect(),
            others,
        }
    }

    /// The polling of requests to `endpoint`.
    pub fn get(&self, endpoint: &str) -> Polling {
        self.named.get(endpoint).copied().unwrap_or(self.others)
    }

    /// Every endpoint that the table names, and `*` for the others.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Polling)> {
        let named = self.named.iter().map(|(endpoint, polling)| (endpoint.as_str(), *polling));
        named.chain(std::iter::once(("*", self.others)))
    }

    /// Whether some requests are for the shards alone that their filters may mean something in.
    pub fn has_relevant(&self) -> bool {
        self.entries().any(|(_, polling)| polling == Polling::Relevant)
    }

    /// The table that the value of a `polling` key stands for: a word, or a mapping by endpoint, or such a mapping as
    /// JSON in a text.
    pub(super) fn read(node: &Node, report: &mut Report) -> Self {
        if let Some(mapping) = node.mapping() {
            let entry =
                |(key, value): (&Node, &Node)| (key.key_text(), value.text().map(str::to_owned), value.span);
            return Self::of_entries(mapping.iter().map(entry), report);
        }
        let text = node.text().unwrap_or_default();
        if text.trim_start().starts_with('{')
            && let Ok(serde_json::Value::Object(entries)) = serde_json::from_str(text)
        {
            let entry = |(endpoint, value): (String, serde_json::Value)| {
                (endpoint, value.as_str().map(str::to_owned), node.span)
            };
            return Self::of_entries(entries.into_iter().map(entry), report);
        }
        word(node.text(), node.span, report).map_or_else(Self::default, Self::of)
    }

    fn of_entries(
        entries: impl Iterator<Item = (String, Option<String>, Span)>,
        report: &mut Report,
    ) -> Self {
        let mut table = Self::default();
        for (endpoint, value, span) in entries {
            let Some(polling) = word(value.as_deref(), span, report) else { continue };
            let named = with_slash(&endpoint);
            if polling == Polling::Relevant && named == INDEX {
                let message =
                    "`RELEVANT` is for endpoints that ask: `/index` would store every document in all shards";
                report.push(Diagnostic::at(Code::WrongType, span, message).help("write `ANY`"));
                continue;
            }
            match endpoint.as_str() {
                "*" => table.others = polling,
                _ => {
                    table.named.insert(named, polling);
                }
            }
        }
        table
    }

    /// The table as the normal form shows it.
    pub(super) fn to_json(&self) -> serde_json::Value {
        self.entries()
            .map(|(endpoint, polling)| (endpoint.to_owned(), serde_json::Value::from(polling.name())))
            .collect()
    }
}

/// Endpoints start with a slash; Jina's users leave it out now and then.
pub(super) fn with_slash(endpoint: &str) -> String {
    if endpoint.starts_with('/') { endpoint.to_owned() } else { format!("/{endpoint}") }
}

fn word(text: Option<&str>, span: Span, report: &mut Report) -> Option<Polling> {
    match text.map(str::to_ascii_uppercase).as_deref() {
        Some("ANY") => Some(Polling::Any),
        Some("ALL" | "ALL_ASYNC") => Some(Polling::All),
        Some("RELEVANT") => Some(Polling::Relevant),
        _ => {
            let message = "`polling` must be `ANY`, `ALL`, `RELEVANT`, or a mapping of endpoints to these";
            let meant =
                text.and_then(|text| did_you_mean(&text.to_ascii_uppercase(), ["ANY", "ALL", "RELEVANT"]));
            report.push(Diagnostic::at(Code::WrongType, span, message).maybe_help(meant));
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_leaves_index_and_search_as_jina_3_has_them() {
        let all = PollingTable::of(Polling::All);
        assert_eq!(
            (all.get("/index"), all.get("/search"), all.get("/x")),
            (Polling::Any, Polling::All, Polling::All)
        );
        let any = PollingTable::of(Polling::Any);
        assert_eq!(
            (any.get("/index"), any.get("/search"), any.get("/x")),
            (Polling::Any, Polling::All, Polling::Any)
        );
        let relevant = PollingTable::of(Polling::Relevant);
        assert_eq!(
            (relevant.get("/index"), relevant.get("/search"), relevant.get("/update")),
            (Polling::Any, Polling::Relevant, Polling::Any)
        );
    }
}
