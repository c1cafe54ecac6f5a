"""Image networks as ONNX graphs: MobileNetV2, and a small one. Their weights are random numbers of the graph's seed."""

import math

import numpy

from graph import Graph

# Expansion, channels, repetitions and first stride of MobileNetV2's blocks (Sandler et al. 2018, table 2).
BLOCKS = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]


def convolution(graph, value, inputs, outputs, side, stride=1, groups=1, bounded=True):
    """Adds a convolution with a square kernel of `side` pixels and folded batch normalisation, followed by ReLU6 if `bounded`."""
    spread = inputs // groups * side * side
    # He initialisation: activations neither grow nor vanish in 53 layers.
    kernels = graph.normal(outputs, inputs // groups, side, side, scale=math.sqrt((2 if bounded else 1) / spread))
    bias = graph.normal(outputs, scale=0.05)
    value = graph.op(
        "Conv", value, kernels, bias,
        kernel_shape=[side, side], strides=[stride, stride], pads=[side // 2] * 4, group=groups,
    )
    return graph.op("Clip", value, graph.constant(0), graph.constant(6)) if bounded else value


def inverted_residual(graph, value, inputs, outputs, expansion, stride):
    """Adds an inverted residual block of MobileNetV2: expansion, depthwise convolution, and a linear projection."""
    inner, inside = value, inputs * expansion
    if expansion > 1:
        inner = convolution(graph, inner, inputs, inside, 1)
    inner = convolution(graph, inner, inside, inside, 3, stride, groups=inside)
    inner = convolution(graph, inner, inside, outputs, 1, bounded=False)
    return graph.op("Add", value, inner) if stride == 1 and inputs == outputs else inner


def mobilenet_v2(graph: Graph, batch="batch"):
    """Adds MobileNetV2: input of batch x 3 x 224 x 224; outputs `logits` of 1000 classes and the 1280 pooled `features`."""
    value = convolution(graph, graph.input("input", [batch, 3, 224, 224]), 3, 32, 3, stride=2)
    channels = 32
    for expansion, outputs, repetitions, stride in BLOCKS:
        for repetition in range(repetitions):
            value = inverted_residual(graph, value, channels, outputs, expansion, stride if repetition == 0 else 1)
            channels = outputs
    maps = convolution(graph, value, channels, 1280, 1)
    features = graph.op("Flatten", graph.op("GlobalAveragePool", maps), axis=1)
    weights = graph.normal(1280, 1000, scale=1 / math.sqrt(1280))
    logits = graph.op("Gemm", features, weights, graph.normal(1000, scale=0.05))
    graph.output(logits, "logits", [batch, 1000])
    graph.output(features, "features", [batch, 1280])
    return graph


def small(graph: Graph, batch="batch", side=32, layout="nchw", kind=None):
    """Adds a network of two convolutions. Its outputs are `maps` of batch x 16 x side/4 x side/4 (channels last if `layout` is
    `nhwc`), and `features`, the means of the 16 maps. `kind` is the element type of the input, by default that of the graph; a
    string as `side` accepts pictures of any size."""
    shape = [batch, 3, side, side] if layout == "nchw" else [batch, side, side, 3]
    value = graph.input("input", shape, kind)
    if kind is not None:
        value = graph.op("Div", graph.op("Cast", value, to=graph._type(None)), graph.constant(255))
    if layout == "nhwc":
        value = graph.op("Transpose", value, perm=[0, 3, 1, 2])
    value = convolution(graph, value, 3, 8, 3, stride=2)
    value = convolution(graph, value, 8, 16, 3, stride=2)
    features = graph.op("Flatten", graph.op("GlobalAveragePool", value), axis=1)
    quarter = side // 4 if isinstance(side, int) else "quarter"
    shape = [batch, 16, quarter, quarter]
    if layout == "nhwc":
        value, shape = graph.op("Transpose", value, perm=[0, 2, 3, 1]), [batch, quarter, quarter, 16]
    graph.output(value, "maps", shape)
    graph.output(features, "features", [batch, 16])
    return graph
