//! Pools the output of a model to one vector per image.

use super::parameters::Pooling;
use crate::session::{OutputTensor, Port};
use crate::unit::scale_to_unit_length;

/// An output, and the layout of its axes.
#[derive(Clone, Copy, Debug)]
pub(super) struct OutputLayout<'a> {
    /// The output.
    pub(super) port: &'a Port,
    /// True if the model's input has the shape batch × channels × height × width. An output with four axes then has it, too.
    pub(super) channels_first: bool,
}

/// Pooling of an output.
#[derive(Clone, Debug)]
pub(super) struct OutputPooling {
    pooling: Pooling,
    /// True if the channel axis precedes the position axes.
    channels_first: bool,
    normalize: bool,
    dimension: Option<usize>,
}

impl OutputPooling {
    /// Creates the pooling of an output. Without `pooling`, the output must have one vector per image. `normalize` scales
    /// vectors to length 1.
    ///
    /// # Errors
    /// The reason why the output cannot be pooled without `pooling`.
    pub(super) fn new(
        output: OutputLayout<'_>,
        pooling: Option<Pooling>,
        normalize: bool,
    ) -> Result<Self, String> {
        let OutputLayout { port, channels_first } = output;
        // Feature maps have the layout of the input. A sequence of tokens is positions × channels.
        let channels_first = channels_first && port.shape.len() == 4;
        let inner = port.shape.get(1..).unwrap_or_default();
        let single_position = match inner {
            [channels] => Some(*channels),
            [channels, Some(1), Some(1)] if channels_first => Some(*channels),
            [Some(1), Some(1), channels] => Some(*channels),
            _ => None,
        };
        let pooling = match (pooling, single_position) {
            (Some(pooling), _) => pooling,
            (None, Some(_)) => Pooling::Flatten,
            (None, None) => {
                let (name, shape) = (&port.name, port.shape_text());
                return Err(format!(
                    "the model's output `{name}` has shape {shape}: set `pooling` to `mean`, `max`, `first` or `flatten`, \
                     or choose another `output`"
                ));
            }
        };
        let dimension = match pooling {
            Pooling::Flatten => inner.iter().copied().product::<Option<usize>>(),
            Pooling::Mean | Pooling::Max | Pooling::First => {
                let channels = if channels_first { inner.first() } else { inner.last() };
                channels.copied().flatten()
            }
        };
        Ok(Self { pooling, channels_first, normalize, dimension })
    }

    /// Dimension of the vectors, if the model fixes it.
    pub(super) fn dimension(&self) -> Option<usize> {
        self.dimension
    }

    /// Extracts the vectors of a batch.
    pub(super) fn read(&self, output: &OutputTensor<'_>) -> Vec<Vec<f32>> {
        let numbers = output.elements.to_f32();
        let pictures = output.shape.first().copied().unwrap_or_default().max(1);
        let each = (numbers.len() / pictures).max(1);
        let inner = output.shape.get(1..).unwrap_or_default();
        let vectors = numbers.chunks_exact(each).map(|own| {
            let mut vector = self.pooled(own, inner);
            if self.normalize {
                scale_to_unit_length(&mut vector);
            }
            vector
        });
        vectors.collect()
    }

    /// Pools the elements of one image, which have the shape `inner`.
    fn pooled(&self, numbers: &[f32], inner: &[usize]) -> Vec<f32> {
        let channels = if self.channels_first { inner.first() } else { inner.last() };
        let channels = channels.copied().unwrap_or_default().max(1);
        let positions = numbers.len() / channels;
        let start = match self.pooling {
            Pooling::Flatten => return numbers.to_vec(),
            Pooling::Max => f32::NEG_INFINITY,
            Pooling::Mean | Pooling::First => 0.0,
        };
        let combine = |pooled: f32, number: f32| {
            if self.pooling == Pooling::Max { pooled.max(number) } else { pooled + number }
        };
        let taken = if self.pooling == Pooling::First { 1 } else { positions.max(1) };
        let mut vector: Vec<f32> = if self.channels_first {
            let maps = numbers.chunks_exact(positions.max(1));
            maps.map(|map| map.iter().take(taken).copied().fold(start, combine)).collect()
        } else {
            let mut vector = vec![start; channels];
            for position in numbers.chunks_exact(channels).take(taken) {
                vector
                    .iter_mut()
                    .zip(position)
                    .for_each(|(pooled, number)| *pooled = combine(*pooled, *number));
            }
            vector
        };
        if self.pooling == Pooling::Mean {
            #[expect(clippy::cast_precision_loss, reason = "the number of positions is far below 2²⁴")]
            vector.iter_mut().for_each(|number| *number /= taken as f32);
        }
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{ElementType, Elements};

    fn port(shape: &[Option<usize>]) -> Port {
        Port { name: "y".to_owned(), element_type: ElementType::F32, shape: shape.to_vec() }
    }

    fn read(shape: &[usize], channels_first: bool, pooling: Pooling, numbers: &[f32]) -> Vec<Vec<f32>> {
        let open: Vec<_> = shape.iter().map(|size| Some(*size)).collect();
        let vectors =
            OutputPooling::new(OutputLayout { port: &port(&open), channels_first }, Some(pooling), false)
                .unwrap();
        let read = vectors.read(&OutputTensor { shape: shape.to_vec(), elements: Elements::F32(numbers) });
        assert!(read.iter().all(|vector| vector.len() == vectors.dimension().unwrap()));
        read
    }

    #[test]
    fn maps_and_tokens_are_pooled_over_their_positions() {
        let numbers = [1.0, 2.0, 3.0, 6.0, 5.0, 7.0, 9.0, 11.0];
        let maps = |pooling| read(&[1, 2, 2, 2], true, pooling, &numbers);
        assert_eq!(maps(Pooling::Mean), [[3.0, 8.0]]);
        assert_eq!(maps(Pooling::Max), [[6.0, 11.0]]);
        assert_eq!(maps(Pooling::First), [[1.0, 5.0]]);
        assert_eq!(maps(Pooling::Flatten), [numbers]);
        let last = |pooling| read(&[1, 2, 2, 2], false, pooling, &numbers);
        assert_eq!(last(Pooling::Mean), [[4.5, 6.5]]);
        let tokens = |pooling| read(&[2, 2, 2], true, pooling, &numbers);
        assert_eq!(tokens(Pooling::First), [[1.0, 2.0], [5.0, 7.0]]);
        assert_eq!(tokens(Pooling::Max), [[3.0, 6.0], [9.0, 11.0]]);
    }

    #[test]
    fn an_output_with_several_positions_requires_the_parameter_pooling() {
        let of = |shape: &[Option<usize>]| {
            OutputPooling::new(OutputLayout { port: &port(shape), channels_first: true }, None, false)
        };
        assert_eq!(of(&[None, Some(5)]).unwrap().dimension(), Some(5));
        assert_eq!(of(&[None, Some(5), Some(1), Some(1)]).unwrap().dimension(), Some(5));
        let error = of(&[None, Some(5), Some(7), Some(7)]).unwrap_err();
        assert!(
            error.starts_with("the model's output `y` has shape [?, 5, 7, 7]: set `pooling` to `mean`"),
            "{error}"
        );
    }
}
