//! The messages of Jina and of docarray's second schema.

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// Messages that stay bytes in the messages around them: which schema documents are of is seen only when they are
/// looked into, and objects are read and written as JSON.
const LATER: [&str; 3] =
    [".docarray.DocumentArrayProto", ".docarray.DocumentProto", ".google.protobuf.Struct"];

pub(crate) fn compile() -> Result<(), Box<dyn std::error::Error>> {
    let directory = "../../proto";
    println!("cargo:rerun-if-changed={directory}");
    let messages = with_bytes(protox::compile(["jina.proto", "docarray2.proto"], [directory])?);
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(messages)?;
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
    descriptors.file.retain(|file| file.package() != "docarray");
    for file in &mut descriptors.file {
        file.dependency.retain(|name| name != "docarray.proto");
        file.service.clear();
        file.message_type.iter_mut().for_each(visit);
    }
    descriptors
}
