"""Asks flows of flowrun, the same flows of the real Jina, and a bare echo, with `flowrun bench`; prints tables of ratios.

    FLOWRUN=… ECHO=… [PYTHON=…] [SECONDS_EACH=5] python3 measure.py [SHAPE…]

FLOWRUN and ECHO are the programs; PYTHON one that has jina, which is left out when there is none.
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
UNDER_WAY = "64"
# The share of the processors' time above which a figure tells of the neighbours.
STOLEN_MAX = 0.05

# What is asked over gRPC: a name, and how.
SINGLE = ("one document a request", ["-c", UNDER_WAY])
STREAM = ("stream of 100 documents a request", ["-c", UNDER_WAY, "--stream", "--documents", "100"])
SHAPES = {
    "chain:1": [SINGLE, STREAM],
    "chain:3": [SINGLE, STREAM],
    "chain:10": [SINGLE, STREAM],
    "diamond": [SINGLE, STREAM],
    # The same executor in Python: of Jina's class, and of that of flowrun's package, which Jina does not run.
    "python:jina": [SINGLE, STREAM],
    "python:flowrun": [SINGLE, STREAM],
    "shards:4": [("search, polled ALL, ten matches", ["-c", UNDER_WAY, "--endpoint", "/search", "--input", "queries"])],
}


def yaml_of(shape, directory):
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


def undisturbed(measure):
    """The run of three at the most from which other guests of the host stole the least."""
    runs = []
    while len(runs) < 3 and all(figures["stolen"] > STOLEN_MAX for figures in runs):
        runs.append(measure())
    figures = min(runs, key=lambda figures: figures["stolen"])
    if figures["errors"]:
        print(f"not all was answered: {figures['errors']}", file=sys.stderr)
    return figures


def fill(address, shape, work):
    if shape.startswith("shards"):
        command = [FLOWRUN, "client", address, "/index", str(work / "corpus.jsonl")]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def ask_grpc(served, address, shape, work):
    fill(address, shape, work)
    figures = {}
    for name, arguments in SHAPES[shape]:
        arguments = [str(work / "queries.jsonl") if word == "queries" else word for word in arguments]
        served.ask(address, [*arguments, "-d", "1"])
        figures[f"gRPC, {name}"] = undisturbed(lambda: served.ask(address, [*arguments, "-d", SECONDS]))
    return figures


def ask_http(served, address, shape, work):
    path, body = ("/search", "search.json") if shape.startswith("shards") else ("/post", "post.json")
    name = SHAPES[shape][0][0]
    served.ask_http(address, UNDER_WAY, 1, path, work / body)
    ask = lambda: served.ask_http(address, UNDER_WAY, SECONDS, path, work / body)
    return {f"HTTP, {name}": undisturbed(ask)}


def flowrun(shape, work):
    file = work / "flow.yml"
    file.write_text(yaml_of(shape, work / shape.replace(":", "-")))
    with Served([FLOWRUN, "serve", str(file)], r"([0-9.]+:[0-9]+)") as served:
        address = served.found[1]
        figures = ask_grpc(served, address, shape, work) | ask_http(served, address, shape, work)
        return figures, served.start()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def jina(shape, work):
    command = [PYTHON, str(HERE / "jina_flow.py"), shape]
    port = free_port()
    with Served([*command, str(port), "grpc"], r"^ready", watches_input=True) as served:
        figures, start = ask_grpc(served, f"127.0.0.1:{port}", shape, work), served.start()
    # Filled over gRPC, asked over HTTP.
    http, grpc = free_port(), free_port()
    with Served([*command, f"{http},{grpc}", "http,grpc"], r"^ready", watches_input=True) as served:
        fill(f"127.0.0.1:{grpc}", shape, work)
        figures |= ask_http(served, f"127.0.0.1:{http}", shape, work)
    return figures, start


def echo(*how):
    with Served([ECHO, *how], r"([0-9.]+:[0-9]+)") as served:
        ask = lambda arguments: served.ask(served.found[1], [*arguments, "-d", SECONDS])
        return {f"gRPC, {name}": undisturbed(lambda: ask(arguments)) for name, arguments in (SINGLE, STREAM)}


def write_corpus(work):
    draw = random.Random(0)
    vector = lambda: [draw.gauss(0, 1) for _ in range(DIMENSIONS)]
    corpus = [{"id": f"document{number}", "embedding": vector()} for number in range(CORPUS)]
    query = {"id": "query", "embedding": vector()}
    (work / "corpus.jsonl").write_text("".join(json.dumps(document) + "\n" for document in corpus))
    (work / "queries.jsonl").write_text(json.dumps(query) + "\n")
    (work / "search.json").write_text(json.dumps({"data": [query]}))
    (work / "post.json").write_text(json.dumps({"data": [{"id": "0", "text": "x" * 32}], "execEndpoint": "/"}))


def of(figures):
    latency = figures["latency_milliseconds"]
    rate, cost, stolen = figures["requests_per_second"], figures["microseconds"], figures["stolen"]
    return [f"{rate:,.0f}", f"{latency['p50']:.2f}", f"{latency['p99']:.2f}", f"{cost:.0f}", f"{stolen:.0%}"]


def compare(shape, name, ours, who, theirs):
    rate = ours["requests_per_second"] / max(theirs["requests_per_second"], 1e-9)
    latency = theirs["latency_milliseconds"]["p50"] / max(ours["latency_milliseconds"]["p50"], 1e-9)
    row(shape, name, who, *of(theirs), f"{rate:.2f}", f"1/{latency:.2f}")


def main():
    with_jina = os.access(PYTHON, os.X_OK)
    starts = []
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        write_corpus(work)
        row("flow", "asked", "who", "requests/s", "p50 ms", "p99 ms", "CPU µs a request", "stolen", "flowrun's rate", "its latency")
        row(*["---"] * 3, *["--:"] * 7)
        shapes = sys.argv[1:] or list(SHAPES)
        # An echo runs no Python.
        beside_echo = any(not shape.startswith("python") for shape in shapes)
        echoes = {"echo": echo(), "echo of bytes": echo("--bytes")} if beside_echo else {}
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
                row(shape, name, "flowrun", *of(figures), "", "")
                if name in theirs:
                    compare(shape, name, figures, "Jina", theirs[name])
                for who, echoed in echoes.items():
                    if name in echoed and not shape.startswith("python"):
                        compare(shape, name, figures, who, echoed[name])
    print()
    row("flow", "who", "ready s", "resident MB when ready", "after the load")
    row("---", "---", "--:", "--:", "--:")
    for shape, who, (ready, resident, loaded) in starts:
        row(shape, who, f"{ready:.3f}", f"{resident:.1f}", f"{loaded:.1f}")


if __name__ == "__main__":
    main()
