//! Where the Makefile puts what tests need and the tree does not hold: environments of Python, models. Each is kept in
//! the user's cache by the hash of what it is made of. This file stands alone, so that other packages' tests take it in.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the tree, from any of its packages.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().find(|directory| directory.join("Makefile").exists()).unwrap()
}

/// What is called `name`, made of the files that this pattern fits. None where it was not made, unless the variable
/// `required` says that it must be there; `target` makes it.
pub(crate) fn made(name: &str, pattern: &str, required: &str, target: &str) -> Option<PathBuf> {
    let script = format!("export LC_ALL=C; cat {pattern} | sha256sum");
    let hash = Command::new("sh").arg("-c").arg(script).current_dir(root()).output().unwrap().stdout;
    let key = String::from_utf8_lossy(&hash[..12]).into_owned();
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| !path.as_os_str().is_empty());
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"))).unwrap();
    let made = cache.join("flowrun").join(format!("{name}-{key}"));
    if made.join("complete").exists() {
        return Some(made);
    }
    assert!(std::env::var_os(required).is_none(), "{} is not there; type `make {target}`", made.display());
    println!("{} is not there, so this promise is not asked for; type `make {target}`", made.display());
    None
}
