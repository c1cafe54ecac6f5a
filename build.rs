//! Compiles the gateway's messages from `proto/` without a `protoc` on the machine.

use std::path::Path;

use prost::Message as _;
use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// Messages that stay bytes in the Rust types: which schema documents are of is seen only when they are looked into, and
/// the SDK reads and writes objects.
const LATER: [&str; 3] =
    [".docarray.DocumentArrayProto", ".docarray.DocumentProto", ".google.protobuf.Struct"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let files = ["jina.proto", "docarray2.proto", "health.proto", "otlp.proto", "reflection.proto"];
    let descriptors = protox::compile(files, ["proto"])?;
    let out = std::env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    // What reflection serves: the schema as it is.
    std::fs::write(Path::new(&out).join("descriptors.bin"), descriptors.encode_to_vec())?;
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(with_bytes(descriptors))?;
    Ok(())
}

/// The same schema on the wire, with those left as they came.
fn with_bytes(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    fn visit(message: &mut DescriptorProto) {
        for field in &mut message.field {
            if LATER.iter().any(|name| field.type_name() == *name) {
                field.set_type(Type::Bytes);
                field.type_name = None;
                // A message that is set differs from one that is not, though it be empty.
                field.proto3_optional = Some(field.oneof_index.is_none());
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
