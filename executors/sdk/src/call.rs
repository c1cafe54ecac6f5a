//! One call of an executor: endpoint, documents, parameters and budget.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::value_preview::value_preview;
use crate::{
    AccessPaths, Answer, CallBudget, Cancellation, Document, DocumentSink, Documents, ExecutorError,
    FailedDocument, Origin, Parameter,
};

/// Parameters of a request: a JSON object.
pub type RequestParameters = Map<String, Value>;

/// One call of an executor.
///
/// An executor reads or changes the documents, reports documents that failed and returns results besides documents.
/// Builder methods set the environment of a call; hosts use them, and compound executors, which call other executors.
#[derive(Debug)]
pub struct Call<'a> {
    request_id: &'a str,
    trace_parent: Option<&'a str>,
    endpoint: &'a str,
    parameters: &'a RequestParameters,
    documents: Documents,
    origins: Vec<Origin>,
    sink: Option<Arc<dyn DocumentSink>>,
    budget: CallBudget,
    failures: Vec<FailedDocument>,
    results: Map<String, Value>,
    remote_results: Map<String, Value>,
}

impl<'a> Call<'a> {
    /// Creates a call without a deadline and without a bound on memory.
    #[must_use]
    pub fn new(endpoint: &'a str, documents: Documents, parameters: &'a RequestParameters) -> Self {
        Self {
            request_id: "",
            trace_parent: None,
            endpoint,
            parameters,
            documents,
            origins: Vec::new(),
            sink: None,
            budget: CallBudget::unbounded(),
            failures: Vec::new(),
            results: Map::new(),
            remote_results: Map::new(),
        }
    }

    /// Creates a call with the deadline, cancellation and bound of `budget`, for compound executors that call their inner
    /// executors document by document. The bytes that the new call uses are not counted in `budget`.
    #[must_use]
    pub fn with_budget(
        budget: &CallBudget,
        endpoint: &'a str,
        documents: Documents,
        parameters: &'a RequestParameters,
    ) -> Self {
        Self::new(endpoint, documents, parameters)
            .with_deadline(budget.deadline(), budget.cancellation().clone())
            .with_bytes_max(budget.bytes_max())
    }

    /// Sets the id of the request.
    #[must_use]
    pub fn with_request_id(self, request_id: &'a str) -> Self {
        Self { request_id, ..self }
    }

    /// Sets the span that the call is part of, as the value of the W3C header `traceparent`.
    #[must_use]
    pub fn with_trace_parent(self, trace_parent: Option<&'a str>) -> Self {
        Self { trace_parent, ..self }
    }

    /// Sets the origins of the documents.
    #[must_use]
    pub fn with_origins(self, origins: Vec<Origin>) -> Self {
        Self { origins, ..self }
    }

    /// Sets the receiver of documents that are returned before the call ends.
    #[must_use]
    pub fn with_sink(self, sink: Option<Arc<dyn DocumentSink>>) -> Self {
        Self { sink, ..self }
    }

    /// Sets deadline (`None` for no deadline) and cancellation.
    #[must_use]
    pub fn with_deadline(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { budget: self.budget.with_deadline(deadline, cancellation), ..self }
    }

    /// Bounds the bytes that the documents may occupy ([`Document::memory_bytes`]). Set the documents first: they are
    /// measured now.
    #[must_use]
    pub fn with_bytes_max(self, bytes_max: usize) -> Self {
        Self { budget: self.budget.with_bytes(bytes_max, self.documents.memory_bytes()), ..self }
    }

    /// Moves the documents into a call for an inner executor of a compound executor, with another endpoint and other
    /// parameters, and the same deadline, cancellation and bound. [`Call::merge_answer`] moves them back.
    #[must_use]
    pub fn sub_call<'b>(&mut self, endpoint: &'b str, parameters: &'b RequestParameters) -> Call<'b>
    where
        'a: 'b,
    {
        Call::with_budget(&self.budget, endpoint, self.documents.take(), parameters)
            .with_request_id(self.request_id)
            .with_trace_parent(self.trace_parent)
            .with_origins(std::mem::take(&mut self.origins))
    }

    /// Replaces the documents by those of `answer`, and adds its failures and results.
    pub fn merge_answer(&mut self, answer: Answer) {
        self.documents = answer.documents;
        self.failures.extend(answer.failures);
        self.results.extend(answer.results);
        self.remote_results.extend(answer.remote_results);
    }

