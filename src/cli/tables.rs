//! Text and tables on standard output.

use std::io::Write as _;

use comfy_table::{ContentArrangement, Table};

use crate::job::TABLE_STYLE;

/// Width of a table that is not printed to a terminal, in columns.
const WIDTH: u16 = 110;

/// Header of a table of executor parameters.
pub(super) const PARAMETER_HEADER: [&str; 4] = ["parameter", "value", "default", "description"];

/// Prints a text and a newline.
pub(super) fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Renders a table as wide as the terminal; cells are wrapped.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(TABLE_STYLE).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(WIDTH);
    }
    table.set_header(header).add_rows(rows);
    table.to_string()
}
