//! What well-known models want of pictures.

use flowrun_sdk::{ResamplingFilter, choice};

use super::parameters::Scale;

choice! {
    /// Models by the name that people call them.
    pub enum Preset {
        /// torchvision's MobileNetV2.
        MobilenetV2 = "mobilenet_v2",
        /// torchvision's ResNet50.
        Resnet50 = "resnet50",
        /// The visual half of CLIP.
        Clip = "clip",
        /// Networks of Keras that take numbers from -1 to 1: MobileNetV2, Inception, Xception.
        Keras = "keras",
    }
}

/// What a model wants, when nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Habit {
    /// The pixels that it looks at when its file does not say.
    pub(super) side: Option<u32>,
    /// The shorter side before cutting.
    pub(super) resize: Resize,
    pub(super) filter: ResamplingFilter,
    pub(super) scale: Scale,
    pub(super) mean: [f32; 3],
    pub(super) std: [f32; 3],
}

/// The shorter side that pictures are scaled to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resize {
    /// None: they are stretched.
    Stretch,
    /// That of the pixels that the model looks at.
    ToSize,
    /// So many pixels for 224 that the model looks at.
    Of224(u32),
}

/// The mean and the standard deviation of ImageNet's pictures.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// Those of the pictures that CLIP was trained with.
const CLIP: ([f32; 3], [f32; 3]) =
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]);

impl Habit {
    /// The habit of a preset; without one a picture is stretched, to 0 to 1.
    pub(super) fn of(preset: Option<Preset>) -> Self {
        let plain = Self {
            side: None,
            resize: Resize::Stretch,
            filter: ResamplingFilter::Bilinear,
            scale: Scale::Unit,
            mean: [0.0; 3],
            std: [1.0; 3],
        };
        match preset {
            None => plain,
            Some(Preset::MobilenetV2 | Preset::Resnet50) => {
                let (mean, std) = IMAGENET;
                Self { side: Some(224), resize: Resize::Of224(256), mean, std, ..plain }
            }
            Some(Preset::Clip) => {
                let (mean, std) = CLIP;
                Self {
                    side: Some(224),
                    resize: Resize::ToSize,
                    filter: ResamplingFilter::Bicubic,
                    mean,
                    std,
                    ..plain
                }
            }
            Some(Preset::Keras) => {
                Self { side: Some(224), filter: ResamplingFilter::Nearest, scale: Scale::Signed, ..plain }
            }
        }
    }
}
