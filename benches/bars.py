"""Draws bars beside each other as SVG, over powers of ten, without anything but Python."""

import math
from dataclasses import dataclass

from chart import COLOURS

WIDTH, LEFT, RIGHT, TOP = 760, 170, 80, 46
HEIGHT, GAP, BETWEEN = 15, 3, 14


@dataclass
class Bars:
    """A picture: groups by name, and in each a bar for every kind that it has."""

    title: str
    unit: str
    groups: dict[str, dict[str, float]]

    def svg(self) -> str:
        """Answers the picture."""
        kinds = list(dict.fromkeys(kind for bars in self.groups.values() for kind in bars))
        values = [value for bars in self.groups.values() for value in bars.values()]
        self._least = math.floor(math.log10(min(values)))
        self._most = math.log10(max(values))
        parts, y = [], TOP
        for name, bars in self.groups.items():
            middle = y + len(bars) * (HEIGHT + GAP) / 2
            parts.append(f'<text x="{LEFT - 8}" y="{middle + 3:.0f}" text-anchor="end">{name}</text>')
            for kind, value in bars.items():
                parts += self._bar(COLOURS[kinds.index(kind)], value, y)
                y += HEIGHT + GAP
            y += BETWEEN
        legend = [
            f'<text x="{LEFT + at * 110}" y="36" fill="{COLOURS[at]}">{kind}</text>' for at, kind in enumerate(kinds)
        ]
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>',
            f'<text x="{LEFT}" y="18" font-size="14">{self.title}</text>',
            *legend, *parts, "</svg>", "",
        ])

    def _bar(self, colour: str, value: float, y: float) -> list[str]:
        share = (math.log10(value) - self._least) / (self._most - self._least)
        width = share * (WIDTH - LEFT - RIGHT)
        return [
            f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{HEIGHT}" fill="{colour}"/>',
            f'<text x="{LEFT + width + 5:.1f}" y="{y + HEIGHT - 3}">{value:,.0f}{self.unit}</text>',
        ]
