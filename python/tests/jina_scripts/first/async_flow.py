"""An asynchronous flow."""
import asyncio

from jina import Document, Executor, Flow, requests


class Wait(Executor):
    @requests
    async def wait(self, docs, **kwargs):
        await asyncio.sleep(0.01)
        for d in docs:
            d.text = "done"


async def inputs():
    for _ in range(10):
        yield Document()
        await asyncio.sleep(0.001)


async def main():
    texts = []
    with Flow(asyncio=True).add(uses=Wait) as f:
        async for docs in f.post("/", inputs, request_size=3):
            texts.extend(docs.texts)
    assert texts == ["done"] * 10


asyncio.run(main())
