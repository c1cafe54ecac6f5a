"""Asks flows of flowrun, the same flows of the real Jina, and a bare echo, with `flowrun bench`; prints tables of ratios.

    FLOWRUN=… ECHO=… [PYTHON=…] [SECONDS_EACH=5] python3 measure.py

FLOWRUN and ECHO are the programs; PYTHON one that has jina, which is left out when there is none.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

from service import FLOWRUN, Served, resident_megabytes, row

HERE = Path(__file__).parent
ECHO = os.environ.get("ECHO", "target/release/examples/echo")
PYTHON = os.environ.get("PYTHON", "")
SECONDS = os.environ.get("SECONDS_EACH", "5")
CORPUS, DIMENSIONS = 1_000, 64
UNDER_WAY = "64"

# What is asked: a name, and how.
SINGLE = ("one document a request", ["-c", UNDER_WAY])
STREAM = ("stream of 100 documents a request", ["-c", UNDER_WAY, "--stream", "--documents", "100"])
SHAPES = {
    "chain:1": [SINGLE, STREAM],
    "chain:3": [SINGLE, STREAM],
    "chain:10": [SINGLE, STREAM],
    "diamond": [SINGLE, STREAM],
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
    else:
        polling = "{/index: ANY, /search: ALL}"
        with_ = "{metric: cosine, index: Flat}"
        pods = [f"{{name: nearest, uses: VectorIndexer, uses_with: {with_}, shards: {copies}, polling: {polling}}}"]
    return f"jtype: Flow\nwith: {{workspace: {directory}}}\nexecutors:\n" + "".join(f"- {pod}\n" for pod in pods)


def ask(served, address, arguments):
    measured = served.ask(address, [*arguments, "-d", SECONDS])
    if measured["errors"]:
        print(f"not all was answered: {measured['errors']}", file=sys.stderr)
    return measured


def measure(served, address, shape, work):
    if shape.startswith("shards"):
        fill = [FLOWRUN, "client", address, "--endpoint", "/index", "--input", str(work / "corpus.jsonl")]
        subprocess.run(fill, stdout=subprocess.DEVNULL, check=True)
    figures = {}
    for name, arguments in SHAPES[shape]:
        arguments = [str(work / "queries.jsonl") if word == "queries" else word for word in arguments]
        served.ask(address, [*arguments, "-d", "1"])
        figures[name] = ask(served, address, arguments)
    return figures, served.ready_seconds, served.resident, resident_megabytes(served.processes)


def flowrun(shape, work):
    file = work / "flow.yml"
    file.write_text(yaml_of(shape, work / shape.replace(":", "-")))
    with Served([FLOWRUN, "serve", str(file)], r"([0-9.]+:[0-9]+)") as served:
        return measure(served, served.found[1], shape, work)


def jina(shape, port, work):
    with Served([PYTHON, str(HERE / "jina_flow.py"), shape, str(port), "grpc"], r"^ready") as served:
        return measure(served, f"127.0.0.1:{port}", shape, work)


def echo():
    with Served([ECHO], r"([0-9.]+:[0-9]+)") as served:
        return {name: ask(served, served.found[1], arguments) for name, arguments in (SINGLE, STREAM)}


def write_corpus(work):
    draw = random.Random(0)
    for name, count in (("corpus", CORPUS), ("queries", 1)):
        with open(work / f"{name}.jsonl", "w") as file:
            for number in range(count):
                embedding = [draw.gauss(0, 1) for _ in range(DIMENSIONS)]
                print(json.dumps({"id": f"{name}{number}", "embedding": embedding}), file=file)


def of(figures):
    latency = figures["latency_milliseconds"]
    return [f"{figures['requests_per_second']:,.0f}", f"{latency['p50']:.2f}", f"{latency['p99']:.2f}", f"{figures['microseconds']:.0f}"]


def main():
    with_jina = os.access(PYTHON, os.X_OK)
    starts = []
    with tempfile.TemporaryDirectory() as directory:
        work = Path(directory)
        write_corpus(work)
        row("flow", "asked", "who", "requests/s", "p50 ms", "p99 ms", "CPU µs a request", "times the rate", "of the latency")
        row(*["---"] * 2, "---", *["--:"] * 6)
        echoed = echo()
        for name, figures in echoed.items():
            row("echo", name, "echo", *of(figures), "", "")
        for port, (shape, asked) in enumerate(SHAPES.items(), start=51_700):
            ours, *start = flowrun(shape, work)
            starts.append((shape, "flowrun", start))
            theirs = None
            if with_jina:
                theirs, *start = jina(shape, port, work)
                starts.append((shape, "Jina", start))
            for name, _ in asked:
                peers = [("Jina", theirs)] if theirs else []
                for who, peer in [*peers, ("echo", echoed)]:
                    if name in peer:
                        rate = ours[name]["requests_per_second"] / max(peer[name]["requests_per_second"], 1e-9)
                        latency = ours[name]["latency_milliseconds"]["p50"] / peer[name]["latency_milliseconds"]["p50"]
                        row(shape, name, f"flowrun beside {who}", *of(ours[name]), f"{rate:.2f}", f"1/{1 / latency:.1f}")
                if theirs:
                    row(shape, name, "Jina", *of(theirs[name]), "", "")
    print()
    row("flow", "who", "ready s", "resident MB when ready", "after the load")
    row("---", "---", "--:", "--:", "--:")
    for shape, who, (ready, resident, loaded) in starts:
        row(shape, who, f"{ready:.3f}", f"{resident:.1f}", f"{loaded:.1f}")


if __name__ == "__main__":
    main()
