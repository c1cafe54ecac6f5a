"""An indexer that keeps its documents in memory and matches queries, as in Jina's tutorials."""
import numpy as np
from jina import Document, DocumentArray, Executor, Flow, requests


class Encoder(Executor):
    @requests
    def encode(self, docs: DocumentArray, **kwargs):
        for d in docs:
            vector = np.zeros(26, dtype="float32")
            for letter in d.text.lower():
                if letter.isalpha():
                    vector[ord(letter) - 97] += 1
            d.embedding = vector


class Indexer(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._docs = DocumentArray()

    @requests(on="/index")
    def index(self, docs: DocumentArray, **kwargs):
        self._docs.extend(docs)

    @requests(on="/search")
    def search(self, docs: DocumentArray, parameters: dict, **kwargs):
        docs.match(self._docs, limit=int(parameters.get("top_k", 2)))


f = Flow().add(uses=Encoder, name="encoder").add(uses=Indexer, name="indexer")
with f:
    f.post("/index", [Document(text=text) for text in ("listen", "banana", "car", "silent")])
    result = f.post("/search", Document(text="enlist"), parameters={"top_k": 2})
    found = [match.text for match in result[0].matches]
    print(found, [match.scores["cosine"].value for match in result[0].matches])
assert sorted(found) == ["listen", "silent"]
