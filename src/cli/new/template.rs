//! Templates of `flowrun new`: files with placeholders for the name.

/// Files of a new directory. Placeholders in paths and texts: `{name}` is the name as typed (`my-encoder`), `{library}`
/// an identifier (`my_encoder`), `{Class}` a class name (`MyEncoder`).
pub(super) struct Template {
    /// Paths relative to the new directory, and texts.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// Text that is printed afterwards: the next commands to type.
    pub(super) next: &'static str,
}

/// Executor in Rust.
pub(super) const RUST: Template = Template {
    files: &[
        ("Cargo.toml", include_str!("rust/Cargo.toml.txt")),
        ("src/lib.rs", include_str!("rust/lib.rs.txt")),
        ("flow.yml", include_str!("rust/flow.yml.txt")),
        ("README.md", include_str!("rust/README.md.txt")),
        (".gitignore", "/target/\n"),
    ],
    next: include_str!("rust/next.txt"),
};

/// Executor in C.
pub(super) const C: Template = Template {
    files: &[
        ("{library}.c", include_str!("c/executor.c.txt")),
        ("flowrun.h", include_str!("../../../executors/sdk/include/flowrun.h")),
        ("flow.yml", include_str!("c/flow.yml.txt")),
        ("Makefile", include_str!("c/Makefile.txt")),
        ("README.md", include_str!("c/README.md.txt")),
        (".gitignore", "*.so\n"),
    ],
    next: include_str!("c/next.txt"),
};

/// Executor in Python.
pub(super) const PYTHON: Template = Template {
    files: &[
        ("{library}.py", include_str!("python/executor.py.txt")),
        ("flow.yml", include_str!("python/flow.yml.txt")),
        ("Makefile", include_str!("python/Makefile.txt")),
        ("README.md", include_str!("python/README.md.txt")),
        (".gitignore", "__pycache__/\n/venv/\n/workspace/\n"),
    ],
    next: include_str!("python/next.txt"),
};

/// Flow that searches texts, with example documents.
pub(super) const TEXTS: Template = Template {
    files: &[
        ("index.yml", include_str!("flow/texts/index.yml.txt")),
        ("query.yml", include_str!("flow/texts/query.yml.txt")),
        ("documents.jsonl", include_str!("flow/texts/documents.jsonl.txt")),
        ("queries.jsonl", include_str!("flow/texts/queries.jsonl.txt")),
        ("Makefile", include_str!("flow/texts/Makefile.txt")),
        ("README.md", include_str!("flow/texts/README.md.txt")),
        (".gitignore", "/workspace/\n"),
    ],
    next: include_str!("flow/texts/next.txt"),
};

/// Flow that searches pictures.
pub(super) const IMAGES: Template = Template {
    files: &[
        ("index.yml", include_str!("flow/images/index.yml.txt")),
        ("query.yml", include_str!("flow/images/query.yml.txt")),
        ("Makefile", include_str!("flow/images/Makefile.txt")),
        ("README.md", include_str!("flow/images/README.md.txt")),
        (".gitignore", "/workspace/\n"),
    ],
    next: include_str!("flow/images/next.txt"),
};

/// Flow that searches videos by pictures.
pub(super) const VIDEOS: Template = Template {
    files: &[
        ("index.yml", include_str!("flow/videos/index.yml.txt")),
        ("query.yml", include_str!("flow/videos/query.yml.txt")),
        ("Makefile", include_str!("flow/videos/Makefile.txt")),
        ("README.md", include_str!("flow/videos/README.md.txt")),
        (".gitignore", "/workspace/\n"),
    ],
    next: include_str!("flow/videos/next.txt"),
};

/// Replaces the placeholders in a text.
pub(super) fn fill(text: &str, name: &str) -> String {
    text.replace("{name}", name)
        .replace("{library}", &name.replace('-', "_"))
        .replace("{Class}", &class(name))
}

/// Converts a name to a class name: `my-encoder` becomes `MyEncoder`.
fn class(name: &str) -> String {
    let capitalised = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    };
    name.split(['-', '_']).map(capitalised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_placeholder_has_its_own_spelling_of_the_name() {
        assert_eq!(
            fill("{name} {library} {Class}", "my-long_name2"),
            "my-long_name2 my_long_name2 MyLongName2"
        );
    }
}
