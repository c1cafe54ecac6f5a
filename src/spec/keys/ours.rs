//! Our own keys. Nothing of ours is needed to run a Jina file.

use crate::limits::{CONCURRENCY_MAX, REQUEST_SIZE_MAX};
use crate::spec::key::{Key, Kind};

/// What `with:` of a flow may hold beside Jina's keys.
pub const OUR_FLOW: &[Key] = &[
    Key::obeyed("input", Kind::Texts, "files, directories or patterns: the flow is a batch job over them"),
    Key::obeyed("endpoint", Kind::Text, "the endpoint that the batch job's requests go to"),
    Key::obeyed("output", Kind::Text, "the file that the batch job writes its results to, as JSON lines"),
    Key::obeyed("top_k", Kind::Count(1, 100_000), "how many matches the batch job asks for"),
    Key::obeyed(
        "request_size",
        Kind::Count(1, REQUEST_SIZE_MAX),
        "documents in one request of the batch job",
    ),
    Key::obeyed(
        "files",
        Kind::Texts,
        "the directories beneath which documents may name files when the flow is served, beside those of `input`",
    ),
    Key::obeyed(
        "plugins",
        Kind::Texts,
        "directories that plugins may be in, beside that of the flow; their executors are found by their names",
    ),
    Key::obeyed("logserver", Kind::Flag, "whether `/dashboard` shows the flow at work; Jina 0.x's key"),
    Key::obeyed("timeout", Kind::Milliseconds, "how long a request may take"),
    Key::obeyed(
        "when_full",
        Kind::Choice(&["wait", "refuse"]),
        "what a request meets when all credits are out",
    ),
];

/// What a pod may hold beside Jina's keys.
pub const OUR_POD: &[Key] = &[
    Key::obeyed("sha256", Kind::Texts, "the SHA-256 that the plugin in `uses` must have"),
    Key::obeyed(
        "strategy",
        Kind::Any,
        "which shard a new document goes to: `hash` (of its id), `round_robin`, `least_loaded`, `cluster`, or a mapping of tags; one \
         that a shard holds already stays there",
    ),
    Key::obeyed(
        "concurrency",
        Kind::Count(1, CONCURRENCY_MAX),
        "calls under way at once in a waiting executor",
    ),
    Key::obeyed(
        "uses_dynamic_batching",
        Kind::Any,
        "which endpoints are called with the documents of several requests at once: \
         `{/encode: {preferred_batch_size: 32, timeout: 10}}`, or `auto`; Jina 3's key; over the executor's own",
    ),
    Key::obeyed(
        "python",
        Kind::Text,
        "as the flow's, for this executor: and the class is Python's then, even where one of ours has its name",
    ),
    Key::obeyed(
        "isolate",
        Kind::Choice(&["process"]),
        "whether its executor works in processes of its own, so that a crash costs the calls in it alone",
    ),
];
