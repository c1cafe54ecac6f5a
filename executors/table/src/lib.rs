//! Documents in the rows of tables: Parquet and Arrow IPC files are read, Parquet files are written.
//!
//! Each row is a document. [`columns`] says which column is which field, [`rows`] makes documents of a batch of rows, the
//! same for both formats; a file is read batch by batch and written row group by row group, so that its size does not
//! matter. What is deliberately not here: indexes, of which this crate knows nothing. Who reads says what becomes of each
//! document.

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

/// Why a table could not be read or written: file, row, column, cause, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TableError(String);

impl TableError {
    fn new(path: &Path, reason: impl Display) -> Self {
        Self(format!("{}: {reason}", path.display()))
    }
}

/// The endings of the names of files that are read.
pub const READ: [&str; 4] = ["parquet", "arrow", "feather", "arrows"];
/// The endings of the names of files that are written.
pub const WRITTEN: [&str; 1] = ["parquet"];

/// The rows of a file, some at a time.
type Batches = Box<dyn Iterator<Item = Result<RecordBatch, String>>>;

/// Hands over the document of each row of a table, in their order. Documents of a table without a column `id` have none.
/// The vector is in the column `vector_column`; when that is not said in `embedding`, else in `vector`, else in the only
/// column that is a list of floats.
///
/// # Errors
/// When the file cannot be read, a row is no document, or `accept` refuses one; the error says which.
pub fn read<E: Display>(
    path: &Path,
    vector_column: Option<&str>,
    mut accept: impl FnMut(Document) -> Result<(), E>,
) -> Result<(), TableError> {
    let (schema, mut batches) = guarded(|| open(path)).map_err(|reason| TableError::new(path, reason))?;
    let columns = Columns::find(&schema, vector_column).map_err(|reason| TableError::new(path, reason))?;
    let mut row_number: u64 = 0;
    let mut dimension = None;
    while let Some(batch) = guarded(|| batches.next().transpose()).transpose() {
        let batch = batch
            .map_err(|reason| TableError::new(path, format_args!("{reason}, behind row {row_number}")))?;
        for row in 0..batch.num_rows() {
            let failed = |column: &str, reason: &dyn Display| {
                TableError::new(path, format_args!("row {row_number}, column `{column}`: {reason}"))
            };
            let (document, vector) =
                columns.document(&batch, row).map_err(|error| failed(error.column, &error.reason))?;
            let first = *dimension.get_or_insert(vector.len());
            if vector.len() != first {
                let reason = format_args!(
                    "the vector has {} elements, those before have {first}: all must have as many",
                    vector.len()
                );
                return Err(failed(columns.vector_name(), &reason));
            }
            accept(document.with_embedding(vector)).map_err(|error| {
                let column = columns.vector_name();
                let where_from =
                    format_args!("the vector is in column `{column}`, --vector-column names another");
                TableError::new(path, format_args!("row {row_number}: {error} ({where_from})"))
            })?;
            row_number += 1;
        }
    }
    Ok(())
}

/// What reading comes to. Readers check most, and panic over the rest of what is damaged.
fn guarded<T>(read: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("it is damaged: write it anew".to_owned()))
}

/// The columns of a file, and its rows in batches.
fn open(path: &Path) -> Result<(SchemaRef, Batches), String> {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("parquet") => parquet::open(path),
        Some("arrow" | "feather") => arrow::open_file(path),
        Some("arrows") => arrow::open_stream(path),
        _ => Err("write a name that ends in .parquet, .arrow, .feather or .arrows".to_owned()),
    }
}
