//! Image preprocessing of known models.

use flowrun_sdk::{ResamplingFilter, choice};

choice! {
    /// Known models.
    pub enum Preset {
        /// torchvision's MobileNetV2.
        MobilenetV2 = "mobilenet_v2",
        /// torchvision's ResNet50.
        Resnet50 = "resnet50",
        /// CLIP's image tower.
        Clip = "clip",
        /// Keras networks with inputs from -1 to 1: MobileNetV2, Inception, Xception.
        Keras = "keras",
        /// EfficientNet-Lite0; `make efficientnet` builds it with the weights of ImageNet.
        EfficientnetLite0 = "efficientnet_lite0",
    }
}

choice! {
    /// Range that bytes are scaled to before the mean is subtracted.
    pub(crate) enum Scale {
        /// 0 to 1.
        Unit = "unit",
        /// -1 to 1.
        Signed = "signed",
        /// 0 to 255.
        Bytes = "bytes",
    }
}

/// Default preprocessing of a preset.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PresetDefaults {
    /// Side of the input in pixels, if the model's file does not fix it.
    pub(super) side: Option<u32>,
    /// Shorter side before cropping.
    pub(super) resize: Resize,
    /// Resampling filter of the scaling.
    pub(super) filter: ResamplingFilter,
    /// Range that bytes are scaled to.
    pub(super) scale: Scale,
    /// Mean of red, green and blue in that range.
    pub(super) mean: [f32; 3],
    /// Standard deviation of red, green and blue in that range.
    pub(super) std: [f32; 3],
}

/// Length that the shorter side is scaled to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Resize {
    /// Both sides are scaled to the input size.
    Stretch,
    /// The input size.
    ToSize,
    /// The given number of pixels for an input of 224, and in proportion for other sizes.
    Of224(u32),
}

/// Mean and standard deviation of ImageNet.
const IMAGENET: ([f32; 3], [f32; 3]) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);

/// Mean and standard deviation of CLIP's training data.
const CLIP: ([f32; 3], [f32; 3]) =
    ([0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]);

impl PresetDefaults {
    /// The defaults of a preset. Without a preset, images are scaled to the input size and to values of 0 to 1.
    pub(super) fn new(preset: Option<Preset>) -> Self {
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
            Some(Preset::EfficientnetLite0) => Self {
                side: Some(224),
                resize: Resize::Of224(256),
                filter: ResamplingFilter::Bicubic,
                scale: Scale::Bytes,
                mean: [127.0; 3],
                std: [128.0; 3],
            },
            Some(Preset::Keras) => {
                Self { side: Some(224), filter: ResamplingFilter::Nearest, scale: Scale::Signed, ..plain }
            }
        }
    }
}
