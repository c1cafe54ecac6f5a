//! The house keeps its shape: data moves forward, no stage imports a later one, and no file outgrows its reader.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The stages from the last to the first: each may use those behind it in this list, none before it.
const STAGES: [&str; 11] = [
    "cli",
    "client",
    "gateway",
    "job",
    "runtime",
    "topology",
    "graph",
    "spec",
    "yaml",
    "diagnostic",
    "limits",
];

/// Lines of a file at the most, its tests included.
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

/// The names that follow `prefix` in the code of a file; braces after the prefix are opened.
fn names_after(prefix: &str, text: &str) -> BTreeSet<String> {
    let code =
        text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let identifier = |text: &str| -> String {
        text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
    };
    let mut names = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        let behind = &code[at + prefix.len()..];
        match behind.strip_prefix('{') {
            Some(list) => {
                names.extend(list[..list.find(';').unwrap_or(list.len())].split(',').map(identifier))
            }
            None => {
                names.insert(identifier(behind));
            }
        }
    }
    names
}

#[test]
fn no_stage_imports_a_later_one() {
    for (rank, stage) in STAGES.iter().enumerate() {
        let directory = Path::new("src").join(stage);
        let files =
            if directory.is_dir() { sources(&directory) } else { vec![directory.with_extension("rs")] };
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for name in names_after("crate::", &text) {
                let other = STAGES.iter().position(|stage| *stage == name);
                assert!(other.is_none_or(|other| other >= rank), "{} imports `{name}`", file.display());
            }
        }
    }
}

#[test]
fn one_place_names_the_families_and_executors_see_the_sdk_alone() {
    let families: Vec<String> = std::fs::read_dir("executors")
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|family| !["sdk", "sdk-macros", "examples"].contains(&family.as_str()))
        .collect();
    for file in sources(Path::new("src")).iter().filter(|file| !file.ends_with("catalog.rs")) {
        let text = std::fs::read_to_string(file).unwrap();
        for family in &families {
            assert!(!text.contains(&format!("flowrun_{family}")), "{} names `{family}`", file.display());
        }
    }
    for family in families {
        let manifest = std::fs::read_to_string(format!("executors/{family}/Cargo.toml")).unwrap();
        let ours: Vec<&str> = manifest.lines().filter(|line| line.starts_with("flowrun")).collect();
        assert!(ours.iter().all(|name| name.starts_with("flowrun-sdk")), "{family}: {ours:?}");
    }
}

#[test]
fn no_file_outgrows_its_reader() {
    let files = ["src", "executors", "tests"].iter().flat_map(|directory| sources(Path::new(directory)));
    let mut lengths: Vec<(usize, PathBuf)> =
        files.map(|file| (std::fs::read_to_string(&file).unwrap().lines().count(), file)).collect();
    lengths.sort();
    let (longest, file) = lengths.last().unwrap();
    assert!(*longest <= LINES_MAX, "{} has {longest} lines", file.display());
    let (median, _) = &lengths[lengths.len() / 2];
    assert!(*median <= 150, "the median file has {median} lines");
}

#[test]
fn every_module_opens_with_what_it_is() {
    for file in ["src", "executors", "tests"].iter().flat_map(|directory| sources(Path::new(directory))) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//! "), "{} says nothing of itself", file.display());
    }
}
