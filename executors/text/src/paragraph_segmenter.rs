//! `ParagraphSegmenter`: splits texts into paragraphs.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, parse_parameters,
};

use crate::chunking;
use crate::paragraph::paragraphs;

flowrun_sdk::parameters! {
    /// Parameters of `ParagraphSegmenter`.
    pub(crate) struct ParagraphSegmenterParameters {
        /// Documents to split.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Shortest paragraph that is kept, in characters. Raise it to drop headings.
        characters_min: usize = 1,
        /// Longest chunk, in characters. Longer paragraphs are split between words.
        characters_max: usize = 2000,
        /// Largest number of chunks per text.
        chunks_max: usize = 1 << 16,
    }
}

/// `ParagraphSegmenter`.
pub(crate) const PARAGRAPH_SEGMENTER: ExecutorType = ExecutorType::new::<ParagraphSegmenterParameters>(
    "ParagraphSegmenter",
    "Splits each document's text at blank lines into paragraphs, which become its chunks.",
    create,
);

struct ParagraphSegmenter(ParagraphSegmenterParameters);

impl Executor for ParagraphSegmenter {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        let budget = call.budget();
        call.for_each(&paths, |document| {
            document.chunks = self.chunks(document, &budget)?;
            Ok(())
        })
    }
}

impl ParagraphSegmenter {
    /// The paragraphs of a document as chunks, with the document's URI and media type.
    fn chunks(&self, document: &Document, budget: &CallBudget) -> Result<Documents, ExecutorError> {
        let ParagraphSegmenterParameters { characters_min, characters_max, chunks_max, .. } = self.0;
        let paragraphs = paragraphs(chunking::required_text(document)?, characters_max);
        let kept = paragraphs.filter(|paragraph| paragraph.text.chars().count() >= characters_min);
        let mut chunks =
            chunking::create_chunks(document, kept.enumerate(), "paragraphs", chunks_max, budget)?;
        for chunk in chunks.make_mut() {
            chunk.uri.clone_from(&document.uri);
            chunk.mime_type.clone_from(&document.mime_type);
        }
        Ok(chunks)
    }
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ParagraphSegmenterParameters = parse_parameters(build)?;
    let ParagraphSegmenterParameters { characters_min, characters_max, .. } = parameters;
    if characters_min.max(1) > characters_max {
        let reason = format_args!(
            "must be at least 1, and at least `characters_min` ({characters_min}), but is {characters_max}"
        );
        return Err(BuildError::parameter("characters_max", reason));
    }
    Ok(Instance::new(ParagraphSegmenter(parameters)))
}
