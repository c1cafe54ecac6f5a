//! Paths to the documents that an executor processes: roots, chunks, matches, chunks of chunks, …

use std::fmt;
use std::str::FromStr;

use crate::Document;
use crate::value_preview::value_preview;

/// One step from a document to its chunks or matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Chunks,
    Matches,
}

/// Maximum number of paths in a list; there are 31 different paths of up to four steps.
pub(crate) const PATHS_MAX: usize = 32;

/// Maximum number of steps in a path.
pub(crate) const STEPS_MAX: usize = 16;

/// A set of paths from the roots of a request to documents in their trees, in docarray's notation: `@r` are the roots, `@c`
/// their chunks, `@m` their matches, `@cm` the matches of their chunks, `@r,c` roots and chunks.
///
/// Paths are distinct, so that no document is visited twice.
///
/// ```
/// use flowrun_sdk::AccessPaths;
///
/// let paths: AccessPaths = "@r,c".parse()?;
/// assert!(paths.include_roots());
/// assert_eq!(paths.below_roots(), Some(AccessPaths::chunks()));
/// # Ok::<(), flowrun_sdk::AccessPathError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPaths(Vec<Vec<Step>>);

impl AccessPaths {
    /// `@r`: the documents of the request.
    #[must_use]
    pub fn roots() -> Self {
        Self(vec![vec![]])
    }

    /// `@c`: the chunks of the roots.
    #[must_use]
    pub fn chunks() -> Self {
        Self(vec![vec![Step::Chunks]])
    }

    /// `@m`: the matches of the roots.
    #[must_use]
    pub fn matches() -> Self {
        Self(vec![vec![Step::Matches]])
    }

    /// Returns `true` if the roots are included.
    pub fn include_roots(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }

    /// Returns the paths without the roots; `None` if only the roots are included.
    #[must_use]
    pub fn below_roots(&self) -> Option<Self> {
        Self::non_empty(self.0.iter().filter(|path| !path.is_empty()).cloned().collect())
    }

    /// Returns the paths to the parents of the chunks in this set. Paths with a step to matches are left out; `None` if no
    /// path remains.
    #[must_use]
    pub fn parents(&self) -> Option<Self> {
        let chunks = self.0.iter().filter(|path| path.iter().all(|step| *step == Step::Chunks));
        Self::non_empty(
            chunks.filter_map(|path| path.split_last()).map(|(_, parents)| parents.to_vec()).collect(),
        )
    }

    fn non_empty(paths: Vec<Vec<Step>>) -> Option<Self> {
        (!paths.is_empty()).then_some(Self(paths))
    }

    /// Calls `action` with every document on the paths from `root`, until one call fails.
    ///
    /// # Errors
    /// The first error of `action`.
    pub fn visit<'a, E>(
        &self,
        root: &'a Document,
        action: &mut dyn FnMut(&'a Document) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.iter().try_for_each(|path| visit(path, root, action))
    }

    /// Calls `action` with every document on the paths from `root` for writing, until one call fails.
    ///
    /// # Errors
    /// The first error of `action`.
    pub fn visit_mut<E>(
        &self,
        root: &mut Document,
        action: &mut dyn FnMut(&mut Document) -> Result<(), E>,
    ) -> Result<(), E> {
        self.0.iter().try_for_each(|path| visit_mut(path, root, action))
    }

    /// Calls `action` with every list of siblings on the paths from `root`, so that it can add and remove documents, until
    /// one call fails. The path `@r` leads to a list that contains only `root`. Returns that list, as `action` changed it.
    ///
    /// # Errors
    /// The first error of `action`.
    pub fn visit_siblings<E>(
        &self,
        root: Document,
        action: &mut dyn FnMut(&mut Vec<Document>) -> Result<(), E>,
    ) -> Result<Vec<Document>, E> {
        let mut roots = vec![root];
        for path in &self.0 {
            match path.split_last() {
                None => action(&mut roots)?,
                Some((last, parents)) => {
                    for root in &mut roots {
                        visit_mut(parents, root, &mut |parent| action(list_mut(*last, parent)))?;
                    }
                }
            }
        }
        Ok(roots)
    }
}

