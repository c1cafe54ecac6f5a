//! Names of tags in a filter that no document has had: spelling mistakes, as a rule.

use std::collections::BTreeSet;

use super::document_fields::is_document_field;
use super::predicate::Filter;
use super::tag_path::{find_tag, without_tags_prefix};
use crate::{Tags, did_you_mean};

/// Maximum number of tags that are compared with an unknown name.
const CANDIDATES_MAX: usize = 1024;
/// Maximum length in bytes of such a tag.
const CANDIDATE_BYTES_MAX: usize = 256;

/// The names in a filter that are no fields of documents and no tags of the documents observed so far.
#[derive(Debug)]
pub struct UnknownTags {
    names: BTreeSet<String>,
    /// Tags of the documents, to suggest one.
    candidates: BTreeSet<String>,
    documents: u64,
}

impl UnknownTags {
    /// Starts with all names of a filter that are not fields of documents.
    pub fn of_filter(filter: &Filter) -> Self {
        let names = filter.field_names().into_iter().filter(|name| !is_document_field(name));
        Self { names: names.map(str::to_owned).collect(), candidates: BTreeSet::new(), documents: 0 }
    }

    /// Number of names that are unknown.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Returns `true` if every name is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Number of documents observed so far.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Removes the names that a document has, under any spelling.
    pub fn observe(&mut self, tags: &Tags) {
        self.documents += 1;
        self.names.retain(|name| find_tag(tags, name).is_none());
        for (tag, _) in tags {
            if self.candidates.len() < CANDIDATES_MAX
                && tag.len() <= CANDIDATE_BYTES_MAX
                && !self.candidates.contains(tag)
            {
                self.candidates.insert(tag.clone());
            }
        }
    }

    /// Returns `true` if a name resembles a tag of a document.
    pub fn has_suggestion(&self) -> bool {
        self.names.iter().any(|name| self.suggestion(name).is_some())
    }

    /// Describes an unknown name, one with a suggestion if there is one; `None` if every name is known or no document was
    /// observed. `documents` is the subject of the sentence, in the singular, such as `stored document`.
    pub fn describe(&self, documents: &str) -> Option<String> {
        let suggested = self.names.iter().find_map(|name| Some((name, self.suggestion(name)?)));
        let first = self.names.first().filter(|_| self.documents > 0)?;
        Some(match suggested {
            Some((name, suggestion)) => format!("no {documents} has `{name}`; {suggestion}"),
            None => format!("no {documents} has `{first}`"),
        })
    }

    fn suggestion(&self, name: &str) -> Option<String> {
        let tag = without_tags_prefix(name).unwrap_or(name);
        did_you_mean(tag, self.candidates.iter().map(String::as_str))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn unknown(filter: &Value, documents: &[Value]) -> UnknownTags {
        let mut unknown = UnknownTags::of_filter(&Filter::parse(filter, &|_, _| Ok(())).unwrap());
        documents.iter().for_each(|tags| unknown.observe(tags.as_object().unwrap()));
        unknown
    }

    #[test]
    fn a_misspelt_tag_is_found_under_every_spelling_with_a_suggestion() {
        for name in ["lagn", "tags__lagn", "tags.lagn"] {
            let found =
                unknown(&json!({"$not": {name: "en"}}), &[json!({"price": 1}), json!({"lang": "en"})]);
            let expected = format!("no document has `{name}`; did you mean `lang`?");
            assert_eq!((found.describe("document"), found.len()), (Some(expected), 1));
            assert!(found.has_suggestion());
        }
    }

    #[test]
    fn fields_and_tags_of_any_document_are_known() {
        let filter =
            json!({"$or": [{"text": "a"}, {"tags__lang": "en"}, {"size.h": 1}, {"scores__x__value": 2}]});
        let documents = [json!({"lang": "de"}), json!({"size": {"h": 3}})];
        assert!(unknown(&filter, &documents).is_empty());
        let found = unknown(&filter, &documents[1..]);
        assert_eq!(found.describe("document").as_deref(), Some("no document has `tags__lang`"));
        assert!(!found.has_suggestion());
        assert_eq!(unknown(&filter, &[]).describe("document"), None);
    }

    #[test]
    fn the_names_of_documents_that_are_kept_for_suggestions_are_bounded() {
        let tags: Tags = (0..5_000).map(|number| (format!("t{number}"), Value::Null)).collect();
        let mut unknown = unknown(&json!({"lagn": 1}), &[json!({"x".repeat(1 << 20): 1})]);
        unknown.observe(&tags);
        let bytes: usize = unknown.candidates.iter().map(String::len).sum();
        assert!(unknown.candidates.len() <= CANDIDATES_MAX && bytes <= CANDIDATES_MAX * CANDIDATE_BYTES_MAX);
    }
}
