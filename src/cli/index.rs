//! `flowrun index`: an index on disk, while no flow has it open.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use flowrun_index::tool::{self, ImportOptions};

use super::executors::print;
use super::exit::Exit;
use super::optional::{Bucket, is_address, table};

/// The endings of files that the index itself reads and writes.
const OWN: [&str; 3] = ["jsonl", "npy", "fvecs"];

/// `flowrun index`.
#[derive(Debug, Args)]
pub(super) struct IndexOptions {
    #[command(subcommand)]
    verb: IndexVerb,
}

#[derive(Debug, Subcommand)]
enum IndexVerb {
    /// Says what is in an index, as JSON
    Inspect(PathOption),
    /// Reads everything and compares every checksum
    Verify(PathOption),
    /// Leaves behind the room of documents that were replaced or removed
    Compact(PathOption),
    /// Copies what lives in an index into another directory, or into a bucket
    Snapshot(SnapshotOptions),
    /// Makes an index of a snapshot, where there is none
    Restore(RestoreOptions),
    /// Writes documents (.jsonl, .parquet) or vectors (.npy, .fvecs) out to a file
    Export(FileOptions),
    /// Fills an index from a file of documents (.jsonl), rows (.parquet, .arrow, .feather, .arrows) or vectors (.npy, .fvecs)
    Import(ImportArguments),
}

#[derive(Debug, Args)]
struct PathOption {
    /// The workspace of a pod, or one shard in it.
    path: PathBuf,
}

#[derive(Debug, Args)]
struct SnapshotOptions {
    /// The workspace of a pod, or one shard in it.
    path: PathBuf,
    /// A directory that does not exist yet, or an address: s3://bucket/prefix, gs://…, az://… or file:///….
    to: PathBuf,
}

#[derive(Debug, Args)]
struct RestoreOptions {
    /// Where the snapshot is: a directory, or an address as of `snapshot`.
    from: PathBuf,
    /// A directory that does not exist yet.
    path: PathBuf,
}

#[derive(Debug, Args)]
struct FileOptions {
    /// The workspace of a pod, or one shard in it.
    path: PathBuf,
    /// The file.
    file: PathBuf,
}

#[derive(Debug, Args)]
struct ImportArguments {
    #[command(flatten)]
    place: FileOptions,
    /// How distances are measured in a new index: cosine, euclidean or inner_product.
    #[arg(long)]
    metric: Option<String>,
    /// The kind of index: auto, or a FAISS factory string.
    #[arg(long)]
    index: Option<String>,
    /// How vectors are stored in a new index: f32 or f16.
    #[arg(long)]
    vectors: Option<String>,
    /// The column of a table that the vectors are in.
    #[arg(long, value_name = "NAME")]
    vector_column: Option<String>,
    /// A file with an id a line, for vectors alone; without it their numbers are their ids.
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// What numbers as ids begin with.
    #[arg(long, default_value = "")]
    prefix: String,
}

/// Does something with an index.
pub(super) fn index(options: &IndexOptions) -> anyhow::Result<Exit> {
    match &options.verb {
        IndexVerb::Inspect(option) => print(&format!("{:#}", tool::inspect(&option.path)?))?,
        IndexVerb::Verify(option) => return verify(option),
        IndexVerb::Compact(option) => {
            print(&format!("{} rows were left behind", tool::compact(&option.path)?))?;
        }
        IndexVerb::Snapshot(SnapshotOptions { path, to }) => {
            print(&format!("{} documents are in {}", snapshot(path, to)?, to.display()))?;
        }
        IndexVerb::Restore(RestoreOptions { from, path }) => {
            print(&format!("{} documents are in {}", restore(from, path)?, path.display()))?;
        }
        IndexVerb::Export(options) => {
            let documents = export(&options.path, &options.file)?;
            print(&format!("{documents} documents are in {}", options.file.display()))?;
        }
        IndexVerb::Import(arguments) => {
            let documents = import(arguments)?;
            let path = &arguments.place.path;
            print(&format!("{documents} documents were stored in {}", path.display()))?;
        }
    }
    Ok(Exit::Done)
}

