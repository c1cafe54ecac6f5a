//! `/get`, `/list`, `/count`, partial `/update`, `/delete` by filter.

use flowrun_sdk::testing::ExecutorHarness;
use flowrun_sdk::{Context, Document, Value};
use serde_json::json;

use crate::harness::{
    NO_DOCUMENTS, call, call_with, directory, document, executor_type, failures, open, search,
};

fn filled(base: &std::path::Path, with: &Value) -> ExecutorHarness {
    let mut executor = open(base, "VectorIndexer", with);
    let documents = (0..25_u8).map(|number| {
        let scene = if number.is_multiple_of(2) { "night" } else { "day" };
        let document = document(&format!("{number:02}"), &[f32::from(number), 1.0]).with_text("text");
        document.with_tag("t", number).with_tag("scene", scene)
    });
    call(&mut executor, "/index", documents.collect());
    executor
}

fn ids(documents: &[Document]) -> Vec<String> {
    documents.iter().map(|document| document.id.clone()).collect()
}

#[test]
fn list_pages_through_all_documents() {
    let directory = directory();
    for columns in [json!(null), json!({"t": "int", "scene": "str"})] {
        let base = directory.path().join(columns.is_null().to_string());
        let mut executor = filled(&base, &json!({"columns": columns}));
        let (mut cursor, mut listed) = (Value::Null, Vec::new());
        loop {
            let answer =
                call_with(&mut executor, "/list", NO_DOCUMENTS, json!({"limit": 10, "cursor": cursor}))
                    .unwrap();
            listed.extend(ids(&answer.documents));
            let Some(next) = answer.results.get("cursor") else { break };
            cursor = next.clone();
        }
        assert_eq!(listed, (0..25).map(|number| format!("{number:02}")).collect::<Vec<_>>());
        let night = json!({"filter": "scene == 'night' and t >= 20"});
        let answer = call_with(&mut executor, "/list", NO_DOCUMENTS, night.clone()).unwrap();
        assert_eq!(ids(&answer.documents), ["20", "22", "24"]);
        assert_eq!(
            call_with(&mut executor, "/count", NO_DOCUMENTS, night.clone()).unwrap().results["count"],
            3
        );
        assert_eq!(call(&mut executor, "/count", NO_DOCUMENTS).results["count"], 25);
        assert_eq!(
            call_with(&mut executor, "/delete", NO_DOCUMENTS, night.clone()).unwrap().results["deleted"],
            3
        );
        assert_eq!(call_with(&mut executor, "/count", NO_DOCUMENTS, night).unwrap().results["count"], 0);
        let refused =
            call_with(&mut executor, "/list", NO_DOCUMENTS, json!({"limit": 0})).unwrap_err().to_string();
        assert!(refused.contains("`limit`: must be from 1 to 10000"), "{refused}");
    }
}

#[test]
fn get_returns_documents_with_vectors() {
    let directory = directory();
    let mut executor = filled(directory.path(), &json!({}));
    let answer = call(&mut executor, "/get", vec![Document::new("07"), Document::new("unheard of")]);
    let [stored, unknown] = &answer.documents[..] else { panic!("expected two documents") };
    assert_eq!((stored.text.as_deref(), &stored.tags["scene"]), (Some("text"), &json!("day")));
    assert_eq!(stored.embedding.as_ref().unwrap().to_f32().unwrap()[..], [7.0, 1.0]);
    assert_eq!((unknown, &answer.results["unknown"]), (&Document::new("unheard of"), &json!(1)));
}

#[test]
fn partial_updates_keep_unset_fields() {
    let directory = directory();
    for columns in [json!(null), json!({"t": "int", "scene": "str"})] {
        let base = directory.path().join(columns.is_null().to_string());
        let mut executor = filled(&base, &json!({"columns": columns, "metric": "euclidean"}));
        // Loads the tags into the column cache before they change.
        let night = json!({"filter": {"scene": "night"}, "top_k": 100});
        let count = |executor: &mut ExecutorHarness, parameters: &Value| {
            let query = vec![document("q", &[0.0, 1.0])];
            call_with(executor, "/search", query, parameters.clone()).unwrap().documents[0].matches.len()
        };
        assert_eq!(count(&mut executor, &night), 13);
        let changes =
            vec![Document::new("07").with_tag("scene", "night"), Document::new("no").with_tag("a", 1)];
        let answer = call_with(&mut executor, "/update", changes, json!({"partial": true})).unwrap();
        assert_eq!((&answer.results["updated"], answer.failures.len()), (&json!(1), 1));
        assert_eq!(count(&mut executor, &night), 14);
        let moved = vec![document("07", &[100.0, 1.0])];
        call_with(&mut executor, "/update", moved, json!({"partial": true})).unwrap();
        assert_eq!(count(&mut executor, &night), 14);
        let stored = call(&mut executor, "/get", vec![Document::new("07")]).documents[0].clone();
        assert_eq!((stored.text.as_deref(), &stored.tags["t"]), (Some("text"), &json!(7)));
        assert_eq!(search(&mut executor, &[100.0, 1.0])[0], "07");
    }
}

#[test]
fn concurrent_partial_updates_are_all_applied() {
    let directory = directory();
    let context = Context::standalone(directory.path());
    let with = json!({"metric": "euclidean", "fsync": "never"});
    let replica = || ExecutorHarness::new(executor_type("VectorIndexer"), &with, context.clone()).unwrap();
    call(&mut replica(), "/index", vec![document("a", &[1.0, 1.0])]);
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let mut executor = replica();
            scope.spawn(move || {
                for number in 0..50 {
                    let change = Document::new("a").with_tag(&format!("{writer}-{number}"), 1);
                    call_with(&mut executor, "/update", vec![change], json!({"partial": true})).unwrap();
                }
            });
        }
    });
    let stored = call(&mut replica(), "/get", vec![Document::new("a")]).documents[0].clone();
    assert_eq!(stored.tags.len(), 200);
    // A request may update a document repeatedly; a failed update is not applied.
    let mut broken = document("a", &[f32::NAN, 1.0]).with_tag("none", 1);
    broken.text = Some("none".into());
    let changes = vec![
        Document::new("a").with_tag("first", 1).with_text("first"),
        broken,
        document("a", &[3.0, 1.0]).with_tag("second", 1),
    ];
    let answer = call_with(&mut replica(), "/update", changes, json!({"partial": true})).unwrap();
    assert_eq!(failures(&answer).len(), 1);
    let stored = call(&mut replica(), "/get", vec![Document::new("a")]).documents[0].clone();
    assert_eq!((stored.tags.len(), stored.text.as_deref()), (202, Some("first")));
    assert_eq!(stored.embedding.unwrap().to_f32().unwrap()[..], [3.0, 1.0]);
}

#[test]
fn a_cursor_that_no_id_can_be_is_a_parameter_error() {
    let directory = directory();
    for name in ["VectorIndexer", "DocumentStore"] {
        let mut executor = open(&directory.path().join(name), name, &json!({}));
        for length in [16_385, 70_000, 1 << 20] {
            let cursor = "x".repeat(length);
            let refused =
                call_with(&mut executor, "/list", NO_DOCUMENTS, json!({"cursor": cursor})).unwrap_err();
            assert!(refused.to_string().contains("parameter `cursor`"), "{refused}");
            assert!(refused.to_string().len() < 200, "{refused}");
        }
        call_with(&mut executor, "/list", NO_DOCUMENTS, json!({"cursor": "x".repeat(16_384)})).unwrap();
    }
}
