//! JSON values in error messages.

use serde_json::Value;

/// Longest preview, in characters.
const CHARACTERS_MAX: usize = 60;

/// Formats a value as JSON in backquotes, shortened to 60 characters.
pub(crate) fn value_preview(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => format!("`{}…`", text.get(..end).unwrap_or_default()),
        None => format!("`{text}`"),
    }
}
