"""How far floats in a forecast part from floats in the truth: the size of the forecast's error in one figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from oceanclean.region import metres_per_degree
from oceanclean.twin.debris import AFLOAT, Particles, drift
from oceanclean.twin.forecast import forecast_of
from oceanclean.twin.ocean import Ocean, make_ocean
from oceanclean.twin.season.scenario import Scenario
from oceanclean.twin.season.sea import issue_hours

LEADS_H = (24, 48, 72)


def separation(
    scenario: Scenario, seeds: Sequence[int], floats: int = 150, windage: float = 0.01, config: Path | None = None,
    leads_h: Sequence[int] = LEADS_H,
) -> dict[str, float]:  # fmt: skip
    """Mean separation in km of floats that start together at an issue, in forecast and truth.

    Args:
        scenario: what sea.
        seeds: of the seas; one issue each.
        floats: a sea.
        windage: share of the wind that carries them.
        config: the project's configuration.
        leads_h: hours after the issue.

    Returns:
        ``24h``, ``48h``, ``72h``, and ``still_24h``…: how far they went.
    """
    settings, region = scenario.twin_settings(config), scenario.make_region()
    start, _, issues = issue_hours(scenario, settings, 1)
    hours = round(issues[0]) + max(leads_h) + 1
    apart: dict[str, list[float]] = {}
    for seed in seeds:
        truth = make_ocean(region, start, hours, settings, seed)
        said = forecast_of(truth, issues[0], settings, seed, 0)
        swarm = _floats(truth, floats, issues[0], windage, np.random.default_rng([seed, 41]))
        quiet = settings.debris.model_copy(update={"subgrid_speed_m_s": 0.0})
        tracks = [drift(o, region, None, swarm, quiet, np.random.default_rng(0)) for o in (truth, said)]
        for lead in leads_h:
            at = round(issues[0]) + lead
            both = (tracks[0][2][at] == AFLOAT) & (tracks[1][2][at] == AFLOAT)
            place = [np.stack([t[0][at], t[1][at]])[:, both] for t in tracks]
            first = np.stack([swarm.lon, swarm.lat])[:, both]
            metres = np.array([float(v) for v in metres_per_degree(float(region.grid.lat.mean()))])[:, None]
            for name, off in ((f"{lead}h", place[0] - place[1]), (f"still_{lead}h", place[0] - first)):
                apart.setdefault(name, []).append(float(np.hypot(*(off * metres)).mean()) / 1000)
    return {name: float(np.mean(values)) for name, values in apart.items()}


def _floats(ocean: Ocean, count: int, hour: float, windage: float, rng: np.random.Generator) -> Particles:
    """Floats in the middle of the sea, away from land and from the rim."""
    grid, shore = ocean.basin.grid, ocean.basin.shore_m
    inner = np.zeros(grid.shape, dtype=bool)
    inner[grid.ny // 5 : -(grid.ny // 5), grid.nx // 5 : -(grid.nx // 5)] = True
    rows, columns = np.nonzero(inner & (shore >= min(12_000, 0.6 * float(shore[inner].max()))))
    pick = rng.choice(len(rows), count)
    zero = np.zeros(count)
    return Particles(
        lon=grid.lon[columns[pick]].copy(), lat=grid.lat[rows[pick]].copy(), release_h=np.full(count, hour),
        detach_h=zero, raft=np.full(count, -1), along=zero, across=zero, mass_kg=zero, area_m2=zero,
        kind=np.zeros(count, dtype=int), windage=np.full(count, windage), leeway=zero, stokes=np.ones(count),
    )  # fmt: skip
