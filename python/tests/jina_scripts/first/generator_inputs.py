"""Inputs from a generator, and from a function that returns one."""
from jina import Document, Executor, Flow, requests


class Length(Executor):
    @requests
    def length(self, docs, **kwargs):
        for d in docs:
            d.tags["length"] = len(d.text)


def generate():
    for i in range(250):
        yield Document(text="x" * i)


with Flow().add(uses=Length) as f:
    assert len(f.post("/", generate())) == 250
    docs = f.post("/", inputs=generate, request_size=64)
    assert sorted(int(d.tags["length"]) for d in docs) == list(range(250))
