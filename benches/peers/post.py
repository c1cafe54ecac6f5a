"""Compares `flow.post` of small documents with Jina's, in one run: the same executor, texts and request size.

FLOWRUN_BINARY=target/release/flowrun PYTHONPATH=python PYTHON -B benches/peers/post.py [DOCUMENTS] [REQUEST_SIZE]

PYTHON is that of `make clients` (v1), which has jina. Each side creates its documents, sends them and reads every text that
returns; its best time of three runs counts, because the machine may be busy.
"""

import json
import os
import sys
import time

os.environ.setdefault("JINA_OPTOUT_TELEMETRY", "1")
os.environ.setdefault("NO_VERSION_CHECK", "1")

DOCUMENTS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
REQUEST_SIZE = int(sys.argv[2]) if len(sys.argv) > 2 else 100
RUNS = 3


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
    """Returns the same of Jina."""
    from jina import Document, Executor, Flow, requests

    class Upper(Executor):
        @requests
        def upper(self, docs, **kwargs):
            for doc in docs:
                doc.text = doc.text.upper()

    return Flow(), Flow().add(uses=Upper), Document


def measure(flow, document):
    """Returns the seconds of the best run."""
    times = []
    with flow:
        flow.post("/upper", [document(text="warm")])
        for _ in range(RUNS):
            start = time.perf_counter()
            docs = flow.post(
                "/upper", (document(text=f"text {number}") for number in range(DOCUMENTS)), request_size=REQUEST_SIZE
            )
            assert sum(len(text) for text in docs.texts) > DOCUMENTS and len(docs) == DOCUMENTS
            times.append(time.perf_counter() - start)
    return min(times)


def main():
    result = {"documents": DOCUMENTS, "request_size": REQUEST_SIZE}
    for name, flows in (("flowrun", flowrun_flow), ("jina", jina_flow)):
        empty, upper, document = flows()
        result[name] = {"no executor": round(measure(empty, document), 3), "python executor": round(measure(upper, document), 3)}
    for kind in ("no executor", "python executor"):
        result[f"times as fast, {kind}"] = round(result["jina"][kind] / result["flowrun"][kind], 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
