//! Keys that only flowrun has. A Jina file needs none of them.

use super::declare::keys;
use super::shared;
use crate::limits::{CONCURRENCY_MAX, REQUEST_SIZE_MAX};
use crate::spec::choices::{Isolation, WhenFull};
use crate::spec::key::{
    AnyNode, Choice, Count, Flag, Key, KeyRow, List, Milliseconds, PathNode, PathNodes, Text, Texts,
};

keys! {
    INPUT: PathNodes = Key::paths("input", "files, directories or glob patterns that the flow processes as a batch job");
    INCLUDE: Texts = Key::texts(
        "include",
        "files that are read in the directories and patterns of `input`, by name (`*.jpg`) or media type (`image/*`); with \
         `!` before it, files that are skipped",
    );
    ENDPOINT: Text = Key::text("endpoint", "endpoint of the batch job's requests");
    OUTPUT: PathNode = Key::path("output", "file for the batch job's results, as JSON lines; `-` for standard output");
    TOP_K: Count = Key::count("top_k", 1, 100_000, "matches per document that the batch job requests");
    REQUEST_SIZE: Count =
        Key::count("request_size", 1, REQUEST_SIZE_MAX, "documents per request of the batch job");
    FILES: PathNodes = Key::paths(
        "files",
        "directories of files that documents of a served flow may name, in addition to those of `input`",
    );
    LOGSERVER: Flag = Key::flag("logserver", "serves `/dashboard`, which shows the running flow; from Jina 0.x");
    TOKENS: List = Key::list(
        "tokens",
        "tokens of clients, each with a role: `[{role: read, variable: NAME}, {role: write, file: PATH}]`; the token of \
         `--token-file` or FLOWRUN_TOKEN has the role `admin`",
    );
    HEALTH_PORT: Count = Key::count(
        "health_port",
        0,
        65535,
        "port that serves `/live`, `/ready` and `/metrics` alone, with its own limit on connections; 0 picks a free one",
    );
    TIMEOUT: Milliseconds = Key::milliseconds("timeout", "time limit of a request");
    WHEN_FULL: Choice<WhenFull> =
        Key::choice("when_full", "handling of a request while all `prefetch` credits are in use");
    EXIT_ON_HANG: Flag = Key::flag(
        "exit_on_hang",
        "ends a served flow with exit code 5 once a call takes ten times its `timeout_send`, so that a supervisor restarts it",
    );
    STRATEGY: AnyNode = Key::any(
        "strategy",
        "a string or a mapping",
        "shard of a new document: `hash` (of its id), `round_robin`, `least_loaded`, `cluster`, or a mapping of tags; a \
         document that a shard holds already stays there",
    );
    CONCURRENCY: Count =
        Key::count("concurrency", 1, CONCURRENCY_MAX, "calls in flight in each replica of an async executor");
    ISOLATE: Choice<Isolation> = Key::choice(
        "isolate",
        "runs each worker in a child process, so that a crash fails only the calls in it",
    );
}

/// `with:` of a flow.
pub(super) const FLOW_EXTENSIONS: &[KeyRow] = &[
    rows::INPUT,
    rows::INCLUDE,
    rows::ENDPOINT,
    rows::OUTPUT,
    rows::TOP_K,
    rows::REQUEST_SIZE,
    rows::FILES,
    shared::rows::PLUGINS.documented(
        "directories with plugins, in addition to the flow's own; their executors are found by name",
    ),
    rows::LOGSERVER,
    rows::TOKENS,
    rows::HEALTH_PORT,
    rows::TIMEOUT,
    rows::WHEN_FULL,
    rows::EXIT_ON_HANG,
];

/// A pod.
pub(super) const POD_EXTENSIONS: &[KeyRow] = &[
    shared::rows::SHA256.documented("required SHA-256 of the plugin in `uses`"),
    rows::STRATEGY,
    rows::CONCURRENCY,
    shared::rows::USES_DYNAMIC_BATCHING,
    shared::rows::PYTHON.documented(
        "like the flow's `python`, for this executor; it also selects the Python class if a built-in one has the same name",
    ),
    rows::ISOLATE,
];
