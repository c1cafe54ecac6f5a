//! Choice of the index type: the one that the user configured, or `auto`, by the amount of data.

use flowrun_sdk::{Parameter, ParameterKind, Value};

use super::IndexType;

/// Largest size in bytes of the vectors for which `auto` selects exact search. One core takes about 20 ms per query for
/// that size: half a million vectors of 128 dimensions, or ninety thousand of 768.
const FLAT_BYTES_MAX: u64 = 256 << 20;

/// Default memory limit in bytes of a quantized index that `auto` selects.
const MEMORY_BYTES: u64 = 1 << 30;

/// Pairs of a largest number of vectors, and the number of inverted lists for up to that many.
const LISTS: [(u64, usize); 5] =
    [(30_000, 64), (100_000, 256), (400_000, 1024), (4_000_000, 4096), (u64::MAX, 16_384)];
/// Smallest number of lists for which an HNSW graph over the centroids is faster than comparing with each of them.
const LISTS_BY_GRAPH_MIN: usize = 4096;
/// Links per centroid in that graph.
const LINKS_OF_LISTS: usize = 32;
/// Size in bytes of a row id in an inverted list.
const ROW_ID_BYTES: u64 = 8;

/// The parameter `index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexChoice {
    /// Exact search (`Flat`) for small data, an approximate index for large data. Evaluated when the index is opened and as
    /// it grows; the current index serves searches until its successor is built.
    Auto {
        /// Index type for large data.
        large: LargeIndex,
        /// Largest size in bytes of the vectors for which exact search is used.
        flat_bytes_max: u64,
    },
    /// A configured index type.
    Fixed(IndexType),
    /// A text that is not an index type, and the reason.
    Invalid(String, String),
}

/// Index type that `auto` selects for large data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LargeIndex {
    /// An HNSW graph with this many links per vector; whole vectors are in memory.
    Graph(usize),
    /// Inverted lists of quantized vectors that take at most this many bytes, as far as possible; whole vectors are on
    /// disk.
    Quantized(u64),
}

impl IndexChoice {
    /// `auto` with a quantized index for large data and the default memory limit.
    pub(crate) const AUTO: Self = Self::auto(LargeIndex::Quantized(MEMORY_BYTES));

    /// `auto` with this index for large data.
    pub(crate) const fn auto(large: LargeIndex) -> Self {
        Self::Auto { large, flat_bytes_max: FLAT_BYTES_MAX }
    }

    /// Parses `auto` or a factory string.
    pub(crate) fn new(text: &str) -> Self {
        match IndexType::parse(text) {
            _ if text.eq_ignore_ascii_case("auto") => Self::AUTO,
            Ok(index_type) => Self::Fixed(index_type),
            Err(reason) => Self::Invalid(text.to_owned(), reason),
        }
    }

    /// Limits the memory of an index that `auto` selects, in bytes; other choices are unchanged.
    pub(crate) fn with_memory_limit(self, memory_bytes: u64) -> Self {
        match self {
            Self::Auto { large: LargeIndex::Quantized(_), flat_bytes_max } => Self::Auto {
                large: LargeIndex::Quantized(memory_bytes),
                flat_bytes_max: flat_bytes_max.min(memory_bytes / 2),
            },
            other => other,
        }
    }

    /// The index type for `rows` vectors.
    ///
    /// # Errors
    /// The reason, when the choice is invalid.
    pub(crate) fn resolve(&self, rows: u64, dimension: usize) -> Result<IndexType, String> {
        match self {
            Self::Auto { large, flat_bytes_max } => {
                let bytes = rows.saturating_mul((dimension * size_of::<f32>()) as u64);
                match large {
                    _ if bytes <= *flat_bytes_max => Ok(IndexType::flat()),
                    LargeIndex::Graph(links) => IndexType::parse(&format!("HNSW{links}")),
                    LargeIndex::Quantized(memory) => {
                        IndexType::parse(&quantized_factory(rows, dimension, *memory))
                    }
                }
            }
            Self::Fixed(index_type) => Ok(index_type.clone()),
            Self::Invalid(_, reason) => Err(reason.clone()),
        }
    }

    /// Index types that may be on disk for `rows` vectors: the current one first, then those that were selected when there
    /// were fewer vectors.
    ///
    /// # Errors
    /// The reason, when the choice is invalid.
    pub(crate) fn possible_types(&self, rows: u64, dimension: usize) -> Result<Vec<IndexType>, String> {
        let mut types: Vec<IndexType> = Vec::new();
        for fewer in [rows, rows / 4, rows / 16] {
            let index_type = self.resolve(fewer, dimension)?;
            if !types.contains(&index_type) {
                types.push(index_type);
            }
        }
        Ok(types)
    }

    /// Largest number of rows in an exact index that `auto` selected: twice its limit, since it also serves searches while
    /// its successor is built. No limit for a configured index type.
    pub(crate) fn flat_rows_max(&self, dimension: usize) -> u64 {
        match self {
            Self::Auto { flat_bytes_max, .. } => {
                flat_bytes_max.saturating_mul(2) / (dimension * size_of::<f32>()).max(1) as u64
            }
            _ => u64::MAX,
        }
    }

