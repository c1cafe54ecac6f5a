//! A copy of a table's files as they were at one moment, to read beside whoever writes.
//!
//! fjall lets one process at a time into a database, so who only reads opens a copy. Sorted files never change once they are
//! named: they are linked, which takes no room. Journals, which grow, and the small files that say which sorted files
//! count are copied. What was acknowledged before is in the copy; what is written meanwhile is there whole or not
//! at all, as after a crash: fjall reads a journal up to the first change that is not whole.
//!
//! The lists of sorted files and of journals have to be the same before and after. If they are not, something was moved from
//! a journal to a sorted file meanwhile, and might be missing in both: then it is copied again.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use super::StorageError;

/// The names that fjall gives to files.
pub(super) const JOURNAL: &str = "jnl";
const CURRENT: &str = "current";
const TABLES: &str = "tables";
const LOCK: &str = "lock";
const MARK: &str = "version";

/// How often it is tried before somebody is told that a writer leaves no time for it.
const ATTEMPTS: usize = 50;
/// How much is copied at once, in bytes. Journals are made longer than they are, by zeros.
const BLOCK_BYTES: usize = 1 << 20;
/// The largest list's name and checksum, in bytes; fjall's have 25.
const CURRENT_BYTES_MAX: u64 = 1 << 10;
/// Clocks of files are not finer than this: what was written a moment ago may be written again without a trace.
const TICK: Duration = Duration::from_millis(50);

/// What the files of a table looked like. Equal ones are of equal tables.
#[derive(Clone, Debug)]
pub(crate) struct Progress {
    /// Which sorted files count, of each keyspace.
    current: BTreeMap<PathBuf, Vec<u8>>,
    /// When each journal was written last.
    journals: BTreeMap<PathBuf, SystemTime>,
    /// When this was looked at.
    at: SystemTime,
}

impl PartialEq for Progress {
    fn eq(&self, other: &Self) -> bool {
        self.current == other.current && self.journals == other.journals
    }
}

impl Progress {
    /// How far the table in this directory is.
    pub(crate) fn of(table: &Path) -> io::Result<Self> {
        let mut progress =
            Self { current: BTreeMap::new(), journals: BTreeMap::new(), at: SystemTime::now() };
        for path in entries(table)? {
            if path.extension().is_some_and(|extension| extension == JOURNAL) {
                let written = fs::metadata(&path)?.modified()?;
                progress.journals.insert(path, written);
            }
        }
        for keyspace in entries(&table.join("keyspaces"))? {
            let path = keyspace.join(CURRENT);
            let mut current = Vec::new();
            File::open(&path)?.take(CURRENT_BYTES_MAX).read_to_end(&mut current)?;
            progress.current.insert(path, current);
        }
        Ok(progress)
    }

    /// Whether nothing moved between the files since.
    fn has_the_files_of(&self, later: &Self) -> bool {
        self.current == later.current && self.journals.keys().eq(later.journals.keys())
    }

    /// Whether it is certain that a later write leaves a trace.
    pub(crate) fn is_settled(&self) -> bool {
        let is_earlier =
            |written: &SystemTime| self.at.duration_since(*written).is_ok_and(|since| since > TICK);
        self.journals.values().all(is_earlier)
    }
}

/// A copy, which goes away with this.
#[derive(Debug)]
pub(super) struct Copy {
    directory: PathBuf,
    lock: PathBuf,
    /// Held while somebody reads: what nobody holds is the remains of a process that was killed.
    _file: File,
}

impl Copy {
    /// Copies the table in this directory to a directory of its own beneath `copies`.
    pub(super) fn of(table: &Path, copies: &Path) -> Result<Self, StorageError> {
        let failed = |error| StorageError::io("copy", table)(error);
        fs::create_dir_all(copies).map_err(StorageError::io("make", copies))?;
        remove_remains(copies);
        for _ in 0..ATTEMPTS {
            let copy = Self::begin(copies).map_err(StorageError::io("make", copies))?;
            let before = Progress::of(table);
            let copied = before.and_then(|before| {
                copy_directory(table, &copy.directory)?;
                // Without its mark it would be taken for a new one.
                let is_whole = copy.directory.join(MARK).exists();
                Ok(is_whole && before.has_the_files_of(&Progress::of(table)?))
            });
            match copied {
                Ok(true) => return Ok(copy),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::NotFound && table.exists() => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::Error::new(ErrorKind::TimedOut, "who writes leaves no time for it")))
    }