/// Copies an index to a directory, or by way of one beside it into a bucket; how many documents there are.
fn snapshot(path: &Path, to: &Path) -> anyhow::Result<u64> {
    let Some(address) = address(to) else { return Ok(tool::copy(path, to)?) };
    let bucket = Bucket::open(address)?;
    let temporary = beside(path)?;
    let copy = temporary.path().join("index");
    let documents = tool::copy(path, &copy)?;
    bucket.put(&copy)?;
    Ok(documents)
}

/// Copies a snapshot back; how many documents there are. One from a bucket gets its name when it is whole.
fn restore(from: &Path, path: &Path) -> anyhow::Result<u64> {
    let Some(address) = address(from) else { return Ok(tool::copy(from, path)?) };
    let bucket = Bucket::open(address)?;
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file() {
        anyhow::bail!("{} is not empty: name a directory that does not exist yet", path.display());
    }
    let temporary = beside(path)?;
    let copy = temporary.path().join("index");
    std::fs::create_dir(&copy)?;
    bucket.get(&copy)?;
    let shards = tool::inspect(&copy)?;
    let documents =
        shards.as_array().into_iter().flatten().filter_map(|shard| shard["documents"].as_u64()).sum();
    // In the place of an empty directory, if there is one.
    let renamed = std::fs::rename(&copy, path).and_then(|()| std::fs::File::open(parent(path))?.sync_all());
    renamed.with_context(|| format!("cannot make {}", path.display()))?;
    Ok(documents)
}

/// What is meant as an address, not as a path.
fn address(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| is_address(text))
}

/// The directory that a path is in.
fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A directory that goes away again, on the same disk as an index.
fn beside(path: &Path) -> anyhow::Result<tempfile::TempDir> {
    let parent = parent(path);
    std::fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))?;
    let made = tempfile::Builder::new().prefix(".snapshot-").tempdir_in(parent);
    made.with_context(|| format!("cannot make a directory in {}", parent.display()))
}

/// Writes an index out to a file; how many documents there are.
fn export(path: &Path, file: &Path) -> anyhow::Result<u64> {
    if !is_kind(file, &[&OWN, &table::WRITTEN])? {
        return Ok(tool::export(path, file)?);
    }
    let mut writer = table::Writer::create(file)?;
    let documents = tool::export_to(path, |document, vector| writer.push(document, vector))?;
    writer.finish()?;
    Ok(documents)
}

/// Fills an index from a file; how many documents there were.
fn import(arguments: &ImportArguments) -> anyhow::Result<u64> {
    let FileOptions { path, file } = &arguments.place;
    let options = ImportOptions {
        metric: arguments.metric.clone(),
        index: arguments.index.clone(),
        vectors: arguments.vectors.clone(),
        ids: arguments.ids.clone(),
        prefix: arguments.prefix.clone(),
    };
    let column = arguments.vector_column.as_deref();
    if is_kind(file, &[&OWN, &table::READ])? {
        return tool::import_from(path, file, &options, |accept| Ok(table::read(file, column, accept)?));
    }
    if column.is_some() {
        anyhow::bail!("{}: it has no columns: leave out --vector-column", file.display());
    }
    Ok(tool::import(path, file, &options)?)
}

/// Whether a file is of the second of two kinds, told by the endings of names, and not of the first.
fn is_kind(file: &Path, kinds: &[&[&str]; 2]) -> anyhow::Result<bool> {
    let ending = file.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    match kinds.iter().position(|kind| kind.contains(&ending)) {
        Some(kind) => Ok(kind == 1),
        None => {
            let endings: Vec<String> =
                kinds.iter().copied().flatten().map(|ending| format!(".{ending}")).collect();
            anyhow::bail!("{}: write a name that ends in one of {}", file.display(), endings.join(", "))
        }
    }
}

/// Says what is damaged; nothing is the end that is hoped for.
fn verify(option: &PathOption) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let mut out = std::io::stdout().lock();
    for (directory, problems) in tool::verify(&option.path)? {
        if problems.is_empty() {
            writeln!(out, "{}: everything is as it was written", directory.display())?;
        }
        for problem in problems {
            writeln!(out, "{}: {problem}", directory.display())?;
            exit = Exit::Failed;
        }
    }
    out.flush()?;
    Ok(exit)
}
