//! Handlers that change documents: `/index`, `/update`, `/delete`.
//!
//! A root document is stored with all its documents or not at all: when one of them cannot be stored, the root fails,
//! nothing of it is written, and the other roots of the request are stored.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use flowrun_sdk::{AccessPaths, Call, Document, ExecutorError, Tensor};

use super::Handlers;
use super::put::{DefaultExpiry, PutFormat};
use crate::merge_fields::apply_partial_update;
use crate::shard::ReadTransaction;
use crate::storage::{Change, Put, StorageError};

/// Stored documents, overlaid with the partial updates of a request. A request may update one document repeatedly.
struct Overlay<'a> {
    transaction: &'a ReadTransaction<'a>,
    /// Documents after the updates so far, by id.
    updated: HashMap<String, Document>,
}

impl Overlay<'_> {
    /// The document after `update`; `None` when it is not stored. `root_updated` holds the updates of the current root,
    /// which are discarded when the root fails, and gets the result.
    fn update(
        &self,
        update: &Document,
        root_updated: &mut HashMap<String, Document>,
    ) -> Result<Option<Document>, ExecutorError> {
        let id = &update.id;
        let earlier = root_updated.get(id).or_else(|| self.updated.get(id));
        let Some(current) = earlier.cloned().map_or_else(|| self.stored(id), |earlier| Ok(Some(earlier)))?
        else {
            return Ok(None);
        };
        let updated = apply_partial_update(current, update);
        root_updated.insert(id.clone(), updated.clone());
        Ok(Some(updated))
    }

    /// A stored document with its vector.
    fn stored(&self, id: &str) -> Result<Option<Document>, ExecutorError> {
        let Some(mut stored) = self.transaction.document(id)? else { return Ok(None) };
        if let Some(vector) = self.transaction.vector(id)? {
            stored.embedding = Some(Tensor::vector(vector));
        }
        Ok(Some(stored))
    }
}

impl Handlers {
    /// `/index`: stores documents. A document replaces the stored one with its id; the chunks of a document replace all
    /// its stored chunks.
    pub(super) fn index(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let parents = paths.parents();
        let mut change = Change::default();
        self.collect_puts(call, &paths, None, |root, puts| {
            if let Some(parents) = &parents {
                parents.visit(root, &mut |parent| {
                    change.replace_children(&parent.id);
                    Ok::<_, ExecutorError>(())
                })?;
            }
            puts.into_iter().for_each(|put| change.put(put));
            Ok(())
        })?;
        let outcome = self.shard.apply(change)?;
        call.set_result("indexed", outcome.written);
        Ok(())
    }

    /// `/update`: replaces stored documents and inserts none. With `partial: true`, fields that the request leaves unset
    /// keep their stored values.
    pub(super) fn update(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let outcome = if call.parameter("partial")?.unwrap_or(false) {
            // Read and write under the write lock, so that no other write happens in between.
            self.shard.apply_with(|transaction| {
                let overlay = Overlay { transaction, updated: HashMap::new() };
                self.update_change(call, &paths, Some(overlay))
            })?
        } else {
            self.shard.apply(self.update_change(call, &paths, None)?)?
        };
        call.set_result("updated", outcome.written);
        call.set_result("unknown", outcome.unknown);
        Ok(())
    }

    /// `/delete`: removes the documents in the parameter `ids`, those that match `filter` and those of the request, with
    /// their chunks. A filter with a name that no stored document has is an error.
    pub(super) fn delete(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let mut change = Change::default();
        let ids: Vec<String> = call.parameter("ids")?.unwrap_or_default();
        let request_ids = call.documents().iter().map(|document| document.id.clone());
        ids.into_iter().chain(request_ids).for_each(|id| change.remove(id));
        let outcome = match self.columns.filter(call.parameters())? {
            Some(filter) => {
                // A misspelt name in a negation would delete everything.
                if self.columns.allow_any()
                    && let Some(problem) = self.shard.unknown_names(&filter, &|| call.check())?.describe()
                {
                    return Err(ExecutorError::parameter("filter", problem));
                }
                let matching = self.shard.read_transaction().matching_ids(&filter, &|| call.check())?;
                self.shard.apply_with(|transaction| {
                    // A document may have been written since it matched: test it again under the write lock.
                    for id in matching {
                        if transaction.matches(&filter, &id)? {
                            change.remove(id);
                        }
                    }
                    Ok::<_, StorageError>(change)
                })?
            }
            None => self.shard.apply(change)?,
        };
        call.set_result("deleted", outcome.removed);
        Ok(())
    }

    fn update_change(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
        overlay: Option<Overlay<'_>>,
    ) -> Result<Change, ExecutorError> {
        let mut change = Change::updates_only();
        self.collect_puts(call, paths, overlay, |_, puts| {
            puts.into_iter().for_each(|put| change.put(put));
            Ok(())
        })?;
        Ok(change)
    }

    /// Passes the documents to store to `accept`, root by root. A root with a document that cannot be stored fails, and
    /// the others continue.
    fn collect_puts(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
        mut overlay: Option<Overlay<'_>>,
        mut accept: impl FnMut(&Document, Vec<Put>) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let mut dimension = self.shard.dimension();
        let expiry = self.default_expiry(call)?;
        let format = PutFormat {
            metric: self.metric,
            elements: self.shard.elements(),
            stored_fields: &self.stored_fields,
        };
        call.for_each_ref(&AccessPaths::roots(), |root| {
            let mut puts: Vec<Put> = Vec::new();
            // The first vector fixes the dimension, unless its root fails.
            let mut root_dimension = dimension;
            let mut root_updated = HashMap::new();
            paths.visit(root, &mut |document| {
                let updated = overlay.as_ref().map(|overlay| overlay.update(document, &mut root_updated));
                let updated = updated.transpose()?.flatten();
                let put =
                    format.put(updated.as_ref().unwrap_or(document), root_dimension, expiry.as_ref())?;
                root_dimension = root_dimension.or(put.vector.as_ref().map(Vec::len));
                puts.push(put);
                Ok::<_, ExecutorError>(())
            })?;
            dimension = root_dimension;
            overlay.iter_mut().for_each(|overlay| overlay.updated.extend(root_updated.drain()));
            accept(root, puts)
        })
    }

    /// Expiry for documents without the tag `expires`, from the request parameter `time_to_live`; `None` without the
    /// parameter.
    fn default_expiry(&self, call: &Call<'_>) -> Result<Option<DefaultExpiry>, ExecutorError> {
        const NAME: &str = "time_to_live";
        let Some(seconds) = call.parameter::<Option<f64>>(NAME)?.flatten() else { return Ok(None) };
        let Some(tag) = &self.expires else {
            let reason =
                "documents do not expire here: write `expires: TAG` in the flow, such as `expires: until`";
            return Err(ExecutorError::parameter(NAME, reason));
        };
        if !seconds.is_finite() || seconds <= 0.0 {
            return Err(ExecutorError::parameter(NAME, format_args!("must be above 0, but is {seconds}")));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some((tag.clone(), (now.as_secs_f64() + seconds).into())))
    }
}
