//! Constants and structures of the interface, in their C layout. `include/flowrun.h` is generated from this file.

use std::ffi::c_void;

/// Version of this interface. Libraries of another version are not loaded.
pub const FLOWRUN_ABI_VERSION: u32 = 1;

/// Success.
pub const FLOWRUN_OK: u32 = 0;
/// The content of a document cannot be processed: unreadable, truncated, too large, of the wrong type or shape.
pub const FLOWRUN_INPUT: u32 = 1;
/// A parameter has the wrong type or value.
pub const FLOWRUN_PARAMETER: u32 = 2;
/// A resource failed or is exhausted: a file, a disk, a connection, the memory of the request.
pub const FLOWRUN_RESOURCE: u32 = 3;
/// The client cancelled the request.
pub const FLOWRUN_CANCELLED: u32 = 4;
/// The deadline of the request passed.
pub const FLOWRUN_EXPIRED: u32 = 5;
/// A defect of the executor.
pub const FLOWRUN_INTERNAL: u32 = 6;
/// The executor panicked and cannot be called again: the host destroys it and creates another.
pub const FLOWRUN_PANIC: u32 = 7;

/// Logging is off.
pub const FLOWRUN_LOG_OFF: u32 = 0;
/// Log level of errors.
pub const FLOWRUN_LOG_ERROR: u32 = 1;
/// Log level of warnings.
pub const FLOWRUN_LOG_WARN: u32 = 2;
/// Log level of events in normal operation.
pub const FLOWRUN_LOG_INFO: u32 = 3;
/// Log level for debugging.
pub const FLOWRUN_LOG_DEBUG: u32 = 4;
/// Log level of all details.
pub const FLOWRUN_LOG_TRACE: u32 = 5;

/// The executor finds no matches.
pub const FLOWRUN_ORDER_NONE: u32 = 0;
/// Matches with small scores come first.
pub const FLOWRUN_ORDER_ASCENDING: u32 = 1;
/// Matches with large scores come first.
pub const FLOWRUN_ORDER_DESCENDING: u32 = 2;

/// Borrowed bytes. A text is UTF-8 and not terminated by a zero. `data` may be null if `length` is zero.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FlowrunBytes {
    /// Address of the first byte.
    pub data: *const u8,
    /// Number of bytes.
    pub length: usize,
}

/// Functions of the host. Valid until the process ends.
///
/// `log`, `check`, `count`, `gauge` and `condition` may be called on any thread: with a site until the executor is
/// destroyed, with a call until the call returns. The other functions must be called on the thread that the host called.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunHost {
    /// Size of this table in bytes. Later versions append to it: check the size before you use a later field.
    pub size: usize,
    /// `FLOWRUN_ABI_VERSION` of the host.
    pub abi_version: u32,
    /// Most detailed level that is logged: one of `FLOWRUN_LOG_…`.
    pub log_level: u32,
    /// Writes a line to the log of the flow, which adds the pod and the request. `target` is the module of the plugin that
    /// logs, and may be empty.
    pub log: unsafe extern "C" fn(level: u32, target: FlowrunBytes, message: FlowrunBytes),
    /// Reports why `flowrun_plugin` is about to return null: the kind of error and the cause.
    pub unusable: unsafe extern "C" fn(kind: u32, reason: FlowrunBytes),
    /// Reports why `create` is about to fail. `parameter` is the name of the invalid parameter, or empty.
    pub refuse: unsafe extern "C" fn(site: *mut c_void, parameter: FlowrunBytes, reason: FlowrunBytes),
    /// Increases a counter. Its name consists of lower-case letters, digits and underscores, and ends in `_total`.
    pub count: unsafe extern "C" fn(site: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, more: u64),
    /// Sets a gauge. Its name consists of lower-case letters, digits and underscores, with the unit last.
    pub gauge: unsafe extern "C" fn(site: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, value: f64),
    /// Reports why the executor is unhealthy, so that the flow is not ready; an empty reason reports that it is healthy.
    pub condition: unsafe extern "C" fn(site: *mut c_void, reason: FlowrunBytes),
    /// Checks deadline and cancellation of a call: `FLOWRUN_OK`, `FLOWRUN_CANCELLED` or `FLOWRUN_EXPIRED`.
    pub check: unsafe extern "C" fn(call: *const FlowrunCall) -> u32,
    /// Replaces the documents of the call by a `DocumentArrayProto`. A call without an answer keeps its documents. If
    /// `release` is null, the bytes are copied before this returns. Otherwise they must stay valid until the host calls
    /// `release(owner)`, once, on any thread. Returns `FLOWRUN_OK`, or `FLOWRUN_INTERNAL` if the bytes are not documents;
    /// the call then fails.
    pub answer: unsafe extern "C" fn(
        call: *const FlowrunCall,
        documents: FlowrunBytes,
        release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
        owner: *mut c_void,
    ) -> u32,
    /// Reports the cause of the error that `execute` or `close` is about to return.
    pub fail: unsafe extern "C" fn(call: *const FlowrunCall, kind: u32, reason: FlowrunBytes),
    /// Fails the documents with that id; all other documents succeed. The answer may still contain failed documents.
    pub fail_document:
        unsafe extern "C" fn(call: *const FlowrunCall, id: FlowrunBytes, kind: u32, reason: FlowrunBytes),
    /// Sets a result besides the documents: a name, and a value as JSON. Clients receive it in `__results__`.
    pub result: unsafe extern "C" fn(call: *const FlowrunCall, name: FlowrunBytes, value: FlowrunBytes),
    /// Keeps the documents of the call valid after it returns. The returned handle is passed to `release_documents`, on any
    /// thread.
    pub keep_documents: unsafe extern "C" fn(call: *const FlowrunCall) -> *mut c_void,
    /// Releases a handle of `keep_documents`.
    pub release_documents: unsafe extern "C" fn(kept: *mut c_void),
}

