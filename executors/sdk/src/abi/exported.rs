//! The plugin's side of an executor: made from what the host tells, called with what the host gives.

use std::any::Any;
use std::collections::HashMap;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::given::Given;
use super::plugin::Library;
use super::status;
use super::table::{
    FLOWRUN_INTERNAL, FLOWRUN_OK, FLOWRUN_ORDER_ASCENDING, FLOWRUN_ORDER_DESCENDING, FLOWRUN_PANIC,
    FLOWRUN_PARAMETER, FlowrunBuild, FlowrunBytes, FlowrunCall, FlowrunHost, FlowrunMade,
};
use crate::context::shared_state_for;
use crate::{
    Answer, AsyncExecutor, BoxedExecutor, Build, BuildError, Call, Cancellation, Context, Endpoints,
    Executor, ExecutorError, Health, Instance, MetricKind, Metrics, Order, protobuf, wait,
};

/// How often a call that waits looks whether the host still wants it. The host cannot wake a future.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// How often numbers are asked for that have to be observed: that may take a while, and a call waits for it.
const OBSERVE_INTERVAL: Duration = Duration::from_secs(1);

/// An executor as the host holds it.
struct Exported {
    worker: Held,
    /// As the host was told: a JSON list, or nothing.
    endpoints: String,
    metrics: Metrics,
    told: Mutex<Told>,
    site: Arc<Site>,
}

enum Held {
    /// Locked because nothing but the host's word keeps it from calling twice at once.
    Thread(Mutex<Box<dyn Executor>>),
    Task(Box<dyn AsyncExecutor>),
}

/// What the host was told of the numbers.
#[derive(Default)]
struct Told {
    counts: HashMap<String, u64>,
    observed: Option<Instant>,
}

/// Where the executor stands, until it is destroyed: what it left behind may still speak to it.
struct Site {
    host: &'static FlowrunHost,
    site: Mutex<Option<Pointer>>,
}

#[derive(Clone, Copy)]
struct Pointer(*mut c_void);

// SAFETY: the host's functions may be called on any thread with it.
unsafe impl Send for Pointer {}

