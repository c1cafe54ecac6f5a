//! `flowrun executors`: the built-in executors, and what each can be told. From the tables that the parser reads by.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table};
use flowrun_sdk::{Catalog, ExecutorType};

use super::arguments::ExecutorsOptions;
use super::exit::Exit;
use crate::diagnostic::did_you_mean;
use crate::job::TABLE_STYLE;

/// Columns of a table that is not on a terminal.
const WIDTH: u16 = 110;

/// Prints the list, or the parameters of one.
pub(super) fn executors(options: &ExecutorsOptions) -> anyhow::Result<Exit> {
    let catalog = crate::catalog::built_in();
    let Some(name) = &options.name else {
        print(&list(&catalog))?;
        return Ok(Exit::Done);
    };
    if let Some(executor) = catalog.get(name) {
        print(&describe(executor))?;
        return Ok(Exit::Done);
    }
    let meant = did_you_mean(name, catalog.names()).map_or_else(String::new, |meant| format!("; {meant}"));
    writeln!(std::io::stderr(), "error: there is no executor `{name}`{meant}")?;
    Ok(Exit::Usage)
}

pub(super) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(TABLE_STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH);
    }
    table.set_header(header).add_rows(rows);
    table.to_string()
}

fn list(catalog: &Catalog) -> String {
    let row = |executor: &ExecutorType| {
        vec![executor.name.to_owned(), executor.summary.to_owned(), executor.aliases.join(", ")]
    };
    table(&["executor", "what it does", "also called"], catalog.types().map(row).collect())
}

fn describe(executor: &ExecutorType) -> String {
    let mut text = format!("{}: {}\n", executor.name, executor.summary);
    if !executor.aliases.is_empty() {
        text.push_str(&format!("also called {}\n", executor.aliases.join(", ")));
    }
    if executor.fields.is_empty() {
        text.push_str("\nIt has no parameters.");
        return text;
    }
    let row = |field: &flowrun_sdk::ParameterField| {
        let words: Vec<&str> = field.documentation.split_whitespace().collect();
        vec![field.name.to_owned(), field.kind.to_string(), field.default.to_string(), words.join(" ")]
    };
    let rows = executor.fields.iter().map(row).collect();
    text.push_str(&table(&["parameter", "value", "default", "meaning"], rows));
    text
}
