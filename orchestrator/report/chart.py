"""A line of figures as the numbers that an SVG template draws: no picture library is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 260
LEFT, RIGHT, TOP, BOTTOM = 56, 12, 12, 32


@dataclass(frozen=True)
class Tick:
    """A line of the grid: where it is, in pixels, and what it is called."""

    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """One line over steps; points of no finite value are gaps in it."""

    runs: tuple[str, ...]
    """The line in pixels, as ``x,y x,y …``: one text for each stretch without a gap."""
    dots: tuple[tuple[float, float], ...]
    """Points without neighbours, which no line would show."""
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    spots: tuple[tuple[float, float | None], ...]
    """x and y of every point in pixels, in order; no y for a gap."""


def draw(points: Sequence[tuple[int, float | None]]) -> Chart | None:
    """The chart of (step, value) pairs with rising steps; None without a single finite value."""
    points = [(step, value if _fits(value) else None) for step, value in points]
    finite = [value for _, value in points if value is not None]
    if not finite:
        return None
    first, last = points[0][0], points[-1][0]
    up = ticks(min(finite), max(finite))
    low, high = up[0], up[-1]

    def x(step: float) -> float:
        share = (step - first) / (last - first) if last > first else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(value: float | None) -> float | None:
        if value is None:
            return None
        return round(HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM), 1)

    spots = tuple((x(step), y(value)) for step, value in points)
    stretches = _stretches(spots)
    return Chart(
        runs=tuple(" ".join(f"{a},{b}" for a, b in one) for one in stretches if len(one) > 1),
        dots=tuple(one[0] for one in stretches if len(one) == 1),
        across=tuple(
            Tick(x(step), f"{step:g}") for step in _whole(ticks(first, last), first, last)
        ),
        up=tuple(Tick(y(value) or 0.0, f"{value:.6g}") for value in up),
        spots=spots,
    )


def _fits(value: float | None) -> bool:
    """Whether a grid can hold the value: neither NaN nor infinity, nor near it."""
    return value is not None and abs(value) < 1e100


def _stretches(
    spots: Sequence[tuple[float, float | None]],
) -> list[list[tuple[float, float]]]:
    found: list[list[tuple[float, float]]] = [[]]
    for x, y in spots:
        if y is None:
            found.append([])
        else:
            found[-1].append((x, y))
    return [one for one in found if one]


def _whole(values: Sequence[float], first: int, last: int) -> list[int]:
    """Steps are whole numbers, and the grid ends with the line."""
    inside = [int(value) for value in values if value == int(value) and first <= value <= last]
    return inside or [first]


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round values, evenly spaced, that reach from ``low`` or below to ``high`` or above."""
    size = max(abs(low), abs(high))
    # A flat line stands in the middle of a tenth of its value, not on a grid of rounding errors.
    span = high - low if high - low > max(size * 1e-6, 1e-9) else size * 0.1 or 1.0
    span = max(span, 1e-9)
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(unit * power for unit in (1, 2, 2.5, 5, 10) if unit * power >= raw * 0.999)
    begin, end = math.floor(low / step), math.ceil(high / step)
    return [float(f"{index * step:.12g}") for index in range(begin, max(end, begin + 1) + 1)]
