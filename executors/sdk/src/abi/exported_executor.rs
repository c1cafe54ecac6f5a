//! Plugin side of the executor ABI: the functions of [`FlowrunPlugin`](super::FlowrunPlugin) that create, call, close
//! and destroy an executor.

use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::export::Library;
use super::incoming_call::IncomingCall;
use super::status::status;
use super::table::{
    FLOWRUN_INTERNAL, FLOWRUN_OK, FLOWRUN_ORDER_ASCENDING, FLOWRUN_ORDER_DESCENDING, FLOWRUN_PANIC,
    FLOWRUN_PARAMETER, FlowrunBuild, FlowrunBytes, FlowrunCall, FlowrunHost, FlowrunMade,
};
use crate::block_on::{block_on, block_on_or};
use crate::{
    Answer, AsyncExecutor, BoxedExecutor, Build, BuildError, Call, Cancellation, Context, Endpoints,
    Executor, ExecutorError, Health, Instance, MetricKind, Metrics, Order, SharedState, panic_message,
    protobuf,
};

/// Interval at which an async call polls the host for cancellation. The host cannot wake a future.
const CANCELLATION_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Minimum interval between observations of observable gauges, which may be slow and delay the call.
const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);

/// An executor of this library. The host holds a pointer to it.
struct ExportedExecutor {
    executor: SharedExecutor,
    /// Endpoints as a JSON list, which the host borrows; empty for all.
    endpoints: String,
    metrics: Metrics,
    reported: Mutex<ReportedMetrics>,
    site: Arc<HostSite>,
}

enum SharedExecutor {
    /// Locked, because nothing but the host's contract prevents concurrent calls.
    Sync(Mutex<Box<dyn Executor>>),
    Async(Box<dyn AsyncExecutor>),
}

/// State of the metrics that were reported to the host.
#[derive(Default)]
struct ReportedMetrics {
    /// Last reported value of each counter; the host receives differences.
    counts: HashMap<String, u64>,
    /// Time of the last observation of observable gauges.
    observed: Option<Instant>,
}

/// The host's functions, and the handle by which they identify this executor. The handle is removed when the executor is
/// destroyed, because threads of the executor may still report health afterwards.
struct HostSite {
    host: &'static FlowrunHost,
    site: Mutex<Option<SitePointer>>,
}

#[derive(Clone, Copy)]
struct SitePointer(*mut c_void);

// SAFETY: the host's functions accept the handle on any thread.
unsafe impl Send for SitePointer {}

impl HostSite {
    /// Calls `action`, unless the executor was destroyed.
    fn with(&self, action: impl FnOnce(&'static FlowrunHost, *mut c_void)) {
        let site = self.site.lock();
        if let Some(SitePointer(site)) = *site {
            action(self.host, site);
        }
    }
}

/// Creates an executor of `L`.
///
/// # Safety
/// The requirements of [`FlowrunPlugin::create`](super::FlowrunPlugin::create).
pub(super) unsafe extern "C" fn create<L: Library>(
    build: *const FlowrunBuild,
    made: *mut FlowrunMade,
) -> u32 {
    // SAFETY: the arguments are valid until this returns, and the host's table until the process ends.
    let (build, made, host) = unsafe {
        let (Some(build), Some(made)) = (build.as_ref(), made.as_mut()) else { return FLOWRUN_INTERNAL };
        let Some(host) = build.host.as_ref() else { return FLOWRUN_INTERNAL };
        (build, made, host)
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let site = Arc::new(HostSite { host, site: Mutex::new(Some(SitePointer(build.site))) });
        // SAFETY: as above.
        let (name, build) = unsafe { (build.executor.text(), read_build(build, &site)) };
        let executor = L::TYPES.iter().find(|executor| executor.name == name);
        let unknown = || BuildError::failed(format_args!("the library has no executor `{name}`"));
        let executor = executor.ok_or_else(unknown)?;
        let metrics = build.context.metrics.clone();
        executor.create(&build).map(|instance| ExportedExecutor::new(instance, metrics, site))
    }));
    let (status, parameter, reason) = match result {
        Ok(Ok((exported, fill))) => {
            fill(made);
            made.endpoints = FlowrunBytes::of(exported.endpoints.as_bytes());
            exported.report_metrics();
            made.executor = Box::into_raw(exported).cast();
            return FLOWRUN_OK;
        }
        Ok(Err(BuildError::Parameter { name, reason })) => (FLOWRUN_PARAMETER, name, reason),
        Ok(Err(error)) => (FLOWRUN_INTERNAL, "".into(), error.to_string()),
        Err(payload) => {
            (FLOWRUN_PANIC, "".into(), format!("the constructor panicked: {}", panic_message(&*payload)))
        }
    };
    let (parameter, reason) = (FlowrunBytes::of(parameter.as_bytes()), FlowrunBytes::of(reason.as_bytes()));
    // SAFETY: the texts outlive the call.
    unsafe { (host.refuse)(build.site, parameter, reason) };
    status
}

