"""What stands before any vessel is looked at: patches that drift, weather, ways at sea.

It depends on forecast, forcing and region alone. A plan made again under other orders, limits or vessels takes it from
the file that the first plan left.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from oceanclean.allocation.conditions import Weather
from oceanclean.allocation.plane import Plane
from oceanclean.allocation.sea_routing import SeaRouter, SeaTable
from oceanclean.allocation.tasks import Patches, find_patches, particles_of
from oceanclean.errors import InputError, ProductError

if TYPE_CHECKING:
    import xarray as xr

    from oceanclean.allocation.options import AllocationSettings
    from oceanclean.region import Region

#: Name of the file beside a plan.
FILE = "sea.npz"


@dataclass(frozen=True)
class Sea:
    """Patches, weather and ways.

    Attributes:
        issue: issue time, UTC.
        horizon_s: seconds planned, cut to what the tracks cover.
        router: paths at sea.
        patches: what there is to collect.
        weather: waves and wind.
        notes: sentences about what is missing.
    """

    issue: np.datetime64
    horizon_s: float
    router: SeaRouter
    patches: Patches
    weather: Weather
    notes: tuple[str, ...]

    def save(self, path: Path) -> Path:
        """Write it as NumPy arrays; the same sea gives the same bytes."""
        router = self.router
        plain: dict[str, Any] = {
            "issue": str(self.issue), "horizon_s": self.horizon_s, "notes": list(self.notes),
            "plane": [router.plane.lon0, router.plane.lat0], "router": [router.x0, router.y0, router.cell],
        }  # fmt: skip
        arrays: dict[str, Any] = {"land": router.land, **{f"table.{k}": v for k, v in router.table()._asdict().items()}}
        for part in ("patches", "weather"):
            for name, value in vars(getattr(self, part)).items():
                (arrays if isinstance(value, np.ndarray) else plain)[f"{part}.{name}"] = value
        np.savez(path, plain=np.array(json.dumps(plain)), **arrays)
        return path

    @classmethod
    def load(cls, path: Path) -> Sea:
        """Inverse of :meth:`save`.

        Raises:
            InputError: the file is absent, broken, or not of this form.
        """
        try:
            with np.load(path, allow_pickle=False) as file:
                held = {name: file[name] for name in file.files}
            plain = json.loads(str(held.pop("plain")))
            every = {**plain, **held, "weather.gaps": tuple(plain["weather.gaps"])}
            patches, weather, of_table = (
                {name.partition(".")[2]: value for name, value in every.items() if name.startswith(part)}
                for part in ("patches.", "weather.", "table.")
            )
            of_sea: dict[str, Any] = {k: v if v.ndim else float(v) for k, v in of_table.items()}
            x0, y0, cell = plain["router"]
            router = SeaRouter(Plane(*plain["plane"]), x0, y0, cell, held["land"])
            vars(router)["_table"] = SeaTable(**of_sea)  # what the router would work out when first asked for it
            return cls(np.datetime64(plain["issue"]), plain["horizon_s"], router, Patches(**patches),
                       Weather(**weather), tuple(plain["notes"]))  # fmt: skip
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            raise InputError(path, "sea", error, "patches, weather and ways of a plan made before",
                             "Remove the stage's folder and run the allocation again.") from error  # fmt: skip


def sea_of(
    tracks: xr.Dataset, forecast: xr.Dataset | None, forcing: xr.Dataset, region: Region, *,
    issue_time: str | np.datetime64 | pd.Timestamp, horizon_h: float, settings: AllocationSettings, seed: int,
) -> Sea:  # fmt: skip
    """Group the forecast's particles into patches and read the weather.

    Args:
        tracks: ``DebrisTracks``: the ensemble's particles.
        forecast: ``DensityForecast``, to check the tracks' mass against; may be None.
        forcing: ``Forcing`` with wave height and wind.
        region: coast and grid.
        issue_time: UTC.
        horizon_h: hours planned.
        settings: of the room.
        seed: of the grouping.

    Raises:
        ProductError: the tracks break their contract.
    """
    stamp = pd.Timestamp(issue_time)
    issue = (stamp.tz_convert("UTC").tz_localize(None) if stamp.tzinfo else stamp).to_datetime64()
    for name in ("lon", "lat", "status", "mass"):
        if name not in tracks:
            raise ProductError("tracks", name, f"variables {list(tracks)}", f"DebrisTracks with {name!r}",
                               "Give the tracks of the drift forecast.")  # fmt: skip
    notes: list[str] = []
    last_h = float((tracks["time"].to_numpy()[-1] - issue) / np.timedelta64(1, "h"))
    if last_h < horizon_h - 0.01:
        notes.append(
            f"The drift forecast ends after {last_h:.0f} h; the plan covers these instead of {horizon_h:.0f} h."
        )
    horizon_s = min(horizon_h, max(last_h, 0.0)) * 3600.0
    router = SeaRouter.of_region(region)
    particles = particles_of(tracks, router.plane, issue, horizon_s)
    cell_m2 = float(region.grid.area_km2.mean() * 1e6)
    patches = find_patches(particles, router, cell_m2, settings.tasks, np.random.default_rng(seed))
    weather = Weather.of(forcing, issue, horizon_s)
    notes += [*particles.notes, *weather.gaps, *_mass_check(forecast, patches, region, issue)]
    return Sea(issue, horizon_s, router, patches, weather, tuple(notes))


def _mass_check(forecast: xr.Dataset | None, patches: Patches, region: Region, issue: np.datetime64) -> list[str]:
    """A sentence where tracks and density forecast disagree about the mass at the issue time."""
    if forecast is None:
        return []
    from oceanclean.products.names import DENSITY

    density = forecast[DENSITY].sel(time=issue, method="nearest").to_numpy()
    if density.shape != region.grid.shape:
        return []
    mapped = float(np.nansum(density * region.grid.area_km2))
    if max(mapped, patches.total_kg) > 1 and abs(mapped - patches.total_kg) > 0.25 * max(mapped, patches.total_kg):
        return [
            f"The map holds {mapped:.0f} kg, its particles {patches.total_kg:.0f} kg: the plan follows the particles."
        ]
    return []
