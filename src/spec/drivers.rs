//! Jina 0.x and 1.x: the drivers of `requests.on`, as steps of ours.
//!
//! A driver takes certain documents out of a request and hands them to its executor. An executor of ours finds its
//! documents itself, by access paths; so a driver becomes a call with an endpoint and access paths.

use serde_json::{Value, json};

use super::executor::{Step, StepTarget};
use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean};

/// What a driver becomes.
enum Meaning {
    /// A call of its executor: the endpoint (the request's own when `None`) and the documents.
    Call(Option<&'static str>, String),
    /// A call of an executor of ours.
    Builtin(&'static str, Value, String),
    /// Nothing: the runtime does it anyway, or there is nothing to do.
    Nothing,
}

/// The step that a driver becomes, if any. `component` finds the component that its `executor:` names.
pub(super) fn step(
    driver: &str,
    with: &Value,
    span: Span,
    component: Option<usize>,
    report: &mut Report,
) -> Option<Step> {
    let Some(meaning) = meaning(driver, with) else {
        let message = format!("the driver `{driver}` has no counterpart in flowrun");
        let meant = did_you_mean(driver, DRIVERS.iter().copied());
        report.push(Diagnostic::at(Code::UnsupportedDriver, span, message).maybe_help(meant));
        return None;
    };
    match meaning {
        Meaning::Nothing => None,
        Meaning::Call(endpoint, paths) => Some(Step {
            target: StepTarget::Component(component?),
            endpoint,
            access_paths: Some(paths),
            span,
        }),
        Meaning::Builtin(class, with, paths) => Some(Step {
            target: StepTarget::Builtin(class, with),
            endpoint: None,
            access_paths: Some(paths),
            span,
        }),
    }
}

/// Whether a driver calls the executor that it stands in, so that it needs one.
pub(super) fn calls_executor(driver: &str, with: &Value) -> bool {
    matches!(meaning(driver, with), Some(Meaning::Call(..)))
}

/// Every driver that is understood, for suggestions.
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

fn meaning(driver: &str, with: &Value) -> Option<Meaning> {
    use Meaning::{Builtin, Call, Nothing};
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
        "KVSearchDriver" => Call(Some("/search"), found(&level(with, "@c"))),
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
        "SliceQL" => Builtin("TopK", slice(with), matched(&roots())),
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
        | "MIMEDriver" => Nothing,
        _ => return None,
    })
}

fn clear() -> Meaning {
    Meaning::Builtin("Clear", json!({}), "@r".to_owned())
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

/// From documents to the documents that were found for them.
fn found(paths: &str) -> String {
    let paths = paths.trim_start_matches('@').split(',');
    let found: Vec<String> = paths
        .map(|path| match path {
            path if path.ends_with('m') => path.to_owned(),
            "r" => "m".to_owned(),
            path => format!("{path}m"),
        })
        .collect();
    format!("@{}", found.join(","))
}

/// From the documents that were found to those that they were found for, whose matches are cut.
fn matched(paths: &str) -> String {
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

/// The list of fields under `key`, which may be a single word, in our names.
fn fields(with: &Value, key: &str, default: &[&str]) -> Value {
    let words: Vec<&str> = match with.get(key) {
        Some(Value::String(word)) => vec![word],
        Some(Value::Array(words)) => words.iter().filter_map(Value::as_str).collect(),
        _ => default.to_vec(),
    };
    json!({ "fields": words.into_iter().filter_map(field).collect::<Vec<_>>() })
}

/// Our name of a field of Jina 0.x, whose `blob` is an array and whose bytes are `raw_bytes` or `buffer`.
/// What we do not keep needs no pruning.
fn field(word: &str) -> Option<&str> {
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
    fn every_driver_named_for_suggestions_has_a_meaning() {
        for driver in DRIVERS {
            assert!(meaning(driver, &json!({})).is_some(), "{driver}");
        }
        assert!(meaning("EvaluateDriver", &json!({})).is_none());
    }

    #[test]
    fn levels_and_traversals_become_access_paths() {
        assert_eq!(level(&json!({"level": "all"}), "@c"), "@r,c");
        assert_eq!(found("@r,c"), "@m,cm");
        assert_eq!(found(&traversal(&json!({"traversal_paths": ["m", "cm"]}), "@c")), "@m,cm");
        assert_eq!(matched("@m,cm,r"), "@r,c,r");
    }

    #[test]
    fn fields_get_our_names() {
        let with = json!({"pruned": ["raw_bytes", "blob", "meta_info", "text"]});
        assert_eq!(fields(&with, "pruned", &[]), json!({"fields": ["blob", "tensor", "text"]}));
        assert_eq!(fields(&json!({"pruned": "raw_bytes"}), "pruned", &[]), json!({"fields": ["blob"]}));
    }
}
