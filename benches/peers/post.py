"""Compares `flow.post` of small documents with Jina's, in one run: the same executor, texts and request size.

FLOWRUN_BINARY=target/release/flowrun PYTHONPATH=python PYTHON -B benches/peers/post.py [DOCUMENTS] [REQUEST_SIZE]

PYTHON is that of `make clients` (v1), which has jina. The documents exist before; the time is that of sending them and of reading
every text that returns. The runs of both sides alternate, and the best of the five of each counts, because the machine may be busy.
"""

import json
import os
import sys
import time

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("NO_VERSION_CHECK", "1")

DOCUMENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
REQUEST_SIZE = int(sys.argv[2]) if len(sys.argv) > 2 else 100
RUNS = 5


def flowrun_flow():
    """Returns a flow of flowrun without executors, one with an executor in Python, and the class of documents."""
    from flowrun import Document, Executor, Flow, requests

    class Upper(Executor):
        @requests
        def upper(self, docs, **kwargs):
            for doc in docs:
                doc.text = doc.text.upper()

    return Flow(), Flow().add(uses=Upper), Document


def jina_flow():
    """Returns the same of Jina. The class is written again, because a flow copies its source, with these imports."""
    from jina import Document, Executor, Flow, requests

    class Upper(Executor):
        @requests
        def upper(self, docs, **kwargs):
            for doc in docs:
                doc.text = doc.text.upper()

    return Flow(), Flow().add(uses=Upper), Document


def once(flow, docs):
    """Returns the seconds of one run."""
    start = time.perf_counter()
    texts = flow.post("/upper", docs, request_size=REQUEST_SIZE).texts
    seconds = time.perf_counter() - start
    assert len(texts) == DOCUMENTS and all(texts)
    return seconds


def main():
    result = {"documents": DOCUMENTS, "request_size": REQUEST_SIZE}
    peers = {"flowrun": flowrun_flow(), "jina": jina_flow()}
    inputs = {name: [document(text=f"text {number}") for number in range(DOCUMENTS)] for name, (_, _, document) in peers.items()}
    for position, kind in enumerate(("no executor", "python executor")):
        times = {name: [] for name in peers}
        with peers["flowrun"][position] as ours, peers["jina"][position] as theirs:
            for _ in range(RUNS):
                times["flowrun"].append(once(ours, inputs["flowrun"]))
                times["jina"].append(once(theirs, inputs["jina"]))
        result[kind] = {name: round(min(found), 3) for name, found in times.items()}
        result[kind]["times as fast"] = round(min(times["jina"]) / min(times["flowrun"]), 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
