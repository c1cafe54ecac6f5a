"""Every public name with its types; `mypy --strict` accepts this file (`test_typing.py`)."""

import asyncio
from typing import Any, Dict, List, Optional

import numpy

from flowrun import (
    AsyncClient,
    AsyncFlow,
    Client,
    ClientError,
    DeadlineExceeded,
    Deployment,
    Diagnostic,
    Document,
    DocumentArray,
    Executor,
    Flow,
    FlowError,
    Index,
    InputError,
    NamedScore,
    RequestError,
    Response,
    ServiceUnavailable,
    SyncClient,
    Tensor,
    dynamic_batching,
    requests,
)


class Shout(Executor):
    def __init__(self, suffix: str = "!", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.suffix = suffix

    @requests(on=["/index", "/shout"])
    def shout(self, docs: DocumentArray, parameters: Dict[str, Any], **kwargs: Any) -> None:
        for doc in docs:
            if not doc.text:
                self.fail(doc, InputError("no text"))
            doc.text = doc.text.upper() + self.suffix
            doc.tags["length"] = len(doc.text)
            doc.embedding = numpy.zeros(3, dtype="float32")
            doc.scores["s"] = NamedScore(0.5)
        self.logger.info("%s", self.workspace)

    @requests
    @dynamic_batching(preferred_batch_size=8, timeout=5)
    async def other(self, docs: DocumentArray, **kwargs: Any) -> Optional[DocumentArray]:
        return DocumentArray(doc for doc in docs if doc.blob is not None)


def compose() -> Flow:
    flow: Flow = Flow(name="typed", prefetch=20).add(uses=Shout, uses_with={"suffix": "?"}, replicas=2, name="shout")
    flow = flow.add(uses="Pass", needs="gateway", name="side").needs(["shout", "side"], name="join").needs_all()
    warnings: List[Diagnostic] = flow.check()
    print([warning.location for warning in warnings], flow.to_yaml(), flow.plot("flow.svg"))
    path: str = flow.save_config("typed.yml")
    return Flow.load_config(path)


def use(flow: Flow) -> List[str]:
    def done(response: Response) -> None:
        print(response.docs, response.header.request_id, response.is_error)

    with flow as running:
        running.post("/shout", [Document(text="a"), "b"], on_done=done, on_error=done, parameters={"x": 1})
        docs: DocumentArray = running.post("/shout", "a", request_size=10, timeout=5.0)
        for part in running.stream("/shout", ["a", "b"]):
            part.summary()
        client: SyncClient = Client(f"ws://127.0.0.1:{running.port}", token=None)
        try:
            client.post("/shout", "a")
        except RequestError as error:
            print(error.name, error.executor, error.stacks)
        except (DeadlineExceeded, ServiceUnavailable, ClientError) as error:
            print(error)
        return docs.texts


async def use_async() -> None:
    flow: AsyncFlow = AsyncFlow().add(uses=Shout)
    async with flow as running:
        async for docs in running.post("/shout", "a"):
            print(docs)
    client: AsyncClient = Client("ws://127.0.0.1:1", asyncio=True)
    async for docs in client.post("/shout", "a"):
        print(docs)


def search() -> None:
    with Index("vectors", metric="cosine") as index:
        ids: List[str] = index.add(numpy.eye(3), tags=[{"n": 1}] * 3)
        found = index.search(numpy.eye(3), limit=2, filter={"n": 1})
        print(ids, found.ids, found.distances.shape, found.matches[0].texts, len(index))


def main() -> None:
    try:
        print(use(compose()))
    except FlowError as error:
        print(error.diagnostics)
    asyncio.run(use_async())
    search()
    with Deployment(uses=Shout) as service:
        print(service.post("/shout", "a"))
    print(Tensor.from_floats([1.0]).tolist())


if __name__ == "__main__":
    main()
