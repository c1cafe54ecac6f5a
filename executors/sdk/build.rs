//! Compiles `proto/docarray.proto` without a `protoc` on the machine.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = "../../proto";
    println!("cargo:rerun-if-changed={directory}/docarray.proto");
    let descriptors = protox::compile(["docarray.proto"], [directory])?;
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(descriptors)?;
    Ok(())
}
