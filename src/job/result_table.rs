//! Table of the first results on the terminal.

use std::io::{self, Write};
use std::path::Path;

use comfy_table::{CellAlignment, ContentArrangement, Table};
use flowrun_sdk::Document;
use serde_json::{Map, Value};

use super::count::counted;
use super::table_style::TABLE_STYLE;

/// Maximum number of documents in the table.
const DOCUMENTS_MAX: usize = 12;
/// Maximum number of matches per document.
const MATCHES_MAX: usize = 5;
/// Maximum length of a text in the table, in characters.
const TEXT_CHARACTERS_MAX: usize = 100;

/// The first results of a job.
#[derive(Default)]
pub(super) struct ResultTable {
    rows: Vec<[String; 4]>,
    documents: usize,
    /// Number of matches with a score.
    scored: usize,
    /// Number of matches whose score is a distance.
    distances: usize,
    results: Map<String, Value>,
}

impl ResultTable {
    /// Adds the matches of a document; a document without matches has no row.
    pub(super) fn add_document(&mut self, document: &Document) {
        if document.matches.is_empty() {
            return;
        }
        self.documents += 1;
        if self.documents > DOCUMENTS_MAX {
            return;
        }
        for (position, found) in document.matches.iter().take(MATCHES_MAX).enumerate() {
            let query = if position == 0 { display_name(document) } else { String::new() };
            self.scored += usize::from(found.score().is_some());
            self.distances += usize::from(found.is_scored_by_distance());
            let score = found.score().map_or_else(String::new, |score| format!("{:.4}", score.value));
            self.rows.push([query, (position + 1).to_string(), display_name(found), score]);
        }
    }

    /// Merges results that belong to no document, by worker. Integers are added up; any other value replaces the
    /// previous one.
    pub(super) fn add_results(&mut self, results: &Map<String, Value>) {
        for (worker, added) in results {
            let merged = self.results.entry(worker).or_insert_with(|| Value::Object(Map::new()));
            let (Some(merged), Some(added)) = (merged.as_object_mut(), added.as_object()) else { continue };
            for (name, value) in added {
                let sum = merged
                    .get(name)
                    .and_then(Value::as_u64)
                    .zip(value.as_u64())
                    .map(|(left, right)| left + right);
                merged.insert(name.clone(), sum.map_or_else(|| value.clone(), Value::from));
            }
        }
    }

    /// Prints the merged results, and the table wrapped to `width` columns.
    pub(super) fn print(self, out: &mut dyn Write, width: Option<u16>) -> io::Result<()> {
        for (worker, results) in &self.results {
            writeln!(out, "{worker}: {results}")?;
        }
        if self.rows.is_empty() {
            return Ok(());
        }
        let mut table = Table::new();
        let measure = if self.scored > 0 && self.distances == self.scored { "distance" } else { "score" };
        table.load_style(TABLE_STYLE).set_header(["document", "rank", "match", measure]);
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
            let omitted = counted((self.documents - DOCUMENTS_MAX) as u64, "more document");
            writeln!(out, "… and {omitted}; `-o results.jsonl` writes all of them")?;
        }
        Ok(())
    }
}

/// Name of a document in the table: its path relative to the working directory, its text, or both.
fn display_name(document: &Document) -> String {
    let Some(text) = &document.text else { return relative_path(document.label()) };
    let shortened: String = text.chars().take(TEXT_CHARACTERS_MAX).collect();
    let ellipsis = if shortened.len() < text.len() { "…" } else { "" };
    let source =
        if document.uri.is_empty() { String::new() } else { format!("{}: ", relative_path(&document.uri)) };
    format!("{source}{shortened}{ellipsis}")
}

fn relative_path(path: &str) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    Path::new(path).strip_prefix(current).map_or_else(|_| path.to_owned(), |path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::NamedScore;
    use serde_json::json;

    use super::*;

    fn printed(table: ResultTable) -> String {
        let mut out = Vec::new();
        table.print(&mut out, None).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn integer_results_of_requests_are_added_up_by_worker() {
        let mut table = ResultTable::default();
        for result in [json!({"a": {"indexed": 2, "note": "x"}}), json!({"a": {"indexed": 3, "note": "y"}})] {
            table.add_results(result.as_object().unwrap());
        }
        assert_eq!(printed(table), "a: {\"indexed\":5,\"note\":\"y\"}\n");
    }

    #[test]
    fn distances_are_not_called_scores() {
        for (name, header) in [("cosine", "distance"), ("euclidean", "distance"), ("clip_score", "score")] {
            let mut found = Document::new("match");
            found.scores.insert(name.to_owned(), NamedScore::new(0.25, "test"));
            let mut document = Document::new("query");
            document.matches = [found].into_iter().collect();
            let mut table = ResultTable::default();
            table.add_document(&document);
            let text = printed(table);
            assert!(text.contains(header) && text.contains("0.2500"), "{text}");
        }
    }

    #[test]
    fn documents_beyond_the_limit_are_counted_and_those_without_matches_are_left_out() {
        let mut table = ResultTable::default();
        table.add_document(&Document::new("alone"));
        for number in 0..DOCUMENTS_MAX + 2 {
            let mut document = Document::new(format!("query{number}"));
            document.matches = [Document::new("match")].into_iter().collect();
            table.add_document(&document);
        }
        let text = printed(table);
        assert!(text.contains("query11") && !text.contains("query12") && !text.contains("alone"), "{text}");
        assert!(text.contains("… and 2 more documents"), "{text}");
    }
}
