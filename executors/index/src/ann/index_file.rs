//! The index file: FAISS's own format, followed by a trailer with checksums and build settings.
//!
//! FAISS stops reading where its data end, so it ignores the trailer. Layout of the trailer, little-endian: magic (8
//! bytes), version (u32), CRC-32 of the build settings (u32), rows (u64), length of FAISS's data in bytes (u64), CRC-32 of
//! these data (u32), CRC-32 of the trailer so far (u32).

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use faiss::Index as _;

use super::index::SavedIndex;
use super::{AnnError, AnnIndex, DistanceBound, IndexType, Tuning};
use crate::storage::{StorageError, replace_file};

const MAGIC: &[u8; 8] = b"FLOWFAIS";
const VERSION: u32 = 1;
const TRAILER_BYTES: usize = 40;
/// Buffer size for checksums, in bytes.
const BLOCK_BYTES: usize = 1 << 20;

impl AnnIndex {
    /// True if the index is on disk only. An evicted index can neither be searched nor extended.
    pub(crate) fn is_evicted(&self) -> bool {
        self.evicted_rows.is_some()
    }

    /// Drops the index from memory; afterwards [`Self::rows`] returns `rows`. Unsaved rows are lost and are added again from
    /// the vector file after the index was loaded.
    pub(crate) fn evict(&mut self, rows: u64) -> Result<(), AnnError> {
        let empty = Self::new(self.index_type.clone(), self.dimension(), self.distance_bound, self.tuning)?;
        *self = Self { saved: self.saved, evicted_rows: Some(rows), ..empty };
        Ok(())
    }

    /// Makes [`Self::evict`] fail: FAISS rejects the parameters of a graph for an index without one.
    #[cfg(test)]
    pub(crate) fn reject_eviction(&mut self) {
        self.index_type.has_graph = true;
    }

    /// Makes an evicted index an empty one in memory, because its file cannot be loaded or it has none (`Flat`).
    pub(crate) fn reset(&mut self) {
        (self.saved, self.evicted_rows) = (SavedIndex::default(), None);
    }

    /// Replaces the index file, durably. Pass the result to [`Self::mark_saved`].
    pub(crate) fn save(&self, path: &Path) -> Result<SavedIndex, StorageError> {
        let rows = self.rows();
        replace_file(path, |path| {
            let failed = |error: String| StorageError::io("write", path)(std::io::Error::other(error));
            let name = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
            let written = faiss::write_index(&self.index, name);
            written.map_err(|error| failed(AnnError::from(error).to_string()))?;
            self.append_trailer(path, rows).map_err(StorageError::io("write", path))
        })?;
        let bytes = std::fs::metadata(path).map_err(StorageError::io("read", path))?.len();
        Ok(SavedIndex { rows, bytes })
    }

    /// Records the state of the file that [`Self::save`] wrote.
    pub(crate) fn mark_saved(&mut self, saved: SavedIndex) {
        self.saved = saved;
    }

    fn append_trailer(&self, path: &Path, rows: u64) -> std::io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        let checksum = checksum(&mut file, length)?;
        file.write_all(&trailer(rows, length, checksum, self.settings_checksum()))
    }

    /// Opens a saved index without loading it; `None` when there is no file with these settings and at most `rows_max`
    /// rows. Only the trailer is verified here; [`Self::load`] verifies the data.
    pub(crate) fn open_evicted(
        path: &Path,
        index_type: &IndexType,
        dimension: usize,
        distance_bound: DistanceBound,
        tuning: Tuning,
        rows_max: u64,
    ) -> Option<Self> {
        let empty = Self::new(index_type.clone(), dimension, distance_bound, tuning).ok()?;
        let saved = UnverifiedFile::open(path, empty.settings_checksum())?.saved;
        (saved.rows <= rows_max).then_some(Self { saved, evicted_rows: Some(saved.rows), ..empty })
    }

    /// Loads the index file of an evicted index, which another process may have replaced since. `None` when the file is
    /// damaged, has other settings or covers more than `rows_max` rows.
    pub(crate) fn load(&self, path: &Path, rows_max: u64) -> Option<Self> {
        let empty =
            Self::new(self.index_type.clone(), self.dimension(), self.distance_bound, self.tuning).ok()?;
        let saved = UnverifiedFile::open(path, self.settings_checksum())?.verify()?;
        let index = faiss::read_index(path.to_str()?).ok()?;
        let fits = index.ntotal() == saved.rows && saved.rows <= rows_max && index.d() == empty.index.d();
        let loaded = Self { index, saved, ..empty };
        (fits && loaded.apply_tuning().is_ok()).then_some(loaded)
    }

    /// CRC-32 of every setting that changes the contents of the file.
    fn settings_checksum(&self) -> u32 {
        let Self { index_type, distance_bound, tuning, .. } = self;
        let text =
            format!("{} {} {:?}", index_type.faiss_factory(), distance_bound.key(), tuning.ef_construction);
        crc32fast::hash(text.as_bytes())
    }
}

