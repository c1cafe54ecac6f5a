//! Imports documents from files into an index. They are stored like `/index` does, in larger batches.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use flowrun_sdk::{Context, Document, Value};

use super::error::ToolError;
use super::export::ids_path;
use super::shard_files::shards;
use super::vector_files::{read_fvecs, read_npy};
use crate::ann::{IndexChoice, Tuning};
use crate::handlers::PutFormat;
use crate::metric::Metric;
use crate::parameter_names::ParameterNames;
use crate::shard::{OpenShard, Settings};
use crate::storage::{Change, ElementType, Fsync, Layout, Manifest, Schema, StorageKind};
use crate::stored_fields::{StoredFields, default_exclude};

/// Documents per write.
const BATCH: usize = 2000;

/// Settings of an import. An existing index keeps its metric and element type, and other ones are an error; another index
/// type is built from all of its vectors.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Metric; `None` for that of the existing index, or `cosine`.
    pub metric: Option<String>,
    /// Index type; `None` for that of the existing index, or `auto`.
    pub index: Option<String>,
    /// Element type of stored vectors, `f32` or `f16`; `None` for that of the existing index, or `f32`.
    pub vectors: Option<String>,
    /// File with one id per line, for vectors without ids; `None` for `FILE.ids`, or generated ids if there is no such file.
    pub ids: Option<PathBuf>,
    /// Prefix of generated ids; the number of the vector follows it, from 0.
    pub prefix: String,
}

/// See [`super::import`].
pub(super) fn import(path: &Path, file: &Path, options: &ImportOptions) -> Result<u64, ToolError> {
    let mut import = Import::open(path, options)?;
    let mut all_ids_used = Ok(());
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => import.read_json_lines(file)?,
        Some(extension @ ("npy" | "fvecs")) => {
            let mut ids = IdSource::open(file, options)?;
            let accept = |vector: Vec<f32>| {
                let id = ids.next()?;
                import.push(&Document::new(id).with_embedding(vector))
            };
            if extension == "npy" {
                read_npy(file, accept)?
            } else {
                read_fvecs(file, accept)?
            }
            all_ids_used = ids.finish();
        }
        _ => {
            let reason = "write a name that ends in .jsonl, .npy or .fvecs";
            return Err(ToolError::new(format_args!("{}: {reason}", file.display())));
        }
    }
    let count = import.finish()?;
    all_ids_used.map(|()| count)
}

