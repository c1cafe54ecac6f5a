//! Crates behind cargo features: re-exported where the build has them, otherwise stand-ins that fail with the name of the
//! missing feature.
//!
//! `tract` and `tokenizers` are features of `flowrun-onnx`, which reports them itself.

#[cfg(feature = "buckets")]
pub(super) use flowrun_bucket::{Bucket, is_address};
#[cfg(feature = "tables")]
pub(super) use flowrun_table as table;
#[cfg(not(feature = "buckets"))]
pub(super) use without_buckets::{Bucket, is_address};

/// Every cargo feature of the program, and whether this build has it.
const FEATURES: [(&str, bool); 4] = [
    ("buckets", cfg!(feature = "buckets")),
    ("tables", cfg!(feature = "tables")),
    ("tokenizers", cfg!(feature = "tokenizers")),
    ("tract", cfg!(feature = "tract")),
];

/// The cargo features of this build, and the command that adds the missing ones.
pub(super) fn features() -> String {
    let names = |is_present: bool| -> Vec<&str> {
        FEATURES.iter().filter(|(_, present)| *present == is_present).map(|(name, _)| *name).collect()
    };
    let (present, missing) = (names(true), names(false));
    match (present.is_empty(), missing.is_empty()) {
        (_, true) => format!("all: {}", present.join(", ")),
        (true, false) => format!("none of {}; `cargo build --release` builds with all", missing.join(", ")),
        (false, false) => {
            let (present, missing) = (present.join(", "), missing.join(", "));
            format!("{present}; without {missing}: `cargo build --release` builds with all")
        }
    }
}

/// The error of a call that needs the cargo feature `name`.
#[cfg(not(all(feature = "buckets", feature = "tables")))]
fn missing(name: &str) -> anyhow::Error {
    anyhow::anyhow!(
        "this flowrun was built without the cargo feature `{name}`: build it with `cargo build --release --features {name}`"
    )
}

#[cfg(not(feature = "buckets"))]
mod without_buckets {
    //! Stands in for `flowrun_bucket`.

    use std::path::Path;

    /// A bucket, which this build cannot open: the type has no values.
    pub(crate) enum Bucket {}

    impl Bucket {
        /// Fails: this build has no object stores. The other methods cannot be called without a value.
        pub(crate) fn open(_address: &str) -> anyhow::Result<Self> {
            Err(super::missing("buckets"))
        }

        pub(crate) fn upload(&self, _directory: &Path) -> anyhow::Result<()> {
            match *self {}
        }

        pub(crate) fn download(&self, _directory: &Path) -> anyhow::Result<()> {
            match *self {}
        }
    }

    /// True if a text is the address of a bucket rather than a path.
    pub(crate) fn is_address(text: &str) -> bool {
        text.contains("://")
    }
}

#[cfg(not(feature = "tables"))]
pub(super) mod table {
    //! Stands in for `flowrun_table`.

    use std::path::Path;

    use flowrun_sdk::Document;

    /// File extensions of the tables that a build with the feature reads.
    pub(crate) const READ_EXTENSIONS: [&str; 4] = ["parquet", "arrow", "feather", "arrows"];
    /// File extensions of the tables that a build with the feature writes.
    pub(crate) const WRITE_EXTENSIONS: [&str; 1] = ["parquet"];

    /// Fails: this build reads no tables.
    pub(crate) fn read<E>(
        _path: &Path,
        _vector_column: Option<&str>,
        _accept: impl FnMut(Document) -> Result<(), E>,
    ) -> anyhow::Result<()> {
        Err(super::missing("tables"))
    }

    /// A writer of tables, which this build cannot create: the type has no values.
    pub(crate) enum Writer {}

    impl Writer {
        /// Fails: this build writes no tables. The other methods cannot be called without a value.
        pub(crate) fn create(_path: &Path) -> anyhow::Result<Self> {
            Err(super::missing("tables"))
        }

        pub(crate) fn push(&mut self, _document: Document, _vector: &[f32]) -> anyhow::Result<()> {
            match *self {}
        }

        pub(crate) fn finish(self) -> anyhow::Result<()> {
            match self {}
        }
    }
}
