//! Every bound in one place: what it bounds, its default, and why it is what it is.
//!
//! A bound on bytes or counts is named `…_max`. What bounds a single document's content on its way in stands with
//! the door it comes through: `flowrun_sdk::guard` for files, the decoders of the image family for pixels.

use std::time::Duration;

/// Bytes of one YAML file. The largest flow seen in the wild has 40 kB.
pub const YAML_BYTES_MAX: u64 = 1 << 20;

/// Nested collections in a YAML file. Flows need about eight; recursion over the tree must not exhaust the stack.
pub const YAML_DEPTH_MAX: usize = 64;

/// Nodes of a YAML file after aliases are expanded, so that a kilobyte of aliases cannot become a gigabyte.
pub const YAML_NODES_MAX: usize = 100_000;

/// Bytes of a Python file that is looked into for the class that a flow names.
pub const PYTHON_BYTES_MAX: u64 = 4 << 20;

/// Steps in which `${{ root.a }}` may lead to the next reference. Jina makes three passes.
pub const REFERENCE_STEPS_MAX: usize = 8;

/// Pods of one flow, replicas and shards not counted.
pub const PODS_MAX: usize = 1_000;

/// Replicas of one shard, and shards of one pod.
pub const COPIES_MAX: usize = 256;

/// Requests between entering and leaving the gateway when the flow does not say: Jina 0.x's default, also in place
/// of Jina 3's 1000, because a request may hold a whole batch of decoded clips.
pub const PREFETCH_DEFAULT: usize = 50;

/// What `prefetch: 0`, Jina 3's “unlimited”, means here: Jina 3's default for those who do not say.
pub const PREFETCH_UNLIMITED: usize = 1_000;

/// The most that `prefetch` may ask for. Every channel has a slot for each credit.
pub const PREFETCH_MAX: usize = 10_000;

/// Bytes that the documents of one request may hold at any point inside the flow: executors get it as the budget
/// of their calls, and what they leave is checked against it. With the credits it gives the memory bound that
/// `flowrun check` prints.
pub const REQUEST_BYTES_MAX: usize = 256 << 20;

/// Documents of one request that the batch job makes of its input: small enough that several requests are under way
/// when there are a hundred files, large enough that an encoder sees a batch.
pub const REQUEST_SIZE_DEFAULT: usize = 8;

/// Documents of one request at the most.
pub const REQUEST_SIZE_MAX: usize = 10_000;

/// Bytes of one line of a JSON-lines input.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// Files that one input pattern may match.
pub const INPUT_FILES_MAX: usize = 10_000_000;

/// Documents that a batch may be asked to have.
pub const BATCH_DOCUMENTS_MAX: usize = 65_536;

/// Documents of a batch when `preferred_batch_size` does not say: Jina's default.
pub const BATCH_DOCUMENTS_DEFAULT: usize = 4;

/// Documents with which `auto` takes no more requests into a batch: behind it the batch curves of encoders are flat.
pub const BATCH_DOCUMENTS_AUTO: usize = 64;

/// How long the first request of a batch waits for others when `timeout` does not say: Jina's default.
pub const BATCH_WAIT_DEFAULT: Duration = Duration::from_secs(10);

/// Milliseconds that the first request of a batch may be told to wait: ten minutes.
pub const BATCH_WAIT_MILLISECONDS_MAX: usize = 600_000;

/// Calls that one replica of a waiting executor has under way.
pub const CONCURRENCY_DEFAULT: usize = 16;

/// Calls under way at the most.
pub const CONCURRENCY_MAX: usize = 1_000;

/// Clusters that documents are placed by: each is compared with every new document.
pub const CLUSTERS_MAX: usize = 10_000;

/// Times that a call of an executor elsewhere may be made again. With the waits in between that is half an hour.
pub const RETRIES_MAX: usize = 1_000;

/// How long an executor may take to start when the flow does not say; Jina 3's default.
pub const READY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(600);

/// How long a flow that was told to end may take to finish what is inside.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Failed attempts to restart a worker before its pod answers every request with the reason.
pub const RESTARTS_MAX: u32 = 5;

/// Requests that wait at the gateway for a credit. More are refused at once; a stream that has requests under way waits
/// instead.
pub const QUEUE_MAX: usize = 1_000;

/// How long a request may have to wait for a credit. Whoever would wait longer is refused at once, and comes back to a
/// flow that works on what is still wanted; a stream is held back instead.
pub const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Requests that may wait however long it takes, unless their deadline would pass: a burst is no overload.
pub const QUEUE_BURST: usize = 64;

