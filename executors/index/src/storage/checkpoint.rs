//! Checkpoints: read-only copies of a table while another process writes to it.
//!
//! fjall lets one process open a database, so read-only processes open a copy. SSTs never change once they have their
//! name: they are hard-linked, which takes no space. Journals, which grow, and the small files that list the current
//! SSTs are copied. Earlier acknowledged writes are in the copy; a write made meanwhile is there as a whole or not at
//! all, as after a crash: fjall reads a journal up to the first incomplete change. Where the table cannot be written, as
//! on a read-only mount, the copy is in the directory for temporary files, and open files take the place of hard links.
//!
//! The lists of SSTs and journals must be the same before and after the copy. Otherwise data may have moved from a
//! journal to an SST meanwhile and be missing in both, and the copy is repeated.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::acknowledged::MARK;
use super::close_record::CLOSED;
use super::data_file::is_read_only;
use super::error::StorageError;
use super::table_fingerprint::{TableFingerprint, entries};

/// File names of fjall.
const TABLES: &str = "tables";
const LOCK: &str = "lock";
const VERSION: &str = "version";

/// Largest number of attempts of a checkpoint.
const ATTEMPTS: usize = 50;
/// Bytes copied per step. Journals are preallocated with zeros.
const BLOCK_BYTES: usize = 1 << 20;

/// A checkpoint; its files are removed when it is dropped.
#[derive(Debug)]
pub(super) struct Checkpoint {
    directory: PathBuf,
    lock: PathBuf,
    /// Held while the checkpoint is used: an unlocked one was abandoned by a killed process.
    _file: File,
    /// SSTs that are not hard-linked.
    open_ssts: Vec<File>,
}

impl Checkpoint {
    /// Copies the table in this directory to a new directory in `checkpoints`, or in the directory for temporary files if
    /// that cannot be written.
    pub(super) fn create(table: &Path, checkpoints: &Path) -> Result<Self, StorageError> {
        match Self::create_in(table, checkpoints) {
            Err(StorageError::Io { source, .. }) if is_read_only(&source) => {
                Self::create_in(table, &private_directory()?)
            }
            created => created,
        }
    }

    fn create_in(table: &Path, checkpoints: &Path) -> Result<Self, StorageError> {
        let failed = |error| StorageError::io("copy", table)(error);
        fs::create_dir_all(checkpoints).map_err(StorageError::io("create", checkpoints))?;
        remove_abandoned_checkpoints(checkpoints);
        for _ in 0..ATTEMPTS {
            let mut checkpoint =
                Self::create_empty(checkpoints).map_err(StorageError::io("create", checkpoints))?;
            let before = TableFingerprint::read(table);
            let copied = before.and_then(|before| {
                copy_directory(table, &checkpoint.directory, &mut checkpoint.open_ssts)?;
                // fjall would initialise a directory without its version file as a new database.
                let is_whole = checkpoint.directory.join(VERSION).exists();
                Ok(is_whole && before.has_same_files(&TableFingerprint::read(table)?))
            });
            match copied {
                Ok(true) => return Ok(checkpoint),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::NotFound && table.exists() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::Error::new(ErrorKind::TimedOut, "the writer changes it too often")))
    }

