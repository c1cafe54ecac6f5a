//! The manifest of a shard: its schema and its current generation.
//!
//! The manifest determines the meaning of all other files, so it is written before them and checked before they are
//! opened. It does not record how many documents and vectors there are; the table of documents does.

use std::path::Path;

use flowrun_sdk::guard;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::acknowledged::read_mark;
use super::element_type::ElementType;
use super::error::StorageError;
use super::layout::{Layout, replace_with_bytes};
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;

/// Format version of the shard directory.
const FORMAT: u32 = 2;

/// Key of the checksum in the file.
const CHECKSUM: &str = "checksum";

/// Largest number of attempts of [`Manifest::run_on_current`].
const ATTEMPTS: usize = 20;

/// Largest manifest that is read, in bytes; usual ones have less than 300.
const BYTES_MAX: u64 = 1 << 16;

/// Kind of the stored data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum StorageKind {
    /// Documents with vectors.
    Vectors,
    /// Documents alone.
    Documents,
}

impl StorageKind {
    fn name(self) -> &'static str {
        match self {
            Self::Vectors => "vectors and documents",
            Self::Documents => "documents without vectors",
        }
    }
}

/// The schema that an executor expects, and that is written to the manifest of a new shard.
#[derive(Clone, Debug)]
pub(crate) struct Schema {
    /// Kind of the stored data; another one is an error.
    pub(crate) kind: StorageKind,
    /// `None` accepts any stored dimension, or takes that of the first vector.
    pub(crate) dimension: Option<usize>,
    /// Metric of the vectors; another one is an error.
    pub(crate) metric: Metric,
    /// `None` accepts any stored type, or takes single precision.
    pub(crate) elements: Option<ElementType>,
    /// The index type as the user wrote it. If it differs from the stored one, the index is rebuilt.
    pub(crate) index: String,
    /// Number of shards of the index.
    pub(crate) shards: usize,
    /// Number of this shard, from 0.
    pub(crate) shard: usize,
    /// Names of the parameters, for error messages.
    pub(crate) names: ParameterNames,
}

/// The manifest of a shard. The file has a `checksum` too, see [`Manifest::checksum`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    format: u32,
    kind: StorageKind,
    /// Dimension of the vectors; `None` before the first is written.
    pub(crate) dimension: Option<usize>,
    metric: String,
    /// Element type of the vectors.
    #[serde(default = "single_precision")]
    vectors: String,
    index: String,
    shards: usize,
    shard: usize,
    /// Number of the current generation.
    pub(crate) generation: u32,
    /// True once the documents of the generation were created: if they are missing then, they were lost.
    #[serde(default)]
    pub(crate) has_documents: bool,
}

impl Manifest {
    /// The manifest of an empty shard without any other file.
    pub(crate) fn new(schema: &Schema, generation: u32) -> Self {
        Self {
            format: FORMAT,
            kind: schema.kind,
            dimension: schema.dimension,
            metric: schema.metric.name().to_owned(),
            vectors: schema.elements.unwrap_or(ElementType::F32).name().to_owned(),
            index: schema.index.clone(),
            shards: schema.shards,
            shard: schema.shard,
            generation,
            has_documents: false,
        }
    }

    /// Reads the manifest of a directory; `None` when there is none.
    ///
    /// # Errors
    /// [`StorageError::Format`] for the format of another version, [`StorageError::Damaged`] when it cannot be read.
    pub(crate) fn read(layout: &Layout) -> Result<Option<Self>, StorageError> {
        let path = layout.manifest();
        if !path.exists() {
            return Ok(None);
        }
        let damaged = |reason: &dyn std::fmt::Display| StorageError::damaged(&path, reason);
        let text = guard::read_text(&path, BYTES_MAX).map_err(|error| damaged(&error))?;
        let mut fields: Map<String, Value> = serde_json::from_str(&text).map_err(|error| damaged(&error))?;
        // Compared first: the fields of another format may have other meanings.
        if let Some(format) = fields.get("format").and_then(Value::as_u64)
            && format != u64::from(FORMAT)
        {
            return Err(StorageError::Format { path, format, known: FORMAT });
        }
        let checksum = fields.remove(CHECKSUM);
        let manifest: Self = serde_json::from_value(fields.into()).map_err(|error| damaged(&error))?;
        if ![ElementType::F32, ElementType::F16].iter().any(|elements| elements.name() == manifest.vectors) {
            return Err(damaged(&format_args!("vectors of type `{}` are not known", manifest.vectors)));
        }
        // Earlier versions wrote none.
        if checksum.is_some_and(|checksum| checksum != manifest.checksum()) {
            return Err(damaged(&"it fails its checksum"));
        }
        Ok(Some(manifest))
    }

