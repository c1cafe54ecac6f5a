"""Replicas share the requests."""
import os

from jina import Document, Executor, Flow, requests


class Who(Executor):
    @requests
    def who(self, docs, **kwargs):
        for d in docs:
            d.tags["replica"] = str(os.getpid())


with Flow().add(uses=Who, replicas=2) as f:
    docs = f.post("/", [Document() for _ in range(100)], request_size=1)
    assert len(docs) == 100 and len({d.tags["replica"] for d in docs}) == 2
