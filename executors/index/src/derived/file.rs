//! The index on disk: what FAISS writes, and a trailer that says whether it may be read.
//!
//! FAISS stops reading where its own data end, so the trailer behind them disturbs nobody:
//! magic, version, rows, length and CRC-32 of the data, CRC-32 of the settings, CRC-32 of the trailer itself.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use faiss::Index as _;

use super::{Approximation, Derived, DerivedError, IndexType, Tuning};
use crate::storage::{StorageError, replace_file};

const MAGIC: &[u8; 8] = b"FLOWFAIS";
const VERSION: u32 = 1;
const TRAILER_BYTES: usize = 40;
/// How much is read at once, in bytes.
const BLOCK_BYTES: usize = 1 << 20;

/// What the file of an index has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Saved {
    /// From the first on.
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Derived {
    /// Whether it is on disk alone, and can neither be searched nor take rows.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.at_rest.is_some()
    }

    /// Leaves to the disk an index that covers so many rows. What the file lacks is lost; of `Flat` the vectors are the file.
    pub(crate) fn rest(&mut self, rows: u64) -> Result<(), DerivedError> {
        let empty = Self::new(self.kind.clone(), self.dimension(), self.approximation, self.tuning)?;
        *self = Self { saved: self.saved, at_rest: Some(rows), ..empty };
        Ok(())
    }

    /// It covers nothing, and is in memory: what was on disk is not to be had, or there is nothing but the vectors.
    pub(crate) fn begin_anew(&mut self) {
        (self.saved, self.at_rest) = (Saved::default(), None);
    }

    /// Writes the index beside the vectors; what the file then has.
    pub(crate) fn save(&self, path: &Path) -> Result<Saved, StorageError> {
        let rows = self.rows();
        replace_file(path, |path| {
            let failed = |error: String| StorageError::io("write", path)(std::io::Error::other(error));
            let name = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
            let written = faiss::write_index(&self.index, name);
            written.map_err(|error| failed(DerivedError::from(error).to_string()))?;
            self.append_trailer(path, rows).map_err(StorageError::io("write", path))
        })?;
        let bytes = std::fs::metadata(path).map_err(StorageError::io("read", path))?.len();
        Ok(Saved { rows, bytes })
    }

    /// Takes note of what was saved.
    pub(crate) fn note_saved(&mut self, saved: Saved) {
        self.saved = saved;
    }

    fn append_trailer(&self, path: &Path, rows: u64) -> std::io::Result<()> {
        let mut file = OpenOptions::new().read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        let checksum = checksum(&mut file, length)?;
        file.write_all(&trailer(rows, length, checksum, self.settings()))
    }

    /// An index of these settings that covers no more than `rows_max` and stays on disk for now; `None` when there is none. Only
    /// what the file says of itself is looked at: the rest is when it is read.
    pub(crate) fn at_rest(
        path: &Path,
        kind: &IndexType,
        dimension: usize,
        approximation: Approximation,
        tuning: Tuning,
        rows_max: u64,
    ) -> Option<Self> {
        let empty = Self::new(kind.clone(), dimension, approximation, tuning).ok()?;
        let saved = Claimed::read(path, empty.settings())?.saved;
        (saved.rows <= rows_max).then_some(Self { saved, at_rest: Some(saved.rows), ..empty })
    }

    /// Reads the index from disk that is at rest, or what somebody saved there since; `None` when it cannot be trusted.
    pub(crate) fn woken(&self, path: &Path, rows_max: u64) -> Option<Self> {
        let empty = Self::new(self.kind.clone(), self.dimension(), self.approximation, self.tuning).ok()?;
        let saved = Claimed::read(path, self.settings())?.verified()?;
        let index = faiss::read_index(path.to_str()?).ok()?;
        let fits = index.ntotal() == saved.rows && saved.rows <= rows_max && index.d() == empty.index.d();
        let woken = Self { index, saved, ..empty };
        (fits && woken.tune().is_ok()).then_some(woken)
    }

    /// A number that differs when the index would have been built otherwise.
    fn settings(&self) -> u32 {
        let Self { kind, approximation, tuning, .. } = self;
        let text = format!("{} {approximation:?} {:?}", kind.native(), tuning.ef_construction);
        crc32fast::hash(text.as_bytes())
    }
}

