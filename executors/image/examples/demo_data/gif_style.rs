//! The ways to write one and the same clip as a GIF, all of which a reader has to understand.

use gif::{DisposalMethod, Repeat};

use crate::dice::Dice;

/// What the frames of the file hold, and what is to become of each when the next is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// Each frame is the whole picture. Whatever a reader does with the one before, it sees the same.
    Whole(DisposalMethod),
    /// Each frame is the rectangle that changed, laid over the one before.
    Changes {
        /// Whether what did not change in the rectangle is left transparent.
        sparse: bool,
    },
    /// The first frame is the ground alone; each later one is the figure, taken away again (restore to previous).
    Overlay,
    /// There is no ground: each frame is the figure on nothing, cleared again (restore to background).
    Sticker,
}

/// How a clip is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GifStyle {
    pub(crate) layout: Layout,
    /// Entries of the palette, 8 to 256, the transparent one among them.
    pub(crate) palette_size: usize,
    /// Whether colours between two of the palette are made up of dots.
    pub(crate) dither: bool,
    /// Whether each frame brings its own palette.
    pub(crate) local_palettes: bool,
    /// How long a frame is shown, in hundredths of a second.
    pub(crate) delay: u16,
    pub(crate) repeat: Repeat,
}

impl GifStyle {
    /// Any style; one that takes the figure from its ground only when the ground is `steady`.
    pub(crate) fn draw(steady: bool, dice: &mut Dice) -> Self {
        use DisposalMethod::{Any, Background, Keep, Previous};
        let layout = match dice.below(if steady { 100 } else { 55 }) {
            0..35 => Layout::Whole(dice.pick([Any, Keep, Keep, Background, Previous])),
            35..55 => Layout::Changes { sparse: false },
            55..80 => Layout::Changes { sparse: true },
            80..93 => Layout::Overlay,
            _ => Layout::Sticker,
        };
        Self {
            layout,
            palette_size: dice.pick([8, 12, 16, 24, 32, 48, 64, 96, 128, 256]),
            dither: dice.percent(15),
            local_palettes: dice.percent(15),
            delay: dice.pick([2, 4, 5, 7, 8, 10, 10, 12, 20]),
            repeat: dice.pick([Repeat::Infinite, Repeat::Infinite, Repeat::Finite(0), Repeat::Finite(3)]),
        }
    }

    /// Whether some pixels of a frame are transparent.
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
    use crate::dice::Purpose;

    fn drawn(steady: bool) -> Vec<GifStyle> {
        let mut dice = Dice::new(0, Purpose::Clip, 0);
        (0..200).map(|_| GifStyle::draw(steady, &mut dice)).collect()
    }

    #[test]
    fn every_layout_and_every_disposal_occurs() {
        let styles = drawn(true);
        let count = |wanted: Layout| styles.iter().filter(|style| style.layout == wanted).count();
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
    fn palettes_reach_from_8_to_256_colours_and_every_switch_is_used() {
        let styles = drawn(true);
        let sizes = || styles.iter().map(|style| style.palette_size);
        assert_eq!((sizes().min(), sizes().max()), (Some(8), Some(256)));
        let switches: [fn(&GifStyle) -> bool; 2] = [|style| style.dither, |style| style.local_palettes];
        for switch in switches {
            let on = styles.iter().filter(|style| switch(style)).count();
            assert!((10..=100).contains(&on), "{on}");
        }
    }

    #[test]
    fn a_figure_is_never_cut_out_of_an_unsteady_ground() {
        let cut_out = |style: &GifStyle| matches!(style.layout, Layout::Overlay | Layout::Sticker);
        assert!(drawn(true).iter().any(cut_out));
        assert!(!drawn(false).iter().any(cut_out));
    }
}
