//! Test artifacts that the Makefile builds and the tree does not contain: Python environments and models. Each is stored
//! in the user's cache under the hash of its sources. This file uses no other module, because other packages include it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Root of the tree, from any of its packages.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|directory| directory.join("Makefile").exists()).unwrap()
}

/// Returns the directory of the artifact `name` that was built by `make TARGET` from the files that match `pattern`.
/// Returns `None` if it was not built; panics in that case if the environment variable `required` is set.
pub(crate) fn artifact(name: &str, pattern: &str, required: &str, target: &str) -> Option<PathBuf> {
    let script = format!("export LC_ALL=C; cat {pattern} | sha256sum");
    let hash = Command::new("sh").arg("-c").arg(script).current_dir(root()).output().unwrap().stdout;
    let key = String::from_utf8_lossy(&hash[..12]).into_owned();
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap();
    let directory = cache.join("flowrun").join(format!("{name}-{key}"));
    if directory.join("complete").exists() {
        return Some(directory);
    }
    let path = directory.display();
    assert!(std::env::var_os(required).is_none(), "{path} does not exist; run `make {target}`");
    println!("{path} does not exist, so this test is skipped; run `make {target}`");
    None
}
