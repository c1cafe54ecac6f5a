//! Models that are opened and closed leave nothing behind.

use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun_onnx::session::{Elements, InputTensor, Model, Options};

use crate::support::models::{models, runtime_library};
use crate::support::program::text;

/// In its environment the child finds the model that it opens.
const MODEL: &str = "FLOWRUN_TEST_MODEL";

/// What the allocators of the runtime take at first is theirs to keep.
const WARMING: usize = 100;

const STARTS: usize = 200;

/// What so many may leave behind, of all the memory there is.
const GROWN_MAX: f64 = 0.02;

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn start_and_stop(path: &Path) {
    let mut model = Model::open(path, &Options::default()).unwrap();
    let numbers = vec![0.5; 2 * 3 * 32 * 32];
    let feed = InputTensor { shape: vec![2, 3, 32, 32], elements: Elements::F32(&numbers) };
    let found =
        model.run(&[("input", feed)], &["features"], |fetched| fetched[0].elements.to_f32().into_owned());
    assert_eq!(found.unwrap().len(), 2 * 16);
}

#[test]
fn two_hundred_starts_and_stops_leave_no_session_behind() {
    if let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) {
        (0..WARMING).for_each(|_| start_and_stop(&path));
        let before = resident_bytes();
        (0..STARTS).for_each(|_| start_and_stop(&path));
        println!("grown from {before} to {} bytes", resident_bytes());
        return;
    }
    let (Some(models), Some(library)) = (models(), runtime_library()) else { return };
    let cache = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "starting_models::two_hundred_starts_and_stops_leave_no_session_behind",
        "--exact",
        "--nocapture",
    ]);
    child
        .env(MODEL, models.join("small.onnx"))
        .env("ORT_DYLIB_PATH", library)
        .env("XDG_CACHE_HOME", cache.path());
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let grown = said.split("grown from ").nth(1).unwrap_or_else(|| panic!("{said}"));
    let numbers: Vec<f64> = grown.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[1] <= numbers[0] * (1.0 + GROWN_MAX), "{said}");
}
