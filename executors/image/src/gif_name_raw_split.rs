//! `GifNameRawSplit`: splits `<path>JINA_DELIM<bytes>`, which Jina's clip search client sends, into URI and content.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Bytes, Call, Document, Executor, ExecutorError, ExecutorType, Instance,
    parse_parameters, with_part_id,
};

use crate::decode::Format;

/// Separator of the path and the bytes.
const DELIMITER: &[u8] = b"JINA_DELIM";

flowrun_sdk::parameters! {
    /// Parameters of `GifNameRawSplit`.
    struct GifNameRawSplitParameters {
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// `GifNameRawSplit`.
pub(crate) const GIF_NAME_RAW_SPLIT: ExecutorType = ExecutorType::new::<GifNameRawSplitParameters>(
    "GifNameRawSplit",
    "Splits `<path>JINA_DELIM<bytes>` into URI and content; documents without the delimiter pass unchanged.",
    create,
);

struct GifNameRawSplit(GifNameRawSplitParameters);

fn create(build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(GifNameRawSplit(parse_parameters(build)?)))
}

impl Executor for GifNameRawSplit {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.0.access_paths)?.into_owned();
        call.for_each(&paths, |document| split(document).map_err(|error| with_part_id(document, error)))
    }
}

fn split(document: &mut Document) -> Result<(), ExecutorError> {
    let content = match (&document.blob, &document.text) {
        (Some(blob), _) => blob.clone(),
        (None, Some(text)) => Bytes::copy_from_slice(text.as_bytes()),
        (None, None) => return Ok(()),
    };
    let Some(path_end) = find_delimiter(&content) else { return Ok(()) };
    let bytes = content.slice(path_end + DELIMITER.len()..);
    if find_delimiter(&bytes).is_some() {
        return Err(ExecutorError::input("there is more than one `JINA_DELIM` between path and bytes"));
    }
    let path = std::str::from_utf8(content.get(..path_end).unwrap_or_default());
    path.map_err(|_| ExecutorError::input("the path before `JINA_DELIM` is not UTF-8"))?
        .clone_into(&mut document.uri);
    Format::Gif.mime_type().clone_into(&mut document.mime_type);
    document.blob = Some(bytes);
    document.text = None;
    Ok(())
}

/// Offset of the first delimiter.
fn find_delimiter(content: &[u8]) -> Option<usize> {
    content.windows(DELIMITER.len()).position(|window| window == DELIMITER)
}
