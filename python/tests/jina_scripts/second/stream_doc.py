"""Tokens that are streamed to the client."""
import asyncio

from docarray import BaseDoc
from jina import Client, Deployment, Executor, requests


class Token(BaseDoc):
    text: str


class Tokens(Executor):
    @requests(on="/stream")
    async def stream(self, doc: Token, **kwargs) -> Token:
        for number in range(3):
            yield Token(text=f"{doc.text} {number}")


async def main(port):
    client = Client(port=port, protocol="grpc", asyncio=True)
    texts = []
    async for doc in client.stream_doc(on="/stream", inputs=Token(text="t"), return_type=Token):
        texts.append(doc.text)
    assert texts == ["t 0", "t 1", "t 2"], texts


if __name__ == "__main__":
    with Deployment(uses=Tokens, protocol="grpc") as dep:
        asyncio.run(main(dep.port))
