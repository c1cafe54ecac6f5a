//! Names in a filter that no stored document has: spelling mistakes, as a rule.
//!
//! A mistake in a search costs an empty answer, with a warning in the reply; a mistake in a deletion with a negation would
//! delete everything, and is an error. All open shards of a pod in this process count, since a rare tag may be in one of
//! them only.

use std::sync::{Arc, LazyLock, Weak};

use flowrun_sdk::ExecutorError;
use flowrun_sdk::filter::{Filter, UnknownTags};
use parking_lot::Mutex;

use super::cancellation::CancelCheck;
use super::shard_core::Shard;

/// Documents that are read between two checks of the deadline.
const DOCUMENTS_PER_CHECK: usize = 1024;

/// All open shards.
static OPEN_SHARDS: LazyLock<Mutex<Vec<Weak<Shard>>>> = LazyLock::new(Mutex::default);

/// Adds a shard that was opened.
pub(super) fn register(shard: &Arc<Shard>) {
    let mut open = OPEN_SHARDS.lock();
    open.retain(|shard| shard.strong_count() > 0);
    open.push(Arc::downgrade(shard));
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
    ) -> Result<UnknownTags, ExecutorError> {
        let mut unknown = UnknownTags::of_filter(filter);
        self.observe_tags(&mut unknown, check)?;
        if !unknown.is_empty() {
            let pod = self.layout.directory().parent();
            let open: Vec<Arc<Self>> = OPEN_SHARDS.lock().iter().filter_map(Weak::upgrade).collect();
            let siblings = open.iter().filter(|shard| {
                shard.layout.directory().parent() == pod
                    && shard.layout.directory() != self.layout.directory()
                    && self.settings.schema.shards > 1
            });
            for sibling in siblings {
                sibling.observe_tags(&mut unknown, check)?;
            }
        }
        Ok(unknown)
    }

    /// Observes the tags of the documents until every name is known.
    fn observe_tags(&self, unknown: &mut UnknownTags, check: CancelCheck<'_>) -> Result<(), ExecutorError> {
        let view = self.state().view();
        for (number, stored) in view.table.tags().enumerate() {
            if unknown.is_empty() {
                break;
            }
            if number % DOCUMENTS_PER_CHECK == 0 {
                check()?;
            }
            unknown.observe(&stored?.tags);
        }
        Ok(())
    }
}
