"""Benchmarks flows on flowrun, the same flows on Jina, and a minimal echo server, with `flowrun bench` and `wrk`. Prints
tables of figures and ratios.

    FLOWRUN=… ECHO=… [PYTHON=…] [SECONDS_EACH=5] python3 measure.py [SHAPE…]

FLOWRUN and ECHO are the programs; PYTHON is an interpreter with the package jina. Without it Jina is skipped.
"""

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

from service import FLOWRUN, Served, row

HERE = Path(__file__).parent
ECHO = os.environ.get("ECHO", "target/release/examples/echo")
PYTHON = os.environ.get("PYTHON", "")
SECONDS = os.environ.get("SECONDS_EACH", "5")
CORPUS, DIMENSIONS = 1_000, 64
CONCURRENCY = "64"
# Share of CPU time taken by other guests of the host above which a run is repeated.
STOLEN_MAX = 0.05

# Loads over gRPC: a name, and arguments of `flowrun bench`.
SINGLE = ("one document per request", ["-c", CONCURRENCY])
STREAM = ("stream of 100 documents per request", ["-c", CONCURRENCY, "--stream", "--documents", "100"])
SHAPES = {
    "chain:1": [SINGLE, STREAM],
    "chain:3": [SINGLE, STREAM],
    "chain:10": [SINGLE, STREAM],
    "diamond": [SINGLE, STREAM],
    # The same Python executor, derived from Jina's class and from flowrun's, which Jina does not run.
    "python:jina": [SINGLE, STREAM],
    "python:flowrun": [SINGLE, STREAM],
    "shards:4": [("search, polled ALL, ten matches", ["-c", CONCURRENCY, "--endpoint", "/search", "--input", "queries"])],
}


def flow_yaml(shape, directory):
    kind, _, copies = shape.partition(":")
    if kind == "chain":
        pods = [f"{{name: pass{number}, uses: Pass}}" for number in range(int(copies))]
    elif kind == "diamond":
        pods = [
            "{name: first, uses: Pass}",
            "{name: left, uses: Pass, needs: first}",
            "{name: right, uses: Pass, needs: first}",
            "{name: join, uses: Pass, needs: [left, right]}",
        ]
    elif kind == "python":
        module = HERE.resolve() / f"upper_{copies}.py"
        pods = [f"{{name: upper, uses: Upper, py_modules: ['{module}'], python: '{PYTHON or 'python3'}'}}"]
    else:
        polling = "{/index: ANY, /search: ALL}"
        with_ = "{metric: cosine, index: Flat}"
        pods = [f"{{name: nearest, uses: VectorIndexer, uses_with: {with_}, shards: {copies}, polling: {polling}}}"]
    return f"jtype: Flow\nwith: {{workspace: {directory}}}\nexecutors:\n" + "".join(f"- {pod}\n" for pod in pods)


def least_disturbed(measure):
    """Returns the run with the least time stolen by other guests of the host, of at most three runs."""
    runs = []
    while len(runs) < 3 and all(figures["stolen"] > STOLEN_MAX for figures in runs):
        runs.append(measure())
    figures = min(runs, key=lambda figures: figures["stolen"])
    if figures["errors"]:
        print(f"some requests failed: {figures['errors']}", file=sys.stderr)
    return figures


def index_corpus(address, shape, work):
    if shape.startswith("shards"):
        command = [FLOWRUN, "client", address, "/index", str(work / "corpus.jsonl")]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def measure_grpc(served, address, shape, work):
    index_corpus(address, shape, work)
    figures = {}
    for name, arguments in SHAPES[shape]:
        arguments = [str(work / "queries.jsonl") if word == "queries" else word for word in arguments]
        served.bench(address, [*arguments, "-d", "1"])
        figures[f"gRPC, {name}"] = least_disturbed(lambda: served.bench(address, [*arguments, "-d", SECONDS]))
    return figures


def measure_http(served, address, shape, work):
    path, body = ("/search", "search.json") if shape.startswith("shards") else ("/post", "post.json")
    name = SHAPES[shape][0][0]
    served.bench_http(address, CONCURRENCY, 1, path, work / body)
    bench = lambda: served.bench_http(address, CONCURRENCY, SECONDS, path, work / body)
    return {f"HTTP, {name}": least_disturbed(bench)}


