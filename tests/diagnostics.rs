//! Golden files of the output of every diagnostic code.
//!
//! Each directory in `tests/golden` is a case: its `flow.yml` is read, or the command in its `args` is run, and the output
//! must equal `expected.txt`. If a case has a `setup`, the script runs first, in a copy of the directory.
//! `FLOWRUN_BLESS=1` rewrites the golden files; review the diff.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun::diagnostic::{Code, Format, Report, Sources, render};
use flowrun::yaml::Environment;

use crate::support::catalog;
use crate::support::plugin::include;

fn cases() -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir("tests/golden").unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The output of flowrun for a case.
fn output(case: &Path) -> String {
    let Ok(arguments) = std::fs::read_to_string(case.join("args")) else {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        flowrun::read(&case.join("flow.yml"), &Environment::default(), &catalog(), &mut sources, &mut report);
        return render(&report, &sources, Format::Human, false);
    };
    let copy = case.join("setup").exists().then(|| set_up(case));
    let output = Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .args(arguments.split_whitespace())
        .current_dir(copy.as_ref().map_or(case, |copy| copy.path()))
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", case.display());
    let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    match copy {
        Some(copy) => text.replace(copy.path().to_str().unwrap(), "DIRECTORY"),
        None => text,
    }
}

/// A copy of a case, prepared by its `setup` script.
fn set_up(case: &Path) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(case).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let output = Command::new("sh")
        .args(["-e", "setup"])
        .current_dir(copy.path())
        .env("INCLUDE", include())
        .env("SOURCE", std::path::absolute("tests/golden-plugin.c").unwrap())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&output.stderr));
    copy
}

#[test]
fn output_equals_the_golden_files() {
    let bless = std::env::var_os("FLOWRUN_BLESS").is_some();
    let mut different = Vec::new();
    for case in cases() {
        let (golden, actual) = (case.join("expected.txt"), output(&case));
        if bless {
            std::fs::write(&golden, &actual).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if actual != expected {
            different.push(format!("{}\n--- expected\n{expected}--- actual\n{actual}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_code_has_a_golden_file_that_contains_it() {
    let mut codes = BTreeSet::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let code =
            Code::ALL.iter().find(|code| name.starts_with(&format!("{}-{}", code, code.slug()))).unwrap();
        let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap();
        assert!(expected.contains(&format!("[{code}]")), "{name}");
        codes.insert(*code);
    }
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !codes.contains(code)).collect();
    // `not-ready` depends on timing and has its own test.
    assert_eq!(missing, [&Code::NotReady]);
}
