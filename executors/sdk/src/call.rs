//! One call of an executor: an endpoint, documents, parameters, and the time left.

use std::borrow::Cow;
use std::time::Instant;

use serde_json::{Map, Value};

use crate::parameters::shown;
use crate::{
    AccessPaths, Answer, CallBudget, Cancellation, Document, Documents, ExecutorError, FailedDocument,
    Origin, Parameter,
};

/// The parameters of a request: a JSON object.
pub type RequestParameters = Map<String, Value>;

/// One call of an executor.
#[derive(Debug)]
pub struct Call<'a> {
    request: &'a str,
    endpoint: &'a str,
    parameters: &'a RequestParameters,
    documents: Documents,
    origins: Vec<Origin>,
    budget: CallBudget,
    failures: Vec<FailedDocument>,
    results: Map<String, Value>,
    remote_results: Map<String, Value>,
}

impl<'a> Call<'a> {
    /// A call without a deadline and without a bound on memory.
    #[must_use]
    pub fn new(endpoint: &'a str, documents: Documents, parameters: &'a RequestParameters) -> Self {
        Self {
            request: "",
            endpoint,
            parameters,
            documents,
            origins: Vec::new(),
            budget: CallBudget::unbounded(),
            failures: Vec::new(),
            results: Map::new(),
            remote_results: Map::new(),
        }
    }

    /// The same call, for the request of that id.
    #[must_use]
    pub fn with_request_id(self, request: &'a str) -> Self {
        Self { request, ..self }
    }

    /// The same call, whose documents came from there.
    #[must_use]
    pub fn with_origins(self, origins: Vec<Origin>) -> Self {
        Self { origins, ..self }
    }

    /// The same call, to be given up at `deadline` or at the sign.
    #[must_use]
    pub fn with_deadline(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { budget: self.budget.with_deadline(deadline, cancellation), ..self }
    }

    /// The same call, whose documents may hold `bytes_max` bytes ([`Document::memory_bytes`]).
    #[must_use]
    pub fn with_bytes_max(self, bytes_max: usize) -> Self {
        Self { budget: self.budget.with_bytes(bytes_max, self.documents.memory_bytes()), ..self }
    }

    /// The call that a part of a compound executor gets: other endpoint and parameters, the same documents and bounds.
    #[must_use]
    pub fn sub_call<'b>(&mut self, endpoint: &'b str, parameters: &'b RequestParameters) -> Call<'b>
    where
        'a: 'b,
    {
        Call::with_budget(&self.budget, endpoint, self.documents.take(), parameters)
            .with_request_id(self.request)
            .with_origins(std::mem::take(&mut self.origins))
    }

    /// A call of its own under the bounds of another: what a compound executor calls its parts with document by document.
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

    /// Takes over what a part left behind.
    pub fn merge_answer(&mut self, answer: Answer) {
        self.documents = answer.documents;
        self.failures.extend(answer.failures);
        self.results.extend(answer.results);
        self.remote_results.extend(answer.remote_results);
    }

    /// What the call leaves behind.
    #[must_use]
    pub fn into_answer(self) -> Answer {
        let Self { documents, failures, results, remote_results, .. } = self;
        Answer { documents, failures, results, remote_results }
    }

