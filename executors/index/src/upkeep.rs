//! The endpoints that everything with stored documents has: `/index`, `/update`, `/delete`, `/status`, `/clear`.
//!
//! A root document is stored whole or not at all: when one of its documents cannot be stored, it fails alone and
//! nothing of it is written.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use flowrun_sdk::{AccessPaths, Call, Document, ExecutorError, Tensor, Value, wire};

use crate::columns::Columns;
use crate::embedding;
use crate::kept::Kept;
use crate::listing::overlaid;
use crate::metric::Metric;
use crate::shard::{OpenShard, ReadTransaction};
use crate::storage::{Change, ElementType, ID_BYTES_MAX, Put, StorageError};

/// Whether a document can be stored under its id and beneath its parent.
pub(crate) fn check_ids(document: &Document) -> Result<(), ExecutorError> {
    if document.id.is_empty() {
        return Err(ExecutorError::input("a document without an id cannot be stored"));
    }
    match [&document.id, &document.parent_id].into_iter().find(|id| id.len() > ID_BYTES_MAX) {
        Some(long) => {
            let message =
                format_args!("an id has {} bytes, more than the {ID_BYTES_MAX} allowed", long.len());
            Err(ExecutorError::input(message))
        }
        None => Ok(()),
    }
}

/// What is stored, with what a request says in its place.
struct Overlay<'a> {
    moment: &'a ReadTransaction<'a>,
    /// What the request made of documents so far: it may name one again.
    said: HashMap<String, Document>,
}

impl Overlay<'_> {
    /// What is stored of a document, with what the request says of it, here and in `said`, which gets the outcome; `None`
    /// for one that is not stored.
    fn document(
        &self,
        document: &Document,
        said: &mut HashMap<String, Document>,
    ) -> Result<Option<Document>, ExecutorError> {
        let id = &document.id;
        let earlier = said.get(id).or_else(|| self.said.get(id));
        let Some(earlier) = earlier.cloned().map_or_else(|| self.stored(id), |earlier| Ok(Some(earlier)))?
        else {
            return Ok(None);
        };
        let overlaid = overlaid(earlier, document);
        said.insert(id.clone(), overlaid.clone());
        Ok(Some(overlaid))
    }

    /// A stored document with its vector.
    fn stored(&self, id: &str) -> Result<Option<Document>, ExecutorError> {
        let Some(mut stored) = self.moment.document(id)? else { return Ok(None) };
        if let Some(vector) = self.moment.vector(id)? {
            stored.embedding = Some(Tensor::vector(vector));
        }
        Ok(Some(stored))
    }
}

/// Writes documents to a shard.
#[derive(Debug)]
pub(crate) struct Upkeep {
    pub(crate) shard: Arc<OpenShard>,
    /// How vectors are compared; `None` where documents are stored without.
    pub(crate) metric: Option<Metric>,
    /// Which documents are stored when the request does not say.
    pub(crate) access_paths: AccessPaths,
    /// What of them is stored.
    pub(crate) kept: Kept,
    /// The pod, when it promised not to change anything.
    pub(crate) read_only: Option<String>,
    /// The tags that filters may name.
    pub(crate) columns: Columns,
    /// The tag that says until when a document is kept.
    pub(crate) expires: Option<String>,
}

