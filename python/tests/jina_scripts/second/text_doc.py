"""The predefined TextDoc, with an asynchronous client over HTTP."""
import asyncio

from docarray import DocList
from docarray.documents import TextDoc
from jina import Client, Executor, Flow, requests


class Upper(Executor):
    @requests(on="/upper")
    async def upper(self, docs: DocList[TextDoc], **kwargs) -> DocList[TextDoc]:
        for d in docs:
            d.text = d.text.upper()
        return docs


async def main(port):
    client = Client(port=port, protocol="http", asyncio=True)
    async for docs in client.post("/upper", DocList[TextDoc]([TextDoc(text="a")]), return_type=DocList[TextDoc]):
        assert docs[0].text == "A"


with Flow(protocol="http").add(uses=Upper) as f:
    asyncio.run(main(f.port))