    /// Creates an empty directory, and the lock that marks it as used.
    fn create_empty(checkpoints: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let directory = checkpoints.join(format!("{}-{number}", std::process::id()));
            let lock = directory.with_extension(LOCK);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock)?;
            match file.try_lock() {
                Ok(()) if lock.exists() && !directory.exists() => {
                    fs::create_dir(&directory)?;
                    return Ok(Self { directory, lock, _file: file, open_ssts: Vec::new() });
                }
                // Another process is removing it as abandoned: the next name is free.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    /// Directory of the copied files.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Checkpoint {
    fn drop(&mut self) {
        remove_files(&self.directory, &self.lock);
    }
}

/// A directory for temporary files that other users cannot read: journals contain documents.
fn private_directory() -> Result<PathBuf, StorageError> {
    let user = rustix::process::geteuid().as_raw();
    let path = std::env::temp_dir().join(format!("flowrun-readers-{user}"));
    let created = match DirBuilder::new().mode(0o700).create(&path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => fs::symlink_metadata(&path),
    };
    let metadata = created.map_err(StorageError::io("create", &path))?;
    if metadata.is_dir() && metadata.uid() == user && metadata.mode() & 0o077 == 0 {
        return Ok(path);
    }
    let reason = "it is not a directory of this user alone; remove it, or set TMPDIR to another directory";
    Err(StorageError::io("use", &path)(io::Error::new(ErrorKind::AlreadyExists, reason)))
}

/// Removes a checkpoint. Failures are ignored: the next process removes the rest.
fn remove_files(directory: &Path, lock: &Path) {
    let _ = fs::remove_dir_all(directory);
    if !directory.exists() {
        let _ = fs::remove_file(lock);
    }
}

/// Removes checkpoints of processes that no longer run.
pub(crate) fn remove_abandoned_checkpoints(checkpoints: &Path) {
    for lock in entries(checkpoints).unwrap_or_default() {
        if lock.extension().is_some_and(|extension| extension == LOCK)
            && let Ok(file) = File::open(&lock)
            && file.try_lock().is_ok()
        {
            remove_files(&lock.with_extension(""), &lock);
        }
    }
}

/// Copies the files of a table. SSTs that cannot be hard-linked are added to `open_ssts`.
fn copy_directory(from: &Path, to: &Path, open_ssts: &mut Vec<File>) -> io::Result<()> {
    let contains_ssts = from.file_name().is_some_and(|name| name == TABLES);
    for path in entries(from)? {
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            fs::create_dir(&target)?;
            copy_directory(&path, &target, open_ssts)?;
        } else if contains_ssts {
            match link_sst(&path, &target, open_ssts) {
                // A removed SST is not current any more, unless the list has changed too.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                linked => linked?,
            }
        } else if name == LOCK {
            File::create(&target)?;
        } else if name == MARK || name == CLOSED {
            // They may promise changes that the copied journals lack.
        } else {
            match copy_file(&path, &target) {
                // The temporary file of a list that is being replaced.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => copied?,
            }
        }
    }
    Ok(())
}

/// Makes an SST available under another path, also after it is removed under its own: by a hard link, or by a link to the
/// open file where hard links are not supported, not permitted, or would leave the file system.
fn link_sst(path: &Path, target: &Path, open_ssts: &mut Vec<File>) -> io::Result<()> {
    match fs::hard_link(path, target) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let sst = File::open(path)?;
            symlink(format!("/proc/self/fd/{}", sst.as_raw_fd()), target)?;
            open_ssts.push(sst);
            Ok(())
        }
        linked => linked,
    }
}

