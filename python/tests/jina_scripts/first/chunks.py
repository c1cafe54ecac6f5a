"""Chunks: texts are cut into sentences, which get an embedding each."""
import numpy as np
from jina import Document, DocumentArray, Executor, Flow, requests


class Segmenter(Executor):
    @requests
    def segment(self, docs, **kwargs):
        for d in docs:
            d.chunks.extend([Document(text=part) for part in d.text.split(".") if part])


class Encoder(Executor):
    @requests
    def encode(self, docs, **kwargs):
        for chunk in docs["@c"]:
            chunk.embedding = np.array([len(chunk.text)], dtype="float32")


with Flow().add(uses=Segmenter).add(uses=Encoder) as f:
    docs = f.post("/", DocumentArray([Document(text="one.three"), Document(text="seven")]))
    lengths = [[float(c.embedding[0]) for c in d.chunks] for d in sorted(docs, key=lambda d: len(d.chunks))]
    assert lengths == [[5.0], [3.0, 5.0]], lengths