/// Input of `create`. Valid until `create` returns; `host` and `site` until the executor is destroyed.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunBuild {
    /// Size of this structure in bytes.
    pub size: usize,
    /// Functions of the host.
    pub host: *const FlowrunHost,
    /// Handle by which the host's functions identify this executor.
    pub site: *mut c_void,
    /// Name of the executor to create.
    pub executor: FlowrunBytes,
    /// Parameters under `with:`, as a JSON object, checked against the table in the note.
    pub parameters: FlowrunBytes,
    /// Name of the pod.
    pub pod: FlowrunBytes,
    /// Directory that the executor may write to; it may not exist yet. Replicas share it, shards do not.
    pub workspace: FlowrunBytes,
    /// Directory of the YAML file that names the executor; relative paths among its parameters start here.
    pub directory: FlowrunBytes,
    /// Number of the shard, from 0.
    pub shard: u64,
    /// Number of shards of the pod.
    pub shards: u64,
    /// Number of the replica within its shard, from 0.
    pub replica: u64,
    /// Number of threads that the executor may keep busy.
    pub threads: u64,
    /// Maximum number of concurrent calls, if `concurrent` is set.
    pub concurrency: u64,
    /// Number that is the same for all replicas of one shard, so that they can share state.
    pub shared: u64,
    /// `true` if the flow promised not to change stored data.
    pub read_only: bool,
}

/// Output of `create`. The host fills it with zeros first.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunMade {
    /// Size of this structure in bytes.
    pub size: usize,
    /// Handle of the executor, the argument of the other functions.
    pub executor: *mut c_void,
    /// Endpoints that the executor handles, as a JSON list of strings; empty for all. Valid until the executor is destroyed.
    pub endpoints: FlowrunBytes,
    /// Order of the matches that the executor finds: one of `FLOWRUN_ORDER_…`.
    pub order: u32,
    /// `true` if `execute` may be called on several threads at the same time.
    pub concurrent: bool,
    /// Number of matches per document, unless the request sets another.
    pub top_k: u64,
}

/// One call. Valid until `execute` or `close` returns.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunCall {
    /// Size of this structure in bytes.
    pub size: usize,
    /// Functions of the host.
    pub host: *const FlowrunHost,
    /// Handle of the call, for use by the host alone.
    pub handle: *mut c_void,
    /// Id of the request, as in logs.
    pub request: FlowrunBytes,
    /// Endpoint of the request, for example `/index`.
    pub endpoint: FlowrunBytes,
    /// Parameters of the request, as a JSON object.
    pub parameters: FlowrunBytes,
    /// Documents, as a `DocumentArrayProto` of docarray's first schema.
    pub documents: FlowrunBytes,
    /// Number of documents.
    pub count: u64,
    /// Bytes of memory that the documents occupy.
    pub memory: u64,
    /// `true` if every document has an id.
    pub named: bool,
    /// Nanoseconds until the deadline, from the beginning of the call; `UINT64_MAX` for no deadline.
    pub remaining_ns: u64,
    /// Bytes of memory that the documents may occupy.
    pub bytes_max: u64,
}

/// Functions of a library. The table must stay valid until the process ends.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunPlugin {
    /// Size of this table in bytes.
    pub size: usize,
    /// `FLOWRUN_ABI_VERSION` of the plugin.
    pub abi_version: u32,
    /// Returns the JSON of the note.
    pub describe: unsafe extern "C" fn() -> FlowrunBytes,
    /// Creates an executor. Returns `FLOWRUN_OK`, or a kind of error after it reported the cause with `refuse`.
    pub create: unsafe extern "C" fn(build: *const FlowrunBuild, made: *mut FlowrunMade) -> u32,
    /// Executes one call. Returns `FLOWRUN_OK`, or a kind of error after it reported the cause with `fail`.
    pub execute: unsafe extern "C" fn(executor: *mut c_void, call: *const FlowrunCall) -> u32,
    /// Writes out data that is still in memory. Called once, after the last call, with a call without documents. Returns
    /// like `execute`. May be null.
    pub close: Option<unsafe extern "C" fn(executor: *mut c_void, call: *const FlowrunCall) -> u32>,
    /// Destroys the executor and frees its memory.
    pub destroy: unsafe extern "C" fn(executor: *mut c_void),
}
