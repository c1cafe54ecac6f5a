//! `flowrun index`: an index on disk, while no flow has it open.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::executors::print;
use super::exit::Exit;
use crate::catalog::index::{self, ImportOptions};
use crate::catalog::table;

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
    /// Copies what lives in an index into another directory
    Snapshot(CopyOptions),
    /// Makes an index of a snapshot, where there is none
    Restore(CopyOptions),
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
struct CopyOptions {
    /// What is copied: the workspace of a pod, or one shard in it.
    from: PathBuf,
    /// A directory that does not exist yet.
    to: PathBuf,
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
        IndexVerb::Inspect(option) => print(&format!("{:#}", index::inspect(&option.path)?))?,
        IndexVerb::Verify(option) => return verify(option),
        IndexVerb::Compact(option) => {
            print(&format!("{} rows were left behind", index::compact(&option.path)?))?;
        }
        IndexVerb::Snapshot(options) | IndexVerb::Restore(options) => {
            let documents = index::copy(&options.from, &options.to)?;
            print(&format!("{documents} documents are in {}", options.to.display()))?;
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

/// Writes an index out to a file; how many documents there are.
fn export(path: &Path, file: &Path) -> anyhow::Result<u64> {
    if !is_kind(file, &[&OWN, &table::WRITTEN])? {
        return Ok(index::export(path, file)?);
    }
    let mut writer = table::Writer::create(file)?;
    let documents = index::export_to(path, |document, vector| writer.push(document, vector))?;
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
        return index::import_from(path, file, &options, |accept| Ok(table::read(file, column, accept)?));
    }
    if column.is_some() {
        anyhow::bail!("{}: it has no columns: leave out --vector-column", file.display());
    }
    Ok(index::import(path, file, &options)?)
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
    for (directory, problems) in index::verify(&option.path)? {
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
