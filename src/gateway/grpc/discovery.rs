//! What endpoints there are, and what documents look like there, in the shape in which Jina's executors tell it.
//!
//! A gateway of Jina's that has this flow as an external executor starts only when it knows. It makes classes of the
//! schemas, with which it reads documents where it has to; so they name the fields that documents here can have, and
//! nest as deep as answers do. Weight, offset and location are left out: some versions of docarray take a number for a
//! list of them, and would refuse every document that has one. Endpoints are not said to write: that is asked of executors that keep copies of
//! themselves in step, which flowrun does not have.

use std::sync::LazyLock;

use flowrun_wire::encode_object;
use serde_json::{Map, Value, json};

use crate::gateway::facts::Facts;
use crate::gateway::service::DRY_RUN;
use crate::gateway::wire::jina::EndpointsProto;

/// What Jina calls the handler of endpoints that no other one names.
const DEFAULT: &str = "/default";

/// The endpoints of a flow.
pub(super) fn endpoints(facts: &Facts) -> EndpointsProto {
    let any = facts.any_endpoint.then_some(DEFAULT);
    let named = facts.endpoints.iter().map(String::as_str).filter(|name| any != Some(*name));
    let endpoints: Vec<String> = named.chain(any).chain([DRY_RUN]).map(str::to_owned).collect();
    let schemas: Map<String, Value> =
        endpoints.iter().map(|endpoint| (endpoint.clone(), SCHEMAS.clone())).collect();
    EndpointsProto { endpoints, write_endpoints: Vec::new(), schemas: Some(encode_object(&schemas).into()) }
}

/// What goes in and comes out at an endpoint: the same everywhere, because every executor takes any document.
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

/// A document, its pieces and what was found for it, and theirs: no executor here nests deeper. A schema that refers
/// to itself is more than Jina can make a class of.
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

/// One level of it; `below` is the name of the next.
fn level(title: &str, below: Option<&str>) -> Value {
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
    if let (Some(below), Some(fields)) = (below, fields.as_object_mut()) {
        let items = json!({ "$ref": format!("#/definitions/{below}") });
        for (name, title) in [("chunks", "Chunks"), ("matches", "Matches")] {
            fields.insert(name.to_owned(), json!({ "title": title, "type": "array", "items": items }));
        }
    }
    json!({ "title": title, "type": "object", "properties": fields })
}
