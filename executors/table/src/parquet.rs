//! Reads Parquet files.

use std::fs::File;
use std::path::Path;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;

use crate::Batches;

/// Largest number of rows per batch.
const ROWS_MAX: u64 = 1024;
/// Intended size of a batch in bytes, estimated from the metadata of the file.
const BATCH_BYTES: u64 = 16 << 20;

/// Opens a file; returns its schema and rows. The text of an error does not contain the path.
pub(crate) fn open(path: &Path) -> Result<(SchemaRef, Batches), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(damaged)?;
    let rows = usize::try_from(batch_rows(builder.metadata())).unwrap_or(1);
    let schema = builder.schema().clone();
    let batches = builder.with_batch_size(rows).build().map_err(damaged)?;
    Ok((schema, Box::new(batches.map(|batch| batch.map_err(damaged)))))
}

/// Rows per batch: few if rows are large, such as those with images.
fn batch_rows(metadata: &ParquetMetaData) -> u64 {
    let groups = metadata.row_groups().iter();
    let row_bytes = groups.map(|group| {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        number(group.total_byte_size()) / number(group.num_rows()).max(1)
    });
    (BATCH_BYTES / row_bytes.max().unwrap_or(0).max(1)).clamp(1, ROWS_MAX)
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("it is not a complete Parquet file: {error}")
}
