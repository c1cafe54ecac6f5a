//! Files that match a glob pattern.
//!
//! The crate `glob` matches the names; this module walks the directories itself, because that crate's own walk panics at
//! names that are not UTF-8. Such names are matched with U+FFFD for their invalid bytes, and returned as they are.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use ::glob::{MatchOptions, Pattern};

/// A step of a pattern.
enum Step<'a> {
    /// A name without wildcards, or the start of the path.
    Literal(&'a OsStr),
    /// A name with wildcards.
    Name(Pattern),
    /// `**`: any number of directories.
    Directories,
}

/// Hidden files match only a pattern that begins with a dot.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: false,
    require_literal_leading_dot: true,
};

/// The files that match `pattern`, sorted by path; at most `max`.
///
/// Directories that cannot be read are skipped.
///
/// # Errors
/// Description of a syntax error in the pattern.
pub(super) fn files(pattern: &Path, max: usize) -> Result<Vec<PathBuf>, &'static str> {
    let steps = pattern.components().map(step).collect::<Result<Vec<_>, _>>()?;
    let mut walk = Walk { found: Vec::new(), max };
    walk.follow(PathBuf::new(), &steps);
    walk.found.sort_unstable();
    walk.found.dedup();
    Ok(walk.found)
}

fn step(component: Component<'_>) -> Result<Step<'_>, &'static str> {
    let name = component.as_os_str();
    let text = name.to_string_lossy();
    if text == "**" {
        return Ok(Step::Directories);
    }
    match matches!(component, Component::Normal(_)) && text.contains(['*', '?', '[']) {
        true => Pattern::new(&text).map(Step::Name).map_err(|error| error.msg),
        false => Ok(Step::Literal(name)),
    }
}

/// A walk through the directories that a pattern can match.
struct Walk {
    found: Vec<PathBuf>,
    max: usize,
}

impl Walk {
    /// Adds the files below `path` that match the remaining steps.
    fn follow(&mut self, path: PathBuf, steps: &[Step<'_>]) {
        if self.found.len() >= self.max {
            return;
        }
        match steps {
            [] if path.is_file() => self.found.push(path),
            [] => {}
            [Step::Literal(name), rest @ ..] => self.follow(path.join(name), rest),
            [Step::Name(pattern), rest @ ..] => {
                for (name, _) in entries(&path) {
                    if pattern.matches_with(&name.to_string_lossy(), OPTIONS) {
                        self.follow(path.join(&name), rest);
                    }
                }
            }
            [Step::Directories, rest @ ..] => {
                // At the end of a pattern, `**` means every file.
                let is_last = rest.is_empty();
                self.follow(path.clone(), rest);
                for (name, is_directory) in entries(&path) {
                    let is_hidden = name.to_string_lossy().starts_with('.');
                    if is_directory && !is_hidden {
                        self.follow(path.join(&name), steps);
                    } else if is_last && !is_hidden {
                        self.follow(path.join(&name), rest);
                    }
                }
            }
        }
    }
}

/// Names in a directory, each with `true` if it is a directory. Symbolic links do not count as directories, because they may
/// form a cycle.
fn entries(directory: &Path) -> Vec<(std::ffi::OsString, bool)> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    let entry = |entry: std::fs::DirEntry| {
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        (entry.file_name(), is_directory)
    };
    entries.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_files_that_the_crate_matches() {
        let root = tempfile::tempdir().unwrap();
        for path in ["a.txt", "b.txt", "c.gif", ".h.txt", "d/a.txt", "d/e/a.txt", "d/e/[x].txt", ".i/a.txt"] {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        for pattern in [
            "*.txt",
            "?.txt",
            "[ab].txt",
            "[!a].*",
            "**/*.txt",
            "**/e/*",
            "d/**/a.txt",
            "*/*.txt",
            "d/e/[[]x].txt",
            "d/../*.gif",
            "**/**/a.txt",
            "none/*",
            "a.txt/*",
        ] {
            let pattern = root.path().join(pattern);
            let expected = ::glob::glob_with(pattern.to_str().unwrap(), OPTIONS).unwrap();
            let mut expected: Vec<PathBuf> =
                expected.filter_map(Result::ok).filter(|path| path.is_file()).collect();
            expected.dedup();
            assert_eq!(files(&pattern, 99).unwrap(), expected, "{}", pattern.display());
        }
        assert_eq!(files(&root.path().join("d/**"), 99).unwrap().len(), 3);
        assert_eq!(files(&root.path().join("**/*"), 2).unwrap().len(), 2);
    }
}
