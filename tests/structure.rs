//! Architecture tests: the direction of imports, the users of executor crates, and the size of files.
//!
//! They read the sources as text and know no Rust syntax beyond comments and paths. The language of comments is checked
//! elsewhere.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Top-level modules from the last stage to the first: a module may import those after it in this list.
const STAGES: [&str; 13] = [
    "cli",
    "catalog",
    "client",
    "gateway",
    "job",
    "runtime",
    "topology",
    "graph",
    "spec",
    "yaml",
    "routes",
    "diagnostic",
    "limits",
];

/// Directories and files of `src` that may name executor crates, and the names of these crates; an empty list allows all.
const EXECUTOR_CRATE_USERS: [(&str, &[&str]); 5] = [
    // The command line composes the program, the catalog lists the executor types.
    ("src/cli", &[]),
    ("src/catalog.rs", &[]),
    ("src/catalog", &[]),
    // The gRPC client channel is shared with remote executors.
    ("src/client", &["remote"]),
    ("src/gateway/traces", &["remote"]),
];

/// Maximum number of lines of a file, including its tests.
const LINES_MAX: usize = 400;

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn all_sources() -> Vec<PathBuf> {
    ["src", "executors", "tests"].iter().flat_map(|directory| sources(Path::new(directory))).collect()
}

/// Identifiers that follow `prefix` in the code of a file, including those in braces after the prefix.
fn names_after(prefix: &str, text: &str) -> BTreeSet<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let identifier = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let mut names = BTreeSet::new();
    for (position, _) in code.match_indices(prefix) {
        let rest = &code[position + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(list) => {
                names.extend(list[..list.find(';').unwrap_or(list.len())].split(',').map(identifier))
            }
            None => {
                names.insert(identifier(rest));
            }
        }
    }
    names
}

/// Names of the executor crates without the prefix `flowrun-`.
fn executor_crates() -> Vec<String> {
    std::fs::read_dir("executors")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["sdk", "sdk-macros", "wire", "examples"].contains(&name.as_str()))
        .collect()
}

#[test]
fn no_stage_imports_a_later_one() {
    for (rank, stage) in STAGES.iter().enumerate() {
        let directory = Path::new("src").join(stage);
        let mut files = if directory.is_dir() { sources(&directory) } else { Vec::new() };
        files.extend(Some(directory.with_extension("rs")).filter(|file| file.is_file()));
        assert!(!files.is_empty(), "{stage} is not a module");
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for name in names_after("crate::", &text) {
                let imported = STAGES.iter().position(|stage| *stage == name);
                assert!(
                    imported.is_none_or(|imported| imported >= rank),
                    "{} imports `{name}`",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn only_the_command_line_and_the_catalog_name_executor_crates() {
    let crates = executor_crates();
    for file in sources(Path::new("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        let user = EXECUTOR_CRATE_USERS.iter().find(|(path, _)| file.starts_with(path));
        let allowed = |name: &str| user.is_some_and(|(_, names)| names.is_empty() || names.contains(&name));
        for name in crates.iter().filter(|name| !allowed(name)) {
            assert!(!text.contains(&format!("flowrun_{name}")), "{} names `{name}`", file.display());
        }
    }
}

#[test]
fn executor_crates_depend_on_the_sdk_and_not_on_each_other() {
    for name in executor_crates().into_iter().chain(["wire".to_owned()]) {
        let manifest = std::fs::read_to_string(format!("executors/{name}/Cargo.toml")).unwrap();
        let ours = manifest.lines().filter(|line| line.starts_with("flowrun"));
        // Tests of every crate may be fuzzers.
        let ours: Vec<&str> = ours.filter(|line| !line.starts_with("flowrun-fuzz")).collect();
        // Only executors in other processes exchange messages.
        let may_use_wire = ["process", "remote"].contains(&name.as_str());
        let is_allowed = |line: &&str| {
            line.starts_with("flowrun-sdk") || (may_use_wire && line.starts_with("flowrun-wire"))
        };
        assert!(ours.iter().all(is_allowed), "{name}: {ours:?}");
    }
}

#[test]
fn no_file_exceeds_the_maximum_length() {
    let mut lengths: Vec<(usize, PathBuf)> = all_sources()
        .into_iter()
        .map(|file| (std::fs::read_to_string(&file).unwrap().lines().count(), file))
        .collect();
    lengths.sort();
    let (longest, file) = lengths.last().unwrap();
    assert!(*longest <= LINES_MAX, "{} has {longest} lines", file.display());
    let (median, _) = &lengths[lengths.len() / 2];
    assert!(*median <= 150, "the median file has {median} lines");
}

#[test]
fn every_module_begins_with_a_module_comment() {
    for file in all_sources() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} has no module comment", file.display());
    }
}