/// Copies a file, leaving blocks of zeros sparse.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let (mut from, mut to) = (File::open(from)?, File::create(to)?);
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut length = 0;
    loop {
        block.clear();
        (&mut from).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        if block.is_empty() {
            return to.set_len(length);
        }
        if block.iter().any(|byte| *byte != 0) {
            to.seek(SeekFrom::Start(length))?;
            to.write_all(&block)?;
        }
        length += block.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::{Document, protobuf};

    use super::super::keys::Entry;
    use super::super::{Counters, Fsync, Table};
    use super::*;

    /// Number of changes: enough to flush and compact SSTs, and to rotate the journal, many times.
    const CHANGES: u64 = 600;

    /// Writes change `number`: a document of its own, and the document `all` that every change writes.
    fn write(table: &Table, number: u64, bytes: usize) {
        let text: String = (0..bytes as u64 / 8)
            .map(|position| format!("{:08}", (position * number) % 99_999_989))
            .collect();
        let mut writer = table.writer(Fsync::Never);
        let mut put = |id: String| {
            let document = protobuf::encode(
                &Document::new(id.clone()).with_text(text.clone()).with_tag("number", number),
            );
            let entry = Entry { row: None, parent_id: String::new() };
            let earlier = table.entry(&id).unwrap();
            writer.put(&id, document, &entry, earlier.as_ref());
        };
        put(format!("{number:08}"));
        put("all".to_owned());
        writer.commit(Counters { rows: 0, documents: number + 1 }).unwrap();
    }

    /// The last change in a table; asserts that all earlier ones are there and no later one.
    fn last(table: &Table) -> u64 {
        let number =
            |id: &str| table.document(id).unwrap().and_then(|document| document.tags.get("number")?.as_f64());
        let last = number("all").unwrap_or(0.0) as u64;
        let documents = table.counters().unwrap().documents;
        assert!(last == 0 || documents == last + 1, "{last}: {documents}");
        let ids: Vec<String> = table.ids_after("").map(|id| id.unwrap().0).collect();
        assert_eq!(ids.len() as u64, if last == 0 { 0 } else { last + 1 });
        for id in ids.iter().filter(|id| *id != "all") {
            assert_eq!(number(id).unwrap() as u64, id.parse::<u64>().unwrap());
        }
        last
    }

    #[test]
    fn a_checkpoint_has_all_acknowledged_changes_and_only_whole_ones_in_order() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let table = Table::open(&path).unwrap();
        let acknowledged = AtomicU64::new(0);
        let mut seen = 0;
        std::thread::scope(|scope| {
            let writing = scope.spawn(|| {
                for number in 1..=CHANGES {
                    write(&table, number, 200_000);
                    acknowledged.store(number, Ordering::Release);
                }
            });
            while seen < CHANGES {
                let before = acknowledged.load(Ordering::Acquire);
                let last = last(&Table::open_checkpoint(&path, &checkpoints).unwrap());
                assert!(
                    last >= before && last <= acknowledged.load(Ordering::Acquire) + 1,
                    "{before}, {last}"
                );
                seen = last;
            }
            writing.join().unwrap();
        });
        // The checkpoints are gone, and the table is intact.
        assert!(entries(&checkpoints).unwrap().is_empty());
        assert_eq!(last(&table), CHANGES);
        drop(table);
        assert_eq!(last(&Table::open(&path).unwrap()), CHANGES);
    }

    #[test]
    fn a_checkpoint_on_another_disk_outlives_its_table() {
        let (directory, checkpoints) =
            (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let path = directory.path().join("t");
        let table = Table::open(&path).unwrap();
        (1..=60).for_each(|number| write(&table, number, 200_000));
        table.sync().unwrap();
        drop(table);
        let checkpoint = Checkpoint::create_in(&path, checkpoints.path()).unwrap();
        let is_another_disk =
            fs::metadata(&path).unwrap().dev() != fs::metadata(checkpoints.path()).unwrap().dev();
        assert_eq!(!checkpoint.open_ssts.is_empty(), is_another_disk);
        drop(checkpoint);
        let copy = Table::open_checkpoint(&path, checkpoints.path()).unwrap();
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(last(&copy), 60);
        drop(copy);
        assert!(entries(checkpoints.path()).unwrap().is_empty());
    }

    #[test]
    fn abandoned_checkpoints_are_removed_and_used_ones_stay() {
        let directory = tempfile::tempdir().unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        let table = Table::open(&path).unwrap();
        write(&table, 1, 100);
        let first = Table::open_checkpoint(&path, &checkpoints).unwrap();
        fs::create_dir(checkpoints.join("1-2")).unwrap();
        File::create(checkpoints.join("1-2.lock")).unwrap();
        fs::write(checkpoints.join("1-2").join("0.jnl"), "remains").unwrap();
        write(&table, 2, 100);
        let second = Table::open_checkpoint(&path, &checkpoints).unwrap();
        assert!(!checkpoints.join("1-2").exists() && !checkpoints.join("1-2.lock").exists());
        assert_eq!((last(&first), last(&second)), (1, 2));
        let view = first.view();
        drop((first, second));
        // A view keeps the files of its checkpoint.
        assert_eq!(view.ids_after("").count(), 2);
        drop(view);
        assert!(entries(&checkpoints).unwrap().is_empty());
    }

    #[test]
    fn an_error_names_the_damaged_table_instead_of_its_checkpoint() {
        let directory = tempfile::tempdir().unwrap();
        let (path, checkpoints) = (directory.path().join("t"), directory.path().join("checkpoints"));
        write(&Table::open(&path).unwrap(), 1, 100);
        fs::write(path.join("keyspaces/1/current"), "nonsense").unwrap();
        let error = Table::open_checkpoint(&path, &checkpoints).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && !error.contains("checkpoints"), "{error}");
        assert!(entries(&checkpoints).unwrap().is_empty());
        fs::remove_dir_all(&path).unwrap();
        assert!(Table::open_checkpoint(&path, &checkpoints).is_err());
        assert!(!path.exists());
    }
}
