//! Every bound in one file: its subject, its value, and the reason for it.
//!
//! A bound on bytes or counts is named `…_MAX`. Bounds on the content of a single document are with the code that reads
//! it: `flowrun_sdk::guard` for files, the decoders of the image crate for pixels.

use std::time::Duration;

/// Bytes of one YAML file. The largest published flow has 40 kB.
pub const YAML_BYTES_MAX: u64 = 1 << 20;

/// Nested collections in a YAML file. Flows need about eight; recursion over the tree must not exhaust the stack.
pub const YAML_DEPTH_MAX: usize = 64;

/// Nodes of a YAML file after aliases are expanded, so that a kilobyte of aliases cannot become a gigabyte.
pub const YAML_NODES_MAX: usize = 100_000;

/// Bytes of a Python file that is searched for the class that a flow names.
pub const PYTHON_BYTES_MAX: u64 = 4 << 20;

/// Length of a chain of references such as `${{ root.a }}`. Jina makes three passes.
pub const REFERENCE_STEPS_MAX: usize = 8;

/// Pods of one flow, not counting replicas and shards.
pub const PODS_MAX: usize = 1_000;

/// Replicas of one shard, and shards of one pod.
pub const COPIES_MAX: usize = 256;

/// Default of `prefetch`, the number of requests inside the flow at a time (its credits): Jina 0.x's default, also for
/// Jina 3 files (1000 there), because a request may hold a whole batch of decoded clips.
pub const PREFETCH_DEFAULT: usize = 50;

/// Value of `prefetch: 0`, which is “unlimited” in Jina 3: Jina 3's default.
pub const PREFETCH_UNLIMITED: usize = 1_000;

/// Largest `prefetch`. Every channel has one slot per credit.
pub const PREFETCH_MAX: usize = 10_000;

/// Bytes that the documents of one request may hold at any point inside the flow. Executors receive it as the budget of
/// their calls, and their output is checked against it. Multiplied by the credits, it is part of the memory bound that
/// `flowrun check` prints.
pub const REQUEST_BYTES_MAX: usize = 256 << 20;

/// Default of the documents per request of a batch job: small enough that a hundred files keep several requests in
/// flight, large enough that an encoder receives a batch.
pub const REQUEST_SIZE_DEFAULT: usize = 8;

/// Largest number of documents per request of a batch job.
pub const REQUEST_SIZE_MAX: usize = 10_000;

/// Bytes of one line of JSON-lines input.
pub const LINE_BYTES_MAX: usize = 64 << 20;

/// Files that one input pattern may match.
pub const INPUT_FILES_MAX: usize = 10_000_000;

/// Failed documents that the summary of a batch job records; the rest are counted. About 20 MB.
pub const JOB_FAILURES_MAX: usize = 100_000;

/// Largest `preferred_batch_size`.
pub const BATCH_DOCUMENTS_MAX: usize = 65_536;

/// Default of `preferred_batch_size`: Jina's default.
pub const BATCH_DOCUMENTS_DEFAULT: usize = 4;

/// Documents at which a batch with `auto` is full: larger batches do not make encoders faster.
pub const BATCH_DOCUMENTS_AUTO: usize = 64;

/// Default time that the first request of a batch waits for more (`timeout`): Jina's default.
pub const BATCH_WAIT_DEFAULT: Duration = Duration::from_secs(10);

/// Largest `timeout` of a batch, in milliseconds: ten minutes.
pub const BATCH_WAIT_MILLISECONDS_MAX: usize = 600_000;

/// Default of `concurrency`, the calls in flight in one replica of an async executor.
pub const CONCURRENCY_DEFAULT: usize = 16;

/// Largest `concurrency`.
pub const CONCURRENCY_MAX: usize = 1_000;

/// Clusters of the placement strategy `cluster`. Each is compared with every new document.
pub const CLUSTERS_MAX: usize = 10_000;

/// Retries of a call of a remote executor. With the pauses between them this is half an hour.
pub const RETRIES_MAX: usize = 1_000;

/// Default time that an executor may take to start: Jina 3's default.
pub const READY_TIMEOUT_DEFAULT: Duration = Duration::from_secs(600);

/// Time that a flow may take, after a signal to stop, to finish the requests in it.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

/// Failed attempts to restart an executor that panicked. After them, its worker fails every request with the last error.
pub const RESTARTS_MAX: u32 = 5;

/// Longest time between two checks for requests that have ended in queues and calls. They hold credits until then.
pub const WATCH_INTERVAL: Duration = Duration::from_millis(250);

