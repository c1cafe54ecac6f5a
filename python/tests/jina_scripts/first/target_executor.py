"""A request for some of the executors."""
from jina import Document, Executor, Flow, requests


class Add(Executor):
    @requests
    def add(self, docs, **kwargs):
        for d in docs:
            d.text += self.metas.name[-1]


f = (
    Flow()
    .add(uses=Add, name="add_a", uses_metas={"name": "a"})
    .add(uses=Add, name="add_b", uses_metas={"name": "b"})
)
with f:
    assert f.post("/", Document(text=""))[0].text == "ab"
    assert f.post("/", Document(text=""), target_executor="add_b")[0].text == "b"
