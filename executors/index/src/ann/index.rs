//! A FAISS index over the rows of one vector file.

use faiss::index::IndexImpl;
use faiss::index::autotune::ParameterSpace;
use faiss::{Index as _, index_factory};

use super::ffi::{CentroidGroups, RowFilter, SearchEffort, StagedRows};
use super::{DistanceBound, IndexType, ffi};

/// Smallest default `n_probe`; FAISS's own default is 1.
const N_PROBE_MIN: usize = 16;
/// The default `n_probe` is the number of inverted lists divided by this.
const LISTS_PER_PROBE: usize = 64;
/// Default `efSearch`; FAISS's own default, 16, misses too many neighbours.
const EF_SEARCH: usize = 64;

/// Upper bound of every tuning value; FAISS computes with 32-bit integers.
const EFFORT_MAX: usize = 1 << 20;

/// An error of FAISS.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnnError {
    /// FAISS failed, with its own message without function and source file; or the index is not in memory.
    #[error("{0}")]
    Faiss(String),
    /// The index type (the factory string) supports only squared euclidean distance; FAISS ignores other metrics.
    #[error("`{0}` supports only euclidean distance")]
    EuclideanOnly(String),
}

impl From<faiss::error::Error> for AnnError {
    fn from(error: faiss::error::Error) -> Self {
        Self::Faiss(ffi::strip_location(&error.to_string()))
    }
}

/// Search and build parameters of an index; `None` selects the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// Inverted lists probed per query.
    pub(crate) n_probe: Option<usize>,
    /// Size of the candidate queue when a graph is searched (`efSearch`).
    pub(crate) ef_search: Option<usize>,
    /// Candidates per query whose exact distance is computed.
    pub(crate) rerank: Option<usize>,
    /// Size of the candidate queue when a vector is inserted into a graph (`efConstruction`).
    pub(crate) ef_construction: Option<usize>,
}

impl Tuning {
    /// These values, with unset ones taken from `default`.
    pub(crate) fn or(self, default: Self) -> Self {
        Self {
            n_probe: self.n_probe.or(default.n_probe),
            ef_search: self.ef_search.or(default.ef_search),
            rerank: self.rerank.or(default.rerank),
            ef_construction: self.ef_construction.or(default.ef_construction),
        }
    }
}

/// State of the index file on disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SavedIndex {
    /// Rows that the file covers, from row 0.
    pub(super) rows: u64,
    /// Length of the file in bytes, with or without its short trailer; for estimates.
    pub(super) bytes: u64,
}

/// A FAISS index, in memory or evicted (on disk only).
#[derive(Debug)]
pub(crate) struct AnnIndex {
    pub(super) index: IndexImpl,
    pub(super) index_type: IndexType,
    pub(super) distance_bound: DistanceBound,
    /// Default search and build parameters.
    pub(super) tuning: Tuning,
    /// State of its file; no rows if there is none.
    pub(super) saved: SavedIndex,
    /// Rows that it covers while it is evicted; `None` while it is in memory.
    pub(super) evicted_rows: Option<u64>,
}

/// Candidates of a batch of queries.
#[derive(Debug)]
pub(crate) struct Candidates {
    /// Candidates per query.
    width: usize,
    values: Vec<f32>,
    labels: Vec<i64>,
}

impl Candidates {
    /// Rows and FAISS's values of the candidates of one query, best first. Empty for a query that is not in the batch.
    pub(crate) fn for_query(&self, query: usize) -> impl Iterator<Item = (u64, f32)> {
        let range = query * self.width..(query + 1) * self.width;
        let labels = self.labels.get(range.clone()).unwrap_or_default();
        let values = self.values.get(range).unwrap_or_default();
        let found = labels.iter().zip(values).map(|(label, value)| (u64::try_from(*label), *value));
        found.map_while(|(row, value)| Some((row.ok()?, value)))
    }
}

