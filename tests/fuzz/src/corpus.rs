//! Inputs to mutate, and the files of a target.

use std::path::{Path, PathBuf};

use crate::random::Random;

/// Maximum number of inputs in a corpus.
const INPUTS_MAX: usize = 2_000;

/// Files of a target: seeds that are kept in the tree, and findings of this machine.
pub(crate) struct Files {
    seeds: PathBuf,
    findings: PathBuf,
}

impl Files {
    pub(crate) fn of(name: &str) -> Self {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = package.ancestors().nth(2).unwrap_or(package);
        let findings = root.join("target/fuzz").join(name);
        // Without the directory, findings are only printed.
        let _ = std::fs::create_dir_all(&findings);
        Self { seeds: package.join("seeds").join(name), findings }
    }

    /// Contents of all files.
    pub(crate) fn inputs(&self) -> Vec<Vec<u8>> {
        let entries =
            [&self.seeds, &self.findings].into_iter().filter_map(|path| std::fs::read_dir(path).ok());
        let mut paths: Vec<PathBuf> =
            entries.flatten().filter_map(Result::ok).map(|entry| entry.path()).collect();
        paths.sort();
        paths.iter().filter_map(|path| read(path)).collect()
    }

    /// Writes the input that is about to be tried; it remains if the process ends.
    pub(crate) fn write_current(&self, input: &[u8]) {
        let _ = std::fs::write(self.findings.join("current"), input);
    }

    /// Removes the input that [`Files::write_current`] wrote last.
    pub(crate) fn remove_current(&self) {
        let _ = std::fs::remove_file(self.findings.join("current"));
    }

    /// Writes a finding. Returns its path.
    pub(crate) fn write_finding(&self, input: &[u8]) -> PathBuf {
        let path = self.findings.join(format!("{:016x}", xxhash_rust::xxh3::xxh3_64(input)));
        let _ = std::fs::write(&path, input);
        path
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path).ok()?.read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Inputs to mutate. When there are [`INPUTS_MAX`], the next one replaces a random one.
#[derive(Default)]
pub(crate) struct Corpus(Vec<Vec<u8>>);

impl Corpus {
    pub(crate) fn add(&mut self, random: &mut Random, input: Vec<u8>) {
        if self.0.len() >= INPUTS_MAX {
            let replaced = random.below(self.0.len());
            self.0.swap_remove(replaced);
        }
        self.0.push(input);
    }

    /// A random input; empty if there is none.
    pub(crate) fn choose(&self, random: &mut Random) -> &[u8] {
        self.0.get(random.below(self.0.len())).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