    /// CRC-32 of all fields, in their order and without white space.
    fn checksum(&self) -> Value {
        // The fields are numbers, booleans and texts, which can always be serialised.
        crc32fast::hash(&serde_json::to_vec(self).unwrap_or_default()).into()
    }

    /// Runs an action on the current manifest, and runs it again if another manifest became current meanwhile.
    ///
    /// # Errors
    /// Those of the last run, [`StorageError::NoIndex`] without a manifest, or when the manifest changes during each of
    /// [`ATTEMPTS`] runs.
    pub(crate) fn run_on_current<T>(
        layout: &Layout,
        action: impl Fn(&Self) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let absent = || StorageError::NoIndex(layout.directory().to_owned());
        let mut current = Self::read(layout)?.ok_or_else(absent)?;
        for _ in 0..ATTEMPTS {
            let done = action(&current);
            let now = Self::read(layout)?.ok_or_else(absent)?;
            // Files of an old generation may have been removed under the action, without an error.
            if now == current {
                return done;
            }
            current = now;
        }
        let busy = std::io::Error::new(std::io::ErrorKind::TimedOut, "the writer changes it too often");
        Err(StorageError::io("read", layout.directory())(busy))
    }

    /// Replaces the manifest of a directory, atomically and durably.
    pub(crate) fn write(&self, layout: &Layout) -> Result<(), StorageError> {
        let with_checksum = serde_json::to_value(self).map(|mut fields| {
            fields.as_object_mut().map(|fields| fields.insert(CHECKSUM.to_owned(), self.checksum()));
            fields
        });
        let text = with_checksum
            .and_then(|fields| serde_json::to_vec_pretty(&fields))
            .map_err(|error| StorageError::io("write", &layout.manifest())(std::io::Error::other(error)))?;
        replace_with_bytes(&layout.manifest(), &text)
    }

