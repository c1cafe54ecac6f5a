//! Reading Arrow IPC: files (Feather's second version is the same) and streams.
//!
//! Both are messages: a schema, dictionaries, batches of rows. What a message says of its own size is not believed: no
//! more is read than there is, and nothing is unpacked that says it becomes more than [`BATCH_BYTES_MAX`].

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

/// What a batch of rows may become when it is unpacked, in bytes. Writers make batches of some megabytes.
const BATCH_BYTES_MAX: u64 = 4 << 30;
/// The longest schema or list of columns that is read, in bytes.
const METADATA_BYTES_MAX: u64 = 64 << 20;
/// What a file begins and ends with.
const MAGIC: &[u8; 6] = b"ARROW1";
/// Behind the last message are the length of the footer and [`MAGIC`].
const TAIL_BYTES: u64 = 10;

/// The columns of a file, and its rows.
pub(crate) fn open_file(path: &Path) -> Result<(SchemaRef, Batches), String> {
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let length = file.metadata().map_err(|error| error.to_string())?.len();
    let mut start = [0; 6];
    file.read_exact(&mut start).map_err(told)?;
    if start.starts_with(b"FEA1") {
        return Err("it is Feather of the first version: write it anew, which gives the second".to_owned());
    }
    let mut tail = [0; 10];
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).map_err(told)?;
    file.read_exact(&mut tail).map_err(told)?;
    let (footer_length, magic) = tail.split_at(4);
    if &start != MAGIC || magic != MAGIC {
        return Err(told("it does not begin and end with ARROW1"));
    }
    let footer_length = u64::from(u32::from_le_bytes(footer_length.try_into().unwrap_or_default()));
    let footer_start =
        (length - TAIL_BYTES).checked_sub(footer_length).ok_or_else(|| told("its footer is cut off"))?;
    file.seek(SeekFrom::Start(footer_start)).map_err(told)?;
    let bytes = bounded(&mut file, footer_length, METADATA_BYTES_MAX)?;
    let footer = root_as_footer(&bytes).map_err(told)?;
    let schema = footer.schema().ok_or_else(|| told("it has no schema"))?;
    let schema = known(schema)?;
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

/// The columns of a stream, and its rows.
pub(crate) fn open_stream(path: &Path) -> Result<(SchemaRef, Batches), String> {
    let mut source = BufReader::new(File::open(path).map_err(|error| error.to_string())?);
    let bytes = header(&mut source)?.ok_or_else(|| told("it is empty"))?;
    let message = root_as_message(&bytes).map_err(told)?;
    let schema = message.header_as_schema().ok_or_else(|| told("it does not begin with a schema"))?;
    let schema = known(schema)?;
    let messages = Messages {
        source,
        schema: schema.clone(),
        dictionaries: HashMap::new(),
        blocks: None,
        is_done: false,
    };
    Ok((schema, Box::new(messages)))
}

/// The columns that a schema describes, if this machine can read their numbers.
fn known(schema: Schema<'_>) -> Result<SchemaRef, String> {
    if !schema.endianness().equals_to_target_endianness() {
        return Err(
            "its numbers are in the byte order of another machine: write it anew on this one".to_owned()
        );
    }
    Ok(Arc::new(try_fb_to_schema(schema).map_err(told)?))
}

/// The messages behind the schema.
struct Messages {
    source: BufReader<File>,
    schema: SchemaRef,
    dictionaries: HashMap<i64, ArrayRef>,
    /// Where they are; in a stream one follows the other.
    blocks: Option<VecDeque<Block>>,
    is_done: bool,
}

impl Iterator for Messages {
    type Item = Result<RecordBatch, String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let read = self.read().transpose();
        self.is_done = !matches!(read, Some(Ok(_)));
        read
    }
}

