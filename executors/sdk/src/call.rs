//! One call of an executor: an endpoint, documents, parameters, and the time left.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Map, Value};

use crate::{AccessPaths, Document, Documents, ErrorKind, ExecutorError, Parameter};

/// The parameters of a request: a JSON object.
pub type RequestParameters = Map<String, Value>;

/// The sign by which a request tells its executors that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub struct Cancellation(Arc<AtomicBool>);

impl Cancellation {
    /// Gives the sign.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the sign was given.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A document that failed alone, while the rest of its request went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The id of the document, one of the roots of the request.
    pub id: String,
    /// What to call it in a message for people: its URI, or else its id.
    pub label: String,
    /// Why.
    pub error: ExecutorError,
}

impl Failure {
    fn new(document: &Document, error: ExecutorError) -> Self {
        Self { id: document.id.clone(), label: document.label().to_owned(), error }
    }
}

/// One call of an executor.
#[derive(Debug)]
pub struct Call<'a> {
    endpoint: &'a str,
    parameters: &'a RequestParameters,
    documents: Documents,
    deadline: Option<Instant>,
    cancellation: Cancellation,
    failures: Vec<Failure>,
    results: Map<String, Value>,
}

/// What a call leaves behind.
#[derive(Debug, Default)]
pub struct Answer {
    /// The documents that go on to the next pod.
    pub documents: Documents,
    /// The documents that failed alone.
    pub failures: Vec<Failure>,
    /// What the executor has to say beside its documents; a client finds it under `__results__`.
    pub results: Map<String, Value>,
}

impl<'a> Call<'a> {
    /// A call without a deadline.
    #[must_use]
    pub fn new(endpoint: &'a str, documents: Documents, parameters: &'a RequestParameters) -> Self {
        Self {
            endpoint,
            parameters,
            documents,
            deadline: None,
            cancellation: Cancellation::default(),
            failures: Vec::new(),
            results: Map::new(),
        }
    }

    /// The same call, to be given up at `deadline` or at the sign.
    #[must_use]
    pub fn until(self, deadline: Option<Instant>, cancellation: Cancellation) -> Self {
        Self { deadline, cancellation, ..self }
    }

    /// The call that a part of a compound executor gets: other endpoint and parameters, the same documents and time.
    #[must_use]
    pub fn part<'b>(&mut self, endpoint: &'b str, parameters: &'b RequestParameters) -> Call<'b> {
        Call::new(endpoint, self.documents.take(), parameters).until(self.deadline, self.cancellation.clone())
    }

    /// Takes over what a part left behind.
    pub fn absorb(&mut self, answer: Answer) {
        self.documents = answer.documents;
        self.failures.extend(answer.failures);
        self.results.extend(answer.results);
    }

    /// What the call leaves behind.
    #[must_use]
    pub fn finish(self) -> Answer {
        Answer { documents: self.documents, failures: self.failures, results: self.results }
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
            || ExecutorError::parameter(name, format_args!("must be {}, but is `{value}`", T::kind()));
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

    /// The documents, for writing; copied first when another branch shares them.
    pub fn documents_mut(&mut self) -> &mut Vec<Document> {
        self.documents.make_mut()
    }

    /// When the request has to be answered.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Whether the call is still worth finishing. Long work asks now and then.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`] or [`ErrorKind::Expired`] when it is not.
    pub fn check(&self) -> Result<(), ExecutorError> {
        if self.cancellation.is_cancelled() {
            return Err(ExecutorError::new(ErrorKind::Cancelled, "the request was given up"));
        }
        if self.deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(ExecutorError::new(ErrorKind::Expired, "the deadline passed"));
        }
        Ok(())
    }

    /// Adds to what the executor has to say beside its documents.
    pub fn set_result(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.results.insert(name.into(), value.into());
    }

