//! `flowrun index`: maintenance of an index on disk, without a flow. Commands that only read can run while a flow has the
//! index open; those that change it are rejected then.
//!
//! The operations are those of [`flowrun_index::tool`]; this file connects them with object stores
//! ([`flowrun_bucket`]) and with columnar files ([`flowrun_table`]).

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};
use flowrun_index::tool::{self, ImportOptions};

use super::exit::Exit;
use super::optional::{Bucket, is_address, table};
use super::tables::print;
use crate::job::counted;

/// Extensions of the files that the index itself reads and writes.
const INDEX_EXTENSIONS: [&str; 3] = ["jsonl", "npy", "fvecs"];

/// Options of `flowrun index`.
#[derive(Debug, Args)]
pub(super) struct IndexOptions {
    #[command(subcommand)]
    command: IndexCommand,
}

#[derive(Debug, Subcommand)]
enum IndexCommand {
    /// Print a description of an index as JSON
    Inspect(IndexPath),
    /// Read all data of an index and compare every checksum
    Verify(IndexPath),
    /// Reclaim the disk space of updated and deleted documents
    Compact(IndexPath),
    /// Copy the live data of an index into another directory or an object store
    Snapshot(SnapshotOptions),
    /// Copy a snapshot into a new index
    Restore(RestoreOptions),
    /// Export documents (.jsonl, .parquet) or vectors (.npy, .fvecs) to a file
    Export(FileOptions),
    /// Import documents (.jsonl), rows (.parquet, .arrow, .feather, .arrows) or vectors (.npy, .fvecs) from a file
    Import(ImportArguments),
}

#[derive(Debug, Args)]
struct IndexPath {
    /// Workspace of a pod, or one shard in it.
    path: PathBuf,
}

#[derive(Debug, Args)]
struct SnapshotOptions {
    /// Workspace of a pod, or one shard in it.
    path: PathBuf,
    /// Directory that does not exist yet, or an object store: s3://bucket/prefix, gs://…, az://… or file:///….
    to: PathBuf,
}

#[derive(Debug, Args)]
struct RestoreOptions {
    /// Directory or object store of the snapshot.
    from: PathBuf,
    /// Directory that does not exist yet.
    path: PathBuf,
}

#[derive(Debug, Args)]
struct FileOptions {
    /// Workspace of a pod, or one shard in it.
    path: PathBuf,
    /// File to read or write; its extension selects the format.
    file: PathBuf,
}

#[derive(Debug, Args)]
struct ImportArguments {
    #[command(flatten)]
    paths: FileOptions,
    /// Metric of a new index: cosine, euclidean or inner_product.
    #[arg(long)]
    metric: Option<String>,
    /// Type of a new index: auto, or a FAISS factory string.
    #[arg(long)]
    index: Option<String>,
    /// Element type of the vectors of a new index: f32 or f16.
    #[arg(long)]
    vectors: Option<String>,
    /// Column of a table that contains the vectors.
    #[arg(long, value_name = "NAME")]
    vector_column: Option<String>,
    /// File with one id per line, for imported vectors; default: the row number is the id.
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    /// Prefix of ids that are row numbers.
    #[arg(long, default_value = "")]
    prefix: String,
}

/// Runs the subcommand and prints its result.
pub(super) fn index(options: &IndexOptions) -> anyhow::Result<Exit> {
    match &options.command {
        IndexCommand::Inspect(index) => print(&format!("{:#}", tool::inspect(&index.path)?))?,
        IndexCommand::Verify(index) => return verify(&index.path),
        IndexCommand::Compact(index) => {
            print(&format!("removed {}", counted(tool::compact(&index.path)?, "dead row")))?;
        }
        IndexCommand::Snapshot(SnapshotOptions { path, to }) => {
            print(&format!("copied {} to {}", counted(snapshot(path, to)?, "document"), to.display()))?;
        }
        IndexCommand::Restore(RestoreOptions { from, path }) => {
            print(&format!("copied {} to {}", counted(restore(from, path)?, "document"), path.display()))?;
        }
        IndexCommand::Export(FileOptions { path, file }) => {
            print(&format!("exported {} to {}", counted(export(path, file)?, "document"), file.display()))?;
        }
        IndexCommand::Import(arguments) => {
            let documents = import(arguments)?;
            let path = &arguments.paths.path;
            print(&format!("imported {} into {}", counted(documents, "document"), path.display()))?;
        }
    }
    Ok(Exit::Done)
}