    /// Ends the call and returns its outcome.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let Self { documents, failures, results, remote_results, .. } = self;
        Answer { documents, failures, results, remote_results }
    }

    /// Id of the request, as in logs; empty if it has none.
    pub fn request_id(&self) -> &'a str {
        self.request_id
    }

    /// Span that the call is part of, as the value of the W3C header `traceparent`: executors that call other services send
    /// it to them. `None` in executors in other processes, in plugins, and if there is no trace.
    pub fn trace_parent(&self) -> Option<&'a str> {
        self.trace_parent
    }

    /// Endpoint of the request, for example `/index`.
    pub fn endpoint(&self) -> &'a str {
        self.endpoint
    }

    /// Parameters of the request.
    pub fn parameters(&self) -> &'a RequestParameters {
        self.parameters
    }

    /// Parses the request parameter `name`; `None` if the request does not have it, or it is `null`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`](crate::ErrorKind::Parameter) if its value does not fit the type.
    pub fn parameter<T: Parameter>(&self, name: &str) -> Result<Option<T>, ExecutorError> {
        let Some(value) = self.parameters.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let wrong = || {
            let reason = format_args!("must be {}, but is {}", T::KIND, value_preview(value));
            ExecutorError::parameter(name, reason)
        };
        T::parse(value).map(Some).ok_or_else(wrong)
    }

    /// Number of matches per document that the request specifies, or `default`; see [`top_k`].
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`](crate::ErrorKind::Parameter) if it is not a non-negative integer.
    pub fn top_k(&self, default: usize) -> Result<usize, ExecutorError> {
        top_k(self.parameters).map(|top_k| top_k.unwrap_or(default))
    }

    /// Paths to the documents to process: the request parameter `access_paths`, else `traversal_paths`, its name in older
    /// versions of Jina, else `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`](crate::ErrorKind::Parameter) if it is not a list of access paths.
    pub fn access_paths<'b>(&self, default: &'b AccessPaths) -> Result<Cow<'b, AccessPaths>, ExecutorError> {
        let stated = match self.parameter("access_paths")? {
            None => self.parameter("traversal_paths")?,
            stated => stated,
        };
        Ok(stated.map_or(Cow::Borrowed(default), Cow::Owned))
    }

    /// Documents of the call: the roots.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Receiver of documents that are returned before the call ends; `None` if all are returned at its end.
    pub fn sink(&self) -> Option<&Arc<dyn DocumentSink>> {
        self.sink.as_ref()
    }

    /// Executors that the documents came from, after a join with `no_reduce`, which concatenates instead of merging. Empty
    /// otherwise, and in plugins.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// Returns the documents for writing; copies them first if another branch shares them.
    pub fn documents_mut(&mut self) -> &mut Vec<Document> {
        self.documents.make_mut()
    }

    /// Replaces the documents.
    pub fn set_documents(&mut self, documents: impl Into<Documents>) {
        self.documents = documents.into();
    }

    /// Time at which the request has to be answered; `None` for no deadline.
    pub fn deadline(&self) -> Option<Instant> {
        self.budget.deadline()
    }

    /// Budget of the call: a clone that shares its state, for use while the call is borrowed.
    #[must_use]
    pub fn budget(&self) -> CallBudget {
        self.budget.clone()
    }

    /// Checks deadline and cancellation. Long computations call this regularly.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`](crate::ErrorKind::Cancelled) or [`ErrorKind::Expired`](crate::ErrorKind::Expired) if
    /// the result is not awaited any more.
    pub fn check(&self) -> Result<(), ExecutorError> {
        self.budget.check()
    }

    /// Sets a result besides the documents; clients receive it in `__results__`, under the name of the executor.
    pub fn set_result(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.results.insert(name.into(), value.into());
    }

    /// Calls `action` with every document on `paths`, for reading. An error moves only the root of that document to the
    /// failures.
    ///
    /// # Errors
    /// Those of [`Call::check`], if the request was cancelled or expired meanwhile.
    pub fn for_each_ref(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&Document) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let documents = self.documents.clone();
        let mut failed = Vec::new();
        for (position, root) in documents.iter().enumerate() {
            let visit = paths.visit(root, &mut |document| {
                self.check()?;
                action(document)
            });
            if let Err(error) = visit {
                // The end of the request fails the call, not the document.
                self.check()?;
                failed.push((position, error));
            }
        }
        drop(documents);
        self.move_to_failures(failed);
        Ok(())
    }

    /// Calls `action` with every document on `paths`, for writing. An error moves only the root of that document to the
    /// failures, and so does growth beyond the [`CallBudget`].
    ///
    /// # Errors
    /// Those of [`Call::check`], if the request was cancelled or expired meanwhile. The root that was being changed is then
    /// among the failures.
    pub fn for_each(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&mut Document) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let budget = self.budget();
        self.try_for_each_root(|mut root| {
            paths.visit_mut(&mut root, &mut |document| {
                budget.track_change(document, Document::memory_bytes, &mut action)
            })?;
            Ok(vec![root])
        })
    }

    /// Calls `action` with every list of siblings on `paths`, so that it can add and remove documents; each root
    /// is a list of its own. An error moves only that root to the failures, and so does growth beyond the [`CallBudget`].
    ///
    /// # Errors
    /// Those of [`Call::check`], if the request was cancelled or expired meanwhile. The root that was being changed is then
    /// among the failures.
    pub fn for_each_siblings(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&mut Vec<Document>) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let budget = self.budget();
        let memory_bytes = |siblings: &Vec<Document>| siblings.iter().map(Document::memory_bytes).sum();
        self.try_for_each_root(|root| {
            paths.visit_siblings(root, &mut |siblings| {
                budget.track_change(siblings, memory_bytes, &mut action)
            })
        })
    }

    /// Moves the root documents with that id to the failures.
    pub fn fail_document(&mut self, id: &str, error: &ExecutorError) {
        let positions = self.documents.iter().enumerate().filter(|(_, document)| document.id == id);
        let failed = positions.map(|(position, _)| (position, error.clone())).collect();
        self.move_to_failures(failed);
    }

    /// Replaces each root by the documents that `action` returns for it, or moves it to the failures. Stops calling
    /// `action` when the request ends; the remaining roots stay unchanged.
    fn try_for_each_root(
        &mut self,
        mut action: impl FnMut(Document) -> Result<Vec<Document>, ExecutorError>,
    ) -> Result<(), ExecutorError> {
        self.check()?;
        let roots = self.documents.take();
        let sizes: Vec<usize> = roots.iter().map(Document::memory_bytes).collect();
        self.budget.set_used(sizes.iter().sum());
        let mut remaining = Vec::with_capacity(roots.len());
        let mut check = Ok(());
        for (root, size) in roots.into_iter().zip(sizes) {
            if check.is_ok() {
                check = self.check();
            }
            if check.is_err() {
                remaining.push(root);
                continue;
            }
            let name = Document::new(root.id.clone()).with_uri(root.uri.clone());
            let used = self.budget.used();
            match action(root) {
                Ok(documents) => remaining.extend(documents),
                Err(error) => {
                    self.budget.set_used(used.saturating_sub(size));
                    self.failures.push(FailedDocument::new(&name, error));
                    check = self.check();
                }
            }
        }
        self.documents = remaining.into();
        check
    }

    /// Moves the roots at these positions, in ascending order, from the documents to the failures.
    fn move_to_failures(&mut self, failed: Vec<(usize, ExecutorError)>) {
        if failed.is_empty() {
            return;
        }
        let mut failed = failed.into_iter().peekable();
        let mut remaining = Vec::with_capacity(self.documents.len());
        for (position, document) in self.documents.take().into_iter().enumerate() {
            match failed.next_if(|(failed, _)| *failed == position) {
                Some((_, error)) => self.failures.push(FailedDocument::new(&document, error)),
                None => remaining.push(document),
            }
        }
        self.documents = remaining.into();
    }
}

/// Number of matches per document that a request specifies: `top_k`, or `limit`, the name in Jina 3. `None` if it
/// specifies neither, or `null`.
///
/// # Errors
/// [`ErrorKind::Parameter`](crate::ErrorKind::Parameter) if it is not a non-negative integer.
pub fn top_k(parameters: &RequestParameters) -> Result<Option<usize>, ExecutorError> {
    let mut named = ["top_k", "limit"].into_iter().filter_map(|name| parameters.get_key_value(name));
    let stated = named.find(|(_, value)| !value.is_null());
    let Some((name, value)) = stated else { return Ok(None) };
    let wrong = || {
        let reason = format_args!("must be an integer ≥ 0, but is {}", value_preview(value));
        ExecutorError::parameter(name, reason)
    };
    usize::parse(value).map(Some).ok_or_else(wrong)
}

mod batch;

#[cfg(test)]
mod tests;
