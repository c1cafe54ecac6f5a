"""Transformers as ONNX graphs: BERT, and the two towers of CLIP. Weights come from a checkpoint or from a seed."""

import math
from dataclasses import dataclass

import numpy

from graph import Graph


@dataclass
class Size:
    """How large a transformer is."""

    width: int
    heads: int
    layers: int
    inner: int
    epsilon: float = 1e-12


class Weights:
    """Weights by the names that BERT's checkpoints have, random ones of the right shape where there is no checkpoint."""

    def __init__(self, graph: Graph, checkpoint=None):
        self.graph, self.checkpoint = graph, checkpoint

    def table(self, name, rows, columns):
        return self._weight(name, (rows, columns), 0.5)

    def linear(self, value, name, inputs, outputs):
        """A linear layer; checkpoints hold its matrix as outputs x inputs."""
        if self.checkpoint is None:
            matrix = self.graph.normal(inputs, outputs, scale=1 / math.sqrt(inputs))
        else:
            matrix = self.graph.constant(self.checkpoint[f"{name}.weight"].T)
        bias = self._weight(f"{name}.bias", (outputs,), 0.1)
        return self.graph.op("Add", self.graph.op("MatMul", value, matrix), bias)

    def norm(self, value, name, width, epsilon):
        if self.checkpoint is None:
            scale = self.graph.constant(1 + 0.1 * self.graph.random.standard_normal(width))
        else:
            scale = self.graph.constant(self.checkpoint[f"{name}.weight"])
        bias = self._weight(f"{name}.bias", (width,), 0.1)
        return self.graph.op("LayerNormalization", value, scale, bias, axis=-1, epsilon=epsilon)

    def _weight(self, name, shape, scale):
        if self.checkpoint is None:
            return self.graph.normal(*shape, scale=scale)
        array = self.checkpoint[name]
        assert array.shape == shape, f"{name} is {array.shape}, not {shape}"
        return self.graph.constant(array)


def gelu(graph, value):
    """x Phi(x), exactly."""
    inside = graph.op("Erf", graph.op("Div", value, graph.constant(math.sqrt(2))))
    doubled = graph.op("Mul", value, graph.op("Add", inside, graph.constant(1)))
    return graph.op("Mul", doubled, graph.constant(0.5))


def attention(graph, weights, value, name, size, mask):
    """Self-attention over batch x length x width; `mask` is added to the scores."""
    each = size.width // size.heads

    def heads(part, order):
        linear = weights.linear(value, f"{name}.self.{part}", size.width, size.width)
        split = graph.op("Reshape", linear, graph.integers(0, 0, size.heads, each))
        return graph.op("Transpose", split, perm=order)

    query, key = heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1])
    scores = graph.op("Div", graph.op("MatMul", query, key), graph.constant(math.sqrt(each)))
    if mask is not None:
        scores = graph.op("Add", scores, mask)
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), heads("value", [0, 2, 1, 3]))
    joined = graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.integers(0, 0, size.width))
    return weights.linear(joined, f"{name}.output.dense", size.width, size.width)


def padding_mask(graph, attention_mask):
    """0 where there is a token and the smallest number where there is none, as batch x 1 x 1 x length."""
    present = graph.op("Unsqueeze", attention_mask, graph.integers(1, 2))
    present = graph.op("Cast", present, to=graph._type(None))
    lowest = graph.constant(numpy.finfo(graph.kind).min)
    return graph.op("Mul", graph.op("Sub", graph.constant(1), present), lowest)


def encoder(graph, weights, value, size, mask, prefix="encoder.layer"):
    """BERT's layers: each half is added to its input, then normalised."""
    for layer in range(size.layers):
        name = f"{prefix}.{layer}"
        attended = attention(graph, weights, value, f"{name}.attention", size, mask)
        value = graph.op("Add", value, attended)
        value = weights.norm(value, f"{name}.attention.output.LayerNorm", size.width, size.epsilon)
        inner = gelu(graph, weights.linear(value, f"{name}.intermediate.dense", size.width, size.inner))
        value = graph.op("Add", value, weights.linear(inner, f"{name}.output.dense", size.inner, size.width))
        value = weights.norm(value, f"{name}.output.LayerNorm", size.width, size.epsilon)
    return value


