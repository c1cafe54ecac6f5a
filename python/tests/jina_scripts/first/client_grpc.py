"""A client with the default protocol, and an address with a scheme."""
from jina import Client, Document, Executor, Flow, requests


class Upper(Executor):
    @requests(on="/upper")
    def upper(self, docs, **kwargs):
        for d in docs:
            d.text = d.text.upper()


with Flow().add(uses=Upper) as f:
    c = Client(port=f.port)
    assert c.post("/upper", Document(text="abc"))[0].text == "ABC"
    c = Client(host=f"grpc://127.0.0.1:{f.port}")
    assert c.post(on="/upper", inputs=[Document(text="x")], request_size=1).texts == ["X"]
