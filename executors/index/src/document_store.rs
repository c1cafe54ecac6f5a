//! Stores documents by their ids and gives them back.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, ExecutorError, ExecutorType, Instance, executor,
    parse_parameters,
};

use crate::columns::Columns;
use crate::derived::{IndexChoice, Tuning};
use crate::kept::{Kept, StoredField, default_exclude};
use crate::metric::Metric;
use crate::names::Names;
use crate::shard::{AnswerBudget, IndexSummary, Settings, Shard};
use crate::storage::{Fsync, Schema, StorageKind};
use crate::upkeep::Upkeep;

flowrun_sdk::parameters! {
    /// The parameters of `DocumentStore`.
    struct DocumentStoreParameters {
        /// Which documents `/index` stores and `/get` fills in; the request's `access_paths` goes before.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Which documents `/search` replaces by the stored ones; the request's `access_paths` goes before.
        search_access_paths: AccessPaths = AccessPaths::matches(),
        /// Fields that are not stored.
        exclude: Vec<StoredField> = default_exclude(),
        /// When a write is acknowledged: when the disk has it, or when the operating system has it.
        fsync: Fsync = Fsync::Always,
        /// The tag with the time, in seconds since 1970, until which a document is kept; null for no end. `/index` and
        /// `/update` with the parameter `time_to_live`, in seconds, set it for documents that do not have it.
        expires: Option<String> = None,
    }
}

pub(crate) const DOCUMENT_STORE: ExecutorType = ExecutorType::new::<DocumentStoreParameters>(
    "DocumentStore",
    "Stores documents by their ids and puts them in the place of matches that only name them.",
    create,
)
.with_storage();

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: DocumentStoreParameters = parse_parameters(build)?;
    let store = Store {
        index_access_paths: parameters.access_paths,
        search_access_paths: parameters.search_access_paths,
        kept: Kept::AllBut(parameters.exclude),
        fsync: parameters.fsync,
        expires: parameters.expires,
        cut_matches: None,
    };
    store.build(build)
}

/// What a document store is made of; executors under other names fill it in from their own parameters.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    pub(crate) index_access_paths: AccessPaths,
    pub(crate) search_access_paths: AccessPaths,
    pub(crate) kept: Kept,
    pub(crate) fsync: Fsync,
    /// The tag that says until when a document is kept.
    pub(crate) expires: Option<String>,
    /// How many matches of a root document are left after `/search` when the request does not say; `None` leaves all.
    pub(crate) cut_matches: Option<usize>,
}

impl Store {
    /// Opens the shard and makes the executor.
    pub(crate) fn build(self, build: &Build) -> Result<Instance, BuildError> {
        let context = &build.context;
        self.kept.check_expires(self.expires.as_deref())?;
        let schema = Schema {
            kind: StorageKind::Documents,
            dimension: None,
            metric: Metric::Cosine,
            elements: None,
            index: IndexChoice::AUTO.text().to_owned(),
            shards: context.shards,
            shard: context.shard,
            names: Names::OWN,
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
        let upkeep = Upkeep {
            shard: Shard::open(context, settings)?,
            metric: None,
            access_paths: self.index_access_paths,
            kept: self.kept,
            read_only: context.read_only.then(|| context.pod.clone()),
            columns: Columns::default(),
            expires: self.expires,
        };
        let holdings = IndexSummary::new(&upkeep.shard, &upkeep.columns, &["/list", "/count"], None);
        let search_access_paths = self.search_access_paths;
        let store = DocumentStore { upkeep, search_access_paths, cut_matches: self.cut_matches };
        Ok(Instance::from(store).with_shard_summary(holdings))
    }
}

/// Stores documents by their ids and gives them back.
#[derive(Debug)]
struct DocumentStore {
    upkeep: Upkeep,
    search_access_paths: AccessPaths,
    cut_matches: Option<usize>,
}

#[executor]
impl DocumentStore {
    #[requests("/search")]
    fn search(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.fill(call, &self.search_access_paths)?;
        self.cut(call)
    }

    #[requests("/get")]
    fn get(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.fill(call, &self.upkeep.access_paths)
    }

    #[requests("/index", "/update", "/delete", "/list", "/count", "/status", "/clear")]
    fn keep(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        self.upkeep.execute(call)
    }

    /// Puts stored documents where the request names them. A root keeps what it has and gets what it lacks; one that is
    /// not stored stays as it is. Elsewhere, what is stored takes the place, and what is not stored is dropped.
    fn fill(&self, call: &mut Call<'_>, default: &AccessPaths) -> Result<(), ExecutorError> {
        let paths = call.access_paths(default)?;
        let moment = self.upkeep.shard.read_transaction();
        let mut bytes = AnswerBudget::default();
        // Counted as a part of the answer.
        let mut stored = |id: &str| {
            let stored = moment.document(id)?;
            stored.iter().try_for_each(|stored| bytes.charge(stored))?;
            Ok::<_, ExecutorError>(stored)
        };
        if paths.include_roots() {
            call.for_each(&AccessPaths::roots(), |root| {
                if let Some(stored) = stored(&root.id)? {
                    complete(root, stored);
                }
                Ok(())
            })?;
        }
        let Some(below) = paths.below_roots() else { return Ok(()) };
        call.for_each_siblings(&below, |siblings| {
            let mut kept = Vec::with_capacity(siblings.len());
            for named in siblings.drain(..) {
                if let Some(stored) = stored(&named.id)? {
                    kept.push(replace(named, stored));
                }
            }
            *siblings = kept;
            Ok(())
        })
    }

    /// Leaves as many matches as were asked for.
    fn cut(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let Some(default) = self.cut_matches else { return Ok(()) };
        let top_k = call.top_k(default)?;
        call.for_each(&AccessPaths::roots(), |root| {
            if root.matches.len() > top_k {
                root.matches.make_mut().truncate(top_k);
            }
            Ok(())
        })
    }
}

/// The stored document in the place of the one that names it: what it was found with stays.
fn replace(named: Document, stored: Document) -> Document {
    let matches = if named.matches.is_empty() { stored.matches } else { named.matches };
    Document { scores: named.scores, adjacency: named.adjacency, matches, ..stored }
}

/// Fills in the fields that are not set.
pub(crate) fn complete(document: &mut Document, stored: Document) {
    fn fill<T: Default + PartialEq>(field: &mut T, stored: T) {
        if *field == T::default() {
            *field = stored;
        }
    }
    fill(&mut document.parent_id, stored.parent_id);
    fill(&mut document.granularity, stored.granularity);
    fill(&mut document.weight, stored.weight);
    fill(&mut document.mime_type, stored.mime_type);
    fill(&mut document.uri, stored.uri);
    fill(&mut document.text, stored.text);
    fill(&mut document.blob, stored.blob);
    fill(&mut document.tensor, stored.tensor);
    fill(&mut document.embedding, stored.embedding);
    fill(&mut document.tags, stored.tags);
    fill(&mut document.scores, stored.scores);
    fill(&mut document.location, stored.location);
    fill(&mut document.offset, stored.offset);
    fill(&mut document.modality, stored.modality);
    fill(&mut document.chunks, stored.chunks);
    fill(&mut document.matches, stored.matches);
}
