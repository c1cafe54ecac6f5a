//! Generates a labelled set of animated GIFs, pictures and captions, to measure retrieval without a download:
//! `cargo run -p flowrun-demo-data -- --out DIR`. The README of this package describes the set.
//!
//! The same arguments give the same bytes on every machine: random numbers come only from ChaCha8, and drawing uses no
//! operation whose result depends on the system. The library's decoders and descriptors are deliberately not used,
//! because the set measures them.

use std::io::Write as _;
use std::process::ExitCode;

use serde_json::Value;

use crate::arguments::Arguments;
use crate::captions::Captions;
use crate::clip_class::CLIP_CLASSES;
use crate::demo_set::{DemoSet, Inventory};
use crate::error::DemoError;
use crate::file_plan::file_plan;
use crate::flower_class::FLOWER_CLASSES;
use crate::frames::Frames;
use crate::seeded_rng::Purpose;

mod arguments;
mod background;
mod broken_files;
mod canvas;
mod captions;
mod clip;
mod clip_class;
mod colour;
mod demo_set;
mod error;
mod file_content;
mod file_plan;
mod flower;
mod flower_class;
mod frames;
mod gif_style;
mod gif_writer;
mod indexed_clip;
mod motion;
mod palette;
mod petal;
mod picture_writer;
mod point;
#[cfg(test)]
mod retrieval;
mod seeded_rng;
mod shape;
mod texture;
#[cfg(test)]
mod variety;
mod vocabulary;

fn main() -> ExitCode {
    let result = Arguments::parse(std::env::args().skip(1)).and_then(|arguments| make(&arguments));
    let (written, code) = match &result {
        Ok(summary) => (writeln!(std::io::stdout(), "{summary}"), ExitCode::SUCCESS),
        Err(error) => {
            let code = if matches!(error, DemoError::Usage(_)) { 2 } else { 1 };
            (writeln!(std::io::stderr(), "demo-data: {error}"), ExitCode::from(code))
        }
    };
    // A closed output is no failure; the result is the set and the exit code.
    drop(written);
    code
}

/// Generates the set unless it exists already. Returns a summary.
fn make(arguments: &Arguments) -> Result<String, DemoError> {
    let (inventory, state) = match DemoSet::find_complete(arguments) {
        Some(inventory) => (inventory, "is already there"),
        None => (write_set(arguments)?, "written"),
    };
    let Inventory { files, bytes } = inventory;
    Ok(format!("{}: {files} files, {bytes} bytes, {state}", arguments.out.display()))
}

fn write_set(arguments: &Arguments) -> Result<Inventory, DemoError> {
    let mut set = DemoSet::begin(arguments)?;
    write_clips(&mut set, arguments)?;
    write_pictures(&mut set, arguments)?;
    let captions = Captions::draw(arguments.seed);
    set.write_lines("texts/index.jsonl", &captions.index)?;
    set.write_lines("texts/query.jsonl", &captions.query)?;
    let frames = Frames::draw(arguments.seed);
    set.write_lines("frames/index.jsonl", &frames.index)?;
    set.write_lines("frames/query.jsonl", &frames.query)?;
    write_broken(&set, arguments)?;
    set.finish()
}

fn write_clips(set: &mut DemoSet, arguments: &Arguments) -> Result<(), DemoError> {
    for (number, entry) in file_plan(&CLIP_CLASSES, arguments, Purpose::Clip).into_iter().enumerate() {
        let bytes = file_content::clip(arguments.seed, &entry)?;
        let split = entry.split.name();
        set.add(&format!("clips/{split}/clip-{number:04}.gif"), &bytes, &entry.class.label(), split, "clip")?;
    }
    Ok(())
}

