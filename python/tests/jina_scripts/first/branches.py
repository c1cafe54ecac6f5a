"""A diamond: two branches from the gateway that join."""
from jina import Document, Executor, Flow, requests


class A(Executor):
    @requests
    def run(self, docs, **kwargs):
        for d in docs:
            d.tags["a"] = 1


class B(Executor):
    @requests
    def run(self, docs, **kwargs):
        for d in docs:
            d.text = "b"


f = (
    Flow()
    .add(name="start")
    .add(uses=A, name="a", needs="start")
    .add(uses=B, name="b", needs="start")
    .needs(["a", "b"], name="joined")
)
with f:
    doc = f.post("/", Document())[0]
    assert doc.text == "b" and doc.tags["a"] == 1