/// Returns the list of a step for writing.
fn list_mut(step: Step, document: &mut Document) -> &mut Vec<Document> {
    match step {
        Step::Chunks => document.chunks.make_mut(),
        Step::Matches => document.matches.make_mut(),
    }
}

fn visit<'a, E>(
    path: &[Step],
    document: &'a Document,
    action: &mut dyn FnMut(&'a Document) -> Result<(), E>,
) -> Result<(), E> {
    let Some((step, rest)) = path.split_first() else { return action(document) };
    let list = match step {
        Step::Chunks => &document.chunks,
        Step::Matches => &document.matches,
    };
    list.iter().try_for_each(|document| visit(rest, document, action))
}

fn visit_mut<E>(
    path: &[Step],
    document: &mut Document,
    action: &mut dyn FnMut(&mut Document) -> Result<(), E>,
) -> Result<(), E> {
    let Some((step, rest)) = path.split_first() else { return action(document) };
    list_mut(*step, document).iter_mut().try_for_each(|document| visit_mut(rest, document, action))
}

/// Reason why a text is not a list of access paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessPathError {
    /// The syntax is wrong. Contains the beginning of the path in backquotes.
    #[error(
        "{0} is not an access path; write `@r` for the documents, `@c` for their chunks, `@m` for their matches"
    )]
    Malformed(String),
    /// A path has more than 16 steps.
    #[error("an access path has more than the {STEPS_MAX} steps allowed")]
    TooManySteps,
    /// There are more than 32 different paths.
    #[error("there are more than the {PATHS_MAX} different access paths allowed")]
    TooManyPaths,
}

impl FromStr for AccessPaths {
    type Err = AccessPathError;

    fn from_str(text: &str) -> Result<Self, AccessPathError> {
        let text = text.trim();
        let mut paths = Vec::new();
        for path in text.strip_prefix('@').unwrap_or(text).split(',') {
            let path = parse_steps(path.trim())?;
            if paths.contains(&path) {
                continue;
            }
            if paths.len() == PATHS_MAX {
                return Err(AccessPathError::TooManyPaths);
            }
            paths.push(path);
        }
        Ok(Self(paths))
    }
}

fn parse_steps(path: &str) -> Result<Vec<Step>, AccessPathError> {
    let malformed = || AccessPathError::Malformed(value_preview(&path.into()));
    let mut steps = Vec::new();
    for (position, letter) in path.char_indices() {
        match letter {
            'r' if position == 0 => continue,
            _ if steps.len() == STEPS_MAX => return Err(AccessPathError::TooManySteps),
            'c' => steps.push(Step::Chunks),
            'm' => steps.push(Step::Matches),
            _ => return Err(malformed()),
        }
    }
    if path.is_empty() { Err(malformed()) } else { Ok(steps) }
}

