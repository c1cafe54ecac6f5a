"""Measures a service under overload.

    FLOWRUN=… python3 overload.py FLOW DOCUMENT [SECONDS]

FLOW is a file, DOCUMENT a file of JSON lines, SECONDS the duration of each open loop (30). The peak is the highest rate of
closed loops of 5 s; then open loops send requests at one, two and five times that rate. Prints a table of rates, latencies
and memory.
"""

import sys

from service import FLOWRUN, Served, resident_megabytes, row

FACTORS = (1, 2, 5)
CONCURRENCIES = (16, 64, 256)


def main():
    flow, document, *seconds = sys.argv[1:]
    seconds = seconds[0] if seconds else "30"
    document = ["--input", document]
    with Served([FLOWRUN, "serve", flow], r"([0-9.]+:[0-9]+)") as served:
        address = served.found[1]
        row("load", "requests/s sent", "answered/s", "share of the peak", "p50 ms", "p99 ms", "rejected/s", "rejection latency, p99 ms", "resident MB")
        row("---", *["--:"] * 8)
        peak = 0.0
        for concurrency in CONCURRENCIES:
            figures = served.bench(address, ["-c", str(concurrency), "-d", "5", "--connections", "4", *document])
            peak = max(peak, figures["requests_per_second"])
            print_row(f"{concurrency} in flight", figures, peak, served)
        for factor in FACTORS:
            rate = ["--rate", f"{peak * factor:.0f}", "-d", seconds, "--connections", "4"]
            print_row(f"{factor} times the peak", served.bench(address, [*rate, *document]), peak, served)


def print_row(load, figures, peak, served):
    seconds, latency = figures["seconds"], figures["latency_milliseconds"]
    rejected = sum(figures["errors"].values())
    rejection_p99 = figures["error_latency_milliseconds"]["p99"]
    row(
        load,
        f"{(figures['answered'] + rejected) / seconds:,.0f}",
        f"{figures['requests_per_second']:,.0f}",
        f"{figures['requests_per_second'] / peak:.2f}",
        f"{latency['p50']:.2f}",
        f"{latency['p99']:.2f}",
        f"{rejected / seconds:,.0f}",
        f"{rejection_p99:.2f}" if rejected else "",
        f"{resident_megabytes(served.processes):.0f}",
    )
    print(f"    {load}: {figures['errors']}", file=sys.stderr)


if __name__ == "__main__":
    main()
