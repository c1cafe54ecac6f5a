"""Requests that are batched inside of the executor."""
from jina import Document, Executor, Flow, dynamic_batching, requests


class Batched(Executor):
    @requests(on="/batch")
    @dynamic_batching(preferred_batch_size=10, timeout=200)
    def batch(self, docs, **kwargs):
        for d in docs:
            d.tags["size"] = len(docs)


with Flow().add(uses=Batched) as f:
    docs = f.post("/batch", [Document() for _ in range(20)], request_size=1)
    assert len(docs) == 20 and max(int(d.tags["size"]) for d in docs) > 1
