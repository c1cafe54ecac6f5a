"""`needs_all` joins every open branch."""
from jina import Document, Executor, Flow, requests


class Set(Executor):
    def __init__(self, field="text", **kwargs):
        super().__init__(**kwargs)
        self.field = field

    @requests
    def set(self, docs, **kwargs):
        for d in docs:
            setattr(d, self.field, self.field)


f = (
    Flow()
    .add(name="a", uses=Set, uses_with={"field": "text"}, needs="gateway")
    .add(name="b", uses=Set, uses_with={"field": "uri"}, needs="gateway")
    .add(name="c", uses=Set, uses_with={"field": "modality"}, needs="gateway")
    .needs_all(name="end")
)
with f:
    doc = f.post("/", Document())[0]
    assert (doc.text, doc.uri, doc.modality) == ("text", "uri", "modality"), doc