impl AnnIndex {
    /// Creates an empty index in memory.
    ///
    /// # Errors
    /// When FAISS does not know the index type, or does not support it for this dimension or metric.
    pub(crate) fn new(
        index_type: IndexType,
        dimension: usize,
        distance_bound: DistanceBound,
        tuning: Tuning,
    ) -> Result<Self, AnnError> {
        let text = index_type.text();
        let unsupported = |reason: &str| {
            AnnError::Faiss(format!("`{text}` does not support {dimension} dimensions: {reason}"))
        };
        let length = u32::try_from(dimension).map_err(|_| unsupported("too many"))?;
        let metric = distance_bound.faiss_metric();
        let index = index_factory(length, index_type.faiss_factory(), metric);
        let index = index.map_err(|error| unsupported(&ffi::strip_location(&error.to_string())))?;
        if index.metric_type() != metric {
            return Err(AnnError::EuclideanOnly(text.to_owned()));
        }
        let saved = SavedIndex::default();
        let ann = Self { index, index_type, distance_bound, tuning, saved, evicted_rows: None };
        ann.apply_tuning()?;
        Ok(ann)
    }

    /// Sets the parameters that are part of the index. Those of a single search are passed with it ([`SearchEffort`]).
    pub(super) fn apply_tuning(&self) -> Result<(), AnnError> {
        let space = ParameterSpace::new()?;
        let set = |name: &str, value: usize| {
            let value = u32::try_from(value.clamp(1, EFFORT_MAX)).unwrap_or(1);
            space.set_index_parameter(&self.index, name, value).map_err(AnnError::from)
        };
        if self.index_type.has_graph {
            // A graph over centroids is also searched when vectors are added.
            set("efSearch", EF_SEARCH)?;
            if let Some(ef_construction) = self.tuning.ef_construction {
                set("efConstruction", ef_construction)?;
            }
        }
        Ok(())
    }

