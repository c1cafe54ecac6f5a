//! Numbers with their noun, in the singular or the plural.

/// `1 document`, `2 documents`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