/// Copies an index to a directory, or through a temporary directory to an object store. Returns the number of
/// documents.
fn snapshot(path: &Path, to: &Path) -> anyhow::Result<u64> {
    let Some(address) = store_address(to) else { return Ok(tool::copy(path, to)?) };
    let bucket = Bucket::open(address)?;
    let temporary = temporary_sibling(path)?;
    let copy = temporary.path().join("index");
    let documents = tool::copy(path, &copy)?;
    bucket.upload(&copy)?;
    Ok(documents)
}

/// Copies a snapshot to a new index. Returns the number of documents. A snapshot from an object store is downloaded
/// next to the index and renamed once it is complete.
fn restore(from: &Path, path: &Path) -> anyhow::Result<u64> {
    let Some(address) = store_address(from) else { return Ok(tool::copy(from, path)?) };
    let bucket = Bucket::open(address)?;
    if std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some()) || path.is_file() {
        anyhow::bail!("{} is not empty: name a directory that does not exist yet", path.display());
    }
    let temporary = temporary_sibling(path)?;
    let copy = temporary.path().join("index");
    std::fs::create_dir(&copy)?;
    bucket.download(&copy)?;
    let shards = tool::inspect(&copy)?;
    let documents =
        shards.as_array().into_iter().flatten().filter_map(|shard| shard["documents"].as_u64()).sum();
    // Replaces an empty directory, if there is one.
    let renamed = std::fs::rename(&copy, path).and_then(|()| std::fs::File::open(parent(path))?.sync_all());
    renamed.with_context(|| format!("cannot create {}", path.display()))?;
    Ok(documents)
}

/// The path as an address of an object store, if it has the form of one.
fn store_address(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| is_address(text))
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Creates a temporary directory next to `path`, on the same file system.
fn temporary_sibling(path: &Path) -> anyhow::Result<tempfile::TempDir> {
    let parent = parent(path);
    std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    let created = tempfile::Builder::new().prefix(".snapshot-").tempdir_in(parent);
    created.with_context(|| format!("cannot create a directory in {}", parent.display()))
}

/// Exports an index to a file. Returns the number of documents.
fn export(path: &Path, file: &Path) -> anyhow::Result<u64> {
    if is_table(file, &table::WRITE_EXTENSIONS)? {
        let mut writer = table::Writer::create(file)?;
        let documents = tool::export_to(path, |document, vector| writer.push(document, vector))?;
        writer.finish()?;
        return Ok(documents);
    }
    Ok(tool::export(path, file)?)
}

/// Imports a file into an index. Returns the number of documents.
fn import(arguments: &ImportArguments) -> anyhow::Result<u64> {
    let FileOptions { path, file } = &arguments.paths;
    let options = ImportOptions {
        metric: arguments.metric.clone(),
        index: arguments.index.clone(),
        vectors: arguments.vectors.clone(),
        ids: arguments.ids.clone(),
        prefix: arguments.prefix.clone(),
    };
    let column = arguments.vector_column.as_deref();
    if is_table(file, &table::READ_EXTENSIONS)? {
        return tool::import_from(path, file, &options, |accept| {
            table::read(file, column, accept)?;
            Ok(())
        });
    }
    if column.is_some() {
        anyhow::bail!("{}: a file of this format has no columns; remove --vector-column", file.display());
    }
    Ok(tool::import(path, file, &options)?)
}

/// Returns whether a file is a table, by its extension, rather than a format of the index itself.
fn is_table(file: &Path, table_extensions: &[&str]) -> anyhow::Result<bool> {
    let extension = file.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    if INDEX_EXTENSIONS.contains(&extension) {
        return Ok(false);
    }
    if table_extensions.contains(&extension) {
        return Ok(true);
    }
    let known = INDEX_EXTENSIONS.iter().chain(table_extensions);
    let known: Vec<String> = known.map(|extension| format!(".{extension}")).collect();
    anyhow::bail!("{}: unknown file format; use one of {}", file.display(), known.join(", "))
}

/// Prints the damage of each shard. Any damage makes the exit status [`Exit::Failed`].
fn verify(path: &Path) -> anyhow::Result<Exit> {
    let mut exit = Exit::Done;
    let mut out = std::io::stdout().lock();
    for (directory, problems) in tool::verify(path)? {
        if problems.is_empty() {
            writeln!(out, "{}: no damage found", directory.display())?;
        }
        for problem in problems {
            writeln!(out, "{}: {problem}", directory.display())?;
            exit = Exit::Failed;
        }
    }
    out.flush()?;
    Ok(exit)
}
