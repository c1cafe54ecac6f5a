//! Which Python an executor runs in.

use std::path::{Path, PathBuf};

/// The interpreter that `python` says, a path from `directory` or a name; where it says nothing that of the virtual
/// environment that flowrun was started in, else `python3`.
///
/// # Errors
/// Why there is none.
pub(super) fn interpreter(python: Option<&str>, directory: &Path) -> Result<PathBuf, String> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let environment = variable("VIRTUAL_ENV").map(PathBuf::from);
    let search: Vec<PathBuf> =
        variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    chosen(python, directory, environment.as_deref(), &search)
}

/// The interpreter of executors that say nothing.
///
/// # Errors
/// Why there is none.
pub fn default_interpreter() -> Result<PathBuf, String> {
    interpreter(None, Path::new("."))
}

fn chosen(
    python: Option<&str>,
    directory: &Path,
    environment: Option<&Path>,
    search: &[PathBuf],
) -> Result<PathBuf, String> {
    let named = |name: &str| search.iter().map(|place| place.join(name)).find(|file| file.is_file());
    match (python, environment) {
        (Some(python), _) => {
            let path = directory.join(python);
            let interpreter = path.join("bin/python");
            if interpreter.is_file() {
                return Ok(interpreter);
            }
            let is_path = python.contains('/');
            let found = if is_path { Some(path).filter(|path| path.is_file()) } else { named(python) };
            found.ok_or_else(|| {
                format!("there is no Python at `{python}`: write an interpreter, or the directory of its environment")
            })
        }
        (None, Some(environment)) => {
            let interpreter = environment.join("bin/python");
            match interpreter.is_file() {
                true => Ok(interpreter),
                false => {
                    Err(format!("`$VIRTUAL_ENV` is {}, where there is no Python", environment.display()))
                }
            }
        }
        (None, None) => named("python3").ok_or_else(|| {
            "there is no `python3` on the search path: install it, or write `python: PATH` at the pod"
                .to_owned()
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flow_says_which_python_and_then_the_environment() {
        let directory = tempfile::tempdir().unwrap();
        let at = |path: &str| directory.path().join(path);
        for file in ["venv/bin/python", "other/bin/python", "usr/python3", "usr/pypy3"] {
            std::fs::create_dir_all(at(file).parent().unwrap()).unwrap();
            std::fs::write(at(file), "").unwrap();
        }
        let search = [at("nowhere"), at("usr")];
        let choose =
            |python, environment: Option<&Path>| chosen(python, directory.path(), environment, &search);
        let other = at("other");
        for (python, environment, expected) in [
            (None, None, "usr/python3"),
            (None, Some(other.as_path()), "other/bin/python"),
            (Some("venv"), Some(other.as_path()), "venv/bin/python"),
            (Some("./venv/bin/python"), None, "./venv/bin/python"),
            (Some("pypy3"), Some(other.as_path()), "usr/pypy3"),
        ] {
            assert_eq!(choose(python, environment), Ok(at(expected)), "{python:?}");
        }
        assert!(choose(Some("python9"), None).unwrap_err().contains("`python9`"));
        assert!(choose(None, Some(&at("gone"))).unwrap_err().contains("`$VIRTUAL_ENV`"));
        assert!(chosen(None, directory.path(), None, &[]).unwrap_err().contains("python: PATH"));
    }
}
