"""Published orienteering instances as problems for the solver that plans the day.

Folders laid out like the benchmark libraries: Chao's team orienteering (``n``/``m``/``tmax``, then x, y, score), team
orienteering with time windows (Solomon's and Cordeau's columns), time-dependent orienteering (Verbeeck), capacitated
team orienteering (``NAME``, ``MAXVEHICLES``, …). ``best_known.csv`` beside them is read too.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.allocation.problem import P, Problem, V, make_problem
from oceanclean.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Lengths are compared with limits to this tolerance, as is usual for these instances.
TOLERANCE = 1e-9


@dataclass(frozen=True)
class Instance:
    """A team orienteering instance.

    Attributes:
        name: as in ``best_known.csv``, with ``:m`` where the number of vehicles is not part of it.
        points: (point, 2) start first, end last; between them the tasks.
        prizes: (task).
        vehicles: number of vehicles.
        limit: longest route, in time.
        best_known: value in the list, or None.
        service: (task) time.
        windows: (task, 2) or None.
        demand: (task) or None.
        capacity: of a vehicle.
        arc, profile: categories of arcs and their speeds by time, see :class:`~oceanclean.allocation.problem.Problem`.
        ready: when vehicles may leave.
    """

    name: str
    points: NDArray[np.float64]
    prizes: NDArray[np.float64]
    vehicles: int
    limit: float
    best_known: float | None = None
    service: NDArray[np.float64] | None = None
    windows: NDArray[np.float64] | None = None
    demand: NDArray[np.float64] | None = None
    capacity: float = np.inf
    arc: NDArray[np.int8] | None = None
    profile: NDArray[np.float64] | None = None
    ready: float = 0.0

    def problem(self, velocity: NDArray[np.float64] | None = None) -> Problem:
        """The instance as vessels of speed 1.

        Args:
            velocity: (task, 2) constant drift, or None.
        """
        tasks, m = len(self.prizes), self.vehicles
        length = max(self.limit - self.ready, 1e-9)
        vessel = np.zeros((m, len(V)))
        vessel[:, [V.X, V.Y]] = self.points[0]
        vessel[:, V.READY], vessel[:, V.SPEED] = self.ready, 1.0
        vessel[:, [V.HOLD, V.HOLD_LEFT]] = min(self.capacity, 1e18) * (1 + 1e-12)
        vessel[:, [V.ENDURANCE, V.ENDURANCE_LEFT]] = 1e18
        vessel[:, V.LIMIT], vessel[:, V.MIN_TAKE] = self.limit + TOLERANCE, 1.0
        pair = np.zeros((m, tasks, 4))
        pair[:, :, 0] = 0.0 if self.service is None else self.service
        pair[:, :, 1], pair[:, :, 3] = 1.0, np.inf
        if self.windows is not None:
            pair[:, :, 2:] = self.windows + np.array([0.0, TOLERANCE])
        track = np.zeros((tasks, 1 if velocity is None else 2, 4))
        track[:, :, :2] = self.points[1:-1, None]
        if velocity is not None:
            track[:, 1, :2] += velocity * self.limit
        track[:, :, 2] = self.prizes[:, None]
        track[:, :, 3] = 0.0 if self.demand is None else self.demand[:, None]
        harbour = np.zeros((m, 1, len(P)))
        harbour[:, 0, [P.X, P.Y]] = self.points[-1]
        harbour[:, 0, P.END] = 1.0
        # the cost of length only breaks ties: over all routes it stays below a thousandth of a prize unit
        return make_problem(vessel, pair, track, harbour, step=max(self.limit, 1e-9), cost=1e-3 / (length * m),
                            arc=self.arc, profile=self.profile)  # fmt: skip


def read_folder(folder: Path) -> Iterator[Instance]:
    """All instances of a benchmark folder that has best known values, in order of name.

    Raises:
        InputError: the folder is not laid out as expected.
    """
    place = folder / "instances"
    if not place.is_dir():
        raise InputError(folder, "instances", "no such folder", "a folder 'instances' and best_known.csv",
                         "Give a folder laid out like orienteering_team_chao.")  # fmt: skip
    best = _best_known(folder / "best_known.csv")
    for path in sorted(p for p in place.rglob("*") if p.is_file()):
        if path.suffix == ".cri":
            yield read_capacitated(path)
        elif path.suffix == ".txt" and "format" not in path.name.lower():
            first = path.read_text(encoding="utf-8", errors="replace").split("\n", 1)[0].split()
            if first and first[0].lower() == "n" and path.parent.name == "OP_instances":
                yield read_time_dependent(path, best.get((path.stem, 0)))
            elif first and first[0].lower() == "n":
                yield read_chao(path, best.get((path.stem, 0)))
            elif len(first) == 4 and place == path.parent:
                for (name, vehicles), value in sorted(best.items()):
                    if name == path.stem:
                        yield read_windows(path, vehicles, value)


def _best_known(path: Path) -> dict[tuple[str, int], float]:
    """Value by instance and vehicles (0 where the instance fixes them); empty without the file."""
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        return {(r["instance"], int(r.get("vehicles") or 0)): float(r["best_known"]) for r in csv.DictReader(file)}


def _numbers(path: Path, lines: list[str]) -> list[list[float]]:
    try:
        return [[float(v) for v in line.split()] for line in lines if line.split()]
    except ValueError as error:
        raise InputError(path, "numbers", error, "rows of numbers", "Fetch the instance again.") from error


def read_chao(path: Path, best_known: float | None = None) -> Instance:
    """A team orienteering instance of Chao, Golden & Wasil (1996).

    Raises:
        InputError: rows are missing or hold no numbers.
    """
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split() for line in lines[:3] if len(line.split()) == 2]
    try:
        head = {key.lower(): float(value) for key, value in pairs}
    except ValueError as error:
        raise InputError(path, "header", error, "n, m and tmax as numbers", "Fetch the instance again.") from error
    if not {"n", "m", "tmax"} <= set(head):
        raise InputError(path, "header", lines[:3], "n, m and tmax", "Fetch the instance again.")
    rows = np.array(_numbers(path, lines[3 : 3 + int(head["n"])]))
    if rows.shape != (int(head["n"]), 3):
        raise InputError(path, "rows", rows.shape, f"{int(head['n'])} rows of x, y, score", "Fetch the instance again.")
    return Instance(path.stem, rows[:, :2], rows[1:-1, 2], int(head["m"]), head["tmax"], best_known)


def read_time_dependent(path: Path, best_known: float | None = None) -> Instance:
    """A time-dependent instance of Verbeeck et al. (2014): Chao's points, arcs of categories, speeds by time of day.

    The arcs' categories stand in ``arc_cat_*.txt`` one folder up, the speeds (a row a category, a column a period from
    7 to 9, 9 to 17, 17 to 19 and 19 to 24 h) in ``speedmatrix.txt`` two folders up. Lengths are divided by 5.

    Raises:
        InputError: a file is absent or of another shape.
    """
    plain = read_chao(path, best_known)
    n = len(plain.points)
    tables = {}
    for name, place, shape in (
        ("arc_cat_*.txt", path.parent.parent, (n, n)),
        ("speedmatrix.txt", path.parents[2], (5, 4)),
    ):
        found = sorted(place.glob(name))
        rows = np.array(_numbers(found[0], found[0].read_text(encoding="utf-8").splitlines())) if found else np.zeros(0)
        if rows.shape != shape:
            raise InputError(place / name, "rows", rows.shape, f"{shape[0]} rows of {shape[1]} numbers",
                             "Fetch the instance again.")  # fmt: skip
        tables[name] = rows
    profile = np.ones((6, 5))
    profile[0] = 0.0, 2.0, 10.0, 12.0, 17.0
    profile[1:, :4] = tables["speedmatrix.txt"]
    order = [*range(1, n - 1), 0, n - 1]  # tasks, then start and end
    arc = tables["arc_cat_*.txt"].astype(np.int8)[np.ix_(order, order)]
    return replace(plain, points=plain.points / 5.0, arc=arc, profile=profile)


def read_windows(path: Path, vehicles: int, best_known: float | None = None) -> Instance:
    """A team orienteering instance with time windows; the depot is the first row.

    Raises:
        InputError: a row is short.
    """
    rows = _numbers(path, path.read_text(encoding="utf-8").splitlines())[2:]
    if not rows or min(map(len, rows)) < 8:
        raise InputError(path, "rows", "short rows", "id x y service profit … open close", "Fetch the instance again.")
    depot, tasks = rows[0], rows[1:]
    table = np.array([[r[1], r[2], r[3], r[4], r[-2], r[-1]] for r in tasks])
    points = np.concatenate([[depot[1:3]], table[:, :2], [depot[1:3]]])
    return Instance(f"{path.stem}:{vehicles}", points, table[:, 3], vehicles, depot[-1], best_known,
                    service=table[:, 2], windows=table[:, 4:6])  # fmt: skip


def read_capacitated(path: Path) -> Instance:
    """A capacitated team orienteering instance (Archetti et al. 2009): ``x y demand service prize`` rows.

    Raises:
        InputError: the header lacks a key.
    """
    head: dict[str, float] = {}
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    start = next((k for k, line in enumerate(lines) if line.strip() == "CUSTOMERDATA"), len(lines))
    for line in lines[:start]:
        parts = line.split()
        if len(parts) == 2 and parts[0] != "NAME":
            head[parts[0]] = float(parts[1])
    missing = {"MAXVEHICLES", "MAXCAPACITY", "MAXTIME"} - set(head)
    if missing:
        raise InputError(
            path, "header", sorted(missing), "MAXVEHICLES, MAXCAPACITY, MAXTIME", "Fetch the instance again."
        )
    rows = np.array(
        [r[:5] for r in _numbers(path, [x for x in lines[start + 1 :] if x.strip() and x.strip() != "END"])]
    )
    points = np.concatenate([rows[:, :2], rows[:1, :2]])
    return Instance(path.stem, points, rows[1:, 4], int(head["MAXVEHICLES"]), head["MAXTIME"], None,
                    service=rows[1:, 3], demand=rows[1:, 2], capacity=head["MAXCAPACITY"])  # fmt: skip


def drift_field(instance: Instance, ratio: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Constant velocity of each task: a gyre, three eddies and noise, mean speed ``ratio`` × vessel speed.

    The gyre turns about the middle of the map; eddies have a radius of 0.15 of its size, either sense, and twice the
    gyre's edge speed; noise has a standard deviation of 0.1 of it.
    """
    points = instance.points[1:-1]
    low, high = points.min(axis=0), points.max(axis=0)
    size, offset = float((high - low).max()), points - (low + high) / 2
    velocity = np.column_stack([-offset[:, 1], offset[:, 0]]) / size
    for _ in range(3):
        eye, sense = rng.uniform(low, high), rng.choice([-1, 1])
        offset = points - eye
        fade = np.exp(-(offset**2).sum(axis=1) / (0.15 * size) ** 2)
        velocity += 2 * sense * np.column_stack([-offset[:, 1], offset[:, 0]]) / (0.15 * size) * fade[:, None]
    velocity += rng.normal(0, 0.1, velocity.shape)
    return velocity * (ratio / np.hypot(*velocity.T).mean())
