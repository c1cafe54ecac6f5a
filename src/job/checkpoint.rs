//! `--checkpoint FILE`: records the documents of a job that succeeded, so that the same command continues where it ended.
//!
//! The file is a log of JSON lines. The first line describes the job. Each further one lists the documents of one request
//! that succeeded, and the length of the results at that time; it is written after the results. A process that is killed
//! therefore processes documents again rather than never, and no result is written twice: the results after the last line
//! of the checkpoint are cut off. Documents that fail are not recorded, so that they are tried again.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flowrun_sdk::RequestParameters;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::done_documents::{DoneDocuments, Entry, LineRange};
use super::part::Part;
use super::position::Position;

/// Version of the format.
const FORMAT: u32 = 1;

/// The job that a checkpoint belongs to: the first line of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct JobIdentity {
    flowrun_checkpoint: u32,
    endpoint: String,
    /// Hash of the parameters, which may be secret.
    parameters: u64,
    part: Option<String>,
    output: Option<PathBuf>,
}

/// An open checkpoint. It is locked, so that a second process cannot run the same job.
#[derive(Debug)]
pub struct Checkpoint {
    file: File,
    done: Arc<DoneDocuments>,
    /// Bytes of the results that belong to the recorded documents.
    output_bytes: Option<u64>,
}

impl Checkpoint {
    /// Opens the checkpoint at `path` for a job, and creates it if it does not exist.
    ///
    /// # Errors
    /// A message that names the file: it cannot be opened or created, is in use, is no checkpoint, or belongs to another job.
    pub fn open(
        path: &Path,
        endpoint: &str,
        parameters: &RequestParameters,
        part: Option<Part>,
        output: Option<&Path>,
    ) -> Result<Self, String> {
        let shown = path.display();
        let job = JobIdentity {
            flowrun_checkpoint: FORMAT,
            endpoint: endpoint.to_owned(),
            parameters: serde_json::to_vec(parameters).map(|json| xxh3_64(&json)).unwrap_or_default(),
            part: part.map(|part| part.to_string()),
            output: output.map(|output| std::path::absolute(output).unwrap_or_else(|_| output.to_owned())),
        };
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(|error| match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() && !parent.exists() => {
                format!(
                    "cannot create {shown}: there is no directory `{}`; create it first",
                    parent.display()
                )
            }
            _ => format!("cannot open {shown}: {error}"),
        })?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => {
                format!(
                    "the checkpoint {shown} is in use by another process: wait for it, or name another file"
                )
            }
            TryLockError::Error(error) => format!("cannot lock {shown}: {error}"),
        })?;
        let (found, done, output_bytes, bytes) =
            read(&file).map_err(|error| format!("cannot read the checkpoint {shown}: {error}"))?;
        match found {
            Some(found) if found.flowrun_checkpoint != FORMAT => {
                return Err(format!(
                    "the checkpoint {shown} has the format {}, and this program reads {FORMAT}: continue with the \
                     program that wrote it, or name another file",
                    found.flowrun_checkpoint
                ));
            }
            Some(found) if found != job => return Err(other_job(path, &found, &job)),
            _ => {}
        }
        let cannot = |error: io::Error| format!("cannot write {shown}: {error}");
        // An entry that was not written to its end does not count.
        file.set_len(bytes).map_err(cannot)?;
        file.seek(io::SeekFrom::End(0)).map_err(cannot)?;
        let mut checkpoint = Self { file, done: Arc::new(done), output_bytes };
        if bytes == 0 {
            checkpoint.append(&job).map_err(cannot)?;
        }
        Ok(checkpoint)
    }

    /// The recorded documents.
    pub(super) fn done(&self) -> &Arc<DoneDocuments> {
        &self.done
    }

    /// Number of documents that were recorded when the checkpoint was opened.
    pub fn done_count(&self) -> u64 {
        self.done.count()
    }

    /// Bytes of the results that belong to the recorded documents; `None` if none were recorded.
    pub fn output_bytes(&self) -> Option<u64> {
        self.output_bytes
    }

    /// Records documents that succeeded, and the length of the results.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn record(&mut self, positions: &[Position], output_bytes: Option<u64>) -> io::Result<()> {
        if positions.is_empty() {
            return Ok(());
        }
        let mut entry = Entry { output_bytes, ..Entry::default() };
        for position in positions {
            match position {
                Position::File { path, version } => entry.files.push((path.clone(), *version)),
                Position::Line { path, line, hash } => match entry.lines.last_mut() {
                    Some(range) if range.path == *path && range.last + 1 == *line => {
                        (range.last, range.hash) = (*line, *hash);
                    }
                    _ => {
                        let range =
                            LineRange { path: Arc::clone(path), first: *line, last: *line, hash: *hash };
                        entry.lines.push(range);
                    }
                },
            }
        }
        self.append(&entry)
    }

    /// Appends a line by one call, so that it is whole or the last one.
    fn append(&mut self, entry: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        self.file.write_all(&line)
    }
}

/// Contents of a checkpoint: the job (`None` in an empty file), the documents, the length of the results, and the bytes of the
/// lines that are whole.
type Contents = (Option<JobIdentity>, DoneDocuments, Option<u64>, u64);

