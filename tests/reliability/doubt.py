"""How sure a day is of itself: of how much there is, and of where it will be."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from tests.chain.conftest import Place

#: Sources that a day can do without, with the word by which a plan says that one is missing.
SOURCES = {"scenes": "scene", "wind": "wind", "waves": "wave", "drifters": "drifter", "sightings": "sighting",
           "fleet_status": "fleet"}  # fmt: skip
#: What a figure may fall by its draws of chance alone, other data being other draws.
CHANCE = 0.03


@dataclass(frozen=True)
class Doubt:
    """Doubt of a day.

    Attributes:
        of_map: standard deviation of the map's density over its mean, all cells together.
        of_places: km by which a patch's place a day ahead differs from member to member, root mean square.
    """

    of_map: float
    of_places: float


def without(place: Place, missing: Sequence[str]) -> None:
    """Take sources away from a place."""
    for name in missing:
        for path in (place.work / "twin" / "cove" / "seen").glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def doubt_of(day: Path) -> Doubt:
    """Doubt of a finished day."""
    with xr.open_dataset(day / "map" / "density.nc") as found:
        weight = np.cos(np.radians(found["lat"]))
        total = {n: float((found[n] * weight).sum()) for n in ("debris_density", "debris_density_std")}
    return Doubt(total["debris_density_std"] / total["debris_density"], _spread_km(day / "forecast"))


def _spread_km(folder: Path) -> float:
    """Root mean square distance of the particles' displacements from the mean displacement of all members."""
    path = next(p for p in folder.iterdir() if "tracks" in p.name)
    with xr.open_zarr(path) if path.is_dir() else xr.open_dataset(path) as tracks:
        last = tracks.isel(time=min(24, tracks.sizes["time"] - 1))
        first, afloat = tracks.isel(time=0), last["status"] == 0
        km = 111.2 * np.cos(np.radians(first["lat"]))
        east = ((last["lon"] - first["lon"]) * km).where(afloat)
        north = ((last["lat"] - first["lat"]) * 111.2).where(afloat)
        return float(np.sqrt(float(east.var()) + float(north.var())))


def shrunk(before: Doubt, after: Doubt) -> list[str]:
    """Which doubts shrank although something is missing."""
    pairs = {"map": (before.of_map, after.of_map), "places": (before.of_places, after.of_places)}
    return [what for what, (then, now) in pairs.items() if now < then * (1 - CHANCE)]
