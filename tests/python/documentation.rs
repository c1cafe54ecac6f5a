//! The files and commands of `docs/python.md` work as printed there, and so do the example flows.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::clients::environment;
use crate::support::program::{flowrun, json_lines, text};

/// Code blocks of the guide: the line before the block, its language, and its lines.
fn code_blocks() -> Vec<(String, String, String)> {
    let guide = std::fs::read_to_string("docs/python.md").unwrap();
    let mut parts = guide.split("```");
    let mut blocks = Vec::new();
    while let (Some(before), Some(block)) = (parts.next(), parts.next()) {
        let before = before.trim_end().lines().last().unwrap_or_default().to_owned();
        let (language, lines) = block.split_once('\n').unwrap();
        blocks.push((before, language.to_owned(), lines.to_owned()));
    }
    blocks
}

/// Runs flowrun with the search path of this process, so that it finds Python. Returns its standard output.
fn run(directory: &Path, arguments: &[&str], variables: &[(&str, &Path)]) -> String {
    let mut command = crate::support::program::command(directory, arguments);
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(variables.iter().copied());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout).to_owned()
}

#[test]
fn the_commands_of_the_guide_print_what_it_shows() {
    let directory = tempfile::tempdir().unwrap();
    let (mut files, mut commands) = (0, 0);
    for (before, language, lines) in code_blocks() {
        if let Some(name) = before.strip_prefix('`').and_then(|name| name.strip_suffix("`:")) {
            std::fs::write(directory.path().join(name), lines).unwrap();
            files += 1;
        } else if language == "console" {
            let (command, printed) = lines.split_once('\n').unwrap();
            let words: Vec<&str> = command.strip_prefix("$ flowrun ").unwrap().split(' ').collect();
            assert_eq!(run(directory.path(), &words, &[]), printed);
            commands += 1;
        }
    }
    assert_eq!((files, commands), (3, 1));
    let checked = flowrun(directory.path(), &["check", "flow.yml"]);
    assert!(text(&checked.stdout).ends_with("no problems found\n"), "{}", text(&checked.stdout));
}

#[test]
fn the_python_example_finds_keywords() {
    let directory = tempfile::tempdir().unwrap();
    let flow = Path::new("flows/plugins/python.yml").canonicalize().unwrap();
    let texts = "{\"id\": \"a\", \"text\": \"The zebra crossed the street.\"}\n";
    std::fs::write(directory.path().join("texts.jsonl"), texts).unwrap();
    let flow = flow.to_str().unwrap();
    let found =
        json_lines(&run(directory.path(), &[flow, "-i", "texts.jsonl", "-e", "/search", "-o", "-"], &[]));
    assert_eq!(found[0]["tags"], json!({"keywords": ["crossed", "street"]}));
    let one = json_lines(&run(
        directory.path(),
        &[flow, "-i", "texts.jsonl", "-e", "/search", "-o", "-", "-p", "count=1"],
        &[],
    ));
    assert_eq!(one[0]["tags"]["keywords"], json!(["crossed"]));
}

#[test]
fn the_jina_example_runs_unmodified() {
    let Some(python) = environment("v1") else { return };
    let directory = tempfile::tempdir().unwrap();
    let flow = Path::new("flows/plugins/jina.yml").canonicalize().unwrap();
    std::fs::write(directory.path().join("texts.jsonl"), "{\"id\": \"a\", \"text\": \"hello\"}\n").unwrap();
    let arguments = [flow.to_str().unwrap(), "-i", "texts.jsonl", "-e", "/index", "-o", "-"];
    // The interpreter is named by the flow, or by the activated virtual environment.
    for variable in ["PYTHON", "VIRTUAL_ENV"] {
        let found = json_lines(&run(directory.path(), &arguments, &[(variable, &python)]));
        assert_eq!(found[0]["text"], Value::from("HELLO?"), "{variable}");
    }
}

/// Runs the unit tests of the Python package with an interpreter.
fn run_unit_tests(python: &Path) {
    let output = Command::new(python)
        .args(["-m", "unittest", "discover", "--start-directory", "tests", "--top-level-directory", "."])
        .current_dir("python")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("FLOWRUN_BINARY", env!("CARGO_BIN_EXE_flowrun"))
        // Executors run in the interpreter of the test.
        .env_remove("VIRTUAL_ENV")
        .output()
        .unwrap();
    let stderr = text(&output.stderr);
    assert!(
        output.status.success() && stderr.contains("\nOK") && !stderr.contains("Ran 0 tests"),
        "{}\n{stderr}",
        text(&output.stdout)
    );
}

#[test]
fn the_python_package_passes_its_unit_tests() {
    run_unit_tests(Path::new("python3"));
}

#[test]
fn the_python_package_passes_its_unit_tests_with_numpy_and_docarray_before_0_30() {
    if let Some(environment) = environment("v1") {
        run_unit_tests(&environment.join("bin/python"));
    }
}

#[test]
fn the_python_package_passes_its_unit_tests_with_docarray_from_0_30_on() {
    if let Some(environment) = environment("v2") {
        run_unit_tests(&environment.join("bin/python"));
    }
}
