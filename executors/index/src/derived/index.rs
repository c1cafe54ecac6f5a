//! An open FAISS index over the rows of one vector file.

use faiss::index::IndexImpl;
use faiss::index::autotune::ParameterSpace;
use faiss::{Index as _, index_factory};

use super::file::Saved;
use super::foreign::{Effort, Grouped, Selected, Staged};
use super::{Approximation, IndexType, foreign};

/// How many lists are probed at least when nothing is said; FAISS would probe one.
const N_PROBE_MIN: usize = 16;
/// Of this many lists one is probed when nothing is said.
const LISTS_PER_PROBE: usize = 64;
/// How much of a graph is explored when nothing is said; FAISS's 16 misses too much.
const EF_SEARCH: usize = 64;

/// No index is tuned beyond this; FAISS computes with 32-bit integers.
const EFFORT_MAX: usize = 1 << 20;

/// Why FAISS would not; mostly in its own words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DerivedError {
    #[error("{0}")]
    Refused(String),
    #[error("`{0}` works with euclidean distances alone")]
    EuclideanAlone(String),
}

impl From<faiss::error::Error> for DerivedError {
    fn from(error: faiss::error::Error) -> Self {
        Self::Refused(foreign::reason(&error.to_string()))
    }
}

/// How hard an index tries; `None` for the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tuning {
    /// How many inverted lists a search probes.
    pub(crate) n_probe: Option<usize>,
    /// How many vectors a search of a graph keeps in view.
    pub(crate) ef_search: Option<usize>,
    /// How many candidates of each query are compared exactly.
    pub(crate) rerank: Option<usize>,
    /// How many vectors are kept in view when a vector is linked into a graph.
    pub(crate) ef_construction: Option<usize>,
}

impl Tuning {
    /// What is said here, else what `default` says.
    pub(crate) fn or(self, default: Self) -> Self {
        Self {
            n_probe: self.n_probe.or(default.n_probe),
            ef_search: self.ef_search.or(default.ef_search),
            rerank: self.rerank.or(default.rerank),
            ef_construction: self.ef_construction.or(default.ef_construction),
        }
    }
}

/// An open index.
#[derive(Debug)]
pub(crate) struct Derived {
    pub(super) index: IndexImpl,
    pub(super) kind: IndexType,
    pub(super) approximation: Approximation,
    pub(super) tuning: Tuning,
    /// What is on disk of it.
    pub(super) saved: Saved,
    /// How many rows it covers, while it is not in memory.
    pub(super) at_rest: Option<u64>,
}

/// The candidates of several queries.
#[derive(Debug)]
pub(crate) struct Candidates {
    width: usize,
    values: Vec<f32>,
    labels: Vec<i64>,
}

impl Candidates {
    /// The rows found for a query and FAISS's values for them, best first.
    pub(crate) fn of(&self, query: usize) -> impl Iterator<Item = (u64, f32)> {
        let range = query * self.width..(query + 1) * self.width;
        let labels = self.labels.get(range.clone()).unwrap_or_default();
        let values = self.values.get(range).unwrap_or_default();
        let found = labels.iter().zip(values).map(|(label, value)| (u64::try_from(*label), *value));
        found.map_while(|(row, value)| Some((row.ok()?, value)))
    }
}

impl Derived {
    /// An empty index of that kind.
    ///
    /// # Errors
    /// When FAISS does not know the kind, or not for this dimension or metric.
    pub(crate) fn new(
        kind: IndexType,
        dimension: usize,
        approximation: Approximation,
        tuning: Tuning,
    ) -> Result<Self, DerivedError> {
        let text = kind.text();
        let refused = |reason: &str| {
            DerivedError::Refused(format!("`{text}` will not do for {dimension} dimensions: {reason}"))
        };
        let length = u32::try_from(dimension).map_err(|_| refused("too many"))?;
        let native_metric = approximation.native_metric();
        let index = index_factory(length, kind.native(), native_metric);
        let index = index.map_err(|error| refused(&foreign::reason(&error.to_string())))?;
        if index.metric_type() != native_metric {
            return Err(DerivedError::EuclideanAlone(text.to_owned()));
        }
        let saved = Saved::default();
        let derived = Self { index, kind, approximation, tuning, saved, at_rest: None };
        derived.tune()?;
        Ok(derived)
    }

