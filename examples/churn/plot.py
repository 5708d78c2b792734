"""Draws the CSV of `churn` as SVG: what the store takes on the disk and in memory over time.

    plot.py CURVE.csv CURVE.svg [--line MIB] [--title TEXT]
"""

import argparse
import csv
from pathlib import Path

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 46, 46
MIB = 1 << 20
CURVES = (
    ("disk_bytes", "on the disk", "#2166ac"),
    ("rss_bytes", "in memory (RSS)", "#b2182b"),
)


def steps(most: float) -> float:
    """Answers a round distance for about five lines below `most`."""
    step = 10 ** len(str(int(most))) / 100
    while most / step > 6:
        step *= 2 if str(step)[0] in "15" else 2.5
    return step


def draw(rows: list[dict[str, str]], title: str, line: float | None) -> str:
    """Answers the picture: days across, MiB up."""
    days = [float(row["days"]) for row in rows]
    highest = max(int(row[name]) / MIB for row in rows for name, _, _ in CURVES)
    highest = 1.1 * max(highest, line or 0)
    last = max(days) or 1

    def x(day: float) -> float:
        return LEFT + day / last * (WIDTH - LEFT - RIGHT)

    def y(mib: float) -> float:
        return HEIGHT - BOTTOM - mib / highest * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="18" font-size="14">{title}</text>',
    ]
    step = steps(highest)
    for mark in range(int(highest / step) + 1):
        up = y(mark * step)
        parts += [
            f'<path d="M{LEFT} {up:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
            f'<text x="{LEFT - 6}" y="{up + 4:.1f}" text-anchor="end">{mark * step:g}</text>',
        ]
    step = steps(last)
    for mark in range(int(last / step) + 1):
        across = x(mark * step)
        parts.append(
            f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{mark * step:g}</text>'
        )
    parts += [
        f'<text x="{LEFT - 6}" y="{TOP - 8}" text-anchor="end">MiB</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">simulated days</text>',
    ]
    if line is not None:
        parts.append(
            f'<path d="M{LEFT} {y(line):.1f}H{WIDTH - RIGHT}" stroke="#555" stroke-dasharray="6 4"/>'
            f'<text x="{LEFT + 6}" y="{y(line) - 5:.1f}">bound: {line:g} MiB</text>'
        )
    for at, (name, label, colour) in enumerate(CURVES):
        points = " ".join(
            f"{x(day):.1f},{y(int(row[name]) / MIB):.1f}" for day, row in zip(days, rows, strict=True)
        )
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<text x="{LEFT + at * 140}" y="36" fill="{colour}">{label}</text>',
        ]
    return "\n".join([*parts, "</svg>", ""])


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
    given.picture.write_text(draw(rows, given.title, given.line))


if __name__ == "__main__":
    main()
