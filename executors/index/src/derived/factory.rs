//! Index types as FAISS's factory strings: `Flat`, `HNSW32`, `IVF4096,PQ64x4fs`.
//!
//! FAISS reads them itself; here is read what we must know before (how many vectors it takes to train one) and refused
//! what would bring the process down or cannot take vectors one call at a time.

/// The parts that a factory string may have, as an error message names them.
const PARTS: &str = "Flat, SQ4, SQ6, SQ8, SQfp16, SQbf16, PQ<m>, PQ<m>x<bits>, PQ<m>x4fs, RaBitQ, HNSW<m>, IVF<lists>, \
                     IVF<lists>_HNSW<m>, OPQ<m>, OPQ<m>_<d>, PCA<d>, PCAR<d>, RR<d>, L2norm, RFlat";

/// FAISS trains a centroid on no fewer vectors than this.
const ROWS_PER_CENTROID_MIN: usize = 39;
/// FAISS makes no use of more vectors for a centroid than this.
const ROWS_PER_CENTROID_MAX: usize = 256;
/// Where there are many centroids, more vectors than this make them no better, and training no shorter.
const ROWS_PER_LIST: usize = 40;
/// So many vectors are always worth training on, if there are that many.
const TRAINING_ROWS: usize = 65_536;
/// The centroids of the usual code of eight bits; other things that are trained are content with as many vectors.
const CENTROIDS: usize = 256;

const LISTS_MAX: usize = 1 << 20;
const LINKS_MAX: usize = 512;
const CODES_MAX: usize = 4096;
const DIMENSION_MAX: usize = 1 << 16;
const CODE_BITS_MAX: usize = 12;

/// A kind of FAISS index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexType {
    /// As the user wrote it.
    text: String,
    /// As FAISS gets it.
    native: String,
    /// What is trained has at least this many centroids; zero when nothing is trained.
    centroids: usize,
    /// How many inverted lists it has, of which a search probes some; zero for none.
    pub(crate) lists: usize,
    /// Whether it has a graph, of which a search explores a part.
    pub(crate) graph: bool,
    /// Whether it keeps codes of the vectors rather than all of them.
    pub(crate) is_lossy: bool,
    /// Whether a search can be told among which rows.
    pub(crate) is_selective: bool,
}

/// What one part of a factory string means to us.
enum Part {
    /// Nothing to know.
    Plain,
    /// It is trained, with that many centroids.
    Trained(usize),
    /// As before, and FAISS would arrange the codes for a search by Hamming distance.
    Polysemous(usize),
    Lists(usize),
    Graph,
    /// Re-ranking by exact vectors, which happens anyway.
    Refinement,
}

impl IndexType {
    /// The index that compares with every vector.
    pub(crate) fn flat() -> Self {
        Self {
            text: "Flat".to_owned(),
            native: "Flat".to_owned(),
            centroids: 0,
            lists: 0,
            graph: false,
            is_lossy: false,
            is_selective: true,
        }
    }

    /// Reads a factory string.
    ///
    /// # Errors
    /// A reason that names the part that is not known.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut index = Self { text: text.to_owned(), native: String::new(), ..Self::flat() };
        let mut native = Vec::new();
        for part in text.split(',').map(str::trim) {
            let mut kept = Some(part.to_owned());
            for piece in part.split('_') {
                let known = read(piece).or_else(|| number(piece, "", DIMENSION_MAX).map(|_| Part::Plain));
                match known.ok_or_else(|| unknown(text, part))? {
                    Part::Plain => {}
                    Part::Trained(centroids) => {
                        index.is_lossy = true;
                        index.centroids = index.centroids.max(centroids);
                    }
                    // What FAISS trains besides serves a search that we do not use, and takes minutes.
                    Part::Polysemous(centroids) => {
                        index.is_lossy = true;
                        index.centroids = index.centroids.max(centroids);
                        kept = Some(format!("{part}np"));
                    }
                    Part::Lists(lists) => {
                        index.lists = lists;
                        index.centroids = index.centroids.max(lists);
                    }
                    Part::Graph => index.graph = true,
                    Part::Refinement => kept = None,
                }
            }
            native.extend(kept);
        }
        index.is_lossy |= native.iter().any(|part| part.contains("SQ"));
        index.native = native.join(",");
        // Codes that are compared by the block know of no rows unless they are in lists.
        index.is_selective = index.lists > 0 || !(index.native.contains("fs") && index.native.contains("PQ"));
        if native.is_empty() { Err(unknown(text, text)) } else { Ok(index) }
    }

    /// The factory string as the user wrote it.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// The factory string for FAISS.
    pub(super) fn native(&self) -> &str {
        &self.native
    }

    /// Whether it finds all that is to be found.
    pub(crate) fn is_exact(&self) -> bool {
        self.native == "Flat"
    }

    /// How many vectors it takes to train one.
    pub(crate) fn training_rows_min(&self) -> u64 {
        (self.centroids * ROWS_PER_CENTROID_MIN) as u64
    }

    /// How many vectors are of use in training.
    pub(crate) fn training_rows_max(&self) -> u64 {
        let rows = (self.centroids * ROWS_PER_LIST).max(TRAINING_ROWS);
        rows.min(self.centroids * ROWS_PER_CENTROID_MAX) as u64
    }
}