/// Converts the host's description of an executor.
///
/// # Safety
/// The texts are valid.
unsafe fn read_build(build: &FlowrunBuild, site: &Arc<HostSite>) -> Build {
    // SAFETY: the caller guarantees that the texts are valid.
    let text = |bytes: FlowrunBytes| unsafe { bytes.text() }.into_owned();
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let with = serde_json::from_str(&text(build.parameters)).unwrap_or_default();
    let observed_site = Arc::clone(site);
    let health = Health::with_observer(move |reason| {
        observed_site.with(|host, site| {
            let reason = reason.map_or(FlowrunBytes::EMPTY, |reason| FlowrunBytes::of(reason.as_bytes()));
            // SAFETY: the executor is not destroyed yet, and the reason outlives the call.
            unsafe { (host.condition)(site, reason) }
        });
    });
    let context = Context {
        pod: text(build.pod),
        workspace: PathBuf::from(text(build.workspace)),
        directory: PathBuf::from(text(build.directory)),
        shard: number(build.shard),
        shards: number(build.shards),
        replica: number(build.replica),
        read_only: build.read_only,
        threads: number(build.threads),
        concurrency: number(build.concurrency),
        // The host enforces the timeout.
        timeout_ready: None,
        health,
        shared: SharedState::for_host_id(build.shared),
        metrics: Metrics::default(),
    };
    Build { with, context }
}

impl ExportedExecutor {
    /// Returns the executor, and a function that copies its properties into the host's [`FlowrunMade`].
    fn new(
        instance: Instance,
        metrics: Metrics,
        site: Arc<HostSite>,
    ) -> (Box<Self>, impl FnOnce(&mut FlowrunMade)) {
        let endpoints = match &instance.endpoints {
            Endpoints::All => String::new(),
            Endpoints::Only(endpoints) => serde_json::Value::from(endpoints.as_slice()).to_string(),
        };
        let (executor, concurrent) = match instance.executor {
            BoxedExecutor::Sync(executor) => (SharedExecutor::Sync(Mutex::new(executor)), false),
            BoxedExecutor::Async(executor) => (SharedExecutor::Async(executor), true),
        };
        let ranking = instance.ranking;
        let fill = move |made: &mut FlowrunMade| {
            made.concurrent = concurrent;
            if let Some(ranking) = ranking {
                made.order = match ranking.order {
                    Order::Ascending => FLOWRUN_ORDER_ASCENDING,
                    Order::Descending => FLOWRUN_ORDER_DESCENDING,
                };
                made.top_k = ranking.top_k as u64;
            }
        };
        (Box::new(Self { executor, endpoints, metrics, reported: Mutex::default(), site }), fill)
    }

    fn execute(&self, incoming: &IncomingCall<'_>) -> Result<(), ExecutorError> {
        let parameters = incoming.parameters()?;
        let (list, documents) = incoming.documents();
        let cancellation = incoming.cancellation();
        let _guard = StopPolling(&cancellation);
        let mut call = Call::new(incoming.endpoint, documents, &parameters)
            .with_request_id(incoming.request_id)
            .with_deadline(incoming.deadline(), cancellation.clone())
            .with_bytes_max(incoming.bytes_max());
        match &self.executor {
            SharedExecutor::Sync(executor) => executor.lock().execute(&mut call)?,
            SharedExecutor::Async(executor) => {
                let budget = call.budget();
                let interrupt = || {
                    let error = budget.check().err()?;
                    // Wakes tasks that wait for the cancellation.
                    cancellation.cancel();
                    Some(Err(error))
                };
                block_on_or(executor.execute(&mut call), CANCELLATION_POLL_INTERVAL, interrupt)?;
            }
        }
        let Answer { documents, failures, results, remote_results } = call.into_answer();
        for failure in failures {
            incoming.fail_document(&failure.id, &failure.error);
        }
        for (name, value) in results.iter().chain(&remote_results) {
            incoming.result(name, &value.to_string());
        }
        // The host keeps the documents of a call without an answer.
        if !documents.is_unchanged(&list) {
            incoming.answer(protobuf::encode_shared(&documents));
        }
        Ok(())
    }

