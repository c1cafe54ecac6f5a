//! Where a library of ONNX Runtime may be: as the user names it, beside the program, in the user's cache, in the system.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A library that may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// Who names it.
    pub origin: Origin,
}

/// Who names a library.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `ORT_DYLIB_PATH`.
    Environment,
    /// It lies beside the program, or in `lib` there.
    Program,
    /// `flowrun doctor --fix` and `make` put it into the cache.
    Cache,
    /// The system has it.
    System,
}

/// What every library of it is called, up to its version.
const NAME: &str = "libonnxruntime.so";

/// Where systems keep libraries that their loader does not look for by itself.
const SYSTEM_DIRECTORIES: &[&str] =
    &["/usr/local/lib", "/usr/lib", "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/opt/onnxruntime/lib"];

/// Where flowrun keeps what it can make again: `$XDG_CACHE_HOME/flowrun`, or `~/.cache/flowrun`.
#[must_use]
pub fn cache_directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache"))).map(|cache| cache.join("flowrun"))
}

/// Every library that may do, the best first. When the user names one it is the only one.
pub(super) fn candidates() -> Vec<Candidate> {
    if let Some(named) = std::env::var_os("ORT_DYLIB_PATH").filter(|value| !value.is_empty()) {
        let path = within(Path::new(&named)).into_iter().next().unwrap_or_else(|| named.into());
        return vec![Candidate { path, origin: Origin::Environment }];
    }
    let program = std::env::current_exe().ok();
    let beside = program.as_deref().and_then(Path::parent);
    let beside = beside.into_iter().flat_map(|directory| [directory.to_owned(), directory.join("lib")]);
    let cached = cache_directory().map(|cache| directories(&cache, "onnxruntime-")).unwrap_or_default();
    let searched = std::env::var_os("LD_LIBRARY_PATH").unwrap_or_default();
    let system = std::env::split_paths(&searched).chain(SYSTEM_DIRECTORIES.iter().map(PathBuf::from));
    let all = beside.map(|directory| (directory, Origin::Program));
    let all = all.chain(cached.into_iter().map(|directory| (directory, Origin::Cache)));
    let all = all.chain(system.map(|directory| (directory, Origin::System)));
    let found = all.flat_map(|(directory, origin)| {
        within(&directory).into_iter().map(move |path| Candidate { path, origin })
    });
    found.collect()
}

/// The libraries in a directory, the newest first.
pub(super) fn within(directory: &Path) -> Vec<PathBuf> {
    newest_first(directory, |name| {
        name.strip_prefix(NAME).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The directories in a directory whose names begin so, the newest first.
fn directories(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    newest_first(directory, |name| name.starts_with(prefix))
}

/// What is in a directory under such names, by the numbers in them.
fn newest_first(directory: &Path, is_one: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_str().is_some_and(&is_one))
        .map(|entry| entry.path())
        .collect();
    paths.sort_by_cached_key(|path| std::cmp::Reverse(numbers(path.file_name().unwrap_or_default())));
    paths
}

/// The numbers in a name, so that 1.31 is newer than 1.9.
fn numbers(name: &OsStr) -> Vec<u32> {
    let name = name.to_string_lossy();
    name.split(|letter: char| !letter.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_library_of_a_directory_comes_first_and_others_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        for name in
            ["libonnxruntime.so.1.9.0", "libonnxruntime.so.1.31.1", "libonnxruntime_providers_shared.so", "x"]
        {
            std::fs::write(directory.path().join(name), "").unwrap();
        }
        let found = within(directory.path());
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["libonnxruntime.so.1.31.1", "libonnxruntime.so.1.9.0"]);
        assert!(within(Path::new("/no/such/directory")).is_empty());
    }
}
