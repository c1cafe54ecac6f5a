//! Style of all tables that the program prints.

use comfy_table::{LineStyle, TableStyle};

/// A line under the header, without vertical lines. A bottom border would be wider than the table, because `comfy_table`
/// draws junctions in it even if there are no vertical lines.
pub const TABLE_STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