impl Upkeep {
    /// Handles the call when its endpoint is one of ours.
    pub(crate) fn execute(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/index" => self.index(call),
            "/update" => self.update(call),
            "/delete" => self.delete(call),
            "/list" => self.list(call),
            "/count" => self.count(call),
            "/status" => {
                if call.parameter("settled")?.unwrap_or(false) {
                    self.shard.wait_until_indexed(&|| call.check())?;
                }
                for (name, value) in self.shard.status()? {
                    call.set_result(name, value);
                }
                Ok(())
            }
            "/clear" => {
                self.check_writable(call)?;
                Ok(self.shard.clear()?)
            }
            _ => Ok(()),
        }
    }

    /// Stores documents, each in the place of an earlier one of its id, and chunks in the place of all earlier chunks
    /// of their parent.
    fn index(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let parents = paths.parents();
        let mut change = Change::default();
        self.gather(call, &paths, None, |root, puts| {
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

    /// Stores documents that are stored already; others are not inserted. With `partial`, what a document does not say
    /// stays as it is stored.
    fn update(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let outcome = if call.parameter("partial")?.unwrap_or(false) {
            // Nobody writes between what is read and what is made of it.
            self.shard.apply_with(|moment| {
                let overlay = Overlay { moment, said: HashMap::new() };
                self.gather_update(call, &paths, Some(overlay))
            })?
        } else {
            self.shard.apply(self.gather_update(call, &paths, None)?)?
        };
        call.set_result("updated", outcome.written);
        call.set_result("unknown", outcome.unknown);
        Ok(())
    }

    /// Removes the documents that the parameter `ids` names, those that `filter` means and those of the request, with
    /// their chunks.
    fn delete(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.check_writable(call)?;
        let mut change = Change::default();
        let named: Vec<String> = call.parameter("ids")?.unwrap_or_default();
        let given = call.documents().iter().map(|document| document.id.clone());
        named.into_iter().chain(given).for_each(|id| change.remove(id));
        let outcome = match self.columns.filter(call.parameters())? {
            Some(filter) => {
                let meant = self.shard.matching_ids(&filter, &|| call.check())?;
                self.shard.apply_with(|moment| {
                    // Some may have been written since.
                    for id in meant {
                        if moment.document(&id)?.is_some_and(|document| filter.matches(&*document.tags)) {
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

    /// What an update changes.
    fn gather_update(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
        overlay: Option<Overlay<'_>>,
    ) -> Result<Change, ExecutorError> {
        let mut change = Change::updates_only();
        self.gather(call, paths, overlay, |_, puts| {
            puts.into_iter().for_each(|put| change.put(put));
            Ok(())
        })?;
        Ok(change)
    }

    /// Hands over the documents to be stored, root by root. A root with one that cannot be stored fails alone.
    fn gather(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
        mut overlay: Option<Overlay<'_>>,
        mut accept: impl FnMut(&Document, Vec<Put>) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let mut dimension = self.shard.dimension();
        let until = self.until(call)?;
        call.for_each_ref(&AccessPaths::roots(), |root| {
            let mut puts: Vec<Put> = Vec::new();
            let mut first_dimension = dimension;
            let mut said = HashMap::new();
            paths.visit(root, &mut |document| {
                let overlaid = overlay.as_ref().map(|overlay| overlay.document(document, &mut said));
                let overlaid = overlaid.transpose()?.flatten();
                let put = self.put(overlaid.as_ref().unwrap_or(document), first_dimension, until.as_ref())?;
                first_dimension = first_dimension.or(put.vector.as_ref().map(Vec::len));
                puts.push(put);
                Ok::<_, ExecutorError>(())
            })?;
            dimension = first_dimension;
            overlay.iter_mut().for_each(|overlay| overlay.said.extend(said.drain()));
            accept(root, puts)
        })
    }

    /// The tag and the time until which documents are kept that do not say it themselves, when the request does.
    fn until(&self, call: &Call<'_>) -> Result<Option<(String, Value)>, ExecutorError> {
        const NAME: &str = "time_to_live";
        let Some(seconds) = call.parameter::<Option<f64>>(NAME)?.flatten() else { return Ok(None) };
        let Some(tag) = &self.expires else {
            let reason =
                "nothing is removed by time here: write `expires: TAG` in the flow, such as `expires: until`";
            return Err(ExecutorError::parameter(NAME, reason));
        };
        if !seconds.is_finite() || seconds <= 0.0 {
            return Err(ExecutorError::parameter(NAME, format_args!("must be above 0, but is {seconds}")));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(Some((tag.clone(), (now.as_secs_f64() + seconds).into())))
    }

    /// The document as it is stored.
    fn put(
        &self,
        document: &Document,
        dimension: Option<usize>,
        until: Option<&(String, Value)>,
    ) -> Result<Put, ExecutorError> {
        check_ids(document)?;
        let Document { id, parent_id, .. } = document;
        let vector = self.metric.map(|metric| self.vector(document, metric, dimension)).transpose()?;
        let mut kept = self.kept.of(document);
        if let Some((tag, time)) = until.filter(|(tag, _)| !kept.tags.contains_key(tag)) {
            Arc::make_mut(&mut kept.tags).insert(tag.clone(), time.clone());
        }
        let document = wire::encode(&kept);
        Ok(Put { id: id.clone(), parent_id: parent_id.clone(), document, vector })
    }

    /// The vector of a document as it is stored.
    fn vector(
        &self,
        document: &Document,
        metric: Metric,
        dimension: Option<usize>,
    ) -> Result<Vec<f32>, ExecutorError> {
        let mut vector = embedding::vector(document, metric, dimension)?;
        let elements = self.shard.elements();
        if elements != ElementType::F32 {
            elements.round(&mut vector);
            metric.check(&vector).map_err(|error| {
                ExecutorError::input(format_args!("stored as `{}`, {}", elements.name(), error.message()))
            })?;
        }
        Ok(vector)
    }

    pub(crate) fn check_writable(&self, call: &Call<'_>) -> Result<(), ExecutorError> {
        let Some(pod) = &self.read_only else { return Ok(()) };
        let endpoint = call.endpoint();
        Err(ExecutorError::resource(format_args!(
            "`{endpoint}` would change the data of `{pod}`, which is `read_only: true`"
        )))
    }
}
