//! Child processes of the tests: this very program, as one of its tests that nobody else runs. So the executors of the
//! tests can be in children too.

use std::ffi::OsString;

use flowrun_process::Program;

/// Says that children run this program.
pub(crate) fn adopt() {
    let as_test = |name: &str| {
        let test = format!("support::child::{name}");
        ["--ignored", "--exact", "--nocapture", "--quiet", &test].map(OsString::from).to_vec()
    };
    let path = std::env::current_exe().unwrap();
    Program { path, executor: as_test("is_an_executor"), guardian: as_test("is_a_guardian") }.adopt();
}

#[test]
#[ignore = "it is what child processes run"]
fn is_an_executor() {
    flowrun_process::serve(&super::catalog()).unwrap();
}

#[test]
#[ignore = "it is what child processes run"]
fn is_a_guardian() {
    flowrun_process::guard().unwrap();
}
