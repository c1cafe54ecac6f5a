//! Fuzzer of the image decoders: headers, frames and metadata.

use std::path::Path;

use flowrun_fuzz::Target;
use flowrun_sdk::guard;

use super::{Clip, Frame, PIXELS_MAX, decode_image};

/// Maximum number of frames that are decoded of each clip.
const FRAMES: usize = 8;

/// Memory of the largest image: its pixels, and copies of them in the colours of the file and turned by the orientation.
const IMAGE_BYTES_MAX: usize = 12 * PIXELS_MAX as usize;

/// Small files of every format.
fn seeds() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let paths = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| !path.to_string_lossy().contains("expected"))
        .filter(|path| {
            path.extension().is_some_and(|ending| {
                ["bmp", "gif", "jpg", "png", "webp"].iter().any(|known| ending == *known)
            })
        })
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| guard::read_file(path, 1 << 20).unwrap())
        .filter(|seed| seed.len() < 8 << 10)
        .collect()
}

fn decode(input: &[u8]) -> String {
    let image = match decode_image(input) {
        Ok(image) => {
            assert!(u64::from(image.width()) * u64::from(image.height()) <= PIXELS_MAX);
            "an image".to_owned()
        }
        Err(error) => error.to_string(),
    };
    let frames = Clip::open(input).map(|mut clip| {
        let frames = (0..FRAMES).map_while(|_| match clip.next_frame() {
            Ok(Some(Frame::Good(_))) => Some('.'),
            Ok(Some(Frame::Damaged(_))) => Some('!'),
            Ok(None) | Err(_) => None,
        });
        frames.collect::<String>()
    });
    format!("{image} {}", frames.unwrap_or_else(|error| error.to_string()))
}

#[test]
fn any_bytes_are_an_image_or_an_error() {
    Target::new("images").seeds(seeds()).memory(64, IMAGE_BYTES_MAX).run(decode);
}
