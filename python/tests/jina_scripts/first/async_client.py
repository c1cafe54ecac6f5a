"""An asynchronous client; several posts run at the same time."""
import asyncio

from jina import Client, Document, Executor, Flow, requests


class Echo(Executor):
    @requests
    def echo(self, docs, **kwargs):
        pass


async def run(client, name):
    found = []
    async for docs in client.post("/", [Document(text=f"{name} {i}") for i in range(5)], request_size=2):
        found.extend(docs.texts)
    return found


async def main(port):
    client = Client(port=port, asyncio=True)
    results = await asyncio.gather(*(run(client, name) for name in "abc"))
    assert sorted(results[1]) == [f"b {i}" for i in range(5)]


with Flow().add(uses=Echo) as f:
    asyncio.run(main(f.port))
