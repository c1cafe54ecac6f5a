//! Exports an index to files.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flowrun_sdk::{Document, Tensor};

use super::error::ToolError;
use super::shard_files::{ShardFiles, shards};
use super::vector_files::VectorWriter;

/// Exports the documents with vectors of the index at `path` to `file`: with embeddings as JSON lines, or the vectors alone
/// as `.npy` or `.fvecs` with a file of ids. Returns the number of documents.
pub(super) fn export(path: &Path, file: &Path) -> Result<u64, ToolError> {
    let failed = |error: std::io::Error| ToolError::new(format_args!("{}: {error}", file.display()));
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => {
            let mut lines = BufWriter::new(File::create(file).map_err(failed)?);
            let count = for_each_document(path, |mut document, vector| {
                document.embedding = Some(Tensor::vector(vector.to_vec()));
                let written = serde_json::to_writer(&mut lines, &document).map_err(std::io::Error::from);
                written.and_then(|()| lines.write_all(b"\n")).map_err(failed)
            })?;
            lines.flush().and_then(|()| lines.get_ref().sync_all()).map_err(failed)?;
            Ok(count)
        }
        Some(extension @ ("npy" | "fvecs")) => {
            let mut vectors = VectorWriter::create(file, extension == "npy").map_err(failed)?;
            let mut ids = BufWriter::new(File::create(ids_path(file)).map_err(failed)?);
            let count = for_each_document(path, |document, vector| {
                let written = vectors.push(vector);
                let id = serde_json::Value::from(document.id);
                written.and_then(|()| writeln!(ids, "{id}")).map_err(failed)
            })?;
            vectors.finish().and_then(|()| ids.flush()).map_err(failed)?;
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
    for directory in shards(path)? {
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
