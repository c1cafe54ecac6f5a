//! `ImageReader`: every document becomes an image.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, parse_parameters,
};

use crate::axis::ChannelAxis;
use crate::decode::{self, Format};
use crate::memory::{image_bytes, take_bytes};
use crate::named::named;
use crate::pixels::{self, Pixels};
use crate::raster::Area;
use crate::siblings::add_chunks;

flowrun_sdk::parameters! {
    /// How the pixels are laid out.
    struct ImageReaderParameters {
        /// Which axis of the tensor holds the colours.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Accepted and without effect: a document with bytes is read from them, one without from its path.
        from_bytes: bool = false,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// `ImageReader`.
pub(crate) const IMAGE_READER: ExecutorType = ExecutorType::new::<ImageReaderParameters>(
    "ImageReader",
    "Reads the image of every document into a chunk: RGB, 0 to 255, floats. Of clips the first frame.",
    create,
);

struct ImageReader {
    with: ImageReaderParameters,
    tables: pixels::Tables,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(ImageReader { with: parse_parameters(build)?, tables: pixels::tables(f32::from) }))
}

impl Executor for ImageReader {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.with.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| self.read(document, &budget).map_err(|error| named(document, error)))
    }
}

impl ImageReader {
    fn read(&self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        let content = decode::content(document)?;
        let image = decode::still_while(&content, || budget.check())?;
        set_mime_type(document, &content)?;
        let pixels = Pixels::of(&image);
        let Area { width, height, .. } = pixels.whole();
        take_bytes(budget, image_bytes::<f32>(height, width), "read smaller images")?;
        let chunk = Document {
            tensor: Some(pixels.to_tensor(pixels.whole(), self.with.channel_axis, &self.tables)?),
            mime_type: document.mime_type.clone(),
            offset: Some(0.0),
            weight: Some(1.0),
            ..document.new_chunk(0)
        };
        add_chunks(document, vec![chunk]);
        Ok(())
    }
}

/// Says what the content is, when the document does not.
pub(crate) fn set_mime_type(document: &mut Document, content: &[u8]) -> Result<(), ExecutorError> {
    if document.mime_type.is_empty() {
        document.mime_type = Format::of(content)?.mime_type().to_owned();
    }
    Ok(())
}
