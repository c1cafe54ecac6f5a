//! Converts protobuf messages from and to JSON, with the schema in `proto/`.

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, prost::Message as _};
use serde_json::Value;

/// Document schema of docarray.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Schema {
    V1,
    V2,
}

static POOLS: LazyLock<[DescriptorPool; 2]> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    for name in
        ["docarray.proto", "docarray2.proto", "health.proto", "otlp.proto", "reflection.proto", "jina.proto"]
    {
        std::fs::copy(format!("proto/{name}"), directory.path().join(name)).unwrap();
    }
    let jina = std::fs::read_to_string("proto/jina.proto").unwrap();
    let jina = jina.replace("docarray.proto", "docarray2.proto");
    let jina = jina.replace("docarray.DocumentArrayProto", "docarray2.DocListProto");
    let jina = jina.replace("docarray.DocumentProto", "docarray2.DocProto");
    std::fs::write(directory.path().join("jina2.proto"), jina).unwrap();
    [["jina.proto", "health.proto"], ["jina2.proto", "health.proto"]].map(|files| {
        let set =
            protox::compile(files.iter().chain(&["otlp.proto", "reflection.proto"]), [directory.path()])
                .unwrap();
        DescriptorPool::from_file_descriptor_set(set).unwrap()
    })
});

/// Decodes the message `name` to JSON.
pub(crate) fn to_json(schema: Schema, name: &str, bytes: &[u8]) -> Value {
    let descriptor = POOLS[schema as usize].get_message_by_name(name).unwrap();
    serde_json::to_value(DynamicMessage::decode(descriptor, bytes).unwrap()).unwrap()
}

/// Encodes JSON as the message `name`.
pub(crate) fn from_json(schema: Schema, name: &str, value: &Value) -> Vec<u8> {
    let descriptor = POOLS[schema as usize].get_message_by_name(name).unwrap();
    DynamicMessage::deserialize(descriptor, value).unwrap().encode_to_vec()
}

/// Encodes a data request.
pub(crate) fn request(value: &Value) -> Vec<u8> {
    from_json(Schema::V1, "jina.DataRequestProto", value)
}

/// Decodes a reply.
pub(crate) fn reply(bytes: &[u8]) -> Value {
    to_json(Schema::V1, "jina.DataRequestProto", bytes)
}

/// Encodes the text form of the message `name`.
pub(crate) fn from_text(schema: Schema, name: &str, text: &str) -> Vec<u8> {
    let descriptor = POOLS[schema as usize].get_message_by_name(name).unwrap();
    DynamicMessage::parse_text_format(descriptor, text).unwrap().encode_to_vec()
}