/// See [`super::import_from`].
pub(super) fn import_from<E: From<ToolError>>(
    path: &Path,
    file: &Path,
    options: &ImportOptions,
    read: impl FnOnce(&mut dyn FnMut(Document) -> Result<(), ToolError>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut import = Import::open(path, options)?;
    let mut ids = IdSource::open(file, options)?;
    read(&mut |mut document| {
        match (document.id.is_empty(), &options.ids) {
            (true, _) => document.id = ids.next()?,
            (false, Some(_)) => {
                return Err(ToolError::new("the documents have ids of their own: leave out --ids"));
            }
            (false, None) => {}
        }
        import.push(&document)
    })?;
    let count = import.finish()?;
    ids.finish()?;
    Ok(count)
}

/// Opens the shard, with the settings of the existing index where `options` has none.
fn open(path: &Path, options: &ImportOptions) -> Result<Arc<OpenShard>, ToolError> {
    fn parse<T: flowrun_sdk::Parameter>(name: &str, text: Option<&String>) -> Result<Option<T>, ToolError> {
        let Some(text) = text else { return Ok(None) };
        let value = T::parse(&Value::from(text.as_str()));
        value.map(Some).ok_or_else(|| ToolError::new(format_args!("--{name} `{text}`: must be {}", T::KIND)))
    }
    let existing = Manifest::read(&Layout::new(path))?;
    let metric = match parse::<Metric>("metric", options.metric.as_ref())? {
        Some(metric) => metric,
        None => existing.as_ref().and_then(Manifest::metric).unwrap_or(Metric::Cosine),
    };
    let index =
        options.index.clone().or_else(|| existing.as_ref().map(|existing| existing.index().to_owned()));
    let index = index.map_or(IndexChoice::AUTO, |text| IndexChoice::new(&text));
    let (shard, shards) = existing.as_ref().map_or((0, 1), Manifest::shard_position);
    let schema = Schema {
        kind: StorageKind::Vectors,
        dimension: None,
        metric,
        elements: parse::<ElementType>("vectors", options.vectors.as_ref())?,
        index: index.text().to_owned(),
        shards,
        shard,
        names: ParameterNames::DEFAULT,
    };
    let settings = Settings {
        schema,
        index,
        tuning: Tuning::default(),
        fsync: Fsync::Always,
        threads: available_parallelism().map_or(1, NonZero::get),
        read_only: false,
        columns: Vec::new(),
        expires: None,
        cache_capacity: None,
    };
    OpenShard::open(&Context::standalone(path), settings).map_err(ToolError::new)
}

/// An import in progress.
struct Import {
    shard: Arc<OpenShard>,
    /// Dimension of the vectors, once one is known.
    dimension: Option<usize>,
    /// Documents that are not written yet, and their number.
    change: Change,
    pending: usize,
    count: u64,
}

impl Import {
    /// Opens the shard of an import.
    ///
    /// # Errors
    /// When the path contains several shards, or the shard cannot be opened.
    fn open(path: &Path, options: &ImportOptions) -> Result<Self, ToolError> {
        if shards(path).is_ok_and(|shards| shards != [path]) {
            let reason = format_args!(
                "{} contains shards: name one of them, or send documents through the flow",
                path.display()
            );
            return Err(ToolError::new(reason));
        }
        let shard = open(path, options)?;
        Ok(Self { dimension: shard.dimension(), shard, change: Change::default(), pending: 0, count: 0 })
    }

    /// Writes pending documents and builds the index. Returns the number of imported documents.
    fn finish(mut self) -> Result<u64, ToolError> {
        self.flush()?;
        // Built here once, for all documents, so that the flow need not build it when it starts.
        self.shard.wait_until_indexed(&|| Ok(())).map_err(ToolError::new)?;
        self.shard.save_index();
        Ok(self.count)
    }

    /// Imports a file with one JSON document per line.
    fn read_json_lines(&mut self, file: &Path) -> Result<(), ToolError> {
        let failed = |line: u64, reason: &dyn std::fmt::Display| {
            ToolError::new(format_args!("{}:{line}: {reason}", file.display()))
        };
        let lines = BufReader::new(File::open(file).map_err(|error| failed(1, &error))?).lines();
        for (number, line) in (1..).zip(lines) {
            let line = line.map_err(|error| failed(number, &error))?;
            let line = without_mark(&line, number);
            if line.trim().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_str(line).map_err(|error| failed(number, &error))?;
            let document = Document::from_json(&value).map_err(|error| failed(number, &error))?;
            self.push(&document).map_err(|error| failed(number, &error))?;
        }
        Ok(())
    }

    fn push(&mut self, document: &Document) -> Result<(), ToolError> {
        let stored_fields = StoredFields::AllExcept(default_exclude());
        let format = PutFormat {
            metric: Some(self.shard.metric()),
            elements: self.shard.elements(),
            stored_fields: &stored_fields,
        };
        let put = format.put(document, self.dimension, None).map_err(ToolError::new)?;
        self.dimension = self.dimension.or(put.vector.as_ref().map(Vec::len));
        self.change.put(put);
        (self.pending, self.count) = (self.pending + 1, self.count + 1);
        if self.pending >= BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), ToolError> {
        self.pending = 0;
        self.shard.bulk_load(std::mem::take(&mut self.change))?;
        Ok(())
    }
}

/// The text of a line, without the byte order mark that the first line may begin with.
fn without_mark(line: &str, number: u64) -> &str {
    line.strip_prefix('\u{feff}').filter(|_| number == 1).unwrap_or(line)
}

/// Ids for vectors without ids.
enum IdSource {
    /// From a file, one per line.
    File { path: PathBuf, lines: std::io::Lines<BufReader<File>>, used: u64 },
    /// Generated from a prefix and the number of the next vector.
    Generated(String, u64),
}

impl IdSource {
    /// The file of `options`, else `FILE.ids` if it exists, else generated ids.
    fn open(file: &Path, options: &ImportOptions) -> Result<Self, ToolError> {
        let default = Some(ids_path(file)).filter(|path| path.exists());
        let Some(path) = options.ids.clone().or(default) else {
            return Ok(Self::Generated(options.prefix.clone(), 0));
        };
        let opened = File::open(&path);
        let opened = opened.map_err(|error| ToolError::new(format_args!("{}: {error}", path.display())))?;
        Ok(Self::File { path, lines: BufReader::new(opened).lines(), used: 0 })
    }

    fn next(&mut self) -> Result<String, ToolError> {
        match self {
            Self::Generated(prefix, number) => {
                *number += 1;
                Ok(format!("{prefix}{}", *number - 1))
            }
            Self::File { path, lines, used } => {
                *used += 1;
                let failed = |reason: &dyn std::fmt::Display| {
                    ToolError::new(format_args!("{}:{used}: {reason}", path.display()))
                };
                let line = lines.next().ok_or_else(|| failed(&"there are fewer ids than vectors"))?;
                let line = line.map_err(|error| failed(&error))?;
                let line = without_mark(&line, *used);
                // A JSON string, like export writes it, or plain text.
                Ok(serde_json::from_str(line).unwrap_or_else(|_| line.to_owned()))
            }
        }
    }

    /// Checks that every id was used. If none was, the file is ignored: the documents had ids.
    fn finish(mut self) -> Result<(), ToolError> {
        let Self::File { path, lines, used: 1.. } = &mut self else { return Ok(()) };
        match lines.find(|line| line.as_ref().map_or(true, |line| !line.trim().is_empty())) {
            Some(_) => {
                let reason = "there are more ids than vectors; the vectors that were read are stored";
                Err(ToolError::new(format_args!("{}: {reason}", path.display())))
            }
            None => Ok(()),
        }
    }
}
