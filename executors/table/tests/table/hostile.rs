//! Damaged and truncated files: no panic and no unbounded allocation.

use std::path::Path;
use std::sync::Arc;

use arrow_array::types::{Float32Type, Int8Type, Int16Type};
use arrow_array::*;
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::documents;

/// Deterministic pseudo-random numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// A table with columns of different types.
fn batch() -> RecordBatch {
    let rows = 0..50_i16;
    let vectors = rows.clone().map(|row| Some(vec![Some(f32::from(row)), Some(1.0)]));
    let words: DictionaryArray<Int8Type> =
        rows.clone().map(|row| if row % 2 == 0 { "even" } else { "odd" }).collect();
    let lists = rows.clone().map(|row| (row % 3 > 0).then(|| vec![Some(row), None]));
    let columns: [(&str, ArrayRef); 6] = [
        ("id", Arc::new(StringArray::from_iter_values(rows.clone().map(|row| format!("id-{row}"))))),
        ("embedding", Arc::new(FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(vectors, 2))),
        ("words", Arc::new(words)),
        ("lists", Arc::new(ListArray::from_iter_primitive::<Int16Type, _, _>(lists))),
        ("time", Arc::new(TimestampMillisecondArray::from_iter_values(rows.clone().map(i64::from)))),
        (
            "view",
            Arc::new(StringViewArray::from_iter_values(
                rows.map(|row| format!("a longer text, number {row}")),
            )),
        ),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

fn parquet(compression: Compression) -> Vec<u8> {
    let properties = WriterProperties::builder().set_compression(compression).build();
    let batch = batch();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn arrow(compression: Option<CompressionType>, is_file: bool) -> Vec<u8> {
    let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
    let (batch, mut bytes) = (batch(), Vec::new());
    if is_file {
        let mut writer = FileWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    } else {
        let mut writer = StreamWriter::try_new_with_options(&mut bytes, &batch.schema(), options).unwrap();
        writer.write(&batch).unwrap();
        writer.finish().unwrap();
    }
    bytes
}

/// Number of damaged copies of each file.
fn repetitions() -> usize {
    std::env::var("FLOWRUN_DAMAGES").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}

/// Reads damaged and truncated copies of a file.
fn read_damaged(name: &str, intact: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let read = |bytes: &[u8], path: &Path| {
        std::fs::write(path, bytes).unwrap();
        documents(path)
    };
    assert_eq!(read(intact, &path).unwrap().len(), 50);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut errors = 0;
    for _ in 0..repetitions() {
        let mut bytes = intact.to_vec();
        for _ in 0..=random.below(4) {
            let position = random.below(bytes.len());
            bytes[position] = match random.below(3) {
                0 => 0xff,
                1 => bytes[position] ^ 1 << random.below(8),
                _ => u8::try_from(random.below(256)).unwrap(),
            };
        }
        errors += usize::from(read(&bytes, &path).is_err());
    }
    assert!(errors > repetitions() / 10, "{name}: {errors}");
    for _ in 0..repetitions() / 4 {
        let length = random.below(intact.len());
        let read = read(&intact[..length], &path);
        // A stream may end after any message.
        assert!(read.is_err() || name.ends_with(".arrows"), "{name} of {length} bytes");
    }
}

#[test]
fn damaged_parquet_is_an_error() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(GzipLevel::default()),
    ] {
        read_damaged("a.parquet", &parquet(compression));
    }
}

#[test]
fn damaged_arrow_is_an_error() {
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        read_damaged("a.arrow", &arrow(compression, true));
        read_damaged("a.arrows", &arrow(compression, false));
    }
}

#[test]
fn batches_with_a_huge_uncompressed_size_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.arrow");
    let mut bytes = arrow(Some(CompressionType::ZSTD), true);
    // A compressed buffer begins with its uncompressed size, before the zstd frame.
    let frame = bytes.windows(4).position(|window| window == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    bytes[frame - 8..frame].copy_from_slice(&(1_i64 << 50).to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let error = documents(&path).unwrap_err().to_string();
    assert!(error.contains("is more than the 4294967296 allowed; write smaller batches"), "{error}");
}
