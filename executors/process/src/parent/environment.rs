//! Environment variables of a child that its pod adds, including the assignment of GPUs to replicas.

use flowrun_sdk::{Context, Value};
use serde_json::Map;

/// Variable whose value may assign devices to replicas, as in Jina.
const DEVICES: &str = "CUDA_VISIBLE_DEVICES";

/// Prefix of a value of [`DEVICES`] that assigns devices round-robin.
const ROUND_ROBIN: &str = "RR";

/// Resolves the `env` of a pod for one replica. `RR` values of `CUDA_VISIBLE_DEVICES` become one device of the list; the
/// variable is left out if there is no device.
pub(crate) fn resolve_variables(variables: &Map<String, Value>, context: &Context) -> Vec<(String, String)> {
    let index = context.shard + context.replica;
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let variable = |(name, value): (&String, &Value)| {
        let value = text(value);
        let value = match value.strip_prefix(ROUND_ROBIN).filter(|_| name == DEVICES) {
            Some(devices) => assign_device(devices, index, count_devices())?,
            None => value,
        };
        Some((name.clone(), value))
    };
    variables.iter().filter_map(variable).collect()
}

/// Returns the device of the worker with this index: the element of `list` at the index modulo its length. `list` is empty
/// (all devices), a slice (`0:2`, `0:3:2`) or a list (`1,3`). Returns `None` if the list has no device.
fn assign_device(list: &str, index: usize, device_count: usize) -> Option<String> {
    let devices: Vec<String> = match list.split_once(':') {
        Some((first, rest)) => {
            let (end, step) = rest.split_once(':').unwrap_or((rest, ""));
            let parse_or = |text: &str, default| text.trim().parse().unwrap_or(default);
            let (first, end) = (parse_or(first, 0), parse_or(end, device_count));
            (first..end).step_by(parse_or(step, 1).max(1)).map(|device: usize| device.to_string()).collect()
        }
        None if list.is_empty() => (0..device_count).map(|device| device.to_string()).collect(),
        None => list.split(',').map(|device| device.trim().to_owned()).collect(),
    };
    devices.get(index.checked_rem(devices.len())?).cloned()
}

/// Counts the GPUs: the device files `/dev/nvidia0`, `/dev/nvidia1`, … of the driver.
fn count_devices() -> usize {
    let is_device = |name: &str| {
        name.strip_prefix("nvidia")
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
    };
    let entries = std::fs::read_dir("/dev").into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_name().to_str().is_some_and(is_device)).count()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn devices_are_assigned_as_in_jina() {
        let assign =
            |list, count| (0..4).map(|index| assign_device(list, index, count)).collect::<Option<Vec<_>>>();
        for (list, expected) in [
            ("", ["0", "1", "2", "0"]),
            ("0:2", ["0", "1", "0", "1"]),
            ("1:", ["1", "2", "1", "2"]),
            ("0:3:2", ["0", "2", "0", "2"]),
            ("1,3", ["1", "3", "1", "3"]),
            ("GPU-a", ["GPU-a", "GPU-a", "GPU-a", "GPU-a"]),
        ] {
            assert_eq!(assign(list, 3), Some(expected.map(str::to_owned).to_vec()), "{list}");
        }
        assert_eq!(assign("", 0), None);
    }

    #[test]
    fn values_are_converted_to_text() {
        let variables = json!({"A": 1, "B": "two", "C": true, "RR": "RR"});
        let resolved = resolve_variables(variables.as_object().unwrap(), &Context::standalone("."));
        let expected = [("A", "1"), ("B", "two"), ("C", "true"), ("RR", "RR")];
        assert_eq!(resolved, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