    /// An empty directory, and the lock that says that somebody needs it.
    fn begin(copies: &Path) -> io::Result<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        loop {
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let directory = copies.join(format!("{}-{number}", std::process::id()));
            let lock = directory.with_extension(LOCK);
            let file = OpenOptions::new().write(true).create(true).truncate(false).open(&lock)?;
            match file.try_lock() {
                Ok(()) if lock.exists() && !directory.exists() => {
                    fs::create_dir(&directory)?;
                    return Ok(Self { directory, lock, _file: file });
                }
                // Somebody is about to remove it as remains: another name is free.
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        remove(&self.directory, &self.lock);
    }
}

/// What is left is removed by who comes next.
fn remove(directory: &Path, lock: &Path) {
    let _ = fs::remove_dir_all(directory);
    if !directory.exists() {
        let _ = fs::remove_file(lock);
    }
}

/// Removes copies of processes that are gone.
pub(crate) fn remove_remains(copies: &Path) {
    for lock in entries(copies).unwrap_or_default() {
        if lock.extension().is_some_and(|extension| extension == LOCK)
            && let Ok(file) = File::open(&lock)
            && file.try_lock().is_ok()
        {
            remove(&lock.with_extension(""), &lock);
        }
    }
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
}

/// Copies what a table is made of.
fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    let is_of_sorted_files = from.file_name().is_some_and(|name| name == TABLES);
    for path in entries(from)? {
        let Some(name) = path.file_name() else { continue };
        let target = to.join(name);
        if path.is_dir() {
            fs::create_dir(&target)?;
            copy_directory(&path, &target)?;
        } else if is_of_sorted_files {
            // Where files cannot be linked, or not those of another user, they are copied.
            let is_gone = |error: &io::Error| error.kind() == ErrorKind::NotFound;
            match fs::hard_link(&path, &target) {
                Err(error) if !is_gone(&error) => copy_file(&path, &target)?,
                // One that is gone counts no more. If it counts, the list has changed too.
                Ok(()) | Err(_) => {}
            }
        } else if name == LOCK {
            File::create(&target)?;
        } else {
            match copy_file(&path, &target) {
                // A list on its way to its name.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                copied => copied?,
            }
        }
    }
    Ok(())
}

/// Copies a file, and leaves out blocks of zeros.
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
    use flowrun_sdk::{Document, wire};

    use super::super::keys::Entry;
    use super::super::{Counters, Fsync, Table};
    use super::*;

    /// As many as let tables be written and merged, and the journal begin anew, many times.
    const CHANGES: u64 = 600;

    /// Writes change number `number`: a document of its own, and the one that all change.
    fn write(table: &Table, number: u64, bytes: usize) {
        let text: String =
            (0..bytes as u64 / 8).map(|place| format!("{:08}", (place * number) % 99_999_989)).collect();
        let mut writer = table.writer(Fsync::Never);
        let mut put = |id: String| {
            let document =
                wire::encode(&Document::new(id.clone()).with_text(text.clone()).with_tag("number", number));
            let entry = Entry { row: None, parent_id: String::new() };
            let earlier = table.entry(&id).unwrap();
            writer.put(&id, document, &entry, earlier.as_ref());
        };
        put(format!("{number:08}"));
        put("all".to_owned());
        writer.commit(Counters { rows: 0, documents: number + 1 }).unwrap();
    }

    /// The last change that a table knows of, when it knows all before and nothing of later ones.
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
    fn a_copy_has_what_was_acknowledged_and_of_the_rest_whole_changes_in_their_order() {
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let (path, copies) = (directory.path().join("t"), directory.path().join("copies"));
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
                let last = last(&Table::open_checkpoint(&path, &copies).unwrap());
                assert!(
                    last >= before && last <= acknowledged.load(Ordering::Acquire) + 1,
                    "{before}, {last}"
                );
                seen = last;
            }
            writing.join().unwrap();
        });
        // Nothing of a copy is left, and nothing of the table went with it.
        assert!(entries(&copies).unwrap().is_empty());
        assert_eq!(last(&table), CHANGES);
        drop(table);
        assert_eq!(last(&Table::open(&path).unwrap()), CHANGES);
    }

    #[test]
    fn remains_of_a_process_that_was_killed_go_and_what_is_read_stays() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copies) = (directory.path().join("t"), directory.path().join("copies"));
        let table = Table::open(&path).unwrap();
        write(&table, 1, 100);
        let first = Table::open_checkpoint(&path, &copies).unwrap();
        fs::create_dir(copies.join("1-2")).unwrap();
        File::create(copies.join("1-2.lock")).unwrap();
        fs::write(copies.join("1-2").join("0.jnl"), "remains").unwrap();
        write(&table, 2, 100);
        let second = Table::open_checkpoint(&path, &copies).unwrap();
        assert!(!copies.join("1-2").exists() && !copies.join("1-2.lock").exists());
        assert_eq!((last(&first), last(&second)), (1, 2));
        let view = first.view();
        drop((first, second));
        // Who looks at it still may.
        assert_eq!(view.ids_after("").count(), 2);
        drop(view);
        assert!(entries(&copies).unwrap().is_empty());
    }

    #[test]
    fn a_table_that_is_damaged_is_named_by_its_own_name() {
        let directory = tempfile::tempdir().unwrap();
        let (path, copies) = (directory.path().join("t"), directory.path().join("copies"));
        write(&Table::open(&path).unwrap(), 1, 100);
        fs::write(path.join("keyspaces/1/current"), "nonsense").unwrap();
        let error = Table::open_checkpoint(&path, &copies).unwrap_err().to_string();
        assert!(error.contains(&path.display().to_string()) && !error.contains("copies"), "{error}");
        assert!(entries(&copies).unwrap().is_empty());
        fs::remove_dir_all(&path).unwrap();
        assert!(Table::open_checkpoint(&path, &copies).is_err());
        assert!(!path.exists());
    }
}
