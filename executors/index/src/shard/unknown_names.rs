//! Names in a filter that no stored document has: spelling mistakes, as a rule.
//!
//! A mistake in a search costs an empty answer, with a warning in the reply; a mistake in a deletion with a negation would
//! delete everything, and is an error. All open shards of a pod in this process count, since a rare tag may be in one of
//! them only.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, Weak};

use flowrun_sdk::ExecutorError;
use flowrun_sdk::filter::{Filter, find_tag, is_document_field, without_tags_prefix};
use parking_lot::Mutex;

use super::cancellation::CancelCheck;
use super::shard_core::Shard;

/// Largest number of tags that are compared with a misspelt one.
const KNOWN_TAGS_MAX: usize = 1024;
/// Documents that are read between two checks of the deadline.
const DOCUMENTS_PER_CHECK: usize = 1024;
/// Smallest similarity of a suggestion, from 0 to 1.
const SIMILARITY_MIN: f64 = 0.6;

/// All open shards.
static OPEN_SHARDS: LazyLock<Mutex<Vec<Weak<Shard>>>> = LazyLock::new(Mutex::default);

/// Adds a shard that was opened.
pub(super) fn register(shard: &Arc<Shard>) {
    let mut open = OPEN_SHARDS.lock();
    open.retain(|shard| shard.strong_count() > 0);
    open.push(Arc::downgrade(shard));
}

/// Names in a filter, and the tags that exist.
#[derive(Debug)]
pub(crate) struct UnknownNames {
    /// Names that no document has.
    pub(crate) names: Vec<String>,
    /// Tags of the documents, to suggest one.
    tags: BTreeSet<String>,
    has_documents: bool,
}

impl UnknownNames {
    /// The names in a filter that are not fields of documents, before any document was read.
    fn of_filter(filter: &Filter) -> Self {
        let names = filter.field_names().into_iter().filter(|name| !is_document_field(name));
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        Self { names: names.into_iter().collect(), tags: BTreeSet::new(), has_documents: false }
    }

    /// Removes the names that a document of a shard has.
    fn read(&mut self, shard: &Shard, check: CancelCheck<'_>) -> Result<(), ExecutorError> {
        let view = shard.state().view();
        for (number, stored) in view.table.tags().enumerate() {
            if self.names.is_empty() {
                break;
            }
            if number % DOCUMENTS_PER_CHECK == 0 {
                check()?;
            }
            let tags = stored?.tags;
            self.has_documents = true;
            self.names.retain(|name| find_tag(&tags, name).is_none());
            let has_space = self.tags.len() < KNOWN_TAGS_MAX;
            self.tags.extend(tags.into_iter().map(|(name, _)| name).filter(|_| has_space));
        }
        Ok(())
    }

    /// Describes the first name; `None` when every name is known or there are no documents.
    pub(crate) fn describe(&self) -> Option<String> {
        let name = self.names.first().filter(|_| self.has_documents)?;
        let tag = without_tags_prefix(name).unwrap_or(name);
        let similarity = |known: &&String| strsim::jaro_winkler(tag, known);
        let best = self.tags.iter().max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
        let best = best.filter(|best| similarity(best) >= SIMILARITY_MIN);
        let suggestion = best.map_or_else(String::new, |best| format!("; did you mean `{best}`?"));
        Some(format!("no stored document has `{name}`{suggestion}"))
    }
}

impl Shard {
    /// Names in a filter that no document in the open shards of this pod has. Reads documents until every name was found.
    ///
    /// # Errors
    /// When data cannot be read, or those of `check`.
    pub(crate) fn unknown_names(
        &self,
        filter: &Filter,
        check: CancelCheck<'_>,
    ) -> Result<UnknownNames, ExecutorError> {
        let mut unknown = UnknownNames::of_filter(filter);
        unknown.read(self, check)?;
        if !unknown.names.is_empty() {
            let pod = self.layout.directory().parent();
            let open: Vec<Arc<Self>> = OPEN_SHARDS.lock().iter().filter_map(Weak::upgrade).collect();
            let siblings = open.iter().filter(|shard| {
                shard.layout.directory().parent() == pod
                    && shard.layout.directory() != self.layout.directory()
                    && self.settings.schema.shards > 1
            });
            for sibling in siblings {
                unknown.read(sibling, check)?;
            }
        }
        Ok(unknown)
    }
}
