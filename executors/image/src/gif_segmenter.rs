//! `GifSegmenter`: splits every clip into its frames.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, ResamplingFilter, add_chunks, parse_parameters, with_part_id,
};
use image::RgbImage;

use crate::channel_axis::ChannelAxis;
use crate::decode::{self, Clip, DecodeError, Frame, SIDE_MAX};
use crate::memory::image_bytes;
use crate::pixels::{self, Pixels};
use crate::resize::Resizer;

/// Tag of a clip: number of its frames that could not be decoded.
const DAMAGED_FRAMES: &str = "damaged_frames";

/// Remedy for clips that exceed the memory budget, see [`CallBudget::reserve_with_remedy`].
const KEEP_LESS: &str = "keep fewer frames (`every_k_frame`, `max_frame`) or smaller ones (`img_shape`)";

flowrun_sdk::parameters! {
    /// Parameters of `GifSegmenter`.
    struct GifSegmenterParameters {
        /// Side of the square that every frame is scaled to, in pixels; null keeps the size of the clip.
        img_shape: Option<u32> = Some(96),
        /// Keeps every k-th frame, beginning with the first.
        every_k_frame: usize = 1,
        /// Number of frames to decode, kept or not; null for all.
        max_frame: Option<usize> = None,
        /// Accepted for compatibility, without effect: content comes from the bytes of a document, else from its path.
        from_bytes: bool = false,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// `GifSegmenter`; Jina's clip search example calls it `GifPreprocessor`.
pub(crate) const GIF_SEGMENTER: ExecutorType = ExecutorType::new::<GifSegmenterParameters>(
    "GifSegmenter",
    "Splits every clip into a chunk for each frame: RGB, height × width × 3, 0 to 1, floats.",
    create,
)
.with_aliases(&["GifPreprocessor"]);

struct GifSegmenter {
    with: GifSegmenterParameters,
    resizer: Resizer,
    tables: pixels::LookupTables,
}

fn create(build: &Build) -> Result<Instance, BuildError> {
    let with: GifSegmenterParameters = parse_parameters(build)?;
    if with.every_k_frame == 0 {
        return Err(BuildError::parameter("every_k_frame", "must be at least 1"));
    }
    if with.max_frame == Some(0) {
        return Err(BuildError::parameter("max_frame", "must be at least 1, or null for all"));
    }
    if with.img_shape.is_some_and(|side| !(1..=SIDE_MAX).contains(&side)) {
        return Err(BuildError::parameter(
            "img_shape",
            format_args!("must be from 1 to {SIDE_MAX}, or null"),
        ));
    }
    Ok(Instance::new(GifSegmenter {
        with,
        resizer: Resizer::default(),
        tables: pixels::lookup_tables(pixels::to_unit),
    }))
}

impl Executor for GifSegmenter {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.with.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            self.segment(document, &budget).map_err(|error| with_part_id(document, error))
        })
    }
}

impl GifSegmenter {
    fn segment(&mut self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        let content = decode::content(document)?;
        let mut clip = Clip::open(&content)?;
        decode::set_mime_type(document, &content)?;
        let mut chunks = Vec::new();
        let mut damages = Vec::new();
        let numbers = 0..self.with.max_frame.unwrap_or(usize::MAX);
        for number in numbers {
            budget.check()?;
            match clip.next_frame()? {
                None => break,
                Some(Frame::Damaged(error)) => damages.push(error),
                Some(Frame::Good(_)) if number % self.with.every_k_frame != 0 => {}
                Some(Frame::Good(picture)) => {
                    chunks.push(self.frame_chunk(document, number, picture, budget)?);
                }
            }
        }
        if !damages.is_empty() {
            document.tags_mut().insert(DAMAGED_FRAMES.to_owned(), damages.len().into());
        }
        if chunks.is_empty() {
            return Err(damages.into_iter().next().unwrap_or(DecodeError::NoFrame).into());
        }
        add_chunks(document, chunks);
        Ok(())
    }

    fn frame_chunk(
        &mut self,
        clip: &Document,
        number: usize,
        picture: &RgbImage,
        budget: &CallBudget,
    ) -> Result<Document, ExecutorError> {
        let (width, height) = self.with.img_shape.map_or(picture.dimensions(), |side| (side, side));
        budget.reserve_with_remedy(image_bytes::<f32>(height as usize, width as usize), KEEP_LESS)?;
        let pixels = match self.with.img_shape {
            None => Pixels::from_image(picture),
            Some(side) => Pixels {
                bytes: self.resizer.resize(picture, side, side, ResamplingFilter::Bicubic)?,
                width: side,
            },
        };
        Ok(Document {
            tensor: Some(pixels.to_tensor(pixels.area(), ChannelAxis::Last, &self.tables)?),
            offset: Some(number as f32),
            weight: Some(1.0),
            ..clip.new_chunk(number)
        })
    }
}
