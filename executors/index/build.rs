//! Compiles `ffi.cc`, which contains what the C interface of FAISS lacks, against the headers of the linked FAISS, and
//! records the instruction sets that the C++ compiler may use. FAISS is compiled with the same flags, and a processor that
//! lacks one of them would kill the process without a message (see `src/processor.rs`).

use std::env;
use std::path::Path;
use std::process::Command;

fn main() {
    compile_ffi();
    record_instruction_sets();
}

/// Compiles `ffi.cc`. Without the headers of FAISS the compiler fails and names the missing one.
fn compile_ffi() {
    const SOURCE: &str = "src/ann/ffi.cc";
    for file in [SOURCE, "src/ann/centroid_groups.h"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let mut build = cc::Build::new();
    if let Ok(root) = env::var("DEP_FAISS_C_ROOT") {
        build.include(Path::new(&root).join("include"));
    }
    build.cpp(true).std("c++17").opt_level(3).warnings(false).flag("-fopenmp").file(SOURCE);
    build.compile("flowrun_faiss_ffi");
}

fn record_instruction_sets() {
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
    println!("cargo::rustc-env=FLOWRUN_CXX_MACROS={}", enabled_macros(&macros).join(" "));
}

/// Names of the macros that are defined as 1, without underscores: `AVX2` for `#define __AVX2__ 1`.
fn enabled_macros(macros: &str) -> Vec<&str> {
    macros
        .lines()
        .filter_map(|line| line.strip_prefix("#define ")?.strip_suffix("__ 1")?.strip_prefix("__"))
        .collect()
}
