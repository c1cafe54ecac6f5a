"""A service under measurement: started, asked with `flowrun bench`, ended; what it costs meanwhile."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

FLOWRUN = os.environ.get("FLOWRUN", "target/release/flowrun")
TICKS = os.sysconf("SC_CLK_TCK")


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
    """A service that runs while this is open."""

    def __init__(self, command, ready):
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
        self.process.terminate()
        self.process.wait()

    def ask(self, address, arguments):
        before = cpu_seconds(self.processes)
        command = [FLOWRUN, "bench", address, "--format", "json", *arguments]
        measured = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        answered = max(measured["answered"], 1)
        measured["microseconds"] = (cpu_seconds(self.processes) - before) / answered * 1e6
        return measured


def row(*cells):
    """A row of a table."""
    print("|", " | ".join(cells), "|", flush=True)
