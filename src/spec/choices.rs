//! Values of keys that take one of a fixed set of words.
//!
//! Plain data: the key tables list the words from here, and the parsers receive the variants.

/// A type whose values are written as words in a flow file. Case does not matter.
pub(super) trait Word: Copy + 'static {
    /// Every word with its value.
    const WORDS: &'static [(&'static str, Self)];
}

/// Handling of a request that arrives while all credits are in use: `prefetch` requests are inside the flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum WhenFull {
    /// It waits for a credit.
    #[default]
    Wait,
    /// It is rejected immediately.
    Refuse,
}

impl Word for WhenFull {
    const WORDS: &'static [(&'static str, Self)] = &[("wait", Self::Wait), ("refuse", Self::Refuse)];
}

/// Compression of gRPC replies, for clients that accept it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Compression {
    /// gzip (RFC 1952).
    Gzip,
    /// zlib (RFC 1950), which gRPC calls `deflate`.
    Deflate,
}

impl Word for Option<Compression> {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("NoCompression", None),
        ("Deflate", Some(Compression::Deflate)),
        ("Gzip", Some(Compression::Gzip)),
    ];
}

/// Role of a pod in its flow: `method` of the list forms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Method {
    /// An ordinary pod.
    #[default]
    Add,
    /// A join of the pods that it names.
    Needs,
    /// A join of every pod that no other pod needs.
    NeedsAll,
    /// A side branch that observes the flow.
    Inspect,
    /// The join of the side branches. It does nothing here: they end at the gateway anyway.
    GatherInspect,
}

impl Word for Method {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("add", Self::Add),
        ("needs", Self::Needs),
        ("needs_all", Self::NeedsAll),
        ("inspect", Self::Inspect),
        ("gather_inspect", Self::GatherInspect),
    ];
}

/// Handling of `inspect` pods, set for the whole flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Inspect {
    /// Their output is part of the reply.
    #[default]
    Collect,
    /// They are fed but not waited for.
    Hang,
    /// They are left out of the flow.
    Remove,
}

impl Word for Inspect {
    const WORDS: &'static [(&'static str, Self)] =
        &[("COLLECT", Self::Collect), ("HANG", Self::Hang), ("REMOVE", Self::Remove)];
}

/// Isolation of an executor from the flow's process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isolation {
    /// Each worker runs in a child process.
    Process,
}

impl Word for Isolation {
    const WORDS: &'static [(&'static str, Self)] = &[("process", Self::Process)];
}

/// docarray's schema of the documents that are sent to a remote executor. Only lists the words: the executor type
/// `RemoteExecutor` parses them as its parameter `schema`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DocumentSchema {
    /// The schema of the version that the remote executor reports.
    Auto,
    /// docarray below 0.30.
    V1,
    /// docarray 0.30 and later.
    V2,
}

impl Word for DocumentSchema {
    const WORDS: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("v1", Self::V1), ("v2", Self::V2)];
}
