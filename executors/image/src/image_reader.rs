//! `ImageReader`: decodes the image of every document.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, add_chunks, parse_parameters, with_part_id,
};

use crate::channel_axis::ChannelAxis;
use crate::decode;
use crate::memory::image_bytes;
use crate::pixels::{self, Pixels};
use crate::raster::Area;

flowrun_sdk::parameters! {
    /// Parameters of `ImageReader`.
    struct ImageReaderParameters {
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Accepted for compatibility, without effect: content comes from the bytes of a document, else from its path.
        from_bytes: bool = false,
        /// Rotates and mirrors decoded images by their EXIF orientation; `false` keeps the stored pixels, as Pillow in
        /// Python does.
        exif: bool = true,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// `ImageReader`.
pub(crate) const IMAGE_READER: ExecutorType = ExecutorType::new::<ImageReaderParameters>(
    "ImageReader",
    "Decodes the image of every document, or the first frame of a clip, into a chunk: RGB, 0 to 255, floats.",
    create,
);

struct ImageReader {
    with: ImageReaderParameters,
    tables: pixels::LookupTables,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    Ok(Instance::new(ImageReader {
        with: parse_parameters(build)?,
        tables: pixels::lookup_tables(f32::from),
    }))
}

impl Executor for ImageReader {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.with.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            self.read(document, &budget).map_err(|error| with_part_id(document, error))
        })
    }
}

impl ImageReader {
    fn read(&self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        let content = decode::content(document)?;
        let image = decode::decode_image_checked(&content, self.with.exif.into(), || budget.check())?;
        decode::set_mime_type(document, &content)?;
        let pixels = Pixels::from_image(&image);
        let Area { width, height, .. } = pixels.area();
        budget.reserve_with_remedy(image_bytes::<f32>(height, width), "read smaller images")?;
        let chunk = Document {
            tensor: Some(pixels.to_tensor(pixels.area(), self.with.channel_axis, &self.tables)?),
            mime_type: document.mime_type.clone(),
            offset: Some(0.0),
            weight: Some(1.0),
            ..document.new_chunk(0)
        };
        add_chunks(document, vec![chunk]);
        Ok(())
    }
}
