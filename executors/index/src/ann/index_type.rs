//! Index types as FAISS factory strings: `Flat`, `HNSW32`, `IVF4096,PQ64x4fs`.
//!
//! FAISS parses the string itself. This parser extracts the properties that are needed before an index exists, such as the
//! number of training vectors, and rejects index types that would crash the process or cannot be filled incrementally.

/// Supported components of a factory string, for error messages.
const PARTS: &str = "Flat, SQ4, SQ6, SQ8, SQfp16, SQbf16, PQ<m>, PQ<m>x<bits>, PQ<m>x4fs, RaBitQ, HNSW<m>, IVF<lists>, \
                     IVF<lists>_HNSW<m>, OPQ<m>, OPQ<m>_<d>, PCA<d>, PCAR<d>, RR<d>, L2norm, RFlat, IDMap";

/// Minimum number of training vectors per centroid; FAISS's `min_points_per_centroid`.
const ROWS_PER_CENTROID_MIN: usize = 39;
/// Maximum number of training vectors per centroid; FAISS's `max_points_per_centroid`, beyond which it samples.
const ROWS_PER_CENTROID_MAX: usize = 256;
/// Training vectors per centroid for indexes of many lists. More only make training longer, not the centroids better.
const ROWS_PER_LIST: usize = 40;
/// Training vectors for indexes of few lists, within [`ROWS_PER_CENTROID_MAX`] per list.
const TRAINING_ROWS: usize = 65_536;
/// Centroids of an 8-bit code. Scalar quantizers and transforms get the same number of training vectors.
const CENTROIDS: usize = 256;

const LISTS_MAX: usize = 1 << 20;
/// Smallest number of links per vector of an HNSW graph.
pub(crate) const LINKS_MIN: usize = 2;
/// Largest number of links per vector of an HNSW graph.
pub(crate) const LINKS_MAX: usize = 512;
const CODES_MAX: usize = 4096;
const DIMENSION_MAX: usize = 1 << 16;
const CODE_BITS_MAX: usize = 12;

/// A FAISS index type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexType {
    /// The factory string that the user wrote.
    text: String,
    /// The factory string for FAISS.
    faiss_factory: String,
    /// Centroids to train; zero when the index needs no training.
    centroids: usize,
    /// Inverted lists (FAISS's `nlist`); zero for none.
    pub(crate) lists: usize,
    /// True if it has an HNSW graph, of the vectors or of the centroids.
    pub(crate) has_graph: bool,
    /// True if it stores codes or transformed vectors instead of the vectors themselves.
    pub(crate) is_quantized: bool,
    /// True if a search can be restricted to a set of rows.
    pub(crate) supports_row_filter: bool,
}

/// A component of a factory string.
enum Component {
    /// Has no property that matters here.
    Plain,
    /// Needs training; the number of centroids.
    Trained(usize),
    /// A product quantizer whose codes FAISS would reorder for polysemous search (by Hamming distance); the number of
    /// centroids.
    Polysemous(usize),
    /// Inverted lists; their number.
    Lists(usize),
    /// An HNSW graph.
    Graph,
    /// Has no effect, since it always happens outside FAISS: re-ranking by exact vectors, or mapping rows to ids.
    Redundant,
}

impl IndexType {
    /// The exact index, which compares a query with every vector.
    pub(crate) fn flat() -> Self {
        Self {
            text: "Flat".to_owned(),
            faiss_factory: "Flat".to_owned(),
            centroids: 0,
            lists: 0,
            has_graph: false,
            is_quantized: false,
            supports_row_filter: true,
        }
    }

