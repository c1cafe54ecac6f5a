//! Which documents of a tree an executor works on: roots, chunks, matches, chunks of chunks, …

use std::fmt;
use std::str::FromStr;

use crate::Document;
use crate::parameters::shown;

/// One step down the tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Chunks,
    Matches,
}

/// The most paths of a list; all paths of up to four steps are 31.
pub(crate) const PATHS_MAX: usize = 32;

/// The most steps of a path.
pub(crate) const STEPS_MAX: usize = 16;

/// Paths from the roots of a request to the documents that are meant, written as docarray writes them: `@r` the
/// roots, `@c` their chunks, `@m` their matches, `@cm` the matches of their chunks, `@r,c` roots and chunks. No two
/// are the same, so that no document is visited twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessPaths(Vec<Vec<Step>>);

impl AccessPaths {
    /// `@r`: the documents of the request themselves.
    #[must_use]
    pub fn roots() -> Self {
        Self(vec![vec![]])
    }

    /// `@c`: their chunks.
    #[must_use]
    pub fn chunks() -> Self {
        Self(vec![vec![Step::Chunks]])
    }

    /// `@m`: their matches.
    #[must_use]
    pub fn matches() -> Self {
        Self(vec![vec![Step::Matches]])
    }

    /// Whether the documents of the request themselves are among those meant.
    pub fn include_roots(&self) -> bool {
        self.0.iter().any(Vec::is_empty)
    }

    /// The paths that lead further down than the roots, if any.
    #[must_use]
    pub fn below_roots(&self) -> Option<Self> {
        Self::of(self.0.iter().filter(|path| !path.is_empty()).cloned().collect())
    }

    /// The paths, of chunks alone, to the documents all of whose chunks are meant, if any.
    #[must_use]
    pub fn parents(&self) -> Option<Self> {
        let chunks = self.0.iter().filter(|path| path.iter().all(|step| *step == Step::Chunks));
        Self::of(chunks.filter_map(|path| path.split_last()).map(|(_, parents)| parents.to_vec()).collect())
    }

    fn of(paths: Vec<Vec<Step>>) -> Option<Self> {
        (!paths.is_empty()).then_some(Self(paths))
    }

    /// Calls `action` with every document that the paths lead to from `root`, until one call fails.
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

    /// As [`AccessPaths::visit`], for writing.
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

    /// Calls `action` with every list of siblings that the paths lead to from `root`, so that it may add and remove.
    /// A root is its own list; the lists that became of it are returned.
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
                Some((last, above)) => {
                    for root in &mut roots {
                        visit_mut(above, root, &mut |parent| action(list_mut(*last, parent)))?;
                    }
                }
            }
        }
        Ok(roots)
    }
}

/// The list that a step leads to, for writing. An absent list stays absent.
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
    let below = match step {
        Step::Chunks => &document.chunks,
        Step::Matches => &document.matches,
    };
    below.iter().try_for_each(|document| visit(rest, document, action))
}

fn visit_mut<E>(
    path: &[Step],
    document: &mut Document,
    action: &mut dyn FnMut(&mut Document) -> Result<(), E>,
) -> Result<(), E> {
    let Some((step, rest)) = path.split_first() else { return action(document) };
    list_mut(*step, document).iter_mut().try_for_each(|document| visit_mut(rest, document, action))
}

/// Why a text is not a list of access paths.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessPathError {
    /// It is written otherwise.
    #[error(
        "{0} is not an access path; write `@r` for the documents, `@c` for their chunks, `@m` for their matches"
    )]
    Malformed(String),
    /// It leads further down than is gone.
    #[error("an access path has more than the {STEPS_MAX} steps allowed")]
    TooManySteps,
    /// There are more than are followed.
    #[error("there are more than the {PATHS_MAX} different access paths allowed")]
    TooManyPaths,
}

impl FromStr for AccessPaths {
    type Err = AccessPathError;

    fn from_str(text: &str) -> Result<Self, AccessPathError> {
        let written = text.trim();
        let mut paths = Vec::new();
        for path in written.strip_prefix('@').unwrap_or(written).split(',') {
            let path = steps(path.trim())?;
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

fn steps(path: &str) -> Result<Vec<Step>, AccessPathError> {
    let malformed = || AccessPathError::Malformed(shown(&path.into()));
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
    fn paths_lead_where_docarray_says() {
        assert_eq!(visited("@r"), ["a"]);
        assert_eq!(visited("@c"), ["a#0", "a#1"]);
        assert_eq!(visited("@rc"), ["a#0", "a#1"]);
        assert_eq!(visited("@cm"), ["x"]);
        assert_eq!(visited("r, m"), ["a", "y"]);
        assert_eq!(visited("@cc"), [""; 0]);
    }

    #[test]
    fn paths_fall_into_roots_and_the_rest_and_name_the_parents() {
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
    fn siblings_may_be_added_and_removed_at_every_level() {
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
    fn a_path_written_twice_is_followed_once() {
        assert_eq!(visited("@r,c,r,rc,c"), ["a", "a#0", "a#1"]);
        let many = "r,".repeat(1_000_000) + "r";
        assert_eq!(many.parse::<AccessPaths>().unwrap(), AccessPaths::roots());
    }

    #[test]
    fn more_or_longer_paths_than_are_followed_are_refused() {
        // Every path of five steps.
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
    fn an_error_shows_the_beginning_of_what_is_wrong() {
        let error = |text: &str| text.parse::<AccessPaths>().unwrap_err().to_string();
        assert!(error("@r,x[0]").starts_with("`\"x[0]\"` is not an access path; "), "{}", error("@r,x[0]"));
        assert!(error(&"x".repeat(1_000_000)).len() < 200);
    }

    #[test]
    fn what_is_not_a_path_is_refused() {
        for text in ["", "@", "@x", "@c[0]", "@cr", "r,,c"] {
            assert!(text.parse::<AccessPaths>().is_err(), "{text}");
        }
        assert_eq!("@r,cm".parse::<AccessPaths>().unwrap().to_string(), "@r,cm");
    }
}
