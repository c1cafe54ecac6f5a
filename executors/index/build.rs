//! Compiles what the C interface of FAISS lacks, against the headers of the very FAISS that is linked, and records which
//! instruction sets the C++ compiler may use: FAISS is compiled with the same flags, and on a processor that lacks one
//! of them it would die without a word.

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    compile();
    record();
}

/// Compiles `native.cc` with what it includes. A header that is missing is a build of FAISS that left nothing behind: the compiler says so.
fn compile() {
    const SOURCE: &str = "src/derived/native.cc";
    for file in [SOURCE, "src/derived/many_lists.h"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut build = cc::Build::new();
    if let Ok(root) = env::var("DEP_FAISS_C_ROOT") {
        build.include(Path::new(&root).join("include"));
    }
    build.cpp(true).std("c++17").opt_level(3).warnings(false).flag("-fopenmp").file(SOURCE);
    build.compile("flowrun_native");
}

fn record() {
    let target = env::var("TARGET").unwrap_or_default();
    let target_with_underscores = target.replace('-', "_");
    let variable = |name: &str| {
        let names =
            [format!("{name}_{target}"), format!("{name}_{target_with_underscores}"), name.to_owned()];
        for name in &names {
            println!("cargo::rerun-if-env-changed={name}");
        }
        names.iter().find_map(|name| env::var(name).ok())
    };
    let compiler = variable("CXX").unwrap_or_else(|| "c++".to_owned());
    let flags = variable("CXXFLAGS").unwrap_or_default();
    // `CXX` may hold a launcher before the compiler.
    let mut words = compiler.split_whitespace().chain(flags.split_whitespace());
    let output = words.next().and_then(|program| {
        let mut command = Command::new(program);
        command.args(words).args(["-dM", "-E", "-x", "c++", "/dev/null"]).output().ok()
    });
    let macros =
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    println!("cargo::rustc-env=FLOWRUN_CXX_MACROS={}", enabled(&macros).join(" "));
}

/// The names that are defined as 1: `#define __AVX2__ 1` among them.
fn enabled(macros: &str) -> Vec<&str> {
    macros
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.strip_suffix("__ 1")?.strip_prefix("__"))
        .collect()
}
