"""An independent simulator of routes on open water: plain Python, small steps, no line shared with the room's code.

It sails straight at where the patch will be, step by step, instead of solving for the meeting; currents, waves, fuel,
watches and the hours of a port are followed one after the other as a mate would write them into the log.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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
    max_work: float = math.inf
    rest: float = 0.0
    fuel: float = math.inf
    transit: float = 0.0
    collect: float = 0.0
    idle: float = 0.0
    wave_loss: float = 0.0


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


Sea = Callable[[float, float, float], tuple[float, float, float]]


def _between(values: list[float], f: float) -> float:
    if f >= len(values) - 1:
        return values[-1]
    k = int(f)
    return values[k] + (f - k) * (values[k + 1] - values[k])


def sail(ship: Ship, t: float, a: tuple[float, float], b: tuple[float, float], sea: Sea | None, pieces: int) -> float:
    """Arrival on the straight line from a to b, steering into the current so as to stay on it."""
    length = math.dist(a, b)
    if sea is None or length == 0:
        return t + length / ship.speed
    ex, ey = (b[0] - a[0]) / length, (b[1] - a[1]) / length
    for k in range(pieces):
        w = (k + 0.5) / pieces
        u, v, waves = sea(a[0] + w * (b[0] - a[0]), a[1] + w * (b[1] - a[1]), t)
        through = ship.speed * (1 - ship.wave_loss * waves)
        across = u * ey - v * ex
        t += length / pieces / (u * ex + v * ey + math.sqrt(through**2 - across**2))
    return t


def chase(
    ship: Ship, t: float, x: float, y: float, target: Target, dt: float, sea: Sea | None
) -> tuple[float, float, float]:
    """Sail at the target's later meeting point by trial: step the clock until the ship could be where the target is."""
    meet = t
    while True:
        tx, ty = target.at(meet)
        if sail(ship, t, (x, y), (tx, ty), sea, 40) <= meet + dt:
            return meet, tx, ty
        meet += dt
        if meet > 10 * ship.limit:
            return math.inf, tx, ty


def run(
    ship: Ship, targets: list[Target], home: tuple[float, float], dt: float = 5.0, *, sea: Sea | None = None,
    rests: Sequence[bool] = (), hours: Sequence[tuple[float, float]] = (),
) -> dict[str, float]:  # fmt: skip
    """Follow the targets in order and come home; report what was taken and every margin (negative: a limit broken).

    Args:
        ship: the vessel.
        targets: in order.
        home: the port.
        dt: step of the clock.
        sea: current eastwards, northwards and wave height at a place and time; calm water without.
        rests: whether the crew rests before each target, and before the way home.
        hours: when the port lets vessels in; always without.
    """
    t, x, y, hold, taken, fuel = 0.0, ship.x, ship.y, ship.hold, 0.0, ship.fuel
    window, watch, duty = math.inf, math.inf, 0.0
    for k, target in enumerate(targets):
        if rests and rests[k]:
            t += ship.rest
            duty, fuel = t, fuel - ship.rest * ship.idle
        begun = t
        t, x, y = chase(ship, t, x, y, target, dt, sea)
        fuel -= (t - begun) * ship.transit
        opens = [max(t, low) for low, high in target.windows if t <= high + dt]
        if not opens:
            return {"taken": taken, "window": -1.0, "home": -1.0, "hold": hold, "watch": watch, "fuel": fuel}
        start = opens[0]
        fuel -= (start - t) * ship.idle
        watch = min(watch, ship.max_work - (t - duty))
        duty = start if start - t >= ship.rest > 0 else duty
        window = min(window, max(high - start for low, high in target.windows if low - dt <= start <= high + dt) + dt)
        amount = _between(target.load, start / target.step) * target.share
        part = min(1.0, hold / amount) if amount > 0 else 1.0
        hold -= amount * part
        taken += amount * part
        t = start + target.service * part
        fuel -= target.service * part * ship.collect
        watch = min(watch, ship.max_work - (t - duty))
        x, y = target.at(t)
    if rests and rests[len(targets)]:
        t += ship.rest
        duty, fuel = t, fuel - ship.rest * ship.idle
    off = sail(ship, t, (x, y), home, sea, 40)
    fuel -= (off - t) * ship.transit
    watch = min(watch, ship.max_work - (off - duty))
    end = next((max(off, low) for low, high in hours if off <= high + dt), math.inf) if hours else off
    fuel -= (end - off) * ship.idle if end < math.inf else 0.0
    return {"taken": taken, "window": window, "home": min(ship.limit, ship.endurance - ship.reserve) - end,
            "hold": hold, "end": end, "watch": watch, "fuel": fuel - ship.reserve * ship.transit}  # fmt: skip
