//! `DocumentStore`: stores documents by their ids and returns them, without vectors.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, ExecutorError, ExecutorType, Instance, executor,
    parse_parameters,
};

use crate::ann::{IndexChoice, Tuning};
use crate::columns::Columns;
use crate::handlers::Handlers;
use crate::merge_fields::fill_unset_fields;
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::quarantine::{is_quarantined, quarantine};
use crate::shard::{AnswerBudget, IndexSummary, OpenShard, Settings};
use crate::storage::{Fsync, Schema, StorageKind};
use crate::stored_fields::{ExcludableField, StoredFields, default_exclude};

/// Endpoints of a document store.
pub(crate) const ENDPOINTS: [&str; 9] =
    ["/search", "/get", "/index", "/update", "/delete", "/list", "/count", "/status", "/clear"];

flowrun_sdk::parameters! {
    /// The parameters of `DocumentStore`.
    struct DocumentStoreParameters {
        /// Documents that `/index` stores and `/get` completes; the request's `access_paths` overrides it.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Documents that `/search` replaces with the stored ones; the request's `access_paths` overrides it.
        search_access_paths: AccessPaths = AccessPaths::matches(),
        /// Fields that are not stored.
        exclude: Vec<ExcludableField> = default_exclude(),
        /// Acknowledges a write after it was synced to disk (`always`), or after the operating system has it, which
        /// then syncs it within a second (`interval`) or at any time (`never`).
        fsync: Fsync = Fsync::Always,
        /// Tag with the expiry time of a document, in seconds since 1970; null for documents that never expire. `/index` and
        /// `/update` with the parameter `time_to_live`, in seconds, set it in documents without the tag.
        expires: Option<String> = None,
    }
}

/// Executor type `DocumentStore`.
pub(crate) const DOCUMENT_STORE: ExecutorType = ExecutorType::new::<DocumentStoreParameters>(
    "DocumentStore",
    "Stores documents by their ids and replaces matches that carry only an id.",
    create,
)
.with_storage();

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: DocumentStoreParameters = parse_parameters(build)?;
    let config = DocumentStoreConfig {
        index_access_paths: parameters.access_paths,
        search_access_paths: parameters.search_access_paths,
        stored_fields: StoredFields::AllExcept(parameters.exclude),
        fsync: parameters.fsync,
        expires: parameters.expires,
        top_k: None,
    };
    config.build(build)
}

/// Settings of a document store. Executors under other names convert their own parameters to these.
#[derive(Clone, Debug)]
pub(crate) struct DocumentStoreConfig {
    /// Documents that `/index` stores and `/get` completes, unless the request sets `access_paths`.
    pub(crate) index_access_paths: AccessPaths,
    /// Documents that `/search` replaces with the stored ones, unless the request sets `access_paths`.
    pub(crate) search_access_paths: AccessPaths,
    pub(crate) stored_fields: StoredFields,
    /// Moment at which a write is acknowledged.
    pub(crate) fsync: Fsync,
    /// Tag with the time at which a document expires; `None` for documents that never expire.
    pub(crate) expires: Option<String>,
    /// Default number of matches that `/search` keeps per root document; `None` keeps all.
    pub(crate) top_k: Option<usize>,
}