    /// Parses a factory string.
    ///
    /// # Errors
    /// A message that names the unsupported component.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut index = Self { text: text.to_owned(), faiss_factory: String::new(), ..Self::flat() };
        let mut faiss_components = Vec::new();
        for part in text.split(',').map(str::trim) {
            let mut faiss_component = Some(part.to_owned());
            for piece in part.split('_') {
                let component = parse_component(piece)
                    .or_else(|| number(piece, "", DIMENSION_MAX).map(|_| Component::Plain));
                match component.ok_or_else(|| unsupported(text, part))? {
                    Component::Plain => {}
                    Component::Trained(centroids) => {
                        index.is_quantized = true;
                        index.centroids = index.centroids.max(centroids);
                    }
                    // Training for polysemous search takes minutes, and that search is not used: `np` turns it off.
                    Component::Polysemous(centroids) => {
                        index.is_quantized = true;
                        index.centroids = index.centroids.max(centroids);
                        faiss_component = Some(format!("{part}np"));
                    }
                    Component::Lists(lists) => {
                        index.lists = lists;
                        index.centroids = index.centroids.max(lists);
                    }
                    Component::Graph => index.has_graph = true,
                    Component::Redundant => faiss_component = None,
                }
            }
            faiss_components.extend(faiss_component);
        }
        index.is_quantized |= faiss_components.iter().any(|part| part.contains("SQ"));
        index.faiss_factory = faiss_components.join(",");
        // A fast-scan quantizer outside inverted lists compares codes by the block, without regard to rows.
        let is_fast_scan = index.faiss_factory.contains("fs") && index.faiss_factory.contains("PQ");
        index.supports_row_filter = index.lists > 0 || !is_fast_scan;
        if faiss_components.is_empty() {
            let reason = "`RFlat` re-ranks the results of another component, as in `PQ32,RFlat`";
            return Err(format!("`{text}` is not an index type: {reason}"));
        }
        Ok(index)
    }

    /// The factory string that the user wrote.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The factory string for FAISS.
    pub(super) fn faiss_factory(&self) -> &str {
        &self.faiss_factory
    }

    /// True for `Flat`: a search compares the query with every whole vector. `SQ8` or `PQ8` compare codes.
    pub(crate) fn is_exact(&self) -> bool {
        self.faiss_factory == "Flat"
    }

    /// Smallest number of vectors that the index can be trained on.
    pub(crate) fn training_rows_min(&self) -> u64 {
        (self.centroids * ROWS_PER_CENTROID_MIN) as u64
    }

    /// Largest number of vectors that training benefits from.
    pub(crate) fn training_rows_max(&self) -> u64 {
        let rows = (self.centroids * ROWS_PER_LIST).max(TRAINING_ROWS);
        rows.min(self.centroids * ROWS_PER_CENTROID_MAX) as u64
    }
}

fn unsupported(text: &str, part: &str) -> String {
    format!(
        "`{text}` is not an index type: `{part}` is none of {PARTS}, with m of HNSW from {LINKS_MIN} to {LINKS_MAX}, m of \
         PQ up to {CODES_MAX}, bits up to {CODE_BITS_MAX}, lists up to {LISTS_MAX}, d up to {DIMENSION_MAX}"
    )
}

/// Parses one component; `None` when it is not supported.
fn parse_component(part: &str) -> Option<Component> {
    match part {
        "Flat" | "L2norm" | "SQfp16" | "SQbf16" => return Some(Component::Plain),
        "SQ4" | "SQ6" | "SQ8" | "RaBitQ" => return Some(Component::Trained(CENTROIDS)),
        "RFlat" | "IDMap" | "IDMap2" => return Some(Component::Redundant),
        _ => {}
    }
    if let Some(lists) = list_count(part) {
        return Some(Component::Lists(lists));
    }
    if let Some(links) = number(part, "HNSW", LINKS_MAX) {
        return (links >= LINKS_MIN).then_some(Component::Graph);
    }
    let transforms = ["OPQ", "PCAR", "PCA", "RR"];
    if transforms.iter().any(|name| number(part, name, DIMENSION_MAX).is_some()) {
        return Some(Component::Trained(CENTROIDS));
    }
    product_quantizer(part)
}

/// Number of lists of `IVF4096`, `IVF4k`.
fn list_count(part: &str) -> Option<usize> {
    let (part, unit) = match part.as_bytes().last() {
        Some(b'k') => (part.strip_suffix('k')?, 1 << 10),
        Some(b'M') => (part.strip_suffix('M')?, 1 << 20),
        _ => (part, 1),
    };
    let lists = number(part, "IVF", LISTS_MAX)?.checked_mul(unit)?;
    (lists <= LISTS_MAX).then_some(lists)
}

/// Parses `PQ16`, `PQ16x10`, `PQ16x4fs`, `PQ16np`.
fn product_quantizer(part: &str) -> Option<Component> {
    let plain = ["fsr", "fs", "np"].iter().find_map(|suffix| part.strip_suffix(suffix));
    let (codes, bits) = match plain.unwrap_or(part).split_once('x') {
        Some((codes, bits)) => (codes, number(bits, "", CODE_BITS_MAX)?),
        None => (plain.unwrap_or(part), 8),
    };
    number(codes, "PQ", CODES_MAX)?;
    Some(if plain.is_some() { Component::Trained(1 << bits) } else { Component::Polysemous(1 << bits) })
}

