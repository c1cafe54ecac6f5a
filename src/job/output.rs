//! Results as JSON lines, to a file or standard output, and as a table for people.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, IsTerminal as _, Seek as _, Write};
use std::path::Path;

use flowrun_wire::DocumentJson;
use serde_json::{Map, Value};

use super::result_table::ResultTable;
use crate::runtime::Response;

/// Destination of the results.
pub struct Output {
    lines: Option<Box<dyn Write + Send>>,
    /// Bytes in the file, if there is one.
    bytes: Option<u64>,
    table: Option<ResultTable>,
    /// Warnings of executors that were logged.
    warnings: BTreeSet<String>,
}

/// Creates or truncates a file.
///
/// # Errors
/// Names the file, and the directory if that is missing.
pub(crate) fn create_file(path: &Path) -> Result<File, String> {
    File::create(path).map_err(|error| {
        let file = path.display();
        match path.parent().filter(|parent| !parent.as_os_str().is_empty() && !parent.exists()) {
            Some(parent) => {
                format!("cannot create {file}: there is no directory `{}`; create it first", parent.display())
            }
            None => format!("cannot create {file}: {error}"),
        }
    })
}

/// Opens a file of results, cuts it after the first `kept` bytes, and positions there.
fn open_after(path: &Path, kept: u64) -> Result<File, String> {
    let shown = path.display();
    let mut file = OpenOptions::new()
        .write(true)
        .open(path)
        .map_err(|error| format!("cannot open {shown}, the results of the checkpoint: {error}"))?;
    let cut = file.metadata().and_then(|metadata| {
        if metadata.len() < kept {
            return Err(io::Error::other(format!(
                "it has {} bytes, less than the {kept} that the checkpoint belongs to; delete the checkpoint to process everything again",
                metadata.len()
            )));
        }
        file.set_len(kept)?;
        file.seek(io::SeekFrom::End(0))
    });
    cut.map(|_| file).map_err(|error| format!("cannot continue {shown}: {error}"))
}

impl Output {
    /// Writes results as JSON lines to the file at `path` (`-`: standard output), if there is one. Unless standard output
    /// is taken, the first results are also printed there as a table at the end.
    ///
    /// # Errors
    /// Names the file that cannot be created.
    pub fn new(path: Option<&Path>) -> Result<Self, String> {
        Self::continued(path, None)
    }

    /// Like [`Output::new`], but keeps the first `kept` bytes of the file, the results of an earlier run.
    ///
    /// # Errors
    /// Names the file that cannot be opened, or is shorter.
    pub fn continued(path: Option<&Path>, kept: Option<u64>) -> Result<Self, String> {
        let is_stdout = path == Some(Path::new("-"));
        let file = path.filter(|_| !is_stdout);
        let lines: Option<Box<dyn Write + Send>> = match (file, kept) {
            (Some(path), None) => Some(Box::new(BufWriter::new(create_file(path)?))),
            (Some(path), Some(kept)) => Some(Box::new(BufWriter::new(open_after(path, kept)?))),
            (None, _) if is_stdout => Some(Box::new(BufWriter::new(io::stdout()))),
            (None, _) => None,
        };
        Ok(Self {
            lines,
            bytes: file.map(|_| kept.unwrap_or(0)),
            table: (!is_stdout).then(ResultTable::default),
            warnings: BTreeSet::new(),
        })
    }

    /// Bytes of the results in the file; `None` without a file.
    pub(super) fn bytes(&self) -> Option<u64> {
        self.bytes
    }

    /// Writes the results of one request. A closed pipe is not an error: the job continues without writing, because
    /// its executors may have other effects.
    pub(super) fn write(&mut self, response: &Response) -> io::Result<()> {
        match self.write_lines(response) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                tracing::warn!(
                    "the reader of the results closed the pipe; the job continues without writing results"
                );
                self.lines = None;
            }
            written => written?,
        }
        match &mut self.table {
            Some(table) => {
                response.documents.iter().for_each(|document| table.add_document(document));
                table.add_results(&response.results);
            }
            None => self.log_warnings(&response.results),
        }
        Ok(())
    }

    /// Logs the warnings among the results of executors, each once, where no table prints the results.
    fn log_warnings(&mut self, results: &Map<String, Value>) {
        for (worker, result) in results {
            let warning = result.get("warning").and_then(Value::as_str);
            if let Some(warning) = warning.filter(|warning| self.warnings.insert((*warning).to_owned())) {
                tracing::warn!(worker, "{warning}");
            }
        }
    }

    fn write_lines(&mut self, response: &Response) -> io::Result<()> {
        let Some(lines) = &mut self.lines else { return Ok(()) };
        for document in &response.documents {
            let mut line = serde_json::to_vec(&DocumentJson(document))?;
            line.push(b'\n');
            lines.write_all(&line)?;
            self.bytes = self.bytes.map(|bytes| bytes + line.len() as u64);
        }
        // Flushed per request, so that a reader of the file or pipe can follow the job.
        lines.flush()
    }

    /// Prints the table.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let Some(table) = self.table.take() else { return Ok(()) };
        let width = io::stdout().is_terminal().then_some(()).and_then(|()| comfy_table::Table::new().width());
        table.print(&mut io::stdout().lock(), width)
    }
}
