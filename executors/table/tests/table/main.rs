//! Reading and writing tables: round trips, files of pyarrow, types, damaged files, error messages.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and reads only its own files"
)]

#[path = "../../../../tests/support/artifact.rs"]
mod artifact;

mod hostile;
mod messages;
mod pyarrow;
mod round_trip;
mod types;

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use flowrun_sdk::Document;
use flowrun_table::{TableError, read};
use parquet::arrow::ArrowWriter;

/// Documents of a table.
fn documents(path: &Path) -> Result<Vec<Document>, TableError> {
    documents_with(path, None)
}

/// Documents of a table whose vectors are in `vector_column`.
fn documents_with(path: &Path, vector_column: Option<&str>) -> Result<Vec<Document>, TableError> {
    let mut documents = Vec::new();
    read(path, vector_column, |document| {
        documents.push(document);
        Ok::<_, String>(())
    })?;
    Ok(documents)
}

/// Writes columns to a file, in the format of its extension.
fn write(path: &Path, columns: &[(&str, ArrayRef)]) {
    let columns = columns.iter().map(|(name, array)| (*name, Arc::clone(array), true));
    let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
    let file = File::create(path).unwrap();
    match path.extension().unwrap().to_str().unwrap() {
        "parquet" => {
            let mut writer = ArrowWriter::try_new(file, batch.schema(), None).unwrap();
            writer.write(&batch).unwrap();
            writer.close().unwrap();
        }
        "arrows" => {
            let mut writer = arrow_ipc::writer::StreamWriter::try_new(file, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
        _ => {
            let mut writer = arrow_ipc::writer::FileWriter::try_new(file, &batch.schema()).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
        }
    }
}
