//! What whoever watches over a service reads: lines of the log that name their request.

use serde_json::{Value, json};

use crate::serving::Serving;
use crate::support::program::directory;

const FLOW: &str =
    "jtype: Flow\nexecutors:\n- {name: log, uses: Log}\n- {name: words, uses: TextHashingEncoder}\n";

/// The lines that concern requests: which, what they say, and which worker says it.
fn lines(said: &str) -> Vec<(String, String, String)> {
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let concern = lines.filter(|line| line["endpoint"] == "/index");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    concern.map(|line| (text(&line["request"]), text(&line["message"]), text(&line["worker"]))).collect()
}

#[test]
fn every_line_that_concerns_a_request_names_it_and_where_it_was() {
    let directory = directory(FLOW);
    let serving = Serving::start(directory.path(), &["-vv", "--log-format", "json", "serve", "flow.yml"]);
    let hostile = "evil\u{1b}[31m\nline";
    for (id, document) in [("good", json!({"text": "a"})), (hostile, json!({"id": "no text"}))] {
        serving.post(&json!({"header": {"requestId": id}, "execEndpoint": "/index", "data": [document]}));
    }
    let said = serving.stderr_until_exit();
    let line = |id: &str, message: &str, worker: &str| (id.to_owned(), message.to_owned(), worker.to_owned());
    // What a client calls its request is written down without what would be a line or a colour of its own.
    let evil = "evil[31mline";
    let expected = [
        line("good", "request", "log/rep-0"),
        line("good", "answered", ""),
        line(evil, "request", "log/rep-0"),
        line(evil, "failed", ""),
    ];
    assert_eq!(lines(&said), expected, "{said}");
}

#[test]
fn people_read_it_at_the_end_of_the_line() {
    let directory = directory(FLOW);
    let serving = Serving::start(directory.path(), &["-vv", "serve", "flow.yml"]);
    serving
        .post(&json!({"header": {"requestId": "mine"}, "execEndpoint": "/index", "data": [{"text": "a"}]}));
    let said = serving.stderr_until_exit();
    let of_log = said.lines().find(|line| line.contains(" request ")).unwrap();
    assert!(of_log.ends_with(r#"request="mine" endpoint="/index" worker="log/rep-0""#), "{said}");
}
