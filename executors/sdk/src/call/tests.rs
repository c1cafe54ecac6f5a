//! Tests of failing documents, calls that end early, and typed request parameters.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::ErrorKind;

fn documents() -> Documents {
    let root = |id: &str| {
        let mut root = Document::new(id);
        root.chunks = (0..2).map(|number| root.new_chunk(number)).collect();
        root
    };
    ["a", "b", "c"].map(root).into_iter().collect()
}

fn ids(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|document| document.id.as_str()).collect()
}

fn fail_b(document: &Document) -> Result<(), ExecutorError> {
    if document.id == "b#1" { Err(ExecutorError::input("odd")) } else { Ok(()) }
}

#[test]
fn a_failed_chunk_fails_only_its_root() {
    let parameters = RequestParameters::new();
    let paths = AccessPaths::chunks();
    let mut call = Call::new("/x", documents(), &parameters);
    call.for_each(&paths, |chunk| {
        chunk.text = Some("seen".into());
        fail_b(chunk)
    })
    .unwrap();
    let answer = call.into_answer();
    assert_eq!(ids(&answer.documents), ["a", "c"]);
    assert_eq!(answer.failures, [FailedDocument::new(&documents()[1], ExecutorError::input("odd"))]);

    let mut call = Call::new("/x", documents(), &parameters);
    call.for_each_ref(&paths, fail_b).unwrap();
    let answer = call.into_answer();
    assert_eq!((ids(&answer.documents), answer.failures.len()), (vec!["a", "c"], 1));
}

#[test]
fn a_cancelled_call_keeps_unchanged_documents() {
    let parameters = RequestParameters::new();
    let cancellation = Cancellation::default();
    let mut call = Call::new("/x", documents(), &parameters).with_deadline(None, cancellation.clone());
    let result = call.for_each(&AccessPaths::roots(), |_| {
        cancellation.cancel();
        Ok(())
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(call.documents().len(), 3);

    let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
    let call = Call::new("/x", documents(), &parameters).with_deadline(Some(past), Cancellation::default());
    assert_eq!(call.check().unwrap_err().kind(), ErrorKind::Expired);
}

#[test]
fn cancellation_within_a_document_fails_the_call() {
    let parameters = RequestParameters::new();
    let paths = AccessPaths::chunks();
    let last: Documents = documents().into_iter().skip(2).collect();
    let cancellation = Cancellation::default();
    let mut call = Call::new("/x", last.clone(), &parameters).with_deadline(None, cancellation.clone());
    let mut visited = 0;
    let result = call.for_each(&paths, |_| {
        visited += 1;
        cancellation.cancel();
        Ok(())
    });
    assert_eq!((result.unwrap_err().kind(), visited), (ErrorKind::Cancelled, 1));

    let cancellation = Cancellation::default();
    let mut call = Call::new("/x", last, &parameters).with_deadline(None, cancellation.clone());
    let result = call.for_each_ref(&paths, |_| {
        cancellation.cancel();
        Ok(())
    });
    assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
    assert_eq!(ids(call.documents()), ["c"]);
}

#[test]
fn request_parameters_are_typed() {
    let parameters = json!({"limit": 3.0, "access_paths": "@c", "name": [1]});
    let parameters = parameters.as_object().unwrap();
    let call = Call::new("/x", Documents::new(), parameters);
    assert_eq!(call.top_k(10).unwrap(), 3);
    assert_eq!(*call.access_paths(&AccessPaths::roots()).unwrap(), AccessPaths::chunks());
    for (parameters, paths) in [
        (json!({"traversal_paths": "@r,c"}), "@r,c"),
        (json!({"traversal_paths": ["c"], "access_paths": null}), "@c"),
        (json!({"traversal_paths": "@c", "access_paths": "@m"}), "@m"),
    ] {
        let call = Call::new("/x", Documents::new(), parameters.as_object().unwrap());
        assert_eq!(call.access_paths(&AccessPaths::roots()).unwrap().to_string(), paths);
    }
    assert_eq!(call.parameter::<String>("absent").unwrap(), None);
    let error = call.parameter::<String>("name").unwrap_err();
    assert_eq!(error.to_string(), "parameter `name`: must be a text, but is `[1]`");
    let long = json!({"access_paths": "x".repeat(1_000_000), "top_k": vec![0; 1_000_000]});
    let call = Call::new("/x", Documents::new(), long.as_object().unwrap());
    let errors = [call.access_paths(&AccessPaths::roots()).unwrap_err(), call.top_k(1).unwrap_err()];
    assert!(errors.iter().all(|error| error.message().len() < 300), "{errors:?}");
}

#[test]
fn a_null_parameter_is_unset() {
    for (parameters, top_k) in [
        (json!({"top_k": null}), 7),
        (json!({"limit": null}), 7),
        (json!({"top_k": null, "limit": 3}), 3),
        (json!({"top_k": 2, "limit": null}), 2),
    ] {
        let call = Call::new("/x", Documents::new(), parameters.as_object().unwrap());
        assert_eq!(call.top_k(7).unwrap(), top_k, "{parameters}");
    }
}