fn unknown(text: &str, part: &str) -> String {
    format!("`{text}` is no index type: `{part}` is none of {PARTS}")
}

/// Reads one part.
fn read(part: &str) -> Option<Part> {
    match part {
        "Flat" | "L2norm" | "SQfp16" | "SQbf16" => return Some(Part::Plain),
        "SQ4" | "SQ6" | "SQ8" | "RaBitQ" => return Some(Part::Trained(CENTROIDS)),
        "RFlat" => return Some(Part::Refinement),
        _ => {}
    }
    if let Some(lists) = lists(part) {
        return Some(Part::Lists(lists));
    }
    if let Some(links) = number(part, "HNSW", LINKS_MAX) {
        return (links >= 2).then_some(Part::Graph);
    }
    let transforms = ["OPQ", "PCAR", "PCA", "RR"];
    if transforms.iter().any(|name| number(part, name, DIMENSION_MAX).is_some()) {
        return Some(Part::Trained(CENTROIDS));
    }
    product_quantizer(part)
}

/// The lists of `IVF4096`, `IVF4k`.
fn lists(part: &str) -> Option<usize> {
    let (part, unit) = match part.as_bytes().last() {
        Some(b'k') => (part.strip_suffix('k')?, 1 << 10),
        Some(b'M') => (part.strip_suffix('M')?, 1 << 20),
        _ => (part, 1),
    };
    let lists = number(part, "IVF", LISTS_MAX)?.checked_mul(unit)?;
    (lists <= LISTS_MAX).then_some(lists)
}

/// The codes of `PQ16`, `PQ16x10`, `PQ16x4fs`, `PQ16np`.
fn product_quantizer(part: &str) -> Option<Part> {
    let plain = ["fsr", "fs", "np"].iter().find_map(|suffix| part.strip_suffix(suffix));
    let (codes, bits) = match plain.unwrap_or(part).split_once('x') {
        Some((codes, bits)) => (codes, number(bits, "", CODE_BITS_MAX)?),
        None => (plain.unwrap_or(part), 8),
    };
    number(codes, "PQ", CODES_MAX)?;
    Some(if plain.is_some() { Part::Trained(1 << bits) } else { Part::Polysemous(1 << bits) })
}

/// The number behind `prefix`, from 1 to `max`.
fn number(text: &str, prefix: &str, max: usize) -> Option<usize> {
    let digits = text.strip_prefix(prefix)?;
    let plain = !digits.starts_with('+');
    digits.parse().ok().filter(|number| plain && (1..=max).contains(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factory_strings_tell_what_it_takes_to_train_them() {
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
            assert_eq!((index.training_rows_min(), index.lists, index.graph), (rows, lists, graph), "{text}");
            assert_eq!(index.is_exact(), text == "Flat");
        }
    }

    #[test]
    fn codes_are_told_from_whole_vectors() {
        for (text, is_lossy, is_selective) in [
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
            assert_eq!((index.is_lossy, index.is_selective), (is_lossy, is_selective), "{text}");
        }
        let rows = |text| IndexType::parse(text).unwrap().training_rows_max();
        assert_eq!((rows("IVF16,Flat"), rows("IVF1024,Flat"), rows("IVF4096,Flat")), (4096, 65_536, 163_840));
    }

    #[test]
    fn refinement_is_left_out_because_it_is_always_done() {
        let index = IndexType::parse("IVF4096,PQ64x4fs,RFlat").unwrap();
        assert_eq!((index.text(), index.native()), ("IVF4096,PQ64x4fs,RFlat", "IVF4096,PQ64x4fs"));
        assert!(IndexType::parse("Flat,RFlat").unwrap().is_exact());
        assert!(IndexType::parse("RFlat").is_err());
    }

    #[test]
    fn codes_are_not_arranged_for_a_search_that_is_not_used() {
        for (text, native) in [
            ("PQ8", "PQ8np"),
            ("IVF4,PQ8x6", "IVF4,PQ8x6np"),
            ("PQ8np", "PQ8np"),
            ("HNSW8_PQ4", "HNSW8_PQ4np"),
        ] {
            assert_eq!(IndexType::parse(text).unwrap().native(), native);
        }
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
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
            "IDMap2,Flat",
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
            assert!(reason.starts_with(&format!("`{text}` is no index type")), "{text}: {reason}");
        }
    }
}
