"""A separate client, over the protocol of the flow."""
from jina import Client, Document, Executor, Flow, requests


class Upper(Executor):
    @requests
    def upper(self, docs, **kwargs):
        for d in docs:
            d.text = d.text.upper()


for protocol in ("http", "websocket"):
    with Flow(protocol=protocol).add(uses=Upper) as f:
        client = Client(host="127.0.0.1", port=f.port, protocol=protocol)
        docs = client.post("/", [Document(text="abc"), Document(text="d")])
        assert [d.text for d in docs] == ["ABC", "D"]