    /// Checks that the stored data fits a schema.
    pub(crate) fn check(&self, layout: &Layout, schema: &Schema) -> Result<(), StorageError> {
        let directory = layout.directory();
        if self.kind != schema.kind {
            return Err(StorageError::WrongKind {
                directory: directory.to_owned(),
                written: self.kind.name(),
            });
        }
        if self.shards != schema.shards {
            let base = directory.parent().unwrap_or(directory);
            return Err(self.shard_count_mismatch(base, schema));
        }
        if self.kind == StorageKind::Documents {
            return Ok(());
        }
        self.check_metric(directory, schema)?;
        if let Some(elements) = schema.elements.filter(|elements| elements.name() != self.vectors) {
            return Err(schema_mismatch(directory, "vectors", &self.vectors, elements.name()));
        }
        match (self.dimension, schema.dimension) {
            (Some(written), Some(other)) if written != other => {
                let parameter = schema.names.dimension;
                Err(schema_mismatch(directory, parameter, &written.to_string(), &other.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn check_metric(&self, directory: &Path, schema: &Schema) -> Result<(), StorageError> {
        let (names, metric) = (schema.names, schema.metric.name());
        if self.metric == metric {
            return Ok(());
        }
        let Some(written) = names.metric_value(&self.metric) else {
            let reason = format!(
                "the index in {} was written with the metric {}, which this executor does not support: index \
                 again into an empty workspace",
                directory.display(),
                self.metric
            );
            return Err(StorageError::Mismatch { parameter: names.metric, reason });
        };
        let other = names.metric_value(metric).unwrap_or(metric);
        Err(schema_mismatch(directory, names.metric, written, other))
    }

    /// Checks sibling shards, `../0`, `../1`, …, before a shard is opened. Opening with another number of shards, or without
    /// one of them, would silently find only a part of the data. An unreadable sibling is skipped: its own opening reports it.
    ///
    /// # Errors
    /// [`StorageError::Shards`] when a sibling was written with another number of shards, [`StorageError::Lost`] when siblings
    /// hold documents and this shard has no data.
    pub(crate) fn check_siblings(layout: &Layout, schema: &Schema) -> Result<(), StorageError> {
        let directory = layout.directory();
        let own_name = directory.file_name().and_then(|name| name.to_str());
        let (Some(base), true) = (directory.parent(), own_name == Some(&schema.shard.to_string())) else {
            return Ok(());
        };
        let is_new = !layout.manifest().exists() && !layout.has_generations()?;
        let mut is_written = false;
        for (sibling, manifest) in Self::of_shards(base) {
            if manifest.shards != schema.shards {
                return Err(manifest.shard_count_mismatch(base, schema));
            }
            is_written |= is_new && manifest.has_changes(&sibling);
        }
        // All shards are created before the first document is written.
        match is_written {
            true => Err(StorageError::Lost { base: base.to_owned(), directory: directory.to_owned() }),
            false => Ok(()),
        }
    }

    /// True unless the acknowledgement mark of the shard shows that nothing was written to the current generation.
    fn has_changes(&self, layout: &Layout) -> bool {
        !matches!(read_mark(&layout.documents(self.generation)), Ok(None | Some(0)))
    }

    /// Returns whether the manifest of any shard of this index, including this one, can be read.
    pub(crate) fn is_any_readable(layout: &Layout) -> bool {
        layout.directory().parent().is_some_and(|base| Self::of_shards(base).next().is_some())
    }

    /// The shards in a directory whose manifests are readable.
    fn of_shards(base: &Path) -> impl Iterator<Item = (Layout, Self)> {
        let is_number = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let entries = std::fs::read_dir(base).into_iter().flatten().filter_map(Result::ok);
        let shards = entries.filter(move |entry| entry.file_name().to_str().is_some_and(is_number));
        shards.filter_map(|entry| {
            let layout = Layout::new(entry.path());
            let manifest = Self::read(&layout).ok().flatten()?;
            Some((layout, manifest))
        })
    }

    fn shard_count_mismatch(&self, base: &Path, schema: &Schema) -> StorageError {
        StorageError::Shards { base: base.to_owned(), written: self.shards, expected: schema.shards }
    }

    /// The metric, if this version knows it.
    pub(crate) fn metric(&self) -> Option<Metric> {
        let known = [Metric::Cosine, Metric::Euclidean, Metric::InnerProduct];
        known.into_iter().find(|metric| metric.name() == self.metric)
    }

    /// The index type as the user wrote it.
    pub(crate) fn index(&self) -> &str {
        &self.index
    }

    /// Number of this shard, and number of shards.
    pub(crate) fn shard_position(&self) -> (usize, usize) {
        (self.shard, self.shards)
    }

    /// Element type of the vectors.
    pub(crate) fn elements(&self) -> ElementType {
        if self.vectors == ElementType::F16.name() { ElementType::F16 } else { ElementType::F32 }
    }

    /// This manifest for a generation whose documents exist.
    pub(crate) fn with_documents(&self) -> Self {
        Self { has_documents: true, ..self.clone() }
    }

    /// This manifest for another generation.
    pub(crate) fn with_generation(&self, generation: u32) -> Self {
        Self { generation, ..self.clone() }
    }

    /// This manifest with a dimension.
    pub(crate) fn with_dimension(&self, dimension: usize) -> Self {
        Self { dimension: Some(dimension), ..self.clone() }
    }

    /// This manifest with the settings of `schema` that may change between openings: the index type, and the
    /// dimension if it is not known yet.
    pub(crate) fn updated_from(&self, schema: &Schema) -> Self {
        let dimension = self.dimension.or(schema.dimension);
        Self { dimension, index: schema.index.clone(), ..self.clone() }
    }
}

fn single_precision() -> String {
    ElementType::F32.name().to_owned()
}

fn schema_mismatch(directory: &Path, parameter: &'static str, written: &str, expected: &str) -> StorageError {
    let directory = directory.display();
    let reason = format!(
        "the index in {directory} was written with `{parameter}: {written}`, not {expected}: write \
         `{parameter}: {written}`, or index again into an empty workspace"
    );
    StorageError::Mismatch { parameter, reason }
}

#[cfg(test)]
mod tests;
