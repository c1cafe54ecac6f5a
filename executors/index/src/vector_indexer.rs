//! Stores documents by their vectors and finds the nearest.

use flowrun_sdk::filter::Filter;
use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, Document, Documents, Executor, ExecutorError, ExecutorType,
    Instance, NamedScore, Order, Tensor, Value, parse_parameters,
};

use crate::byte_size::ByteSize;
use crate::columns::Columns;
use crate::derived::{IndexChoice, IndexType, Tuning};
use crate::embedding::{self, DIMENSION_MAX};
use crate::kept::{Kept, StoredField, default_exclude};
use crate::metric::{Metric, Query};
use crate::names::Names;
use crate::quarantine::quarantine;
use crate::shard::{CacheCapacity, IndexSummary, Match, Page, RERANK_MAX, SearchParams, Settings, Shard};
use crate::storage::{ElementType, Fsync, Schema, StorageKind};
use crate::upkeep::Upkeep;

/// How many matches are found when neither the flow nor the request says.
pub(crate) const TOP_K: usize = 10;
/// The most matches that a request may ask for: a reply holds the documents of all of them for each query.
const TOP_K_MAX: usize = 10_000;

/// Where vector indexers want to be called.
pub(crate) const ENDPOINTS: [&str; 13] = [
    "/index",
    "/update",
    "/delete",
    "/get",
    "/list",
    "/count",
    "/search",
    "/filter",
    "/fill_embedding",
    "/status",
    "/clear",
    "/backup",
    "/restore",
];
/// Where a filter says which documents are answered with. `/delete` removes others as well, those that it names.
const FILTERED_ENDPOINTS: [&str; 4] = ["/search", "/filter", "/list", "/count"];
/// How many documents `/filter` answers with when the request does not say: as many as AnnLite did.
const FILTERED: usize = 20;
/// The most documents that `/filter` may be asked for, with those that it is to pass over: their ids are in memory.
const FILTERED_MAX: usize = 100_000;

flowrun_sdk::parameters! {
    /// The parameters of `VectorIndexer`.
    struct VectorIndexerParameters {
        /// How the distance of two vectors is measured.
        metric: Metric = Metric::Cosine,
        /// The number of dimensions; null takes that of the first vector.
        dimension: Option<usize> = None,
        /// A FAISS factory string, or `auto`: `Flat` (exact) while the vectors have no more than 256 MiB, else inverted
        /// lists of codes (`IVF4096_HNSW32,PQ384x4fs`), with the vectors on disk. What needs training is trained beside
        /// searches, as soon as there are enough vectors; until then what was there before answers.
        index: IndexChoice = IndexChoice::AUTO,
        /// How much memory an index that `auto` chooses may take, such as `2GB`; null for 1 GiB.
        memory: Option<ByteSize> = None,
        /// How the elements of vectors are stored, `f32` or `f16`; null takes what is there, or `f32`.
        vectors: Option<ElementType> = None,
        /// How many matches are found for a document; the request's `top_k` or `limit` goes before.
        top_k: usize = TOP_K,
        /// The same as `top_k`, as Jina 3 calls it.
        limit: Option<usize> = None,
        /// Which documents are stored and searched for; the request's `access_paths` goes before.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Fields that are not stored and so not part of matches. Without `blob` in it, bytes are stored.
        exclude: Vec<StoredField> = default_exclude(),
        /// When a write is acknowledged: when the disk has it (`always`), or when the operating system has it, which
        /// writes it within a second (`interval`) or when it likes (`never`).
        fsync: Fsync = Fsync::Always,
        /// How many inverted lists a search probes, for `IVF…`; null for one of 64, and at least 16. The request's `n_probe`
        /// goes before.
        n_probe: Option<usize> = None,
        /// How many vectors a search of a graph keeps in view, for `HNSW…`; null for 64. The request's `ef_search` goes before.
        ef_search: Option<usize> = None,
        /// The tags that filters may name, with their types (str, int, float, bool), as a list of pairs or a mapping; they
        /// are kept in memory once a search filters by them. Null for any tag.
        columns: Value = Value::Null,
        /// The tag with the time, in seconds since 1970, until which a document is kept; null for no end. `/index` and
        /// `/update` with the parameter `time_to_live`, in seconds, set it for documents that do not have it.
        expires: Option<String> = None,
        /// How many candidates of a query are compared exactly where the index holds codes; null for ten for each match.
        /// The request's `rerank` goes before.
        rerank: Option<usize> = None,
        /// How many shards have their index in memory, or how much memory the indexes of all shards may take together, such as
        /// `2GB`; those that were searched last. The others are read from disk when they are searched. Null for all.
        resident: Option<CacheCapacity> = None,
    }
}

