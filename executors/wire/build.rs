//! Generates the types of Jina's messages and of docarray's second schema from `proto/`, without a `protoc` program.

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// Messages that are left undecoded, as bytes, inside the messages that contain them: the schema of documents is
/// detected when they are decoded, and objects are converted to and from JSON directly.
const OPAQUE: [&str; 3] =
    [".docarray.DocumentArrayProto", ".docarray.DocumentProto", ".google.protobuf.Struct"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = "../../proto";
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed={directory}");
    let messages = with_opaque_fields(protox::compile(["jina.proto", "docarray2.proto"], [directory])?);
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(messages)?;
    Ok(())
}

/// Replaces the types in [`OPAQUE`] by bytes, which have the same encoding, and drops services and docarray's first
/// schema, which the SDK encodes itself.
fn with_opaque_fields(mut descriptors: FileDescriptorSet) -> FileDescriptorSet {
    fn visit(message: &mut DescriptorProto) {
        for field in &mut message.field {
            if OPAQUE.iter().any(|name| field.type_name() == *name) {
                field.set_type(Type::Bytes);
                field.type_name = None;
                // An empty message differs from an absent one; plain bytes would not preserve that.
                field.proto3_optional = Some(field.oneof_index.is_none());
            }
        }
        message.nested_type.iter_mut().for_each(visit);
    }
    descriptors.file.retain(|file| file.package() != "docarray");
    for file in &mut descriptors.file {
        file.dependency.retain(|name| name != "docarray.proto");
        file.service.clear();
        file.message_type.iter_mut().for_each(visit);
    }
    descriptors
}
