//! TIFF images in every encoding have the pixels that Pillow reads from them, or are rejected by the name of what is not
//! supported.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use flowrun_image::decode::{DecodeError, decode_image};

use crate::support::models::python;
use crate::support::program::text;

/// Kinds of pixels that are not supported; of the kinds in tiles with planes, and of bilevel tiles by LZW, none is.
const UNSUPPORTED: [&str; 5] = ["bilevelreversed", "grey4", "grey8reversed", "greyalpha8", "palette4"];

/// Returns whether an encoding is documented as not supported. A name is `KIND-COMPRESSION-PREDICTOR-PLANES-LAYOUT-ORDER`.
fn is_unsupported(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let is_bilevel = parts[0].starts_with("bilevel");
    UNSUPPORTED.contains(&parts[0])
        || name.contains("-2-tiles-")
        || (name.starts_with("cmyk") && name.contains("-2-strip"))
        || (is_bilevel && name.contains("-lzw-1-1-tiles-"))
}

#[test]
fn every_encoding_of_tiff_has_the_pixels_of_pillow_or_is_named_as_unsupported() {
    let Some(python) = python() else { return };
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference/tiff_encodings.py");
    let output = Command::new(python).arg("-B").arg(script).arg(directory.path()).output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
    let sizes: BTreeMap<String, (u32, u32)> = serde_json::from_slice(&read("index.json")).unwrap();
    assert!(sizes.len() > 1000);
    let mut wrong = Vec::new();
    for (name, size) in &sizes {
        let decoded = decode_image(&read(&format!("{name}.tif")));
        let is_right = match &decoded {
            Ok(image) => {
                let expected = read(&format!("{name}.rgb"));
                let mut pairs = image.as_raw().iter().zip(&expected);
                // Inks are converted in floating point; Pillow rounds each step.
                let tolerance = u8::from(name.starts_with("cmyk"));
                image.dimensions() == *size && pairs.all(|(one, other)| one.abs_diff(*other) <= tolerance)
            }
            Err(DecodeError::Unsupported { .. }) => is_unsupported(name),
            Err(_) => false,
        };
        if !is_right || decoded.is_ok() == is_unsupported(name) {
            wrong.push((name, decoded.err().map(|error| error.to_string())));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
