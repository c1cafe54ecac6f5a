//! Filling an index from files of others, without a flow: as `/index` stores documents, in larger calls.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;

use flowrun_sdk::{Context, Document, Value, wire};

use super::export::ids_path;
use super::npy::{read_fvecs, read_npy};
use super::{ToolError, shards};
use crate::derived::{IndexChoice, Tuning};
use crate::embedding;
use crate::kept::{Kept, default_exclude};
use crate::metric::Metric;
use crate::names::Names;
use crate::shard::{OpenShard, Settings, Shard};
use crate::storage::{Change, ElementType, Fsync, Layout, Manifest, Put, Schema, StorageKind};
use crate::upkeep::check_ids;

/// Documents that are stored together.
const BATCH: usize = 2000;

/// How an index is made that is not there yet; one that is there stays as it was made.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// How distances are measured; `cosine` when nothing is said.
    pub metric: Option<String>,
    /// The kind of index; `auto` when nothing is said.
    pub index: Option<String>,
    /// How the elements of vectors are stored.
    pub vectors: Option<String>,
    /// A file with an id a line, for files that hold vectors alone.
    pub ids: Option<PathBuf>,
    /// What the ids begin with of vectors that have none: the number follows.
    pub prefix: String,
}

pub(super) fn import(path: &Path, file: &Path, options: &ImportOptions) -> Result<u64, ToolError> {
    let mut import = Import::open(path, options)?;
    let mut all_taken = Ok(());
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => import.lines(file)?,
        Some(kind @ ("npy" | "fvecs")) => {
            let mut ids = Ids::open(file, options)?;
            let accept = |vector: Vec<f32>| {
                let id = ids.next()?;
                import.push(&Document::new(id).with_embedding(vector))
            };
            if kind == "npy" {
                read_npy(file, accept)?
            } else {
                read_fvecs(file, accept)?
            }
            all_taken = ids.finish();
        }
        _ => {
            let reason = "write a name that ends in .jsonl, .npy or .fvecs";
            return Err(ToolError::new(format_args!("{}: {reason}", file.display())));
        }
    }
    let count = import.finish()?;
    all_taken.map(|()| count)
}

