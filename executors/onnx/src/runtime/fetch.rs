//! Downloads ONNX Runtime: extracts the library from its Python wheel, which pip fetches, pinned by version and hash.
//!
//! The library is moved into the user's cache atomically, so that concurrent starts see the complete library or none.
//! Nothing of the wheel is installed or executed.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun_sdk::cache_directory;

use super::search::libraries_in;

/// The wheel as a pip requirement with its hash.
const REQUIREMENT: &str = include_str!("../../onnxruntime.txt");

/// pip arguments that select a wheel independent of the local Python, because the library does not depend on Python.
const WHEEL: [&str; 8] = [
    "--python-version",
    "3.11",
    "--implementation",
    "cp",
    "--abi",
    "cp311",
    "--platform",
    "manylinux_2_28_x86_64",
];

/// An error of downloading ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No wheel is available for this platform.
    #[error(
        "no prebuilt ONNX Runtime exists for this processor: build one and set ORT_DYLIB_PATH to its libonnxruntime.so"
    )]
    Processor,
    /// Neither `HOME` nor `XDG_CACHE_HOME` is set.
    #[error("no cache directory: set HOME or XDG_CACHE_HOME")]
    NoCache,
    /// A file operation in the cache directory failed.
    #[error("a file operation in flowrun's cache directory failed: {0}")]
    Io(#[from] std::io::Error),
    /// Python or pip could not be started, or failed.
    #[error("`{program}` failed: {reason}")]
    Program {
        /// The program.
        program: String,
        /// Last line of its standard error, or the reason why it could not be started.
        reason: String,
    },
    /// The wheel does not contain the library.
    #[error("the wheel contains no libonnxruntime.so")]
    Empty,
}

/// Version of ONNX Runtime that [`fetch`] downloads.
#[must_use]
pub fn version() -> &'static str {
    let pin = REQUIREMENT.lines().find_map(|line| line.strip_prefix("onnxruntime=="));
    pin.and_then(|pin| pin.split_whitespace().next()).unwrap_or_default()
}

/// Downloads the library into the cache, unless it is there already, and returns its path.
///
/// # Errors
/// [`FetchError`].
pub fn fetch() -> Result<PathBuf, FetchError> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Err(FetchError::Processor);
    }
    let cache = cache_directory().ok_or(FetchError::NoCache)?;
    let directory = cache.join(format!("onnxruntime-{}", version()));
    if let Some(library) = libraries_in(&directory).into_iter().next() {
        return Ok(library);
    }
    std::fs::create_dir_all(&cache)?;
    let working = tempfile::Builder::new().prefix(".fetching-").tempdir_in(&cache)?;
    let wheel = downloaded(working.path())?;
    let unpacked = working.path().join("unpacked");
    run(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    let libraries = libraries_in(&unpacked.join("onnxruntime/capi"));
    let library = libraries.first().ok_or(FetchError::Empty)?;
    let whole = working.path().join("whole");
    std::fs::create_dir(&whole)?;
    std::fs::rename(library, whole.join(library.file_name().unwrap_or_default()))?;
    // If a concurrent download was faster, its directory is used.
    let renamed = std::fs::rename(&whole, &directory);
    libraries_in(&directory)
        .into_iter()
        .next()
        .ok_or_else(|| renamed.err().map_or(FetchError::Empty, FetchError::Io))
}

/// Downloads the wheel with pip, which checks its hash.
fn downloaded(working: &Path) -> Result<PathBuf, FetchError> {
    let requirement = working.join("requirement.txt");
    std::fs::write(&requirement, REQUIREMENT)?;
    let wheels = working.join("wheels");
    let mut pip = pip(working)?;
    pip.args(["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    pip.args(["--only-binary", ":all:"])
        .args(WHEEL)
        .arg("--dest")
        .arg(&wheels)
        .arg("--requirement")
        .arg(&requirement);
    run(&mut pip)?;
    let files = std::fs::read_dir(&wheels)?.flatten().map(|entry| entry.path());
    files.into_iter().find(|path| path.extension() == Some(OsStr::new("whl"))).ok_or(FetchError::Empty)
}

/// The system's pip, or that of a temporary virtual environment if the system has none.
fn pip(working: &Path) -> Result<Command, FetchError> {
    if run(Command::new("python3").args(["-m", "pip", "--version"])).is_ok() {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip"]);
        return Ok(pip);
    }
    let environment = working.join("python");
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    Ok(Command::new(environment.join("bin/pip")))
}

fn run(command: &mut Command) -> Result<(), FetchError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| FetchError::Program { program: program.clone(), reason: error.to_string() })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it printed no error")
        .trim()
        .to_owned();
    Err(FetchError::Program { program, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_version_is_supported_and_has_a_hash() {
        let minor = version().split('.').nth(1).unwrap().parse::<u32>().unwrap();
        assert!(minor >= super::super::MINOR_VERSION_MIN);
        assert!(REQUIREMENT.contains("--hash=sha256:"));
    }

    #[test]
    fn errors_contain_the_standard_error_of_the_program() {
        let error = run(Command::new("sh").args(["-c", "echo why >&2; exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh` failed: why");
        assert!(
            run(&mut Command::new("/no/such/program"))
                .unwrap_err()
                .to_string()
                .contains("`/no/such/program` failed")
        );
    }
}
