//! Results as JSON lines, to a file or standard output, and as a table for people.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use flowrun_wire::DocumentJson;
use serde_json::{Map, Value};

use super::result_table::ResultTable;
use crate::runtime::Response;

/// Destination of the results.
pub struct Output {
    lines: Option<Box<dyn Write + Send>>,
    table: Option<ResultTable>,
    /// Warnings of executors that were logged.
    warnings: BTreeSet<String>,
}

impl Output {
    /// Writes results as JSON lines to the file at `path` (`-`: standard output), if there is one. Unless standard output
    /// is taken, the first results are also printed there as a table at the end.
    ///
    /// # Errors
    /// Names the file that cannot be created.
    pub fn new(path: Option<&Path>) -> Result<Self, String> {
        let is_stdout = path == Some(Path::new("-"));
        let lines: Option<Box<dyn Write + Send>> = match path {
            None => None,
            Some(_) if is_stdout => Some(Box::new(BufWriter::new(io::stdout()))),
            Some(path) => {
                let cannot = |error| format!("cannot create {}: {error}", path.display());
                Some(Box::new(BufWriter::new(File::create(path).map_err(cannot)?)))
            }
        };
        Ok(Self { lines, table: (!is_stdout).then(ResultTable::default), warnings: BTreeSet::new() })
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
            serde_json::to_writer(&mut *lines, &DocumentJson(document))?;
            writeln!(lines)?;
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
