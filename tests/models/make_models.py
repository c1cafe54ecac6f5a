"""Builds the models of the tests with random weights from fixed seeds; nothing is downloaded. `make models` runs it.

    python make_models.py DIRECTORY
"""

import logging
import pathlib
import string
import sys

import numpy
from onnxruntime.quantization import QuantType, quantize_dynamic
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from graph import Graph, save
from pictures import mobilenet_v2, small
from transformer import Size, bert, clip_textual, clip_visual

SMALL = Size(width=32, heads=4, layers=2, inner=64)
WORDS = """the of and a in to it is was for on are with his they at be this have from or one had by but not what all were
when we there can an your which their said if do will each about how up out them then she many some so these would other
into has more her two like him see time could no make than first been its who now people my made over did down only way
find use may water long little very after words called just where most know red green blue ring square picture text""".split()


def main(directory):
    directory.mkdir(parents=True, exist_ok=True)
    make_pictures(directory)
    make_clip(directory / "clip")
    make_sentences(directory / "sentences")


def make_pictures(directory):
    save(mobilenet_v2(Graph(1)).model("mobilenet_v2"), directory / "mobilenet_v2.onnx")
    variants = {
        "small": {},
        "small_batch1": {"batch": 1},
        "small_nhwc": {"layout": "nhwc"},
        "small_uint8": {"kind": numpy.uint8},
        "small_any_size": {"side": "side"},
    }
    for name, variant in variants.items():
        save(small(Graph(2), **variant).model(name), directory / f"{name}.onnx")
    save(small(Graph(2, numpy.float16)).model("small_fp16"), directory / "small_fp16.onnx")
    quantize(directory, "small")


def make_clip(directory):
    """Writes the image tower and the text tower of a CLIP model, with the file names of CLIP-as-service."""
    directory.mkdir(exist_ok=True)
    save(clip_visual(Graph(3), SMALL, 512).model("visual"), directory / "visual.onnx")
    save(clip_textual(Graph(4), SMALL, 512).model("textual"), directory / "textual.onnx")


def make_sentences(directory):
    """Writes a tokenizer, and sentence encoders with the element types that models of users may have."""
    directory.mkdir(exist_ok=True)
    tokenizer = word_pieces()
    tokenizer.save(str(directory / "tokenizer.json"))
    vocabulary = tokenizer.get_vocab_size()
    for name, kind, integers in [("model", "float32", "int64"), ("model_fp16", "float16", "int64"),
                                 ("model_int32", "float32", "int32")]:
        graph = bert(Graph(5, numpy.dtype(kind)), SMALL, vocabulary, 64, kind=numpy.dtype(integers))
        save(graph.model(name), directory / f"{name}.onnx")
    quantize(directory, "model")


def quantize(directory, name):
    """Writes `NAME_int8.onnx`: the model `name` with 8-bit weights, quantized by ONNX Runtime's tool."""
    # The tool recommends preprocessing that these models do not need.
    logging.disable(logging.WARNING)
    to = directory / f"{name}_int8.onnx"
    quantize_dynamic(directory / f"{name}.onnx", to, weight_type=QuantType.QUInt8)
    print(f"{to.name}: {to.stat().st_size:,} bytes")


def word_pieces():
    """Returns a tokenizer like BERT's, with a small vocabulary. It pads and truncates to 16 tokens, like some published tokenizers:
    encoders must ignore these settings."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    signs = list(string.printable[:94])
    parts = [f"##{sign}" for sign in string.ascii_lowercase + string.digits]
    tokens = dict.fromkeys(special + signs + parts + WORDS)
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    tokenizer.enable_padding(length=16)
    tokenizer.enable_truncation(16)
    return tokenizer


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