impl fmt::Display for AccessPaths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("@")?;
        for (position, path) in self.0.iter().enumerate() {
            f.write_str(if position > 0 { "," } else { "" })?;
            f.write_str(if path.is_empty() { "r" } else { "" })?;
            for step in path {
                f.write_str(match step {
                    Step::Chunks => "c",
                    Step::Matches => "m",
                })?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Document {
        let mut chunk = Document::new("a#0");
        chunk.matches = [Document::new("x")].into_iter().collect();
        let mut root = Document::new("a");
        root.chunks = [chunk, Document::new("a#1")].into_iter().collect();
        root.matches = [Document::new("y")].into_iter().collect();
        root
    }

    fn visited(paths: &str) -> Vec<String> {
        let mut ids = Vec::new();
        let paths: AccessPaths = paths.parse().unwrap();
        let root = tree();
        let visit: Result<(), ()> = paths.visit(&root, &mut |document| {
            ids.push(document.id.clone());
            Ok(())
        });
        visit.unwrap();
        let mut again = Vec::new();
        let visit: Result<(), ()> = paths.visit_mut(&mut tree(), &mut |document| {
            again.push(document.id.clone());
            Ok(())
        });
        visit.unwrap();
        assert_eq!(ids, again);
        ids
    }

    #[test]
    fn paths_have_the_meaning_of_docarray() {
        assert_eq!(visited("@r"), ["a"]);
        assert_eq!(visited("@c"), ["a#0", "a#1"]);
        assert_eq!(visited("@rc"), ["a#0", "a#1"]);
        assert_eq!(visited("@cm"), ["x"]);
        assert_eq!(visited("r, m"), ["a", "y"]);
        assert_eq!(visited("@cc"), [""; 0]);
    }

    #[test]
    fn paths_are_split_into_roots_and_others_and_give_their_parents() {
        for (paths, roots, below, parents) in [
            ("@r", true, None, None),
            ("@c", false, Some("@c"), Some("@r")),
            ("@r,m", true, Some("@m"), None),
            ("@c,cc,cm", false, Some("@c,cc,cm"), Some("@r,c")),
            ("@mc", false, Some("@mc"), None),
        ] {
            let paths: AccessPaths = paths.parse().unwrap();
            let text = |paths: Option<AccessPaths>| paths.map(|paths| paths.to_string());
            assert_eq!(paths.include_roots(), roots, "{paths}");
            assert_eq!(text(paths.below_roots()).as_deref(), below, "{paths}");
            assert_eq!(text(paths.parents()).as_deref(), parents, "{paths}");
        }
    }

    #[test]
    fn siblings_can_be_added_at_every_level() {
        let double = |paths: &str| {
            let paths: AccessPaths = paths.parse().unwrap();
            let doubled: Result<Vec<Document>, ()> = paths.visit_siblings(tree(), &mut |siblings| {
                siblings.extend(siblings.clone());
                Ok(())
            });
            doubled.unwrap()
        };
        assert_eq!(double("@r").len(), 2);
        assert_eq!(double("@c")[0].chunks.len(), 4);
        assert_eq!(double("@cm")[0].chunks[0].matches.len(), 2);
    }

    #[test]
    fn duplicate_paths_are_visited_once() {
        assert_eq!(visited("@r,c,r,rc,c"), ["a", "a#0", "a#1"]);
        let many = "r,".repeat(1_000_000) + "r";
        assert_eq!(many.parse::<AccessPaths>().unwrap(), AccessPaths::roots());
    }

    #[test]
    fn too_many_or_too_long_paths_are_rejected() {
        // All paths of five steps.
        let path = |number: usize| -> String {
            (0..5).map(|step| if number >> step & 1 == 0 { 'c' } else { 'm' }).collect()
        };
        let mut paths: Vec<String> = (0..PATHS_MAX).map(path).collect();
        assert!(paths.join(",").parse::<AccessPaths>().is_ok());
        paths.push("r".to_owned());
        assert_eq!(paths.join(",").parse::<AccessPaths>(), Err(AccessPathError::TooManyPaths));
        assert!("c".repeat(STEPS_MAX).parse::<AccessPaths>().is_ok());
        assert!(format!("r{}", "c".repeat(STEPS_MAX)).parse::<AccessPaths>().is_ok());
        let long = "c".repeat(STEPS_MAX + 1);
        assert_eq!(long.parse::<AccessPaths>(), Err(AccessPathError::TooManySteps));
    }

    #[test]
    fn errors_show_the_beginning_of_the_invalid_path() {
        let error = |text: &str| text.parse::<AccessPaths>().unwrap_err().to_string();
        assert!(error("@r,x[0]").starts_with("`\"x[0]\"` is not an access path; "), "{}", error("@r,x[0]"));
        assert!(error(&"x".repeat(1_000_000)).len() < 200);
    }

    #[test]
    fn malformed_paths_are_rejected() {
        for text in ["", "@", "@x", "@c[0]", "@cr", "r,,c"] {
            assert!(text.parse::<AccessPaths>().is_err(), "{text}");
        }
        assert_eq!("@r,cm".parse::<AccessPaths>().unwrap().to_string(), "@r,cm");
    }
}
