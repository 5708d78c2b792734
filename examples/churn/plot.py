"""Draws the CSV of `churn` as SVG: what the store takes on the disk and in memory over time.

    plot.py CURVE.csv CURVE.svg [--line MIB] [--title TEXT]
"""

import argparse
import csv
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "benches"))
from chart import Chart  # noqa: E402: where it lies is told just before

MIB = 1 << 20
CURVES = {"on the disk": "disk_bytes", "in memory (RSS)": "rss_bytes"}


def main() -> None:
    """Reads the command line and draws."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("curve", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--line", type=float, help="a bound to draw, in MiB")
    parser.add_argument("--title", default="")
    given = parser.parse_args()
    with given.curve.open(newline="") as file:
        rows = list(csv.DictReader(file))
    lines = {
        name: [(float(row["days"]), int(row[column]) / MIB) for row in rows]
        for name, column in CURVES.items()
    }
    bound = None if given.line is None else (f"bound: {given.line:g} MiB", given.line)
    chart = Chart(given.title, "simulated days", "MiB", lines, bound=bound)
    given.picture.write_text(chart.svg())


if __name__ == "__main__":
    main()
