//! Opens the shard of a vector indexer and builds the executor instance.

use flowrun_sdk::{AccessPaths, Build, BuildError, Instance, Order};

use super::TOP_K_MAX;
use super::executor::{ENDPOINTS, FILTERED_ENDPOINTS, VectorIndexer};
use crate::ann::{IndexChoice, Tuning};
use crate::columns::Columns;
use crate::embedding::DIMENSION_MAX;
use crate::handlers::Handlers;
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::quarantine::{is_quarantined, quarantine};
use crate::shard::{CacheCapacity, IndexSummary, OpenShard, Settings};
use crate::storage::{ElementType, Fsync, Schema, StorageKind};
use crate::stored_fields::StoredFields;

/// Settings of a vector indexer. Executors under other names convert their own parameters to these.
#[derive(Clone, Debug)]
pub(crate) struct VectorIndexerConfig {
    /// Executor name, reported as `op_name` of scores.
    pub(crate) name: &'static str,
    /// Names of the executor's parameters, for error messages.
    pub(crate) names: ParameterNames,
    /// Distance measure of the vectors.
    pub(crate) metric: Metric,
    /// Number of dimensions; `None` for that of the first vector.
    pub(crate) dimension: Option<usize>,
    /// Element type of stored vectors; `None` for that of the existing index, or the default.
    pub(crate) elements: Option<ElementType>,
    /// Configured index type.
    pub(crate) index: IndexChoice,
    /// Default search and build parameters.
    pub(crate) tuning: Tuning,
    /// Default number of matches per query.
    pub(crate) top_k: usize,
    /// Default largest distance of a match; `None` for any.
    pub(crate) max_distance: Option<f64>,
    /// Documents that are stored, unless the request sets `access_paths`.
    pub(crate) index_access_paths: AccessPaths,
    /// Query documents of `/search`, unless the request sets `access_paths`.
    pub(crate) search_access_paths: AccessPaths,
    /// Fields of a document that are stored.
    pub(crate) stored_fields: StoredFields,
    /// Moment at which a write is acknowledged.
    pub(crate) fsync: Fsync,
    /// Tags that filters may name.
    pub(crate) columns: Columns,
    /// Tag of a query document with a filter of its own; `None` to ignore such tags.
    pub(crate) filter_tag: Option<String>,
    /// Tag with the time at which a document expires; `None` for documents that never expire.
    pub(crate) expires: Option<String>,
    /// Capacity of the index cache; `None` for all indexes in memory.
    pub(crate) cache_capacity: Option<CacheCapacity>,
    /// True if `/status` also returns a document with AnnLite's tags.
    pub(crate) status_document: bool,
}

impl VectorIndexerConfig {
    /// Opens the shard and builds the executor. A damaged or lost shard is quarantined when there are other shards.
    ///
    /// # Errors
    /// When a parameter is out of bounds, or the shard cannot be opened with these settings.
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
        self.stored_fields.check_expires(self.expires.as_deref())?;
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
            cache_capacity: self.cache_capacity,
        };
        let shard = match OpenShard::open(context, settings) {
            Err(error) if is_quarantined(&error, context) => {
                let instance = quarantine(&error, context, Vec::new()).with_endpoints(ENDPOINTS);
                return Ok(instance.with_ranking(Order::Ascending, self.top_k));
            }
            shard => shard?,
        };
        let handlers = Handlers {
            shard,
            metric: Some(self.metric),
            access_paths: self.index_access_paths,
            stored_fields: self.stored_fields,
            read_only: context.read_only.then(|| context.pod.clone()),
            columns: self.columns,
            expires: self.expires,
        };
        let dimension = handlers.shard.dimension().or(self.dimension);
        let searched = Some(self.search_access_paths.clone());
        let summary = IndexSummary::new(&handlers.shard, &handlers.columns, &FILTERED_ENDPOINTS, searched)
            .with_filter_tag(self.filter_tag.clone());
        let executor = VectorIndexer {
            handlers,
            name: self.name,
            metric: self.metric,
            access_paths: self.search_access_paths,
            top_k: self.top_k,
            max_distance: self.max_distance,
            filter_tag: self.filter_tag,
            status_id: self.status_document.then(|| format!("{}/status/{}", context.pod, context.shard)),
        };
        let instance = Instance::new(executor)
            .with_endpoints(ENDPOINTS)
            .with_input_dimension(dimension)
            .with_shard_summary(summary);
        Ok(instance.with_ranking(Order::Ascending, self.top_k))
    }
}
