//! `SceneTagger`: tags of pictures that filters use, computed from their pixels by rule.
//!
//! [`measures`] has brightness, colourfulness and sharpness, [`colours`] the names of dominant colours. All sums are of integers, so
//! that a picture has the same tags on every machine. Deliberately not here: the objects in a picture, which take a model.

mod colours;
mod measures;

use std::mem::take;

use flowrun_sdk::{
    AccessPaths, Build, BuildError, Call, CallBudget, Document, Executor, ExecutorError, ExecutorType,
    Instance, Value, parse_parameters, with_part_id,
};

use crate::channel_axis::ChannelAxis;
use crate::describe::ImageSettings;
use crate::pixels;
use crate::value_range::ValueRange;

flowrun_sdk::parameters! {
    /// Parameters of `SceneTagger`.
    struct SceneTaggerParameters {
        /// Luma from 0 to 1 below which a pixel is dark.
        dark_luma: f64 = 0.18,
        /// Share of dark pixels from which `time_of_day` is `night`, else `day`.
        night_share: f64 = 0.6,
        /// Share of the pixels from which a colour is among the `colours`.
        colour_share: f64 = 0.1,
        /// Range of the pixel values of the images.
        value_range: ValueRange = ValueRange::Auto,
        /// Position of the channel axis in the tensor.
        channel_axis: ChannelAxis = ChannelAxis::Last,
        /// Rotates and mirrors decoded images by their EXIF orientation.
        exif: bool = true,
        /// Documents to process.
        access_paths: AccessPaths = AccessPaths::chunks(),
    }
}

/// The executor type `SceneTagger`.
pub(crate) const SCENE_TAGGER: ExecutorType = ExecutorType::new::<SceneTaggerParameters>(
    "SceneTagger",
    "Tags every image with `brightness`, `time_of_day`, `colorfulness`, `sharpness` and its dominant `colours`, from its pixels.",
    create,
);

fn create(build: &Build) -> Result<Instance, BuildError> {
    let parameters: SceneTaggerParameters = parse_parameters(build)?;
    let SceneTaggerParameters { dark_luma, night_share, colour_share, .. } = parameters;
    for (name, share) in
        [("dark_luma", dark_luma), ("night_share", night_share), ("colour_share", colour_share)]
    {
        if !(0.0..=1.0).contains(&share) {
            return Err(BuildError::parameter(name, format_args!("must be from 0 to 1, but is {share}")));
        }
    }
    let SceneTaggerParameters { value_range, channel_axis, exif, access_paths, .. } = parameters;
    let images = ImageSettings { value_range, channel_axis, exif: exif.into() };
    let thresholds = Thresholds { dark_luma, night_share, colour_share };
    Ok(Instance::new(SceneTagger { thresholds, images, access_paths, buffer: Vec::new() }))
}

struct Thresholds {
    dark_luma: f64,
    night_share: f64,
    colour_share: f64,
}

struct SceneTagger {
    thresholds: Thresholds,
    images: ImageSettings,
    access_paths: AccessPaths,
    /// Pixel buffer of the last image, for reuse.
    buffer: Vec<u8>,
}

impl Executor for SceneTagger {
    fn execute(&mut self, call: &mut Call<'_>) -> Result<(), ExecutorError> {
        let paths = call.access_paths(&self.access_paths)?.into_owned();
        let budget = call.budget();
        call.for_each(&paths, |document| {
            self.add_tags(document, &budget).map_err(|error| with_part_id(document, error))
        })
    }
}

impl SceneTagger {
    fn add_tags(&mut self, document: &mut Document, budget: &CallBudget) -> Result<(), ExecutorError> {
        let image = self.images.read(document, take(&mut self.buffer), budget)?;
        let Thresholds { dark_luma, night_share, colour_share } = self.thresholds;
        let luma = measures::luma(&image);
        let is_night = measures::dark_share(&luma, dark_luma) >= night_share;
        let tags = document.tags_mut();
        let mut tag = |name: &str, value: Value| _ = tags.insert(name.to_owned(), value);
        tag("brightness", rounded(measures::brightness(&luma)));
        tag("time_of_day", if is_night { "night" } else { "day" }.into());
        tag("colorfulness", rounded(measures::colorfulness(&image)));
        tag("sharpness", rounded(measures::sharpness(&luma, image.width() as usize)));
        tag("colours", colours::dominant(&image, colour_share).into());
        self.buffer = pixels::reclaim_buffer(image);
        Ok(())
    }
}

/// A measure, rounded to three decimals.
fn rounded(measure: f64) -> Value {
    Value::from((measure * 1000.0).round() / 1000.0)
}
