//! An executor of a plugin: created, called, closed and destroyed through its table of functions.

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

use crate::host::{self, Site};
use crate::plugin_call::PluginCall;

/// An executor of a plugin, destroyed when it is dropped.
#[derive(Debug)]
pub(crate) struct PluginExecutor {
    table: &'static FlowrunPlugin,
    executor: *mut c_void,
    /// The plugin has a pointer to it until the executor is destroyed.
    _site: Arc<Site>,
}

// SAFETY: the header allows calls on any thread: sequential ones, or concurrent ones if the plugin declares that.
unsafe impl Send for PluginExecutor {}
// SAFETY: as above; only executors with `Properties::concurrent` are shared.
unsafe impl Sync for PluginExecutor {}

/// Properties of an executor that a plugin created.
#[derive(Debug)]
pub(crate) struct Properties {
    pub(crate) endpoints: Endpoints,
    /// Order and number of the matches that it returns; `None` if it finds no matches.
    pub(crate) ranking: Option<Ranking>,
    /// `true` if it accepts concurrent calls.
    pub(crate) concurrent: bool,
}

impl PluginExecutor {
    /// Creates the executor `name` of the library with the functions in `table`.
    ///
    /// # Errors
    /// When the plugin rejects a parameter or fails for another reason, or its endpoints are malformed.
    pub(crate) fn create(
        table: &'static FlowrunPlugin,
        name: &'static str,
        build: &Build,
    ) -> Result<(Self, Properties), BuildError> {
        let context = &build.context;
        let (metrics, health) = (context.metrics.clone(), context.health.clone());
        let site = Arc::new(Site { metrics, health, refusal: Mutex::default() });
        let parameters = serde_json::to_string(&build.with).unwrap_or_default();
        let input = FlowrunBuild {
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
        let status = unsafe { (table.create)(&raw const input, &raw mut made) };
        if status != FLOWRUN_OK {
            return Err(creation_error(status, site.refusal.lock().take(), build));
        }
        let executor = Self { table, executor: made.executor, _site: site };
        // SAFETY: valid until the executor is destroyed.
        let endpoints = unsafe { made.endpoints.text() };
        let endpoints = match endpoints.is_empty() {
            true => Endpoints::All,
            false => Endpoints::Only(serde_json::from_str(&endpoints).map_err(|error| {
                BuildError::failed(format_args!(
                    "the plugin's endpoints are not a JSON list of texts: {error}"
                ))
            })?),
        };
        let top_k = usize::try_from(made.top_k).unwrap_or(usize::MAX);
        let ranking = match made.order {
            FLOWRUN_ORDER_ASCENDING => Some(Ranking { order: Order::Ascending, top_k }),
            FLOWRUN_ORDER_DESCENDING => Some(Ranking { order: Order::Descending, top_k }),
            _ => None,
        };
        Ok((executor, Properties { endpoints, ranking, concurrent: made.concurrent }))
    }

    /// Executes a call and returns its status.
    pub(crate) fn execute(&self, call: &PluginCall) -> u32 {
        self.run(call, self.table.execute)
    }

    /// Closes the executor and returns the status.
    pub(crate) fn close(&self, call: &PluginCall) -> u32 {
        self.table.close.map_or(FLOWRUN_OK, |close| self.run(call, close))
    }

    fn run(
        &self,
        call: &PluginCall,
        function: unsafe extern "C" fn(*mut c_void, *const FlowrunCall) -> u32,
    ) -> u32 {
        let remaining =
            call.budget.deadline().map(|deadline| deadline.saturating_duration_since(Instant::now()));
        // The maximum means no deadline.
        let remaining =
            remaining.map_or(u64::MAX, |left| u64::try_from(left.as_nanos()).unwrap_or(u64::MAX - 1));
        let input = FlowrunCall {
            size: size_of::<FlowrunCall>(),
            host: host::table(),
            handle: std::ptr::from_ref(call).cast_mut().cast(),
            request: FlowrunBytes::of(call.request_id.as_bytes()),
            endpoint: FlowrunBytes::of(call.endpoint.as_bytes()),
            parameters: FlowrunBytes::of(match call.parameters.as_str() {
                "" => b"{}",
                parameters => parameters.as_bytes(),
            }),
            documents: FlowrunBytes::of(&call.documents),
            count: call.count as u64,
            memory: call.memory_bytes as u64,
            named: call.all_have_ids,
            remaining_ns: remaining,
            bytes_max: call.budget.bytes_max() as u64,
        };
        // SAFETY: the executor is not destroyed yet, and the call is valid until it returns.
        unsafe { function(self.executor, &raw const input) }
    }
}

impl Drop for PluginExecutor {
    fn drop(&mut self) {
        // SAFETY: called once, without a call in progress. The site is dropped afterwards.
        unsafe { (self.table.destroy)(self.executor) }
    }
}

/// Error of a failed creation. `refusal` is the rejected parameter (empty for none) and the reason. If the flow sets the
/// parameter, the error is reported at its position in the file.
fn creation_error(status: u32, refusal: Option<(String, String)>, build: &Build) -> BuildError {
    let Some((parameter, reason)) = refusal else {
        return BuildError::failed(format_args!("the plugin's `create` returned {status} without a reason"));
    };
    match build.with.contains_key(&parameter) {
        true => BuildError::Parameter { name: parameter.into(), reason },
        false if parameter.is_empty() => BuildError::failed(reason),
        false => BuildError::failed(format_args!("`{parameter}`: {reason}")),
    }
}
