//! Which kind of index: as the user says, or by the size of the data.

use flowrun_sdk::{Parameter, ParameterKind, Value};

use super::IndexType;

/// Up to this many bytes of vectors `auto` compares with every one, which takes a core some 20 ms for one query.
/// With 128 dimensions that is half a million vectors, with 768 ninety thousand.
const FLAT_BYTES_MAX: u64 = 256 << 20;

/// How much `auto` lets an index of codes take when nothing is said.
const MEMORY_BYTES: u64 = 1 << 30;

/// How many inverted lists for up to how many vectors; the numbers are some four times the root of those.
const LISTS: [(u64, usize); 5] =
    [(30_000, 64), (100_000, 256), (400_000, 1024), (4_000_000, 4096), (u64::MAX, 16_384)];
/// From this many lists on, a graph finds those to probe faster than comparing with every centroid.
const LISTS_BY_GRAPH_MIN: usize = 4096;
/// Links of a centroid in that graph.
const LINKS_OF_LISTS: usize = 32;
/// Bytes of a vector's number in its list.
const NUMBER_BYTES: u64 = 8;

/// Which kind of index, as `index:` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexChoice {
    /// `Flat` while the vectors are few, something else when they are many. Looked at when the index is opened and as it
    /// grows; what is there answers until what takes its place is built.
    Auto {
        /// What it is then.
        large: Large,
        /// Up to how many bytes of vectors are few.
        flat_bytes_max: u64,
    },
    /// This kind.
    Given(IndexType),
    /// Not the name of a kind; the reason.
    Unknown(String, String),
}

/// What `auto` makes of many vectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Large {
    /// A graph with that many links; whole vectors are in memory.
    Graph(usize),
    /// Inverted lists of codes that take at most so many bytes, if there are such; whole vectors are on disk.
    Codes(u64),
}

impl IndexChoice {
    /// `auto`.
    pub(crate) const AUTO: Self = Self::auto(Large::Codes(MEMORY_BYTES));

    /// `auto`, with this for many vectors.
    pub(crate) const fn auto(large: Large) -> Self {
        Self::Auto { large, flat_bytes_max: FLAT_BYTES_MAX }
    }

    /// What `index:` says.
    pub(crate) fn new(text: &str) -> Self {
        match IndexType::parse(text) {
            _ if text.eq_ignore_ascii_case("auto") => Self::AUTO,
            Ok(index) => Self::Given(index),
            Err(reason) => Self::Unknown(text.to_owned(), reason),
        }
    }

    /// The same, where what `auto` makes takes no more than these bytes.
    pub(crate) fn within(self, memory_bytes: u64) -> Self {
        match self {
            Self::Auto { large: Large::Codes(_), flat_bytes_max } => Self::Auto {
                large: Large::Codes(memory_bytes),
                flat_bytes_max: flat_bytes_max.min(memory_bytes / 2),
            },
            other => other,
        }
    }

    /// The kind for that many vectors.
    ///
    /// # Errors
    /// Why the choice is none.
    pub(crate) fn resolve(&self, rows: u64, dimension: usize) -> Result<IndexType, String> {
        match self {
            Self::Auto { large, flat_bytes_max } => {
                let bytes = rows.saturating_mul((dimension * size_of::<f32>()) as u64);
                match large {
                    _ if bytes <= *flat_bytes_max => Ok(IndexType::flat()),
                    Large::Graph(links) => IndexType::parse(&format!("HNSW{links}")),
                    Large::Codes(memory) => IndexType::parse(&codes(rows, dimension, *memory)),
                }
            }
            Self::Given(index) => Ok(index.clone()),
            Self::Unknown(_, reason) => Err(reason.clone()),
        }
    }