    /// What names the request in logs; empty when nobody named it.
    pub fn request_id(&self) -> &'a str {
        self.request
    }

    /// The path of the request, for example `/index`.
    pub fn endpoint(&self) -> &'a str {
        self.endpoint
    }

    /// The parameters of the request.
    pub fn parameters(&self) -> &'a RequestParameters {
        self.parameters
    }

    /// The request parameter `name`, when there is one.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when it does not fit the type.
    pub fn parameter<T: Parameter>(&self, name: &str) -> Result<Option<T>, ExecutorError> {
        let Some(value) = self.parameters.get(name) else { return Ok(None) };
        let wrong =
            || ExecutorError::parameter(name, format_args!("must be {}, but is {}", T::KIND, shown(value)));
        T::parse(value).map(Some).ok_or_else(wrong)
    }

    /// How many matches the request wants for a document: `top_k`, or `limit` as Jina 3 calls it, else `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when it is not an integer.
    pub fn top_k(&self, default: usize) -> Result<usize, ExecutorError> {
        top_k(self.parameters).map(|top_k| top_k.unwrap_or(default))
    }

    /// The documents to work on: the request parameter `access_paths`, else `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Parameter`] when it is not a list of access paths.
    pub fn access_paths<'b>(&self, default: &'b AccessPaths) -> Result<Cow<'b, AccessPaths>, ExecutorError> {
        Ok(self.parameter("access_paths")?.map_or(Cow::Borrowed(default), Cow::Owned))
    }

    /// The documents of the call.
    pub fn documents(&self) -> &Documents {
        &self.documents
    }

    /// Where the documents came from, when a join handed them on side by side (`no_reduce`). Empty otherwise, and on the
    /// other side of the boundary to a plugin.
    pub fn origins(&self) -> &[Origin] {
        &self.origins
    }

    /// The documents, for writing; copied first when another branch shares them.
    pub fn documents_mut(&mut self) -> &mut Vec<Document> {
        self.documents.make_mut()
    }

    /// Puts other documents in the place of those of the call.
    pub fn set_documents(&mut self, documents: impl Into<Documents>) {
        self.documents = documents.into();
    }

    /// When the request has to be answered.
    pub fn deadline(&self) -> Option<Instant> {
        self.budget.deadline()
    }

    /// What the call may still use, to be held while documents are read or changed.
    #[must_use]
    pub fn budget(&self) -> CallBudget {
        self.budget.clone()
    }

    /// Whether the call is still worth finishing; see [`CallBudget::check`].
    ///
    /// # Errors
    /// As [`CallBudget::check`].
    pub fn check(&self) -> Result<(), ExecutorError> {
        self.budget.check()
    }

    /// Adds to what the executor has to say beside its documents.
    pub fn set_result(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.results.insert(name.into(), value.into());
    }

    /// Reads every document that `paths` lead to. An error sets its root document aside as failed; the others go on.
    ///
    /// # Errors
    /// When the request was given up meanwhile.
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
                // An error may be but the call's being given up.
                self.check()?;
                failed.push((position, error));
            }
        }
        drop(documents);
        self.set_aside(failed);
        Ok(())
    }

    /// Changes every document that `paths` lead to. An error sets its root document aside as failed; the others go on.
    /// So does the root of a document that grows beyond the [`CallBudget`].
    ///
    /// # Errors
    /// When the request was given up meanwhile. The root that was being changed is then among the failures.
    pub fn for_each(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&mut Document) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let budget = self.budget();
        self.try_roots(|mut root| {
            paths.visit_mut(&mut root, &mut |document| {
                budget.track_change(document, Document::memory_bytes, &mut action)
            })?;
            Ok(vec![root])
        })
    }

    /// Changes every list of siblings that `paths` lead to, so that documents may be added and removed; a root is a
    /// list of its own. An error sets the root document aside as failed; the others go on. So does the root of a list
    /// that grows beyond the [`CallBudget`].
    ///
    /// # Errors
    /// As [`Call::for_each`].
    pub fn for_each_siblings(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&mut Vec<Document>) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let budget = self.budget();
        let bytes = |siblings: &Vec<Document>| siblings.iter().map(Document::memory_bytes).sum();
        self.try_roots(|root| {
            paths.visit_siblings(root, &mut |siblings| budget.track_change(siblings, bytes, &mut action))
        })
    }

    /// Sets the root document `id` aside as failed.
    pub fn fail_document(&mut self, id: &str, error: &ExecutorError) {
        let positions = self.documents.iter().enumerate().filter(|(_, document)| document.id == id);
        let failed = positions.map(|(position, _)| (position, error.clone())).collect();
        self.set_aside(failed);
    }

    /// Puts what `action` makes of each root in its place.
    fn try_roots(
        &mut self,
        mut action: impl FnMut(Document) -> Result<Vec<Document>, ExecutorError>,
    ) -> Result<(), ExecutorError> {
        self.check()?;
        let roots = self.documents.take();
        let sizes: Vec<usize> = roots.iter().map(Document::memory_bytes).collect();
        self.budget.set_used(sizes.iter().sum());
        let mut kept = Vec::with_capacity(roots.len());
        let mut given_up = Ok(());
        for (root, size) in roots.into_iter().zip(sizes) {
            if given_up.is_ok() {
                given_up = self.check();
            }
            if given_up.is_err() {
                kept.push(root);
                continue;
            }
            let name = Document::new(root.id.clone()).with_uri(root.uri.clone());
            let held = self.budget.used();
            match action(root) {
                Ok(documents) => kept.extend(documents),
                Err(error) => {
                    self.budget.set_used(held.saturating_sub(size));
                    self.failures.push(FailedDocument::new(&name, error));
                    given_up = self.check();
                }
            }
        }
        self.documents = kept.into();
        given_up
    }

    /// Moves the roots at these positions, which ascend, from the documents to the failures.
    fn set_aside(&mut self, failed: Vec<(usize, ExecutorError)>) {
        if failed.is_empty() {
            return;
        }
        let mut failed = failed.into_iter().peekable();
        let mut kept = Vec::with_capacity(self.documents.len());
        for (position, document) in self.documents.take().into_iter().enumerate() {
            match failed.next_if(|(failed, _)| *failed == position) {
                Some((_, error)) => self.failures.push(FailedDocument::new(&document, error)),
                None => kept.push(document),
            }
        }
        self.documents = kept.into();
    }
}

/// How many matches the parameters of a request ask for: `top_k`, or `limit` as Jina 3 calls it.
///
/// # Errors
/// [`ErrorKind::Parameter`] when it is not an integer.
pub fn top_k(parameters: &RequestParameters) -> Result<Option<usize>, ExecutorError> {
    let Some((name, value)) = ["top_k", "limit"].iter().find_map(|name| parameters.get_key_value(*name))
    else {
        return Ok(None);
    };
    let wrong =
        || ExecutorError::parameter(name, format_args!("must be an integer ≥ 0, but is {}", shown(value)));
    usize::parse(value).map(Some).ok_or_else(wrong)
}

mod together;

#[cfg(test)]
mod tests;