pub(crate) const VECTOR_INDEXER: ExecutorType = ExecutorType::new::<VectorIndexerParameters>(
    "VectorIndexer",
    "Stores documents by their embeddings and finds the nearest.",
    create,
)
.with_storage();

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: VectorIndexerParameters = parse_parameters(build)?;
    if let IndexChoice::Given(kind) = &parameters.index {
        check_tuning(kind, parameters.n_probe, parameters.ef_search)?;
    }
    let index = match parameters.memory {
        Some(memory) => parameters.index.within(memory.bytes()),
        None => parameters.index,
    };
    let plan = Indexer {
        name: "VectorIndexer",
        names: Names { top_k: if parameters.limit.is_some() { "limit" } else { "top_k" }, ..Names::OWN },
        metric: parameters.metric,
        dimension: parameters.dimension,
        elements: parameters.vectors,
        index,
        tuning: Tuning {
            n_probe: parameters.n_probe,
            ef_search: parameters.ef_search,
            rerank: parameters.rerank,
            ef_construction: None,
        },
        top_k: parameters.limit.unwrap_or(parameters.top_k),
        search_access_paths: parameters.access_paths.clone(),
        index_access_paths: parameters.access_paths,
        kept: Kept::AllBut(parameters.exclude),
        fsync: parameters.fsync,
        columns: Columns::parse(&parameters.columns)
            .map_err(|reason| BuildError::parameter("columns", reason))?,
        expires: parameters.expires,
        resident: parameters.resident,
    };
    plan.build(build)
}

/// Whether the kind of index has what is to be tuned.
fn check_tuning(
    kind: &IndexType,
    n_probe: Option<usize>,
    ef_search: Option<usize>,
) -> Result<(), BuildError> {
    let refused =
        |name, what| Err(BuildError::parameter(name, format_args!("`{}` has no {what}", kind.text())));
    match (n_probe, ef_search) {
        (Some(_), _) if kind.lists == 0 => refused("n_probe", "lists to probe"),
        (_, Some(_)) if !kind.graph => refused("ef_search", "graph to search"),
        _ => Ok(()),
    }
}

/// How hard the request wants the index to try. What the index that answers does not have is not tuned.
fn tuning(call: &Call<'_>) -> Result<Tuning, ExecutorError> {
    let number = |name| {
        let number = call.parameter::<Option<usize>>(name)?.flatten();
        match number {
            Some(number) if !(1..=RERANK_MAX).contains(&number) => {
                let reason = format_args!("must be from 1 to {RERANK_MAX}, but is {number}");
                Err(ExecutorError::parameter(name, reason))
            }
            number => Ok(number),
        }
    };
    Ok(Tuning {
        n_probe: number("n_probe")?,
        ef_search: number("ef_search")?,
        rerank: number("rerank")?,
        ef_construction: None,
    })
}