fn read(file: &File) -> io::Result<Contents> {
    let (mut job, mut done, mut output_bytes, mut bytes) = (None, DoneDocuments::default(), None, 0);
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
        match &job {
            None => {
                let first: JobIdentity = serde_json::from_slice(&line)
                    .map_err(|_| io::Error::other("it is not a checkpoint; name another file"))?;
                job = Some(first);
            }
            Some(_) => {
                let entry: Entry = serde_json::from_slice(&line).map_err(|error| {
                    io::Error::other(format!(
                        "it is damaged after {bytes} bytes ({error}); delete it to process everything again"
                    ))
                })?;
                output_bytes = entry.output_bytes.or(output_bytes);
                done.add(entry);
            }
        }
        bytes += line.len() as u64;
        line.clear();
    }
    if job.is_none() && !line.is_empty() {
        return Err(io::Error::other("it is not a checkpoint; name another file"));
    }
    done.join();
    Ok((job, done, output_bytes, bytes))
}

/// Error of a checkpoint that belongs to another job.
fn other_job(path: &Path, found: &JobIdentity, job: &JobIdentity) -> String {
    let shown = |value: &Option<String>| value.as_deref().unwrap_or("none").to_owned();
    let output = |job: &JobIdentity| job.output.as_ref().map(|path| path.display().to_string());
    let difference = if found.endpoint != job.endpoint {
        format!("the endpoint {}, not {}", found.endpoint, job.endpoint)
    } else if found.part != job.part {
        format!("the part {}, not {}", shown(&found.part), shown(&job.part))
    } else if found.output != job.output {
        format!("the output {}, not {}", shown(&output(found)), shown(&output(job)))
    } else {
        "other parameters".to_owned()
    };
    format!(
        "the checkpoint {} belongs to a job with {difference}: repeat the command of that job, or name another file",
        path.display()
    )
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests read only files that they have written")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::job::position::FileVersion;

    fn open(path: &Path) -> Result<Checkpoint, String> {
        Checkpoint::open(path, "/index", &RequestParameters::new(), None, None)
    }

    fn line(line: u64) -> Position {
        Position::Line { path: "a.jsonl".into(), line, hash: line * 7 }
    }

    proptest! {
        #[test]
        fn recorded_lines_are_done_and_no_others(
            requests in prop::collection::vec(prop::collection::btree_set(1_u64..60, 0..20), 0..6)
        ) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("c");
            for request in &requests {
                let positions: Vec<Position> = request.iter().map(|number| line(*number)).collect();
                open(&path).unwrap().record(&positions, None).unwrap();
            }
            let recorded: std::collections::BTreeSet<u64> = requests.into_iter().flatten().collect();
            let checkpoint = open(&path).unwrap();
            prop_assert_eq!(checkpoint.done_count(), recorded.len() as u64);
            let done = checkpoint.done().lines_of("a.jsonl");
            for number in 0..61 {
                let is_done = done.is_some_and(|done| done.contains(number));
                prop_assert_eq!(is_done, recorded.contains(&number));
            }
            if let Some(last) = recorded.last() {
                prop_assert!(done.unwrap().differs(*last, 1) && !done.unwrap().differs(*last, last * 7));
            }
        }

        #[test]
        fn a_checkpoint_that_was_cut_anywhere_has_the_whole_entries(cut in 0_u64..200) {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("c");
            let mut checkpoint = open(&path).unwrap();
            let first = std::fs::metadata(&path).unwrap().len();
            (1..9).for_each(|number| checkpoint.record(&[line(number)], Some(number)).unwrap());
            drop(checkpoint);
            let written = std::fs::read(&path).unwrap();
            let length = (first + cut).min(written.len() as u64);
            std::fs::write(&path, &written[..length as usize]).unwrap();
            let whole = written[first as usize..length as usize].iter().filter(|byte| **byte == b'\n').count() as u64;
            let mut checkpoint = open(&path).unwrap();
            prop_assert_eq!(checkpoint.done_count(), whole);
            prop_assert_eq!(checkpoint.output_bytes(), (whole > 0).then_some(whole));
            checkpoint.record(&[line(100)], None).unwrap();
            drop(checkpoint);
            prop_assert_eq!(open(&path).unwrap().done_count(), whole + 1);
        }
    }

    #[test]
    fn a_checkpoint_of_another_job_or_in_use_and_other_files_are_rejected() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("c");
        let first = open(&path).unwrap();
        assert!(open(&path).unwrap_err().contains("in use by another process"));
        drop(first);
        let parameters = RequestParameters::new();
        let error = |endpoint: &str, part: Option<&str>, output: Option<&str>| {
            let part = part.map(|part| part.parse().unwrap());
            Checkpoint::open(&path, endpoint, &parameters, part, output.map(Path::new)).unwrap_err()
        };
        assert!(error("/search", None, None).contains("the endpoint /index, not /search"));
        assert!(error("/index", Some("1/2"), None).contains("the part none, not 1/2"));
        assert!(error("/index", None, Some("/o")).contains("the output none, not /o"));
        for content in ["text", "text\n", "{\"id\": 1}\n"] {
            std::fs::write(&path, content).unwrap();
            assert!(open(&path).unwrap_err().contains("not a checkpoint"), "{content}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
        let error = open(&directory.path().join("missing/c")).unwrap_err();
        assert!(error.contains("there is no directory") && error.contains("create it first"), "{error}");
    }

    #[test]
    fn a_changed_file_is_not_done() {
        let directory = tempfile::tempdir().unwrap();
        let (path, file) = (directory.path().join("c"), directory.path().join("a.txt"));
        std::fs::write(&file, "1").unwrap();
        let name = file.to_str().unwrap().to_owned();
        let version = FileVersion::of(&file).unwrap();
        open(&path).unwrap().record(&[Position::File { path: name.clone(), version }], None).unwrap();
        std::fs::write(&file, "22").unwrap();
        let checkpoint = open(&path).unwrap();
        assert!(checkpoint.done().contains_file(&name, version));
        assert!(!checkpoint.done().contains_file(&name, FileVersion::of(&file).unwrap()));
    }
}
