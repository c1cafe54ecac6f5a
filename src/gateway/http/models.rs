//! Models of `/openapi.json`: JSON schemas of request and reply bodies, for clients of both docarray schemas.

use serde_json::{Map, Value, json};

/// All models, by name.
pub(super) fn all() -> Map<String, Value> {
    let models = [
        ("Request", request()),
        ("Reply", reply()),
        ("ShortReply", short_reply()),
        ("Header", header()),
        ("Document", document()),
        ("Score", score()),
        ("Route", route()),
        ("Status", status()),
        ("Exception", exception()),
        ("Detail", object("An error.", &[("detail", text("error message"))])),
        (
            "ValidationError",
            object(
                "The errors of an invalid request.",
                &[("detail", list(model("FieldError"), "one entry per error"))],
            ),
        ),
        (
            "FieldError",
            object(
                "An invalid field.",
                &[
                    ("type", text("kind of error")),
                    ("loc", list(json!({ "type": "string" }), "path to the field")),
                    ("msg", text("error message")),
                ],
            ),
        ),
        (
            "Info",
            object(
                "Names and versions of the service.",
                &[
                    ("jina", any("names and versions")),
                    ("envs", any("always empty: environment variables are not exposed")),
                ],
            ),
        ),
    ];
    models.into_iter().map(|(name, model)| (name.to_owned(), model)).collect()
}

fn request() -> Value {
    let documents = json!({
        "description": "a list of documents, one document, or a list under `docs`; unknown fields are allowed and returned",
        "anyOf": [list(model("Document"), ""), model("Document")],
    });
    let fields = [
        ("data", documents),
        ("parameters", any("parameters of the executors")),
        ("execEndpoint", text("endpoint, for requests to `/post`; also `exec_endpoint`")),
        ("targetExecutor", text("regular expression for the executors to call; also `target_executor`")),
        ("header", described_model("Header", "request id, and the header that `jina.Client` sends")),
    ];
    object("A request.", &fields)
}

fn reply() -> Value {
    let fields = [
        ("header", described_model("Header", "request id, and the status if the request failed")),
        (
            "parameters",
            any("parameters of the request, `__results__` of executors, and `__failed__` documents by id"),
        ),
        ("routes", list(model("Route"), "visited executors with their times, the gateway first")),
        ("data", list(model("Document"), "documents")),
    ];
    object("A reply.", &fields)
}

fn short_reply() -> Value {
    let fields = [
        ("data", list(model("Document"), "documents")),
        ("parameters", any("like in `Reply`")),
        ("header", described_model("Header", "request id")),
    ];
    object("A reply to clients of docarray's second schema.", &fields)
}

fn header() -> Value {
    let fields = [
        ("requestId", text("id of the request; generated if absent")),
        ("status", described_model("Status", "error status; null if the request succeeded")),
        ("execEndpoint", text("endpoint")),
        ("targetExecutor", text("regular expression for the executors to call; empty in replies")),
    ];
    object("Header of a request or a reply.", &fields)
}

fn document() -> Value {
    let number = |description: &str| json!({ "type": "number", "description": description });
    let integer = |description: &str| json!({ "type": "integer", "description": description });
    let tensor = |description: &str| json!({ "type": "array", "items": {}, "description": description });
    let scores = json!({
        "type": "object",
        "additionalProperties": model("Score"),
        "description": "scores of a match, by name",
    });
    let fields = [
        ("id", text("id of the document; generated if absent")),
        ("parent_id", text("id of the document that this one is a chunk of")),
        ("granularity", integer("nesting depth as a chunk")),
        ("adjacency", integer("nesting depth as a match")),
        ("mime_type", text("MIME type of the content")),
        ("uri", text("location of the content")),
        ("text", text("content as text")),
        ("blob", json!({ "type": "string", "format": "base64", "description": "content as bytes" })),
        ("tensor", tensor("content as an array of numbers")),
        ("embedding", tensor("embedding vector")),
        ("tags", any("other properties")),
        ("scores", scores),
        ("weight", number("weight")),
        ("offset", number("offset in its parent")),
        ("location", list(json!({ "type": "number" }), "location in its parent")),
        ("modality", text("modality, such as `image`")),
        ("chunks", list(model("Document"), "chunks: parts of the document")),
        ("matches", list(model("Document"), "matches: search results, the best first")),
    ];
    let mut document =
        object("A document: a text, an image, a video, or a chunk of one. Unknown fields are kept.", &fields);
    if let Some(document) = document.as_object_mut() {
        document.insert("additionalProperties".to_owned(), true.into());
    }
    document
}

fn score() -> Value {
    let value = json!({ "type": "number", "description": "score" });
    let fields = [
        ("value", value),
        ("op_name", text("operation that computed the score")),
        ("description", text("description")),
    ];
    object("Score of a match.", &fields)
}

fn route() -> Value {
    let time =
        |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    let fields = [
        ("executor", text("name of the executor in the flow")),
        ("startTime", time("arrival of the request")),
        ("endTime", time("departure of the request; null if it never left")),
        ("status", described_model("Status", "error status, if the request failed here")),
    ];
    object("Time spent at the gateway or at an executor.", &fields)
}

fn status() -> Value {
    let code = json!({ "type": "integer", "description": "0 for success, 1 for an error" });
    let fields = [
        ("code", code),
        ("description", text("error message")),
        ("exception", described_model("Exception", "exception that caused the error")),
    ];
    object("Status of a request.", &fields)
}

fn exception() -> Value {
    let texts = |description: &str| list(json!({ "type": "string" }), description);
    let fields = [
        ("name", text("class of the exception")),
        ("args", texts("arguments of the exception")),
        ("stacks", texts("stack trace")),
        ("executor", text("class of the executor that raised it")),
    ];
    object("An exception.", &fields)
}

fn object(description: &str, fields: &[(&str, Value)]) -> Value {
    let fields: Map<String, Value> =
        fields.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "description": description, "properties": fields })
}

fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

fn any(description: &str) -> Value {
    json!({ "type": "object", "description": description })
}

fn list(items: Value, description: &str) -> Value {
    json!({ "type": "array", "items": items, "description": description })
}

fn model(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn described_model(name: &str, description: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}"), "description": description })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Collects the names of the models that a schema refers to.
    fn references(schema: &Value, names: &mut Vec<String>) {
        match schema {
            Value::Object(entries) => {
                if let Some(name) = entries.get("$ref").and_then(Value::as_str) {
                    names.push(name.rsplit('/').next().unwrap().to_owned());
                }
                entries.values().for_each(|schema| references(schema, names));
            }
            Value::Array(items) => items.iter().for_each(|schema| references(schema, names)),
            _ => {}
        }
    }

    #[test]
    fn every_referenced_model_exists_and_every_field_has_a_description() {
        let models = all();
        let mut names = Vec::new();
        references(&models.clone().into(), &mut names);
        assert!(names.iter().all(|name| models.contains_key(name)), "{names:?}");
        for (name, model) in &models {
            for (field, schema) in model["properties"].as_object().unwrap() {
                assert!(!schema["description"].as_str().unwrap().is_empty(), "{name}.{field}");
            }
        }
    }
}
