//! Documents in tables: reads Parquet and Arrow IPC files, writes Parquet files. Each row is a document.
//!
//! [`columns`] maps columns to fields; [`rows`] converts rows of both formats to documents. Files are read by batches and
//! written by row groups, so a file may be larger than memory. It does not depend on indexes.

mod arrow;
mod columns;
mod parquet;
mod rows;
mod value;
mod vector;
mod writer;

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use flowrun_sdk::Document;

use columns::Columns;
pub use writer::Writer;

/// A table could not be read or written. The text has the file, the cause and, where they are known, row, column and remedy.
/// Rows are counted from 0.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TableError(String);

impl TableError {
    fn new(path: &Path, reason: impl Display) -> Self {
        Self(format!("{}: {reason}", path.display()))
    }
}

/// File extensions that can be read.
pub const READ_EXTENSIONS: [&str; 4] = ["parquet", "arrow", "feather", "arrows"];
/// File extensions that can be written.
pub const WRITE_EXTENSIONS: [&str; 1] = ["parquet"];

/// Batches of the rows of a file, or the cause of an error, at which reading stops.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch, String>>>;

/// Passes the document of each row to `accept`, in the order of the rows. Without a column `id`, documents have no id. The
/// vector is in `vector_column`; if it is `None`, in the column `embedding`, else `vector`, else in the only column that is a
/// list of floats.
///
/// # Errors
/// When the file cannot be read, a row is not a valid document, vectors have different dimensions, or `accept` fails.
pub fn read<E: Display>(
    path: &Path,
    vector_column: Option<&str>,
    mut accept: impl FnMut(Document) -> Result<(), E>,
) -> Result<(), TableError> {
    let (schema, mut batches) = catch_panic(|| open(path)).map_err(|reason| TableError::new(path, reason))?;
    let columns = Columns::find(&schema, vector_column).map_err(|reason| TableError::new(path, reason))?;
    let mut row_number: u64 = 0;
    let mut dimension = None;
    while let Some(batch) = catch_panic(|| batches.next().transpose()).transpose() {
        let batch = batch
            .map_err(|reason| TableError::new(path, format_args!("{reason}, after {row_number} rows")))?;
        for row in 0..batch.num_rows() {
            let failed = |column: &str, reason: &dyn Display| {
                TableError::new(path, format_args!("row {row_number}, column `{column}`: {reason}"))
            };
            let (document, vector) =
                columns.document(&batch, row).map_err(|error| failed(error.column, &error.reason))?;
            let first = *dimension.get_or_insert(vector.len());
            if vector.len() != first {
                let reason = format_args!(
                    "the vector has {} elements, earlier ones {first}: all must have the same number",
                    vector.len()
                );
                return Err(failed(columns.vector_name(), &reason));
            }
            accept(document.with_embedding(vector)).map_err(|error| {
                let column = columns.vector_name();
                let origin =
                    format_args!("the vector is in column `{column}`, --vector-column names another");
                TableError::new(path, format_args!("row {row_number}: {error} ({origin})"))
            })?;
            row_number += 1;
        }
    }
    Ok(())
}

/// Runs `read` and converts panics to errors: the Parquet and Arrow readers panic on some damaged files.
fn catch_panic<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("it is damaged: write it again".to_owned()))
}

/// Opens a file; returns its schema and rows.
fn open(path: &Path) -> Result<(SchemaRef, Batches), String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => parquet::open(path),
        Some("arrow" | "feather") => arrow::open_file(path),
        Some("arrows") => arrow::open_stream(path),
        _ => Err("write a name that ends in .parquet, .arrow, .feather or .arrows".to_owned()),
    }
}
