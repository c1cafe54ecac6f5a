//! Selection of files by name or media type, in directories and patterns that contain other files too.

use std::path::Path;

use ::glob::{MatchOptions, Pattern};

/// Matching is case-insensitive: cameras write `IMG_1.JPG`.
const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: false,
    require_literal_separator: false,
    require_literal_leading_dot: false,
};

/// Rules for the files of a job. Without rules every file is selected.
#[derive(Clone, Debug, Default)]
pub struct Include {
    rules: Vec<Rule>,
}

#[derive(Clone, Debug)]
struct Rule {
    /// Set for a rule that begins with `!`.
    excludes: bool,
    criterion: Criterion,
}

#[derive(Clone, Debug)]
enum Criterion {
    /// Pattern for the name of the file.
    Name(Pattern),
    /// Pattern for the media type that the extension suggests.
    MediaType(Pattern),
}

/// A rule that is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{rule}` is neither a name pattern such as `*.jpg` nor a media type such as `image/*`: {reason}")]
pub struct IncludeError {
    rule: String,
    reason: &'static str,
}

impl Include {
    /// Parses rules: name patterns (`*.jpg`) and media types (`image/*`); with `!` before it, a rule excludes.
    ///
    /// # Errors
    /// [`IncludeError`] for the first rule that is not a valid pattern.
    pub fn parse<'a>(rules: impl IntoIterator<Item = &'a str>) -> Result<Self, IncludeError> {
        let rules = rules.into_iter().map(|rule| {
            let text = rule.strip_prefix('!').unwrap_or(rule);
            let pattern = Pattern::new(text)
                .map_err(|error| IncludeError { rule: rule.to_owned(), reason: error.msg })?;
            let criterion = match text.contains('/') {
                true => Criterion::MediaType(pattern),
                false => Criterion::Name(pattern),
            };
            Ok(Rule { excludes: rule.starts_with('!'), criterion })
        });
        Ok(Self { rules: rules.collect::<Result<_, _>>()? })
    }

    /// True if a file is selected: no excluding rule matches it, and one of the others does, if there are any.
    #[must_use]
    pub fn selects(&self, path: &Path) -> bool {
        let matches = |excludes: bool| {
            self.rules.iter().any(|rule| rule.excludes == excludes && rule.criterion.matches(path))
        };
        let needs_match = self.rules.iter().any(|rule| !rule.excludes);
        !matches(true) && (!needs_match || matches(false))
    }
}

impl Criterion {
    fn matches(&self, path: &Path) -> bool {
        match self {
            Self::Name(pattern) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy();
                pattern.matches_with(&name, OPTIONS)
            }
            Self::MediaType(pattern) => mime_guess::from_path(path)
                .iter()
                .any(|media_type| pattern.matches_with(media_type.essence_str(), OPTIONS)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(rules: &[&str]) -> Vec<&'static str> {
        let include = Include::parse(rules.iter().copied()).unwrap();
        let files = ["a/IMG.JPG", "b.png", "Thumbs.db", "clip.mp4", "raw.cr2", "notes.txt", "none"];
        files.into_iter().filter(|file| include.selects(Path::new(file))).collect()
    }

    #[test]
    fn files_are_selected_by_name_and_media_type() {
        assert_eq!(selected(&["*.jpg"]), ["a/IMG.JPG"]);
        assert_eq!(selected(&["image/*", "!*.cr2"]), ["a/IMG.JPG", "b.png"]);
        assert_eq!(selected(&["image/jpeg", "video/*"]), ["a/IMG.JPG", "clip.mp4"]);
        assert_eq!(
            selected(&["!thumbs.db", "!text/*"]),
            ["a/IMG.JPG", "b.png", "clip.mp4", "raw.cr2", "none"]
        );
        assert_eq!(selected(&[]).len(), 7);
    }

    #[test]
    fn a_malformed_rule_is_an_error() {
        let error = Include::parse(["*.jpg", "a***"]).unwrap_err().to_string();
        assert!(error.starts_with("`a***` is neither a name pattern"), "{error}");
    }
}
