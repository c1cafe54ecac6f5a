//! Names of colours.

use image::RgbImage;

/// Names of colours, in the order of [`Colour`].
const NAMES: [&str; 11] =
    ["black", "grey", "white", "red", "orange", "brown", "yellow", "green", "blue", "purple", "pink"];

#[derive(Clone, Copy)]
enum Colour {
    Black,
    Grey,
    White,
    Red,
    Orange,
    Brown,
    Yellow,
    Green,
    Blue,
    Purple,
    Pink,
}

/// The names of the colours that cover at least a share of the pixels, the largest first.
pub(super) fn dominant(image: &RgbImage, share: f64) -> Vec<&'static str> {
    let mut counts = NAMES.map(|name| (0_u64, name));
    for pixel in image.as_raw().as_chunks::<3>().0 {
        if let Some((count, _)) = counts.get_mut(colour(*pixel) as usize) {
            *count += 1;
        }
    }
    // A stable sort: of equally large ones, the first of the list.
    counts.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let least = share * f64::from(image.width()) * f64::from(image.height());
    counts
        .into_iter()
        .filter(|(count, _)| *count > 0 && *count as f64 >= least)
        .map(|(_, name)| name)
        .collect()
}

/// The name of a pixel, by hue (degrees), saturation and value of the HSV model.
fn colour(pixel: [u8; 3]) -> Colour {
    let [red, green, blue] = pixel.map(f32::from);
    let max = red.max(green).max(blue);
    let chroma = max - red.min(green).min(blue);
    let (value, saturation) = (max / 255.0, if max > 0.0 { chroma / max } else { 0.0 });
    if value < 0.2 {
        return Colour::Black;
    }
    if saturation < 0.15 || chroma < 20.0 {
        return if value > 0.85 { Colour::White } else { Colour::Grey };
    }
    let hue = 60.0
        * if max <= red {
            (green - blue) / chroma + if green < blue { 6.0 } else { 0.0 }
        } else if max <= green {
            (blue - red) / chroma + 2.0
        } else {
            (red - green) / chroma + 4.0
        };
    match hue {
        hue if !(15.0..340.0).contains(&hue) && saturation < 0.5 && value > 0.75 => Colour::Pink,
        hue if !(15.0..345.0).contains(&hue) => Colour::Red,
        hue if hue < 45.0 && value < 0.65 => Colour::Brown,
        hue if hue < 42.0 => Colour::Orange,
        hue if hue < 68.0 => Colour::Yellow,
        hue if hue < 165.0 => Colour::Green,
        hue if hue < 258.0 => Colour::Blue,
        hue if hue < 290.0 || (hue < 330.0 && value < 0.65) => Colour::Purple,
        _ => Colour::Pink,
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    #[test]
    fn colours_have_the_names_that_css_gives_them() {
        for (pixel, expected) in [
            ([0, 0, 0], "black"),
            ([128, 128, 128], "grey"),
            ([211, 211, 211], "grey"),
            ([169, 169, 169], "grey"),
            ([255, 255, 255], "white"),
            ([255, 0, 0], "red"),
            ([220, 20, 60], "red"),
            ([139, 0, 0], "red"),
            ([255, 165, 0], "orange"),
            ([255, 140, 0], "orange"),
            ([139, 69, 19], "brown"),
            ([160, 82, 45], "brown"),
            ([255, 255, 0], "yellow"),
            ([255, 215, 0], "yellow"),
            ([0, 128, 0], "green"),
            ([50, 205, 50], "green"),
            ([85, 107, 47], "green"),
            ([0, 0, 255], "blue"),
            ([135, 206, 235], "blue"),
            ([0, 0, 128], "blue"),
            ([70, 130, 180], "blue"),
            ([128, 0, 128], "purple"),
            ([138, 43, 226], "purple"),
            ([75, 0, 130], "purple"),
            ([255, 192, 203], "pink"),
            ([255, 105, 180], "pink"),
        ] {
            assert_eq!(NAMES[colour(pixel) as usize], expected, "{pixel:?}");
        }
    }

    #[test]
    fn dominant_colours_are_ordered_by_their_share() {
        let image = RgbImage::from_fn(10, 10, |x, _| match x {
            0..=5 => Rgb([0, 0, 255]),
            6..=8 => Rgb([255, 255, 255]),
            _ => Rgb([255, 0, 0]),
        });
        assert_eq!(dominant(&image, 0.1), ["blue", "white", "red"]);
        assert_eq!(dominant(&image, 0.2), ["blue", "white"]);
        assert_eq!(dominant(&image, 0.7), [""; 0]);
    }
}
