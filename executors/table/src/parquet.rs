//! Reading Parquet.

use std::fs::File;
use std::path::Path;

use arrow_schema::SchemaRef;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::ParquetMetaData;

use crate::Batches;

/// Rows that are read together, at the most.
const ROWS_MAX: u64 = 1024;
/// What the rows that are read together should take, in bytes, if the file's own numbers say so.
const BATCH_BYTES: u64 = 16 << 20;

/// The columns of a file, and its rows.
pub(crate) fn open(path: &Path) -> Result<(SchemaRef, Batches), String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(told)?;
    let rows = usize::try_from(rows_together(builder.metadata())).unwrap_or(1);
    let schema = builder.schema().clone();
    let batches = builder.with_batch_size(rows).build().map_err(told)?;
    Ok((schema, Box::new(batches.map(|batch| batch.map_err(told)))))
}

/// How many rows fit into a batch: few where rows are large, as those with pictures are.
fn rows_together(metadata: &ParquetMetaData) -> u64 {
    let groups = metadata.row_groups().iter();
    let row_bytes = groups.map(|group| {
        let number = |number: i64| u64::try_from(number).unwrap_or(0);
        number(group.total_byte_size()) / number(group.num_rows()).max(1)
    });
    (BATCH_BYTES / row_bytes.max().unwrap_or(0).max(1)).clamp(1, ROWS_MAX)
}

fn told(error: impl std::fmt::Display) -> String {
    format!("it is no whole Parquet file: {error}")
}
