"""Runs every measurement beside this file and writes what came out into docs/benchmarks*.md.

    cargo build --release --bin jeton --examples
    python3 benches/report.py [--dir DIR] [--grants 1000,10000,100000,1000000] [--only ratios]

The figures go to docs/benchmarks.json, the pictures beside it, and the tables between the marks of the two
pages; what is not run again stays as it is. Two cores, and nothing else running, or the
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

from pictures import MANY, charts

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
FIGURES = DOCS / "benchmarks.json"
PARTS = (
    "peers", "saturation", "ratios", "runtime", "latency", "volume", "writes", "password", "beside", "start", "agent", "proxies", "looking",
)
MIB = 1 << 20


def run(part: str, arguments: list[str]) -> dict:
    """Runs one measurement and answers its figures, with where and when they were taken."""
    command = [sys.executable, str(HERE / f"{part}.py"), "--output", "json", *arguments]
    began = os.getloadavg()[0]
    figures = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
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


def spread(ratio: dict) -> str:
    """Answers a ratio's median, and its least and most."""
    return f"{ratio['median']:.2f} ({ratio['least']:.2f}–{ratio['most']:.2f})"


def ratios(figures: list[dict]) -> str:
    """Answers jeton beside the bare server."""
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


def saturation(figures: list[dict]) -> str:
    """Answers introspection on a full core, and with half of that."""
    names = {"empty": "empty messages", "bare": "the bare server"}
    full, half = [], []
    for seen in figures:
        for name, row in seen["rows"].items():
            ratio = row["ratio"]
            begin = [seen["load"], names.get(name, f"jeton, {name}")]
            busy = [f"{row['busy']:.0%}", f"{row['load_busy']:.0%}"]
            if "p99" in row:
                half.append([*begin, f"{row['p50']:,.0f} µs", f"{row['p99']:,.0f} µs", spread(ratio["p99"]), *busy])
            else:
                answered = [f"{row['per_second']:,.0f}/s", spread(ratio["per_second"])]
                cpu = [f"{row['cpu_micros']:.1f} µs", spread(ratio["cpu_micros"])]
                full.append([*begin, *answered, *cpu, *busy])
    return "\n\n".join([
        table("Load|server|answered|ratio|CPU a call|ratio|core busy|load's core busy", full),
        table("Half of that|server|p50|p99|ratio|core busy|load's core busy", half),
    ])


def peers(figures: list[dict]) -> str:
    """Answers jeton beside other token services."""
    rows = []
    for seen in figures:
        cells = [f"{seen['name']} {seen['version']}"]
        for name in ("issue", "introspect", "refresh"):
            call = seen["calls"][name]
            cells += [f"{call['per_second']:,.0f}/s", f"{call['p99'] / 1e3:,.1f} ms"]
        rows.append([*cells, f"{seen['resident'] / MIB:,.0f} MiB", seen["synced"]])
    return table("One core|issue|p99|introspect|p99|refresh|p99|memory|synced before the answer", rows)


def volume(figures: list[dict]) -> str:
    """Answers introspection against live grants."""
    head = "Live grants|introspections|p50|p99|CPU a call|memory a grant|disk a grant|restart"
    return table(head, [
        [
            f"{row['grants']:,}", f"{row['per_second']:,.0f}/s", f"{row['p50']:,.0f} µs",
            f"{row['p99']:,.0f} µs", f"{row['cpu_micros']:.1f} µs", memory(row),
            f"{row['disk_per_grant']:,.0f} B", f"{row['restart_seconds']:.2f} s",
        ]
        for row in figures
    ])


def memory(row: dict) -> str:
    """Answers what a grant takes, where there are enough of them: the server's own varies by some MiB."""
    return f"{row['memory_per_grant']:,.0f} B" if row["grants"] >= MANY else ""


def small(figures: list[dict]) -> str:
    """Answers introspection of a server whose memory does not hold all grants."""
    rows = []
    for row in figures:
        uniform, zipf = row["small"]["uniform"], row["small"]["zipf"]
        cells = [f"{row['grants']:,}"]
        for seen in (uniform, zipf):
            cells += [f"{seen['per_second']:,.0f}/s", f"{seen['per_second'] / row['per_second']:.2f}",
                      f"{seen['missed']:.1%}", f"{seen['p99']:,.0f} µs"]
        rows.append(cells)
    head = "Live grants|uniform|of all in memory|from disk|p99|Zipf|of all in memory|from disk|p99"
    return table(head, rows)


def runtime(figures: list[dict]) -> str:
    """Answers the two shapes of the runtime."""
    rows = [
        [row["load"], *(cell for shape in ("per-core", "shared") for cell in (
            f"{row[shape]['per_second']:,.0f}/s", f"{row[shape]['cpu_micros']:.1f} µs", f"{row[shape]['p99']:,.0f} µs",
        ))]
        for row in figures
    ]
    return table("Introspection|per-core|CPU a call|p99|shared|CPU a call|p99", rows)


def latency(figures: list[dict]) -> str:
    """Answers latencies against connections."""
    rows = []
    for row in figures:
        for name in ("jeton", "bare"):
            if seen := row.get(name):
                rows.append([
                    row["call"], str(row["connections"]), name, f"{seen['per_second']:,.0f}/s",
                    *(f"{seen[quantile]:,.0f} µs" for quantile in ("p50", "p99", "p999")),
                ])
    return table("Call|connections|server|answered|p50|p99|p99.9", rows)


