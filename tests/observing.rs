//! What whoever watches over a service reads: lines of the log that name their request.

use serde_json::{Value, json};

use crate::serving::Serving;
use crate::support::program::directory;

const FLOW: &str =
    "jtype: Flow\nexecutors:\n- {name: log, uses: Log}\n- {name: words, uses: TextHashingEncoder}\n";

/// The lines that concern requests: what they say, and the spans around it.
fn lines(said: &str) -> Vec<(String, Value)> {
    let lines = said.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let concern = lines.filter(|line| line["spans"].is_array());
    concern.map(|line| (line["message"].as_str().unwrap().to_owned(), line["spans"].clone())).collect()
}

#[test]
fn every_line_that_concerns_a_request_names_it_and_where_it_was() {
    let directory = directory(FLOW);
    let serving = Serving::start(directory.path(), &["-vv", "--log-format", "json", "serve", "flow.yml"]);
    let hostile = "evil\u{1b}[31m\nline";
    for (id, document) in [("good", json!({"text": "a"})), (hostile, json!({"id": "no text"}))] {
        serving.post(&json!({"header": {"requestId": id}, "execEndpoint": "/index", "data": [document]}));
    }
    let said = serving.said();
    let lines = lines(&said);
    let of = |id: &str| -> Vec<&(String, Value)> {
        lines.iter().filter(|(_, spans)| spans[0]["id"] == id && spans[0]["endpoint"] == "/index").collect()
    };
    let said_of = |id: &str| -> Vec<(String, String)> {
        let worker = |spans: &Value| spans[1]["worker"].as_str().unwrap_or_default().to_owned();
        of(id).iter().map(|(message, spans)| (message.clone(), worker(spans))).collect()
    };
    let pair = |message: &str, worker: &str| (message.to_owned(), worker.to_owned());
    assert_eq!(said_of("good"), [pair("request", "log/rep-0"), pair("answered", "")], "{said}");
    // What a client calls its request is written down without what would be a line or a colour of its own.
    let evil = said_of("evil[31mline");
    assert_eq!(evil, [pair("request", "log/rep-0"), pair("failed", "")], "{said}");
    assert_eq!(of("good").len() + of("evil[31mline").len(), lines.len(), "{said}");
}