pub(super) fn import_from<E: From<ToolError>>(
    path: &Path,
    file: &Path,
    options: &ImportOptions,
    read: impl FnOnce(&mut dyn FnMut(Document) -> Result<(), ToolError>) -> Result<(), E>,
) -> Result<u64, E> {
    let mut import = Import::open(path, options)?;
    let mut ids = Ids::open(file, options)?;
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

fn open(path: &Path, options: &ImportOptions) -> Result<Arc<OpenShard>, ToolError> {
    fn read<T: flowrun_sdk::Parameter>(name: &str, text: Option<&String>) -> Result<Option<T>, ToolError> {
        let Some(text) = text else { return Ok(None) };
        let value = T::parse(&Value::from(text.as_str()));
        value.map(Some).ok_or_else(|| ToolError::new(format_args!("--{name} `{text}`: must be {}", T::KIND)))
    }
    let written = Manifest::read(&Layout::new(path))?;
    let metric = match read::<Metric>("metric", options.metric.as_ref())? {
        Some(metric) => metric,
        None => written.as_ref().and_then(Manifest::metric).unwrap_or(Metric::Cosine),
    };
    let index = options.index.clone().or_else(|| written.as_ref().map(|written| written.index().to_owned()));
    let index = index.map_or(IndexChoice::AUTO, |text| IndexChoice::new(&text));
    let (shard, shards) = written.as_ref().map_or((0, 1), Manifest::shard_position);
    let schema = Schema {
        kind: StorageKind::Vectors,
        dimension: None,
        metric,
        elements: read::<ElementType>("vectors", options.vectors.as_ref())?,
        index: index.text().to_owned(),
        shards,
        shard,
        names: Names::OWN,
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
    Shard::open(&Context::standalone(path), settings).map_err(ToolError::new)
}

/// Documents on their way into a shard.
struct Import {
    shard: Arc<OpenShard>,
    /// The dimension of the vectors, once there is one.
    dimension: Option<usize>,
    change: Change,
    waiting: usize,
    count: u64,
}

impl Import {
    fn open(path: &Path, options: &ImportOptions) -> Result<Self, ToolError> {
        if shards(path).is_ok_and(|shards| shards != [path]) {
            let reason = format_args!(
                "{} holds shards: name one of them, or send documents through the flow",
                path.display()
            );
            return Err(ToolError::new(reason));
        }
        let shard = open(path, options)?;
        Ok(Self { dimension: shard.dimension(), shard, change: Change::default(), waiting: 0, count: 0 })
    }

    /// Stores what waits; how many documents there were.
    fn finish(mut self) -> Result<u64, ToolError> {
        self.store()?;
        // Once, of all that came; the flow need not do it when it is started.
        self.shard.wait_until_indexed(&|| Ok(())).map_err(ToolError::new)?;
        self.shard.save_index();
        Ok(self.count)
    }

    /// A document a line.
    fn lines(&mut self, file: &Path) -> Result<(), ToolError> {
        let failed = |line: usize, reason: &dyn std::fmt::Display| {
            ToolError::new(format_args!("{}:{line}: {reason}", file.display()))
        };
        let lines = BufReader::new(File::open(file).map_err(|error| failed(1, &error))?).lines();
        for (number, line) in (1..).zip(lines) {
            let line = line.map_err(|error| failed(number, &error))?;
            if line.trim().is_empty() {
                continue;
            }
            let value: Value = serde_json::from_str(&line).map_err(|error| failed(number, &error))?;
            let document = Document::from_json(&value).map_err(|error| failed(number, &error))?;
            self.push(&document).map_err(|error| failed(number, &error))?;
        }
        Ok(())
    }

    fn push(&mut self, document: &Document) -> Result<(), ToolError> {
        check_ids(document).map_err(ToolError::new)?;
        let metric = self.shard.metric();
        let mut vector = embedding::vector(document, metric, self.dimension).map_err(ToolError::new)?;
        self.dimension = Some(vector.len());
        self.shard.elements().round(&mut vector);
        metric.check(&vector).map_err(ToolError::new)?;
        let stored = Kept::AllBut(default_exclude()).of(document);
        self.change.put(Put {
            id: document.id.clone(),
            parent_id: document.parent_id.clone(),
            document: wire::encode(&stored),
            vector: Some(vector),
        });
        (self.waiting, self.count) = (self.waiting + 1, self.count + 1);
        if self.waiting >= BATCH { self.store() } else { Ok(()) }
    }

    fn store(&mut self) -> Result<(), ToolError> {
        self.waiting = 0;
        self.shard.bulk_load(std::mem::take(&mut self.change))?;
        Ok(())
    }
}

/// The ids of vectors that come without.
enum Ids {
    Listed { path: PathBuf, lines: std::io::Lines<BufReader<File>>, used: u64 },
    Counted(String, u64),
}

impl Ids {
    /// Those of a file that is named or lies beside the vectors, else numbers.
    fn open(file: &Path, options: &ImportOptions) -> Result<Self, ToolError> {
        let beside = Some(ids_path(file)).filter(|path| path.exists());
        let Some(path) = options.ids.clone().or(beside) else {
            return Ok(Self::Counted(options.prefix.clone(), 0));
        };
        let opened = File::open(&path);
        let opened = opened.map_err(|error| ToolError::new(format_args!("{}: {error}", path.display())))?;
        Ok(Self::Listed { path, lines: BufReader::new(opened).lines(), used: 0 })
    }

    fn next(&mut self) -> Result<String, ToolError> {
        match self {
            Self::Counted(prefix, number) => {
                *number += 1;
                Ok(format!("{prefix}{}", *number - 1))
            }
            Self::Listed { path, lines, used } => {
                *used += 1;
                let failed = |reason: &dyn std::fmt::Display| {
                    ToolError::new(format_args!("{}:{used}: {reason}", path.display()))
                };
                let line = lines.next().ok_or_else(|| failed(&"there are fewer ids than vectors"))?;
                let line = line.map_err(|error| failed(&error))?;
                // As they are exported, or as they are.
                Ok(serde_json::from_str(&line).unwrap_or(line))
            }
        }
    }

    /// Whether all are taken, if any were: else they are not those of the vectors.
    fn finish(mut self) -> Result<(), ToolError> {
        let Self::Listed { path, lines, used: 1.. } = &mut self else { return Ok(()) };
        match lines.find(|line| line.as_ref().map_or(true, |line| !line.trim().is_empty())) {
            Some(_) => {
                let reason = "there are more ids than vectors; what was read is stored";
                Err(ToolError::new(format_args!("{}: {reason}", path.display())))
            }
            None => Ok(()),
        }
    }
}
