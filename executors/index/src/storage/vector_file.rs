//! The vectors of a shard: an append-only file.
//!
//! A header of 64 bytes, then rows of equal length: the elements (see [`super::element_type`]) and the CRC-32 of
//! their bytes. The row number identifies a vector everywhere. The file does not record how many of its rows are
//! committed; the table does.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::data_file::DataFile;
use super::element_type::ElementType;
use super::error::StorageError;
use super::layout::replace_file;

const MAGIC: &[u8; 8] = b"FLOWVECS";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;
const CHECKSUM_BYTES: usize = 4;

/// Bytes per read of a scan.
const BLOCK_BYTES: usize = 1 << 20;

/// An open vector file. Clones share the descriptor.
#[derive(Clone, Debug)]
pub(crate) struct VectorFile {
    data: Arc<DataFile>,
    path: PathBuf,
    dimension: usize,
    elements: ElementType,
}

impl VectorFile {
    /// Creates an empty file.
    pub(crate) fn create(path: &Path, dimension: usize, elements: ElementType) -> Result<Self, StorageError> {
        replace_file(path, |path| {
            let header = header(dimension, elements);
            let written = DataFile::create(path).and_then(|data| data.write_all_at(&header, 0));
            written.map_err(StorageError::io("write", path))
        })?;
        Self::open(path, dimension, elements, 0)
    }

    /// Opens a file with `rows` committed rows, and truncates it after them.
    ///
    /// # Errors
    /// [`StorageError::Damaged`] when the header does not match, or committed rows are missing.
    pub(crate) fn open(
        path: &Path,
        dimension: usize,
        elements: ElementType,
        rows: u64,
    ) -> Result<Self, StorageError> {
        let opened = Self::open_read_only(path, dimension, elements, rows)?;
        opened.truncate(rows)?;
        Ok(opened)
    }

    /// Truncates the file after this many rows.
    pub(crate) fn truncate(&self, rows: u64) -> Result<(), StorageError> {
        if self.length()? > self.offset(rows) {
            let truncated = self.data.set_length(self.offset(rows)).and_then(|()| self.data.sync());
            truncated.map_err(StorageError::io("truncate", &self.path))?;
        }
        Ok(())
    }

    /// Opens a file with `rows` committed rows, and leaves later rows, which another process may be writing.
    ///
    /// # Errors
    /// Those of [`VectorFile::open`].
    pub(crate) fn open_read_only(
        path: &Path,
        dimension: usize,
        elements: ElementType,
        rows: u64,
    ) -> Result<Self, StorageError> {
        let data = DataFile::open(path).map_err(StorageError::io("open", path))?;
        let mut found = [0; HEADER_BYTES];
        data.read_exact_at(&mut found, 0).map_err(|_| StorageError::damaged(path, "it has no header"))?;
        if found != header(dimension, elements) {
            let reason = format_args!(
                "its header is not that of {dimension}-dimensional vectors of type {}",
                elements.name()
            );
            return Err(StorageError::damaged(path, reason));
        }
        let opened = Self { data: Arc::new(data), path: path.to_owned(), dimension, elements };
        let on_disk = opened.rows_on_disk()?;
        if on_disk < rows {
            let reason = format_args!("{rows} vectors were acknowledged, but {on_disk} are there");
            return Err(StorageError::damaged(path, reason));
        }
        Ok(opened)
    }

