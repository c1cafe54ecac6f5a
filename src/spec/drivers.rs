//! Translates drivers of Jina 0.x and 1.x (`requests.on`) to steps.
//!
//! A driver extracts documents from a request and passes them to its executor. A flowrun executor selects its documents
//! itself, by access paths, so a driver becomes a call with an endpoint and access paths.

use serde_json::{Value, json};

use super::executor::{Step, StepTarget};
use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};

/// Translation of a driver.
enum Translation {
    /// A call of the driver's executor: endpoint (`None` for the request's own) and access paths.
    Call(Option<&'static str>, String),
    /// A call of a built-in executor: class, parameters and access paths.
    Builtin(&'static str, Value, String),
    /// No step: the runtime does this work itself, or there is nothing to do.
    NoStep,
}

/// The step of a driver, if it needs one. `component` is the position of the component that it calls. `None`, and a report,
/// when flowrun does not support the driver.
pub(super) fn step(
    driver: &str,
    with: &Value,
    span: Span,
    component: Option<usize>,
    report: &mut Report,
) -> Option<Step> {
    let Some(translation) = translate(driver, with) else {
        let message = format!("the driver `{driver}` has no equivalent in flowrun");
        let suggestion = did_you_mean(driver, DRIVERS.iter().copied());
        report.push(Diagnostic::at(Code::UnsupportedDriver, span, message).maybe_help(suggestion));
        return None;
    };
    match translation {
        Translation::NoStep => None,
        Translation::Call(endpoint, paths) => Some(Step {
            target: StepTarget::Component(component?),
            endpoint,
            access_paths: Some(paths),
            span,
        }),
        Translation::Builtin(class, with, paths) => Some(Step {
            target: StepTarget::Builtin(class, with),
            endpoint: None,
            access_paths: Some(paths),
            span,
        }),
    }
}

/// True if a driver calls an executor, and so needs a component.
pub(super) fn calls_executor(driver: &str, with: &Value) -> bool {
    matches!(translate(driver, with), Some(Translation::Call(..)))
}

/// Every supported driver, for suggestions.
const DRIVERS: &[&str] = &[
    "SegmentDriver",
    "DocCraftDriver",
    "ChunkCraftDriver",
    "CraftDriver",
    "EncodeDriver",
    "VectorIndexDriver",
    "VectorSearchDriver",
    "KVIndexDriver",
    "DocKVIndexDriver",
    "ChunkKVIndexDriver",
    "KVSearchDriver",
    "DocKVSearchDriver",
    "ChunkKVSearchDriver",
    "Chunk2DocScoreDriver",
    "Chunk2DocRankDriver",
    "PruneDriver",
    "DocPruneDriver",
    "ChunkPruneDriver",
    "ReqPruneDriver",
    "ExcludeQL",
    "ExcludeReqQL",
    "SelectQL",
    "TopKFilterDriver",
    "SliceQL",
    "TopKSortDriver",
    "SortQL",
    "ReverseQL",
    "MergeDriver",
    "MergeTopKDriver",
    "ChunkMergeTopKDriver",
    "DocMergeTopKDriver",
    "ReduceDriver",
    "ReduceAllDriver",
    "ConcatEmbedDriver",
    "ForwardDriver",
    "RouteDriver",
    "ControlReqDriver",
    "WaitDriver",
    "LogInfoDriver",
    "URI2Buffer",
    "URI2DataURIDriver",
    "MIMEDriver",
];

fn translate(driver: &str, with: &Value) -> Option<Translation> {
    use Translation::{Builtin, Call, NoStep};
    let roots = || traversal(with, "@r");
    let chunks = || traversal(with, "@c");
    Some(match driver {
        "SegmentDriver" | "DocCraftDriver" | "CraftDriver" => Call(None, roots()),
        "ChunkCraftDriver" | "EncodeDriver" => Call(None, chunks()),
        "VectorIndexDriver" => Call(Some("/index"), chunks()),
        "VectorSearchDriver" => Call(Some("/search"), chunks()),
        "KVIndexDriver" => Call(Some("/index"), level(with, "@c")),
        "DocKVIndexDriver" => Call(Some("/index"), "@r".to_owned()),
        "ChunkKVIndexDriver" => Call(Some("/index"), "@c".to_owned()),
        "KVSearchDriver" => Call(Some("/search"), matches_of(&level(with, "@c"))),
        "DocKVSearchDriver" => Call(Some("/search"), "@m".to_owned()),
        "ChunkKVSearchDriver" => Call(Some("/search"), "@cm".to_owned()),
        "Chunk2DocScoreDriver" | "Chunk2DocRankDriver" => Call(Some("/search"), "@r".to_owned()),
        "PruneDriver" if with.get("level").and_then(Value::as_str) == Some("request") => clear(),
        "PruneDriver" => Builtin("ExcludeFields", fields(with, "pruned", &[]), level(with, "@c")),
        "DocPruneDriver" => {
            Builtin("ExcludeFields", fields(with, "pruned", &["chunks", "blob"]), "@r".to_owned())
        }
        "ChunkPruneDriver" => {
            let all = ["embedding", "blob", "tensor", "text"];
            Builtin("ExcludeFields", fields(with, "pruned", &all), "@c".to_owned())
        }
        "ReqPruneDriver" | "ExcludeReqQL" => clear(),
        "ExcludeQL" => Builtin("ExcludeFields", fields(with, "fields", &[]), roots()),
        "SelectQL" => Builtin("SelectFields", fields(with, "fields", &[]), roots()),
        "TopKFilterDriver" => Builtin("TopK", json!({}), "@r,c".to_owned()),
        "SliceQL" => Builtin("TopK", slice(with), parents_of(&roots())),
        "TopKSortDriver" | "SortQL" => Builtin("SortMatches", order(with), "@r,c".to_owned()),
        "ReverseQL" => Builtin("ReverseMatches", json!({}), "@r,c".to_owned()),
        "LogInfoDriver" => Builtin("Log", json!({}), "@r".to_owned()),
        "URI2Buffer" | "URI2DataURIDriver" => Builtin("UriReader", json!({}), roots()),
        "MergeDriver"
        | "MergeTopKDriver"
        | "ChunkMergeTopKDriver"
        | "DocMergeTopKDriver"
        | "ReduceDriver"
        | "ReduceAllDriver"
        | "ConcatEmbedDriver"
        | "ForwardDriver"
        | "RouteDriver"
        | "ControlReqDriver"
        | "WaitDriver"
        | "MIMEDriver" => NoStep,
        _ => return None,
    })
}

fn clear() -> Translation {
    Translation::Builtin("Clear", json!({}), "@r".to_owned())
}

/// `traversal_paths: [c]` of Jina 0.7 and later, as access paths.
fn traversal(with: &Value, default: &str) -> String {
    let paths = with.get("traversal_paths").and_then(Value::as_array);
    let paths: Vec<&str> = paths.into_iter().flatten().filter_map(Value::as_str).collect();
    if paths.is_empty() { default.to_owned() } else { format!("@{}", paths.join(",")) }
}

/// `level: doc | chunk | all` of Jina 0.1 to 0.3, as access paths.
fn level(with: &Value, default: &str) -> String {
    match with.get("level").and_then(Value::as_str) {
        Some("doc") => "@r".to_owned(),
        Some("chunk") => "@c".to_owned(),
        Some("all") => "@r,c".to_owned(),
        _ => traversal(with, default),
    }
}

/// Access paths of the matches of the documents at `paths`.
fn matches_of(paths: &str) -> String {
    let paths = paths.trim_start_matches('@').split(',');
    let matches: Vec<String> = paths
        .map(|path| match path {
            path if path.ends_with('m') => path.to_owned(),
            "r" => "m".to_owned(),
            path => format!("{path}m"),
        })
        .collect();
    format!("@{}", matches.join(","))
}

/// Access paths of the documents whose matches are at `paths`, where `TopK` truncates them.
fn parents_of(paths: &str) -> String {
    let paths = paths.trim_start_matches('@').split(',');
    let parents: Vec<&str> = paths
        .map(|path| match path.strip_suffix('m') {
            Some("") => "r",
            Some(parents) => parents,
            None => path,
        })
        .collect();
    format!("@{}", parents.join(","))
}

/// The list of fields (or single field) under `key`, translated to flowrun's field names.
fn fields(with: &Value, key: &str, default: &[&str]) -> Value {
    let words: Vec<&str> = match with.get(key) {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => default.to_vec(),
    };
    json!({ "fields": words.into_iter().filter_map(translate_field).collect::<Vec<_>>() })
}

/// flowrun's name of a field of Jina 0.x, whose `blob` is an array and whose bytes are `raw_bytes` or `buffer`.
/// `None` for fields that flowrun does not store, which need no pruning.
fn translate_field(word: &str) -> Option<&str> {
    match word {
        "raw_bytes" | "buffer" => Some("blob"),
        "blob" => Some("tensor"),
        "topk_results" => Some("matches"),
        "data_uri" => Some("uri"),
        "meta_info" | "length" | "siblings" | "content_hash" | "evaluations" | "level_name" => None,
        other => Some(other),
    }
}

fn slice(with: &Value) -> Value {
    match with.get("end").and_then(Value::as_u64) {
        Some(end) => json!({ "top_k": end }),
        None => json!({}),
    }
}

fn order(with: &Value) -> Value {
    let descending =
        ["descending", "reverse"].iter().any(|key| with.get(*key).and_then(Value::as_bool) == Some(true));
    json!({ "order": if descending { "descending" } else { "ascending" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suggested_driver_has_a_translation() {
        for driver in DRIVERS {
            assert!(translate(driver, &json!({})).is_some(), "{driver}");
        }
        assert!(translate("EvaluateDriver", &json!({})).is_none());
    }

    #[test]
    fn levels_and_traversals_become_access_paths() {
        assert_eq!(level(&json!({"level": "all"}), "@c"), "@r,c");
        assert_eq!(matches_of("@r,c"), "@m,cm");
        assert_eq!(matches_of(&traversal(&json!({"traversal_paths": ["m", "cm"]}), "@c")), "@m,cm");
        assert_eq!(parents_of("@m,cm,r"), "@r,c,r");
    }

    #[test]
    fn field_names_of_jina_0x_are_translated() {
        let with = json!({"pruned": ["raw_bytes", "blob", "meta_info", "text"]});
        assert_eq!(fields(&with, "pruned", &[]), json!({"fields": ["blob", "tensor", "text"]}));
        assert_eq!(fields(&json!({"pruned": "raw_bytes"}), "pruned", &[]), json!({"fields": ["blob"]}));
    }
}
