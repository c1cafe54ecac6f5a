"""`uses` with the name of a class of the script."""
from jina import Document, Executor, Flow, requests


class Greeter(Executor):
    @requests
    def greet(self, docs, **kwargs):
        for doc in docs:
            doc.text = f"Hello {doc.text}"


f = Flow().add(uses="Greeter", name="greeter")
with f:
    assert f.post("/greet", Document(text="Anna"))[0].text == "Hello Anna"
