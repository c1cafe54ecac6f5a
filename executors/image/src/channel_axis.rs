//! Position of the channel axis in image tensors: Jina's parameter `channel_axis`.

use flowrun_sdk::{Parameter, ParameterKind, Value};

/// Position of the channel axis in an image tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChannelAxis {
    /// Height × width × channels.
    Last,
    /// Channels × height × width.
    First,
}

impl Parameter for ChannelAxis {
    const KIND: ParameterKind =
        ParameterKind::Other("-1 for height × width × channels, or 0 for channels × height × width");

    fn parse(value: &Value) -> Option<Self> {
        match i32::parse(value)? {
            -1 | 2 => Some(Self::Last),
            0 | -3 => Some(Self::First),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        Value::from(match self {
            Self::Last => -1,
            Self::First => 0,
        })
    }
}

/// Position of the channel axis in a batch of images, as Jina's encoders count it: axis 0 is the batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchChannelAxis(pub(crate) ChannelAxis);

impl Parameter for BatchChannelAxis {
    const KIND: ParameterKind = ParameterKind::Other(
        "-1 for batch × height × width × channels, or 1 for batch × channels × height × width",
    );

    fn parse(value: &Value) -> Option<Self> {
        match i32::parse(value)? {
            -1 | 3 => Some(Self(ChannelAxis::Last)),
            1 | -3 => Some(Self(ChannelAxis::First)),
            _ => None,
        }
    }

    fn to_value(&self) -> Value {
        Value::from(match self.0 {
            ChannelAxis::Last => -1,
            ChannelAxis::First => 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use flowrun_sdk::Value;

    use super::*;

    #[test]
    fn positive_and_negative_axes_are_accepted_and_others_are_rejected() {
        let image = |axis: i32| ChannelAxis::parse(&Value::from(axis));
        assert_eq!([-1, 2].map(image), [Some(ChannelAxis::Last); 2]);
        assert_eq!([0, -3].map(image), [Some(ChannelAxis::First); 2]);
        assert_eq!([1, -2, 3].map(image), [None; 3]);
        let batch = |axis: i32| BatchChannelAxis::parse(&Value::from(axis)).map(|axis| axis.0);
        assert_eq!([-1, 3].map(batch), [Some(ChannelAxis::Last); 2]);
        assert_eq!([1, -3].map(batch), [Some(ChannelAxis::First); 2]);
        assert_eq!([0, 2].map(batch), [None; 2]);
    }

    #[test]
    fn serialised_values_parse_again() {
        for axis in [ChannelAxis::Last, ChannelAxis::First] {
            assert_eq!(ChannelAxis::parse(&axis.to_value()), Some(axis));
            assert_eq!(BatchChannelAxis::parse(&BatchChannelAxis(axis).to_value()).unwrap().0, axis);
        }
    }
}