    fn report_metrics(&self) {
        if self.metrics.is_empty() {
            return;
        }
        let mut reported = self.reported.lock();
        let observe = reported.observed.is_none_or(|observed| observed.elapsed() >= OBSERVE_INTERVAL);
        if observe {
            reported.observed = Some(Instant::now());
        }
        for sample in self.metrics.samples_if(observe) {
            let (name, help) =
                (FlowrunBytes::of(sample.name.as_bytes()), FlowrunBytes::of(sample.help.as_bytes()));
            self.site.with(|host, site| match sample.kind {
                // SAFETY: the executor is not destroyed yet, and the texts outlive the call.
                MetricKind::Gauge => unsafe { (host.gauge)(site, name, help, sample.value) },
                MetricKind::Counter => {
                    let before = reported.counts.get(&sample.name).copied().unwrap_or_default();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a counter is a whole number that was converted to a double"
                    )]
                    let now = sample.value as u64;
                    reported.counts.insert(sample.name.clone(), now);
                    // SAFETY: as above.
                    unsafe { (host.count)(site, name, help, now.saturating_sub(before)) };
                }
            });
        }
    }
}

/// Stops polling the host for cancellation when the call returns.
struct StopPolling<'a>(&'a Cancellation);

impl Drop for StopPolling<'_> {
    fn drop(&mut self) {
        self.0.stop_polling();
    }
}

/// Executes one call.
///
/// # Safety
/// The requirements of [`FlowrunPlugin::execute`](super::FlowrunPlugin::execute).
pub(super) unsafe extern "C" fn execute(executor: *mut c_void, call: *const FlowrunCall) -> u32 {
    // SAFETY: the host guarantees it.
    unsafe { run(executor, call, ExportedExecutor::execute) }
}

/// Closes the executor.
///
/// # Safety
/// The requirements of [`FlowrunPlugin::close`](super::FlowrunPlugin::close).
pub(super) unsafe extern "C" fn close(executor: *mut c_void, call: *const FlowrunCall) -> u32 {
    let close = |exported: &ExportedExecutor, _: &IncomingCall<'_>| match &exported.executor {
        SharedExecutor::Sync(executor) => executor.lock().close(),
        SharedExecutor::Async(executor) => block_on(executor.close()),
    };
    // SAFETY: the host guarantees it.
    unsafe { run(executor, call, close) }
}

/// Runs `action`, reports metrics and converts the result, or a panic, to a status.
///
/// # Safety
/// The requirements of [`execute`].
unsafe fn run(
    executor: *mut c_void,
    call: *const FlowrunCall,
    action: impl FnOnce(&ExportedExecutor, &IncomingCall<'_>) -> Result<(), ExecutorError>,
) -> u32 {
    // SAFETY: `create` made the executor, which is not destroyed yet; the call has not returned yet.
    let (exported, call) = unsafe { (executor.cast::<ExportedExecutor>().as_ref(), IncomingCall::new(call)) };
    let (Some(exported), Some(call)) = (exported, call) else { return FLOWRUN_INTERNAL };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let result = action(exported, &call);
        exported.report_metrics();
        result
    }));
    match result {
        Ok(Ok(())) => FLOWRUN_OK,
        Ok(Err(error)) => call.fail(status(error.kind()), error.message()),
        Err(payload) => call.fail(FLOWRUN_PANIC, panic_message(&*payload)),
    }
}

/// Destroys the executor.
///
/// # Safety
/// `executor` was made by [`create`], and is not used afterwards.
pub(super) unsafe extern "C" fn destroy(executor: *mut c_void) {
    if executor.is_null() {
        return;
    }
    // SAFETY: the host guarantees it.
    let exported = unsafe { Box::from_raw(executor.cast::<ExportedExecutor>()) };
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        exported.report_metrics();
        *exported.site.site.lock() = None;
        drop(exported);
    }));
    if let Err(payload) = dropped {
        tracing::error!("an executor panicked while it was destroyed: {}", panic_message(&*payload));
    }
}
