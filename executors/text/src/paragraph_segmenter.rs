//! `ParagraphSegmenter`: makes the paragraphs of a text its chunks.

use flowrun_sdk::{
    AccessPaths, Allowance, Build, BuildError, Call, Document, Documents, Executor, ExecutorError,
    ExecutorType, Instance, count_siblings, parse,
};

use crate::paragraph::{Paragraph, paragraphs};

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

/// The largest text that is cut, in bytes. Positions are single-precision floats, which are exact up to here.
const TEXT_BYTES_MAX: usize = 1 << 24;

struct ParagraphSegmenter(ParagraphSegmenterParameters);

impl Executor for ParagraphSegmenter {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?;
        let allowance = call.allowance();
        call.each(&paths, |document| {
            document.chunks = self.chunks(document, &allowance)?;
            Ok(())
        })
    }
}

impl ParagraphSegmenter {
    /// The paragraphs of a document as its chunks. Each tells its number (`offset`), the characters that it spans
    /// (`location`: first, behind the last), how many there are (tag `siblings`), and the URI that it stands in.
    fn chunks(&self, document: &Document, allowance: &Allowance) -> Result<Documents, ExecutorError> {
        let text =
            document.text.as_deref().ok_or_else(|| ExecutorError::input("the document has no text"))?;
        if text.len() > TEXT_BYTES_MAX {
            let bytes = text.len();
            let message = format_args!("the text has {bytes} bytes, more than the {TEXT_BYTES_MAX} allowed");
            return Err(ExecutorError::input(message));
        }
        let ParagraphSegmenterParameters { characters_min, characters_max, chunks_max, .. } = self.0;
        let long = |paragraph: &Paragraph| paragraph.text.chars().count() >= characters_min;
        let mut chunks = Vec::new();
        for (number, paragraph) in paragraphs(text, characters_max).filter(long).enumerate() {
            allowance.check()?;
            if chunks.len() == chunks_max {
                let message = format_args!("the text has more paragraphs than the {chunks_max} allowed");
                return Err(ExecutorError::input(message));
            }
            let chunk = chunk(document, number, &paragraph);
            allowance.take(chunk.bytes())?;
            chunks.push(chunk);
        }
        count_siblings(&mut chunks);
        Ok(chunks.into())
    }
}

fn chunk(document: &Document, number: usize, paragraph: &Paragraph) -> Document {
    let mut chunk = document.chunk(number).with_text(paragraph.text.as_str()).with_uri(document.uri.clone());
    chunk.mime_type.clone_from(&document.mime_type);
    chunk.weight = Some(1.0);
    chunk.offset = Some(number as f32);
    chunk.location = vec![paragraph.start as f32, paragraph.end as f32];
    chunk
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: ParagraphSegmenterParameters = parse(build)?;
    let ParagraphSegmenterParameters { characters_min, characters_max, .. } = parameters;
    if characters_min.max(1) > characters_max {
        let reason = format_args!("must be at least 1 and `characters_min`, but is {characters_max}");
        return Err(BuildError::parameter("characters_max", reason));
    }
    Ok(Instance::thread(ParagraphSegmenter(parameters)))
}
