//! Selection of the Python interpreter of an executor.

use std::path::{Path, PathBuf};

/// Selects an interpreter. `python` is a path relative to `directory` (an interpreter, or the directory of a virtual
/// environment) or a name on the search path. Without it: the virtual environment in `$VIRTUAL_ENV`, otherwise `python3`
/// on the search path.
///
/// # Errors
/// If there is no such interpreter; the message names the remedy.
pub(super) fn find_interpreter(python: Option<&str>, directory: &Path) -> Result<PathBuf, String> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let environment = variable("VIRTUAL_ENV").map(PathBuf::from);
    let search: Vec<PathBuf> =
        variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    select(python, directory, environment.as_deref(), &search)
}

/// Returns the interpreter of executors without the key `python`.
///
/// # Errors
/// If there is none; the message names the remedy.
pub fn default_interpreter() -> Result<PathBuf, String> {
    find_interpreter(None, Path::new("."))
}

fn select(
    python: Option<&str>,
    directory: &Path,
    environment: Option<&Path>,
    search: &[PathBuf],
) -> Result<PathBuf, String> {
    let on_search_path = |name: &str| search.iter().map(|entry| entry.join(name)).find(|file| file.is_file());
    match (python, environment) {
        (Some(python), _) => {
            let path = directory.join(python);
            let interpreter = path.join("bin/python");
            if interpreter.is_file() {
                return Ok(interpreter);
            }
            let is_path = python.contains('/');
            let found =
                if is_path { Some(path).filter(|path| path.is_file()) } else { on_search_path(python) };
            found.ok_or_else(|| {
                format!("there is no Python at `{python}`: set `python` to an interpreter or to the directory of a virtual environment")
            })
        }
        (None, Some(environment)) => {
            let interpreter = environment.join("bin/python");
            match interpreter.is_file() {
                true => Ok(interpreter),
                false => {
                    Err(format!("`$VIRTUAL_ENV` is {}, which contains no Python", environment.display()))
                }
            }
        }
        (None, None) => on_search_path("python3").ok_or_else(|| {
            "there is no `python3` on the search path: install it, or set `python: PATH` on the pod"
                .to_owned()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_python_has_precedence_over_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let path_of = |path: &str| directory.path().join(path);
        for file in ["venv/bin/python", "other/bin/python", "usr/python3", "usr/pypy3"] {
            std::fs::create_dir_all(path_of(file).parent().unwrap()).unwrap();
            std::fs::write(path_of(file), "").unwrap();
        }
        let search = [path_of("nowhere"), path_of("usr")];
        let select_with =
            |python, environment: Option<&Path>| select(python, directory.path(), environment, &search);
        let other = path_of("other");
        for (python, environment, expected) in [
            (None, None, "usr/python3"),
            (None, Some(other.as_path()), "other/bin/python"),
            (Some("venv"), Some(other.as_path()), "venv/bin/python"),
            (Some("./venv/bin/python"), None, "./venv/bin/python"),
            (Some("pypy3"), Some(other.as_path()), "usr/pypy3"),
        ] {
            assert_eq!(select_with(python, environment), Ok(path_of(expected)), "{python:?}");
        }
        assert!(select_with(Some("python9"), None).unwrap_err().contains("`python9`"));
        assert!(select_with(None, Some(&path_of("gone"))).unwrap_err().contains("`$VIRTUAL_ENV`"));
        assert!(select(None, directory.path(), None, &[]).unwrap_err().contains("python: PATH"));
    }
}
