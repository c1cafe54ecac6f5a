//! Endpoint discovery: the endpoints of the flow and the schema of their documents, in the form of Jina's executors.
//!
//! A Jina gateway that uses this flow as an external executor requests them before it starts. It generates document
//! classes from the schemas, so the schemas declare every field of flowrun's documents, nested as deep as replies are.
//! `weight`, `offset` and `location` are absent: some docarray versions expect lists of numbers there, and would fail
//! on every document with a number. No endpoint is listed as a write endpoint: that is for executors with replicated
//! state (Raft), which flowrun does not have.

use std::sync::LazyLock;

use flowrun_wire::encode_object;
use serde_json::{Map, Value, json};

use crate::gateway::flow_info::FlowInfo;
use crate::gateway::service::DRY_RUN;
use crate::gateway::wire::jina::EndpointsProto;

/// Jina's name for the handler of every endpoint that has no handler of its own.
const DEFAULT: &str = "/default";

/// The endpoints of a flow, with their schemas.
pub(super) fn endpoints(info: &FlowInfo) -> EndpointsProto {
    let any = info.any_endpoint.then_some(DEFAULT);
    let named = info.endpoints.iter().map(String::as_str).filter(|name| any != Some(*name));
    let endpoints: Vec<String> = named.chain(any).chain([DRY_RUN]).map(str::to_owned).collect();
    let schemas: Map<String, Value> =
        endpoints.iter().map(|endpoint| (endpoint.clone(), SCHEMAS.clone())).collect();
    EndpointsProto { endpoints, write_endpoints: Vec::new(), schemas: Some(encode_object(&schemas).into()) }
}

/// Schema of an endpoint: the same for all, because every executor accepts any document.
static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    let document = json!({ "name": "FlowrunDocument", "model": document() });
    json!({
        "input": document,
        "output": document,
        "is_generator": false,
        "is_singleton_doc": false,
        "parameters": { "name": null, "model": null },
    })
});

/// Schema of a document with two levels of chunks and matches, the deepest that a built-in executor returns. Jina
/// cannot generate a class from a recursive schema.
fn document() -> Value {
    let mut whole = level("FlowrunDocument", Some("FlowrunPart"));
    let definitions = json!({
        "FlowrunPart": level("FlowrunPart", Some("FlowrunLeaf")),
        "FlowrunLeaf": level("FlowrunLeaf", None),
    });
    if let Some(whole) = whole.as_object_mut() {
        whole.insert("definitions".to_owned(), definitions);
    }
    whole
}

/// Schema of one level; `child` is the name of the next.
fn level(title: &str, child: Option<&str>) -> Value {
    let tensor = |title: &str| {
        let items = json!({ "type": "number" });
        json!({ "title": title, "type": "array", "items": items, "tensor/array shape": "not specified" })
    };
    let text = |title: &str| json!({ "title": title, "type": "string" });
    let mut fields = json!({
        "id": text("Id"),
        "parent_id": text("Parent Id"),
        "text": text("Text"),
        "blob": { "title": "Blob", "type": "string", "format": "binary" },
        "uri": text("Uri"),
        "url": text("Url"),
        "mime_type": text("Mime Type"),
        "modality": text("Modality"),
        "granularity": { "title": "Granularity", "type": "integer" },
        "adjacency": { "title": "Adjacency", "type": "integer" },
        "tensor": tensor("Tensor"),
        "embedding": tensor("Embedding"),
        "tags": { "title": "Tags", "type": "object", "default": {}, "additionalProperties": {} },
        "scores": { "title": "Scores", "type": "object", "additionalProperties": {} },
    });
    if let (Some(child), Some(fields)) = (child, fields.as_object_mut()) {
        let items = json!({ "$ref": format!("#/definitions/{child}") });
        for (name, title) in [("chunks", "Chunks"), ("matches", "Matches")] {
            fields.insert(name.to_owned(), json!({ "title": title, "type": "array", "items": items }));
        }
    }
    json!({ "title": title, "type": "object", "properties": fields })
}
