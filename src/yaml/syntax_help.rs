//! Help for syntax errors: finds the value that needs quotes.
//!
//! The parser reports the position at which it gave up. The usual cause is a value that begins with a character that YAML
//! reserves, or an expression in a mapping or list in braces or brackets.

/// Characters that an unquoted value cannot begin with, or that give it another meaning.
const RESERVED: &[char] = &['@', '`', '%', '*', '&', '!', '|', '>', '{', '['];

/// A value that needs quotes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unquoted {
    /// Offset of its first byte.
    pub(super) start: usize,
    /// Offset of the byte after it.
    pub(super) end: usize,
    /// Help line: the quoted value.
    pub(super) help: String,
}

/// The value that needs quotes, for a syntax error at `offset` in `text`.
pub(super) fn unquoted_value(text: &str, offset: usize) -> Option<Unquoted> {
    let (line_start, line) = line_at(text, offset)?;
    let column = offset.saturating_sub(line_start).min(line.len());
    let found =
        expression(line, column).or_else(|| reserved(line, column)).or_else(|| colon(line, column))?;
    let (start, end, reason) = found;
    let value = line.get(start..end)?;
    let quoted = if value.contains('"') { format!("'{value}'") } else { format!("\"{value}\"") };
    let help = format!("quote the value, {reason}: `{quoted}`");
    Some(Unquoted { start: line_start + start, end: line_start + end, help })
}

/// The line that contains `offset`, or the last one with content before it; and the offset of its start.
fn line_at(text: &str, offset: usize) -> Option<(usize, &str)> {
    let mut end = offset.min(text.len());
    loop {
        let before = text.get(..end)?;
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(start..)?.lines().next().unwrap_or_default();
        if !line.trim().is_empty() {
            return Some((start, line));
        }
        end = start.checked_sub(1)?;
    }
}

/// An expression such as `${X}` in a mapping in braces or a list in brackets: the parser stops at its brace.
fn expression(line: &str, column: usize) -> Option<(usize, usize, &'static str)> {
    let dollar = column
        .checked_sub(1)
        .filter(|dollar| line.get(*dollar..).is_some_and(|rest| rest.starts_with("${")))?;
    let start = value_start(line, dollar);
    Some((start, flow_value_end(line, start), "because braces end a value inside `{…}` and `[…]`"))
}

/// A value that begins with a reserved character.
fn reserved(line: &str, column: usize) -> Option<(usize, usize, &'static str)> {
    let is_reserved = |start: usize| line.get(start..).is_some_and(|rest| rest.starts_with(RESERVED));
    let in_flow = |start: usize| line.get(..start).is_some_and(|before| before.contains(['{', '[']));
    let block = block_value(line);
    let start = [Some(column), block].into_iter().flatten().find(|start| is_reserved(*start))?;
    let end = if in_flow(start) { flow_value_end(line, start) } else { block_value_end(line) };
    // A mapping or list that is complete, or not closed, is not the cause.
    let value = line.get(start..end)?;
    let is_collection = value.starts_with(['{', '[']);
    let is_only_collection = value.ends_with(['}', ']']) || !value.contains(['}', ']']);
    if value.len() < 2 || (is_collection && is_only_collection) {
        return None;
    }
    Some((start, end, "because YAML reserves its first character"))
}

/// A value that contains a colon and a space.
fn colon(line: &str, column: usize) -> Option<(usize, usize, &'static str)> {
    let start = block_value(line)?;
    let end = block_value_end(line);
    let value = line.get(start..end)?;
    let plain = !value.starts_with(['"', '\'', '{', '[', '-', '?']);
    let inner = value.find(": ").or_else(|| value.ends_with(':').then(|| value.len() - 1))?;
    (plain && column >= start + inner).then_some((start, end, "because it contains a colon and a space"))
}

/// Start of the value after `KEY: ` or `- `.
fn block_value(line: &str) -> Option<usize> {
    let after = match line.find(": ") {
        Some(colon) => colon + 2,
        None => line.find("- ")? + 2,
    };
    let rest = line.get(after..)?;
    Some(after + rest.len() - rest.trim_start().len())
}

/// End of the value that ends with the line, without a comment.
fn block_value_end(line: &str) -> usize {
    line.get(..line.find(" #").unwrap_or(line.len())).unwrap_or(line).trim_end().len()
}

/// Start of the value that contains `position`: after the last space or delimiter.
fn value_start(line: &str, position: usize) -> usize {
    let before = line.get(..position).unwrap_or_default();
    before.rfind([' ', ',', '[', '{']).map_or(0, |delimiter| delimiter + 1)
}

/// End of the value at `start` inside braces or brackets, whose expressions may contain both.
fn flow_value_end(line: &str, start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, character) in line.get(start..).unwrap_or_default().char_indices() {
        match character {
            '{' => depth += 1,
            '}' | ']' | ',' if depth == 0 => return start + offset,
            '}' => depth -= 1,
            _ => {}
        }
    }
    line.trim_end().len()
}
