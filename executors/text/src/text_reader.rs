//! `TextReader`: reads the text of documents from their bytes or URIs. Only UTF-8 is supported; encodings are not
//! guessed.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Bytes, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, guard, parse_parameters,
};

flowrun_sdk::parameters! {
    /// Parameters of `TextReader`.
    pub(crate) struct TextReaderParameters {
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Largest text that is read, in bytes.
        bytes_max: u64 = guard::CONTENT_BYTES_MAX,
    }
}

/// `TextReader`.
pub(crate) const TEXT_READER: ExecutorType = ExecutorType::new::<TextReaderParameters>(
    "TextReader",
    "Reads each document's `blob`, or else the content of its `uri`, as text.",
    create,
);

/// Written by some editors at the start of a file; not part of the text.
const BYTE_ORDER_MARK: char = '\u{feff}';

struct TextReader(TextReaderParameters);

impl Executor for TextReader {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        let budget = call.budget();
        call.for_each(&paths, |document| self.read(document, &budget))
    }
}

impl TextReader {
    /// Sets the text of a document. A document that has a text passes unchanged, and so does one without content,
    /// because delete requests contain only ids.
    fn read(&self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        if document.text.is_some() {
            return Ok(());
        }
        let Some(bytes) = self.bytes(document, budget)? else { return Ok(()) };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let valid = error.valid_up_to();
            ExecutorError::input(format_args!("the content is not valid UTF-8 at byte {valid}"))
        })?;
        document.text = Some(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).into());
        if document.mime_type.is_empty() {
            "text/plain".clone_into(&mut document.mime_type);
        }
        Ok(())
    }

    /// The content of a document, if it has any. Its size is taken from the budget for the text.
    fn bytes(&self, document: &Document, budget: &CallBudget) -> Result<Option<Bytes>, ExecutorError> {
        let bytes_max = self.0.bytes_max;
        match &document.blob {
            Some(blob) if u64::try_from(blob.len()).unwrap_or(u64::MAX) > bytes_max => {
                let bytes = blob.len();
                let message = format_args!("the blob has {bytes} bytes, more than the {bytes_max} allowed");
                Err(ExecutorError::input(message))
            }
            Some(blob) => budget.reserve(blob.len()).map(|()| Some(blob.clone())),
            None if document.uri.is_empty() => Ok(None),
            None => guard::read_uri_within_budget(&document.uri, bytes_max, budget).map(Some),
        }
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    parse_parameters(build).map(TextReader).map(Instance::new)
}
