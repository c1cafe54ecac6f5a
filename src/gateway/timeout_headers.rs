//! Deadline of a call, from its timeout headers.

use std::time::{Duration, Instant};

use axum::http::HeaderMap;

/// Header of gRPC: up to eight digits and a unit (`H`, `M`, `S`, `m`, `u` or `n`, from hours to nanoseconds). Accepted
/// over HTTP too.
const GRPC_TIMEOUT: &str = "grpc-timeout";

/// Header for HTTP clients: seconds, for example `0.5`.
const REQUEST_TIMEOUT: &str = "x-request-timeout";

/// Deadline of a call with these headers; `None` without one. The header of gRPC takes precedence. A header that cannot
/// be parsed counts as absent.
pub(super) fn deadline(headers: &HeaderMap) -> Option<Instant> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let timeout = text(GRPC_TIMEOUT).and_then(grpc).or_else(|| text(REQUEST_TIMEOUT).and_then(seconds));
    Instant::now().checked_add(timeout?)
}

fn grpc(text: &str) -> Option<Duration> {
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let count: u64 = (digits.len() <= 8).then(|| digits.parse().ok())??;
    Some(match unit {
        "H" => Duration::from_secs(count * 3600),
        "M" => Duration::from_secs(count * 60),
        "S" => Duration::from_secs(count),
        "m" => Duration::from_millis(count),
        "u" => Duration::from_micros(count),
        "n" => Duration::from_nanos(count),
        _ => return None,
    })
}

fn seconds(text: &str) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_parsed_with_their_unit() {
        for (text, milliseconds) in
            [("5S", 5_000), ("100m", 100), ("2M", 120_000), ("1H", 3_600_000), ("3000u", 3)]
        {
            assert_eq!(grpc(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
        for text in ["", "S", "5", "5x", "-5S", "999999999S", "é"] {
            assert_eq!(grpc(text), None, "{text}");
        }
        assert_eq!(seconds("0.5"), Some(Duration::from_millis(500)));
        assert_eq!(seconds("-1"), None);
    }
}
