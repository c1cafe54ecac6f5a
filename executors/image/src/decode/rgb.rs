//! Converts decoded pixels of any colour type to 8-bit RGB, as Pillow's `convert("RGB")` does.

use image::ColorType;

/// Converts pixels of type `color` to RGB: grey is repeated, alpha is dropped without blending, and 16-bit channels
/// keep their upper eight bits. `None` for colour types that the supported formats do not have.
///
/// This differs from Pillow for 16-bit grey only: Pillow saturates it at 255, so that nearly every image becomes white.
pub(super) fn to_rgb(raw: Vec<u8>, color: ColorType) -> Option<Vec<u8>> {
    Some(match color {
        ColorType::Rgb8 => raw,
        ColorType::L8 => raw.iter().flat_map(|&grey| [grey; 3]).collect(),
        ColorType::La8 => pixels::<2>(&raw, |[grey, _]| [grey; 3]),
        ColorType::Rgba8 => pixels::<4>(&raw, |[red, green, blue, _]| [red, green, blue]),
        ColorType::L16 => pixels::<2>(&raw, |grey| [upper(grey); 3]),
        ColorType::La16 => pixels::<4>(&raw, |[a, b, _, _]| [upper([a, b]); 3]),
        ColorType::Rgb16 => pixels::<6>(&raw, |[a, b, c, d, e, f]| [[a, b], [c, d], [e, f]].map(upper)),
        ColorType::Rgba16 => {
            pixels::<8>(&raw, |[a, b, c, d, e, f, _, _]| [[a, b], [c, d], [e, f]].map(upper))
        }
        _ => return None,
    })
}

/// Converts pixels of `BYTES` bytes each.
fn pixels<const BYTES: usize>(raw: &[u8], convert: impl Fn([u8; BYTES]) -> [u8; 3]) -> Vec<u8> {
    raw.as_chunks().0.iter().flat_map(|&pixel| convert(pixel)).collect()
}

/// The upper byte of a 16-bit value in native byte order.
fn upper(value: [u8; 2]) -> u8 {
    let [upper, _] = u16::from_ne_bytes(value).to_be_bytes();
    upper
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_is_repeated_and_alpha_dropped() {
        assert_eq!(to_rgb(vec![1, 2], ColorType::L8).unwrap(), [1, 1, 1, 2, 2, 2]);
        assert_eq!(to_rgb(vec![1, 0], ColorType::La8).unwrap(), [1, 1, 1]);
        assert_eq!(to_rgb(vec![1, 2, 3, 0], ColorType::Rgba8).unwrap(), [1, 2, 3]);
        assert_eq!(to_rgb(vec![1, 2, 3], ColorType::Rgb8).unwrap(), [1, 2, 3]);
    }

    #[test]
    fn sixteen_bit_channels_keep_their_upper_byte() {
        let raw = |values: &[u16]| values.iter().flat_map(|value| value.to_ne_bytes()).collect::<Vec<u8>>();
        assert_eq!(to_rgb(raw(&[0x1234]), ColorType::L16).unwrap(), [0x12; 3]);
        assert_eq!(to_rgb(raw(&[0xfe00, 7]), ColorType::La16).unwrap(), [0xfe; 3]);
        assert_eq!(to_rgb(raw(&[0x0100, 0x02ff, 0x0300]), ColorType::Rgb16).unwrap(), [1, 2, 3]);
        assert_eq!(to_rgb(raw(&[0x0100, 0x02ff, 0x0300, 9]), ColorType::Rgba16).unwrap(), [1, 2, 3]);
    }
}
