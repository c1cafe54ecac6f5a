//! Runs an attack together with healthy clients, and compares the result with the promises.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use tokio::runtime::{Builder, Runtime};
use tokio::time::Instant;

use crate::attack::{Attack, Attacker, Form, Traffic};
use crate::healthy::{Healthy, send_requests};
use crate::service::Service;

/// Niceness of the threads that attack. Hostile clients are on other machines; here they must not take the processor from the
/// service and from healthy clients.
const NICENESS: i32 = 19;

/// Share of healthy requests that must be served, in percent.
const SERVED_PERCENT_MIN: usize = 95;

/// Acceptable latency of the 99th percentile: the larger of a fixed time and a multiple of the latency without an attack.
const LATENCY_MAX: Duration = Duration::from_millis(50);
const LATENCY_FACTOR_MAX: u32 = 3;

/// Growth of resident memory that is acceptable after an attack, in bytes: the allocator keeps some pages.
const REMAINING_BYTES_MAX: u64 = 64 << 20;

/// Time for the service to release memory after an attack.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(15);

/// Interval at which the memory is read.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Promises that are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// All.
    All,
    /// All but latencies, for debug builds and shared machines.
    WithoutLatency,
}

/// Result of an attack.
#[derive(Debug)]
pub struct Measured {
    /// Healthy requests without an attack, and during one.
    pub(crate) quiet: Healthy,
    pub(crate) attacked: Healthy,
    /// Connections and bytes of the attack.
    pub(crate) connections: u64,
    pub(crate) bytes: u64,
    /// Resident bytes before, the peak, and afterwards; `None` if the process has ended.
    pub(crate) before: u64,
    pub(crate) peak: Option<u64>,
    pub(crate) after: Option<u64>,
    /// Memory bound that `flowrun check` prints, in bytes.
    pub(crate) memory_bound: u64,
    /// Exit status, if the process has ended.
    pub(crate) ended: Option<String>,
    /// True if the stored documents are the same as before.
    pub(crate) unchanged: bool,
}

/// Runs an attack for `duration`, after healthy requests alone for half of that time.
///
/// # Errors
/// If the service does not answer before the attack.
pub fn measure(
    service: &mut Service,
    attack: &Attack,
    form: Form,
    duration: Duration,
) -> io::Result<Measured> {
    let healthy_runtime = Builder::new_current_thread().enable_all().build()?;
    let quiet = healthy_runtime.block_on(send_requests(service.address, duration / 2));
    let stored = service.stored()?;
    let before = service.memory.resident().ok_or_else(|| io::Error::other("the service has ended"))?;
    service.memory.reset_peak()?;

    let attack_runtime = attack_runtime()?;
    let traffic = start(&attack_runtime, attack, form, service.address, duration);
    let attacked = healthy_runtime.block_on(send_requests(service.address, duration));
    let peak = service.memory.peak();
    attack_runtime.shutdown_timeout(Duration::from_secs(1));

    let after = released(service, before);
    let ended = service.ended();
    let unchanged = ended.is_none() && service.stored().is_ok_and(|now: Value| now == stored);
    let [connections, bytes] =
        [&traffic.connections, &traffic.bytes].map(|counter| counter.load(Ordering::Relaxed));
    let memory_bound = service.memory_bound;
    Ok(Measured { quiet, attacked, connections, bytes, before, peak, after, memory_bound, ended, unchanged })
}

/// Threads for an attack.
fn attack_runtime() -> io::Result<Runtime> {
    let nice = || {
        // Niceness is a property of the thread in Linux. Without it, latencies are higher.
        let _ = rustix::process::nice(NICENESS);
    };
    Builder::new_multi_thread().worker_threads(2).enable_all().on_thread_start(nice).build()
}

fn start(
    runtime: &Runtime,
    attack: &Attack,
    form: Form,
    address: SocketAddr,
    duration: Duration,
) -> Arc<Traffic> {
    let traffic = Arc::new(Traffic::default());
    let attacker = Attacker { address, form, end: Instant::now() + duration, traffic: Arc::clone(&traffic) };
    runtime.spawn((attack.run)(attacker));
    traffic
}

/// Waits until the service has released the memory of the attack, at most for [`RELEASE_TIMEOUT`]. Returns its resident
/// bytes; `None` if the process has ended.
fn released(service: &Service, before: u64) -> Option<u64> {
    let end = Instant::now() + RELEASE_TIMEOUT;
    loop {
        let resident = service.memory.resident()?;
        if resident <= before + REMAINING_BYTES_MAX || Instant::now() >= end {
            return Some(resident);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
}

impl Measured {
    /// Promises that were not kept.
    pub fn faults(&self, judged: Judged) -> Vec<String> {
        let mut faults = Vec::new();
        if let Some(status) = &self.ended {
            faults.push(format!("the process has ended: {status}"));
        }
        if self.connections == 0 {
            faults.push("no connection was accepted, so nothing was attacked".to_owned());
        }
        if self.attacked.served_percent() < SERVED_PERCENT_MIN {
            let causes = self.attacked.failures().first().map(|error| format!(", such as: {error}"));
            let (refused, failed) = (self.attacked.refused(), self.attacked.failures().len());
            faults.push(format!(
                "{} % of the healthy requests were served; {refused} were refused, {failed} failed{}",
                self.attacked.served_percent(),
                causes.unwrap_or_default()
            ));
        }
        if !self.unchanged && self.ended.is_none() {
            faults.push("the stored documents have changed".to_owned());
        }
        // The bound is that of requests; the program and its index were there before.
        let memory_max = self.before + self.memory_bound + self.memory_bound / 10;
        if let Some(peak) = self.peak.filter(|peak| *peak > memory_max) {
            let (peak, bound) = (peak >> 20, self.memory_bound >> 20);
            faults.push(format!("{peak} MiB of memory exceed the bound of {bound} MiB"));
        }
        if let Some(after) = self.after.filter(|after| *after > self.before + REMAINING_BYTES_MAX) {
            let (before, after) = (self.before >> 20, after >> 20);
            faults.push(format!("memory is not released: {before} MiB before, {after} MiB afterwards"));
        }
        let latency_max = LATENCY_MAX.max(self.quiet.percentile(99) * LATENCY_FACTOR_MAX);
        if judged == Judged::All && self.attacked.percentile(99) > latency_max {
            faults.push(format!("the 99th percentile exceeds {} ms", latency_max.as_millis()));
        }
        faults
    }
}