fn write_pictures(set: &mut DemoSet, arguments: &Arguments) -> Result<(), DemoError> {
    for (number, entry) in file_plan(&FLOWER_CLASSES, arguments, Purpose::Picture).into_iter().enumerate() {
        let (bytes, format) = file_content::picture(arguments.seed, &entry)?;
        let (split, extension) = (entry.split.name(), format.extension());
        let path = format!("pictures/{split}/picture-{number:04}.{extension}");
        set.add(&path, &bytes, entry.class.label, split, "picture")?;
    }
    Ok(())
}

fn write_broken(set: &DemoSet, arguments: &Arguments) -> Result<(), DemoError> {
    let mut labels: Vec<Value> = Vec::new();
    for file in broken_files::draw(arguments.seed)? {
        let path = format!("broken/{}", file.name);
        set.write(&path, &file.bytes)?;
        labels.push(file.label(&path));
    }
    set.write_lines("broken/labels.jsonl", &labels)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;

    /// The files of a set by their path in it.
    fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut pending = vec![root.to_owned()];
        while let Some(directory) = pending.pop() {
            for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    pending.push(path);
                    continue;
                }
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.insert(name, flowrun_sdk::guard::read_file(&path, 1 << 20).unwrap());
            }
        }
        files
    }

    fn small_set(seed: u64) -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
        let directory = tempfile::tempdir().unwrap();
        let arguments = Arguments { seed, per_class: 1, held_out: 1, ..Arguments::new(directory.path()) };
        assert!(make(&arguments).unwrap().ends_with("written"));
        assert!(make(&arguments).unwrap().ends_with("is already there"));
        let files = files(directory.path());
        (directory, files)
    }

    /// FNV-1a of names and contents (Fowler, Noll, Vo).
    fn fingerprint(files: &BTreeMap<String, Vec<u8>>) -> u64 {
        let bytes = files.iter().flat_map(|(name, content)| name.bytes().chain(content.iter().copied()));
        bytes
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
    }

    #[test]
    fn the_bytes_of_a_seed_never_change() {
        // An intended change (of a class, or of an encoder's version) requires a new format version of the set.
        assert_eq!(fingerprint(&small_set(7).1), 0x397e_9923_fa59_cc33);
    }

    #[test]
    fn another_seed_gives_other_clips_of_the_same_classes() {
        let ((_one, one), (_two, two)) = (small_set(1), small_set(2));
        let labels = |files: &BTreeMap<String, Vec<u8>>| {
            let lines = String::from_utf8(files["labels.jsonl"].clone()).unwrap();
            let label = |line: &str| {
                let mut label: Value = serde_json::from_str(line).unwrap();
                label["path"].take();
                label.to_string()
            };
            let mut labels: Vec<String> = lines.lines().map(label).collect();
            labels.sort_unstable();
            labels
        };
        assert_eq!(labels(&one), labels(&two));
        let clips = one.iter().filter(|(name, _)| name.starts_with("clips/"));
        assert!(clips.filter(|(_, content)| two.values().any(|other| other == *content)).count() == 0);
    }

    #[test]
    fn every_file_has_one_label_that_its_name_does_not_reveal() {
        let (_directory, files) = small_set(3);
        let mut labelled = 0;
        for line in ["labels.jsonl", "broken/labels.jsonl"]
            .iter()
            .flat_map(|list| files[*list].split(|&b| b == b'\n'))
        {
            let Ok(label) = serde_json::from_slice::<Value>(line) else { continue };
            let path = label["path"].as_str().unwrap();
            assert!(files.contains_key(path), "{path}");
            assert!(label["label"].as_str().is_none_or(|label| !path.contains(label)), "{path}");
            labelled += 1;
        }
        // Other files: two lists of labels, two of texts, two of frames, and the marker.
        assert_eq!(files.len(), labelled + 7);
    }

    #[test]
    fn the_readme_names_every_class() {
        let readme = include_str!("../README.md");
        for label in CLIP_CLASSES
            .map(|class| class.label())
            .iter()
            .map(String::as_str)
            .chain(FLOWER_CLASSES.map(|class| class.label))
        {
            assert!(readme.contains(&format!("`{label}`")), "{label}");
        }
    }
}
