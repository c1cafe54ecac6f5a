//! Plugins, built as their authors build them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The header's directory.
pub(crate) fn include() -> PathBuf {
    std::path::absolute("executors/sdk/include").unwrap()
}

/// Compiles `source` with the system's compiler to the library `path`.
pub(crate) fn compile(source: &str, path: &Path) {
    compile_with(source, path, &[]);
}

pub(crate) fn compile_with(source: &str, path: &Path, flags: &[&str]) {
    let file = path.with_extension("c");
    std::fs::write(&file, source).unwrap();
    let output = Command::new("cc")
        .args(["-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-I"])
        .arg(include())
        .arg("-o")
        .arg(path)
        .arg(&file)
        .args(flags)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The plugin in C of the examples, at `path`.
pub(crate) fn in_c(path: &Path) {
    compile(&std::fs::read_to_string("executors/examples/c/shout.c").unwrap(), path);
}

/// The directory in which cargo builds what is not optimised.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let target = Path::new(env!("CARGO_BIN_EXE_flowrun")).ancestors().nth(2).unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
        let output = Command::new(cargo)
            .args(["build", "--quiet", "--offline", "-p", "flowrun-example-rust", "--lib", "--examples"])
            .arg("--target-dir")
            .arg(target)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        target.join("debug")
    })
}

/// The plugin in Rust of the examples.
pub(crate) fn in_rust() -> PathBuf {
    built().join("libshout.so")
}

/// The plugins that the tests use.
pub(crate) fn trials() -> PathBuf {
    built().join("examples/libtrials.so")
}

/// The plugin whose first function panics.
pub(crate) fn init_panics() -> PathBuf {
    built().join("examples/libinit_panics.so")
}
