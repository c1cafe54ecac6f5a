//! Opening and closing a model repeatedly does not leak memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use flowrun_onnx::session::{Elements, InputTensor, Model, Options};

use crate::support::models::{models, runtime_library};
use crate::support::program::text;

/// Environment variable with the path of the model. Set in the child process that opens it.
const MODEL: &str = "FLOWRUN_TEST_MODEL";

/// Number of starts before the measurement, because the allocators of the runtime keep their first blocks.
const WARM_UP_STARTS: usize = 100;

/// Number of measured starts.
const STARTS: usize = 200;

/// Maximum growth of the resident memory, as a fraction. A session that is leaked at each start adds 0.43.
const GROWTH_MAX: f64 = 0.05;

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    status.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

fn start_and_stop(path: &Path) {
    let mut model = Model::open(path, &Options::default()).unwrap();
    let numbers = vec![0.5; 2 * 3 * 32 * 32];
    let input = InputTensor { shape: vec![2, 3, 32, 32], elements: Elements::F32(&numbers) };
    let features =
        model.run(&[("input", input)], &["features"], |outputs| outputs[0].elements.to_f32().into_owned());
    assert_eq!(features.unwrap().len(), 2 * 16);
}

#[test]
fn two_hundred_starts_and_stops_leak_no_session() {
    if let Some(path) = std::env::var_os(MODEL).map(PathBuf::from) {
        (0..WARM_UP_STARTS).for_each(|_| start_and_stop(&path));
        let before = resident_bytes();
        (0..STARTS).for_each(|_| start_and_stop(&path));
        println!("resident memory grew from {before} to {} bytes", resident_bytes());
        return;
    }
    let (Some(models), Some(library)) = (models(), runtime_library()) else { return };
    let cache = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["starting_models::two_hundred_starts_and_stops_leak_no_session", "--exact", "--nocapture"]);
    child
        .env(MODEL, models.join("small.onnx"))
        .env("ORT_DYLIB_PATH", library)
        .env("XDG_CACHE_HOME", cache.path())
        // glibc returns freed memory to the system, so that fragmentation is not taken for a leak.
        .env("MALLOC_TRIM_THRESHOLD_", "0");
    let output = child.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let stdout = text(&output.stdout);
    let measured = stdout.split("resident memory grew from ").nth(1).unwrap_or_else(|| panic!("{stdout}"));
    let numbers: Vec<f64> = measured.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(numbers[1] <= numbers[0] * (1.0 + GROWTH_MAX), "{stdout}");
}
