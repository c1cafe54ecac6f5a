//! Style of all tables that the program prints.

use comfy_table::{LineStyle, TableStyle};

/// A line under the header and one at the end, without vertical lines.
pub const TABLE_STYLE: TableStyle = TableStyle::new()
    .header_separator(LineStyle::none().fill('─'))
    .bottom_border(LineStyle::none().fill('─'));
