"""Serves a flow with Jina until its standard input ends.

    python jina_flow.py chain:COPIES|diamond|shards:COPIES|python:KIND PORT[,PORT] PROTOCOL[,PROTOCOL]

The first argument is the shape of the flow: a chain of COPIES pods that do nothing, a diamond of four such pods, one pod with
COPIES shards that stores and searches vectors, or the executor of `upper_jina.py` (whatever KIND is). Prints
`ready SECONDS` once the flow is ready, measured from the start of this program.
"""

import sys
import time

STARTED = time.monotonic()

from docarray import DocumentArray  # noqa: E402
from jina import Executor, Flow, requests  # noqa: E402


class Pass(Executor):
    """Does nothing."""

    @requests
    def act(self, docs, **_):
        return docs


class Nearest(Executor):
    """Stores documents in memory and finds the ten nearest."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.stored = DocumentArray()

    @requests(on="/index")
    def index(self, docs, **_):
        self.stored.extend(docs)

    @requests(on="/search")
    def search(self, docs, **_):
        docs.match(self.stored, limit=10, metric="cosine")


def build_flow(shape, port, protocol):
    kind, _, copies = shape.partition(":")
    flow = Flow(port=port, protocol=protocol)
    if kind == "chain":
        for number in range(int(copies)):
            flow = flow.add(name=f"pass{number}", uses=Pass)
        return flow
    if kind == "python":
        from upper_jina import Upper

        return flow.add(name="upper", uses=Upper)
    if kind == "diamond":
        flow = flow.add(name="first", uses=Pass)
        flow = flow.add(name="left", uses=Pass, needs="first").add(name="right", uses=Pass, needs="first")
        return flow.add(name="join", uses=Pass, needs=["left", "right"])
    polling = {"/index": "ANY", "/search": "ALL"}
    return flow.add(name="nearest", uses=Nearest, shards=int(copies), polling=polling)


def main():
    shape, port, protocol = sys.argv[1:]
    with build_flow(shape, [int(number) for number in port.split(",")], protocol.split(",")):
        print(f"ready {time.monotonic() - STARTED:.3f}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
