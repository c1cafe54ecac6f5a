//! Projects created by `flowrun new` build, pass their tests and run; `flowrun plugin check` describes them.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::support::plugin;
use crate::support::program::{json_lines, text};

fn flowrun(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_flowrun")).args(arguments).current_dir(directory).output().unwrap()
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// Runs the flow in a directory with one document, and returns the text of the answer.
fn run_flow(directory: &Path, sent: &str) -> Value {
    let mut child = Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .args(["flow.yml", "-i", "-", "-o", "-"])
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", json!({"text": sent})).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_success(&output);
    json_lines(text(&output.stdout))[0]["text"].clone()
}

fn make(directory: &Path) {
    let output = Command::new("make")
        .arg("test")
        .env("FLOWRUN", env!("CARGO_BIN_EXE_flowrun"))
        .current_dir(directory)
        .output()
        .unwrap();
    assert_success(&output);
}

/// A directory that is kept between runs, so that dependencies are built once.
fn kept_directory() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaffold");
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

#[test]
fn a_new_rust_executor_builds_offline_passes_its_tests_and_runs() {
    let (directory, target) = (kept_directory(), kept_directory().join("target"));
    let crate_directory = directory.join("my-greeter");
    let _ = std::fs::remove_dir_all(&crate_directory);
    let created = flowrun(&directory, &["new", "executor", "my-greeter"]);
    assert_success(&created);
    assert!(text(&created.stdout).contains("cargo build"), "{}", text(&created.stdout));
    for arguments in [["test", "--quiet"], ["build", "--quiet"]] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .args(arguments)
            .arg("--offline")
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(&crate_directory)
            .output()
            .unwrap();
        assert_success(&output);
        assert!(!text(&output.stderr).contains("warning"), "{}", text(&output.stderr));
    }
    let library = crate_directory.join("target/debug/libmy_greeter.so");
    std::fs::create_dir_all(library.parent().unwrap()).unwrap();
    std::fs::copy(target.join("debug/libmy_greeter.so"), &library).unwrap();
    assert_eq!(run_flow(&crate_directory, "Ada"), "Hello, Ada");
    let check = flowrun(&crate_directory, &["plugin", "check", "target/debug/libmy_greeter.so"]);
    assert_success(&check);
    for part in
        ["my-greeter 0.1.0", "MyGreeter: Greets every text.", "greeting", "\"Hello, \"", "no problems found"]
    {
        assert!(text(&check.stdout).contains(part), "{part}: {}", text(&check.stdout));
    }
}

#[test]
fn a_new_c_executor_builds_passes_its_tests_and_runs() {
    let directory = tempfile::tempdir().unwrap();
    assert_success(&flowrun(directory.path(), &["new", "executor", "louder", "--lang", "c"]));
    let project = directory.path().join("louder");
    make(&project);
    assert_eq!(run_flow(&project, "hello"), "hello!");
}

#[test]
fn a_new_python_executor_passes_its_tests_and_runs() {
    let directory = tempfile::tempdir().unwrap();
    assert_success(&flowrun(directory.path(), &["new", "executor", "even-louder", "--lang", "python"]));
    let project = directory.path().join("even-louder");
    make(&project);
    assert_eq!(run_flow(&project, "hello"), "hello!");
}

#[test]
fn a_new_flow_passes_its_tests() {
    let directory = tempfile::tempdir().unwrap();
    assert_success(&flowrun(directory.path(), &["new", "flow", "texts"]));
    make(&directory.path().join("texts"));
}

#[test]
fn new_flows_search_pictures_and_videos() {
    let directory = tempfile::tempdir().unwrap();
    let clips = Path::new("tests/oracles/gifs").canonicalize().unwrap();
    let query = clips.join("g0.gif");
    for template in ["images", "videos"] {
        assert_success(&flowrun(directory.path(), &["new", "flow", template, "--template", template]));
        let project = directory.path().join(template);
        make(&project);
        assert_success(&flowrun(&project, &["index.yml", "-i", clips.to_str().unwrap()]));
        let arguments = ["query.yml", "-i", query.to_str().unwrap(), "-o", "-"];
        let found = flowrun(&project, &arguments);
        assert_success(&found);
        let results = json_lines(text(&found.stdout));
        // The first match of a stored clip is itself.
        assert_eq!(results[0]["matches"][0]["uri"], results[0]["uri"], "{template}");
    }
}

#[test]
fn existing_directories_and_invalid_names_are_rejected() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("there")).unwrap();
    for (arguments, message) in [
        (["new", "flow", "there"], "exists already"),
        (["new", "executor", "../out"], "a name starts with"),
        (["new", "executor", "1st"], "a name starts with"),
        (["new", "executor", "std"], "is a reserved name"),
    ] {
        let output = flowrun(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(message), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn plugin_check_reports_json_and_executes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shout.so");
    plugin::compile_c_example(&path);
    let check = |file: &str| {
        let output = flowrun(directory.path(), &["plugin", "check", file, "--format", "json"]);
        let value: Value = serde_json::from_str(text(&output.stdout)).unwrap();
        (output.status.code(), value)
    };
    let (code, good) = check("shout.so");
    assert_eq!((code, &good["abi_version"], &good["faults"]), (Some(0), &json!(1), &json!([])));
    assert_eq!(good["bytes"].as_u64(), Some(std::fs::metadata(&path).unwrap().len()));
    let executor = &good["description"]["executors"][0];
    assert_eq!((&executor["name"], &executor["parameters"][0]["type"]), (&json!("ShoutC"), &json!("text")));
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.truncate(2000);
    std::fs::write(&path, bytes).unwrap();
    let (code, bad) = check("shout.so");
    assert_eq!((code, &bad["faults"][0]["name"]), (Some(2), &json!("plugin-truncated")));
    let (code, none) = check("none.so");
    assert_eq!((code, &none["faults"][0]["code"]), (Some(2), &json!("F401")));
    let output = flowrun(directory.path(), &["plugin", "check", "shout.so"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stdout).contains("error[F422]"), "{}", text(&output.stdout));
}
