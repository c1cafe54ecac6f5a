//! Measurements: time, percentiles, recall, memory, disk space.

use std::collections::HashSet;
use std::path::Path;
use std::time::{Duration, Instant};

use flowrun_sdk::guard;

/// Runs an action; returns its duration and its result.
pub(crate) fn timed<T>(action: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let done = action();
    (start.elapsed(), done)
}

/// The median and the 99th percentile, in milliseconds.
pub(crate) fn percentiles(times: &mut [Duration]) -> (f64, f64) {
    times.sort_unstable();
    let at =
        |part: f64| times[((times.len() as f64 * part) as usize).min(times.len() - 1)].as_secs_f64() * 1e3;
    (at(0.5), at(0.99))
}

/// Recall: fraction of the exact answers that was found.
pub(crate) fn recall(found: &[Vec<u32>], nearest: &[Vec<u32>]) -> f64 {
    let hits: usize = found
        .iter()
        .zip(nearest)
        .map(|(found, nearest)| {
            let found: HashSet<_> = found.iter().collect();
            nearest.iter().filter(|row| found.contains(row)).count()
        })
        .sum();
    hits as f64 / nearest.iter().map(Vec::len).sum::<usize>() as f64
}

/// Anonymous and total resident memory of this process, in MiB.
pub(crate) fn memory() -> (u64, u64) {
    let status = guard::read_text("/proc/self/status".as_ref(), 1 << 16).unwrap();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0) / 1024
    };
    (field("RssAnon"), field("VmRSS"))
}

/// CPU time of this process, in seconds.
pub(crate) fn processor_seconds() -> f64 {
    let stat = guard::read_text("/proc/self/stat".as_ref(), 1 << 12).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// Size of the files in a directory, in MiB.
pub(crate) fn disk(directory: &Path) -> u64 {
    let mut pending = vec![directory.to_owned()];
    let mut bytes = 0;
    while let Some(path) = pending.pop() {
        let Ok(metadata) = std::fs::symlink_metadata(&path) else { continue };
        if metadata.is_dir() {
            pending.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            bytes += metadata.len();
        }
    }
    bytes >> 20
}
