//! Reads Arrow IPC files (equal to Feather version 2) and streams.
//!
//! Both consist of messages: a schema, dictionaries, batches of rows. Sizes in messages are not trusted: memory is allocated
//! for bytes that were read, and a batch is rejected if it states an uncompressed size above [`BATCH_BYTES_MAX`].

use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::io::{BufReader, Read, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_buffer::Buffer;
use arrow_ipc::convert::try_fb_to_schema;
use arrow_ipc::reader::{read_dictionary, read_record_batch};
use arrow_ipc::{Block, Message, MessageHeader, Schema, root_as_footer, root_as_message};
use arrow_schema::SchemaRef;

use crate::Batches;

/// Largest uncompressed size of a batch, in bytes. Usual batches have some megabytes.
const BATCH_BYTES_MAX: u64 = 4 << 30;
/// Largest metadata of a message (schema or description of buffers), in bytes.
const METADATA_BYTES_MAX: u64 = 64 << 20;
/// First and last bytes of a file.
const MAGIC: &[u8; 6] = b"ARROW1";
/// Size in bytes of the end of a file: the length of the footer, and [`MAGIC`].
const TAIL_BYTES: u64 = 10;

/// Opens a file; returns its schema and rows. The text of an error does not contain the path.
pub(crate) fn open_file(path: &Path) -> Result<(SchemaRef, Batches), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut start = [0; 6];
    file.read_exact(&mut start).map_err(damaged)?;
    if start.starts_with(b"FEA1") {
        return Err("it is Feather version 1: write it again with a current library, which writes version 2"
            .to_owned());
    }
    let mut tail = [0; 10];
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).map_err(damaged)?;
    file.read_exact(&mut tail).map_err(damaged)?;
    let (footer_length, magic) = tail.split_at(4);
    if &start != MAGIC || magic != MAGIC {
        return Err(damaged("it does not begin and end with ARROW1"));
    }
    let footer_length = u64::from(u32::from_le_bytes(footer_length.try_into().unwrap_or_default()));
    let footer_start =
        (length - TAIL_BYTES).checked_sub(footer_length).ok_or_else(|| damaged("its footer is truncated"))?;
    file.seek(SeekFrom::Start(footer_start)).map_err(damaged)?;
    let bytes = read_bounded(&mut file, footer_length, METADATA_BYTES_MAX)?;
    let footer = root_as_footer(&bytes).map_err(damaged)?;
    let schema = footer.schema().ok_or_else(|| damaged("it has no schema"))?;
    let schema = convert_schema(schema)?;
    let blocks = [footer.dictionaries(), footer.recordBatches()].into_iter().flatten().flatten();
    let messages = Messages {
        source: BufReader::new(file),
        schema: schema.clone(),
        dictionaries: HashMap::new(),
        blocks: Some(blocks.copied().collect()),
        is_done: false,
    };
    Ok((schema, Box::new(messages)))
}

/// Opens a stream; returns its schema and rows. The text of an error does not contain the path.
pub(crate) fn open_stream(path: &Path) -> Result<(SchemaRef, Batches), String> {
    let mut source = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let bytes = read_metadata(&mut source)?.ok_or_else(|| damaged("it is empty"))?;
    let message = root_as_message(&bytes).map_err(damaged)?;
    let schema = message.header_as_schema().ok_or_else(|| damaged("it does not begin with a schema"))?;
    let schema = convert_schema(schema)?;
    let messages = Messages {
        source,
        schema: schema.clone(),
        dictionaries: HashMap::new(),
        blocks: None,
        is_done: false,
    };
    Ok((schema, Box::new(messages)))
}

/// Converts a schema.
///
/// # Errors
/// When its byte order is not that of this machine, or it is malformed.
fn convert_schema(schema: Schema<'_>) -> Result<SchemaRef, String> {
    if !schema.endianness().equals_to_target_endianness() {
        return Err("it has the byte order of another machine: write it on this one".to_owned());
    }
    Ok(Arc::new(try_fb_to_schema(schema).map_err(damaged)?))
}

/// The messages after the schema, as an iterator over the batches of rows. It ends after an error.
struct Messages {
    source: BufReader<File>,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
    /// Remaining messages of a file; `None` for a stream, whose messages are consecutive.
    blocks: Option<VecDeque<Block>>,
    is_done: bool,
}

