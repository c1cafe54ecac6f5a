//! `GifSegmenter`: every clip becomes its frames.

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, parse_parameters,
};
use image::RgbImage;

use crate::axis::ChannelAxis;
use crate::decode::{self, Clip, DecodeError, Frame, SIDE_MAX};
use crate::memory::{image_bytes, take_bytes};
use crate::named::named;
use crate::pixels::{self, Pixels};
use crate::reader::set_mime_type;
use crate::resize::{Filter, Resizer};
use crate::siblings::add_chunks;

/// The tag of a clip that holds how many of its frames could not be read.
const DAMAGED_FRAMES: &str = "damaged_frames";

/// What to do about clips that take too much memory.
const KEEP_LESS: &str = "keep fewer frames (`every_k_frame`, `max_frame`) or smaller ones (`img_shape`)";

flowrun_sdk::parameters! {
    /// Which frames are kept, and how large.
    struct GifSegmenterParameters {
        /// The side of the square that every frame is scaled to, in pixels; null keeps the size of the clip.
        img_shape: Option<u32> = Some(96),
        /// Keeps every how-manieth frame, beginning with the first.
        every_k_frame: usize = 1,
        /// Stops after that many frames, kept or not.
        max_frame: Option<usize> = None,
        /// Accepted and without effect: a document with bytes is read from them, one without from its path.
        from_bytes: bool = false,
        /// The documents to work on.
        access_paths: AccessPaths = AccessPaths::roots(),
    }
}

/// `GifSegmenter`, which is `GifPreprocessor` in the clip search.
pub(crate) const GIF_SEGMENTER: ExecutorType = ExecutorType::new::<GifSegmenterParameters>(
    "GifSegmenter",
    "Cuts every clip into a chunk for each frame: RGB, height × width × 3, 0 to 1, floats.",
    create,
)
.with_aliases(&["GifPreprocessor"]);

struct GifSegmenter {
    with: GifSegmenterParameters,
    resizer: Resizer,
    tables: pixels::Tables,
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
        tables: pixels::tables(pixels::unit),
    }))
}

impl Executor for GifSegmenter {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.with.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            self.segment(document, &budget).map_err(|error| named(document, error))
        })
    }
}

impl GifSegmenter {
    fn segment(&mut self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        let content = decode::content(document)?;
        let mut clip = Clip::open(&content)?;
        set_mime_type(document, &content)?;
        let mut chunks = Vec::new();
        let mut damages = Vec::new();
        let numbers = 0..self.with.max_frame.unwrap_or(usize::MAX);
        for number in numbers {
            budget.check()?;
            match clip.next_frame()? {
                None => break,
                Some(Frame::Damaged(error)) => damages.push(error),
                Some(Frame::Good(_)) if number % self.with.every_k_frame != 0 => {}
                Some(Frame::Good(picture)) => chunks.push(self.chunk(document, number, picture, budget)?),
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

    fn chunk(
        &mut self,
        clip: &Document,
        number: usize,
        picture: &RgbImage,
        budget: &CallBudget,
    ) -> Result<Document, ExecutorError> {
        let (width, height) = self.with.img_shape.map_or(picture.dimensions(), |side| (side, side));
        take_bytes(budget, image_bytes::<f32>(height as usize, width as usize), KEEP_LESS)?;
        let pixels = match self.with.img_shape {
            None => Pixels::of(picture),
            Some(side) => {
                Pixels { bytes: self.resizer.resize(picture, side, side, Filter::Bicubic)?, width: side }
            }
        };
        Ok(Document {
            tensor: Some(pixels.to_tensor(pixels.whole(), ChannelAxis::Last, &self.tables)?),
            offset: Some(number as f32),
            weight: Some(1.0),
            ..clip.new_chunk(number)
        })
    }
}
