//! `ParagraphSegmenter`: makes the paragraphs of a text its chunks.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, parse_parameters,
};

use crate::chunking;
use crate::paragraph::paragraphs;

flowrun_sdk::parameters! {
    /// What is cut, and which paragraphs are kept.
    pub(crate) struct ParagraphSegmenterParameters {
        /// The documents whose texts are cut.
        access_paths: AccessPaths = AccessPaths::roots(),
        /// Shorter paragraphs are dropped, as headings are; in characters.
        characters_min: usize = 1,
        /// Longer paragraphs are cut between words; in characters.
        characters_max: usize = 2000,
        /// The most chunks that a text may become.
        chunks_max: usize = 1 << 16,
    }
}

pub(crate) const TYPE: ExecutorType = ExecutorType::new::<ParagraphSegmenterParameters>(
    "ParagraphSegmenter",
    "Cuts each document's text into paragraphs, at lines without words; they become its chunks.",
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
    /// The paragraphs of a document as its chunks; each names the file that it stands in.
    fn chunks(&self, document: &Document, budget: &CallBudget) -> Result<Documents, ExecutorError> {
        let ParagraphSegmenterParameters { characters_min, characters_max, chunks_max, .. } = self.0;
        let paragraphs = paragraphs(chunking::text(document)?, characters_max);
        let kept = paragraphs.filter(|paragraph| paragraph.text.chars().count() >= characters_min);
        let mut chunks = chunking::chunks(document, kept.enumerate(), "paragraphs", chunks_max, budget)?;
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
        let reason = format_args!("must be at least 1 and `characters_min`, but is {characters_max}");
        return Err(BuildError::parameter("characters_max", reason));
    }
    Ok(Instance::new(ParagraphSegmenter(parameters)))
}
