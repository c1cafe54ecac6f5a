//! Writes Parquet files.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, FixedSizeListBuilder, Float32Builder, StringBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use flowrun_sdk::Document;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;

use crate::TableError;
use crate::columns::REST;

/// Largest number of rows per batch.
const BATCH_ROWS: usize = 1024;
/// Size in bytes at which pending rows are written as a batch, even if they are fewer than [`BATCH_ROWS`].
const BATCH_BYTES: usize = 8 << 20;
/// Size in bytes at which a row group is written to the file; until then it is in memory.
const GROUP_BYTES: usize = 64 << 20;

/// Writes documents with their vectors to a Parquet file, one row each.
///
/// The columns are `id`, `embedding`, `text`, `uri`, `mime_type`, `parent_id`, `blob`, `tags` (JSON) and `__document__`:
/// the JSON of all other fields, usually null. [`read`](crate::read) returns equal documents.
pub struct Writer {
    path: PathBuf,
    /// The file, opened with the first vector, which determines its schema.
    file: Option<OpenFile>,
}

/// A file with its schema.
struct OpenFile {
    schema: SchemaRef,
    dimension: usize,
    writer: ArrowWriter<File>,
    pending: Rows,
    /// Size of the pending rows in bytes.
    pending_bytes: usize,
}

/// Column builders of rows that are not written yet.
struct Rows {
    id: StringBuilder,
    embedding: FixedSizeListBuilder<Float32Builder>,
    text: StringBuilder,
    uri: StringBuilder,
    mime_type: StringBuilder,
    parent_id: StringBuilder,
    blob: BinaryBuilder,
    tags: StringBuilder,
    rest: StringBuilder,
    count: usize,
}

impl Writer {
    /// Creates or truncates a file.
    ///
    /// # Errors
    /// When it cannot be created.
    pub fn create(path: &Path) -> Result<Self, TableError> {
        File::create(path).map_err(|error| TableError::new(path, error))?;
        Ok(Self { path: path.to_owned(), file: None })
    }

    /// Writes a row: a document, and its vector, which replaces the document's embedding. Rows are buffered; the file is
    /// complete only after [`finish`](Self::finish).
    ///
    /// # Errors
    /// When the vector has another dimension than earlier ones, or the file cannot be written.
    pub fn push(&mut self, document: Document, vector: &[f32]) -> Result<(), TableError> {
        let failed = |error: String| TableError::new(&self.path, error);
        let file = match &mut self.file {
            Some(file) => file,
            file => file.insert(OpenFile::new(&self.path, vector.len()).map_err(failed)?),
        };
        if vector.len() != file.dimension {
            return Err(failed(format!(
                "document `{}` has a vector of {} dimensions, earlier ones have {}: export one pod at a time",
                document.id,
                vector.len(),
                file.dimension
            )));
        }
        file.push(document, vector).map_err(failed)
    }

    /// Writes pending rows and the footer, and syncs the file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn finish(mut self) -> Result<(), TableError> {
        let file = match self.file.take() {
            Some(file) => Ok(file),
            // A table without rows has columns too.
            None => OpenFile::new(&self.path, 1),
        };
        file.and_then(OpenFile::finish).map_err(|error| TableError::new(&self.path, error))
    }
}