/// Multiple of a call's time limit (`timeout_send`, or else the flow's `timeout`) after which the watchdog no longer expects
/// the call to return.
pub const GIVE_UP_FACTOR: u32 = 10;

/// Time that a call whose requests have all ended may continue while the flow drains, so that executors that check for
/// cancellation can still write their data.
pub const ABANDON_AFTER: Duration = Duration::from_secs(1);

/// Requests that wait at the gateway for a credit. Further requests are rejected immediately, except those of a stream
/// that has requests in flight: they wait.
pub const QUEUE_MAX: usize = 1_000;

/// Longest expected time in the queue for a credit. A request that would wait longer is rejected immediately, so that the flow
/// works only on requests that clients still wait for; a stream is slowed down instead.
pub const QUEUE_WAIT_MAX: Duration = Duration::from_secs(1);

/// Requests that may queue longer than [`QUEUE_WAIT_MAX`], unless their deadline would pass: a short burst is not
/// overload.
pub const QUEUE_BURST: usize = 64;

/// Overload rejections per second that are sent immediately. Beyond this rate and [`REJECTIONS_BURST`] they are delayed, by
/// up to the second after which a client should retry.
pub const REJECTIONS_PER_SECOND: u32 = 2_000;

/// Overload rejections in one burst that are sent immediately, in addition to [`REJECTIONS_PER_SECOND`].
pub const REJECTIONS_BURST: u32 = 1_000;

/// Niceness of CPU-bound workers, relative to the gateway's threads, while a flow is served: a tenth of their share when
/// cores are short. With half of that, rejections sometimes come too late to save work, and the bytes of rejected requests
/// pile up (measured in docs/performance.md); with more, unrelated processes would starve the workers.
pub const WORKER_NICENESS: i32 = 10;

/// Bytes of all requests and replies at the gateway: received, decompressed, decoded, queued, in flight, and not written
/// yet. The memory bound of the flow itself does not cover them. With little memory the limit is a share of it
/// ([`QUEUE_MEMORY_DIVISOR`]).
pub const QUEUE_BYTES_MAX: usize = 1 << 30;

/// Smallest value of the limit [`QUEUE_BYTES_MAX`], however little memory there is: a few requests with pictures.
pub const QUEUE_BYTES_MIN: usize = 64 << 20;

/// Part of the memory of the container, the process or the machine that [`QUEUE_BYTES_MAX`] may be: a quarter.
pub const QUEUE_MEMORY_DIVISOR: usize = 4;

/// Bytes of one message from a client. Inside the flow, [`REQUEST_BYTES_MAX`] applies as well.
pub const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// Bytes above which a message is decoded or decompressed on a blocking thread, so that it does not delay other
/// connections. Smaller ones take at most about a millisecond, too short for other connections to notice.
pub const LARGE_MESSAGE_BYTES: usize = 256 << 10;

/// Bytes of memory that a decoded message may occupy for each byte received.
pub const DECODED_RATIO_MAX: usize = 8;

/// Bytes of memory that a decoded message may occupy in addition to [`DECODED_RATIO_MAX`].
pub const DECODED_BYTES_FREE: usize = 64 << 10;

/// Bytes of memory that a decoded message may occupy in addition for each of its first [`REQUEST_DOCUMENTS_MAX`]
/// documents at all levels: an empty document occupies 500 bytes, one with twenty short tags 4 kB.
pub const DECODED_DOCUMENT_BYTES: usize = 8 << 10;

/// Decompressed bytes of a message for each compressed byte. Texts and vectors of practical messages have at most 20.
pub const DECOMPRESSION_RATIO_MAX: usize = 100;

/// Decompressed bytes of a message up to which [`DECOMPRESSION_RATIO_MAX`] does not apply: gRPC's default limit of a
/// message, so that a uniform one is no exception.
pub const DECOMPRESSED_BYTES_FREE: usize = 4 << 20;

/// Documents of one request from a client.
pub const REQUEST_DOCUMENTS_MAX: usize = 10_000;

/// Bytes of the ids and URIs of documents that the web pages have shown. A `data:` URI contains the picture itself.
pub const SHOWN_BYTES_MAX: usize = 32 << 20;

/// Bytes of the thumbnails and previews that the web pages keep: a thousand thumbnails, or about 40 previews.
pub const MEDIA_CACHE_BYTES_MAX: usize = 32 << 20;

/// Bytes of a thumbnail: many times those of a JPEG picture of 360 pixels per side.
pub const THUMBNAIL_BYTES_MAX: usize = 1 << 20;

