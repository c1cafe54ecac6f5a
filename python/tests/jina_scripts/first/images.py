"""Pictures as arrays: a flow that computes their mean colour."""
import numpy as np
from jina import Document, DocumentArray, Executor, Flow, requests


class Mean(Executor):
    @requests
    def mean(self, docs: DocumentArray, **kwargs):
        for d in docs:
            d.embedding = d.tensor.mean(axis=(0, 1)).astype("float32")
            d.tensor = None


docs = DocumentArray(Document(tensor=np.full((8, 8, 3), i, dtype="uint8")) for i in range(4))
with Flow().add(uses=Mean) as f:
    result = f.post("/", docs, request_size=2)
    assert result.embeddings.shape == (4, 3)
    assert sorted(result.embeddings[:, 0].tolist()) == [0.0, 1.0, 2.0, 3.0]
