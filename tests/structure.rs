//! Architecture tests: the direction of imports, the users of executor crates, the size of files, and forgotten steps of
//! additions: modules that are not declared, settings without effect, executors without tests.
//!
//! They read the sources as text and know no Rust syntax beyond comments, paths and fields. The language of comments is checked
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

/// Files of a directory that declare its modules, the last one for a directory with a module file next to it.
fn module_parents(directory: &Path) -> Vec<PathBuf> {
    let inside = ["lib.rs", "main.rs", "mod.rs"].map(|name| directory.join(name));
    inside.into_iter().chain([directory.with_extension("rs")]).filter(|file| file.is_file()).collect()
}

#[test]
fn every_source_file_is_a_module_of_its_crate() {
    for file in all_sources() {
        let (directory, name) = (file.parent().unwrap(), file.file_stem().unwrap().to_str().unwrap());
        let (directory, name) = match name {
            "lib" | "main" => continue,
            "mod" => (directory.parent().unwrap(), directory.file_name().unwrap().to_str().unwrap()),
            _ => (directory, name),
        };
        // Without such a file, it is the root of a test or an example, which Cargo finds.
        let parents = module_parents(directory);
        let declares = |parent: &PathBuf| {
            let text = std::fs::read_to_string(parent).unwrap();
            text.contains(&format!("mod {name};")) || text.contains(&format!("\"{name}.rs\""))
        };
        assert!(
            parents.is_empty() || parents.iter().any(declares),
            "{} is not compiled: add `mod {name};` to {}",
            file.display(),
            parents[0].display()
        );
    }
}

/// Structs whose fields are settings of a flow, and their files.
const SETTINGS: [(&str, &str); 4] = [
    ("Topology", "src/topology/mod.rs"),
    ("PodPlan", "src/topology/pod_plan.rs"),
    ("JobPlan", "src/topology/mod.rs"),
    ("GatewaySpec", "src/spec/gateway.rs"),
];

/// Directories that use settings, and files of them that only fill or compare plans.
const SETTING_USERS: [&str; 5] = ["src/topology", "src/runtime", "src/job", "src/gateway", "src/cli"];
const PLANNERS: [&str; 6] = ["mod.rs", "plan.rs", "pod_plan.rs", "diff.rs", "resolve.rs", "describe.rs"];

#[test]
fn every_setting_of_a_flow_is_used() {
    let is_planner =
        |file: &PathBuf| PLANNERS.iter().any(|name| *file == Path::new("src/topology").join(name));
    let users = SETTING_USERS.iter().flat_map(|directory| sources(Path::new(directory)));
    let used: BTreeSet<String> = users
        .filter(|file| !is_planner(file))
        .flat_map(|file| names_after(".", &std::fs::read_to_string(file).unwrap()))
        .collect();
    for (name, file) in SETTINGS {
        let text = std::fs::read_to_string(file).unwrap();
        let (_, fields) = text.split_once(&format!("pub struct {name} {{\n")).unwrap();
        let (fields, _) = fields.split_once("\n}").unwrap();
        for field in fields.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':')) {
            assert!(
                used.contains(field.0),
                "`{name}::{}` has no effect: no code outside of the planning reads it",
                field.0
            );
        }
    }
}

/// Built-in executors that tests reach by other names.
const OTHERWISE_TESTED: [&str; 3] = [
    // The type of `BasePbIndexer`.
    "ChunkPbIndexer",
    // Of `isolate: process`, and of Python classes.
    "IsolatedExecutor",
    "PythonExecutor",
];

/// Text of the tests of a file: all of it below `tests`, otherwise its module `tests`.
fn tests_in(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    if file.components().any(|component| component.as_os_str() == "tests") || file.ends_with("tests.rs") {
        return text;
    }
    text.split_once("#[cfg(test)]").map(|(_, tests)| tests.to_owned()).unwrap_or_default()
}

#[test]
fn every_built_in_executor_is_named_in_a_test() {
    // The table of sample parameters names executors that it does not test.
    let files = all_sources().into_iter().filter(|file| !file.ends_with("tests/topology.rs"));
    let words: BTreeSet<String> = files
        .flat_map(|file| {
            let text = tests_in(&file);
            let words = text.split(|letter: char| !letter.is_alphanumeric());
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    for name in flowrun::catalog::built_in().types().map(|executor_type| executor_type.name) {
        assert!(
            words.contains(name) || OTHERWISE_TESTED.contains(&name),
            "no test names `{name}`: test it in `tests/` of its crate"
        );
    }
}
