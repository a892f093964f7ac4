"""An independent simulator of routes on open water: plain Python, small steps, no line shared with the room's code.

It sails straight at where the patch is now, second by second, instead of solving for the meeting.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass
class Ship:
    x: float
    y: float
    speed: float
    hold: float
    endurance: float
    reserve: float
    limit: float


@dataclass
class Target:
    xs: list[float]
    ys: list[float]
    step: float
    load: list[float]
    share: float
    service: float
    windows: list[tuple[float, float]]

    def at(self, t: float) -> tuple[float, float]:
        return _between(self.xs, t / self.step), _between(self.ys, t / self.step)


def _between(values: list[float], f: float) -> float:
    if f >= len(values) - 1:
        return values[-1]
    k = int(f)
    return values[k] + (f - k) * (values[k + 1] - values[k])


def chase(ship: Ship, t: float, x: float, y: float, target: Target, dt: float) -> tuple[float, float, float]:
    """Sail at the target's later meeting point by trial: step the clock until the ship could be where the target is."""
    meet = t
    while True:
        tx, ty = target.at(meet)
        if math.dist((x, y), (tx, ty)) <= ship.speed * (meet - t) + ship.speed * dt:
            return meet, tx, ty
        meet += dt
        if meet > 10 * ship.limit:
            return math.inf, tx, ty


def run(ship: Ship, targets: list[Target], home: tuple[float, float], dt: float = 5.0) -> dict[str, float]:
    """Follow the targets in order and come home; report what was taken and every margin (negative: a limit broken)."""
    t, x, y, hold, taken = 0.0, ship.x, ship.y, ship.hold, 0.0
    window = math.inf
    for target in targets:
        t, x, y = chase(ship, t, x, y, target, dt)
        opens = [max(t, low) for low, high in target.windows if t <= high + dt]
        if not opens:
            return {"taken": taken, "window": -1.0, "home": -1.0, "hold": hold}
        start = opens[0]
        window = min(window, max(high - start for low, high in target.windows if low - dt <= start <= high + dt) + dt)
        amount = _between(target.load, start / target.step) * target.share
        part = min(1.0, hold / amount) if amount > 0 else 1.0
        hold -= amount * part
        taken += amount * part
        t = start + target.service * part
        x, y = target.at(t)
    t += math.dist((x, y), home) / ship.speed
    return {"taken": taken, "window": window, "home": min(ship.limit, ship.endurance - ship.reserve) - t, "hold": hold,
            "end": t}  # fmt: skip
