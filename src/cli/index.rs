//! `flowrun index`: an index on disk, while no flow has it open.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::executors::print;
use super::exit::Exit;
use crate::catalog::index::{self, ImportOptions};

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
    /// Writes documents (.jsonl) or vectors (.npy, .fvecs) out to a file
    Export(FileOptions),
    /// Fills an index from a file of documents (.jsonl) or vectors (.npy, .fvecs)
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
            let documents = index::export(&options.path, &options.file)?;
            print(&format!("{documents} documents are in {}", options.file.display()))?;
        }
        IndexVerb::Import(arguments) => {
            let FileOptions { path, file } = &arguments.place;
            let options = ImportOptions {
                metric: arguments.metric.clone(),
                index: arguments.index.clone(),
                vectors: arguments.vectors.clone(),
                ids: arguments.ids.clone(),
                prefix: arguments.prefix.clone(),
            };
            let documents = index::import(path, file, &options)?;
            print(&format!("{documents} documents were stored in {}", path.display()))?;
        }
    }
    Ok(Exit::Done)
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
