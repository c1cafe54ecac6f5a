//! The table that `make attack` prints.

use std::time::Duration;

use crate::attack::Attack;
use crate::healthy::Healthy;
use crate::measure::{Judged, Measured};

/// The first two lines of the Markdown table: the column titles and their alignment.
pub const HEADER: &str = "\
| attack | sends | stated bound | conn. | sent | served | refused | p50, p99 quiet | p50, p99 attacked | MiB before, peak, after | verdict |
|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|";

/// The line of the table for one attack: the attack, its measurements, and the verdict.
pub fn row(attack: &Attack, measured: &Measured) -> String {
    let faults = measured.faults(Judged::All);
    let verdict = match (faults.is_empty(), attack.open) {
        (true, _) => "held".to_owned(),
        (false, None) => format!("**{}**", faults.join("; ")),
        (false, Some(missing)) => format!("open ({missing}): {}", faults.join("; ")),
    };
    let mebibytes = |bytes: Option<u64>| bytes.map_or("–".to_owned(), |bytes| (bytes >> 20).to_string());
    let memory = [Some(measured.before), measured.peak, measured.after].map(mebibytes).join(", ");
    format!(
        "| {} | {} | {} | {} | {} | {} % | {} | {} | {} | {memory} | {verdict} |",
        attack.name,
        attack.sends,
        attack.bound,
        measured.connections,
        size(measured.bytes),
        measured.attacked.served_percent(),
        measured.attacked.refused(),
        latencies(&measured.quiet),
        latencies(&measured.attacked),
    )
}

fn latencies(healthy: &Healthy) -> String {
    let milliseconds = |latency: Duration| format!("{:.1}", latency.as_secs_f64() * 1e3);
    format!("{}, {} ms", milliseconds(healthy.percentile(50)), milliseconds(healthy.percentile(99)))
}

fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}
