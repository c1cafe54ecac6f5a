//! Exports an index to files.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use flowrun_sdk::{Document, Tensor};

use super::error::ToolError;
use super::output_file::OutputFile;
use super::shard_files::{ShardFiles, complete_shards};
use super::vector_files::VectorWriter;

/// Exports the documents with vectors of the index at `path` to `file`: with embeddings as JSON lines, or the vectors alone
/// as `.npy` or `.fvecs` with a file of ids. Returns the number of documents.
pub(super) fn export(path: &Path, file: &Path) -> Result<u64, ToolError> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => {
            let mut lines = OutputFile::create(file)?;
            let count = for_each_document(path, |mut document, vector| {
                document.embedding = Some(Tensor::vector(vector.to_vec()));
                lines.write(|lines| {
                    serde_json::to_writer(&mut *lines, &document)?;
                    lines.write_all(b"\n")
                })
            })?;
            lines.finish()?;
            Ok(count)
        }
        Some(extension @ ("npy" | "fvecs")) => {
            let mut vectors = VectorWriter::create(file, extension == "npy")?;
            let mut ids = OutputFile::create(&ids_path(file))?;
            let count = for_each_document(path, |document, vector| {
                vectors.push(vector)?;
                let id = serde_json::Value::from(document.id);
                ids.write(|ids| writeln!(ids, "{id}"))
            })?;
            vectors.finish()?;
            ids.finish()?;
            Ok(count)
        }
        _ => Err(ToolError::new(format_args!(
            "{}: write a name that ends in .jsonl, .npy or .fvecs",
            file.display()
        ))),
    }
}

/// Path of the file of ids next to the vector file `file`: `FILE.ids`, with one JSON string per line, in the order of the vectors.
pub(super) fn ids_path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".ids");
    PathBuf::from(name)
}

/// Passes every document and its vector to `accept`, by shard and row. Returns their number.
pub(super) fn for_each_document<E: Display>(
    path: &Path,
    mut accept: impl FnMut(Document, &[f32]) -> Result<(), E>,
) -> Result<u64, ToolError> {
    let mut count = 0;
    for directory in complete_shards(path)? {
        let files = ShardFiles::open_read_only(&directory)?;
        let Some(vectors) = &files.vectors else { continue };
        for live in files.table.live_documents() {
            let row = live?.row;
            let document = files.table.document_of_row(row)?;
            accept(document, &vectors.vector(row)?).map_err(ToolError::new)?;
            count += 1;
        }
    }
    Ok(count)
}
