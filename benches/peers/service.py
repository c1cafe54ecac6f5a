"""A service under measurement: started, asked with `flowrun bench`, ended; what it costs meanwhile."""

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
    """Ticks of all processors, and those that another guest of the host had instead."""
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return sum(ticks), ticks[7]


def processes_beneath(parent):
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = Path(f"/proc/{name}/stat").read_text()
            children.setdefault(int(stat.rsplit(")", 1)[1].split()[1]), []).append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, open_ends = [parent], [parent]
    while open_ends:
        open_ends = [child for end in open_ends for child in children.get(end, [])]
        found += open_ends
    return found


def cpu_seconds(processes):
    """User and system time of the processes."""
    fields = [Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split() for process in processes]
    return sum(int(field[11]) + int(field[12]) for field in fields) / TICKS


def resident_megabytes(processes):
    """Pages that processes share count in each."""
    lines = [line for process in processes for line in Path(f"/proc/{process}/status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1_000


class Served:
    """A service that runs while this is open; one that watches its input ends with that, others by a signal."""

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
        self.processes = processes_beneath(self.process.pid)
        self.resident = resident_megabytes(self.processes)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        if not self.watches_input:
            self.process.terminate()
        self.process.wait()

    def start(self):
        """Seconds until it was ready, and its memory in MB then and now."""
        return self.ready_seconds, self.resident, resident_megabytes(self.processes)

    def ask(self, address, arguments):
        """Over gRPC."""
        return self._measured([FLOWRUN, "bench", address, "--format", "json", *arguments], json.loads)

    def ask_http(self, address, under_way, seconds, path, body):
        """Posts a JSON file again and again."""
        lua = f'wrk.method = "POST"; wrk.headers["Content-Type"] = "application/json"; wrk.body = io.open("{body}"):read("*a")'
        with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
            script.write(lua)
            script.flush()
            url = f"http://{address}{path}"
            command = ["wrk", "-t1", f"-c{under_way}", f"-d{seconds}s", "--latency", "-s", script.name, url]
            return self._measured(command, told_by_wrk)

    def _measured(self, command, read):
        before, (all_before, stolen_before) = cpu_seconds(self.processes), machine_ticks()
        measured = read(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
        answered = max(measured["answered"], 1)
        measured["microseconds"] = (cpu_seconds(self.processes) - before) / answered * 1e6
        ticks, stolen = machine_ticks()
        measured["stolen"] = (stolen - stolen_before) / max(ticks - all_before, 1)
        return measured


def told_by_wrk(text):
    """What wrk prints, in the words of `flowrun bench`."""

    def number(pattern):
        found = re.search(pattern, text)
        return float(found[1]) if found else 0.0

    def milliseconds(share):
        found = re.search(rf"^ +{share}% +([0-9.]+)(us|ms|s|m)$", text, re.MULTILINE)
        return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}[found[2]] if found else float("nan")

    refused = number(r"Non-2xx or 3xx responses: (\d+)")
    return {
        "answered": number(r"(\d+) requests in") - refused,
        "requests_per_second": number(r"Requests/sec: +([0-9.]+)"),
        "latency_milliseconds": {"p50": milliseconds(50), "p99": milliseconds(99)},
        "errors": {"http": refused} if refused else {},
    }


def row(*cells):
    """A row of a table."""
    print("|", " | ".join(cells), "|", flush=True)
