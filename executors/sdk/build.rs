//! Compiles the messages of `proto/` without a `protoc` on the machine.

use prost_types::field_descriptor_proto::Type;
use prost_types::{DescriptorProto, FileDescriptorSet};

/// Messages that stay bytes in the messages around them: which schema they are of is seen only when they are looked
/// into.
const LATER: [&str; 2] = [".docarray.DocumentArrayProto", ".docarray.DocumentProto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = "../../proto";
    println!("cargo:rerun-if-changed={directory}");
    let documents = protox::compile(["docarray.proto"], [directory])?;
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(documents)?;
    let conversations = protox::compile(["jina.proto", "docarray2.proto"], [directory])?;
    let conversations = with_documents_as_bytes(conversations);
    prost_build::Config::new().bytes(["."]).btree_map(["."]).compile_fds(conversations)?;
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
    // They were compiled by themselves.
    descriptors.file.retain(|file| file.package() != "docarray");
    for file in &mut descriptors.file {
        file.dependency.retain(|name| name != "docarray.proto");
        file.service.clear();
        file.message_type.iter_mut().for_each(visit);
    }
    descriptors
}
