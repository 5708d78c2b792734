"""Runs every measurement beside this file and writes what came out into docs/benchmarks.md.

    cargo build --release --bin jeton --example bare_server
    python3 benches/report.py [--dir DIR] [--grants 1000,10000,100000,1000000] [--only ratios]

The figures go to docs/benchmarks.json, the pictures beside it, and the tables between the marks in
docs/benchmarks.md; what is not run again stays as it is. Two cores, and nothing else running, or the
figures are the other programs'.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

from chart import Chart

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
FIGURES = DOCS / "benchmarks.json"
PARTS = ("ratios", "volume", "writes", "beside")


def run(part: str, arguments: list[str]) -> dict:
    """Runs one measurement and answers its figures, with where and when they were taken."""
    command = [sys.executable, str(HERE / f"{part}.py"), "--output", "json", *arguments]
    began = os.getloadavg()[0]
    figures = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {
        "taken": datetime.now(timezone.utc).strftime("%Y-%m-%d"),
        "load_before": round(began, 2),
        "processor": processor(),
        "kernel": ".".join(platform.release().split(".")[:2]),
        "figures": figures,
    }


def processor() -> str:
    """Answers the processor's name and how many there are."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{os.cpu_count()} × {name}"


def table(head: str, rows: list[list[str]]) -> str:
    """Answers a table in Markdown."""
    cells = head.split("|")
    lines = [cells, ["---"] + ["--:"] * (len(cells) - 1), *rows]
    return "\n".join("| " + " | ".join(cell.strip() for cell in line) + " |" for line in lines)


def ratios(figures: list[dict]) -> str:
    """Answers jeton beside the bare server."""
    def spread(ratio: dict) -> str:
        return f"{ratio['median']:.2f} ({ratio['least']:.2f}–{ratio['most']:.2f})"

    rows = []
    for seen in figures:
        ours, bare, ratio = seen["jeton"], seen["bare"], seen["ratio"]
        rows.append([
            seen["load"], f"{ours['per_second']:,.0f}/s", f"{bare['per_second']:,.0f}/s",
            spread(ratio["per_second"]), f"{ours['cpu_micros']:.1f} µs", f"{bare['cpu_micros']:.1f} µs",
            spread(ratio["cpu_micros"]), spread(ratio["p99"]),
        ])
    head = "Load|jeton|bare|rate, ratio|CPU a call|bare's|CPU, ratio|p99, ratio"
    return table(head, rows)


def volume(figures: list[dict]) -> str:
    """Answers introspection against live grants."""
    head = "Live grants|introspections|p50|p99|CPU a call|memory a grant|disk a grant|restart"
    return table(head, [
        [
            f"{row['grants']:,}", f"{row['per_second']:,.0f}/s", f"{row['p50']:,.0f} µs",
            f"{row['p99']:,.0f} µs", f"{row['cpu_micros']:.1f} µs", f"{row['memory_per_grant']:,.0f} B",
            f"{row['disk_per_grant']:,.0f} B", f"{row['restart_seconds']:.2f} s",
        ]
        for row in figures
    ])


def writes(figures: list[dict]) -> str:
    """Answers issue and refresh against callers."""
    head = "Call|at once|answered|p50|p99|CPU a call|syncs|writes a sync|a sync takes"
    return table(head, [
        [
            row["call"], str(row["callers"]), f"{row['per_second']:,.0f}/s", f"{row['p50']:,.0f} µs",
            f"{row['p99']:,.0f} µs", f"{row['cpu_micros']:.1f} µs", f"{row['syncs']:,.0f}",
            f"{row['writes_a_sync']:.1f}", f"{row['sync_micros']:,.0f} µs",
        ]
        for row in figures
    ])


def beside(figures: list[dict]) -> str:
    """Answers what introspection feels of other work."""
    rows = []
    for row in figures:
        for name, seen in (("alone", row["alone"]), (f"beside {row['beside']}", row["loaded"])):
            rows.append([name, f"{seen['p50']:,.0f} µs", f"{seen['p99']:,.0f} µs", f"{seen['p999']:,.0f} µs"])
    return table("Introspection|p50|p99|p99.9", rows)


def charts(taken: dict) -> dict[str, Chart]:
    """Answers the pictures that the figures make, by file name."""
    made = {}
    if "volume" in taken:
        rows = taken["volume"]["figures"]
        lines = {"introspections a second": [(row["grants"], row["per_second"]) for row in rows]}
        made["benchmarks-volume"] = Chart(
            "Introspection against live grants", "live grants", "/s", lines, logarithmic=True
        )
    if "writes" in taken:
        rows = taken["writes"]["figures"]
        lines = {
            call: [(row["callers"], row["per_second"]) for row in rows if row["call"] == call]
            for call in ("issue", "refresh")
        }
        made["benchmarks-writes"] = Chart(
            "Durable writes against callers", "callers at once", "/s", lines, logarithmic=True
        )
    return made


def write(taken: dict) -> None:
    """Writes the pictures and the tables."""
    for name, chart in charts(taken).items():
        (DOCS / f"{name}.svg").write_text(chart.svg())
    page = (DOCS / "benchmarks.md").read_text()
    for part, seen in taken.items():
        begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
        text = globals()[part](seen["figures"])
        where = f"{seen['processor']}, Linux {seen['kernel']}, {seen['taken']}; load before: {seen['load_before']}"
        before, rest = page.split(begin)
        page = f"{before}{begin}\n{where}\n\n{text}\n{end}{rest.split(end)[1]}"
    (DOCS / "benchmarks.md").write_text(page)


def main() -> None:
    """Reads the command line, measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--bare", default="target/release/examples/bare_server")
    parser.add_argument("--dir", help="where the stores lie; a temporary folder by default")
    parser.add_argument("--grants", default="1000,10000,100000,1000000")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=PARTS)
    given = parser.parse_args()
    taken = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    shared = ["--program", given.program, "--seconds", str(given.seconds)]
    shared += ["--dir", given.dir] if given.dir else []
    own = {"ratios": ["--bare", given.bare], "volume": ["--grants", given.grants]}
    for part in given.only or PARTS:
        taken[part] = run(part, shared + own.get(part, []))
        FIGURES.write_text(json.dumps(taken, indent=1) + "\n")
    write(taken)


if __name__ == "__main__":
    main()
