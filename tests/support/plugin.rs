//! Plugins, built with the commands of the documentation.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Directory of the C header.
pub(crate) fn include() -> PathBuf {
    std::path::absolute("executors/sdk/include").unwrap()
}

/// Compiles C source with the system's compiler to the shared library `path`.
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

/// Compiles the example plugin in C to `path`.
pub(crate) fn compile_c_example(path: &Path) {
    compile(&std::fs::read_to_string("executors/examples/c/shout.c").unwrap(), path);
}

/// Builds the example plugins in Rust. Returns the directory of the debug profile.
fn build_rust_plugins() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
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

/// Library of the example plugin in Rust.
pub(crate) fn rust_example() -> PathBuf {
    build_rust_plugins().join("libshout.so")
}

/// Library with the executors for tests.
pub(crate) fn test_plugin() -> PathBuf {
    build_rust_plugins().join("examples/libtrials.so")
}

/// Library of the plugin whose entry point panics.
pub(crate) fn panicking_plugin() -> PathBuf {
    build_rust_plugins().join("examples/libinit_panics.so")
}
