"""What makes a drifter table another than it says: units, axes, half a vector. Refused by name, never guessed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from oceanclean.errors import InputError
from oceanclean.region import metres_per_degree

if TYPE_CHECKING:
    import pandas as pd

Complex = NDArray[np.complex128]
#: A middling speed beyond these is in another unit (cm/s, knots of a gale on the mean), m s-1.
_MIDDLING = {"observed": 3.0, "wind": 40.0, "stokes": 2.0, "product": 3.0}
_HALVES = (("u_", "v_"), ("ueast_", "vnorth_"))
#: What a speed of 1 m/s is in other units, each with the ratio's bounds; hourly means of a tide differ by less.
_UNITS = {"knots": (1.75, 2.2), "km/h": (3.1, 4.2), "cm/s": (70.0, 140.0), "cm/s or mm/s": (140.0, 1400.0)}
#: Agreement (correlation of vectors) above which two tracks of velocities are the same, and below which they are not.
_AGREE, _DISAGREE = 0.8, 0.5
#: Slower than this a velocity says nothing about its unit, m s-1; and rows needed to say anything.
_MOVING, _ENOUGH = 0.02, 30


def check_halves(columns: Sequence[str], file: Path) -> None:
    """Refuse a table that holds one component of a velocity without the other.

    Raises:
        InputError: names the column that is there and the one that is not.
    """
    known = set(columns)
    for east, north in _HALVES:
        for one, other in ((east, north), (north, east)):
            lone = [c for c in columns if c.startswith(one) and other + c[len(one) :] not in known]
            if lone:
                raise InputError(file, lone[0], f"no column {other + lone[0][len(one) :]}", "both components",
                                 "Add the other component or leave this one out.")  # fmt: skip


def check_unit(velocity: pd.Series, what: str, pair: tuple[str, str], file: Path) -> None:
    """Refuse a velocity whose middling speed nothing at sea has.

    Raises:
        InputError: names file, columns and the speed found.
    """
    middling, most = float(velocity.abs().median()), _MIDDLING[what]
    if middling > most:
        raise InputError(file, ", ".join(pair), f"a median speed of {middling:.3g}", f"m s-1, at most {most:g}",
                         "Convert the columns to m s-1 (from cm/s: divide by 100; from knots: by 1.944).")  # fmt: skip


def check_places(table: pd.DataFrame, file: Path, report: list[str]) -> None:
    """Blank places that are not on Earth; refuse a table whose axes are swapped.

    Raises:
        InputError: most latitudes lie beyond the poles.
    """
    beyond = table["lat"].abs().gt(90) | table["lon"].abs().gt(360)
    if table["lat"].abs().median() > 90:
        raise InputError(file, "lat", f"{float(table['lat'].median()):.6g} in the middle", "degrees north, -90 to 90",
                         "lon and lat look swapped: exchange the columns.")  # fmt: skip
    if beyond.any():
        report.append(f"{file.name}: {int(beyond.sum())} places that are not on Earth dropped")
        table.loc[beyond, "lat"] = np.nan


def check_own_speed(table: pd.DataFrame, file: Path) -> None:
    """Compare a drifter's own velocity with its positions: they tell another unit, and axes that were exchanged.

    Args:
        table: columns ``segment time lon lat observed``.
        file: for errors.

    Raises:
        InputError: velocity and positions agree in direction but not in size, or once the axes are exchanged.
    """
    rows = table.dropna(subset=["time", "lon", "lat", "observed"]).sort_values(["segment", "time"], kind="stable")
    seconds = rows["time"].diff().dt.total_seconds().to_numpy()
    near = (rows["segment"].eq(rows["segment"].shift()).to_numpy() & (seconds > 0) & (seconds <= 7200.0))[1:]
    lon, lat, own = (rows[c].to_numpy() for c in ("lon", "lat", "observed"))
    own = 0.5 * (own[1:] + own[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        moved, swapped = (_velocity(a, b) / seconds[1:] for a, b in ((lon, lat), (lat, lon)))
    near &= (np.abs(moved) > _MOVING) & (np.abs(moved) < 10.0) & (np.abs(own) > 0)
    if near.sum() < _ENOUGH:
        return
    own, moved, swapped = own[near], moved[near], swapped[near]
    if _alike(own, swapped) > _AGREE and _alike(own, moved) < _DISAGREE:
        raise InputError(file, "lon, lat", "positions that move as the drifter's velocity with east for north",
                         "degrees east and north", "lon and lat look swapped: exchange the columns.")  # fmt: skip
    ratio = float(np.median(np.abs(own)) / np.median(np.abs(moved)))
    unit = next((name for name, (low, high) in _UNITS.items() if low < ratio < high), "")
    if unit and _alike(own, moved) > _AGREE:
        raise InputError(file, "the drifter's own velocity", f"{ratio:.3g} times what its positions say, as in {unit}",
                         "m s-1", "Convert the columns, or leave them out: positions will do.")  # fmt: skip


def _velocity(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> Complex:
    """Metres moved from row to row."""
    east, north = metres_per_degree(np.clip(0.5 * (lat[1:] + lat[:-1]), -89.9, 89.9))
    turn = (np.diff(lon) + 180.0) % 360.0 - 180.0
    return np.asarray(turn * east + 1j * np.diff(lat) * north)


def _alike(one: Complex, other: Complex) -> float:
    """Correlation of two series of vectors, their directions included."""
    both = np.abs(one) @ np.abs(one) * (np.abs(other) @ np.abs(other))
    return float((np.conj(one) @ other).real / np.sqrt(both)) if both > 0 else 0.0


__all__ = ["check_halves", "check_own_speed", "check_places", "check_unit"]
