"""`needs_all` joins every open branch."""
from jina import Document, Executor, Flow, requests


class Tag(Executor):
    def __init__(self, key="x", **kwargs):
        super().__init__(**kwargs)
        self.key = key

    @requests
    def tag(self, docs, **kwargs):
        for d in docs:
            d.tags[self.key] = True


f = (
    Flow()
    .add(name="a", uses=Tag, uses_with={"key": "a"}, needs="gateway")
    .add(name="b", uses=Tag, uses_with={"key": "b"}, needs="gateway")
    .add(name="c", uses=Tag, uses_with={"key": "c"}, needs="gateway")
    .needs_all(name="end")
)
with f:
    tags = f.post("/", Document())[0].tags
    assert set(tags) == {"a", "b", "c"}, tags
