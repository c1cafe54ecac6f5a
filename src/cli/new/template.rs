//! What is written: files with places for the name.

/// Files to begin with, and what to type then. `{name}` stands for the name, `{library}` for it as an identifier,
/// `{Class}` for it as a class.
pub(super) struct Template {
    /// Paths and texts.
    pub(super) files: &'static [(&'static str, &'static str)],
    /// What to type next.
    pub(super) next: &'static str,
}

/// An executor in Rust.
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

/// An executor in C.
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

/// An executor in Python.
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

/// A flow.
pub(super) const FLOW: Template = Template {
    files: &[
        ("index.yml", include_str!("flow/index.yml.txt")),
        ("query.yml", include_str!("flow/query.yml.txt")),
        ("documents.jsonl", include_str!("flow/documents.jsonl.txt")),
        ("questions.jsonl", include_str!("flow/questions.jsonl.txt")),
        ("Makefile", include_str!("flow/Makefile.txt")),
        ("README.md", include_str!("flow/README.md.txt")),
        (".gitignore", "/workspace/\n"),
    ],
    next: include_str!("flow/next.txt"),
};

/// The text with the name in its places.
pub(super) fn fill(text: &str, name: &str) -> String {
    text.replace("{name}", name)
        .replace("{library}", &name.replace('-', "_"))
        .replace("{Class}", &class(name))
}

/// The name as a class: `my-encoder` is `MyEncoder`.
fn class(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters
            .next()
            .map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
            .unwrap_or_default()
    };
    name.split(['-', '_']).map(capital).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_their_places_want_them() {
        assert_eq!(
            fill("{name} {library} {Class}", "my-long_name2"),
            "my-long_name2 my_long_name2 MyLongName2"
        );
    }
}
