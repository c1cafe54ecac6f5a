//! Mistakes in Python executors are reported with their cause and location.

use crate::support::program::{command, text};

/// Runs `flow.yml` over one document with these files. Returns the exit code and standard error.
fn run(files: &[(&str, &str)], endpoint: &str) -> (Option<i32>, String) {
    let directory = tempfile::tempdir().unwrap();
    for (name, content) in files.iter().chain(&[("one.jsonl", "{\"id\": \"a\", \"text\": \"x\"}\n")]) {
        std::fs::write(directory.path().join(name), content).unwrap();
    }
    let mut command = command(directory.path(), &["flow.yml", "-i", "one.jsonl", "-e", endpoint, "-o", "-"]);
    let output = command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).output().unwrap();
    let path = format!("{}/", directory.path().display());
    (output.status.code(), text(&output.stderr).replace(&path, ""))
}

/// A flow with the class `E` of `e.py`, and the given keys of its pod.
fn flow(keys: &str) -> String {
    format!("jtype: Flow\nexecutors:\n- {{name: e, uses: E, py_modules: [e.py]{keys}}}\n")
}

#[test]
fn an_error_of_a_call_names_the_file_and_line_that_raised_it() {
    let class = "from flowrun import Executor, requests\n\n\nclass E(Executor):\n    @requests(on=\"/type\")\n    \
                 def t(self, docs, **kwargs):\n        for d in docs:\n            d.text = 5 .encode(\"utf-8\")\n\n    \
                 @requests(on=\"/embedding\")\n    def e(self, docs, **kwargs):\n        for d in docs:\n            \
                 d.embedding = \"abc\"\n";
    let files = [("e.py", class), ("flow.yml", &flow(""))];
    let (code, stderr) = run(&files, "/type");
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("'int' object has no attribute 'encode'"), "{stderr}");
    assert!(stderr.contains("at e.py:8"), "{stderr}");
    let (_, stderr) = run(&files, "/embedding");
    let wanted = "`embedding` of a document must be an array of numbers or None, not 'abc'";
    assert!(stderr.contains(wanted) && stderr.contains("at e.py:13"), "{stderr}");
}

#[test]
fn a_start_error_is_printed_once_with_the_lines_of_the_executor_only() {
    let class = "from flowrun import Executor\n\n\ndef load():\n    raise ValueError(\"no weights\")\n\n\n\
                 class E(Executor):\n    def __init__(self, **kwargs):\n        super().__init__(**kwargs)\n        load()\n";
    let (code, stderr) = run(&[("e.py", class), ("flow.yml", &flow(""))], "/x");
    assert_eq!(code, Some(2), "{stderr}");
    let lines: Vec<&str> = stderr.lines().map(str::trim).collect();
    let expected = [
        "error[F501]: `e` could not be started: ValueError: no weights",
        "e.py:11 in __init__: load()",
        "e.py:5 in load: raise ValueError(\"no weights\")",
    ];
    assert!(lines.starts_with(&expected), "{stderr}");
    assert_eq!(stderr.matches("no weights").count(), 2, "the message and the line: {stderr}");
    assert!(!stderr.contains("<flowrun>"), "{stderr}");
}

#[test]
fn an_argument_that_no_constructor_reads_is_reported() {
    let class = "from flowrun import Executor, requests\n\n\nclass E(Executor):\n    \
                 def __init__(self, dimension=3, **kwargs):\n        super().__init__(**kwargs)\n\n    \
                 @requests\n    def f(self, docs, **kwargs):\n        pass\n";
    let (code, stderr) =
        run(&[("e.py", class), ("flow.yml", &flow(", replicas: 2, uses_with: {dimenson: 5}"))], "/x");
    assert_eq!(code, Some(0), "{stderr}");
    let wanted =
        "the constructor of E has no parameter `dimenson`; it has no effect; did you mean `dimension`?";
    assert_eq!(stderr.matches(wanted).count(), 1, "{stderr}");
    let (_, stderr) = run(&[("e.py", class), ("flow.yml", &flow(", uses_with: {dimension: 5}"))], "/x");
    assert!(!stderr.contains("has no effect"), "{stderr}");
}
