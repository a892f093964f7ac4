"""Encounter efficiency learned from catch reports: by vessel and sea state, with its doubt.

A haul that sweeps the area a through water of density ρ brings e·a·ρ on average. With x = a·ρ, hauls are taken as
compound Poisson: variance = u × mean, for pieces and lumps of weight u. The gamma law is conjugate to that,

    e | hauls ~ Gamma(shape s + Σ caught / u, rate s / e₀ + Σ x / u),

with prior mean e₀ and the weight of the prior s in shape. u is the Pearson estimate over all hauls. A vessel begins at
what the fleet file says; a sea state begins at what the vessel reaches over all sea states, so that few reports move
little.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from oceanclean.errors import InputError

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from oceanclean.allocation.options import SeaSettings

#: Upper edges of sea states in significant wave height, m (WMO code table 3700: up to slight, moderate, rough, above).
SEA_STATES = (0.5, 1.25, 2.5, np.inf)
#: Weight of the prior in shape: a relative doubt of 1/√4 = 50 %.
PRIOR_SHAPE = 4.0
#: Hauls that are expected to pass less than this over the mouth say nothing, in kg.
LEAST_PASSED_KG = 1.0


def passed_kg(catches: gpd.GeoDataFrame, fleet: gpd.GeoDataFrame, density_kg_km2: ArrayLike) -> NDArray[np.float64]:
    """(haul) mass expected to pass the mouth: swept area × forecast density; NaN where it is not known.

    The distance through the water is the reported one, else the vessel's collecting speed times the time of the haul;
    the mouth is the reported one, else the vessel's.

    Args:
        catches: ``Catches``.
        fleet: ``FleetState``.
        density_kg_km2: (haul) forecast at the place and time of each haul, made before it.

    Raises:
        InputError: not one density a haul.
    """
    density = np.asarray(density_kg_km2, float)
    if density.shape != (len(catches),):
        raise InputError("catches", "density_kg_km2", f"shape {density.shape}", f"one value for each of {len(catches)}",
                         "Take the forecast's density at each haul's place and time.")  # fmt: skip
    boats = fleet.set_index("vessel_id")
    speed = catches["vessel_id"].map(boats["collect_speed"]).to_numpy(float)
    mouth = catches["swath_m"].fillna(catches["vessel_id"].map(boats["swath"])).to_numpy(float)
    seconds = (catches["ended_at"] - catches["started_at"]).dt.total_seconds().to_numpy(float)
    swept = catches["swept_m"].fillna(pd.Series(speed * seconds, index=catches.index)).to_numpy(float)
    passed = mouth * swept / 1e6 * density
    return np.where(np.isfinite(passed) & (passed >= LEAST_PASSED_KG), passed, np.nan)


def met_density(
    catches: gpd.GeoDataFrame, fleet: gpd.GeoDataFrame, density_kg_km2: ArrayLike, sea: SeaSettings
) -> NDArray[np.float64]:
    """(haul) density that the mouth meets when a lookout leads it along windrows, as the plan reckons it, kg km⁻².

    Held against it, a catch says by how much the plan's own promise was off.

    Args:
        catches: ``Catches``.
        fleet: ``FleetState``.
        density_kg_km2: (haul) forecast at the place and time of each haul.
        sea: of the allocation.
    """
    from oceanclean.allocation.encounter import area_rates

    density = np.asarray(density_kg_km2, float)
    boats = fleet.set_index("vessel_id").reindex(catches["vessel_id"])
    swath, collect, transit = (boats[k].to_numpy(float) for k in ("swath", "collect_speed", "transit_speed"))
    known = np.isfinite(swath) & np.isfinite(density)
    met = np.full(len(catches), np.nan)
    if known.any():
        night = ~boats["daylight_only"].to_numpy()[known].astype(bool)
        drone = boats["drone"].to_numpy()[known].astype(bool) if "drone" in boats else None
        area = area_rates(swath[known], collect[known], transit[known], night, density[known], 0.5, sea, drone)
        met[known] = density[known] * area / (swath[known] * collect[known] * sea.sweep_use)
    return met


def learned_efficiency(
    catches: gpd.GeoDataFrame, fleet: gpd.GeoDataFrame, density_kg_km2: ArrayLike
) -> tuple[pd.DataFrame, list[str]]:
    """Encounter efficiency of each vessel, over all seas and by sea state.

    Args:
        catches: ``Catches``; hauls of unknown vessels are left out and counted.
        fleet: ``FleetState``; its efficiency is what is believed without reports.
        density_kg_km2: (haul) forecast density at each haul.

    Returns:
        Table with ``vessel_id``, ``waves_below_m`` (inf: all seas or the roughest; ``all_seas`` says which),
        ``all_seas``, ``efficiency``, ``p10``, ``p90``, ``doubt`` (standard deviation) and ``hauls``; and sentences.

    Raises:
        InputError: not one density a haul.
    """
    passed, caught = passed_kg(catches, fleet, density_kg_km2), catches["caught_kg"].to_numpy(float)
    known = catches["vessel_id"].isin(fleet["vessel_id"]).to_numpy()
    use = known & np.isfinite(passed)
    notes = []
    if (~known).any():
        notes.append(f"{int((~known).sum())} hauls are of vessels that the fleet does not have; they were left out.")
    if (known & ~use).any():
        notes.append(f"{int((known & ~use).sum())} hauls say nothing: swept area or density unknown, or next to none.")
    waves = catches["wave_height_m"].to_numpy(float)
    state = np.where(np.isfinite(waves), np.searchsorted(SEA_STATES, np.nan_to_num(waves)), -1)
    prior = fleet.set_index("vessel_id")["efficiency"].astype(float)
    lump = _lump(caught[use], passed[use] * prior.reindex(catches["vessel_id"]).to_numpy(float)[use])
    rows = []
    for vessel, believed in prior.items():
        mine = use & (catches["vessel_id"] == vessel).to_numpy()
        whole = _posterior(caught[mine], passed[mine], believed, lump)
        rows.append(_row(str(vessel), np.inf, True, whole, int(mine.sum())))
        for k, below in enumerate(SEA_STATES):
            here = mine & (state == k)
            law = _posterior(caught[here], passed[here], whole[0] / whole[1], lump)
            rows.append(_row(str(vessel), below, False, law, int(here.sum())))
    return pd.DataFrame(rows), notes


def _lump(caught: NDArray, expected: NDArray) -> float:
    """Pearson estimate of variance over mean, in kg, at the best common scale; at least 1 kg."""
    if len(caught) < 2 or expected.sum() <= 0:
        return 1.0
    fitted = np.maximum(expected * caught.sum() / expected.sum(), 1e-9)
    return max(1.0, float(((caught - fitted) ** 2 / fitted).sum() / (len(caught) - 1)))


def _posterior(caught: NDArray, passed: NDArray, believed: float, lump: float) -> tuple[float, float]:
    """Shape and rate of the efficiency's gamma law."""
    return PRIOR_SHAPE + float(caught.sum()) / lump, PRIOR_SHAPE / max(believed, 1e-6) + float(passed.sum()) / lump


def _row(vessel: str, below: float, all_seas: bool, law: tuple[float, float], hauls: int) -> dict[str, object]:
    from scipy.stats import gamma

    shape, rate = law
    low, high = gamma.ppf([0.1, 0.9], shape, scale=1 / rate)
    return {"vessel_id": vessel, "waves_below_m": below, "all_seas": all_seas, "efficiency": min(shape / rate, 1.0),
            "p10": min(float(low), 1.0), "p90": min(float(high), 1.0), "doubt": float(np.sqrt(shape)) / rate,
            "hauls": hauls}  # fmt: skip


def with_learned(fleet: gpd.GeoDataFrame, table: pd.DataFrame) -> gpd.GeoDataFrame:
    """The fleet with the learned efficiency over all seas in place of what its file says."""
    learned = table[table["all_seas"]].set_index("vessel_id")["efficiency"]
    fleet = fleet.copy()
    fleet["efficiency"] = fleet["vessel_id"].map(learned).fillna(fleet["efficiency"]).astype(float)
    return fleet
