"""Asks a served flow more than it can do, and tells what it does then.

    FLOWRUN=… python3 overload.py FLOW DOCUMENT [SECONDS]

The peak is the best rate in a closed loop; then requests come five times as fast, whatever is answered.
"""

import sys

from service import FLOWRUN, Served, resident_megabytes, row

TIMES = 5
UNDER_WAY = (16, 64, 256)


def main():
    flow, document, *seconds = sys.argv[1:]
    seconds = seconds[0] if seconds else "30"
    document = ["--input", document]
    with Served([FLOWRUN, "serve", flow], r"([0-9.]+:[0-9]+)") as served:
        address = served.found[1]
        row("load", "requests/s sent", "answered/s", "of the peak", "p50 ms", "p99 ms", "refused/s", "told within, p99 ms", "resident MB")
        row("---", *["--:"] * 8)
        peak = 0.0
        for under_way in UNDER_WAY:
            figures = served.ask(address, ["-c", str(under_way), "-d", "5", "--connections", "4", *document])
            peak = max(peak, figures["requests_per_second"])
            tell(f"{under_way} under way", figures, peak, served)
        for times in (1, 2, TIMES):
            rate = ["--rate", f"{peak * times:.0f}", "-d", seconds, "--connections", "4"]
            tell(f"{times} times the peak", served.ask(address, [*rate, *document]), peak, served)


def tell(load, figures, peak, served):
    seconds, latency = figures["seconds"], figures["latency_milliseconds"]
    refused = sum(figures["errors"].values())
    within = figures["error_latency_milliseconds"]["p99"]
    row(
        load,
        f"{(figures['answered'] + refused) / seconds:,.0f}",
        f"{figures['requests_per_second']:,.0f}",
        f"{figures['requests_per_second'] / peak:.2f}",
        f"{latency['p50']:.2f}",
        f"{latency['p99']:.2f}",
        f"{refused / seconds:,.0f}",
        f"{within:.2f}" if refused else "",
        f"{resident_megabytes(served.processes):.0f}",
    )
    print(f"    {load}: {figures['errors']}", file=sys.stderr)


if __name__ == "__main__":
    main()