impl Iterator for Messages {
    type Item = Result<RecordBatch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let read = self.next_batch().transpose();
        self.is_done = !matches!(read, Some(Ok(_)));
        read
    }
}

impl Messages {
    /// Reads messages up to the next batch of rows.
    fn next_batch(&mut self) -> Result<Option<RecordBatch>, String> {
        loop {
            if let Some(blocks) = &mut self.blocks {
                let Some(block) = blocks.pop_front() else { return Ok(None) };
                let offset = u64::try_from(block.offset()).map_err(damaged)?;
                self.source.seek(SeekFrom::Start(offset)).map_err(damaged)?;
            }
            let Some(bytes) = read_metadata(&mut self.source)? else { return Ok(None) };
            let message = root_as_message(&bytes).map_err(damaged)?;
            let length = u64::try_from(message.bodyLength()).map_err(damaged)?;
            let body = Buffer::from_vec(read_bounded(&mut self.source, length, u64::MAX)?);
            check_buffers(&message, &body)?;
            let version = message.version();
            match message.header_type() {
                MessageHeader::DictionaryBatch => {
                    let batch = message
                        .header_as_dictionary_batch()
                        .ok_or_else(|| damaged("a dictionary is missing"))?;
                    read_dictionary(&body, batch, &self.schema, &mut self.dictionaries, &version)
                        .map_err(damaged)?;
                }
                MessageHeader::RecordBatch => {
                    let batch =
                        message.header_as_record_batch().ok_or_else(|| damaged("rows are missing"))?;
                    let read = read_record_batch(
                        &body,
                        batch,
                        self.schema.clone(),
                        &self.dictionaries,
                        None,
                        &version,
                    );
                    return read.map(Some).map_err(damaged);
                }
                other => return Err(damaged(format_args!("a message is {other:?}"))),
            }
        }
    }
}

/// Reads the metadata of a message, which precedes its body; `None` at the end of the stream.
fn read_metadata(source: &mut impl Read) -> Result<Option<Vec<u8>>, String> {
    let mut length = [0; 4];
    match source.read(&mut length).map_err(damaged)? {
        0 => return Ok(None),
        read => source.read_exact(length.split_at_mut(read).1).map_err(damaged)?,
    }
    // Continuation marker, since format version 0.15.
    if length == [0xff; 4] {
        source.read_exact(&mut length).map_err(damaged)?;
    }
    match u64::from(u32::from_le_bytes(length)) {
        0 => Ok(None),
        length => read_bounded(source, length, METADATA_BYTES_MAX).map(Some),
    }
}

/// Reads `length` bytes.
///
/// # Errors
/// When `length` exceeds `length_max`, or the file is shorter.
fn read_bounded(source: &mut impl Read, length: u64, length_max: u64) -> Result<Vec<u8>, String> {
    if length > length_max {
        return Err(format!("a message has {length} bytes, more than the {length_max} allowed"));
    }
    let mut bytes = Vec::new();
    source.take(length).read_to_end(&mut bytes).map_err(damaged)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(damaged("it is truncated")) }
}

/// Rejects buffers outside the body, and batches whose stated uncompressed size is too large: the reader allocates it before it
/// decompresses.
fn check_buffers(message: &Message<'_>, body: &[u8]) -> Result<(), String> {
    let batch = match message.header_type() {
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => message.header_as_record_batch(),
    };
    let Some(batch) = batch else { return Ok(()) };
    let is_compressed = batch.compression().is_some();
    let mut sum: u64 = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let to_usize = |number: i64| usize::try_from(number).ok();
        let bytes = to_usize(buffer.offset()).zip(to_usize(buffer.length()));
        let bytes = bytes.and_then(|(offset, length)| body.get(offset..)?.get(..length));
        let bytes = bytes.ok_or_else(|| damaged("a column is outside the message"))?;
        // A compressed buffer begins with its uncompressed size; −1 marks an uncompressed one.
        let size = bytes.first_chunk().filter(|_| is_compressed).map_or(0, |size| i64::from_le_bytes(*size));
        sum = sum.saturating_add(u64::try_from(size).unwrap_or(0));
    }
    if sum > BATCH_BYTES_MAX {
        return Err(format!(
            "a batch of {sum} bytes is more than the {BATCH_BYTES_MAX} allowed; write smaller batches"
        ));
    }
    Ok(())
}

fn damaged(error: impl std::fmt::Display) -> String {
    format!("it is not a complete Arrow file: {error}")
}
