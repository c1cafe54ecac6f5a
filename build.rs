//! Compiles the gateway's own messages from `proto/` without a `protoc` on the machine; those with documents are the
//! SDK's.

use std::path::Path;

use prost::Message as _;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // What reflection serves: the schema as it is.
    let files = ["jina.proto", "docarray2.proto", "health.proto", "reflection.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    let mut own = protox::compile(["health.proto", "otlp.proto", "reflection.proto"], ["proto"])?;
    own.file.iter_mut().for_each(|file| file.service.clear());
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(own)?;
    Ok(())
}