def password(figures: dict) -> str:
    """Answers logins beside argon2 alone."""
    rows = [
        ["argon2 alone", f"{figures['raw']:.1f}/s", "", "", ""],
        ["logins", f"{figures['logins']:.1f}/s", f"{figures['ratio']:.3f}", "", ""],
        [f"logins, and {figures['rate']} introspections a second", f"{figures['logins_beside']:.1f}/s",
         f"{figures['ratio_beside']:.3f}", f"{figures['introspect_p50']:,.0f} µs",
         f"{figures['introspect_p99']:,.0f} µs"],
        [f"{figures['rate']} introspections a second", "", "", f"{figures['quiet_p50']:,.0f} µs",
         f"{figures['quiet_p99']:,.0f} µs"],
    ]
    return table("On one core|hashes|of argon2 alone|introspection's p50|p99", rows)


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
            rows.append([name, f"{seen['p50']:,.0f} µs", f"{seen['p99']:,.0f} µs"])
    return table("Introspection|p50|p99", rows)


def start(figures: dict) -> str:
    """Answers what a start takes, and what an idle server."""
    rows = [
        [row["declared"], f"{row['first'] * 1e3:.0f} ms", f"{row['again'] * 1e3:.0f} ms",
         f"{row['idle'] / MIB:.1f} MiB ({row['idle_least'] / MIB:.1f}–{row['idle_most'] / MIB:.1f})"]
        for row in figures["starts"]
    ]
    program = f"The program has {figures['program']:,} bytes.\n\n"
    return program + table("Declared in the settings|first start|next start|memory when idle", rows)


def agent(figures: dict) -> str:
    """Answers an agent beside servers that do nothing, and its memory."""
    seen = figures["memory"]
    memory = (
        f"Memory when idle: {seen['idle'] / MIB:.1f} MiB. Each of {seen['remembered']:,} remembered tokens adds "
        f"{seen['per_token']:.0f} B."
    )
    return f"{ratios(figures['beside'])}\n\n{memory}"


def looking(figures: list[dict]) -> str:
    """Answers what those who look cost introspection."""
    return table("Looking|introspections|of those with nobody|ops thread, of one core", [
        [row["looking"], f"{row['per_second']:,.0f}/s", spread3(row["ratio"]), f"{row['ops_thread']:.3%}"]
        for row in figures
    ])


def spread3(ratio: dict) -> str:
    """Answers a ratio's median, and the middle half, where a hundredth counts."""
    return f"{ratio['median']:.3f} ({ratio['least']:.3f}–{ratio['most']:.3f})"


def proxies(figures: list[dict]) -> str:
    """Answers what the question to an agent adds to a request through proxies."""
    rows = []
    for row in figures:
        added = row["added"]
        rows.append([
            row["proxy"], f"{row['checked']['p50']:,.0f} µs", f"{row['unchecked']['p50']:,.0f} µs",
            f"{added['median']:.0f} µs ({added['least']:.0f}–{added['most']:.0f})",
            f"{row['question']['median']:.0f} µs",
        ])
    return table("Proxy|p50 with a check|without|added|of which the question by itself", rows)


def write(taken: dict) -> None:
    """Writes the pictures and the tables."""
    for name, chart in charts(taken).items():
        (DOCS / f"{name}.svg").write_text(chart.svg())
    pages = [DOCS / "benchmarks.md", DOCS / "benchmarks-parts.md", DOCS / "looking.md"]
    # One measurement, two tables.
    for part, seen in [*taken.items(), *([("small", taken["volume"])] if "volume" in taken else [])]:
        begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
        text = globals()[part](seen["figures"])
        where = f"{seen['processor']}, Linux {seen['kernel']}, {seen['taken']}; load before: {seen['load_before']}"
        page = next(page for page in pages if begin in page.read_text())
        before, rest = page.read_text().split(begin)
        page.write_text(f"{before}{begin}\n{where}\n\n{text}\n{end}{rest.split(end)[1]}")


def main() -> None:
    """Reads the command line, measures and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--bare", default="target/release/examples/bare_server")
    parser.add_argument("--http-load", default="target/release/examples/http_load")
    parser.add_argument("--tools", default="target/tools/peers", help="where benches/peers.sh installs")
    parser.add_argument("--dir", help="where the stores lie; a temporary folder by default")
    parser.add_argument("--raw", default="target/release/examples/raw_argon2")
    parser.add_argument("--mass-expiry", default="target/release/examples/mass_expiry")
    parser.add_argument("--grants", default="1000,10000,100000,1000000")
    parser.add_argument("--cache", default="8GiB", help="memory for records: 1.5 KiB for each grant")
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=PARTS)
    given = parser.parse_args()
    taken = json.loads(FIGURES.read_text()) if FIGURES.exists() else {}
    shared = ["--program", given.program, *(["--dir", given.dir] if given.dir else [])]
    timed = ["--seconds", str(given.seconds)]
    doing_nothing = ["--bare", given.bare, "--http-load", given.http_load]
    own = {
        "agent": doing_nothing,
        "proxies": doing_nothing,
        "peers": ["--tools", given.tools],
        "saturation": ["--bare", given.bare],
        "ratios": ["--bare", given.bare],
        "latency": ["--bare", given.bare],
        "volume": ["--grants", given.grants, "--cache", given.cache],
        "password": ["--raw", given.raw],
        "beside": ["--mass-expiry", given.mass_expiry],
    }
    for part in given.only or PARTS:
        taken[part] = run(part, shared + (timed if part not in ("start", "looking") else []) + own.get(part, []))
        FIGURES.write_text(json.dumps(taken, indent=1) + "\n")
    write(taken)


if __name__ == "__main__":
    main()
