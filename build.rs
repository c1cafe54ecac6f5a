//! Compiles the gateway's messages from `proto/` without a `protoc` on the machine.

use std::path::Path;

use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// Messages that stay bytes in the Rust types: which schema they are of is seen only when they are looked into.
const LATER: [&str; 2] = [".docarray.DocumentArrayProto", ".docarray.DocumentProto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = ["jina.proto", "docarray2.proto", "health.proto", "otlp.proto", "reflection.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // What reflection serves: the schema as it is.
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    prost_build::Config::new()
        .bytes(["."])
        .btree_map(["."])
        .compile_fds(with_documents_as_bytes(descriptors))?;
    Ok(())
}

/// The same schema on the wire, with documents left as they came.
fn with_documents_as_bytes(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    fn visit(message: &mut DescriptorProto) {
        for field in &mut message.field {
            if LATER.iter().any(|name| field.type_name() == *name) {
                field.set_type(Type::Bytes);
                field.type_name = None;
            }
        }
        message.nested_type.iter_mut().for_each(visit);
    }
    // The documents' own messages are the SDK's.
    descriptors.file.retain(|file| file.package() != "docarray");
    for file in &mut descriptors.file {
        file.dependency.retain(|name| name != "docarray.proto");
        file.service.clear();
        file.message_type.iter_mut().for_each(visit);
    }
    descriptors
}
