//! Child processes of the tests: the test program itself, run with one of the two ignored tests below. This makes the
//! executors of the tests available in child processes too.

use std::ffi::OsString;

use flowrun_process::Program;

/// Registers the test program as the program of child processes.
pub(crate) fn register() {
    let arguments = |name: &str| {
        let test = format!("support::child::{name}");
        ["--ignored", "--exact", "--nocapture", "--quiet", &test].map(OsString::from).to_vec()
    };
    Program {
        path: std::env::current_exe().unwrap(),
        executor_arguments: arguments("run_executor"),
        guardian_arguments: arguments("run_guardian"),
    }
    .register();
}

#[test]
#[ignore = "entry point of child processes"]
fn run_executor() {
    flowrun_process::serve_executor(&super::catalog()).unwrap();
}

#[test]
#[ignore = "entry point of child processes"]
fn run_guardian() {
    flowrun_process::run_guardian().unwrap();
}