/// The number after `prefix`, from 1 to `max`.
fn number(text: &str, prefix: &str, max: usize) -> Option<usize> {
    let digits = text.strip_prefix(prefix)?;
    let plain = !digits.starts_with('+');
    digits.parse().ok().filter(|number| plain && (1..=max).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_rows_lists_and_graph_follow_from_the_factory_string() {
        for (text, rows, lists, graph) in [
            ("Flat", 0, 0, false),
            ("HNSW32", 0, 0, true),
            ("HNSW32_SQ8", 9984, 0, true),
            ("SQ8", 9984, 0, false),
            ("SQfp16", 0, 0, false),
            ("IVF100000,Flat", 3_900_000, 100_000, false),
            ("IVF4k,Flat", 159_744, 4096, false),
            ("IVF16,PQ8x10", 39_936, 16, false),
            ("IVF4096_HNSW32,PQ64x4fs", 159_744, 4096, true),
            ("OPQ16_64, IVF64, PQ16x4fsr", 9984, 64, false),
            ("PCAR64,SQ8", 9984, 0, false),
        ] {
            let index = IndexType::parse(text).unwrap();
            assert_eq!(
                (index.training_rows_min(), index.lists, index.has_graph),
                (rows, lists, graph),
                "{text}"
            );
            assert_eq!(index.is_exact(), text == "Flat");
        }
    }

    #[test]
    fn quantization_and_filter_support_follow_from_the_factory_string() {
        for (text, is_quantized, supports_row_filter) in [
            ("Flat", false, true),
            ("HNSW32", false, true),
            ("IVF64_HNSW8,Flat", false, true),
            ("HNSW8_SQ8", true, true),
            ("SQfp16", true, true),
            ("IVF64,PQ8x4fs", true, true),
            ("PQ8x4fs", true, false),
            ("PQ8", true, true),
            ("IVF64,RaBitQ", true, true),
        ] {
            let index = IndexType::parse(text).unwrap();
            assert_eq!(
                (index.is_quantized, index.supports_row_filter),
                (is_quantized, supports_row_filter),
                "{text}"
            );
        }
        let rows = |text| IndexType::parse(text).unwrap().training_rows_max();
        assert_eq!((rows("IVF16,Flat"), rows("IVF1024,Flat"), rows("IVF4096,Flat")), (4096, 65_536, 163_840));
    }

    #[test]
    fn refinement_and_ids_are_not_passed_to_faiss() {
        let index = IndexType::parse("IVF4096,PQ64x4fs,RFlat").unwrap();
        assert_eq!((index.text(), index.faiss_factory()), ("IVF4096,PQ64x4fs,RFlat", "IVF4096,PQ64x4fs"));
        assert!(IndexType::parse("Flat,RFlat").unwrap().is_exact());
        for text in ["IDMap,Flat", "IDMap2,Flat", "Flat,IDMap"] {
            let index = IndexType::parse(text).unwrap();
            assert_eq!((index.text(), index.faiss_factory(), index.is_exact()), (text, "Flat", true));
        }
        assert_eq!(IndexType::parse("IDMap2,IVF64,SQ8").unwrap().faiss_factory(), "IVF64,SQ8");
        for text in ["RFlat", "IDMap"] {
            assert!(IndexType::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn polysemous_training_is_turned_off() {
        for (text, faiss_factory) in [
            ("PQ8", "PQ8np"),
            ("IVF4,PQ8x6", "IVF4,PQ8x6np"),
            ("PQ8np", "PQ8np"),
            ("HNSW8_PQ4", "HNSW8_PQ4np"),
        ] {
            assert_eq!(IndexType::parse(text).unwrap().faiss_factory(), faiss_factory);
        }
    }

    #[test]
    fn unsupported_index_types_are_rejected_by_name() {
        for text in [
            "Nonsense",
            "",
            ",",
            "IVF0,Flat",
            "IVF99999999999,Flat",
            "HNSW1",
            "HNSW100000",
            "PQ0",
            "PQ8x13",
            "PQ8x0",
            "IDMap3,Flat",
            "NSG32",
            "LSH",
            "IVF16,Flat,Refine(SQ8)",
            "IVF+4,Flat",
            "IVF4G,Flat",
            "Flat ,x",
            "_",
            "ITQ64,SH",
            "IMI2x8,PQ8",
            "IVF2000k,Flat",
            "flat",
        ] {
            let reason = IndexType::parse(text).unwrap_err();
            assert!(reason.starts_with(&format!("`{text}` is not an index type")), "{text}: {reason}");
        }
    }
}
