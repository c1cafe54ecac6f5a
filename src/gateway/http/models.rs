//! The models that `/openapi.json` names: what bodies look like, in both shapes.

use serde_json::{Map, Value, json};

/// Every model, by name.
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
        ("Detail", object("An error in a line.", &[("detail", text("what went wrong"))])),
        (
            "Wrong",
            object("What is wrong with a request.", &[("detail", of_model("WrongPlace", "where, and what"))]),
        ),
        (
            "WrongPlace",
            object(
                "A place that is wrong.",
                &[
                    ("type", text("the kind of mistake")),
                    ("loc", list(json!({ "type": "string" }), "the way to the place")),
                    ("msg", text("what is wrong")),
                ],
            ),
        ),
        (
            "Info",
            object(
                "Who is there.",
                &[
                    ("jina", any("names and versions")),
                    ("envs", any("empty: nothing is told of the environment")),
                ],
            ),
        ),
    ];
    models.into_iter().map(|(name, model)| (name.to_owned(), model)).collect()
}

fn request() -> Value {
    let documents = json!({
        "description": "the documents: a list, one, or a list under `docs`; their fields may be any, and come back",
        "anyOf": [list(model("Document"), ""), model("Document")],
    });
    let fields = [
        ("data", documents),
        ("parameters", any("parameters of the executors")),
        ("execEndpoint", text("the endpoint, at `/post`; also `exec_endpoint`")),
        ("targetExecutor", text("a pattern of the executors that are meant; also `target_executor`")),
        ("header", of_model("Header", "names the request; also what `jina.Client` sends")),
    ];
    object("What is asked.", &fields)
}

fn reply() -> Value {
    let fields = [
        ("header", of_model("Header", "which request it was, and whether it failed")),
        ("parameters", any("those of the request, `__results__` of executors, `__failed__` documents")),
        ("routes", list(model("Route"), "where the time went, the gateway first")),
        ("data", list(model("Document"), "the documents")),
    ];
    object("What is answered.", &fields)
}

fn short_reply() -> Value {
    let fields = [
        ("data", list(model("Document"), "the documents")),
        ("parameters", any("as in a reply")),
        ("header", of_model("Header", "which request it was")),
    ];
    object("What clients of docarray's second schema are answered.", &fields)
}

fn header() -> Value {
    let fields = [
        ("requestId", text("names the request; made up where it is not given")),
        ("status", of_model("Status", "that the request failed; null when it did not")),
        ("execEndpoint", text("the endpoint")),
        ("targetExecutor", text("the executors that are meant; empty in replies")),
    ];
    object("What stands above a request or a reply.", &fields)
}

fn document() -> Value {
    let number = |description: &str| json!({ "type": "number", "description": description });
    let integer = |description: &str| json!({ "type": "integer", "description": description });
    let tensor = |description: &str| json!({ "type": "array", "items": {}, "description": description });
    let scores = json!({
        "type": "object",
        "additionalProperties": model("Score"),
        "description": "how well it matched, by name",
    });
    let fields = [
        ("id", text("names the document; made up where it is not given")),
        ("parent_id", text("the document that it is a piece of")),
        ("granularity", integer("how deep a piece it is")),
        ("adjacency", integer("how far a match it is")),
        ("mime_type", text("what kind of content it has")),
        ("uri", text("where its content is")),
        ("text", text("its content, as text")),
        ("blob", json!({ "type": "string", "format": "base64", "description": "its content, as bytes" })),
        ("tensor", tensor("its content, as numbers")),
        ("embedding", tensor("the vector that stands for it")),
        ("tags", any("what else is known of it")),
        ("scores", scores),
        ("weight", number("how much it counts")),
        ("offset", number("where in its parent it begins")),
        ("location", list(json!({ "type": "number" }), "where in its parent it is")),
        ("modality", text("the kind of perception that it is of")),
        ("chunks", list(model("Document"), "its pieces")),
        ("matches", list(model("Document"), "what was found for it, the best first")),
    ];
    let mut document =
        object("A text, a picture, a clip, or a piece of one. Other fields are kept as well.", &fields);
    if let Some(document) = document.as_object_mut() {
        document.insert("additionalProperties".to_owned(), true.into());
    }
    document
}

fn score() -> Value {
    let value = json!({ "type": "number", "description": "the score" });
    let fields =
        [("value", value), ("op_name", text("what made it")), ("description", text("what it means"))];
    object("How well a document matched.", &fields)
}

fn route() -> Value {
    let time =
        |description: &str| json!({ "type": "string", "format": "date-time", "description": description });
    let fields = [
        ("executor", text("its name in the flow")),
        ("startTime", time("when the request came")),
        ("endTime", time("when it went on; null where it ended")),
        ("status", of_model("Status", "that it failed here")),
    ];
    object("A stay at the gateway or at an executor.", &fields)
}

fn status() -> Value {
    let code = json!({ "type": "integer", "description": "0 when all is well, 1 when not" });
    let fields = [
        ("code", code),
        ("description", text("the cause, in a line")),
        ("exception", of_model("Exception", "the cause, in parts")),
    ];
    object("Whether something failed, and why.", &fields)
}

fn exception() -> Value {
    let texts = |description: &str| list(json!({ "type": "string" }), description);
    let fields = [
        ("name", text("the kind of error")),
        ("args", texts("what it says")),
        ("stacks", texts("where it happened")),
        ("executor", text("the class of the executor that failed")),
    ];
    object("An error, in parts.", &fields)
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

fn of_model(name: &str, description: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}"), "description": description })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names that a schema refers to.
    fn named(schema: &Value, names: &mut Vec<String>) {
        match schema {
            Value::Object(entries) => {
                if let Some(name) = entries.get("$ref").and_then(Value::as_str) {
                    names.push(name.rsplit('/').next().unwrap().to_owned());
                }
                entries.values().for_each(|schema| named(schema, names));
            }
            Value::Array(items) => items.iter().for_each(|schema| named(schema, names)),
            _ => {}
        }
    }

    #[test]
    fn every_model_that_is_named_is_there_and_every_field_says_what_it_is() {
        let models = all();
        let mut names = Vec::new();
        named(&models.clone().into(), &mut names);
        assert!(names.iter().all(|name| models.contains_key(name)), "{names:?}");
        for (name, model) in &models {
            for (field, schema) in model["properties"].as_object().unwrap() {
                assert!(!schema["description"].as_str().unwrap().is_empty(), "{name}.{field}");
            }
        }
    }
}
