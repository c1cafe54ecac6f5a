//! Searches for libraries of ONNX Runtime: the user's choice, the program's directory, the cache, the system.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use flowrun_sdk::cache_directory;

/// A library that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Path of the file.
    pub path: PathBuf,
    /// Source of the path.
    pub origin: Origin,
}

/// Source of a library's path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `ORT_DYLIB_PATH`.
    Environment,
    /// The program's directory, or `lib` in it.
    Program,
    /// The cache, where `flowrun doctor --fix` and `make` install it.
    Cache,
    /// A directory of the system.
    System,
}

/// File name of the library, without its version.
const NAME: &str = "libonnxruntime.so";

/// System directories that are searched in addition to those of the loader.
const SYSTEM_DIRECTORIES: &[&str] =
    &["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/opt/onnxruntime/lib"];

/// All candidates by precedence. If `ORT_DYLIB_PATH` names a library, it is the only candidate, even if it does not exist.
pub(super) fn candidates() -> Vec<Candidate> {
    if let Some(named) = std::env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty()) {
        let path = libraries_in(Path::new(&named)).into_iter().next().unwrap_or_else(|| named.into());
        return vec![Candidate { path, origin: Origin::Environment }];
    }
    let program = std::env::current_exe().ok();
    let own = program.as_deref().and_then(Path::parent);
    let own = own.into_iter().flat_map(|directory| [directory.to_owned(), directory.join("lib")]);
    let cached = cache_directory().map(|cache| directories(&cache, "onnxruntime-")).unwrap_or_default();
    let searched = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let system = std::env::split_paths(&searched).chain(SYSTEM_DIRECTORIES.iter().map(PathBuf::from));
    let all = own.map(|directory| (directory, Origin::Program));
    let all = all.chain(cached.into_iter().map(|directory| (directory, Origin::Cache)));
    let all = all.chain(system.map(|directory| (directory, Origin::System)));
    let found = all.flat_map(|(directory, origin)| {
        libraries_in(&directory).into_iter().map(move |path| Candidate { path, origin })
    });
    found.collect()
}

/// Libraries in a directory, newest version first.
pub(super) fn libraries_in(directory: &Path) -> Vec<PathBuf> {
    newest_first(directory, |name| {
        name.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Subdirectories whose names begin with `prefix`, newest version first.
fn directories(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    newest_first(directory, |name| name.starts_with(prefix))
}

/// Entries of a directory that match `is_one`, sorted by the version numbers in their names, highest first.
fn newest_first(directory: &Path, is_one: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_one))
        .map(|entry| entry.path())
        .collect();
    paths.sort_by_cached_key(|path| std::cmp::Reverse(numbers(path.file_name().unwrap_or_default())));
    paths
}

/// Numbers in a name, for comparison: 1.31 is newer than 1.9.
fn numbers(name: &OsStr) -> Vec<u32> {
    let name = name.to_string_lossy();
    name.split(|letter: char| !letter.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_sorted_by_version_and_other_files_ignored() {
        let directory = tempfile::tempdir().unwrap();
        for name in
            ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_shared.so", "x"]
        {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found = libraries_in(directory.path());
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["libonnxruntime.so.1.31.1", "libonnxruntime.so.1.9.0"]);
        assert!(libraries_in(Path::new("/no/such/directory")).is_empty());
    }
}
