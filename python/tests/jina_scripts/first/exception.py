"""An exception of an executor reaches the client."""
from jina import Document, Executor, Flow, requests


class Bad(Executor):
    @requests
    def fail(self, docs, **kwargs):
        raise ValueError("an invalid document")


with Flow().add(uses=Bad) as f:
    try:
        f.post("/", Document())
    except Exception as error:
        assert "an invalid document" in str(error)
    else:
        raise AssertionError("no exception")
