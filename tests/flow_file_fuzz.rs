//! Fuzzer of flow files: from YAML to the topology.

use std::path::{Path, PathBuf};

use flowrun::diagnostic::{Format, Report, Sources, render};
use flowrun::spec::keys::SECTIONS;
use flowrun::yaml::Environment;
use flowrun_fuzz::Target;

use crate::support::{catalog, scratch};

/// Longest seed in bytes.
const SEED_BYTES_MAX: usize = 4 << 10;

/// Flow files of the tree.
fn seeds() -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for pattern in ["flows", "flows/text", "flows/flower"] {
        paths.extend(std::fs::read_dir(pattern).unwrap().map(|entry| entry.unwrap().path()));
    }
    let golden = std::fs::read_dir("tests/golden").unwrap().map(|entry| entry.unwrap().path());
    paths.extend(golden.filter(|path| !path.join("setup").exists()).map(|path| path.join("flow.yml")));
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "yml") && path.exists());
    paths.sort();
    let contents = paths.iter().map(|path| std::fs::read(path).unwrap());
    contents.filter(|content| content.len() <= SEED_BYTES_MAX).collect()
}

/// Reads a flow file. Returns the code of the first diagnostic.
fn read(path: &Path, catalog: &flowrun_sdk::Catalog) -> String {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let read = flowrun::read(path, &Environment::default(), catalog, &mut sources, &mut report);
    let diagnostics = render(&report, &sources, Format::Human, false);
    assert!(read.is_some() || report.has_errors(), "a flow that cannot be read has a diagnostic");
    diagnostics.lines().next().unwrap_or("no diagnostic").to_owned()
}

#[test]
fn any_flow_file_is_planned_or_reported_within_its_budget() {
    let directory = scratch();
    let (path, catalog) = (directory.path().join("flow.yml"), catalog());
    let words = SECTIONS.iter().flat_map(|section| section.spellings()).chain([
        "*a",
        "&a ",
        "<<: *a",
        "${{ root.a }}",
        "${X}",
        "!Flow",
        "!!int ",
        "|\n",
        "? ",
        "- ",
        ": ",
        "{",
        "[",
        "jtype: Flow\n",
        "executors:\n",
        "uses: Pass",
        "uses: VectorIndexer",
        "shards: 256",
        "needs: [a, b]",
    ]);
    let words: Vec<String> = words.map(str::to_owned).collect();
    // Aliases expand to 100,000 nodes, and 256 shards of 256 replicas are planned from a few bytes.
    Target::new("flow-files").seeds(seeds()).words(words).memory(64, 256 << 20).run(|input| {
        std::fs::write(&path, input).unwrap();
        read(&path, &catalog)
    });
}
