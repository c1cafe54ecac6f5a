//! One call as it is under way at a plugin: what it was given, and what it said so far.

use std::collections::HashMap;

use bytes::Bytes;
use flowrun_sdk::{
    Answer, Call, CallBudget, Documents, ErrorKind, ExecutorError, FailedDocument, Value, protobuf,
};
use parking_lot::Mutex;
use serde_json::Map;

/// What a plugin is given for a call, made into bytes.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) request: String,
    pub(crate) endpoint: String,
    pub(crate) parameters: String,
    pub(crate) documents: Bytes,
    /// How many documents there are, the bytes that they hold, and whether each has an id.
    pub(crate) count: usize,
    pub(crate) memory: usize,
    pub(crate) named: bool,
    pub(crate) budget: CallBudget,
    said: Mutex<Said>,
}

/// What a plugin said during a call.
#[derive(Debug, Default)]
struct Said {
    documents: Option<Documents>,
    failures: Vec<(String, ExecutorError)>,
    results: Map<String, Value>,
    /// The words for what it is going to return.
    reason: Option<String>,
    /// What it said that cannot be, which fails the call whatever it returns.
    defect: Option<ExecutorError>,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// What it left behind.
    Well(Answer),
    /// Why it failed.
    Failed(ExecutorError),
    /// The executor is in no state to be called again.
    Panicked(String),
}

impl Given {
    /// What `call` gives.
    pub(crate) fn of(call: &Call<'_>) -> Self {
        let parameters = match call.parameters().is_empty() {
            true => String::new(),
            // A map of JSON values is JSON.
            false => serde_json::to_string(call.parameters()).unwrap_or_default(),
        };
        Self {
            request: call.request_id().to_owned(),
            endpoint: call.endpoint().to_owned(),
            parameters,
            documents: protobuf::encode_shared(call.documents()),
            count: call.documents().len(),
            memory: call.documents().memory_bytes(),
            named: call.documents().all_have_ids(),
            budget: call.budget(),
            said: Mutex::default(),
        }
    }

    /// The plugin answers with these bytes; `false` when they are no documents.
    pub(crate) fn answer(&self, documents: &Bytes) -> bool {
        let decoded = protobuf::decode_list(documents);
        let mut said = self.said.lock();
        match decoded {
            Ok(documents) => said.documents = Some(documents),
            Err(error) => {
                let message = format_args!("the plugin's answer cannot be read: {error}");
                said.defect = Some(ExecutorError::new(ErrorKind::Internal, message));
            }
        }
        said.defect.is_none()
    }

    pub(crate) fn reason(&self, reason: String) {
        self.said.lock().reason = Some(reason);
    }

    pub(crate) fn fail_document(&self, id: String, error: ExecutorError) {
        self.said.lock().failures.push((id, error));
    }

    pub(crate) fn result(&self, name: String, value: &str) {
        let mut said = self.said.lock();
        match serde_json::from_str(value) {
            Ok(value) => drop(said.results.insert(name, value)),
            Err(error) => {
                let message = format_args!("the plugin's result `{name}` is not JSON: {error}");
                said.defect = Some(ExecutorError::new(ErrorKind::Internal, message));
            }
        }
    }

    /// How the call ended that returned `status`, of a plugin that was given `documents`.
    pub(crate) fn ended(self, status: u32, documents: &Documents) -> Ended {
        use flowrun_sdk::abi::{FLOWRUN_OK, FLOWRUN_PANIC, kind};
        let Said { documents: answered, failures, results, reason, defect } = self.said.into_inner();
        let reason = || reason.unwrap_or_else(|| format!("the plugin returned {status} without a reason"));
        match (status, defect) {
            (FLOWRUN_PANIC, _) => Ended::Panicked(reason()),
            (_, Some(defect)) => Ended::Failed(defect),
            (FLOWRUN_OK, None) => {
                let answered = answered.unwrap_or_else(|| documents.clone());
                if failures.is_empty() {
                    return Ended::Well(Answer { documents: answered, results, ..Answer::default() });
                }
                Ended::Well(settled(documents, answered, failures, results))
            }
            _ => Ended::Failed(ExecutorError::new(kind(status), reason())),
        }
    }
}

/// Sets the failed documents aside. A plugin may leave them out of its answer, or in it: of each id as many stay as were
/// given and did not fail.
fn settled(
    given: &Documents,
    mut documents: Documents,
    failed: Vec<(String, ExecutorError)>,
    results: Map<String, Value>,
) -> Answer {
    let mut stay: HashMap<&str, (usize, &str)> =
        failed.iter().map(|(id, _)| (id.as_str(), (0, id.as_str()))).collect();
    for document in given {
        if let Some((count, label)) = stay.get_mut(document.id.as_str()) {
            (*count, *label) = (*count + 1, document.label());
        }
    }
    for (id, _) in &failed {
        if let Some((count, _)) = stay.get_mut(id.as_str()) {
            *count = count.saturating_sub(1);
        }
    }
    let labels: Vec<String> = failed
        .iter()
        .map(|(id, _)| stay.get(id.as_str()).map_or("", |(_, label)| label).to_owned())
        .collect();
    if documents.iter().any(|document| stay.contains_key(document.id.as_str())) {
        documents.make_mut().retain(|document| match stay.get_mut(document.id.as_str()) {
            None => true,
            Some((0, _)) => false,
            Some((count, _)) => {
                *count -= 1;
                true
            }
        });
    }
    let failure =
        |((id, error), label): ((String, ExecutorError), String)| FailedDocument { id, label, error };
    let failures = failed.into_iter().zip(labels).map(failure).collect();
    Answer { documents, failures, results, ..Answer::default() }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Document;

    use super::*;

    /// The documents that stay and the labels of those that failed.
    fn after(given: &str, answered: &str, failed: &[&str]) -> (String, Vec<String>) {
        let documents =
            |ids: &str| ids.chars().map(|id| Document::new(id).with_uri(format!("{id}.gif"))).collect();
        let failed = failed.iter().map(|id| ((*id).to_owned(), ExecutorError::input("no"))).collect();
        let answer = settled(&documents(given), documents(answered), failed, Map::new());
        let stay = answer.documents.iter().map(|document| document.id.as_str()).collect();
        (stay, answer.failures.into_iter().map(|failure| failure.label).collect())
    }

    #[test]
    fn failed_documents_are_set_aside_whether_the_answer_has_them_or_not() {
        for (given, answered, failed, stay) in [
            ("abc", "abc", &["b"][..], "ac"),
            ("abc", "ac", &["b"], "ac"),
            ("aba", "ba", &["a"], "ba"),
            ("aba", "aba", &["a"], "ab"),
            ("aba", "b", &["a", "a"], "b"),
            ("ab", "abx", &["b"], "ax"),
            ("ab", "", &["a", "b"], ""),
        ] {
            let labels: Vec<String> = failed.iter().map(|id| format!("{id}.gif")).collect();
            assert_eq!(after(given, answered, failed), (stay.to_owned(), labels), "{given} {answered}");
        }
        assert_eq!(after("a", "a", &["z"]), ("a".to_owned(), vec!["z".to_owned()]));
    }
}