impl Site {
    fn with(&self, act: impl FnOnce(&'static FlowrunHost, *mut c_void)) {
        let site = self.site.lock();
        if let Some(Pointer(site)) = *site {
            act(self.host, site);
        }
    }
}

/// The words of a panic.
pub(super) fn panic_message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

/// Makes an executor of `L`.
///
/// # Safety
/// The host calls it as the table says.
pub(super) unsafe extern "C" fn create<L: Library>(
    build: *const FlowrunBuild,
    made: *mut FlowrunMade,
) -> u32 {
    // SAFETY: valid until this returns, and the host's table until the process ends.
    let (build, made, host) = unsafe {
        let (Some(build), Some(made)) = (build.as_ref(), made.as_mut()) else { return FLOWRUN_INTERNAL };
        let Some(host) = build.host.as_ref() else { return FLOWRUN_INTERNAL };
        (build, made, host)
    };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let site = Arc::new(Site { host, site: Mutex::new(Some(Pointer(build.site))) });
        // SAFETY: as above.
        let build = unsafe { read_build(build, &site) };
        // SAFETY: as above.
        let name = unsafe { build.0.text() };
        let kind = L::TYPES.iter().find(|kind| kind.name == name);
        let kind =
            kind.ok_or_else(|| BuildError::failed(format_args!("the library has no executor `{name}`")))?;
        let metrics = build.1.context.metrics.clone();
        kind.create(&build.1).map(|instance| Exported::new(instance, metrics, site))
    }));
    let (status, parameter, reason) = match result {
        Ok(Ok((exported, fill))) => {
            fill(made);
            made.endpoints = FlowrunBytes::of(exported.endpoints.as_bytes());
            exported.tell_numbers();
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

/// What the host tells, as an executor of ours is told.
///
/// # Safety
/// The texts are valid.
unsafe fn read_build(build: &FlowrunBuild, site: &Arc<Site>) -> (FlowrunBytes, Build) {
    // SAFETY: as whoever calls promises.
    let text = |bytes: FlowrunBytes| unsafe { bytes.text() }.into_owned();
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let with = serde_json::from_str(&text(build.parameters)).unwrap_or_default();
    let told = Arc::clone(site);
    let health = Health::with_observer(move |reason| {
        told.with(|host, site| {
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
        // The host sees to it.
        timeout_ready: None,
        health,
        shared: shared_state_for(build.shared),
        metrics: Metrics::default(),
    };
    (build.executor, Build { with, context })
}

impl Exported {
    /// The executor, and what fills in what the host wants to know of it.
    fn new(
        instance: Instance,
        metrics: Metrics,
        site: Arc<Site>,
    ) -> (Box<Self>, impl FnOnce(&mut FlowrunMade)) {
        let endpoints = match &instance.endpoints {
            Endpoints::All => String::new(),
            Endpoints::Only(endpoints) => serde_json::Value::from(endpoints.as_slice()).to_string(),
        };
        let (worker, concurrent) = match instance.executor {
            BoxedExecutor::Sync(executor) => (Held::Thread(Mutex::new(executor)), false),
            BoxedExecutor::Async(executor) => (Held::Task(executor), true),
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
        (Box::new(Self { worker, endpoints, metrics, told: Mutex::default(), site }), fill)
    }

    fn execute(&self, given: &Given<'_>) -> Result<(), ExecutorError> {
        let parameters = given.parameters()?;
        let (list, documents) = given.documents();
        let cancellation = given.cancellation();
        let _forget = Forget(&cancellation);
        let mut call = Call::new(given.endpoint, documents, &parameters)
            .with_request_id(given.request)
            .with_deadline(given.deadline(), cancellation.clone())
            .with_bytes_max(usize::try_from(given.call.bytes_max).unwrap_or(usize::MAX));
        match &self.worker {
            Held::Thread(executor) => executor.lock().execute(&mut call)?,
            Held::Task(executor) => {
                let budget = call.budget();
                let look = || {
                    let over = budget.check().err()?;
                    // Whoever waits for the sign is woken by it.
                    cancellation.cancel();
                    Some(Err(over))
                };
                wait::to_end(executor.execute(&mut call), LOOK_INTERVAL, look)?;
            }
        }
        let Answer { documents, failures, results, remote_results } = call.into_answer();
        for failure in failures {
            given.fail_document(&failure.id, &failure.error);
        }
        for (name, value) in results.iter().chain(&remote_results) {
            given.result(name, &value.to_string());
        }
        // What nobody has written to is what it was.
        if !documents.is_unchanged(&list) {
            given.answer(protobuf::encode_shared(&documents));
        }
        Ok(())
    }

    fn tell_numbers(&self) {
        if self.metrics.is_empty() {
            return;
        }
        let mut told = self.told.lock();
        let observe = told.observed.is_none_or(|observed| observed.elapsed() >= OBSERVE_INTERVAL);
        if observe {
            told.observed = Some(Instant::now());
        }
        for reading in self.metrics.samples_if(observe) {
            let (name, help) =
                (FlowrunBytes::of(reading.name.as_bytes()), FlowrunBytes::of(reading.help.as_bytes()));
            self.site.with(|host, site| match reading.kind {
                // SAFETY: the executor is not destroyed yet, and the texts outlive the call.
                MetricKind::Gauge => unsafe { (host.gauge)(site, name, help, reading.value) },
                MetricKind::Counter => {
                    let before = told.counts.get(&reading.name).copied().unwrap_or_default();
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "a count is a whole number, which was one before it was shown as a double"
                    )]
                    let now = reading.value as u64;
                    told.counts.insert(reading.name.clone(), now);
                    // SAFETY: as above.
                    unsafe { (host.count)(site, name, help, now.saturating_sub(before)) };
                }
            });
        }
    }
}

/// Nothing asks the host about a call that has returned.
struct Forget<'a>(&'a Cancellation);

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.0.stop_polling();
    }
}

/// # Safety
/// The host calls it as the table says.
pub(super) unsafe extern "C" fn execute(executor: *mut c_void, call: *const FlowrunCall) -> u32 {
    // SAFETY: as the host promises.
    unsafe { act(executor, call, Exported::execute) }
}

/// # Safety
/// As [`execute`].
pub(super) unsafe extern "C" fn close(executor: *mut c_void, call: *const FlowrunCall) -> u32 {
    let close = |exported: &Exported, _: &Given<'_>| match &exported.worker {
        Held::Thread(executor) => executor.lock().close(),
        Held::Task(executor) => wait::to_end(executor.close(), Duration::MAX, || None),
    };
    // SAFETY: as the host promises.
    unsafe { act(executor, call, close) }
}

/// # Safety
/// As [`execute`].
unsafe fn act(
    executor: *mut c_void,
    call: *const FlowrunCall,
    act: impl FnOnce(&Exported, &Given<'_>) -> Result<(), ExecutorError>,
) -> u32 {
    // SAFETY: made by `create` and not destroyed yet; the call has not returned yet.
    let (exported, given) = unsafe { (executor.cast::<Exported>().as_ref(), Given::of(call)) };
    let (Some(exported), Some(given)) = (exported, given) else { return FLOWRUN_INTERNAL };
    let result = catch_unwind(AssertUnwindSafe(|| {
        let result = act(exported, &given);
        exported.tell_numbers();
        result
    }));
    match result {
        Ok(Ok(())) => FLOWRUN_OK,
        Ok(Err(error)) => given.fail(status(error.kind()), error.message()),
        Err(payload) => given.fail(FLOWRUN_PANIC, &panic_message(&*payload)),
    }
}

/// # Safety
/// The host calls it once, with what `create` made.
pub(super) unsafe extern "C" fn destroy(executor: *mut c_void) {
    if executor.is_null() {
        return;
    }
    // SAFETY: as the host promises.
    let exported = unsafe { Box::from_raw(executor.cast::<Exported>()) };
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        exported.tell_numbers();
        *exported.site.site.lock() = None;
        drop(exported);
    }));
    if let Err(payload) = dropped {
        tracing::error!("a panic while an executor was dropped: {}", panic_message(&*payload));
    }
}
