//! Compiles the gateway's own messages from `proto/` without a `protoc` on the machine; those with documents are the
//! SDK's. And lists the files of the SDK, which the program carries.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // What reflection serves: the schema as it is.
    let files = ["jina.proto", "docarray2.proto", "health.proto", "reflection.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    std::fs::write(Path::new(&out).join("sdk.rs"), sdk()?)?;
    let mut own = protox::compile(["health.proto", "otlp.proto", "reflection.proto"], ["proto"])?;
    own.file.iter_mut().for_each(|file| file.service.clear());
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(own)?;
    Ok(())
}

/// The files of the SDK as a table of names and contents: new executors are made with it, wherever they are made.
fn sdk() -> Result<String, Box<dyn std::error::Error>> {
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
