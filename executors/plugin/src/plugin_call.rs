//! One call of a plugin: its encoded arguments, and the reports of the plugin so far.

use std::collections::HashMap;

use bytes::Bytes;
use flowrun_sdk::{
    Answer, Call, CallBudget, Documents, ErrorKind, ExecutorError, FailedDocument, Value, protobuf,
};
use parking_lot::Mutex;
use serde_json::Map;

/// Arguments of a call in their encoded form, and the reports of the plugin.
#[derive(Debug)]
pub(crate) struct PluginCall {
    pub(crate) request_id: String,
    pub(crate) endpoint: String,
    /// Parameters of the request as a JSON object; empty if there are none.
    pub(crate) parameters: String,
    /// Documents as a protobuf message, see [`protobuf::encode_shared`].
    pub(crate) documents: Bytes,
    /// Number of documents.
    pub(crate) count: usize,
    /// Bytes of memory that the documents occupy.
    pub(crate) memory_bytes: usize,
    /// `true` if every document has an id.
    pub(crate) all_have_ids: bool,
    pub(crate) budget: CallBudget,
    reports: Mutex<Reports>,
}

/// Reports of a plugin during a call.
#[derive(Debug, Default)]
struct Reports {
    documents: Option<Documents>,
    failures: Vec<(String, ExecutorError)>,
    results: Map<String, Value>,
    /// Cause of the error that the plugin is about to return.
    reason: Option<String>,
    /// A malformed report, which fails the call whatever the plugin returns.
    defect: Option<ExecutorError>,
}

/// Outcome of a call.
#[derive(Debug)]
pub(crate) enum CallOutcome {
    /// Success.
    Answered(Answer),
    /// The error of the plugin.
    Failed(ExecutorError),
    /// The plugin panicked with this message, and cannot be called again.
    Panicked(String),
}

impl PluginCall {
    /// Encodes the arguments of a call.
    pub(crate) fn new(call: &Call<'_>) -> Self {
        let parameters = match call.parameters().is_empty() {
            true => String::new(),
            // Serializing a JSON object cannot fail.
            false => serde_json::to_string(call.parameters()).unwrap_or_default(),
        };
        Self {
            request_id: call.request_id().to_owned(),
            endpoint: call.endpoint().to_owned(),
            parameters,
            documents: protobuf::encode_shared(call.documents()),
            count: call.documents().len(),
            memory_bytes: call.documents().memory_bytes(),
            all_have_ids: call.documents().all_have_ids(),
            budget: call.budget(),
            reports: Mutex::default(),
        }
    }

    /// Records the answer; returns `false` if the bytes are not documents.
    pub(crate) fn set_answer(&self, documents: &Bytes) -> bool {
        let decoded = protobuf::decode_list(documents);
        let mut reports = self.reports.lock();
        match decoded {
            Ok(documents) => reports.documents = Some(documents),
            Err(error) => {
                let message = format_args!("the plugin's answer cannot be read: {error}");
                reports.defect = Some(ExecutorError::new(ErrorKind::Internal, message));
            }
        }
        reports.defect.is_none()
    }

    /// Records the cause of the error that the plugin is about to return.
    pub(crate) fn set_reason(&self, reason: String) {
        self.reports.lock().reason = Some(reason);
    }

    /// Records the failure of the document with the given id.
    pub(crate) fn fail_document(&self, id: String, error: ExecutorError) {
        self.reports.lock().failures.push((id, error));
    }

    /// Records a result of the request. A value that is not JSON fails the call.
    pub(crate) fn set_result(&self, name: String, value: &str) {
        let mut reports = self.reports.lock();
        match serde_json::from_str(value) {
            Ok(value) => drop(reports.results.insert(name, value)),
            Err(error) => {
                let message = format_args!("the plugin's result `{name}` is not JSON: {error}");
                reports.defect = Some(ExecutorError::new(ErrorKind::Internal, message));
            }
        }
    }

