"""Draws lines over a plane as SVG, without anything but Python."""

import math
from dataclasses import dataclass

WIDTH, HEIGHT = 760, 380
LEFT, RIGHT, TOP, BOTTOM = 70, 20, 46, 46
COLOURS = ("#2166ac", "#b2182b", "#1b7837", "#762a83", "#b35806")

Points = list[tuple[float, float]]


@dataclass
class Chart:
    """A picture: what is across, what is up, and the lines with their names."""

    title: str
    across: str
    up: str
    lines: dict[str, Points]
    logarithmic: bool = False
    # Upwards too.
    steep: bool = False
    bound: tuple[str, float] | None = None

    def svg(self) -> str:
        """Answers the picture."""
        points = [point for line in self.lines.values() for point in line]
        self._least, self._last = self._place(min(x for x, _ in points)), self._place(max(x for x, _ in points))
        if not self.logarithmic:
            self._least = 0
        highest = 1.1 * max([y for _, y in points] + ([self.bound[1]] if self.bound else []))
        self._highest = math.log10(highest) if self.steep else highest
        self._lowest = math.floor(math.log10(min(y for _, y in points))) if self.steep else 0
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{LEFT}" y="18" font-size="14">{self.title}</text>',
            *self._marks_up(), *self._marks_across(), *self._bound_line(), *self._curves(), "</svg>", "",
        ])

    def _place(self, x: float) -> float:
        return math.log10(x) if self.logarithmic else x

    def _x(self, x: float) -> float:
        share = (self._place(x) - self._least) / ((self._last - self._least) or 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def _y(self, y: float) -> float:
        height = math.log10(y) if self.steep else y
        share = (height - self._lowest) / (self._highest - self._lowest)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)

    def _marks_up(self) -> list[str]:
        parts = [f'<text x="{LEFT - 6}" y="{TOP - 8}" text-anchor="end">{self.up}</text>']
        if self.steep:
            marks = [10**power for power in range(self._lowest, int(self._highest) + 1)]
        else:
            step = round_step(self._highest)
            marks = [mark * step for mark in range(int(self._highest / step) + 1)]
        for mark in marks:
            y = self._y(mark)
            parts += [
                f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>',
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{mark:,.9g}</text>',
            ]
        return parts

    def _marks_across(self) -> list[str]:
        if self.logarithmic:
            marks = sorted({x for line in self.lines.values() for x, _ in line})
        else:
            step = round_step(self._last)
            marks = [mark * step for mark in range(int(self._last / step) + 1)]
        parts = [
            f'<text x="{self._x(mark):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{mark:,.9g}</text>'
            for mark in marks
        ]
        return [*parts, f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{self.across}</text>']

    def _bound_line(self) -> list[str]:
        if self.bound is None:
            return []
        name, height = self.bound
        y = self._y(height)
        return [
            f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#555" stroke-dasharray="6 4"/>',
            f'<text x="{LEFT + 6}" y="{y - 5:.1f}">{name}</text>',
        ]

    def _curves(self) -> list[str]:
        parts = []
        for at, (name, line) in enumerate(self.lines.items()):
            points = " ".join(f"{self._x(x):.1f},{self._y(y):.1f}" for x, y in line)
            colour = COLOURS[at % len(COLOURS)]
            parts += [
                f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
                f'<text x="{LEFT + at * 140}" y="36" fill="{colour}">{name}</text>',
            ]
        return parts


def round_step(most: float) -> float:
    """Answers a round distance for about five marks up to `most`."""
    step = 10 ** math.floor(math.log10(most)) / 10
    while most / step > 6:
        step *= 2 if str(step).lstrip("0.")[0] in "15" else 2.5
    return step
