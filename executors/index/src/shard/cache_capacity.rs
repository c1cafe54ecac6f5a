//! The parameter `resident`: capacity of the index cache.

use flowrun_sdk::{Parameter, ParameterKind, Value};

use crate::byte_size::ByteSize;

/// Capacity of the index cache of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum CacheCapacity {
    /// The indexes of this many shards.
    Shards(u64),
    /// Indexes of this many bytes in total, but at least one.
    Bytes(u64),
}

impl Parameter for CacheCapacity {
    const KIND: ParameterKind =
        ParameterKind::Other("a number of shards such as `4`, or an amount of memory such as `2GB`");

    fn parse(value: &Value) -> Option<Self> {
        let number = match value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64(),
        };
        match number {
            Some(shards) => (shards > 0).then_some(Self::Shards(shards)),
            None => ByteSize::parse(value).map(|size| Self::Bytes(size.bytes())),
        }
    }

    fn to_value(&self) -> Value {
        match self {
            Self::Shards(shards) => (*shards).into(),
            Self::Bytes(bytes) => format!("{bytes}B").into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_bare_number_counts_shards_and_a_unit_means_memory() {
        for (value, expected) in [
            (json!(4), Some(CacheCapacity::Shards(4))),
            (json!("4"), Some(CacheCapacity::Shards(4))),
            (json!("2GB"), Some(CacheCapacity::Bytes(2 << 30))),
            (json!("1.5 MiB"), Some(CacheCapacity::Bytes(3 << 19))),
            (json!(0), None),
            (json!(-1), None),
            (json!("many"), None),
            (json!(1.5), None),
        ] {
            assert_eq!(CacheCapacity::parse(&value), expected, "{value}");
            if let Some(capacity) = expected {
                assert_eq!(CacheCapacity::parse(&capacity.to_value()), expected);
            }
        }
    }
}
