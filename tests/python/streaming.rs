//! Generators of a served flow: documents are sent as they are yielded.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use crate::serving::Serving;

/// Generators that yield a second document once the file `go` exists.
const EXECUTORS: &str = r#"
import asyncio
import os
import time

from flowrun import Document, Executor, requests


class Sync(Executor):
    @requests(on="/sync")
    def sync(self, docs, **kwargs):
        yield Document(text="first")
        while not os.path.exists("go"):
            time.sleep(0.01)
        yield Document(text="second")

    @requests(on="/fails")
    def fails(self, docs, **kwargs):
        yield Document(text="first")
        while not os.path.exists("go"):
            time.sleep(0.01)
        raise ValueError("late")


class Both(Sync):
    @requests(on="/async")
    async def asynchronous(self, docs, **kwargs):
        yield Document(text="first")
        while not os.path.exists("go"):
            await asyncio.sleep(0.01)
        yield Document(text="second")
"#;

/// Serves a flow with the class as its last executor.
fn serve(directory: &Path, class: &str) -> Serving {
    std::fs::write(directory.join("streams.py"), EXECUTORS).unwrap();
    let flow = format!(
        "jtype: Flow\nexecutors:\n- {{name: a, uses: Pass}}\n- {{name: e, uses: {class}, py_modules: [streams.py]}}\n"
    );
    std::fs::write(directory.join("flow.yml"), flow).unwrap();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Serving::start_with(directory, &["serve", "flow.yml", "--port", "0"], &[("PATH", Path::new(&path))])
}

/// Requests the stream of an endpoint. Returns the connection, and the response up to `until`.
fn stream(serving: &Serving, endpoint: &str, until: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(&serving.addresses[0]).unwrap();
    let head = "host: 127.0.0.1\r\naccept: text/event-stream\r\nconnection: close";
    write!(stream, "GET {endpoint}?text=x HTTP/1.1\r\n{head}\r\n\r\n").unwrap();
    let (mut response, mut buffer) = (Vec::new(), [0; 1024]);
    loop {
        let count = stream.read(&mut buffer).unwrap();
        response.extend(&buffer[..count]);
        let text = String::from_utf8_lossy(&response).into_owned();
        assert!(count > 0 || text.contains(until), "{text}");
        if text.contains(until) {
            return (stream, text);
        }
    }
}

#[test]
fn a_document_is_sent_before_the_next_one_is_made() {
    for (class, endpoint) in [("Sync", "/sync"), ("Both", "/sync"), ("Both", "/async")] {
        let directory = tempfile::tempdir().unwrap();
        let serving = serve(directory.path(), class);
        let (mut connection, first) = stream(&serving, endpoint, "first");
        assert!(first.starts_with("HTTP/1.1 200") && !first.contains("second"), "{first}");
        std::fs::write(directory.path().join("go"), "").unwrap();
        let mut rest = String::new();
        connection.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("second") && rest.contains("event: end"), "{class} {endpoint}: {rest}");
        assert_eq!(rest.matches("first").count(), 0, "{rest}");
    }
}

#[test]
fn a_stream_that_fails_after_its_first_document_has_no_end() {
    let directory = tempfile::tempdir().unwrap();
    let serving = serve(directory.path(), "Sync");
    let (mut connection, mut response) = stream(&serving, "/fails", "first");
    std::fs::write(directory.path().join("go"), "").unwrap();
    // The connection ends, with or without an error.
    let mut rest = Vec::new();
    let _ = connection.read_to_end(&mut rest);
    response.push_str(&String::from_utf8_lossy(&rest));
    assert!(!response.contains("event: end"), "{response}");
}
