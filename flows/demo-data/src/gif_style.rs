//! Random settings for encoding the demo's clips (a figure that moves over a background) as GIF, so that decoders meet every
//! disposal method, palette size and kind of transparency.

use gif::{DisposalMethod, Repeat};

use crate::seeded_rng::SeededRng;

/// Content of the frames of the file, and their disposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Each frame is the whole picture, so that the disposal of the frame before it has no effect.
    Whole(DisposalMethod),
    /// Each frame is the rectangle that changed, drawn over the frame before it.
    Changes {
        /// Makes unchanged pixels in the rectangle transparent.
        sparse: bool,
    },
    /// The first frame is the background; each later one is the figure, removed afterwards (restore to previous).
    Overlay,
    /// Each frame is the figure without background, cleared afterwards (restore to background).
    Sticker,
}

/// Encoding settings of a clip.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GifStyle {
    pub(crate) layout: Layout,
    /// Number of palette entries, 8 to 256, including the transparent one.
    pub(crate) palette_size: usize,
    /// Dithers colours.
    pub(crate) dither: bool,
    /// Gives each frame its own palette.
    pub(crate) local_palettes: bool,
    /// Duration of a frame in hundredths of a second.
    pub(crate) delay: u16,
    pub(crate) repeat: Repeat,
}

impl GifStyle {
    /// Chooses random settings. Without a `static_background`, they are whole frames or opaque changed rectangles: every other
    /// layout needs an unchanged background.
    pub(crate) fn random(static_background: bool, rng: &mut SeededRng) -> Self {
        use DisposalMethod::{Any, Background, Keep, Previous};
        let layout = match rng.below(if static_background { 100 } else { 55 }) {
            0..35 => Layout::Whole(rng.pick([Any, Keep, Keep, Background, Previous])),
            35..55 => Layout::Changes { sparse: false },
            55..80 => Layout::Changes { sparse: true },
            80..93 => Layout::Overlay,
            _ => Layout::Sticker,
        };
        Self {
            layout,
            palette_size: rng.pick([8, 12, 16, 24, 32, 48, 64, 96, 128, 256]),
            dither: rng.percent(15),
            local_palettes: rng.percent(15),
            delay: rng.pick([2, 4, 5, 7, 8, 10, 10, 12, 20]),
            repeat: rng.pick([Repeat::Infinite, Repeat::Infinite, Repeat::Finite(0), Repeat::Finite(3)]),
        }
    }

    /// True if frames have transparent pixels.
    pub(crate) fn has_transparency(&self) -> bool {
        match self.layout {
            Layout::Whole(_) | Layout::Changes { sparse: false } => false,
            Layout::Changes { sparse: true } | Layout::Overlay | Layout::Sticker => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded_rng::Purpose;

    fn random_styles(static_background: bool) -> Vec<GifStyle> {
        let mut rng = SeededRng::new(0, Purpose::Clip, 0);
        (0..200).map(|_| GifStyle::random(static_background, &mut rng)).collect()
    }

    #[test]
    fn every_layout_and_every_disposal_occurs() {
        let styles = random_styles(true);
        let count = |layout: Layout| styles.iter().filter(|style| style.layout == layout).count();
        let disposals =
            [DisposalMethod::Any, DisposalMethod::Keep, DisposalMethod::Background, DisposalMethod::Previous];
        for disposal in disposals {
            assert!(count(Layout::Whole(disposal)) >= 5, "{disposal:?}");
        }
        let others = [
            Layout::Changes { sparse: false },
            Layout::Changes { sparse: true },
            Layout::Overlay,
            Layout::Sticker,
        ];
        for layout in others {
            assert!(count(layout) >= 5, "{layout:?}");
        }
    }

    #[test]
    fn palettes_have_8_to_256_colours_and_every_switch_is_used() {
        let styles = random_styles(true);
        let sizes = || styles.iter().map(|style| style.palette_size);
        assert_eq!((sizes().min(), sizes().max()), (Some(8), Some(256)));
        let switches: [fn(&GifStyle) -> bool; 2] = [|style| style.dither, |style| style.local_palettes];
        for switch in switches {
            let on = styles.iter().filter(|style| switch(style)).count();
            assert!((10..=100).contains(&on), "{on}");
        }
    }

    #[test]
    fn transparency_needs_a_static_background() {
        assert!(random_styles(true).iter().any(GifStyle::has_transparency));
        assert!(!random_styles(false).iter().any(GifStyle::has_transparency));
    }
}
