"""EfficientNet-Lite0 (Google, 2020): MobileNetV2's blocks in the sizes of EfficientNet-B0, without squeeze and excitation, with
ReLU6. Inputs are (pixel - 127) / 128; the output is the mean of the 1280 features before the classes."""

import numpy

SIDE = 224
FEATURES = 1280
EPSILON = 1e-3
# Expansion, side of the kernel, first stride, channels and repetitions of each stage.
STAGES = [(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)]


def layers():
    """All convolutions in their order: names of kernel and normalisation, side, stride, depthwise or not, ReLU6 or not, and the
    role: `begin` remembers the input, `add` adds it to the output."""
    yield "_conv_stem", "_bn0", 3, 2, False, True, None
    channels, number = 32, 0
    for expansion, side, first_stride, outputs, repetitions in STAGES:
        for repetition in range(repetitions):
            stride = first_stride if repetition == 0 else 1
            block = f"_blocks.{number}."
            if expansion > 1:
                yield block + "_expand_conv", block + "_bn0", 1, 1, False, True, "begin"
            yield block + "_depthwise_conv", block + "_bn1", side, stride, True, True, None if expansion > 1 else "begin"
            role = "add" if stride == 1 and channels == outputs else None
            yield block + "_project_conv", block + "_bn2", 1, 1, False, False, role
            channels, number = outputs, number + 1
    yield "_conv_head", "_bn1", 1, 1, False, True, None


def padding(length, side, stride):
    """Zeros before and after, as TensorFlow's `same`: the surplus is after."""
    total = max((-(-length // stride) - 1) * stride + side - length, 0)
    return total // 2, total - total // 2


def folded(weights, kernel, normalisation):
    """Kernels and bias of a convolution with its normalisation."""
    scale = weights[normalisation + ".weight"] / numpy.sqrt(weights[normalisation + ".running_var"] + EPSILON)
    bias = weights[normalisation + ".bias"] - weights[normalisation + ".running_mean"] * scale
    return weights[kernel + ".weight"] * scale[:, None, None, None], bias


def embed(weights, pictures):
    """The reference: embeddings of batch x 3 x 224 x 224 inputs in double precision, with normalisation as in training."""
    value = pictures.astype(numpy.float64)
    for kernel, normalisation, side, stride, depthwise, bounded, role in layers():
        if role == "begin":
            shortcut = value
        value = convolve(value, weights[kernel + ".weight"].astype(numpy.float64), side, stride, depthwise)
        mean, variance = weights[normalisation + ".running_mean"], weights[normalisation + ".running_var"]
        shaped = lambda name: weights[normalisation + name][:, None, None].astype(numpy.float64)
        value = (value - mean[:, None, None]) / numpy.sqrt(variance[:, None, None] + EPSILON) * shaped(".weight") + shaped(".bias")
        if bounded:
            value = value.clip(0, 6)
        if role == "add":
            value = value + shortcut
    return value.mean(axis=(2, 3))


def convolve(value, kernels, side, stride, depthwise):
    before, after = padding(value.shape[2], side, stride)
    padded = numpy.pad(value, [(0, 0), (0, 0), (before, after), (before, after)])
    length = (padded.shape[2] - side) // stride + 1
    result = 0
    for row in range(side):
        for column in range(side):
            part = padded[:, :, row : row + stride * length : stride, column : column + stride * length : stride][:, :, :length, :length]
            weight = kernels[:, :, row, column]
            result = result + (part * weight[:, 0, None, None] if depthwise else numpy.einsum("oi,bihw->bohw", weight, part, optimize=True))
    return result
