//! An executor on the other side of the boundary: created, called, closed and destroyed.

use std::ffi::c_void;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Instant;

use flowrun_sdk::abi::{
    FLOWRUN_OK, FLOWRUN_ORDER_ASCENDING, FLOWRUN_ORDER_DESCENDING, FlowrunBuild, FlowrunBytes, FlowrunCall,
    FlowrunMade, FlowrunPlugin,
};
use flowrun_sdk::{Build, BuildError, Endpoints, Order, Ranking};
use parking_lot::Mutex;

use crate::call::Given;
use crate::host::{self, Site};

/// An executor of a plugin.
#[derive(Debug)]
pub(crate) struct Loaded {
    table: &'static FlowrunPlugin,
    executor: *mut c_void,
    /// The plugin has it too, until it is destroyed.
    _site: Arc<Site>,
}

// SAFETY: the header says on which threads its functions are called: one after the other, or at once where the plugin
// allows it.
unsafe impl Send for Loaded {}
// SAFETY: as above; whoever shares one has asked `Told::concurrent`.
unsafe impl Sync for Loaded {}

/// What a plugin told of an executor that it made.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) endpoints: Endpoints,
    pub(crate) ranking: Option<Ranking>,
    /// Whether it takes several calls at once.
    pub(crate) concurrent: bool,
}

impl Loaded {
    /// Makes the executor of that name.
    pub(crate) fn create(
        table: &'static FlowrunPlugin,
        name: &'static str,
        build: &Build,
    ) -> Result<(Self, Told), BuildError> {
        let context = &build.context;
        let (metrics, health) = (context.metrics.clone(), context.health.clone());
        let site = Arc::new(Site { metrics, health, refusal: Mutex::default() });
        let parameters = serde_json::to_string(&build.with).unwrap_or_default();
        let given = FlowrunBuild {
            size: size_of::<FlowrunBuild>(),
            host: host::table(),
            site: Arc::as_ptr(&site).cast_mut().cast(),
            executor: FlowrunBytes::of(name.as_bytes()),
            parameters: FlowrunBytes::of(parameters.as_bytes()),
            pod: FlowrunBytes::of(context.pod.as_bytes()),
            workspace: FlowrunBytes::of(context.workspace.as_os_str().as_bytes()),
            directory: FlowrunBytes::of(context.directory.as_os_str().as_bytes()),
            shard: context.shard as u64,
            shards: context.shards as u64,
            replica: context.replica as u64,
            threads: context.threads as u64,
            concurrency: context.concurrency as u64,
            shared: context.shared.id(),
            read_only: context.read_only,
        };
        let mut made = FlowrunMade {
            size: size_of::<FlowrunMade>(),
            executor: std::ptr::null_mut(),
            endpoints: FlowrunBytes::EMPTY,
            order: 0,
            concurrent: false,
            top_k: 0,
        };
        // SAFETY: both are valid until it returns.
        let status = unsafe { (table.create)(&raw const given, &raw mut made) };
        if status != FLOWRUN_OK {
            return Err(refused(status, site.refusal.lock().take(), build));
        }
        let loaded = Self { table, executor: made.executor, _site: site };
        // SAFETY: valid until the executor is destroyed, which it is not yet.
        let endpoints = unsafe { made.endpoints.text() };
        let endpoints = match endpoints.is_empty() {
            true => Endpoints::All,
            false => Endpoints::Only(serde_json::from_str(&endpoints).map_err(|error| {
                BuildError::failed(format_args!("the plugin's endpoints are no JSON list of texts: {error}"))
            })?),
        };
        let top_k = usize::try_from(made.top_k).unwrap_or(usize::MAX);
        let ranking = match made.order {
            FLOWRUN_ORDER_ASCENDING => Some(Ranking { order: Order::Ascending, top_k }),
            FLOWRUN_ORDER_DESCENDING => Some(Ranking { order: Order::Descending, top_k }),
            _ => None,
        };
        Ok((loaded, Told { endpoints, ranking, concurrent: made.concurrent }))
    }

    /// Calls it; returns what it returns.
    pub(crate) fn execute(&self, given: &Given) -> u32 {
        self.call(given, self.table.execute)
    }

    /// Lets it write out what is still in memory.
    pub(crate) fn close(&self, given: &Given) -> u32 {
        self.table.close.map_or(FLOWRUN_OK, |close| self.call(given, close))
    }

    fn call(
        &self,
        given: &Given,
        function: unsafe extern "C" fn(*mut c_void, *const FlowrunCall) -> u32,
    ) -> u32 {
        let remaining =
            given.budget.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // One less than no end is no end either.
        let remaining =
            remaining.map_or(u64::MAX, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1));
        let call = FlowrunCall {
            size: size_of::<FlowrunCall>(),
            host: host::table(),
            handle: std::ptr::from_ref(given).cast_mut().cast(),
            request: FlowrunBytes::of(given.request.as_bytes()),
            endpoint: FlowrunBytes::of(given.endpoint.as_bytes()),
            parameters: FlowrunBytes::of(match given.parameters.as_str() {
                "" => b"{}",
                parameters => parameters.as_bytes(),
            }),
            documents: FlowrunBytes::of(&given.documents),
            count: given.count as u64,
            memory: given.memory as u64,
            named: given.named,
            remaining_ns: remaining,
            bytes_max: given.budget.bytes_max() as u64,
        };
        // SAFETY: the executor is not destroyed yet, and the call is valid until it returns.
        unsafe { function(self.executor, &raw const call) }
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // SAFETY: once; nobody holds it any more. The site goes behind it.
        unsafe { (self.table.destroy)(self.executor) }
    }
}

/// Why an executor was not made. A parameter is pointed at where it is written.
fn refused(status: u32, refusal: Option<(String, String)>, build: &Build) -> BuildError {
    let Some((parameter, reason)) = refusal else {
        return BuildError::failed(format_args!("the plugin's `create` returned {status} without a reason"));
    };
    match build.with.contains_key(&parameter) {
        true => BuildError::Parameter { name: parameter.into(), reason },
        false if parameter.is_empty() => BuildError::failed(reason),
        false => BuildError::failed(format_args!("`{parameter}`: {reason}")),
    }
}
