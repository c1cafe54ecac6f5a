"""Conditions on documents."""
from jina import Document, Executor, Flow, requests


class Mark(Executor):
    def __init__(self, mark="", **kwargs):
        super().__init__(**kwargs)
        self.mark = mark

    @requests
    def run(self, docs, **kwargs):
        for d in docs:
            d.text = self.mark


f = (
    Flow()
    .add(name="first")
    .add(name="cheap", uses=Mark, uses_with={"mark": "cheap"}, needs="first", when={"tags__price": {"$lt": 5}})
    .add(name="dear", uses=Mark, uses_with={"mark": "dear"}, needs="first", when={"tags__price": {"$gte": 5}})
    .needs_all(name="join")
)
with f:
    docs = f.post("/", [Document(tags={"price": 3}), Document(tags={"price": 7})])
    assert {int(d.tags["price"]): d.text for d in docs} == {3: "cheap", 7: "dear"}
