//! Every kind of diagnostic says what is wrong, at which line and column, and what to type: one golden file each.
//!
//! A directory of `tests/golden` is a case: its `flow.yml` is read, or the command in its `args` is run. What is said
//! must be what its `expected.txt` holds. A case with a `setup` is one in a copy of it, in which that script was run. `FLOWRUN_BLESS=1` writes those files anew; read the difference.

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

/// What flowrun says about a case.
fn said(case: &Path) -> String {
    let Ok(arguments) = std::fs::read_to_string(case.join("args")) else {
        let (mut sources, mut report) = (Sources::default(), Report::default());
        flowrun::read(&case.join("flow.yml"), &Environment::default(), &catalog(), &mut sources, &mut report);
        return render(&report, &sources, Format::Human, false);
    };
    let copy = case.join("setup").exists().then(|| made(case));
    let output = Command::new(env!("CARGO_BIN_EXE_flowrun"))
        .args(arguments.split_whitespace())
        .current_dir(copy.as_ref().map_or(case, |copy| copy.path()))
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", case.display());
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    match copy {
        Some(copy) => said.replace(copy.path().to_str().unwrap(), "DIRECTORY"),
        None => said,
    }
}

/// A copy of a case, made ready by its script.
fn made(case: &Path) -> tempfile::TempDir {
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
fn every_message_is_what_its_golden_file_says() {
    let bless = std::env::var_os("FLOWRUN_BLESS").is_some();
    let mut different = Vec::new();
    for case in cases() {
        let (golden, said) = (case.join("expected.txt"), said(&case));
        if bless {
            std::fs::write(&golden, &said).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if said != expected {
            different.push(format!("{}\n--- expected\n{expected}--- said\n{said}", case.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn every_kind_has_a_golden_file_and_appears_in_it() {
    let mut kinds = BTreeSet::new();
    for case in cases() {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let code =
            Code::ALL.iter().find(|code| name.starts_with(&format!("{}-{}", code, code.slug()))).unwrap();
        let expected = std::fs::read_to_string(case.join("expected.txt")).unwrap();
        assert!(expected.contains(&format!("[{code}]")), "{name}");
        kinds.insert(*code);
    }
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !kinds.contains(code)).collect();
    // Not ready in time depends on the machine; it has a test of its own.
    assert_eq!(missing, [&Code::NotReady]);
}
