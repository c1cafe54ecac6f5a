//! Directories of the user's cache.

use std::path::PathBuf;

/// Cache directory of the user: `$XDG_CACHE_HOME`, or `~/.cache`. `None` if neither that variable nor `HOME` is set.
#[must_use]
pub fn user_cache_directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))
}

/// Cache directory of flowrun: `flowrun` in [`user_cache_directory`]; `None` if there is none.
#[must_use]
pub fn cache_directory() -> Option<PathBuf> {
    user_cache_directory().map(|cache| cache.join("flowrun"))
}

/// Directory of the models that encoders find by name: `models` in [`cache_directory`]; `None` if there is none.
#[must_use]
pub fn model_directory() -> Option<PathBuf> {
    cache_directory().map(|cache| cache.join("models"))
}
