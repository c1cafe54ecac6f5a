"""Endpoints that the flow binds to methods."""
from jina import Document, Executor, Flow, requests


class Foo(Executor):
    @requests(on="/foo")
    def foo(self, docs, **kwargs):
        docs[0].text = "foo"

    def bar(self, docs, **kwargs):
        docs[0].text = "bar"


with Flow().add(uses=Foo, uses_requests={"/my": "bar"}) as f:
    assert f.post("/my", Document())[0].text == "bar"
    assert f.post("/foo", Document())[0].text == "foo"
