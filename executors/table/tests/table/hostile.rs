//! Files that were cut off or changed are errors, or read as something: nothing panics, and nothing is taken in without bound.

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

/// Numbers that look random, always the same.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).unwrap()
    }
}

/// A table with cells of many kinds.
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

/// How often each file is damaged.
fn times() -> usize {
    std::env::var("FLOWRUN_DAMAGES").ok().and_then(|times| times.parse().ok()).unwrap_or(300)
}

fn damage(name: &str, whole: &[u8]) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(name);
    let read = |bytes: &[u8], path: &Path| {
        std::fs::write(path, bytes).unwrap();
        documents(path)
    };
    assert_eq!(read(whole, &path).unwrap().len(), 50);
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut errors = 0;
    for _ in 0..times() {
        let mut bytes = whole.to_vec();
        for _ in 0..=random.below(4) {
            let place = random.below(bytes.len());
            bytes[place] = match random.below(3) {
                0 => 0xff,
                1 => bytes[place] ^ 1 << random.below(8),
                _ => u8::try_from(random.below(256)).unwrap(),
            };
        }
        errors += usize::from(read(&bytes, &path).is_err());
    }
    assert!(errors > times() / 10, "{name}: {errors}");
    for _ in 0..times() / 4 {
        let length = random.below(whole.len());
        let read = read(&whole[..length], &path);
        // A stream may end behind any message.
        assert!(read.is_err() || name.ends_with(".arrows"), "{name} of {length} bytes");
    }
}

#[test]
fn parquet_that_is_damaged_is_an_error() {
    for compression in [
        Compression::UNCOMPRESSED,
        Compression::SNAPPY,
        Compression::LZ4_RAW,
        Compression::ZSTD(ZstdLevel::default()),
        Compression::GZIP(GzipLevel::default()),
    ] {
        damage("a.parquet", &parquet(compression));
    }
}

#[test]
fn arrow_that_is_damaged_is_an_error() {
    for compression in [None, Some(CompressionType::LZ4_FRAME), Some(CompressionType::ZSTD)] {
        damage("a.arrow", &arrow(compression, true));
        damage("a.arrows", &arrow(compression, false));
    }
}

#[test]
fn nothing_is_unpacked_that_says_it_becomes_too_much() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.arrow");
    let mut bytes = arrow(Some(CompressionType::ZSTD), true);
    // The first packed buffer begins with what it becomes, before the first frame of zstd.
    let frame = bytes.windows(4).position(|window| window == [0x28, 0xb5, 0x2f, 0xfd]).unwrap();
    bytes[frame - 8..frame].copy_from_slice(&(1_i64 << 50).to_le_bytes());
    std::fs::write(&path, bytes).unwrap();
    let said = documents(&path).unwrap_err().to_string();
    assert!(said.contains("is more than the 4294967296 allowed; write smaller ones"), "{said}");
}