impl DocumentStoreConfig {
    /// Opens the shard and builds the executor. A damaged or lost shard is quarantined when there are other shards.
    ///
    /// # Errors
    /// When the shard cannot be opened with these settings.
    pub(crate) fn build(self, build: &Build) -> Result<Instance, BuildError> {
        let context = &build.context;
        self.stored_fields.check_expires(self.expires.as_deref())?;
        let schema = Schema {
            kind: StorageKind::Documents,
            dimension: None,
            metric: Metric::Cosine,
            elements: None,
            index: IndexChoice::AUTO.text().to_owned(),
            shards: context.shards,
            shard: context.shard,
            names: ParameterNames::DEFAULT,
        };
        let settings = Settings {
            schema,
            index: IndexChoice::AUTO,
            tuning: Tuning::default(),
            fsync: self.fsync,
            threads: context.threads,
            read_only: context.read_only,
            columns: Vec::new(),
            expires: self.expires.clone(),
            cache_capacity: None,
        };
        let shard = match OpenShard::open(context, settings) {
            Err(error) if is_quarantined(&error, context) => {
                let replaced = vec![("/search", self.search_access_paths), ("/get", self.index_access_paths)];
                return Ok(quarantine(&error, context, replaced).with_endpoints(ENDPOINTS));
            }
            shard => shard?,
        };
        let handlers = Handlers {
            shard,
            metric: None,
            access_paths: self.index_access_paths,
            stored_fields: self.stored_fields,
            read_only: context.read_only.then(|| context.pod.clone()),
            columns: Columns::default(),
            expires: self.expires,
        };
        let summary = IndexSummary::new(&handlers.shard, &handlers.columns, &["/list", "/count"], None);
        let search_access_paths = self.search_access_paths;
        let store = DocumentStore { handlers, search_access_paths, top_k: self.top_k };
        Ok(Instance::from(store).with_shard_summary(summary))
    }
}

/// The executor of one shard.
#[derive(Debug)]
struct DocumentStore {
    handlers: Handlers,
    search_access_paths: AccessPaths,
    /// Default number of matches that `/search` keeps per root document; `None` keeps all.
    top_k: Option<usize>,
}

#[executor]
impl DocumentStore {
    #[requests("/search")]
    fn search(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.fill(call, &self.search_access_paths)?;
        self.truncate_matches(call)
    }

    #[requests("/get")]
    fn get(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.fill(call, &self.handlers.access_paths)
    }

    #[requests("/index", "/update", "/delete", "/list", "/count", "/status", "/clear")]
    fn execute_shared(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.handlers.execute(call)
    }

    /// Fills in stored documents. The unset fields of a root document are filled; a root that is not stored is unchanged.
    /// Chunks and matches are replaced with the stored documents, and removed when they are not stored.
    fn fill(&self, call: &mut Call<'_>, default: &AccessPaths) -> Result<(), ExecutorError> {
        let paths = call.access_paths(default)?;
        let transaction = self.handlers.shard.read_transaction();
        let mut bytes = AnswerBudget::default();
        // Reads a document and charges it to the size limit of the answer.
        let mut stored = |id: &str| {
            let stored = transaction.document(id)?;
            stored.iter().try_for_each(|stored| bytes.charge(stored))?;
            Ok::<_, ExecutorError>(stored)
        };
        if paths.include_roots() {
            call.for_each(&AccessPaths::roots(), |root| {
                if let Some(stored) = stored(&root.id)? {
                    fill_unset_fields(root, stored);
                }
                Ok(())
            })?;
        }
        let Some(below) = paths.below_roots() else { return Ok(()) };
        call.for_each_siblings(&below, |siblings| {
            let mut replaced = Vec::with_capacity(siblings.len());
            for reference in siblings.drain(..) {
                if let Some(stored) = stored(&reference.id)? {
                    replaced.push(replace(reference, stored));
                }
            }
            *siblings = replaced;
            Ok(())
        })
    }

    /// Truncates the matches of each root to `top_k`.
    fn truncate_matches(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let Some(default) = self.top_k else { return Ok(()) };
        let top_k = call.top_k(default)?;
        call.for_each(&AccessPaths::roots(), |root| {
            if root.matches.len() > top_k {
                root.matches.make_mut().truncate(top_k);
            }
            Ok(())
        })
    }
}

/// The stored document with the search results of the reference: scores, adjacency and matches.
fn replace(reference: Document, stored: Document) -> Document {
    let matches = if reference.matches.is_empty() { stored.matches } else { reference.matches };
    Document { scores: reference.scores, adjacency: reference.adjacency, matches, ..stored }
}