def bert(graph, size, vocabulary, positions, checkpoint=None, kind=numpy.int64):
    """A BERT as exporters write it: three inputs of batch x length, the last hidden state, batch x length x width."""
    weights = Weights(graph, checkpoint)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    ids, attention_mask, types = (graph.input(name, ["batch", "length"], kind) for name in names)
    words = graph.op("Gather", weights.table("embeddings.word_embeddings.weight", vocabulary, size.width), ids)
    segments = graph.op("Gather", weights.table("embeddings.token_type_embeddings.weight", 2, size.width), types)
    table = weights.table("embeddings.position_embeddings.weight", positions, size.width)
    length = graph.op("Slice", graph.op("Shape", ids), graph.integers(1), graph.integers(2))
    places = graph.op("Slice", table, graph.integers(0), length, graph.integers(0))
    value = graph.op("Add", graph.op("Add", words, segments), places)
    value = weights.norm(value, "embeddings.LayerNorm", size.width, size.epsilon)
    hidden = encoder(graph, weights, value, size, padding_mask(graph, attention_mask))
    graph.output(hidden, "last_hidden_state", ["batch", "length", size.width])
    return graph


def clip_textual(graph, size, dimension, kind=numpy.int32):
    """CLIP's tower for texts: 77 tokens, each sees those before it; the vector is that of the last, which has the
    largest number. The mask of CLIP-as-service is an input without effect, as it is there."""
    weights = Weights(graph)
    ids = graph.input("input_ids", ["batch", 77], kind)
    mask = graph.input("attention_mask", ["batch", 77], kind)
    value = graph.op("Gather", weights.table("words", 49408, size.width), ids)
    value = graph.op("Add", value, weights.table("places", 77, size.width))
    causal = numpy.triu(numpy.full((77, 77), numpy.finfo(graph.kind).min), 1)
    value = encoder(graph, weights, value, size, graph.constant(causal))
    # What has no effect would be optimised away, and with it the input.
    nothing = graph.op("Mul", graph.op("Cast", mask, to=graph._type(None)), graph.constant(0))
    value = graph.op("Add", value, graph.op("Unsqueeze", nothing, graph.integers(2)))
    last = graph.op("ArgMax", graph.op("Cast", ids, to=graph._type(numpy.int64)), axis=1, keepdims=1)
    value = graph.op("GatherND", value, last, batch_dims=1)
    projected = graph.op("MatMul", value, graph.normal(size.width, dimension, scale=1 / math.sqrt(size.width)))
    graph.output(projected, "output", ["batch", dimension])
    return graph


def clip_visual(graph, size, dimension, side=224, patch=32):
    """CLIP's tower for pictures: a vision transformer over patches, whose first place is the vector."""
    weights = Weights(graph)
    pixels = graph.input("pixel_values", ["batch", 3, side, side])
    scale = 1 / math.sqrt(3 * patch * patch)
    kernels = graph.normal(size.width, 3, patch, patch, scale=scale)
    patches = graph.op("Conv", pixels, kernels, kernel_shape=[patch, patch], strides=[patch, patch])
    flat = graph.op("Transpose", graph.op("Reshape", patches, graph.integers(0, size.width, -1)), perm=[0, 2, 1])
    batch = graph.op("Slice", graph.op("Shape", pixels), graph.integers(0), graph.integers(1))
    shape = graph.op("Concat", batch, graph.integers(1, size.width), axis=0)
    first = graph.op("Expand", weights.table("first", 1, size.width), shape)
    value = graph.op("Concat", first, flat, axis=1)
    value = graph.op("Add", value, weights.table("places", (side // patch) ** 2 + 1, size.width))
    value = encoder(graph, weights, value, size, None)
    value = graph.op("Gather", value, graph.constant(0, numpy.int64), axis=1)
    projected = graph.op("MatMul", value, graph.normal(size.width, dimension, scale=1 / math.sqrt(size.width)))
    graph.output(projected, "output", ["batch", dimension])
    return graph