/// What a vector indexer is made of; executors under other names fill it in from their own parameters.
#[derive(Clone, Debug)]
pub(crate) struct Indexer {
    /// The name that scores carry.
    pub(crate) name: &'static str,
    /// What the executor calls its parameters.
    pub(crate) names: Names,
    pub(crate) metric: Metric,
    pub(crate) dimension: Option<usize>,
    /// How vectors are stored; `None` as they are stored already.
    pub(crate) elements: Option<ElementType>,
    pub(crate) index: IndexChoice,
    pub(crate) tuning: Tuning,
    pub(crate) top_k: usize,
    pub(crate) index_access_paths: AccessPaths,
    pub(crate) search_access_paths: AccessPaths,
    pub(crate) kept: Kept,
    pub(crate) fsync: Fsync,
    /// The tags that filters may name.
    pub(crate) columns: Columns,
    /// The tag that says until when a document is kept.
    pub(crate) expires: Option<String>,
    /// How many shards have their index in memory, if not all.
    pub(crate) resident: Option<CacheCapacity>,
}

impl Indexer {
    /// Opens the shard and makes the executor.
    pub(crate) fn build(self, build: &Build) -> Result<Instance, BuildError> {
        let context = &build.context;
        if let Some(dimension) = self.dimension.filter(|dimension| !(1..=DIMENSION_MAX).contains(dimension)) {
            let reason = format_args!("must be from 1 to {DIMENSION_MAX}, but is {dimension}");
            return Err(BuildError::parameter(self.names.dimension, reason));
        }
        if self.top_k > TOP_K_MAX {
            let reason = format_args!("must be at most {TOP_K_MAX}, but is {}", self.top_k);
            return Err(BuildError::parameter(self.names.top_k, reason));
        }
        self.kept.check_expires(self.expires.as_deref())?;
        let schema = Schema {
            kind: StorageKind::Vectors,
            dimension: self.dimension,
            metric: self.metric,
            elements: self.elements,
            index: self.index.text().to_owned(),
            shards: context.shards,
            shard: context.shard,
            names: self.names,
        };
        let settings = Settings {
            schema,
            index: self.index,
            tuning: self.tuning,
            fsync: self.fsync,
            threads: context.threads,
            read_only: context.read_only,
            columns: self.columns.names(),
            expires: self.expires.clone(),
            cache_capacity: self.resident,
        };
        let shard = match Shard::open(context, settings) {
            Err(error) if error.is_damage() && context.shards > 1 => {
                return Ok(quarantine(&error, context, self.top_k));
            }
            shard => shard?,
        };
        let upkeep = Upkeep {
            shard,
            metric: Some(self.metric),
            access_paths: self.index_access_paths,
            kept: self.kept,
            read_only: context.read_only.then(|| context.pod.clone()),
            columns: self.columns,
            expires: self.expires,
        };
        let dimension = upkeep.shard.dimension().or(self.dimension);
        let searched = Some(self.search_access_paths.clone());
        let holdings = IndexSummary::new(&upkeep.shard, &upkeep.columns, &FILTERED_ENDPOINTS, searched);
        let indexer = VectorIndexer {
            upkeep,
            name: self.name,
            metric: self.metric,
            access_paths: self.search_access_paths,
            top_k: self.top_k,
        };
        let instance = Instance::new(indexer)
            .with_endpoints(ENDPOINTS)
            .with_input_dimension(dimension)
            .with_shard_summary(holdings);
        Ok(instance.with_ranking(Order::Ascending, self.top_k))
    }
}

/// Stores documents by their vectors and finds the nearest.
#[derive(Debug)]
struct VectorIndexer {
    upkeep: Upkeep,
    name: &'static str,
    metric: Metric,
    access_paths: AccessPaths,
    top_k: usize,
}

impl Executor for VectorIndexer {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        match call.endpoint() {
            "/search" => self.search(call),
            "/filter" => self.filter(call),
            "/get" => self.upkeep.get(call),
            "/fill_embedding" => self.fill_embedding(call),
            "/backup" => self.upkeep.back_up(call),
            "/restore" => self.upkeep.restore(call),
            _ => self.upkeep.execute(call),
        }
    }

    fn close(&mut self) -> Result<(), ExecutorError> {
        self.upkeep.shard.save_index();
        Ok(())
    }
}