/// Bytes of a preview: twice those of [`PREVIEW_SECONDS_MAX`] at the largest bit rate.
pub const PREVIEW_BYTES_MAX: usize = 4 << 20;

/// Seconds of a preview. Of a longer span, the beginning is shown.
pub const PREVIEW_SECONDS_MAX: f64 = 10.0;

/// Times in videos that thumbnails and previews may name, in seconds: eleven days.
pub const MEDIA_TIME_MAX: f64 = 1e6;

/// Longest time of making a thumbnail. Seeking in a file with few key frames takes seconds.
pub const THUMBNAIL_TIME_MAX: Duration = Duration::from_secs(15);

/// Longest time of cutting a preview. One of a video in high definition takes two seconds on one core.
pub const PREVIEW_TIME_MAX: Duration = Duration::from_secs(30);

/// Thumbnails, and previews, that are made at a time, so that pages do not slow the flow down. Each is a process of `ffmpeg` if it is
/// that of a video.
pub const MEDIA_CONCURRENT: usize = 2;

/// Requests that wait for a thumbnail: those of several pages. Further ones are answered with 503.
pub const THUMBNAILS_WAITING_MAX: usize = 64;

/// Requests that wait for a preview. Further ones are answered with 503.
pub const PREVIEWS_WAITING_MAX: usize = 8;

/// Open connections. With little memory there are fewer ([`CONNECTIONS_MEMORY_DIVISOR`]). One peer may have half of them,
/// because a proxy is one peer.
pub const CONNECTIONS_MAX: usize = 10_000;

/// Smallest value of the limit [`CONNECTIONS_MAX`], however little memory there is.
pub const CONNECTIONS_MIN: usize = 256;

/// Bytes that an open connection costs besides its requests: buffers, TLS, and the state of HTTP/2.
pub const CONNECTION_BYTES: usize = 100 << 10;

/// Part of the memory of the container, the process or the machine that connections may cost: an eighth.
pub const CONNECTIONS_MEMORY_DIVISOR: usize = 8;

/// Connections in addition to [`CONNECTIONS_MAX`] for probes from this machine.
pub const PROBE_CONNECTIONS_MAX: usize = 16;

/// Time that a connection of [`PROBE_CONNECTIONS_MAX`] stays open.
pub const PROBE_CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Concurrent streams of one HTTP/2 connection.
pub const STREAMS_MAX: u32 = 1_000;

/// HTTP/2 flow-control window of a stream, in bytes: its default. Bytes sent before a rejection arrives are wasted. A call
/// that may leave its input unread is charged for it.
pub const STREAM_WINDOW_BYTES: u32 = 64 << 10;

/// HTTP/2 flow-control window of a connection, in bytes: received data that no request has taken yet.
pub const CONNECTION_WINDOW_BYTES: u32 = 1 << 20;

/// Time that a client may take to send the headers of an HTTP/1 request, and to send its first request after connecting.
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that a client may take to send the body of a request, and to read a reply or a part of a stream.
pub const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Time in which a connection with an unwritten reply must write [`REPLY_PIECE_BYTES`], or all that is left: about 3 kB per
/// second. Streams, whose readers may pause, have [`CLIENT_TIMEOUT`] instead.
pub const REPLY_STALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the pieces in which the progress of a reply is measured: the usual HTTP/2 frame.
pub const REPLY_PIECE_BYTES: usize = 16 << 10;

/// Part of their time that readers have when the bytes of the gateway are used up. It shrinks from half of the bytes on, so
/// that the slowest readers are disconnected first.
pub const READ_TIME_DIVISOR_MAX: u32 = 5;

/// Bytes that a reply costs until it is written, in addition to its content: the state of its stream and its head.
pub const REPLY_BYTES_MIN: usize = 8 << 10;

/// Connections of the port for health and metrics alone: probes and scrapers of a cluster.
pub const HEALTH_CONNECTIONS_MAX: usize = 256;

/// Connections of one peer address to that port, so that one peer cannot take all of them.
pub const HEALTH_PEER_CONNECTIONS_MAX: usize = 64;

/// Bytes per second at which the body of a request, or a message of a stream, must arrive on average: Kestrel's default.
pub const BODY_RATE_MIN: u64 = 240;

/// Time that a body may take in addition to [`BODY_RATE_MIN`]: Kestrel's default.
pub const BODY_GRACE: Duration = Duration::from_secs(5);

/// Time after which a request whose body is still incomplete releases its admission slot until the body is complete, so
/// that slow clients cannot take all slots.
pub const SLOW_BODY_AFTER: Duration = Duration::from_secs(1);

