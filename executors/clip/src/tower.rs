//! One tower: an executor that is called with the content of documents and returns their embeddings.

use flowrun_sdk::{
    BoxedExecutor, Build, BuildError, Call, CallBudget, Document, Documents, ErrorKind, Executor,
    ExecutorError, ExecutorType, RawParameters, RequestParameters, Tensor,
};

/// A tower of CLIP: the text encoder or the image encoder, or its stand-in.
pub(crate) struct Tower(Box<dyn Executor>);

impl Tower {
    /// Creates a tower with the parameters `with`. Returns it with the dimension of its embeddings, if that is known.
    ///
    /// # Errors
    /// When the executor cannot be created, or is async. Errors of parameters that the user did not write are reported
    /// for `model_path`.
    pub(crate) fn create(
        executor_type: &ExecutorType,
        with: RawParameters,
        build: &Build,
    ) -> Result<(Self, Option<usize>), BuildError> {
        let instance = executor_type.create(&Build { with, context: build.context.clone() }).map_err(
            |error| match error {
                // The tower's other parameters follow from `model_path`, which the user wrote.
                BuildError::Parameter { name, reason } if name != "device" => {
                    BuildError::parameter("model_path", format_args!("{}: {reason}", executor_type.name))
                }
                error => error,
            },
        )?;
        match instance.executor {
            BoxedExecutor::Sync(executor) => Ok((Self(executor), instance.output_dimension)),
            BoxedExecutor::Async(_) => {
                let reason = format_args!("`{}` is async; a tower must be CPU-bound", executor_type.name);
                Err(BuildError::failed(reason))
            }
        }
    }

    /// Encodes documents in one call. Returns one result per document, in order; `None` for a document without
    /// embedding.
    ///
    /// # Errors
    /// An error of the whole call, for example an expired deadline.
    pub(crate) fn encode(
        &mut self,
        documents: &[&Document],
        parameters: &RequestParameters,
        budget: &CallBudget,
    ) -> Result<Vec<Result<Option<Tensor>, ExecutorError>>, ExecutorError> {
        let contents: Documents =
            documents.iter().enumerate().map(|(index, document)| content_of(index, document)).collect();
        let mut call = Call::with_budget(budget, "/encode", contents, parameters);
        self.0.execute(&mut call)?;
        let answer = call.into_answer();
        let lost = || ExecutorError::new(ErrorKind::Internal, "an encoder lost a document");
        let mut results: Vec<Result<Option<Tensor>, ExecutorError>> =
            documents.iter().map(|_| Err(lost())).collect();
        let mut set_result = |id: &str, result| {
            if let Some(slot) = id.parse::<usize>().ok().and_then(|index| results.get_mut(index)) {
                *slot = result;
            }
        };
        answer.failures.into_iter().for_each(|failure| set_result(&failure.id, Err(failure.error)));
        answer
            .documents
            .into_vec()
            .into_iter()
            .for_each(|encoded| set_result(&encoded.id, Ok(encoded.embedding)));
        Ok(results)
    }
}

/// The content of a document, with `index` as id. Ids of different documents in a call may be equal; indices are not.
fn content_of(index: usize, document: &Document) -> Document {
    Document {
        text: document.text.clone().filter(|text| !text.is_empty()),
        blob: document.blob.clone(),
        tensor: document.tensor.clone(),
        uri: document.uri.clone(),
        mime_type: document.mime_type.clone(),
        ..Document::new(index.to_string())
    }
}
