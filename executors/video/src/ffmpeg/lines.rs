//! Lines of a process's log, bounded in length.

use std::io::{self, BufRead};

/// Largest part of a line that is kept, in bytes. Lines with metadata of the video can have megabytes.
const LINE_BYTES_MAX: usize = 512;

/// Reads the next line without its end; `None` at the end of the input. Of a longer line, the beginning is returned.
pub(super) fn next_line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    let mut is_started = false;
    loop {
        let available = match input.fill_buf() {
            Ok(available) => available,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if available.is_empty() {
            return Ok(is_started.then(|| String::from_utf8_lossy(&line).into_owned()));
        }
        is_started = true;
        let end = available.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
        let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        let kept = part.get(..LINE_BYTES_MAX.saturating_sub(line.len())).unwrap_or(part);
        line.extend_from_slice(kept);
        let consumed = part.len() + usize::from(end.is_some());
        input.consume(consumed);
        if end.is_some() {
            return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    #[test]
    fn lines_are_cut_to_the_bound_and_none_is_lost() {
        let long = "x".repeat(3 * LINE_BYTES_MAX);
        let text = format!("a\n{long}\nb\n\nc");
        for capacity in [1, 7, 100_000] {
            let mut input = BufReader::with_capacity(capacity, text.as_bytes());
            let lines: Vec<String> = std::iter::from_fn(|| next_line(&mut input).unwrap()).collect();
            assert_eq!(lines, ["a", &long[..LINE_BYTES_MAX], "b", "", "c"], "{capacity}");
        }
    }
}
