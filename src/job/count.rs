//! Numbers with their noun, in the singular or the plural.

/// `1 document`, `2 documents`.
#[must_use]
pub fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