impl OpenFile {
    fn new(path: &Path, dimension: usize) -> Result<Self, String> {
        let length = i32::try_from(dimension).map_err(to_text)?;
        let schema = Arc::new(schema(length));
        // A dictionary does not help: elements of vectors hardly repeat.
        let elements =
            ColumnPath::from(vec!["embedding".to_owned(), "list".to_owned(), "element".to_owned()]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(to_text)?))
            .set_column_dictionary_enabled(elements, false)
            .build();
        let file = File::create(path).map_err(to_text)?;
        let writer = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(to_text)?;
        Ok(Self { schema, dimension, writer, pending: Rows::new(length), pending_bytes: 0 })
    }

    fn push(&mut self, document: Document, vector: &[f32]) -> Result<(), String> {
        self.pending_bytes += document.memory_bytes() + size_of_val(vector);
        self.pending.push(document, vector)?;
        if self.pending.count >= BATCH_ROWS || self.pending_bytes >= BATCH_BYTES {
            self.write()
        } else {
            Ok(())
        }
    }

    fn write(&mut self) -> Result<(), String> {
        self.pending_bytes = 0;
        let batch = RecordBatch::try_new(self.schema.clone(), self.pending.take()).map_err(to_text)?;
        self.writer.write(&batch).map_err(to_text)?;
        if self.writer.in_progress_size() >= GROUP_BYTES {
            self.writer.flush().map_err(to_text)
        } else {
            Ok(())
        }
    }

    fn finish(mut self) -> Result<(), String> {
        self.write()?;
        let file = self.writer.into_inner().map_err(to_text)?;
        file.sync_all().map_err(to_text)
    }
}

fn schema(dimension: i32) -> Schema {
    let column = |name: &str, data_type: &DataType| Field::new(name, data_type.clone(), true);
    let text = DataType::Utf8;
    let element = Arc::new(Field::new("element", DataType::Float32, false));
    Schema::new(vec![
        Field::new("id", text.clone(), false),
        Field::new("embedding", DataType::FixedSizeList(element, dimension), false),
        column("text", &text),
        column("uri", &text),
        column("mime_type", &text),
        column("parent_id", &text),
        column("blob", &DataType::Binary),
        column("tags", &text),
        column(REST, &text),
    ])
}

impl Rows {
    fn new(dimension: i32) -> Self {
        let element = Arc::new(Field::new("element", DataType::Float32, false));
        Self {
            id: StringBuilder::new(),
            embedding: FixedSizeListBuilder::new(Float32Builder::new(), dimension).with_field(element),
            text: StringBuilder::new(),
            uri: StringBuilder::new(),
            mime_type: StringBuilder::new(),
            parent_id: StringBuilder::new(),
            blob: BinaryBuilder::new(),
            tags: StringBuilder::new(),
            rest: StringBuilder::new(),
            count: 0,
        }
    }

    fn push(&mut self, document: Document, vector: &[f32]) -> Result<(), String> {
        let non_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.id.append_value(&document.id);
        self.embedding.values().append_slice(vector);
        self.embedding.append(true);
        self.text.append_option(document.text.as_deref());
        self.uri.append_option(non_empty(&document.uri));
        self.mime_type.append_option(non_empty(&document.mime_type));
        self.parent_id.append_option(non_empty(&document.parent_id));
        self.blob.append_option(document.blob.as_deref());
        let tags = (!document.tags.is_empty()).then(|| serde_json::to_string(&*document.tags)).transpose();
        self.tags.append_option(tags.map_err(to_text)?);
        let rest = without_columns(document);
        let rest = (rest != Document::default()).then(|| serde_json::to_string(&rest)).transpose();
        self.rest.append_option(rest.map_err(to_text)?);
        self.count += 1;
        Ok(())
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.count = 0;
        vec![
            Arc::new(self.id.finish()),
            Arc::new(self.embedding.finish()),
            Arc::new(self.text.finish()),
            Arc::new(self.uri.finish()),
            Arc::new(self.mime_type.finish()),
            Arc::new(self.parent_id.finish()),
            Arc::new(self.blob.finish()),
            Arc::new(self.tags.finish()),
            Arc::new(self.rest.finish()),
        ]
    }
}

/// The document without the fields that have a column.
fn without_columns(document: Document) -> Document {
    Document {
        id: String::new(),
        parent_id: String::new(),
        mime_type: String::new(),
        uri: String::new(),
        text: None,
        blob: None,
        embedding: None,
        tags: Arc::default(),
        ..document
    }
}

fn to_text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
