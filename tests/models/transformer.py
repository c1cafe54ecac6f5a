"""Transformers as ONNX graphs: BERT, and the two towers of CLIP. Weights are those of a checkpoint, or random numbers of the
graph's seed."""

import math
from dataclasses import dataclass

import numpy

from graph import Graph


@dataclass
class Size:
    """Dimensions of a transformer: hidden size, attention heads, layers, size of the feed-forward layer, and the epsilon of the
    layer normalisation."""

    width: int
    heads: int
    layers: int
    inner: int
    epsilon: float = 1e-12


class Weights:
    """Adds layers whose weights are read from a checkpoint by the names that BERT's checkpoints use, or are random without one."""

    def __init__(self, graph: Graph, checkpoint=None):
        self.graph, self.checkpoint = graph, checkpoint

    def table(self, name, rows, columns):
        return self._weight(name, (rows, columns), 0.5)

    def linear(self, value, name, inputs, outputs):
        """Adds a linear layer. Checkpoints store its matrix as outputs x inputs."""
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
    """Adds the exact GELU: x times the normal distribution function of x."""
    inside = graph.op("Erf", graph.op("Div", value, graph.constant(math.sqrt(2))))
    doubled = graph.op("Mul", value, graph.op("Add", inside, graph.constant(1)))
    return graph.op("Mul", doubled, graph.constant(0.5))


def attention(graph, weights, value, name, size, mask):
    """Adds self-attention over batch x length x width; `mask` is added to the scores, unless it is None."""
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
    """Adds the mask of the scores, of shape batch x 1 x 1 x length: 0 for tokens and the lowest number for padding."""
    present = graph.op("Unsqueeze", attention_mask, graph.integers(1, 2))
    present = graph.op("Cast", present, to=graph._type(None))
    lowest = graph.constant(numpy.finfo(graph.kind).min)
    return graph.op("Mul", graph.op("Sub", graph.constant(1), present), lowest)


def encoder(graph, weights, value, size, mask, prefix="encoder.layer"):
    """Adds BERT's encoder layers: attention and feed-forward layer, each added to its input and then normalised."""
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
    """Adds a BERT as exporters write it: three inputs of shape batch x length and of element type `kind`; the output is the last
    hidden state, of shape batch x length x width."""
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
    """Adds CLIP's text tower with causal attention over 77 tokens. The embedding is that of the end token, which has the largest
    id. As in CLIP-as-service, `attention_mask` is an input without effect."""
    weights = Weights(graph)
    ids = graph.input("input_ids", ["batch", 77], kind)
    mask = graph.input("attention_mask", ["batch", 77], kind)
    value = graph.op("Gather", weights.table("words", 49408, size.width), ids)
    value = graph.op("Add", value, weights.table("places", 77, size.width))
    causal = numpy.triu(numpy.full((77, 77), numpy.finfo(graph.kind).min), 1)
    value = encoder(graph, weights, value, size, graph.constant(causal))
    # Multiplied by zero, so that the input is used: an unused one would be optimised away.
    nothing = graph.op("Mul", graph.op("Cast", mask, to=graph._type(None)), graph.constant(0))
    value = graph.op("Add", value, graph.op("Unsqueeze", nothing, graph.integers(2)))
    last = graph.op("ArgMax", graph.op("Cast", ids, to=graph._type(numpy.int64)), axis=1, keepdims=1)
    value = graph.op("GatherND", value, last, batch_dims=1)
    projected = graph.op("MatMul", value, graph.normal(size.width, dimension, scale=1 / math.sqrt(size.width)))
    graph.output(projected, "output", ["batch", dimension])
    return graph


def clip_visual(graph, size, dimension, side=224, patch=32):
    """Adds CLIP's image tower: a vision transformer over patches. The embedding is that of the first position."""
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