/// Refusals for want of room that are told at once: so many in a second, and so many more in a burst. Beyond that they are
/// told later, up to the second after which a client should ask again.
pub const REJECTIONS_PER_SECOND: u32 = 2_000;
/// See [`REJECTIONS_PER_SECOND`].
pub const REJECTIONS_BURST: u32 = 1_000;

/// How far those who compute stand behind those who answer where a flow is served and cores are short, as `nice` counts:
/// a tenth of their share. With half of that refusals come too late now and then to spare anything, and all the bytes of
/// what is refused pile up (measured: docs/performance.md); with more, whatever else the machine does goes before the work.
pub const WORKER_NICENESS: i32 = 10;

/// Bytes of the requests at the gateway, those that wait and those inside, as they came: the part of the memory that
/// the bound of the flow itself does not cover.
pub const QUEUE_BYTES_MAX: usize = 1 << 30;

/// Bytes of one message from a client. A request must fit its bound inside the flow as well.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// Documents of one request from a client.
pub const REQUEST_DOCUMENTS_MAX: usize = 10_000;

/// Connections at a time. Each costs some 100 kB when it is idle.
pub const CONNECTIONS_MAX: usize = 10_000;

/// Calls under way on one connection of HTTP/2.
pub const STREAMS_MAX: u32 = 1_000;

/// How long a client may take to send the head of a request of HTTP/1.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to send the body of a request, and to take in a reply that waits for it.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// How long a conversation over WebSocket stays open after a request in it failed. Jina's client loses the error when
/// the gateway closes before the client has looked at it; it closes by itself when it has.
pub const ERROR_LINGER: Duration = Duration::from_millis(100);

/// How long a client may take to agree that a conversation is over.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Requests that `flowrun client` has under way: enough to keep a flow busy, and few beside those that one lets in.
pub const CLIENT_REQUESTS_IN_FLIGHT: usize = 16;

/// Requests that `flowrun bench` has under way in an open loop. More than a service holds, so that it is the service
/// that refuses.
pub const BENCH_REQUESTS_MAX: usize = 10_000;

/// How often an idle connection of HTTP/2 is asked whether anyone is there, and how long it has to answer.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// How long a client may take to agree on TLS.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a changed certificate may go unnoticed while clients come: it is not looked for at every connection.
pub const TLS_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of a file with a certificate or a key. A long chain has 20 kB.
pub const TLS_FILE_BYTES_MAX: u64 = 1 << 20;

/// Bytes from which on a response over HTTP is compressed, for clients that accept it. Below it, the time that it takes
/// is not won back on any network that is worth the name.
pub const HTTP_COMPRESS_BYTES_MIN: u16 = 8 << 10;

/// Bytes of a request's name where it is written down: in the log, in traces, in headers. Jina's have 32.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Bytes of what a client's tools say about a trace; W3C asks for 512 to be passed on.
pub const TRACE_STATE_BYTES_MAX: usize = 512;

/// Spans that wait for the collector of traces; some 2 MB. More are dropped, so that no request waits for it.
pub const SPANS_QUEUED_MAX: usize = 4096;

/// Spans that are sent together.
pub const SPANS_PER_BATCH: usize = 512;

/// How long a span may wait for others to be sent with.
pub const SPANS_BATCH_WAIT: Duration = Duration::from_secs(1);

/// How long the collector may take for a batch; OpenTelemetry's default.
pub const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of what the collector answers.
pub const COLLECTOR_REPLY_BYTES_MAX: usize = 64 << 10;

/// How long the end of a service waits for the last spans to be sent.
pub const TRACES_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Diagnostics that are shown, the worst first to be kept; whoever wrote more mistakes mends these first.
pub const DIAGNOSTICS_MAX: usize = 100;

/// Libraries that are looked into for an executor that is named by its class alone; each is read whole.
pub const PLUGINS_SEARCHED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_lie_within_their_bounds() {
        const {
            assert!(PREFETCH_DEFAULT <= PREFETCH_UNLIMITED && PREFETCH_UNLIMITED <= PREFETCH_MAX);
            assert!(REQUEST_SIZE_DEFAULT <= REQUEST_SIZE_MAX);
            assert!(CONCURRENCY_DEFAULT <= CONCURRENCY_MAX);
        }
    }
}