fn trailer(rows: u64, length: u64, checksum: u32, settings_checksum: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TRAILER_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(settings_checksum.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// An index file whose trailer is intact and whose data are not verified yet.
struct UnverifiedFile {
    file: File,
    saved: SavedIndex,
    /// Length in bytes of FAISS's data.
    length: u64,
    /// CRC-32 of FAISS's data, from the trailer.
    checksum: u32,
}

impl UnverifiedFile {
    /// Opens a file; `None` when its trailer is damaged or records other settings.
    fn open(path: &Path, settings_checksum: u32) -> Option<Self> {
        let (file, length, found) = read_trailer(path)?;
        let rows = u64::from_le_bytes(*found.get(16..)?.first_chunk()?);
        let checksum = u32::from_le_bytes(*found.get(32..)?.first_chunk()?);
        let saved = SavedIndex { rows, bytes: length };
        let matches = found[..] == trailer(rows, length, checksum, settings_checksum)[..];
        matches.then_some(Self { file, saved, length, checksum })
    }

    /// Compares the checksum of the data; `None` when they are damaged.
    fn verify(mut self) -> Option<SavedIndex> {
        let checksum = checksum(&mut self.file, self.length).ok()?;
        (checksum == self.checksum).then_some(self.saved)
    }
}

/// The open file, the length of FAISS's data, and the bytes after them.
fn read_trailer(path: &Path) -> Option<(File, u64, [u8; TRAILER_BYTES])> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len().checked_sub(TRAILER_BYTES as u64)?;
    file.seek(SeekFrom::Start(length)).ok()?;
    let mut found = [0; TRAILER_BYTES];
    file.read_exact(&mut found).ok()?;
    Some((file, length, found))
}

/// True if trailer and data of an index file are intact, with any settings.
pub(crate) fn is_intact(path: &Path) -> bool {
    let saved = || {
        let (_, _, found) = read_trailer(path)?;
        let settings_checksum = u32::from_le_bytes(*found.get(12..)?.first_chunk()?);
        UnverifiedFile::open(path, settings_checksum)?.verify()
    };
    saved().is_some()
}

/// CRC-32 of the first `length` bytes; the file position is after them.
fn checksum(file: &mut File, length: u64) -> std::io::Result<u32> {
    file.seek(SeekFrom::Start(0))?;
    let mut hasher = crc32fast::Hasher::new();
    let mut block = vec![0; BLOCK_BYTES];
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        let (part, _) = block.split_at_mut(count);
        file.read_exact(part)?;
        hasher.update(part);
        left -= count as u64;
    }
    Ok(hasher.finalize())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::metric::Metric;

    fn settings() -> (IndexType, DistanceBound, Tuning) {
        let index_type = IndexType::parse("HNSW8").unwrap();
        (index_type, DistanceBound::new(Metric::Euclidean, 2), Tuning::default())
    }

    fn load(path: &Path, rows: u64) -> Option<AnnIndex> {
        let (index_type, distance_bound, tuning) = settings();
        AnnIndex::open_evicted(path, &index_type, 2, distance_bound, tuning, rows)?.load(path, rows)
    }

    /// Saves an index of three rows.
    fn save(path: &Path) {
        let (index_type, distance_bound, tuning) = settings();
        let mut ann = AnnIndex::new(index_type, 2, distance_bound, tuning).unwrap();
        ann.add(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0]).unwrap();
        assert!(ann.has_unsaved_rows());
        let saved = ann.save(path).unwrap();
        ann.mark_saved(saved);
        assert!(!ann.has_unsaved_rows());
    }

    #[test]
    fn a_loaded_index_equals_the_saved_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faiss");
        save(&path);
        let loaded = load(&path, 5).unwrap();
        assert_eq!((loaded.rows(), loaded.has_unsaved_rows()), (3, false));
        let effort = loaded.search_effort(Tuning::default(), 1, None);
        let candidates = loaded.search(&[1.9, 1.9], 2, &effort).unwrap();
        let found: Vec<u64> = candidates.for_query(0).map(|(row, _)| row).collect();
        assert_eq!(found, [2, 1]);
    }

    #[test]
    fn an_index_with_other_settings_or_too_many_rows_is_not_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faiss");
        assert!(load(&path, 5).is_none());
        save(&path);
        assert!(load(&path, 2).is_none());
        let (index_type, _, tuning) = settings();
        let euclidean = DistanceBound::new(Metric::Euclidean, 2);
        let cosine = DistanceBound::new(Metric::Cosine, 2);
        assert!(AnnIndex::open_evicted(&path, &index_type, 2, cosine, tuning, 5).is_none());
        let finer = Tuning { ef_construction: Some(99), ..tuning };
        assert!(AnnIndex::open_evicted(&path, &index_type, 2, euclidean, finer, 5).is_none());
        let other = IndexType::parse("HNSW16").unwrap();
        assert!(AnnIndex::open_evicted(&path, &other, 2, euclidean, tuning, 5).is_none());
    }

    #[test]
    fn a_damaged_index_is_not_loaded() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faiss");
        save(&path);
        let length = std::fs::metadata(&path).unwrap().len();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        for position in (0..length).step_by(7) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, position).unwrap();
            file.write_all_at(&[byte[0] ^ 0x20], position).unwrap();
            assert!(load(&path, 5).is_none(), "byte {position}");
            file.write_all_at(&byte, position).unwrap();
        }
        assert!(load(&path, 5).is_some());
        file.set_len(length / 2).unwrap();
        assert!(load(&path, 5).is_none());
        file.set_len(0).unwrap();
        assert!(load(&path, 5).is_none());
    }
}
