//! Parsers for values of options. Their errors are printed by clap after the name of the option.

use std::time::Duration;

/// `NAME=VALUE`, split at the first `=`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// An integer of at least 1.
pub(super) fn positive_integer(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "write an integer of at least 1".to_owned())
}

/// A rate in requests per second, above 0.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate > 0.0);
    rate.ok_or_else(|| "write a number of requests per second greater than 0".to_owned())
}

/// A time in seconds, above 0; fractions are allowed.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "write a number of seconds")?;
    if seconds <= 0.0 {
        return Err("write a number of seconds greater than 0".to_owned());
    }
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}
