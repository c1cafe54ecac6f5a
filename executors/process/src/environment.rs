//! Variables of a child: those of this process, and those that its pod adds.

use std::process::Command;

use flowrun_sdk::{Context, Value};
use serde_json::Map;

/// The variable whose values deal devices out to replicas, as in Jina.
const DEVICES: &str = "CUDA_VISIBLE_DEVICES";

/// What a value of [`DEVICES`] begins with that does.
const IN_TURN: &str = "RR";

/// The variables that a pod adds, for one replica.
pub(crate) fn of(variables: &Map<String, Value>, context: &Context) -> Vec<(String, String)> {
    let copy = context.shard + context.replica;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let variable = |(name, value): (&String, &Value)| {
        let value = text(value);
        let value = match value.strip_prefix(IN_TURN).filter(|_| name == DEVICES) {
            Some(which) => dealt(which, copy, devices())?,
            None => value,
        };
        Some((name.clone(), value))
    };
    variables.iter().filter_map(variable).collect()
}

/// Adds them to what is run.
pub(crate) fn add(command: &mut Command, variables: &[(String, String)]) {
    command.envs(variables.iter().map(|(name, value)| (name, value)));
}

/// The device of a copy: of all of them, of a slice (`0:2`), or of a list (`1,3`). None where there are none.
fn dealt(which: &str, copy: usize, devices: usize) -> Option<String> {
    let list: Vec<String> = match which.split_once(':') {
        Some((first, rest)) => {
            let (end, step) = rest.split_once(':').unwrap_or((rest, ""));
            let or = |text: &str, default| text.trim().parse().unwrap_or(default);
            let (first, end) = (or(first, 0), or(end, devices));
            (first..end).step_by(or(step, 1).max(1)).map(|device: usize| device.to_string()).collect()
        }
        None if which.is_empty() => (0..devices).map(|device| device.to_string()).collect(),
        None => which.split(',').map(|device| device.trim().to_owned()).collect(),
    };
    list.get(copy.checked_rem(list.len())?).cloned()
}

/// How many devices there are, as the driver lists them.
fn devices() -> usize {
    let numbered = |name: &str| {
        name.strip_prefix("nvidia")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
    };
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(numbered)).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn devices_are_dealt_out_as_in_jina() {
        let deal =
            |which, devices| (0..4).map(|copy| dealt(which, copy, devices)).collect::<Option<Vec<_>>>();
        for (which, expected) in [
            ("", ["0", "1", "2", "0"]),
            ("0:2", ["0", "1", "0", "1"]),
            ("1:", ["1", "2", "1", "2"]),
            ("0:3:2", ["0", "2", "0", "2"]),
            ("1,3", ["1", "3", "1", "3"]),
            ("GPU-a", ["GPU-a", "GPU-a", "GPU-a", "GPU-a"]),
        ] {
            assert_eq!(deal(which, 3), Some(expected.map(str::to_owned).to_vec()), "{which}");
        }
        assert_eq!(deal("", 0), None);
    }

    #[test]
    fn variables_are_texts() {
        let variables = json!({"A": 1, "B": "two", "C": true, "RR": "RR"});
        let found = of(variables.as_object().unwrap(), &Context::standalone("."));
        let expected = [("A", "1"), ("B", "two"), ("C", "true"), ("RR", "RR")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