def flowrun(shape, work):
    file = work / "flow.yml"
    file.write_text(flow_yaml(shape, work / shape.replace(":", "-")))
    with Served([FLOWRUN, "serve", str(file)], r"([0-9.]+:[0-9]+)") as served:
        address = served.found[1]
        figures = measure_grpc(served, address, shape, work) | measure_http(served, address, shape, work)
        return figures, served.start()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def jina(shape, work):
    command = [PYTHON, str(HERE / "jina_flow.py"), shape]
    port = free_port()
    with Served([*command, str(port), "grpc"], r"^ready", watches_input=True) as served:
        figures, start = measure_grpc(served, f"127.0.0.1:{port}", shape, work), served.start()
    # Indexed over gRPC, measured over HTTP.
    http, grpc = free_port(), free_port()
    with Served([*command, f"{http},{grpc}", "http,grpc"], r"^ready", watches_input=True) as served:
        index_corpus(f"127.0.0.1:{grpc}", shape, work)
        figures |= measure_http(served, f"127.0.0.1:{http}", shape, work)
    return figures, start


def echo(*options):
    with Served([ECHO, *options], r"([0-9.]+:[0-9]+)") as served:
        bench = lambda arguments: served.bench(served.found[1], [*arguments, "-d", SECONDS])
        return {f"gRPC, {name}": least_disturbed(lambda: bench(arguments)) for name, arguments in (SINGLE, STREAM)}


def write_corpus(work):
    draw = random.Random(0)
    vector = lambda: [draw.gauss(0, 1) for _ in range(DIMENSIONS)]
    corpus = [{"id": f"document{number}", "embedding": vector()} for number in range(CORPUS)]
    query = {"id": "query", "embedding": vector()}
    (work / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in corpus))
    (work / "queries.jsonl").write_text(json.dumps(query) + "\n")
    (work / "search.json").write_text(json.dumps({"data": [query]}))
    (work / "post.json").write_text(json.dumps({"data": [{"id": "0", "text": "x" * 32}], "execEndpoint": "/"}))


def cells(figures):
    latency = figures["latency_milliseconds"]
    rate, cost, stolen = figures["requests_per_second"], figures["microseconds"], figures["stolen"]
    return [f"{rate:,.0f}", f"{latency['p50']:.2f}", f"{latency['p99']:.2f}", f"{cost:.0f}", f"{stolen:.0%}"]


def compare(shape, name, ours, peer, theirs):
    rate = ours["requests_per_second"] / max(theirs["requests_per_second"], 1e-9)
    latency = theirs["latency_milliseconds"]["p50"] / max(ours["latency_milliseconds"]["p50"], 1e-9)
    row(shape, name, peer, *cells(theirs), f"{rate:.2f}", f"1/{latency:.2f}")


def main():
    with_jina = os.access(PYTHON, os.X_OK)
    starts = []
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        write_corpus(work)
        row("flow", "load", "service", "requests/s", "p50 ms", "p99 ms", "CPU µs/request", "stolen", "rate of flowrun", "latency of flowrun")
        row(*["---"] * 3, *["--:"] * 7)
        shapes = sys.argv[1:] or list(SHAPES)
        # The echo server runs no Python executors.
        with_echo = any(not shape.startswith("python") for shape in shapes)
        echoes = {"echo": echo(), "echo of bytes": echo("--bytes")} if with_echo else {}
        for shape in shapes:
            if shape == "python:jina" and not with_jina:
                continue
            ours, start = flowrun(shape, work)
            starts.append((shape, "flowrun", start))
            theirs = {}
            if with_jina and shape != "python:flowrun":
                theirs, start = jina(shape, work)
                starts.append((shape, "Jina", start))
            for name, figures in ours.items():
                row(shape, name, "flowrun", *cells(figures), "", "")
                if name in theirs:
                    compare(shape, name, figures, "Jina", theirs[name])
                for peer, echoed in echoes.items():
                    if name in echoed and not shape.startswith("python"):
                        compare(shape, name, figures, peer, echoed[name])
    print()
    row("flow", "service", "ready s", "resident MB when ready", "after the load")
    row("---", "---", "--:", "--:", "--:")
    for shape, service, (ready, resident, loaded) in starts:
        row(shape, service, f"{ready:.3f}", f"{resident:.1f}", f"{loaded:.1f}")


if __name__ == "__main__":
    main()
