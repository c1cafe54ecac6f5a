"""One executor with several endpoints, and the default one."""
from jina import Document, Executor, Flow, requests


class Many(Executor):
    @requests(on="/index")
    def index(self, docs, **kwargs):
        docs[0].text = "index"

    @requests(on=["/search", "/query"])
    def search(self, docs, **kwargs):
        docs[0].text = "search"

    @requests
    def other(self, docs, **kwargs):
        docs[0].text = "default"


if __name__ == "__main__":
    with Flow().add(uses=Many) as f:
        got = [f.post(on, Document())[0].text for on in ("/index", "/search", "/query", "/anything")]
    assert got == ["index", "search", "search", "default"], got
