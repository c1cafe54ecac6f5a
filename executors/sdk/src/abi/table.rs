//! What crosses the boundary, as C has it. `include/flowrun.h` is made of this file.

use std::ffi::c_void;

/// The version of this interface. A library of another version is not loaded.
pub const FLOWRUN_ABI_VERSION: u32 = 1;

/// It went well.
pub const FLOWRUN_OK: u32 = 0;
/// A document's content cannot be processed: unreadable, truncated, too large, of the wrong type or shape.
pub const FLOWRUN_INPUT: u32 = 1;
/// A parameter has the wrong type or value.
pub const FLOWRUN_PARAMETER: u32 = 2;
/// Something outside failed: a file, a disk, a connection.
pub const FLOWRUN_RESOURCE: u32 = 3;
/// The request was given up by the one who asked.
pub const FLOWRUN_CANCELLED: u32 = 4;
/// The request's deadline passed.
pub const FLOWRUN_EXPIRED: u32 = 5;
/// A defect in the executor.
pub const FLOWRUN_INTERNAL: u32 = 6;
/// The executor is in no state to be called again: it is destroyed and created anew.
pub const FLOWRUN_PANIC: u32 = 7;

/// Nothing is logged.
pub const FLOWRUN_LOG_OFF: u32 = 0;
/// For what went wrong.
pub const FLOWRUN_LOG_ERROR: u32 = 1;
/// For what may go wrong.
pub const FLOWRUN_LOG_WARN: u32 = 2;
/// For what happens.
pub const FLOWRUN_LOG_INFO: u32 = 3;
/// For those who look for a mistake.
pub const FLOWRUN_LOG_DEBUG: u32 = 4;
/// For everything.
pub const FLOWRUN_LOG_TRACE: u32 = 5;

/// The executor finds no matches.
pub const FLOWRUN_ORDER_NONE: u32 = 0;
/// Matches with small scores come first.
pub const FLOWRUN_ORDER_ASCENDING: u32 = 1;
/// Matches with large scores come first.
pub const FLOWRUN_ORDER_DESCENDING: u32 = 2;

/// Bytes that somebody else owns. A text is UTF-8 and is not terminated by a zero; without any, `data` may be null.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct FlowrunBytes {
    /// The first byte.
    pub data: *const u8,
    /// How many there are.
    pub length: usize,
}

/// What the host does for a plugin. Valid until the process ends.
///
/// `log`, `check`, `count`, `gauge` and `condition` may be called on any thread: those that take a site until the
/// executor is destroyed, those that take a call until it returns. The others are called on the thread that the host
/// called.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunHost {
    /// Bytes of this table. Later versions append to it: look before you reach beyond what you know.
    pub size: usize,
    /// `FLOWRUN_ABI_VERSION` of the host.
    pub abi_version: u32,
    /// The finest level that is logged: one of `FLOWRUN_LOG_…`.
    pub log_level: u32,
    /// Writes a line to the log of the flow, which names the pod and the request. `target` is the part of the plugin
    /// that says it, and may be empty.
    pub log: unsafe extern "C" fn(level: u32, target: FlowrunBytes, message: FlowrunBytes),
    /// Says why `flowrun_plugin` is going to return null: one of the kinds of errors, and words.
    pub unusable: unsafe extern "C" fn(kind: u32, reason: FlowrunBytes),
    /// Says why `create` is going to fail, and which parameter is to blame; an empty name when none is.
    pub refuse: unsafe extern "C" fn(site: *mut c_void, parameter: FlowrunBytes, reason: FlowrunBytes),
    /// Adds to the counter of that name: small letters, digits and underscores, ending in `_total`.
    pub count: unsafe extern "C" fn(site: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, more: u64),
    /// Sets the gauge of that name: small letters, digits and underscores, the unit last.
    pub gauge: unsafe extern "C" fn(site: *mut c_void, name: FlowrunBytes, help: FlowrunBytes, value: f64),
    /// Says why the executor cannot do its work for now, so that the flow is not ready; without words, that it can.
    pub condition: unsafe extern "C" fn(site: *mut c_void, reason: FlowrunBytes),
    /// Whether the call is still worth finishing: `FLOWRUN_OK`, `FLOWRUN_CANCELLED` or `FLOWRUN_EXPIRED`.
    pub check: unsafe extern "C" fn(call: *const FlowrunCall) -> u32,
    /// Puts other documents in the place of those of the call: a `DocumentArrayProto`. A call that is not answered
    /// leaves its documents as they are. With `release` null the bytes are copied before this returns. Otherwise they
    /// stay as they are until the host calls `release(owner)`, once, on any thread. Returns `FLOWRUN_OK`, or
    /// `FLOWRUN_INTERNAL` when the bytes are no documents: then the call fails.
    pub answer: unsafe extern "C" fn(
        call: *const FlowrunCall,
        documents: FlowrunBytes,
        release: Option<unsafe extern "C" fn(owner: *mut c_void)>,
        owner: *mut c_void,
    ) -> u32,
    /// Says why the call is going to fail: the words behind what `execute` or `close` returns.
    pub fail: unsafe extern "C" fn(call: *const FlowrunCall, kind: u32, reason: FlowrunBytes),
    /// Sets aside the documents of that id as failed; the others go on. The answer need not leave them out.
    pub fail_document:
        unsafe extern "C" fn(call: *const FlowrunCall, id: FlowrunBytes, kind: u32, reason: FlowrunBytes),
    /// Says something beside the documents: a name, and a value as JSON. Clients find it under `__results__`.
    pub result: unsafe extern "C" fn(call: *const FlowrunCall, name: FlowrunBytes, value: FlowrunBytes),
    /// Keeps the documents of the call valid beyond its return, until `release_documents` is called with what this
    /// returns, on any thread.
    pub keep_documents: unsafe extern "C" fn(call: *const FlowrunCall) -> *mut c_void,
    /// Gives up what `keep_documents` returned.
    pub release_documents: unsafe extern "C" fn(kept: *mut c_void),
}

