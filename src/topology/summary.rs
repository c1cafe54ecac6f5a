//! Text form of a topology, as printed by `flowrun check`.

use std::fmt;

use super::{MemoryBound, PodPlacement, PodPlan, Topology};

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count =
            |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
        let workers = self.pods.iter().map(|pod| pod.workers().count()).sum();
        let channels = self.pods.iter().map(PodPlan::shards_here).sum();
        writeln!(
            f,
            "{}, {}, {}",
            count(self.pods.len(), "pod"),
            count(workers, "worker"),
            count(channels, "channel")
        )?;
        for pod in &self.pods {
            let (shards, replicas) = (count(pod.shards, "shard"), count(pod.replicas, "replica"));
            let threads = count(pod.threads, "thread");
            write!(f, "  {}: {shards} of {replicas}, ", pod.name)?;
            match &pod.placement {
                PodPlacement::Here => writeln!(f, "{threads} each, {} slots per channel", pod.channel_slots)?,
                PodPlacement::Only(worker) => writeln!(
                    f,
                    "shard {} replica {} in this process, {threads}, {} slots per channel",
                    worker.shard, worker.replica, pod.channel_slots
                )?,
                PodPlacement::Elsewhere(_) => {
                    writeln!(f, "on workers, {} slots per channel", pod.channel_slots)?
                }
            }
            for (shard, addresses) in pod.worker_addresses().into_iter().enumerate() {
                writeln!(f, "    shard {shard}: {}", addresses.join(", "))?;
            }
            for (endpoint, batching) in pod.batching.entries() {
                let (documents, wait) = (batching.documents, batching.wait.as_millis());
                let at_most = if batching.flush_all { "about" } else { "up to" };
                writeln!(
                    f,
                    "    {endpoint}: batches of {at_most} {documents} documents, at most {wait} ms of waiting"
                )?;
            }
        }
        writeln!(f, "credits: {} requests inside at once", self.credits)?;
        write!(f, "{}", self.memory)
    }
}

impl fmt::Display for MemoryBound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copies = if self.copies == 1 { "1 copy".to_owned() } else { format!("{} copies", self.copies) };
        let factors = match self.grows {
            true => {
                let each = format_bytes(self.request_bytes_max);
                format!("{} requests × {copies} × {each}", self.requests)
            }
            false => format!("{copies}, no executor adds content"),
        };
        writeln!(f, "memory bound: {}, besides programs, models and indexes", format_bytes(self.bytes()))?;
        writeln!(f, "  flow: {} ({factors})", format_bytes(self.flow_bytes()))?;
        writeln!(f, "  gateway: {} (requests and replies)", format_bytes(self.gateway_bytes_max))?;
        let (connections, bytes) = (self.connections_max, format_bytes(self.connections_bytes()));
        writeln!(f, "  connections: {bytes} (at most {connections})")?;
        writeln!(f, "  pages: {}", format_bytes(self.pages_bytes()))
    }
}

/// Formats a number of bytes with a binary unit and at most one decimal: `1.5 KiB`.
pub(crate) fn format_bytes(bytes: usize) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut amount = bytes as f64;
    let mut unit = UNITS.iter();
    let mut name = unit.next();
    while amount >= 1024.0
        && let Some(next) = unit.next()
    {
        amount /= 1024.0;
        name = Some(next);
    }
    let digits = usize::from(amount < 10.0 && amount.fract() > 0.0);
    format!("{amount:.digits$} {}", name.copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #[test]
    fn bytes_have_a_binary_unit() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (256 << 20, "256 MiB"), (5 << 30, "5 GiB")]
        {
            assert_eq!(super::format_bytes(bytes), text);
        }
    }
}
