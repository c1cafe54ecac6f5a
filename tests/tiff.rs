//! TIFF images in every encoding have the pixels that Pillow reads from them, or are rejected by the name of what is not
//! supported.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use flowrun_image::decode::{DecodeError, decode_image};

use crate::support::models::python;
use crate::support::program::text;

/// Kinds of pixels that are not supported.
const UNSUPPORTED: [&str; 5] = ["bilevelreversed", "grey4", "grey8reversed", "greyalpha8", "palette4"];

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
    let mut unsupported = BTreeSet::new();
    let mut wrong = Vec::new();
    for (name, size) in &sizes {
        match decode_image(&read(&format!("{name}.tif"))) {
            Ok(image) => {
                let is_equal = image.dimensions() == *size && *image.as_raw() == read(&format!("{name}.rgb"));
                wrong.extend((!is_equal).then(|| name.clone()));
            }
            Err(DecodeError::Unsupported { .. }) => {
                unsupported.extend(name.split('-').next());
            }
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
    assert_eq!(unsupported, UNSUPPORTED.into());
}
