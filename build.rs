//! Generates code for the program: the gateway's protobuf messages, and a table of the SDK's files.
//!
//! The messages in `proto/` are compiled without `protoc`. Those with documents are compiled by `flowrun-wire`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // Descriptors for the gRPC reflection service.
    let files = ["jina.proto", "docarray2.proto", "health.proto", "reflection.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    std::fs::write(Path::new(&out).join("sdk.rs"), sdk_files()?)?;
    let mut messages = protox::compile(["health.proto", "otlp.proto", "reflection.proto"], ["proto"])?;
    messages.file.iter_mut().for_each(|file| file.service.clear());
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(messages)?;
    Ok(())
}

/// Rust source of a table of the SDK's files, as paths and texts. `flowrun new` writes them next to a new executor.
fn sdk_files() -> Result<String, Box<dyn std::error::Error>> {
    let root = std::env::var("CARGO_MANIFEST_DIR")?;
    let mut table = String::from("&[\n");
    for part in ["sdk", "sdk-macros"] {
        let directory = Path::new(&root).join("executors").join(part);
        println!("cargo:rerun-if-changed={}", directory.display());
        let mut files = Vec::new();
        collect(&directory, &mut files)?;
        files.sort();
        for file in files {
            let name = Path::new(part).join(file.strip_prefix(&directory)?);
            writeln!(
                table,
                "({:?}, include_str!({:?})),",
                name.display().to_string(),
                file.display().to_string()
            )?;
        }
    }
    table.push(']');
    Ok(table)
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        match path.is_dir() {
            true => collect(&path, files)?,
            false => files.push(path),
        }
    }
    Ok(())
}
