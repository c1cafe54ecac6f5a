//! The log of a service: lines name the request and the worker that they concern.

use serde_json::{Value, json};

use crate::serving::Serving;
use crate::support::program::directory;

const FLOW: &str =
    "jtype: Flow\nexecutors:\n- {name: log, uses: Log}\n- {name: words, uses: TextHashingEncoder}\n";

/// Log lines of requests: request id, message and worker.
fn request_lines(log: &str) -> Vec<(String, String, String)> {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let of_endpoint = lines.filter(|line| line["endpoint"] == "/index");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    of_endpoint.map(|line| (text(&line["request"]), text(&line["message"]), text(&line["worker"]))).collect()
}

#[test]
fn log_lines_contain_the_request_and_the_worker() {
    let directory = directory(FLOW);
    let serving = Serving::start(directory.path(), &["-vv", "--log-format", "json", "serve", "flow.yml"]);
    let hostile = "evil\u{1b}[31m\nline";
    for (id, document) in [("good", json!({"text": "a"})), (hostile, json!({"id": "no text"}))] {
        serving.post(&json!({"header": {"requestId": id}, "execEndpoint": "/index", "data": [document]}));
    }
    let log = serving.stderr_until_exit();
    let line = |id: &str, message: &str, worker: &str| (id.to_owned(), message.to_owned(), worker.to_owned());
    // Control characters are removed from request ids.
    let sanitized = "evil[31mline";
    let expected = [
        line("good", "request", "log/rep-0"),
        line("good", "answered", ""),
        line(sanitized, "request", "log/rep-0"),
        line(sanitized, "failed", ""),
    ];
    assert_eq!(request_lines(&log), expected, "{log}");
}

#[test]
fn text_log_lines_end_with_the_request_and_the_worker() {
    let directory = directory(FLOW);
    let serving = Serving::start(directory.path(), &["-vv", "serve", "flow.yml"]);
    serving
        .post(&json!({"header": {"requestId": "mine"}, "execEndpoint": "/index", "data": [{"text": "a"}]}));
    let log = serving.stderr_until_exit();
    let request_line = log.lines().find(|line| line.contains(" request ")).unwrap();
    assert!(request_line.ends_with(r#"request="mine" endpoint="/index" worker="log/rep-0""#), "{log}");
}
