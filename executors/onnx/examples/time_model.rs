//! Benchmark of a model: `time_model MODEL BATCH THREADS RUNS` prints the median wall time and the mean CPU time of a
//! run in seconds, for `make bench-models`. All inputs are 0.5.

use std::path::Path;
use std::time::Instant;

use flowrun_onnx::session::{Elements, InputTensor, Model, Options};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, path, batch, threads, runs] = arguments.as_slice() else {
        return Err("usage: time_model MODEL BATCH THREADS RUNS".into());
    };
    let (batch, threads, runs): (usize, usize, usize) = (batch.parse()?, threads.parse()?, runs.parse()?);
    let mut model = Model::open(Path::new(path), &Options { threads, ..Options::default() })?;
    let input = model.inputs().first().cloned().ok_or("the model has no inputs")?;
    let shape: Vec<usize> = input
        .shape
        .iter()
        .enumerate()
        .map(|(axis, size)| size.unwrap_or(if axis == 0 { batch } else { 224 }))
        .collect();
    let output = model.outputs().first().map(|port| port.name.clone()).ok_or("the model has no outputs")?;
    let numbers = vec![0.5; shape.iter().product()];
    let mut run = || {
        let feed = InputTensor { shape: shape.clone(), elements: Elements::F32(&numbers) };
        model.run(&[(input.name.as_str(), feed)], &[output.as_str()], |_| ())
    };
    run()?;
    let before = processor_seconds()?;
    let mut seconds = Vec::new();
    for _ in 0..runs {
        let started = Instant::now();
        run()?;
        seconds.push(started.elapsed().as_secs_f64());
    }
    let processor = (processor_seconds()? - before) / runs.max(1) as f64;
    seconds.sort_by(f64::total_cmp);
    let median = seconds.get(seconds.len() / 2).copied().unwrap_or_default();
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{median} {processor}")?;
    Ok(())
}

/// CPU time of this process in seconds.
fn processor_seconds() -> Result<f64, Box<dyn std::error::Error>> {
    let text = flowrun_sdk::guard::read_text(Path::new("/proc/self/stat"), 4096)?;
    let fields = text.rsplit(')').next().unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<f64>);
    Ok(ticks.sum::<Result<f64, _>>()? / 100.0)
}
