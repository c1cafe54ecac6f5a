//! Writing Parquet.

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

/// Rows that are handed on together.
const BATCH_ROWS: usize = 1024;
/// What rows that wait may take, in bytes, before they are handed on.
const BATCH_BYTES: usize = 8 << 20;
/// A row group is written when it has grown to so many bytes: that is what is held in memory.
const GROUP_BYTES: usize = 64 << 20;

/// Writes documents with their vectors to a Parquet file, a row each.
///
/// The columns are `id`, `embedding`, `text`, `uri`, `mime_type`, `parent_id`, `blob`, `tags` (JSON) and `__document__`:
/// the JSON of what has no column, null as a rule. [`read`](crate::read) makes the same documents of them.
pub struct Writer {
    path: PathBuf,
    open: Option<Open>,
}

/// A file whose columns are known, since the first vector is.
struct Open {
    schema: SchemaRef,
    dimension: usize,
    file: ArrowWriter<File>,
    waiting: Waiting,
    bytes: usize,
}

/// Rows that wait to be handed on.
struct Waiting {
    id: StringBuilder,
    embedding: FixedSizeListBuilder<Float32Builder>,
    text: StringBuilder,
    uri: StringBuilder,
    mime_type: StringBuilder,
    parent_id: StringBuilder,
    blob: BinaryBuilder,
    tags: StringBuilder,
    rest: StringBuilder,
    rows: usize,
}

impl Writer {
    /// A file that is written anew.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn create(path: &Path) -> Result<Self, TableError> {
        File::create(path).map_err(|error| TableError::new(path, error))?;
        Ok(Self { path: path.to_owned(), open: None })
    }

    /// Writes one row more.
    ///
    /// # Errors
    /// When the vector is of another dimension than those before, or the file cannot be written.
    pub fn push(&mut self, document: Document, vector: &[f32]) -> Result<(), TableError> {
        let failed = |error: String| TableError::new(&self.path, error);
        let open = match &mut self.open {
            Some(open) => open,
            open => open.insert(Open::new(&self.path, vector.len()).map_err(failed)?),
        };
        if vector.len() != open.dimension {
            return Err(failed(format!(
                "document `{}` has a vector of {} dimensions, those before have {}: export one pod at a time",
                document.id,
                vector.len(),
                open.dimension
            )));
        }
        open.push(document, vector).map_err(failed)
    }

    /// Writes what waits, and the end of the file, and waits for the disk.
    ///
    /// # Errors
    /// When that fails.
    pub fn finish(mut self) -> Result<(), TableError> {
        let open = match self.open.take() {
            Some(open) => Ok(open),
            // A table without rows has its columns nevertheless.
            None => Open::new(&self.path, 1),
        };
        open.and_then(Open::finish).map_err(|error| TableError::new(&self.path, error))
    }
}

impl Open {
    fn new(path: &Path, dimension: usize) -> Result<Self, String> {
        let length = i32::try_from(dimension).map_err(told)?;
        let schema = Arc::new(schema(length));
        // Vectors repeat nothing, and nobody asks for the smallest element of all.
        let elements =
            ColumnPath::from(vec!["embedding".to_owned(), "list".to_owned(), "element".to_owned()]);
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(told)?))
            .set_column_dictionary_enabled(elements, false)
            .build();
        let file = File::create(path).map_err(told)?;
        let file = ArrowWriter::try_new(file, schema.clone(), Some(properties)).map_err(told)?;
        Ok(Self { schema, dimension, file, waiting: Waiting::new(length), bytes: 0 })
    }

    fn push(&mut self, document: Document, vector: &[f32]) -> Result<(), String> {
        self.bytes += document.memory_bytes() + size_of_val(vector);
        self.waiting.push(document, vector)?;
        if self.waiting.rows >= BATCH_ROWS || self.bytes >= BATCH_BYTES { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), String> {
        self.bytes = 0;
        let batch = RecordBatch::try_new(self.schema.clone(), self.waiting.take()).map_err(told)?;
        self.file.write(&batch).map_err(told)?;
        if self.file.in_progress_size() >= GROUP_BYTES { self.file.flush().map_err(told) } else { Ok(()) }
    }

    fn finish(mut self) -> Result<(), String> {
        self.write()?;
        let file = self.file.into_inner().map_err(told)?;
        file.sync_all().map_err(told)
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

impl Waiting {
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
            rows: 0,
        }
    }

    fn push(&mut self, document: Document, vector: &[f32]) -> Result<(), String> {
        let set = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        self.id.append_value(&document.id);
        self.embedding.values().append_slice(vector);
        self.embedding.append(true);
        self.text.append_option(document.text.as_deref());
        self.uri.append_option(set(&document.uri));
        self.mime_type.append_option(set(&document.mime_type));
        self.parent_id.append_option(set(&document.parent_id));
        self.blob.append_option(document.blob.as_deref());
        let tags = (!document.tags.is_empty()).then(|| serde_json::to_string(&*document.tags)).transpose();
        self.tags.append_option(tags.map_err(told)?);
        let rest = rest(document);
        let rest = (rest != Document::default()).then(|| serde_json::to_string(&rest)).transpose();
        self.rest.append_option(rest.map_err(told)?);
        self.rows += 1;
        Ok(())
    }

    fn take(&mut self) -> Vec<ArrayRef> {
        self.rows = 0;
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

/// What of a document has no column.
fn rest(document: Document) -> Document {
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

fn told(error: impl std::fmt::Display) -> String {
    error.to_string()
}
