"""Serves a chain of executors that do nothing with the real Jina, until its standard input ends.

    python jina_chain.py EXECUTORS PORT

Prints `ready SECONDS` when the flow serves, and then the resident memory of all its processes in MB.
"""

import os
import sys
import time

STARTED = time.monotonic()

from jina import Executor, Flow, requests  # noqa: E402


class Pass(Executor):
    @requests
    def index(self, docs, **_):
        return docs


def processes_beneath(parent):
    children = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/stat") as stat:
                children.setdefault(int(stat.read().rsplit(")", 1)[1].split()[1]), []).append(int(name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    found, open_ends = [parent], [parent]
    while open_ends:
        open_ends = [child for end in open_ends for child in children.get(end, [])]
        found += open_ends
    return found


def resident_megabytes(process):
    with open(f"/proc/{process}/status") as status:
        lines = [line for line in status if line.startswith("VmRSS")]
    return sum(int(line.split()[1]) for line in lines) / 1000


def main():
    flow = Flow(port=int(sys.argv[2]), protocol="grpc")
    for number in range(int(sys.argv[1])):
        flow = flow.add(name=f"pass{number}", uses=Pass)
    with flow:
        print(f"ready {time.monotonic() - STARTED:.2f}", flush=True)
        print(f"resident {sum(map(resident_megabytes, processes_beneath(os.getpid()))):.0f}", flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