impl Messages {
    /// Reads up to the next batch of rows.
    fn read(&mut self) -> Result<Option<RecordBatch>, String> {
        loop {
            if let Some(blocks) = &mut self.blocks {
                let Some(block) = blocks.pop_front() else { return Ok(None) };
                let offset = u64::try_from(block.offset()).map_err(told)?;
                self.source.seek(SeekFrom::Start(offset)).map_err(told)?;
            }
            let Some(bytes) = header(&mut self.source)? else { return Ok(None) };
            let message = root_as_message(&bytes).map_err(told)?;
            let length = u64::try_from(message.bodyLength()).map_err(told)?;
            let body = Buffer::from_vec(bounded(&mut self.source, length, u64::MAX)?);
            check_buffers(&message, &body)?;
            let version = message.version();
            match message.header_type() {
                MessageHeader::DictionaryBatch => {
                    let batch = message
                        .header_as_dictionary_batch()
                        .ok_or_else(|| told("a dictionary is missing"))?;
                    read_dictionary(&body, batch, &self.schema, &mut self.dictionaries, &version)
                        .map_err(told)?;
                }
                MessageHeader::RecordBatch => {
                    let batch = message.header_as_record_batch().ok_or_else(|| told("rows are missing"))?;
                    let read = read_record_batch(
                        &body,
                        batch,
                        self.schema.clone(),
                        &self.dictionaries,
                        None,
                        &version,
                    );
                    return read.map(Some).map_err(told);
                }
                other => return Err(told(format_args!("a message is {other:?}"))),
            }
        }
    }
}

/// What stands before the body of a message. None at the end.
fn header(source: &mut impl Read) -> Result<Option<Vec<u8>>, String> {
    let mut length = [0; 4];
    match source.read(&mut length).map_err(told)? {
        0 => return Ok(None),
        read => source.read_exact(length.split_at_mut(read).1).map_err(told)?,
    }
    // Since version 0.15 this stands before each length.
    if length == [0xff; 4] {
        source.read_exact(&mut length).map_err(told)?;
    }
    match u64::from(u32::from_le_bytes(length)) {
        0 => Ok(None),
        length => bounded(source, length, METADATA_BYTES_MAX).map(Some),
    }
}

/// So many bytes, if they are there and no more than that.
fn bounded(source: &mut impl Read, length: u64, length_max: u64) -> Result<Vec<u8>, String> {
    if length > length_max {
        return Err(told(format_args!("a message of {length} bytes is too long")));
    }
    let mut bytes = Vec::new();
    source.take(length).read_to_end(&mut bytes).map_err(told)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(told("it is cut off")) }
}

/// Refuses buffers that are not in the body, and what says that it becomes too much: room for it would be made before
/// anything is unpacked.
fn check_buffers(message: &Message<'_>, body: &[u8]) -> Result<(), String> {
    let batch = match message.header_type() {
        MessageHeader::DictionaryBatch => message.header_as_dictionary_batch().and_then(|batch| batch.data()),
        _ => message.header_as_record_batch(),
    };
    let Some(batch) = batch else { return Ok(()) };
    let is_packed = batch.compression().is_some();
    let mut sum: u64 = 0;
    for buffer in batch.buffers().into_iter().flatten() {
        let place = |number: i64| usize::try_from(number).ok();
        let bytes = place(buffer.offset()).zip(place(buffer.length()));
        let bytes = bytes.and_then(|(offset, length)| body.get(offset..)?.get(..length));
        let bytes = bytes.ok_or_else(|| told("a column is not where it should be"))?;
        // What is in a packed message and not packed says minus one.
        let said = bytes.first_chunk().filter(|_| is_packed).map_or(0, |said| i64::from_le_bytes(*said));
        sum = sum.saturating_add(u64::try_from(said).unwrap_or(0));
    }
    if sum > BATCH_BYTES_MAX {
        return Err(told(format_args!(
            "a batch of {sum} bytes is more than the {BATCH_BYTES_MAX} allowed; write smaller ones"
        )));
    }
    Ok(())
}

fn told(error: impl std::fmt::Display) -> String {
    format!("it is no whole Arrow file: {error}")
}