/// What an executor is created with. Valid until `create` returns; `host` and `site` until the executor is destroyed.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunBuild {
    /// Bytes of this structure.
    pub size: usize,
    /// What the host does.
    pub host: *const FlowrunHost,
    /// Where the executor stands: the host's own.
    pub site: *mut c_void,
    /// Which executor of the library.
    pub executor: FlowrunBytes,
    /// What stands under `with:`, as a JSON object. Checked against the table in the note.
    pub parameters: FlowrunBytes,
    /// The pod that it works in.
    pub pod: FlowrunBytes,
    /// The directory that is its own to write in; made when first needed. Shards do not share it, replicas do.
    pub workspace: FlowrunBytes,
    /// The directory of the YAML file that names it; paths among its parameters start from here.
    pub directory: FlowrunBytes,
    /// Which shard, from 0.
    pub shard: u64,
    /// How many shards the pod has.
    pub shards: u64,
    /// Which replica of the shard, from 0.
    pub replica: u64,
    /// How many threads it may keep busy.
    pub threads: u64,
    /// How many calls may be under way at once, if it says that it takes several.
    pub concurrency: u64,
    /// The same number for the replicas of one shard, which may share what they hold.
    pub shared: u64,
    /// Whether the flow promised not to change stored data.
    pub read_only: bool,
}

/// What `create` made. The host fills it with zeros before.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunMade {
    /// Bytes of this structure.
    pub size: usize,
    /// What the other functions are called with.
    pub executor: *mut c_void,
    /// The endpoints that it handles, as a JSON list of texts; empty for every one. Valid until it is destroyed.
    pub endpoints: FlowrunBytes,
    /// How the matches that it finds are ordered: one of `FLOWRUN_ORDER_…`.
    pub order: u32,
    /// Whether `execute` may be called on several threads at once.
    pub concurrent: bool,
    /// How many matches it keeps when a request does not say.
    pub top_k: u64,
}

/// One call. Valid until `execute` returns.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunCall {
    /// Bytes of this structure.
    pub size: usize,
    /// What the host does.
    pub host: *const FlowrunHost,
    /// The host's own.
    pub handle: *mut c_void,
    /// What names the request in logs.
    pub request: FlowrunBytes,
    /// The path of the request, for example `/index`.
    pub endpoint: FlowrunBytes,
    /// The parameters of the request, as a JSON object.
    pub parameters: FlowrunBytes,
    /// The documents: a `DocumentArrayProto` of docarray's first schema.
    pub documents: FlowrunBytes,
    /// How many documents there are.
    pub count: u64,
    /// Bytes of memory that they hold.
    pub memory: u64,
    /// Whether each has an id.
    pub named: bool,
    /// Nanoseconds until the request has to be answered, from the beginning of the call; `UINT64_MAX` for no end.
    pub remaining_ns: u64,
    /// Bytes of memory that its documents may hold.
    pub bytes_max: u64,
}

/// What a library does: its own table, which stays where it is until the process ends.
#[repr(C)]
#[derive(Debug)]
pub struct FlowrunPlugin {
    /// Bytes of this table.
    pub size: usize,
    /// `FLOWRUN_ABI_VERSION` of the plugin.
    pub abi_version: u32,
    /// The JSON of the note: which executors there are, and what they can be told.
    pub describe: unsafe extern "C" fn() -> FlowrunBytes,
    /// Makes an executor. Returns a kind of error, with the reason by `refuse`.
    pub create: unsafe extern "C" fn(build: *const FlowrunBuild, made: *mut FlowrunMade) -> u32,
    /// Handles one call. Returns a kind of error, with the reason by `fail`.
    pub execute: unsafe extern "C" fn(executor: *mut c_void, call: *const FlowrunCall) -> u32,
    /// Writes out what is still in memory; called once, after the last call, with a call without documents. May be
    /// null.
    pub close: Option<unsafe extern "C" fn(executor: *mut c_void, call: *const FlowrunCall) -> u32>,
    /// Frees the executor.
    pub destroy: unsafe extern "C" fn(executor: *mut c_void),
}