    /// Sets what FAISS keeps in the index; what a search may say anew each time goes with the search.
    pub(super) fn tune(&self) -> Result<(), DerivedError> {
        let space = ParameterSpace::new()?;
        let set = |name: &str, value: usize| {
            let value = u32::try_from(value.clamp(1, EFFORT_MAX)).unwrap_or(1);
            space.set_index_parameter(&self.index, name, value).map_err(DerivedError::from)
        };
        if self.kind.graph {
            // A graph over centroids is searched when vectors are added too.
            set("efSearch", EF_SEARCH)?;
            if let Some(ef_construction) = self.tuning.ef_construction {
                set("efConstruction", ef_construction)?;
            }
        }
        Ok(())
    }

    /// How hard a search tries that says this much, `times` as hard.
    pub(crate) fn effort<'a>(
        &self,
        asked: Tuning,
        times: usize,
        selected: Option<Selected<'a>>,
    ) -> Effort<'a> {
        let asked = asked.or(self.tuning);
        let lists = self.kind.lists;
        let usual = (lists / LISTS_PER_PROBE).max(N_PROBE_MIN);
        let n_probe = asked.n_probe.unwrap_or(usual).saturating_mul(times).clamp(1, lists.max(1));
        let mut ef_search = asked.ef_search.unwrap_or(EF_SEARCH);
        if lists > 0 {
            // A graph over the centroids must find as many as are probed.
            ef_search = ef_search.max(n_probe);
        } else {
            ef_search = ef_search.saturating_mul(times);
        }
        Effort { n_probe, ef_search: ef_search.clamp(1, EFFORT_MAX), selected }
    }

    pub(crate) fn kind(&self) -> &IndexType {
        &self.kind
    }

    /// Whether it is ready to take vectors.
    pub(crate) fn is_trained(&self) -> bool {
        self.is_at_rest() || self.index.is_trained()
    }

    /// How many rows it covers, from the first on.
    pub(crate) fn rows(&self) -> u64 {
        self.at_rest.unwrap_or_else(|| self.index.ntotal())
    }

    pub(super) fn dimension(&self) -> usize {
        usize::try_from(self.index.d()).unwrap_or(0)
    }

    /// About how many bytes it takes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let whole = u64::from(self.index.d()) * size_of::<f32>() as u64;
        match self.saved.rows {
            0 => self.rows() * whole,
            saved => self.rows() * (self.saved.bytes / saved).max(1),
        }
    }

    /// Whether the file on disk covers fewer rows. `Flat` has none: the vectors are the index.
    pub(crate) fn is_worth_saving(&self) -> bool {
        self.unsaved_rows() > 0
    }

    /// How many rows the file on disk lacks; `Flat` has none.
    pub(crate) fn unsaved_rows(&self) -> u64 {
        if self.kind.is_exact() { 0 } else { self.rows().saturating_sub(self.saved.rows) }
    }

    /// Learns from a sample of the vectors.
    pub(crate) fn train(&mut self, vectors: &[f32]) -> Result<(), DerivedError> {
        foreign::train(&mut self.index, vectors).map_err(DerivedError::Refused)
    }

    /// Takes the next rows.
    pub(crate) fn add(&mut self, vectors: &[f32]) -> Result<(), DerivedError> {
        if vectors.is_empty() { Ok(()) } else { Ok(self.index.add(vectors)?) }
    }

    /// What makes it faster to work out where so many rows go; `None` where nothing would.
    pub(crate) fn grouped(&self, rows: u64) -> Result<Option<Grouped>, DerivedError> {
        // It takes as long as assigning that many one by one.
        if !self.index.is_trained() || rows < self.kind.lists as u64 / 8 {
            return Ok(None);
        }
        foreign::group(&self.index).map_err(DerivedError::Refused)
    }

    /// Works out where the next rows go, beside searches; `None` when the index can only be changed as a whole.
    pub(crate) fn stage(
        &self,
        grouped: Option<&Grouped>,
        vectors: &[f32],
    ) -> Result<Option<Staged>, DerivedError> {
        foreign::stage(&self.index, grouped, vectors).map_err(DerivedError::Refused)
    }

    /// Takes the next rows, for which that was worked out by this index.
    pub(crate) fn add_staged(&mut self, staged: &Staged) -> Result<(), DerivedError> {
        foreign::add_staged(&mut self.index, staged).map_err(DerivedError::Refused)
    }

    /// The `width` best candidates for each query.
    pub(crate) fn search(
        &self,
        queries: &[f32],
        width: usize,
        effort: &Effort<'_>,
    ) -> Result<Candidates, DerivedError> {
        if self.is_at_rest() {
            return Err(DerivedError::Refused("it is not in memory".to_owned()));
        }
        let results = (queries.len() / self.dimension().max(1)).saturating_mul(width);
        let (mut values, mut labels) = (vec![0.0; results], vec![-1; results]);
        foreign::search(&self.index, queries, width, effort, &mut values, &mut labels)
            .map_err(DerivedError::Refused)?;
        Ok(Candidates { width, values, labels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Metric;

    fn derived(
        text: &str,
        dimension: usize,
        metric: Metric,
        tuning: Tuning,
    ) -> Result<Derived, DerivedError> {
        Derived::new(
            IndexType::parse(text).unwrap(),
            dimension,
            Approximation::new(metric, dimension),
            tuning,
        )
    }

    /// Points on a line.
    fn points(count: u16) -> Vec<f32> {
        (0..count).flat_map(|number| [f32::from(number), 0.0]).collect()
    }

    fn rows(derived: &Derived, queries: &[f32], width: usize) -> Vec<Vec<u64>> {
        let effort = derived.effort(Tuning::default(), 1, None);
        let candidates = derived.search(queries, width, &effort).unwrap();
        let of = |query| candidates.of(query).map(|(row, _)| row).collect();
        (0..queries.len() / 2).map(of).collect()
    }

    #[test]
    fn the_id_of_a_vector_is_its_row_however_it_was_added() {
        for text in ["Flat", "HNSW4", "SQfp16"] {
            let mut derived = derived(text, 2, Metric::Euclidean, Tuning::default()).unwrap();
            assert!(derived.is_trained());
            derived.add(&points(3)).unwrap();
            derived.add(&[]).unwrap();
            derived.add(&[9.0, 0.0]).unwrap();
            assert_eq!(derived.rows(), 4);
            assert_eq!(rows(&derived, &[8.0, 0.0, 0.9, 0.0], 2), [[3, 2], [1, 0]]);
        }
    }

    #[test]
    fn where_there_are_no_more_the_list_ends() {
        let mut derived = derived("Flat", 2, Metric::Cosine, Tuning::default()).unwrap();
        assert_eq!(rows(&derived, &[1.0, 0.0], 3), [[0; 0]]);
        derived.add(&[0.0, 1.0, 1.0, 0.0]).unwrap();
        assert_eq!(rows(&derived, &[1.0, 0.0, 0.0, 1.0], 5), [[1, 0], [0, 1]]);
        let effort = derived.effort(Tuning::default(), 1, None);
        assert_eq!(derived.search(&[1.0, 0.0], 5, &effort).unwrap().of(7).count(), 0);
    }

    #[test]
    fn probing_more_lists_finds_more() {
        let found = |n_probe| {
            let tuning = Tuning { n_probe: Some(n_probe), ..Tuning::default() };
            let mut derived = derived("IVF8,Flat", 2, Metric::Euclidean, tuning).unwrap();
            assert!(!derived.is_trained());
            derived.train(&points(400)).unwrap();
            derived.add(&points(400)).unwrap();
            rows(&derived, &[200.0, 0.0], 400)[0].len()
        };
        assert!(found(1) < found(4) && found(4) < 400);
        assert_eq!((found(8), found(usize::MAX)), (400, 400));
    }

    #[test]
    fn exploring_more_of_a_graph_finds_more() {
        let found = |ef_search| {
            let tuning = Tuning { ef_search: Some(ef_search), ef_construction: Some(4), ..Tuning::default() };
            let mut derived = derived("HNSW2", 2, Metric::Euclidean, tuning).unwrap();
            // Numbers in an order that says nothing about where they are.
            let scattered: Vec<f32> =
                (0..2000_u32).flat_map(|n| [(n * 7919 % 2003) as f32, (n * 104_729 % 1999) as f32]).collect();
            derived.add(&scattered).unwrap();
            let answers = rows(&derived, &scattered[..400], 1);
            answers.iter().zip(0..).filter(|(answer, row)| answer[..] == [*row]).count()
        };
        assert!(found(1) < found(200), "{} {}", found(1), found(200));
    }

    #[test]
    fn what_is_staged_and_then_added_is_what_adding_would_have_made() {
        for text in ["IVF4,Flat", "IVF4,PQ2x4fs", "IVF4,RaBitQ", "IVF4,SQ8", "PCA2,IVF4,PQ2x4fs"] {
            let make = || {
                let mut derived = derived(text, 2, Metric::Euclidean, Tuning::default()).unwrap();
                derived.train(&points(400)).unwrap();
                derived
            };
            let (mut at_once, mut in_steps) = (make(), make());
            at_once.add(&points(400)).unwrap();
            for block in points(400).chunks(2 * 77) {
                let staged = in_steps.stage(None, block).unwrap().unwrap();
                in_steps.add_staged(&staged).unwrap();
            }
            assert_eq!(in_steps.rows(), 400, "{text}");
            let queries: Vec<f32> = points(400);
            assert_eq!(rows(&in_steps, &queries, 9), rows(&at_once, &queries, 9), "{text}");
        }
        let flat = derived("Flat", 2, Metric::Euclidean, Tuning::default()).unwrap();
        assert!(flat.stage(None, &points(1)).unwrap().is_none());
        assert!(flat.stage(None, &[1.0]).is_err());
    }

    #[test]
    fn only_selected_rows_are_found() {
        for text in ["Flat", "HNSW8", "IVF4,Flat", "IVF4,PQ2x4fs", "IVF4,RaBitQ"] {
            let mut derived = derived(text, 2, Metric::Euclidean, Tuning::default()).unwrap();
            derived.train(&points(400)).unwrap();
            derived.add(&points(400)).unwrap();
            let bits = [1 << 3 | 1 << 60, 1 << 6];
            let found = |selected| {
                let effort = derived.effort(Tuning::default(), 64, selected);
                let candidates = derived.search(&[60.0, 0.0], 400, &effort).unwrap();
                let mut found: Vec<u64> = candidates.of(0).map(|(row, _)| row).collect();
                found.sort_unstable();
                found
            };
            assert_eq!(found(Some(Selected::Only(&bits))), [3, 60, 70], "{text}");
            let rest: Vec<u64> = (0..400).filter(|row| ![3, 60, 70].contains(row)).collect();
            assert_eq!(found(Some(Selected::AllBut(&bits))), rest, "{text}");
            assert_eq!(found(Some(Selected::Only(&[]))), [0; 0], "{text}");
        }
    }

    #[test]
    fn what_faiss_refuses_is_said_without_its_source_files() {
        let error = derived("PQ3", 8, Metric::Cosine, Tuning::default()).unwrap_err().to_string();
        assert!(
            error.starts_with("`PQ3` will not do for 8 dimensions: ") && !error.contains(".cpp"),
            "{error}"
        );
        let mut derived = derived("PCA4,Flat", 2, Metric::Cosine, Tuning::default()).unwrap();
        let error = derived.train(&points(100)).unwrap_err().to_string();
        assert!(error.contains("PCA matrix") && !error.contains(".cpp"), "{error}");
    }
}