impl VectorIndexer {
    /// Gives each document its matches. All queries of the call are searched for together.
    fn search(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let filter = self.upkeep.columns.filter(call.parameters())?;
        let top_k = call.top_k(self.top_k)?;
        if top_k > TOP_K_MAX {
            return Err(ExecutorError::parameter(
                "top_k",
                format_args!("{top_k} is more than the {TOP_K_MAX} allowed"),
            ));
        }
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let (queries, per_root) = self.queries(call, &paths)?;
        let check = || call.check();
        let asked = SearchParams { k: top_k, filter: filter.as_ref(), tuning: tuning(call)? };
        let mut answers = self.upkeep.shard.search(&queries, &asked, &check)?.into_iter();
        let mut per_root = per_root.into_iter();
        call.for_each(&AccessPaths::roots(), |root| {
            let mut answers = answers.by_ref().take(per_root.next().unwrap_or(0));
            paths.visit_mut(root, &mut |document| {
                // A path may lead to matches that were found a moment ago; these are no queries.
                if let Some(found) = answers.next() {
                    document.matches = self.matches(document, found);
                }
                Ok(())
            })
        })
    }

    /// Answers with stored documents that a filter means, in the place of those of the request.
    fn filter(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let filter = self.upkeep.columns.filter(call.parameters())?.unwrap_or(Filter::MATCH_ALL);
        let page = Page {
            offset: call.parameter("offset")?.unwrap_or(0),
            limit: call.top_k(FILTERED)?,
            order_by: call.parameter::<Option<String>>("order_by")?.flatten(),
            ascending: call.parameter("ascending")?.unwrap_or(true),
        };
        if page.offset.saturating_add(page.limit) > FILTERED_MAX {
            let reason = format_args!("with `offset` must be at most {FILTERED_MAX}");
            return Err(ExecutorError::parameter("limit", reason));
        }
        let check = || call.check();
        let found = self.upkeep.shard.find_matching(&filter, &page, &check)?;
        *call.documents_mut() = found;
        Ok(())
    }

    /// Gives the documents of the request the vectors that are stored under their ids. A document that is not stored in
    /// this shard, but perhaps in another, stays as it is.
    fn fill_embedding(&self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.upkeep.access_paths)?.into_owned();
        let (mut filled, mut unknown) = (0_u64, 0_u64);
        let moment = self.upkeep.shard.read_transaction();
        call.for_each(&paths, |document| {
            match moment.vector(&document.id)? {
                Some(vector) => {
                    document.embedding = Some(Tensor::vector(vector));
                    filled += 1;
                }
                None => unknown += 1,
            }
            Ok(())
        })?;
        call.set_result("filled", filled);
        call.set_result("unknown", unknown);
        Ok(())
    }

    /// The vectors to search for, and how many of them each root has. A root without a vector that can be searched for
    /// fails alone. Earlier matches go, so that the same documents are found when the answers are handed out.
    fn queries(
        &self,
        call: &mut Call<'_>,
        paths: &AccessPaths,
    ) -> Result<(Vec<Query>, Vec<usize>), ExecutorError> {
        let dimension = self.upkeep.shard.dimension();
        let mut queries: Vec<Query> = Vec::new();
        let mut per_root = Vec::new();
        call.for_each(&AccessPaths::roots(), |root| {
            let before = queries.len();
            let read = paths.visit_mut(root, &mut |document| {
                queries.push(Query::new(embedding::vector(document, self.metric, dimension)?));
                document.matches = Documents::new();
                Ok(())
            });
            match read {
                Ok(()) => per_root.push(queries.len() - before),
                Err(_) => queries.truncate(before),
            }
            read
        })?;
        Ok((queries, per_root))
    }

    /// What was found for `query` as its matches.
    fn matches(&self, query: &Document, found: Vec<Match>) -> Documents {
        let matched = |found: Match| {
            let score = NamedScore { ref_id: query.id.clone(), ..NamedScore::new(found.distance, self.name) };
            Document {
                adjacency: query.adjacency.saturating_add(1),
                scores: [(self.metric.name().to_owned(), score)].into_iter().collect(),
                ..found.document
            }
        };
        found.into_iter().map(matched).collect()
    }
}
