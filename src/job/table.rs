//! The first results as a table.

use std::io::{self, Write};
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use flowrun_sdk::Document;
use serde_json::{Map, Value};

/// How every table of the program looks: a line under the header and one at the end.
pub const TABLE_STYLE: TableStyle = TableStyle::new()
    .header_separator(LineStyle::none().fill('─'))
    .bottom_border(LineStyle::none().fill('─'));

/// Documents whose matches are shown, and matches shown for each.
const DOCUMENTS_MAX: usize = 12;
const MATCHES_MAX: usize = 5;
/// Characters of a text that are shown.
const TEXT_CHARACTERS_MAX: usize = 100;

/// Results that will be shown.
#[derive(Default)]
pub(super) struct Results {
    rows: Vec<[String; 4]>,
    documents: usize,
    results: Map<String, Value>,
}

impl Results {
    /// Takes a document; only one with matches is worth a row.
    pub(super) fn add(&mut self, document: &Document) {
        if document.matches.is_empty() {
            return;
        }
        self.documents += 1;
        if self.documents > DOCUMENTS_MAX {
            return;
        }
        for (position, found) in document.matches.iter().take(MATCHES_MAX).enumerate() {
            let of = if position == 0 { shown(document) } else { String::new() };
            let score = found.score().map_or_else(String::new, |score| format!("{:.4}", score.value));
            self.rows.push([of, (position + 1).to_string(), shown(found), score]);
        }
    }

    /// Takes what executors had to say beside documents. Numbers of several requests are added up.
    pub(super) fn say(&mut self, results: &Map<String, Value>) {
        for (worker, said) in results {
            let known = self.results.entry(worker).or_insert_with(|| Value::Object(Map::new()));
            let (Some(known), Some(said)) = (known.as_object_mut(), said.as_object()) else { continue };
            for (name, value) in said {
                let sum = known
                    .get(name)
                    .and_then(Value::as_u64)
                    .zip(value.as_u64())
                    .map(|(left, right)| left + right);
                known.insert(name.clone(), sum.map_or_else(|| value.clone(), Value::from));
            }
        }
    }

    /// Prints everything that was taken.
    pub(super) fn print(self, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
        for (worker, said) in &self.results {
            writeln!(out, "{worker}: {said}")?;
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        table.load_style(TABLE_STYLE).set_header(["document", "rank", "match", "score"]);
        if let Some(width) = width {
            table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        }
        table.add_rows(self.rows);
        for numeric in [1, 3] {
            if let Some(column) = table.column_mut(numeric) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        writeln!(out, "{table}")?;
        if self.documents > DOCUMENTS_MAX {
            let more = self.documents - DOCUMENTS_MAX;
            writeln!(out, "… and {more} documents more; `-o results.jsonl` writes all of them")?;
        }
        Ok(())
    }
}

/// What to call a document in the table: its path from here, its text, or both.
fn shown(document: &Document) -> String {
    let Some(text) = &document.text else { return from_here(document.label()) };
    let shortened: String = text.chars().take(TEXT_CHARACTERS_MAX).collect();
    let end = if shortened.len() < text.len() { "…" } else { "" };
    let source =
        if document.uri.is_empty() { String::new() } else { format!("{}: ", from_here(&document.uri)) };
    format!("{source}{shortened}{end}")
}

fn from_here(path: &str) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    Path::new(path).strip_prefix(here).map_or_else(|_| path.to_owned(), |path| path.display().to_string())
}