/// Bytes above which a request or a reply must leave a part of [`QUEUE_BYTES_MAX`] free ([`QUEUE_RESERVED_DIVISOR`]).
pub const SMALL_REQUEST_BYTES_MAX: usize = 1 << 20;

/// Part of [`QUEUE_BYTES_MAX`] that only small requests and replies may use: a quarter.
pub const QUEUE_RESERVED_DIVISOR: usize = 4;

/// Bytes of a message of a method without admission: health, reflection, discovery, dry run and info. Those of Jina's
/// clients have at most 100.
pub const CONTROL_MESSAGE_BYTES_MAX: usize = 4 << 10;

/// Time for a WebSocket client to read the answer to its ping.
pub const PONG_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a request body that is read and discarded after its request was answered, so that the HTTP/1 connection can
/// be reused. Connections with a longer unread body are closed.
pub const DISCARD_BYTES_MAX: usize = 64 << 10;

/// Bytes of documents that an executor has yielded and the client of a streaming endpoint has not read yet. A request
/// that exceeds this is cancelled.
pub const STREAM_BYTES_MAX: usize = 64 << 20;

/// Time for a body that is discarded to arrive. Most have arrived together with the headers.
pub const DISCARD_TIMEOUT: Duration = Duration::from_millis(100);

/// Time that a WebSocket session stays open after one of its requests failed. Jina's client closes it by itself once it
/// has read the error, and loses the error if the gateway closes first.
pub const ERROR_LINGER: Duration = Duration::from_millis(100);

/// Time that a client may take to acknowledge the end of a session.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Requests that `flowrun client` has in flight: enough to keep a flow busy, and few compared with the credits of a flow.
pub const CLIENT_REQUESTS_IN_FLIGHT: usize = 16;

/// Requests that `flowrun bench` has in flight in an open loop: more than a service admits, so that the service rejects
/// the rest.
pub const BENCH_REQUESTS_MAX: usize = 10_000;

/// Interval of keepalive pings on an idle HTTP/2 connection, and time for the answer.
pub const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(60);

/// Time for a TLS handshake.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Minimum interval between checks for a changed certificate, which are made when a client connects.
pub const TLS_RELOAD_INTERVAL: Duration = Duration::from_secs(1);

/// Bytes of a file with a certificate or a key. A long chain has 20 kB.
pub const TLS_FILE_BYTES_MAX: u64 = 1 << 20;

/// Smallest HTTP response that is compressed, in bytes, for clients that accept it. For smaller ones, compression takes
/// longer than it saves on any practical network.
pub const HTTP_COMPRESS_BYTES_MIN: u16 = 8 << 10;

/// Bytes of a request's id in logs, traces and headers. Jina's ids have 32.
pub const REQUEST_ID_BYTES_MAX: usize = 128;

/// Bytes of an error message, or of one line of an exception, in a reply. Longer ones, which quote documents, are
/// shortened in the middle.
pub const ERROR_TEXT_BYTES_MAX: usize = 4 << 10;

/// Bytes of a client's `tracestate`. W3C Trace Context requires that 512 are propagated.
pub const TRACE_STATE_BYTES_MAX: usize = 512;

/// Spans in the queue to the trace collector, about 2 MB. Further spans are dropped, so that no request waits for the
/// collector.
pub const SPANS_QUEUED_MAX: usize = 4096;

/// Spans per batch to the trace collector.
pub const SPANS_PER_BATCH: usize = 512;

/// Time that a span waits for its batch to fill.
pub const SPANS_BATCH_WAIT: Duration = Duration::from_secs(1);

/// Time for the trace collector to accept a batch: OpenTelemetry's default.
pub const COLLECTOR_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a reply of the trace collector.
pub const COLLECTOR_REPLY_BYTES_MAX: usize = 64 << 10;

/// Time that a stopping service waits for its last spans to be sent.
pub const TRACES_FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// Diagnostics of one report. The most severe ones are kept; after correcting these, the next run reports the rest.
pub const DIAGNOSTICS_MAX: usize = 100;

/// Libraries that are searched for an executor that is named by its class alone. Each is read completely.
pub const PLUGINS_SEARCHED_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_bounds() {
        const {
            assert!(PREFETCH_DEFAULT <= PREFETCH_UNLIMITED && PREFETCH_UNLIMITED <= PREFETCH_MAX);
            assert!(REQUEST_SIZE_DEFAULT <= REQUEST_SIZE_MAX);
            assert!(CONCURRENCY_DEFAULT <= CONCURRENCY_MAX);
        }
    }
}
