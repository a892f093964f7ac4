"""Prices for the bound: steps down the Lagrangian dual, without a linear program.

The packing's linear relaxation over the routes of one good plan says little about prices: that plan solves it, and its
prices are one corner of many. A subgradient needs only the best route of each kind of vessel at the present prices,
which the tables of :mod:`~oceanclean.allocation.pricing` give in a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.allocation.bound import PriceBound
    from oceanclean.allocation.master import Column

#: First part of Polyak's step, what it grows by with each step that gains, at most to what; what it shrinks by after
#: how many that do not.
FIRST_STEP, GROW, LONGEST, SHRINK, PATIENCE = 1.0, 1.1, 4.0, 0.5, 3
#: Weight of the step before where it points elsewhere (Camerini, Fratta & Maffioli 1975).
DEFLECT = 1.5
#: Part of a kilogram's worth that a unit of a room's price stands for, so that both kinds of prices move alike.
ROOM_UNIT = 0.3


class Walk:
    """A descent on Σπ + Σ_v max(0, best route of v at gains less π), for prices of tasks and of room.

    Steps are Polyak's towards the plan's value (Held, Wolfe & Crowder 1974, Mathematical Programming 6, 62-88), along
    subgradients that are deflected from zigzag (Camerini, Fratta & Maffioli 1975, Mathematical Programming Study 3).

    Args:
        relaxation: gives bound and routes at prices.
        prices: (task) first prices, then (kind) of room.
        reached: value of the plan, which no bound can be below.
    """

    def __init__(self, relaxation: PriceBound, prices: NDArray[np.float64], reached: float) -> None:
        self.relaxation, self.reached = relaxation, reached
        self.count = np.bincount(relaxation.kinds)
        self.tasks = relaxation.problem.tasks
        gains = relaxation.problem.track[:, :, 2].max(axis=1)
        worth = float(gains.sum() / max(relaxation.load.sum(), 1e-9))
        self.unit = np.full(self.tasks + len(self.count), max(float(gains.mean()), 1e-9))
        self.unit[self.tasks :] = ROOM_UNIT * max(worth, 1e-9)
        self.best = self.now = prices
        self.turn()

    def turn(self) -> None:
        """Go on from the best prices so far with another oracle."""
        self.now, self.value, self.length, self.lost = self.best, np.inf, FIRST_STEP, 0
        self.direction = np.zeros_like(self.best)

    def step(self, exact: bool | None, slack: float = 0.0) -> tuple[float, list[Column]]:
        """Bound (a guess where ``exact`` is False) and routes at the present prices; then move.

        Args:
            exact: which oracle, as for :meth:`~oceanclean.allocation.bound.PriceBound.at`.
            slack: by which an exact answer may be too large for each vessel.
        """
        prices, room = self.now[: self.tasks], self.now[self.tasks :]
        most, columns = self.relaxation.at(prices, room=room, exact=exact, slack=slack)
        if most < self.value * (1 - 1e-5):
            self.value, self.best, self.lost = most, self.now, 0
            self.length = min(self.length * GROW, LONGEST)
        else:
            self.lost += 1
        self._move(most, self.unit * self._subgradient(columns))
        return most, columns

    def offer(self, prices: NDArray[np.float64], most: float) -> None:
        """Go on from other prices where their bound is less."""
        if most < self.value:
            self.value, self.best, self.now, self.lost = most, prices, prices, 0
            self.direction = np.zeros_like(prices)

    def _subgradient(self, columns: Sequence[Column]) -> NDArray[np.float64]:
        """(task, then kind) what is left of each by the best route of each kind."""
        prices, room = self.now[: self.tasks], self.now[self.tasks :]
        left, top = np.ones(len(self.now)), np.zeros(len(self.count))
        left[self.tasks :] = 0.0
        chosen: dict[int, Column] = {}
        for column in columns:
            gain = column.value - float(prices[list(column.tasks)].sum()) - float(room[column.kind]) * column.over
            if gain > top[column.kind]:
                top[column.kind], chosen[column.kind] = gain, column
        for kind, column in chosen.items():
            np.subtract.at(left, list(column.tasks), float(self.count[kind]))
            left[self.tasks + kind] = -column.over * float(self.count[kind])
        return left

    def _move(self, most: float, slope: NDArray[np.float64]) -> None:
        if self.lost >= PATIENCE:  # too long a step: back to the best prices, in shorter ones
            self.now, self.lost, self.length = self.best, 0, self.length * SHRINK
            self.direction = np.zeros_like(self.direction)
            if not np.isfinite(self.value):
                return
        before = float(self.direction @ self.direction)
        turned = -DEFLECT * float(slope @ self.direction) / before if before > 0 else 0.0
        self.direction = slope + max(0.0, turned) * self.direction
        size = float(self.direction @ self.direction)
        ahead = self.length * max(most - self.reached, 0.0) / size if size > 0 else 0.0
        self.now = np.maximum(self.now - ahead * self.unit * self.direction, 0.0)
