//! Messages as JSON, by the schema in `proto/`.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, prost::Message as _};
use serde_json::Value;

/// The schema of the documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    V1,
    V2,
}

static POOLS: LazyLock<[DescriptorPool; 2]> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    for name in ["docarray.proto", "docarray2.proto", "health.proto", "reflection.proto", "jina.proto"] {
        std::fs::copy(format!("proto/{name}"), directory.path().join(name)).unwrap();
    }
    let jina = std::fs::read_to_string("proto/jina.proto").unwrap();
    let jina = jina.replace("docarray.proto", "docarray2.proto");
    let jina = jina.replace("docarray.DocumentArrayProto", "docarray2.DocListProto");
    let jina = jina.replace("docarray.DocumentProto", "docarray2.DocProto");
    std::fs::write(directory.path().join("jina2.proto"), jina).unwrap();
    [["jina.proto", "health.proto"], ["jina2.proto", "health.proto"]].map(|files| {
        let set = protox::compile(files.iter().chain(&["reflection.proto"]), [directory.path()]).unwrap();
        DescriptorPool::from_file_descriptor_set(set).unwrap()
    })
});

/// The message of that name as JSON.
pub(crate) fn to_json(schema: Schema, name: &str, bytes: &[u8]) -> Value {
    let descriptor = POOLS[schema as usize].get_message_by_name(name).unwrap();
    serde_json::to_value(DynamicMessage::decode(descriptor, bytes).unwrap()).unwrap()
}

/// JSON as the message of that name.
pub(crate) fn from_json(schema: Schema, name: &str, value: &Value) -> Vec<u8> {
    let descriptor = POOLS[schema as usize].get_message_by_name(name).unwrap();
    DynamicMessage::deserialize(descriptor, value).unwrap().encode_to_vec()
}

/// A data request.
pub(crate) fn request(value: &Value) -> Vec<u8> {
    from_json(Schema::V1, "jina.DataRequestProto", value)
}

/// A reply to one.
pub(crate) fn reply(bytes: &[u8]) -> Value {
    to_json(Schema::V1, "jina.DataRequestProto", bytes)
}

/// The text form of a message as the message of that name.
pub(crate) fn from_text(schema: Schema, name: &str, text: &str) -> Vec<u8> {
    let descriptor = POOLS[schema as usize].get_message_by_name(name).unwrap();
    DynamicMessage::parse_text_format(descriptor, text).unwrap().encode_to_vec()
}
