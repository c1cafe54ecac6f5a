"""Shards: every shard is searched, and their matches are merged."""
from jina import Document, DocumentArray, Executor, Flow, requests


class Store(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.docs = DocumentArray()

    @requests(on="/index")
    def index(self, docs, **kwargs):
        self.docs.extend(docs)

    @requests(on="/search")
    def search(self, docs, **kwargs):
        for doc in docs:
            for own in self.docs:
                doc.matches.append(Document(id=own.id, text=own.text))


f = Flow().add(uses=Store, shards=2, polling={"/index": "ANY", "/search": "ALL", "*": "ANY"})
with f:
    f.post("/index", [Document(id=str(i), text=f"doc {i}") for i in range(20)], request_size=1)
    matches = f.post("/search", Document(id="q"))[0].matches
    assert {m.id for m in matches} == {str(i) for i in range(20)}, len(matches)