    /// The text that the user wrote.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Auto { .. } => "auto",
            Self::Fixed(index_type) => index_type.text(),
            Self::Invalid(text, _) => text,
        }
    }
}

/// Factory string of inverted lists with the finest codes that fit into `memory` bytes, or the coarsest if none fit: a
/// product quantizer with four bits per 2 to 8 elements. Where no length from 2 to 8 divides `dimension`: eight bits per
/// element (`SQ8`) if they fit, otherwise one (`RaBitQ`).
fn quantized_factory(rows: u64, dimension: usize, memory: u64) -> String {
    let lists = LISTS.iter().find(|(rows_max, _)| rows <= *rows_max).map_or(64, |(_, lists)| *lists);
    let centroids = (lists * dimension * size_of::<f32>()) as u64;
    let fits = |code_bytes: usize| {
        rows.saturating_mul(code_bytes as u64 + ROW_ID_BYTES).saturating_add(centroids) <= memory
    };
    let split = |elements: usize| dimension.is_multiple_of(elements).then_some(dimension / elements);
    let mut subvectors = [2, 3, 4, 5, 6, 7, 8].into_iter().filter_map(split);
    let product = subvectors.clone().find(|count| fits(count.div_ceil(2))).or_else(|| subvectors.next_back());
    let code = match product {
        Some(subvectors) => format!("PQ{subvectors}x4fs"),
        None if fits(dimension) => "SQ8".to_owned(),
        None => "RaBitQ".to_owned(),
    };
    let graph = if lists >= LISTS_BY_GRAPH_MIN { format!("_HNSW{LINKS_OF_LISTS}") } else { String::new() };
    format!("IVF{lists}{graph},{code}")
}

impl Parameter for IndexChoice {
    const KIND: ParameterKind = ParameterKind::Other(
        "`auto` or a FAISS factory string such as `Flat`, `HNSW32` or `IVF4096,PQ64x4fs`",
    );

    /// Accepts every text: an invalid one is reported later, with the component that is wrong.
    fn parse(value: &Value) -> Option<Self> {
        value.as_str().map(Self::new)
    }

    fn to_value(&self) -> Value {
        self.text().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(choice: &IndexChoice, rows: u64, dimension: usize) -> String {
        choice.resolve(rows, dimension).unwrap().text().to_owned()
    }

    #[test]
    fn auto_is_exact_for_small_data() {
        let selected = |rows, dimension| text(&IndexChoice::AUTO, rows, dimension);
        assert_eq!((selected(524_288, 128), selected(0, 0)), ("Flat".to_owned(), "Flat".to_owned()));
        assert_eq!(selected(524_289, 128), "IVF4096_HNSW32,PQ64x4fs");
        assert_eq!(selected(1_000_000, 768), "IVF4096_HNSW32,PQ384x4fs");
        let graph = IndexChoice::auto(LargeIndex::Graph(16));
        assert_eq!(text(&graph, 524_289, 128), "HNSW16");
    }

    #[test]
    fn codes_use_the_memory_that_is_allowed() {
        let selected =
            |memory, dimension| text(&IndexChoice::AUTO.with_memory_limit(memory), 10_000_000, dimension);
        assert_eq!(selected(4 << 30, 768), "IVF16384_HNSW32,PQ384x4fs");
        assert_eq!(selected(3 << 29, 768), "IVF16384_HNSW32,PQ256x4fs");
        // Nothing fits: the coarsest codes are used.
        assert_eq!(selected(1 << 20, 768), "IVF16384_HNSW32,PQ96x4fs");
        assert_eq!(selected(64 << 30, 97), "IVF16384_HNSW32,SQ8");
        assert_eq!(selected(1 << 29, 97), "IVF16384_HNSW32,RaBitQ");
        assert_eq!(IndexChoice::new("HNSW32").with_memory_limit(1), IndexChoice::new("HNSW32"));
    }

    #[test]
    fn types_selected_for_fewer_rows_are_possible_on_disk() {
        let possible = IndexChoice::AUTO.possible_types(1_000_000, 768).unwrap();
        let texts: Vec<&str> = possible.iter().map(IndexType::text).collect();
        assert_eq!(texts, ["IVF4096_HNSW32,PQ384x4fs", "IVF1024,PQ384x4fs", "Flat"]);
        assert_eq!(IndexChoice::new("HNSW32").possible_types(9, 9).unwrap().len(), 1);
    }

    #[test]
    fn a_configured_index_type_does_not_depend_on_the_size() {
        let choice = IndexChoice::parse(&Value::from("IVF16,Flat,RFlat")).unwrap();
        assert_eq!(choice.resolve(0, 4), choice.resolve(u64::MAX, 4));
        assert_eq!(choice.to_value(), "IVF16,Flat,RFlat");
        assert!(IndexChoice::new("Nonsense").resolve(0, 4).unwrap_err().contains("`Nonsense`"));
    }
}
