"""`index`, `search`, `update` and `delete` of the flow."""
from jina import Document, Executor, Flow, requests


class Store(Executor):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.texts = {}

    @requests(on="/index")
    def index(self, docs, **kwargs):
        self.texts.update({d.id: d.text for d in docs})

    @requests(on="/update")
    def update(self, docs, **kwargs):
        self.texts.update({d.id: d.text for d in docs})

    @requests(on="/delete")
    def delete(self, docs, **kwargs):
        for d in docs:
            self.texts.pop(d.id)

    @requests(on="/search")
    def search(self, docs, **kwargs):
        for d in docs:
            d.text = self.texts.get(d.id, "missing")


with Flow().add(uses=Store) as f:
    f.index([Document(id="a", text="1"), Document(id="b", text="2")])
    f.update(Document(id="b", text="3"))
    f.delete(Document(id="a"))
    result = f.search([Document(id="a"), Document(id="b")])
    assert [d.text for d in result] == ["missing", "3"]
