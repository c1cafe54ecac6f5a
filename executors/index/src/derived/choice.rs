//! Which kind of index: as the user says, or by the size of the data.

use flowrun_sdk::{Kind, Parameter, Value};

use super::IndexType;

/// Up to this many bytes of vectors `auto` compares with every one, which takes a core some 20 ms for one query.
/// With 128 dimensions that is half a million vectors, with 768 ninety thousand.
const FLAT_BYTES_MAX: u64 = 256 << 20;

/// Links of a vector in the graph that `auto` builds.
const LINKS: usize = 32;

/// Which kind of index, as `index:` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum IndexChoice {
    /// `Flat` while the vectors are few, a graph with this many links when they are many. Decided when the index is
    /// opened: building the graph of a large index takes minutes, which no call should have to wait for.
    Auto {
        /// Links of a vector in the graph.
        links: usize,
        /// Up to how many bytes of vectors are few.
        flat_bytes_max: u64,
    },
    /// This kind.
    Given(IndexType),
    /// Not the name of a kind; the reason.
    Unknown(String, String),
}

impl IndexChoice {
    /// `auto`.
    pub(crate) const AUTO: Self = Self::auto(LINKS);

    /// `auto`, with a graph of that many links.
    pub(crate) const fn auto(links: usize) -> Self {
        Self::Auto { links, flat_bytes_max: FLAT_BYTES_MAX }
    }

    /// What `index:` says.
    pub(crate) fn new(text: &str) -> Self {
        match IndexType::parse(text) {
            _ if text.eq_ignore_ascii_case("auto") => Self::AUTO,
            Ok(index) => Self::Given(index),
            Err(reason) => Self::Unknown(text.to_owned(), reason),
        }
    }

    /// The kind for that many vectors.
    ///
    /// # Errors
    /// Why the choice is none.
    pub(crate) fn resolve(&self, rows: u64, dimension: usize) -> Result<IndexType, String> {
        match self {
            Self::Auto { links, flat_bytes_max } => {
                let bytes = rows.saturating_mul((dimension * size_of::<f32>()) as u64);
                if bytes <= *flat_bytes_max {
                    Ok(IndexType::flat())
                } else {
                    IndexType::parse(&format!("HNSW{links}"))
                }
            }
            Self::Given(index) => Ok(index.clone()),
            Self::Unknown(_, reason) => Err(reason.clone()),
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

impl Parameter for IndexChoice {
    const KIND: Kind =
        Kind::Other("`auto` or a FAISS factory string such as `Flat`, `HNSW32` or `IVF4096,PQ64x4fs`");

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

    #[test]
    fn auto_is_flat_until_the_vectors_are_many() {
        let kind = |rows, dimension| IndexChoice::AUTO.resolve(rows, dimension).unwrap().text().to_owned();
        assert_eq!((kind(524_288, 128), kind(524_289, 128)), ("Flat".to_owned(), "HNSW32".to_owned()));
        assert_eq!((kind(0, 0), kind(u64::MAX, 768)), ("Flat".to_owned(), "HNSW32".to_owned()));
    }

    #[test]
    fn a_given_kind_does_not_depend_on_the_size() {
        let choice = IndexChoice::parse(&Value::from("IVF16,Flat,RFlat")).unwrap();
        assert_eq!(choice.resolve(0, 4), choice.resolve(u64::MAX, 4));
        assert_eq!(choice.to_value(), "IVF16,Flat,RFlat");
        assert!(IndexChoice::new("Nonsense").resolve(0, 4).unwrap_err().contains("`Nonsense`"));
    }
}