    /// The kinds that may have been built for that many vectors when they were fewer, the one for now first.
    ///
    /// # Errors
    /// Why the choice is none.
    pub(crate) fn earlier(&self, rows: u64, dimension: usize) -> Result<Vec<IndexType>, String> {
        let mut kinds: Vec<IndexType> = Vec::new();
        for fewer in [rows, rows / 4, rows / 16] {
            let kind = self.resolve(fewer, dimension)?;
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        Ok(kinds)
    }

    /// Up to how many rows one index of whole vectors is filled while another kind is built.
    pub(crate) fn flat_rows_max(&self, dimension: usize) -> u64 {
        match self {
            Self::Auto { flat_bytes_max, .. } => {
                flat_bytes_max.saturating_mul(2) / (dimension * size_of::<f32>()).max(1) as u64
            }
            _ => u64::MAX,
        }
    }

    /// As the user wrote it.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::Auto { .. } => "auto",
            Self::Given(index) => index.text(),
            Self::Unknown(text, _) => text,
        }
    }
}

/// Inverted lists of codes that fit, the finest of them: four bits for each so many elements, else eight, else one.
fn codes(rows: u64, dimension: usize, memory: u64) -> String {
    let lists = LISTS.iter().find(|(rows_max, _)| rows <= *rows_max).map_or(64, |(_, lists)| *lists);
    let centroids = (lists * dimension * size_of::<f32>()) as u64;
    let fits = |code_bytes: usize| {
        rows.saturating_mul(code_bytes as u64 + NUMBER_BYTES).saturating_add(centroids) <= memory
    };
    let elements = |wanted: usize| dimension.is_multiple_of(wanted).then_some(dimension / wanted);
    let mut pieces = [2, 3, 4, 5, 6, 7, 8].into_iter().filter_map(elements);
    let product = pieces.clone().find(|pieces| fits(pieces.div_ceil(2))).or_else(|| pieces.next_back());
    let code = match product {
        Some(pieces) => format!("PQ{pieces}x4fs"),
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

    /// Every text is taken, so that the error for a wrong one can say which part is wrong.
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
    fn auto_is_flat_until_the_vectors_are_many() {
        let kind = |rows, dimension| text(&IndexChoice::AUTO, rows, dimension);
        assert_eq!((kind(524_288, 128), kind(0, 0)), ("Flat".to_owned(), "Flat".to_owned()));
        assert_eq!(kind(524_289, 128), "IVF4096_HNSW32,PQ64x4fs");
        assert_eq!(kind(1_000_000, 768), "IVF4096_HNSW32,PQ384x4fs");
        let graph = IndexChoice::auto(Large::Graph(16));
        assert_eq!(text(&graph, 524_289, 128), "HNSW16");
    }

    #[test]
    fn codes_are_as_fine_as_the_memory_allows() {
        let kind = |memory, dimension| text(&IndexChoice::AUTO.within(memory), 10_000_000, dimension);
        assert_eq!(kind(4 << 30, 768), "IVF16384_HNSW32,PQ384x4fs");
        assert_eq!(kind(3 << 29, 768), "IVF16384_HNSW32,PQ256x4fs");
        // What does not fit at all is as coarse as can be.
        assert_eq!(kind(1 << 20, 768), "IVF16384_HNSW32,PQ96x4fs");
        assert_eq!(kind(64 << 30, 97), "IVF16384_HNSW32,SQ8");
        assert_eq!(kind(1 << 29, 97), "IVF16384_HNSW32,RaBitQ");
        assert_eq!(IndexChoice::new("HNSW32").within(1), IndexChoice::new("HNSW32"));
    }

    #[test]
    fn what_was_built_when_there_were_fewer_is_known() {
        let earlier = IndexChoice::AUTO.earlier(1_000_000, 768).unwrap();
        let texts: Vec<&str> = earlier.iter().map(IndexType::text).collect();
        assert_eq!(texts, ["IVF4096_HNSW32,PQ384x4fs", "IVF1024,PQ384x4fs", "Flat"]);
        assert_eq!(IndexChoice::new("HNSW32").earlier(9, 9).unwrap().len(), 1);
    }

    #[test]
    fn a_given_kind_does_not_depend_on_the_size() {
        let choice = IndexChoice::parse(&Value::from("IVF16,Flat,RFlat")).unwrap();
        assert_eq!(choice.resolve(0, 4), choice.resolve(u64::MAX, 4));
        assert_eq!(choice.to_value(), "IVF16,Flat,RFlat");
        assert!(IndexChoice::new("Nonsense").resolve(0, 4).unwrap_err().contains("`Nonsense`"));
    }
}
