//! Writing an index out to files that others read.

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use flowrun_sdk::Tensor;

use super::npy::VectorsFile;
use super::{Opened, ToolError, shards};

pub(super) fn export(path: &Path, file: &Path) -> Result<u64, ToolError> {
    let failed = |error: std::io::Error| ToolError::new(format_args!("{}: {error}", file.display()));
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("jsonl") => {
            let mut lines = BufWriter::new(File::create(file).map_err(failed)?);
            let count = each::<std::io::Error>(path, |mut document, vector| {
                document.embedding = Some(Tensor::vector(vector.to_vec()));
                serde_json::to_writer(&mut lines, &document)?;
                lines.write_all(b"\n")
            })?;
            lines.flush().and_then(|()| lines.get_ref().sync_all()).map_err(failed)?;
            Ok(count)
        }
        Some(kind @ ("npy" | "fvecs")) => {
            let mut vectors = VectorsFile::create(file, kind == "npy").map_err(failed)?;
            let mut ids = BufWriter::new(File::create(ids_path(file)).map_err(failed)?);
            let count = each::<std::io::Error>(path, |document, vector| {
                vectors.push(vector)?;
                writeln!(ids, "{}", serde_json::Value::from(document.id))
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

/// Where the ids of a file of vectors are: a JSON text a line, in the order of the vectors.
pub(super) fn ids_path(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".ids");
    PathBuf::from(name)
}

/// Hands over every document with its vector, in the order in which they were stored.
pub(super) fn each<E: std::fmt::Display>(
    path: &Path,
    mut accept: impl FnMut(flowrun_sdk::Document, &[f32]) -> Result<(), E>,
) -> Result<u64, ToolError> {
    let mut count = 0;
    for directory in shards(path)? {
        let opened = Opened::beside(&directory)?;
        let Some(vectors) = &opened.vectors else { continue };
        for living in opened.table.live_documents() {
            let row = living?.row;
            let document = opened.table.document_of_row(row)?;
            accept(document, &vectors.vector(row)?).map_err(ToolError::new)?;
            count += 1;
        }
    }
    Ok(count)
}