    /// Returns whether the path refers to this file, and not to one that has replaced it.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        self.data.is_at(path)
    }

    /// Number of complete rows, committed or not.
    pub(crate) fn rows_on_disk(&self) -> Result<u64, StorageError> {
        Ok(self.length()?.saturating_sub(HEADER_BYTES as u64) / self.row_bytes() as u64)
    }

    fn length(&self) -> Result<u64, StorageError> {
        self.data.length().map_err(StorageError::io("read", &self.path))
    }

    /// Number of elements of a vector.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Element type of the stored vectors.
    pub(crate) fn elements(&self) -> ElementType {
        self.elements
    }

    /// Writes vectors to the rows from `first` on, without syncing them.
    pub(crate) fn write<'a>(
        &self,
        first: u64,
        vectors: impl Iterator<Item = &'a [f32]>,
    ) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        for vector in vectors {
            let start = bytes.len();
            self.elements.encode(vector, &mut bytes);
            let checksum = crc32fast::hash(bytes.get(start..).unwrap_or_default());
            bytes.extend(checksum.to_le_bytes());
        }
        let written = self.data.write_all_at(&bytes, self.offset(first));
        written.map_err(StorageError::io("write", &self.path))
    }

    /// Syncs the file.
    pub(crate) fn sync(&self) -> Result<(), StorageError> {
        self.data.sync().map_err(StorageError::io("write", &self.path))
    }

    /// Reads one row.
    pub(crate) fn vector(&self, row: u64) -> Result<Vec<f32>, StorageError> {
        let (mut bytes, mut vector) = (Vec::new(), Vec::with_capacity(self.dimension));
        self.read_block(row, 1, &mut bytes)?;
        self.decode(row, &bytes, &mut vector)?;
        Ok(vector)
    }

    /// Reads a range of rows and passes each to `action`, with its number.
    pub(crate) fn read<E: From<StorageError>>(
        &self,
        rows: Range<u64>,
        mut action: impl FnMut(u64, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let rows_per_block = (BLOCK_BYTES / self.row_bytes()).max(1) as u64;
        let mut bytes = Vec::new();
        let mut vector = Vec::with_capacity(self.dimension);
        let mut next = rows.start;
        while next < rows.end {
            let count = rows_per_block.min(rows.end - next);
            self.read_block(next, count, &mut bytes)?;
            for (row, bytes) in (next..).zip(bytes.chunks_exact(self.row_bytes())) {
                self.decode(row, bytes, &mut vector)?;
                action(row, &vector)?;
            }
            next += count;
        }
        Ok(())
    }

    /// Reads single rows and passes each to `action`, in any order: cached rows first. The uncached rows are
    /// prefetched before the first is waited for, so that the disk reads them in parallel.
    pub(crate) fn read_scattered<E: From<StorageError>>(
        &self,
        rows: impl IntoIterator<Item = u64>,
        mut action: impl FnMut(u64, &[f32]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (mut bytes, mut vector) = (vec![0; self.row_bytes()], Vec::with_capacity(self.dimension));
        let mut uncached = Vec::new();
        for row in rows {
            if self.data.read_if_cached(&mut bytes, self.offset(row)) {
                self.decode(row, &bytes, &mut vector)?;
                action(row, &vector)?;
            } else {
                uncached.push(row);
            }
        }
        for row in &uncached {
            self.data.prefetch(self.offset(*row), self.row_bytes());
        }
        for row in uncached {
            let read = self.data.read_single_at(&mut bytes, self.offset(row));
            read.map_err(StorageError::io("read", &self.path))?;
            self.decode(row, &bytes, &mut vector)?;
            action(row, &vector)?;
        }
        Ok(())
    }

    /// Returns whether a row has exactly these bits. A damaged row equals no vector.
    pub(super) fn row_equals(&self, row: u64, vector: &[f32]) -> Result<bool, StorageError> {
        let bits = |vector: &[f32]| vector.iter().map(|element| element.to_bits()).collect::<Vec<u32>>();
        match self.vector(row) {
            Err(StorageError::Damaged { .. }) => Ok(false),
            stored => Ok(bits(&stored?) == bits(vector)),
        }
    }

    fn read_block(&self, first: u64, rows: u64, bytes: &mut Vec<u8>) -> Result<(), StorageError> {
        let length = usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(self.row_bytes());
        bytes.resize(length, 0);
        let read = self.data.read_exact_at(bytes, self.offset(first));
        read.map_err(StorageError::io("read", &self.path))
    }

    fn decode(&self, row: u64, bytes: &[u8], vector: &mut Vec<f32>) -> Result<(), StorageError> {
        let damaged = || StorageError::damaged(&self.path, format_args!("row {row} fails its checksum"));
        let (elements, checksum) = bytes.split_last_chunk::<CHECKSUM_BYTES>().ok_or_else(damaged)?;
        if crc32fast::hash(elements) != u32::from_le_bytes(*checksum) {
            return Err(damaged());
        }
        self.elements.decode(elements, vector);
        Ok(())
    }

    /// Path of the file.
    #[cfg(test)]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The data file, for fault injection.
    #[cfg(test)]
    pub(crate) fn data_file(&self) -> &DataFile {
        &self.data
    }

    fn row_bytes(&self) -> usize {
        row_bytes(self.dimension, self.elements)
    }

    /// Offset of a row, in bytes.
    fn offset(&self, row: u64) -> u64 {
        row.saturating_mul(self.row_bytes() as u64).saturating_add(HEADER_BYTES as u64)
    }
}

fn row_bytes(dimension: usize, elements: ElementType) -> usize {
    dimension * elements.bytes() + CHECKSUM_BYTES
}

/// Magic, version, element type, dimension, row length; zeros; the CRC-32 of all preceding bytes.
fn header(dimension: usize, elements: ElementType) -> [u8; HEADER_BYTES] {
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend(MAGIC);
    for field in [VERSION, elements.code(), count(dimension), count(row_bytes(dimension, elements))] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.resize(HEADER_BYTES - CHECKSUM_BYTES, 0);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes.try_into().unwrap_or([0; HEADER_BYTES])
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;

    use proptest::prelude::*;

    use super::*;

    fn written(path: &Path, rows: u8) -> VectorFile {
        let file = VectorFile::create(path, 3, ElementType::F32).unwrap();
        let vectors: Vec<[f32; 3]> = (0..rows).map(|row| [f32::from(row), 0.5, -1.0]).collect();
        file.write(0, vectors.iter().map(|vector| &vector[..])).unwrap();
        file.sync().unwrap();
        file
    }

    fn rows(file: &VectorFile, range: Range<u64>) -> Result<Vec<(u64, f32)>, StorageError> {
        let mut rows = Vec::new();
        file.read(range, |row, vector| {
            rows.push((row, vector[0]));
            Ok::<_, StorageError>(())
        })?;
        Ok(rows)
    }

    #[test]
    fn rows_survive_a_round_trip() {
        let directory = tempfile::tempdir().unwrap();
        let file = written(&directory.path().join("v"), 4);
        assert_eq!(rows(&file, 1..3).unwrap(), [(1, 1.0), (2, 2.0)]);
        assert_eq!(rows(&file, 4..4).unwrap(), []);
        assert!(rows(&file, 3..5).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn every_bit_of_every_row_survives_a_round_trip(
            vectors in (1..200_usize).prop_flat_map(|dimension| {
                proptest::collection::vec(proptest::collection::vec(any::<u32>(), dimension), 1..20)
            }),
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("v");
            let vectors: Vec<Vec<f32>> =
                vectors.iter().map(|bits| bits.iter().map(|bits| f32::from_bits(*bits)).collect()).collect();
            let file = VectorFile::create(&path, vectors[0].len(), ElementType::F32).unwrap();
            let (first, second) = vectors.split_at(vectors.len() / 2);
            file.write(0, first.iter().map(|vector| &vector[..])).unwrap();
            file.write(first.len() as u64, second.iter().map(|vector| &vector[..])).unwrap();
            let file = VectorFile::open(&path, vectors[0].len(), ElementType::F32, vectors.len() as u64).unwrap();
            let bits = |vector: &[f32]| vector.iter().map(|element| element.to_bits()).collect::<Vec<_>>();
            let read: Vec<_> = (0..vectors.len() as u64).map(|row| bits(&file.vector(row).unwrap())).collect();
            prop_assert_eq!(&read, &vectors.iter().map(|vector| bits(vector)).collect::<Vec<_>>());
        }
    }

    #[test]
    fn unacknowledged_rows_are_truncated() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("v");
        drop(written(&path, 4));
        // An incomplete row.
        OpenOptions::new().write(true).open(&path).unwrap().set_len(64 + 3 * 16 + 5).unwrap();
        let file = VectorFile::open(&path, 3, ElementType::F32, 2).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 64 + 2 * 16);
        assert_eq!(rows(&file, 0..2).unwrap().len(), 2);
    }

    #[test]
    fn missing_or_damaged_rows_and_headers_are_reported() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("v");
        let file = written(&path, 4);
        let error = VectorFile::open(&path, 3, ElementType::F32, 5).unwrap_err().to_string();
        assert!(error.contains("5 vectors were acknowledged, but 4 are there"), "{error}");
        assert!(
            VectorFile::open(&path, 4, ElementType::F32, 0)
                .unwrap_err()
                .to_string()
                .contains("4-dimensional")
        );
        file.data.write_all_at(&[1], 64 + 2 * 16 + 3).unwrap();
        assert_eq!(rows(&file, 0..2).unwrap().len(), 2);
        let error = rows(&file, 0..4).unwrap_err().to_string();
        assert!(error.contains("row 2 fails its checksum"), "{error}");
        file.data.write_all_at(&[0], 20).unwrap();
        assert!(VectorFile::open(&path, 3, ElementType::F32, 0).is_err());
    }

    #[test]
    fn scattered_rows_are_read_from_the_page_cache_and_from_disk() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("v");
        let file = written(&path, 200);
        for _ in 0..2 {
            let mut found = Vec::new();
            let read = file.read_scattered([7, 199, 0, 42], |row, vector| {
                found.push((row, vector[0]));
                Ok::<_, StorageError>(())
            });
            read.unwrap();
            found.sort_by_key(|(row, _)| *row);
            assert_eq!(found, [(0, 0.0), (7, 7.0), (42, 42.0), (199, 199.0)]);
            file.data.drop_page_cache();
        }
        assert!(file.read_scattered([200], |_, _| Ok::<_, StorageError>(())).is_err());
        file.data.write_all_at(&[9], 64 + 42 * 16 + 1).unwrap();
        let error = file.read_scattered([42], |_, _| Ok::<_, StorageError>(())).unwrap_err().to_string();
        assert!(error.contains("row 42 fails its checksum"), "{error}");
    }

    #[test]
    fn half_precision_halves_the_size_and_is_no_other_type() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("v");
        let file = VectorFile::create(&path, 3, ElementType::F16).unwrap();
        file.write(0, [[1.5, -0.25, 1024.0]].iter().map(|vector| &vector[..])).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 64 + 3 * 2 + 4);
        assert_eq!(rows(&file, 0..1).unwrap(), [(0, 1.5)]);
        let error = VectorFile::open(&path, 3, ElementType::F32, 1).unwrap_err().to_string();
        assert!(error.contains("vectors of type f32"), "{error}");
    }
}