fn trailer(rows: u64, length: u64, checksum: u32, settings: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(TRAILER_BYTES);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(settings.to_le_bytes());
    bytes.extend(rows.to_le_bytes());
    bytes.extend(length.to_le_bytes());
    bytes.extend(checksum.to_le_bytes());
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// A file that says what it has.
struct Claimed {
    file: File,
    saved: Saved,
    /// The length and the checksum of FAISS's data.
    length: u64,
    checksum: u32,
}

impl Claimed {
    /// Opens a file that says that it is of these settings; `None` when it does not, or its trailer is damaged.
    fn read(path: &Path, settings: u32) -> Option<Self> {
        let (file, length, found) = open(path)?;
        let rows = u64::from_le_bytes(*found.get(16..)?.first_chunk()?);
        let checksum = u32::from_le_bytes(*found.get(32..)?.first_chunk()?);
        let saved = Saved { rows, bytes: length };
        let is_ours = found[..] == trailer(rows, length, checksum, settings)[..];
        is_ours.then_some(Self { file, saved, length, checksum })
    }

    /// What it has, when that is as it was written.
    fn verified(mut self) -> Option<Saved> {
        let checksum = checksum(&mut self.file, self.length).ok()?;
        (checksum == self.checksum).then_some(self.saved)
    }
}

/// A file, the length of FAISS's data and what stands behind them.
fn open(path: &Path) -> Option<(File, u64, [u8; TRAILER_BYTES])> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len().checked_sub(TRAILER_BYTES as u64)?;
    file.seek(SeekFrom::Start(length)).ok()?;
    let mut found = [0; TRAILER_BYTES];
    file.read_exact(&mut found).ok()?;
    Some((file, length, found))
}

/// Whether a file is as it was written, whatever its settings.
pub(crate) fn is_whole(path: &Path) -> bool {
    let saved = || {
        let (_, _, found) = open(path)?;
        let settings = u32::from_le_bytes(*found.get(12..)?.first_chunk()?);
        Claimed::read(path, settings)?.verified()
    };
    saved().is_some()
}

/// The CRC-32 of the first `length` bytes; leaves the file behind them.
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

    fn settings() -> (IndexType, Approximation, Tuning) {
        let kind = IndexType::parse("HNSW8").unwrap();
        (kind, Approximation::new(Metric::Euclidean, 2), Tuning::default())
    }

    fn load(path: &Path, rows: u64) -> Option<Derived> {
        let (kind, approximation, tuning) = settings();
        Derived::at_rest(path, &kind, 2, approximation, tuning, rows)?.woken(path, rows)
    }

    fn saved(path: &Path) {
        let (kind, approximation, tuning) = settings();
        let mut derived = Derived::new(kind, 2, approximation, tuning).unwrap();
        derived.add(&[0.0, 0.0, 1.0, 1.0, 2.0, 2.0]).unwrap();
        assert!(derived.is_worth_saving());
        let saved = derived.save(path).unwrap();
        derived.note_saved(saved);
        assert!(!derived.is_worth_saving());
    }

    #[test]
    fn an_index_comes_back_as_it_went() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faiss");
        saved(&path);
        let loaded = load(&path, 5).unwrap();
        assert_eq!((loaded.rows(), loaded.is_worth_saving()), (3, false));
        let effort = loaded.effort(Tuning::default(), 1, None);
        let candidates = loaded.search(&[1.9, 1.9], 2, &effort).unwrap();
        let found: Vec<u64> = candidates.of(0).map(|(row, _)| row).collect();
        assert_eq!(found, [2, 1]);
    }

    #[test]
    fn an_index_of_other_settings_or_of_rows_that_are_not_there_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faiss");
        assert!(load(&path, 5).is_none());
        saved(&path);
        assert!(load(&path, 2).is_none());
        let (kind, _, tuning) = settings();
        let euclidean = Approximation::new(Metric::Euclidean, 2);
        let cosine = Approximation::new(Metric::Cosine, 2);
        assert!(Derived::at_rest(&path, &kind, 2, cosine, tuning, 5).is_none());
        let finer = Tuning { ef_construction: Some(99), ..tuning };
        assert!(Derived::at_rest(&path, &kind, 2, euclidean, finer, 5).is_none());
        let other = IndexType::parse("HNSW16").unwrap();
        assert!(Derived::at_rest(&path, &other, 2, euclidean, tuning, 5).is_none());
    }

    #[test]
    fn a_damaged_index_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("faiss");
        saved(&path);
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