    /// Search parameters for `tuning` (unset values: those of the index). `factor` multiplies the search effort: the number
    /// of probed lists, or the size of the candidate queue of a graph.
    pub(crate) fn search_effort<'a>(
        &self,
        tuning: Tuning,
        factor: usize,
        row_filter: Option<RowFilter<'a>>,
    ) -> SearchEffort<'a> {
        let tuning = tuning.or(self.tuning);
        let lists = self.index_type.lists;
        let default = (lists / LISTS_PER_PROBE).max(N_PROBE_MIN);
        let n_probe = tuning.n_probe.unwrap_or(default).saturating_mul(factor).clamp(1, lists.max(1));
        let mut ef_search = tuning.ef_search.unwrap_or(EF_SEARCH);
        if lists > 0 {
            // A graph over the centroids must find as many as are probed.
            ef_search = ef_search.max(n_probe);
        } else {
            ef_search = ef_search.saturating_mul(factor);
        }
        SearchEffort { n_probe, ef_search: ef_search.clamp(1, EFFORT_MAX), row_filter }
    }

    /// Type of the index.
    pub(crate) fn index_type(&self) -> &IndexType {
        &self.index_type
    }

    /// True if vectors can be added. An evicted index was trained before it was saved.
    pub(crate) fn is_trained(&self) -> bool {
        self.is_evicted() || self.index.is_trained()
    }

    /// Rows that it covers, from row 0.
    pub(crate) fn rows(&self) -> u64 {
        self.evicted_rows.unwrap_or_else(|| self.index.ntotal())
    }

    pub(super) fn dimension(&self) -> usize {
        usize::try_from(self.index.d()).unwrap_or(0)
    }

    /// Estimated memory in bytes, from the size of the saved file or else of whole vectors.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let vector_bytes = u64::from(self.index.d()) * size_of::<f32>() as u64;
        match self.saved.rows {
            0 => self.rows() * vector_bytes,
            saved => self.rows() * (self.saved.bytes / saved).max(1),
        }
    }

    /// True if the file on disk covers fewer rows. Never for `Flat`, which is not saved.
    pub(crate) fn has_unsaved_rows(&self) -> bool {
        self.unsaved_rows() > 0
    }

    /// Rows that the file on disk lacks. Zero for `Flat`, which is refilled from the vector file instead.
    pub(crate) fn unsaved_rows(&self) -> u64 {
        if self.index_type.is_exact() { 0 } else { self.rows().saturating_sub(self.saved.rows) }
    }

    /// Trains the index on a sample of the vectors.
    pub(crate) fn train(&mut self, vectors: &[f32]) -> Result<(), AnnError> {
        ffi::train(&mut self.index, vectors).map_err(AnnError::Faiss)
    }

    /// Adds the next rows, whose vectors are concatenated in `vectors`.
    pub(crate) fn add(&mut self, vectors: &[f32]) -> Result<(), AnnError> {
        if vectors.is_empty() { Ok(()) } else { Ok(self.index.add(vectors)?) }
    }

    /// Groups the centroids of the inverted lists, which speeds up [`Self::stage`]. `None` if the grouping would take longer
    /// than it saves when `rows` rows are added, and for an index with few or no lists.
    pub(crate) fn group_centroids(&self, rows: u64) -> Result<Option<CentroidGroups>, AnnError> {
        // Grouping takes as long as assigning this many rows without groups.
        if !self.index.is_trained() || rows < self.index_type.lists as u64 / 8 {
            return Ok(None);
        }
        ffi::group_centroids(&self.index).map_err(AnnError::Faiss)
    }

    /// Assigns the next rows to inverted lists and encodes them, without changing the index: searches continue in
    /// parallel. `None` when the index has no inverted lists; then only [`Self::add`] can be used.
    pub(crate) fn stage(
        &self,
        groups: Option<&CentroidGroups>,
        vectors: &[f32],
    ) -> Result<Option<StagedRows>, AnnError> {
        ffi::stage(&self.index, groups, vectors).map_err(AnnError::Faiss)
    }

    /// Adds the next rows, which were staged by this index.
    pub(crate) fn add_staged(&mut self, staged: &StagedRows) -> Result<(), AnnError> {
        ffi::add_staged(&mut self.index, staged).map_err(AnnError::Faiss)
    }

    /// Finds the `width` best candidates of each query.
    ///
    /// # Errors
    /// When the index is evicted, or FAISS fails.
    pub(crate) fn search(
        &self,
        queries: &[f32],
        width: usize,
        effort: &SearchEffort<'_>,
    ) -> Result<Candidates, AnnError> {
        if self.is_evicted() {
            return Err(AnnError::Faiss("the index is not in memory".to_owned()));
        }
        let results = (queries.len() / self.dimension().max(1)).saturating_mul(width);
        let (mut values, mut labels) = (vec![0.0; results], vec![-1; results]);
        ffi::search(&self.index, queries, width, effort, &mut values, &mut labels)
            .map_err(AnnError::Faiss)?;
        Ok(Candidates { width, values, labels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    fn new_index(text: &str, dimension: usize, metric: Metric, tuning: Tuning) -> Result<AnnIndex, AnnError> {
        AnnIndex::new(
            IndexType::parse(text).unwrap(),
            dimension,
            DistanceBound::new(metric, dimension),
            tuning,
        )
    }

    /// Points on a line.
    fn points(count: u16) -> Vec<f32> {
        (0..count).flat_map(|number| [f32::from(number), 0.0]).collect()
    }

    fn rows(ann: &AnnIndex, queries: &[f32], width: usize) -> Vec<Vec<u64>> {
        let effort = ann.search_effort(Tuning::default(), 1, None);
        let candidates = ann.search(queries, width, &effort).unwrap();
        let rows_of = |query| candidates.for_query(query).map(|(row, _)| row).collect();
        (0..queries.len() / 2).map(rows_of).collect()
    }

    #[test]
    fn the_faiss_id_of_a_vector_is_its_row() {
        for text in ["Flat", "HNSW4", "SQfp16"] {
            let mut ann = new_index(text, 2, Metric::Euclidean, Tuning::default()).unwrap();
            assert!(ann.is_trained());
            ann.add(&points(3)).unwrap();
            ann.add(&[]).unwrap();
            ann.add(&[9.0, 0.0]).unwrap();
            assert_eq!(ann.rows(), 4);
            assert_eq!(rows(&ann, &[8.0, 0.0, 0.9, 0.0], 2), [[3, 2], [1, 0]]);
        }
    }

    #[test]
    fn a_short_index_returns_fewer_candidates_than_requested() {
        let mut ann = new_index("Flat", 2, Metric::Cosine, Tuning::default()).unwrap();
        assert_eq!(rows(&ann, &[1.0, 0.0], 3), [[0; 0]]);
        ann.add(&[0.0, 1.0, 1.0, 0.0]).unwrap();
        assert_eq!(rows(&ann, &[1.0, 0.0, 0.0, 1.0], 5), [[1, 0], [0, 1]]);
        let effort = ann.search_effort(Tuning::default(), 1, None);
        assert_eq!(ann.search(&[1.0, 0.0], 5, &effort).unwrap().for_query(7).count(), 0);
    }

    #[test]
    fn a_larger_n_probe_finds_more() {
        let found = |n_probe| {
            let tuning = Tuning { n_probe: Some(n_probe), ..Tuning::default() };
            let mut ann = new_index("IVF8,Flat", 2, Metric::Euclidean, tuning).unwrap();
            assert!(!ann.is_trained());
            ann.train(&points(400)).unwrap();
            ann.add(&points(400)).unwrap();
            rows(&ann, &[200.0, 0.0], 400)[0].len()
        };
        assert!(found(1) < found(4) && found(4) < 400);
        assert_eq!((found(8), found(usize::MAX)), (400, 400));
    }

    #[test]
    fn a_larger_ef_search_finds_more() {
        let found = |ef_search| {
            let tuning = Tuning { ef_search: Some(ef_search), ef_construction: Some(4), ..Tuning::default() };
            let mut ann = new_index("HNSW2", 2, Metric::Euclidean, tuning).unwrap();
            // Insertion order is unrelated to position.
            let scattered: Vec<f32> =
                (0..2000_u32).flat_map(|n| [(n * 7919 % 2003) as f32, (n * 104_729 % 1999) as f32]).collect();
            ann.add(&scattered).unwrap();
            let answers = rows(&ann, &scattered[..400], 1);
            answers.iter().zip(0..).filter(|(answer, row)| answer[..] == [*row]).count()
        };
        assert!(found(1) < found(200), "{} {}", found(1), found(200));
    }

    #[test]
    fn adding_staged_rows_equals_adding_them_directly() {
        for text in ["IVF4,Flat", "IVF4,PQ2x4fs", "IVF4,RaBitQ", "IVF4,SQ8", "PCA2,IVF4,PQ2x4fs"] {
            let trained = || {
                let mut ann = new_index(text, 2, Metric::Euclidean, Tuning::default()).unwrap();
                ann.train(&points(400)).unwrap();
                ann
            };
            let (mut direct, mut in_steps) = (trained(), trained());
            direct.add(&points(400)).unwrap();
            for block in points(400).chunks(2 * 77) {
                let staged = in_steps.stage(None, block).unwrap().unwrap();
                in_steps.add_staged(&staged).unwrap();
            }
            assert_eq!(in_steps.rows(), 400, "{text}");
            let queries: Vec<f32> = points(400);
            assert_eq!(rows(&in_steps, &queries, 9), rows(&direct, &queries, 9), "{text}");
        }
        let flat = new_index("Flat", 2, Metric::Euclidean, Tuning::default()).unwrap();
        assert!(flat.stage(None, &points(1)).unwrap().is_none());
        assert!(flat.stage(None, &[1.0]).is_err());
    }

    #[test]
    fn only_rows_that_pass_the_filter_are_found() {
        for text in ["Flat", "HNSW8", "IVF4,Flat", "IVF4,PQ2x4fs", "IVF4,RaBitQ"] {
            let mut ann = new_index(text, 2, Metric::Euclidean, Tuning::default()).unwrap();
            ann.train(&points(400)).unwrap();
            ann.add(&points(400)).unwrap();
            let bits = [1 << 3 | 1 << 60, 1 << 6];
            let found = |row_filter| {
                let effort = ann.search_effort(Tuning::default(), 64, row_filter);
                let candidates = ann.search(&[60.0, 0.0], 400, &effort).unwrap();
                let mut found: Vec<u64> = candidates.for_query(0).map(|(row, _)| row).collect();
                found.sort_unstable();
                found
            };
            assert_eq!(found(Some(RowFilter::Include(&bits))), [3, 60, 70], "{text}");
            let rest: Vec<u64> = (0..400).filter(|row| ![3, 60, 70].contains(row)).collect();
            assert_eq!(found(Some(RowFilter::Exclude(&bits))), rest, "{text}");
            assert_eq!(found(Some(RowFilter::Include(&[]))), [0; 0], "{text}");
        }
    }

    #[test]
    fn faiss_errors_do_not_quote_source_files() {
        let error = new_index("PQ3", 8, Metric::Cosine, Tuning::default()).unwrap_err().to_string();
        assert!(
            error.starts_with("`PQ3` does not support 8 dimensions: ") && !error.contains(".cpp"),
            "{error}"
        );
        let mut ann = new_index("PCA4,Flat", 2, Metric::Cosine, Tuning::default()).unwrap();
        let error = ann.train(&points(100)).unwrap_err().to_string();
        assert!(error.contains("PCA matrix") && !error.contains(".cpp"), "{error}");
    }
}
