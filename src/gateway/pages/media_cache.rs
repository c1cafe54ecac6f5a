//! Thumbnails and previews that were made, bounded in bytes. The least recently used ones are evicted first.

use std::collections::HashMap;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;

use axum::body::Bytes;
use axum::http::HeaderValue;
use flowrun_sdk::guard::OpenedUri;
use xxhash_rust::xxh3::xxh3_64;

use super::media_tools::Cut;
use crate::limits::MEDIA_CACHE_BYTES_MAX;

/// Bytes that an entry occupies in addition to its content, at least: bounds the number of entries.
const ENTRY_BYTES: usize = 4 << 10;

/// A thumbnail or preview. Clones share the content.
#[derive(Clone, Debug)]
pub(super) struct Media {
    pub(super) content: Bytes,
    /// Entity tag, which differs for other content.
    pub(super) tag: HeaderValue,
}

impl Media {
    pub(super) fn new(mut content: Vec<u8>) -> Self {
        content.shrink_to_fit();
        let tag = format!("\"{:016x}\"", xxh3_64(&content));
        // Digits in quotation marks are always valid.
        let tag = HeaderValue::try_from(tag).unwrap_or_else(|_| HeaderValue::from_static("\"\""));
        Self { content: content.into(), tag }
    }
}

/// Version of a file: another file, or one that was written since, has another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileVersion {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileVersion {
    /// Version of an opened file; `None` for content in a URI, which is not cached.
    pub(super) fn of(content: &OpenedUri) -> Option<Self> {
        let OpenedUri::File(file, _) = content else { return None };
        let metadata = file.metadata().ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// Identity of a thumbnail or preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct MediaKey {
    pub(super) file: FileVersion,
    pub(super) cut: Cut,
}

/// The cache.
#[derive(Default)]
pub(in crate::gateway) struct MediaCache {
    /// Content with the time of its last use.
    entries: HashMap<MediaKey, (Media, u64)>,
    bytes: usize,
    /// Number of uses so far.
    clock: u64,
}

impl fmt::Debug for MediaCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaCache")
            .field("entries", &self.entries.len())
            .field("bytes", &self.bytes)
            .finish()
    }
}

impl MediaCache {
    /// Content that was made before.
    pub(super) fn get(&mut self, key: &MediaKey) -> Option<Media> {
        self.clock += 1;
        let (media, used) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(media.clone())
    }

    /// Keeps content, and evicts the least recently used one beyond the bound.
    pub(super) fn insert(&mut self, key: MediaKey, media: Media) {
        self.clock += 1;
        self.bytes += held(&media);
        if let Some((replaced, _)) = self.entries.insert(key, (media, self.clock)) {
            self.bytes -= held(&replaced);
        }
        while self.bytes > MEDIA_CACHE_BYTES_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, (_, used))| *used).map(|(key, _)| *key);
            let Some((evicted, _)) = oldest.and_then(|key| self.entries.remove(&key)) else { return };
            self.bytes -= held(&evicted);
        }
    }
}

/// Bytes that an entry occupies.
fn held(media: &Media) -> usize {
    media.content.len() + ENTRY_BYTES
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::path::PathBuf;

    use super::*;

    fn key(time: u32) -> MediaKey {
        let file = FileVersion { device: 1, inode: 2, bytes: 3, modified: (4, 5), changed: (6, 7) };
        MediaKey { file, cut: Cut::Still { time: Some(time) } }
    }

    #[test]
    fn the_least_recently_used_content_is_evicted_beyond_the_bound() {
        let mut cache = MediaCache::default();
        let large = || Media::new(vec![0; MEDIA_CACHE_BYTES_MAX / 3]);
        for time in 0..2 {
            cache.insert(key(time), large());
        }
        assert!(cache.get(&key(0)).is_some());
        for time in [2, 2, 3] {
            cache.insert(key(time), large());
            assert!(cache.bytes <= MEDIA_CACHE_BYTES_MAX);
        }
        let kept = [0, 1, 2, 3].map(|time| cache.get(&key(time)).is_some());
        assert_eq!(kept, [false, false, true, true]);
        assert_eq!(cache.bytes, cache.entries.values().map(|(media, _)| held(media)).sum::<usize>());
    }

    #[test]
    fn small_content_is_bounded_in_number_and_too_large_content_is_not_kept() {
        let mut cache = MediaCache::default();
        for time in 0..10_000 {
            cache.insert(key(time), Media::new(vec![1]));
        }
        assert_eq!(cache.entries.len(), MEDIA_CACHE_BYTES_MAX / (ENTRY_BYTES + 1));
        cache.insert(key(0), Media::new(vec![0; MEDIA_CACHE_BYTES_MAX]));
        assert_eq!((cache.entries.len(), cache.bytes), (0, 0));
    }

    #[test]
    fn a_file_that_was_written_or_replaced_has_another_version() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.mp4");
        let version = |path: &PathBuf| {
            let file = std::fs::File::open(path).unwrap();
            FileVersion::of(&OpenedUri::File(file, path.clone())).unwrap()
        };
        std::fs::write(&path, "one").unwrap();
        let first = version(&path);
        assert_eq!(version(&path), first);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"two").unwrap();
        assert_ne!(version(&path), first);
        let tags = [b"one".to_vec(), b"two".to_vec()].map(|content| Media::new(content).tag);
        assert_ne!(tags[0], tags[1]);
    }
}
