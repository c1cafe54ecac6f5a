//! What `flowrun new` writes builds, runs, and has a test that passes; what `flowrun plugin check` says of it.

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

fn successful(output: &Output) {
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

/// What a flow answers to a document with this text.
fn answer(directory: &Path, sent: &str) -> Value {
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
    successful(&output);
    json_lines(text(&output.stdout))[0]["text"].clone()
}

fn make(directory: &Path) {
    let output = Command::new("make")
        .arg("test")
        .env("FLOWRUN", env!("CARGO_BIN_EXE_flowrun"))
        .current_dir(directory)
        .output()
        .unwrap();
    successful(&output);
}

/// A place of ours that stays, so that what was built for the last run is not built again.
fn kept() -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scaffold");
    std::fs::create_dir_all(&place).unwrap();
    place
}

#[test]
fn a_new_executor_in_rust_builds_offline_is_tested_and_runs() {
    let (place, target) = (kept(), kept().join("target"));
    let crate_directory = place.join("my-greeter");
    let _ = std::fs::remove_dir_all(&crate_directory);
    let made = flowrun(&place, &["new", "executor", "my-greeter"]);
    successful(&made);
    assert!(text(&made.stdout).contains("cargo build"), "{}", text(&made.stdout));
    for arguments in [["test", "--quiet"], ["build", "--quiet"]] {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .args(arguments)
            .arg("--offline")
            .env("CARGO_TARGET_DIR", &target)
            .current_dir(&crate_directory)
            .output()
            .unwrap();
        successful(&output);
        assert!(!text(&output.stderr).contains("warning"), "{}", text(&output.stderr));
    }
    let library = crate_directory.join("target/debug/libmy_greeter.so");
    std::fs::create_dir_all(library.parent().unwrap()).unwrap();
    std::fs::copy(target.join("debug/libmy_greeter.so"), &library).unwrap();
    assert_eq!(answer(&crate_directory, "Ada"), "Hello, Ada");
    let check = flowrun(&crate_directory, &["plugin", "check", "target/debug/libmy_greeter.so"]);
    successful(&check);
    for part in
        ["my-greeter 0.1.0", "MyGreeter: Greets every text.", "greeting", "\"Hello, \"", "no problems found"]
    {
        assert!(text(&check.stdout).contains(part), "{part}: {}", text(&check.stdout));
    }
}

#[test]
fn a_new_executor_in_c_builds_is_tested_and_runs() {
    let directory = tempfile::tempdir().unwrap();
    successful(&flowrun(directory.path(), &["new", "executor", "louder", "--lang", "c"]));
    let place = directory.path().join("louder");
    make(&place);
    assert_eq!(answer(&place, "hello"), "hello!");
}

#[test]
fn a_new_executor_in_python_is_tested_and_runs() {
    let directory = tempfile::tempdir().unwrap();
    successful(&flowrun(directory.path(), &["new", "executor", "even-louder", "--lang", "python"]));
    let place = directory.path().join("even-louder");
    make(&place);
    assert_eq!(answer(&place, "hello"), "hello!");
}

#[test]
fn a_new_flow_is_tested_and_runs() {
    let directory = tempfile::tempdir().unwrap();
    successful(&flowrun(directory.path(), &["new", "flow", "texts"]));
    make(&directory.path().join("texts"));
}

#[test]
fn nothing_is_written_over_and_names_are_names() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("there")).unwrap();
    for (arguments, said) in [
        (["new", "flow", "there"], "exists already"),
        (["new", "executor", "../out"], "a name starts with"),
        (["new", "executor", "1st"], "a name starts with"),
        (["new", "executor", "std"], "is a reserved name"),
    ] {
        let output = flowrun(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[test]
fn a_library_is_checked_for_programs_too_and_never_executed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("shout.so");
    plugin::in_c(&path);
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
