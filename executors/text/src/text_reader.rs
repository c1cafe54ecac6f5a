//! `TextReader`: gives documents the text that their bytes or their URIs hold. UTF-8 alone; nothing is guessed.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Bytes, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, guard, parse_parameters,
};

flowrun_sdk::parameters! {
    /// What is read, and how much of it.
    pub(crate) struct TextReaderParameters {
        /// The documents whose texts are read.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// The largest text that is read, in bytes.
        bytes_max: u64 = guard::CONTENT_BYTES_MAX,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<TextReaderParameters>(
    "TextReader",
    "Reads each document's `blob`, or else what its `uri` leads to, as text.",
    create,
);

/// Some editors put it before everything else; it is no part of the text.
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
    /// Reads where there is something to read: a text that a client sent along is kept, and a document without content
    /// passes, as requests to delete hold but ids.
    fn read(&self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        if document.text.is_some() {
            return Ok(());
        }
        let Some(bytes) = self.bytes(document, budget)? else { return Ok(()) };
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            let valid = error.valid_up_to();
            ExecutorError::input(format_args!("the content is not UTF-8 text from byte {valid} on"))
        })?;
        document.text = Some(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).into());
        if document.mime_type.is_empty() {
            "text/plain".clone_into(&mut document.mime_type);
        }
        Ok(())
    }

    /// The content of a document, when it has any; as many bytes are taken for its text.
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
