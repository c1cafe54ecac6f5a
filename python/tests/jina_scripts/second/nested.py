"""Nested documents: matches of queries."""
from docarray import BaseDoc, DocList
from jina import Executor, Flow, requests


class Item(BaseDoc):
    name: str
    price: int = 0


class Result(BaseDoc):
    query: str
    matches: DocList[Item]


class Shop(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.items = DocList[Item]()

    @requests(on="/index")
    def index(self, docs: DocList[Item], **kwargs) -> DocList[Item]:
        self.items.extend(docs)
        return docs

    @requests(on="/search")
    def search(self, docs: DocList[Item], **kwargs) -> DocList[Result]:
        return DocList[Result](
            [Result(query=d.name, matches=DocList[Item]([i for i in self.items if d.name in i.name])) for d in docs]
        )


with Flow().add(uses=Shop) as f:
    f.post("/index", DocList[Item]([Item(name="green apple", price=1), Item(name="red apple", price=2), Item(name="pear")]))
    found = f.post("/search", Item(name="apple"), return_type=DocList[Result])
    assert [(m.name, m.price) for m in found[0].matches] == [("green apple", 1), ("red apple", 2)]