    /// Reads every document that `paths` lead to. An error sets its root document aside as failed; the others go on.
    ///
    /// # Errors
    /// When the request was given up meanwhile.
    pub fn read(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&Document) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        let documents = self.documents.clone();
        let mut failed = Vec::new();
        for (position, root) in documents.iter().enumerate() {
            self.check()?;
            if let Err(error) = paths.visit(root, &mut action) {
                failed.push((position, error));
            }
        }
        drop(documents);
        self.set_aside(failed);
        Ok(())
    }

    /// Changes every document that `paths` lead to. An error sets its root document aside as failed; the others go on.
    ///
    /// # Errors
    /// When the request was given up meanwhile.
    pub fn each(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&mut Document) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        self.try_roots(|mut root| {
            paths.visit_mut(&mut root, &mut action)?;
            Ok(vec![root])
        })
    }

    /// Changes every list of siblings that `paths` lead to, so that documents may be added and removed; a root is a
    /// list of its own. An error sets the root document aside as failed; the others go on.
    ///
    /// # Errors
    /// When the request was given up meanwhile.
    pub fn each_siblings(
        &mut self,
        paths: &AccessPaths,
        mut action: impl FnMut(&mut Vec<Document>) -> Result<(), ExecutorError>,
    ) -> Result<(), ExecutorError> {
        self.try_roots(|root| paths.visit_siblings(root, &mut action))
    }

    /// Sets the root document `id` aside as failed.
    pub fn fail(&mut self, id: &str, error: &ExecutorError) {
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
        let mut kept = Vec::with_capacity(roots.len());
        let mut given_up = Ok(());
        for root in roots {
            if given_up.is_ok() {
                given_up = self.check();
            }
            if given_up.is_err() {
                kept.push(root);
                continue;
            }
            let name = Document::new(root.id.clone()).with_uri(root.uri.clone());
            match action(root) {
                Ok(documents) => kept.extend(documents),
                Err(error) => self.failures.push(Failure::new(&name, error)),
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
                Some((_, error)) => self.failures.push(Failure::new(&document, error)),
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
    let wrong = || ExecutorError::parameter(name, format_args!("must be an integer ≥ 0, but is `{value}`"));
    usize::parse(value).map(Some).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    fn documents() -> Documents {
        let root = |id: &str| {
            let mut root = Document::new(id);
            root.chunks = (0..2).map(|number| root.chunk(number)).collect();
            root
        };
        ["a", "b", "c"].map(root).into_iter().collect()
    }

    fn ids(documents: &[Document]) -> Vec<&str> {
        documents.iter().map(|document| document.id.as_str()).collect()
    }

    fn refuse_b(document: &Document) -> Result<(), ExecutorError> {
        if document.id == "b#1" { Err(ExecutorError::input("odd")) } else { Ok(()) }
    }

    #[test]
    fn a_failing_document_leaves_alone() {
        let parameters = RequestParameters::new();
        let paths = AccessPaths::chunks();
        let mut call = Call::new("/x", documents(), &parameters);
        call.each(&paths, |chunk| {
            chunk.text = Some("seen".into());
            refuse_b(chunk)
        })
        .unwrap();
        let answer = call.finish();
        assert_eq!(ids(&answer.documents), ["a", "c"]);
        assert_eq!(answer.failures, [Failure::new(&documents()[1], ExecutorError::input("odd"))]);

        let mut call = Call::new("/x", documents(), &parameters);
        call.read(&paths, refuse_b).unwrap();
        let answer = call.finish();
        assert_eq!((ids(&answer.documents), answer.failures.len()), (vec!["a", "c"], 1));
    }

    #[test]
    fn a_call_given_up_keeps_every_document() {
        let parameters = RequestParameters::new();
        let cancellation = Cancellation::default();
        let mut call = Call::new("/x", documents(), &parameters).until(None, cancellation.clone());
        let result = call.each(&AccessPaths::roots(), |_| {
            cancellation.cancel();
            Ok(())
        });
        assert_eq!(result.unwrap_err().kind(), ErrorKind::Cancelled);
        assert_eq!(call.documents().len(), 3);

        let past = Instant::now().checked_sub(Duration::from_secs(1)).unwrap();
        let call = Call::new("/x", documents(), &parameters).until(Some(past), Cancellation::default());
        assert_eq!(call.check().unwrap_err().kind(), ErrorKind::Expired);
    }

    #[test]
    fn request_parameters_are_typed() {
        let parameters = json!({"limit": 3.0, "access_paths": "@c", "name": [1]});
        let parameters = parameters.as_object().unwrap();
        let call = Call::new("/x", Documents::new(), parameters);
        assert_eq!(call.top_k(10).unwrap(), 3);
        assert_eq!(*call.access_paths(&AccessPaths::roots()).unwrap(), AccessPaths::chunks());
        assert_eq!(call.parameter::<String>("absent").unwrap(), None);
        let error = call.parameter::<String>("name").unwrap_err();
        assert_eq!(error.to_string(), "parameter `name`: must be a text, but is `[1]`");
    }
}
