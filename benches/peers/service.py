"""A service under test: starts and stops it, runs `flowrun bench` or `wrk` on it, and measures its CPU time and memory."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FLOWRUN = os.environ.get("FLOWRUN", "target/release/flowrun")
TICKS = os.sysconf("SC_CLK_TCK")


def machine_ticks():
    """Returns the ticks of all processors, and the ticks stolen by other guests of the host."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks), ticks[7]


def process_tree(parent):
    """Returns a process and all its descendants."""
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text()
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, generation = [parent], [parent]
    while generation:
        generation = [child for process in generation for child in children.get(process, [])]
        found += generation
    return found


def cpu_seconds(processes):
    """Returns the user and system time of processes."""
    fields = [Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split() for process in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def resident_megabytes(processes):
    """Returns the resident memory of processes in MB. Shared pages count once per process."""
    lines = [line for process in processes for line in Path(f"/proc/{process}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1_024 / 1e6


class Served:
    """Context manager of a service process. It is stopped by the end of its standard input if it watches that, otherwise by
    SIGTERM."""

    def __init__(self, command, ready, watches_input=False):
        self.watches_input = watches_input
        began = time.monotonic()
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.process.stdout:
            if found := re.search(ready, line):
                self.found = found
                break
        else:
            sys.exit(f"{command} ended before it was ready")
        self.ready_seconds = time.monotonic() - began
        self.processes = process_tree(self.process.pid)
        self.resident = resident_megabytes(self.processes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if not self.watches_input:
            self.process.terminate()
        self.process.wait()

    def start(self):
        """Returns the seconds until it was ready, and its memory in MB when it was ready and now."""
        return self.ready_seconds, self.resident, resident_megabytes(self.processes)

    def bench(self, address, arguments):
        """Runs `flowrun bench`, over gRPC."""
        return self._measured([FLOWRUN, "bench", address, "--format", "json", *arguments], json.loads)

    def bench_http(self, address, concurrency, seconds, path, body):
        """Runs `wrk`, which posts a JSON file repeatedly."""
        lua = f'wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"; wrk.body = io.open("{body}"):read("*a")'
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(lua)
            script.flush()
            url = f"http://{address}{path}"
            command = ["wrk", "-t1", f"-c{concurrency}", f"-d{seconds}s", "--latency", "-s", script.name, url]
            return self._measured(command, parse_wrk)

    def _measured(self, command, read):
        before, (all_before, stolen_before) = cpu_seconds(self.processes), machine_ticks()
        measured = read(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
        answered = max(measured["answered"], 1)
        measured["microseconds"] = (cpu_seconds(self.processes) - before) / answered * 1e6
        ticks, stolen = machine_ticks()
        measured["stolen"] = (stolen - stolen_before) / max(ticks - all_before, 1)
        return measured


def parse_wrk(text):
    """Converts the output of wrk to the report format of `flowrun bench`."""

    def number(pattern):
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    def milliseconds(share):
        found = re.search(rf"^ +{share}% +([0-9.]+)(us|ms|s|m)$", text, re.MULTILINE)
        return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[found[2]] if found else float("nan")

    rejected = number(r"Non-2xx or 3xx responses: (\d+)")
    return {
        "answered": number(r"(\d+) requests in") - rejected,
        "requests_per_second": number(r"Requests/sec: +([0-9.]+)"),
        "latency_milliseconds": {"p50": milliseconds(50), "p99": milliseconds(99)},
        "errors": {"http": rejected} if rejected else {},
    }


def row(*cells):
    """Prints a row of a Markdown table."""
    print("|", " | ".join(cells), "|", flush=True)