    /// Outcome of a call that was sent `documents` and returned `status`. Without an answer, `documents` are unchanged.
    pub(crate) fn into_outcome(self, status: u32, documents: &Documents) -> CallOutcome {
        use flowrun_sdk::abi::{FLOWRUN_OK, FLOWRUN_PANIC, error_kind};
        let Reports { documents: answer, failures, results, reason, defect } = self.reports.into_inner();
        let reason = || reason.unwrap_or_else(|| format!("the plugin returned {status} without a reason"));
        match (status, defect) {
            (FLOWRUN_PANIC, _) => CallOutcome::Panicked(reason()),
            (_, Some(defect)) => CallOutcome::Failed(defect),
            (FLOWRUN_OK, None) => {
                let answer = answer.unwrap_or_else(|| documents.clone());
                if failures.is_empty() {
                    return CallOutcome::Answered(Answer { documents: answer, results, ..Answer::default() });
                }
                CallOutcome::Answered(separate_failures(documents, answer, failures, results))
            }
            _ => CallOutcome::Failed(ExecutorError::new(error_kind(status), reason())),
        }
    }
}

/// Separates failed documents from an answer, which may or may not contain them. Of each id, as many documents remain as
/// were sent and did not fail.
fn separate_failures(
    sent: &Documents,
    mut documents: Documents,
    failed: Vec<(String, ExecutorError)>,
    results: Map<String, Value>,
) -> Answer {
    let mut remaining: HashMap<&str, (usize, &str)> =
        failed.iter().map(|(id, _)| (id.as_str(), (0, id.as_str()))).collect();
    for document in sent {
        if let Some((count, label)) = remaining.get_mut(document.id.as_str()) {
            (*count, *label) = (*count + 1, document.label());
        }
    }
    for (id, _) in &failed {
        if let Some((count, _)) = remaining.get_mut(id.as_str()) {
            *count = count.saturating_sub(1);
        }
    }
    let labels: Vec<String> = failed
        .iter()
        .map(|(id, _)| remaining.get(id.as_str()).map_or("", |(_, label)| label).to_owned())
        .collect();
    if documents.iter().any(|document| remaining.contains_key(document.id.as_str())) {
        documents.make_mut().retain(|document| match remaining.get_mut(document.id.as_str()) {
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

    /// Ids of the remaining documents and labels of the failed ones.
    fn separated(sent: &str, answered: &str, failed: &[&str]) -> (String, Vec<String>) {
        let documents =
            |ids: &str| ids.chars().map(|id| Document::new(id).with_uri(format!("{id}.gif"))).collect();
        let failed = failed.iter().map(|id| ((*id).to_owned(), ExecutorError::input("no"))).collect();
        let answer = separate_failures(&documents(sent), documents(answered), failed, Map::new());
        let remaining = answer.documents.iter().map(|document| document.id.as_str()).collect();
        (remaining, answer.failures.into_iter().map(|failure| failure.label).collect())
    }

    #[test]
    fn failed_documents_are_separated_whether_or_not_the_answer_contains_them() {
        for (sent, answered, failed, remaining) in [
            ("abc", "abc", &["b"][..], "ac"),
            ("abc", "ac", &["b"], "ac"),
            ("aba", "ba", &["a"], "ba"),
            ("aba", "aba", &["a"], "ab"),
            ("aba", "b", &["a", "a"], "b"),
            ("ab", "abx", &["b"], "ax"),
            ("ab", "", &["a", "b"], ""),
        ] {
            let labels: Vec<String> = failed.iter().map(|id| format!("{id}.gif")).collect();
            assert_eq!(
                separated(sent, answered, failed),
                (remaining.to_owned(), labels),
                "{sent} {answered}"
            );
        }
        assert_eq!(separated("a", "a", &["z"]), ("a".to_owned(), vec!["z".to_owned()]));
    }
}
