"""The first example of Jina's guide: an executor that changes texts."""
from jina import DocumentArray, Executor, Flow, requests


class MyExec(Executor):
    @requests
    async def add_text(self, docs: DocumentArray, **kwargs):
        for d in docs:
            d.text += "hello, world!"


f = Flow().add(uses=MyExec).add(uses=MyExec)

with f:
    r = f.post("/", DocumentArray.empty(2))
    print(r.texts)
    assert r.texts == ["hello, world!hello, world!"] * 2
