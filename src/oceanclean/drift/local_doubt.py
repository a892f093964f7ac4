"""How wrong the forcing is here and now: the doubt of the forecast, from the region's own drifters.

Published spreads of a current forecast differ by a factor of three between seas. Drifters of the last days, even a
handful, tell which sea this is: their velocity less that of the physics is a sample of the error with memory that the
ensemble draws. Few fixes are outweighed by the prior, many outweigh it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from oceanclean.drift.fields import has_stokes
from oceanclean.drift.recent import posterior
from oceanclean.drift.settings import DriftSettings
from oceanclean.drift.windage import followed_windage
from oceanclean.products import names
from oceanclean.region import metres_per_degree

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd
    import xarray as xr

#: Fixes farther apart than this say nothing about the velocity of an hour.
LONGEST_STEP_H, SHORTEST_STEP_H = 2.0, 0.5
#: Speeds that no surface drifter has: a jump in the record.
FASTEST_M_S = 3.0
TAU_RANGE_H = (3.0, 48.0)


def local_doubt(
    drifters: gpd.GeoDataFrame, forcing: xr.Dataset, settings: DriftSettings
) -> tuple[DriftSettings, dict[str, Any]]:
    """Settings whose residual is fitted on drifters, drawn towards the prior where they are few.

    The logarithm of the variance is the mean of sample and prior, weighted by the sample's independent hours
    (drifter-hours over twice the prior's memory) and ``residual.prior_samples``; that of the memory likewise. What a
    prior knows of a spread is its order of magnitude: in a mean of variances one of a wild sea would drown whatever
    the drifters of a calm one say.

    Args:
        drifters: ``Drifters`` table up to the issue time.
        forcing: ``Forcing`` that covers them.
        settings: the prior.

    Returns:
        Settings with ``residual.sigma_m_s`` and ``residual.tau_h`` replaced, and what was found: ``drifters``,
        ``drifter_hours``, ``sigma_m_s``, ``tau_h`` and the prior's values beside them.
    """
    prior = settings.residual
    steps = _steps(drifters)
    windage = followed_windage(settings, stokes=has_stokes(forcing))
    residual = _residual(steps, _seen(steps, forcing), windage) if len(steps) else np.empty(0, complex)
    known = np.isfinite(residual)
    hours = float(steps["hours"].to_numpy()[known].sum()) if len(steps) else 0.0
    found: dict[str, Any] = {
        "drifters": int(steps["drifter_id"][known].nunique()) if len(steps) else 0,
        "drifter_hours": round(hours, 1),
        "prior_sigma_m_s": prior.sigma_m_s,
        "prior_tau_h": prior.tau_h,
    }
    sigma, tau = prior.sigma_m_s, prior.tau_h
    if hours >= prior.least_drifter_hours:
        weight = hours / (2 * prior.tau_h)
        share = weight / (weight + prior.prior_samples)
        variance = float(np.mean(np.abs(residual[known]) ** 2)) / 2
        sample = max(np.sqrt(variance), 1e-3)
        sigma = float(np.exp(share * np.log(sample) + (1 - share) * np.log(prior.sigma_m_s)))
        memory = _memory_h(steps["drifter_id"].to_numpy()[known], residual[known])
        tau = float(np.exp(share * np.log(memory) + (1 - share) * np.log(prior.tau_h)))
    found |= {"sigma_m_s": round(sigma, 4), "tau_h": round(tau, 2)}
    changed = prior.model_copy(update={"sigma_m_s": sigma, "tau_h": tau})
    return settings.model_copy(update={"residual": changed}), found


def followed_currents(
    drifters: gpd.GeoDataFrame, forcing: xr.Dataset, settings: DriftSettings
) -> tuple[xr.Dataset, dict[str, Any]]:
    """Currents scaled and turned as the region's drifters of the last days show, drawn towards the currents as given.

    The residual is explained by the current and by the wind (:mod:`oceanclean.drift.recent`); only the current's part
    is taken over, since a drifter's windage is not the debris's.

    Args:
        drifters: ``Drifters`` table up to the issue time.
        forcing: ``Forcing`` that covers them.
        settings: priors, ``recent``.

    Returns:
        The forcing with its currents multiplied by one complex number, which fades towards 1 after the last fix over
        ``recent.ahead_h`` hours, and ``current_scale`` and
        ``current_turn_deg`` (anticlockwise) of that number; 1 and 0 where drifters are too few.
    """
    steps = _steps(drifters)
    factor = 1.0 + 0j
    if len(steps) and float(steps["hours"].sum()) >= settings.residual.least_drifter_hours:
        factor += _current_coefficient(steps, forcing, settings)
    found = {"current_scale": round(abs(factor), 3), "current_turn_deg": round(float(np.degrees(np.angle(factor))), 1)}
    if factor == 1.0:
        return forcing, found
    east, north = forcing[names.EASTWARD_CURRENT], forcing[names.NORTHWARD_CURRENT]
    changed = forcing.copy()
    shown = _shown(steps, forcing, settings.recent.ahead_h)
    along, across = 1.0 + (factor.real - 1.0) * shown, factor.imag * shown
    changed[names.EASTWARD_CURRENT] = (along * east - across * north).clip(-5, 5).assign_attrs(east.attrs)
    changed[names.NORTHWARD_CURRENT] = (across * east + along * north).clip(-5, 5).assign_attrs(north.attrs)
    return changed, found


def _shown(steps: pd.DataFrame, forcing: xr.Dataset, ahead_h: float) -> xr.DataArray:
    """(time) how much of what drifters showed still holds: 1 up to the last fix, fading after it."""
    times = forcing["time"]
    ahead_s = (times.to_numpy() - np.datetime64(steps["time"].max())) / np.timedelta64(1, "s")
    return times.copy(data=np.exp(-np.maximum(ahead_s, 0.0) / 3600.0 / ahead_h).astype(np.float32))


def _current_coefficient(steps: pd.DataFrame, forcing: xr.Dataset, settings: DriftSettings) -> complex:
    """What the current lacks, as a share of itself (complex: strength and turn)."""
    seen = _seen(steps, forcing)
    residual = _residual(steps, seen, followed_windage(settings, stokes=has_stokes(forcing)))
    terms = np.stack([seen.current, seen.wind], axis=1)
    known = np.isfinite(residual)
    age_h = (steps["time"].max() - steps["time"]).dt.total_seconds().to_numpy()[known] / 3600.0
    weight = steps["hours"].to_numpy()[known] * np.exp(-age_h / settings.recent.memory_h)
    x, rest = terms[known], residual[known]
    power = (np.conj(x)[:, :, None] * x[:, None, :] * weight[:, None, None]).sum(axis=0)
    agreed = (np.conj(x) * (weight * rest)[:, None]).sum(axis=0)
    doubt = np.array([settings.recent.current, settings.recent.wind])
    return complex(posterior(power, agreed, doubt, settings.recent)[0])


def _steps(drifters: gpd.GeoDataFrame) -> pd.DataFrame:
    """One row a pair of consecutive good fixes: drifter, hours between, mid time and place, velocity in m/s."""
    import pandas as pd

    good = drifters[drifters["quality"] < 3].sort_values(["drifter_id", "time"])
    lon, lat = good.geometry.x.to_numpy(), good.geometry.y.to_numpy()
    time = good["time"].dt.tz_convert(None).to_numpy().astype("datetime64[ns]")
    hours = np.diff(time) / np.timedelta64(1, "h")
    middle = (lat[1:] + lat[:-1]) / 2
    east, north = metres_per_degree(middle)
    turn = (np.diff(lon) + 180) % 360 - 180
    with np.errstate(divide="ignore", invalid="ignore"):
        velocity = (turn * east + 1j * np.diff(lat) * north) / (hours * 3600)
    same = good["drifter_id"].to_numpy()[1:] == good["drifter_id"].to_numpy()[:-1]
    keep = same & (hours >= SHORTEST_STEP_H) & (hours <= LONGEST_STEP_H) & (np.abs(velocity) < FASTEST_M_S)
    return pd.DataFrame({
        "drifter_id": good["drifter_id"].to_numpy()[1:], "hours": hours, "time": time[:-1] + np.diff(time) / 2,
        "lon": lon[:-1] + turn / 2, "lat": middle, "velocity": velocity,
        # not known to be drogued counts as not: most drogues are lost, and few records say when
        "drogued": good["drogued"].to_numpy()[1:] == True,  # noqa: E712
    })[keep].reset_index(drop=True)  # fmt: skip


@dataclass(frozen=True)
class _Seen:
    """Forcing at the fixes, east + i north, m/s; NaN where unknown, 0 where the forcing has no such variable.

    Attributes:
        current: (step).
        wind: (step) as it acts on the drifter: 0 on one with a drogue.
        stokes: (step) the same.
    """

    current: NDArray[np.complex128]
    wind: NDArray[np.complex128]
    stokes: NDArray[np.complex128]


def _seen(steps: pd.DataFrame, forcing: xr.Dataset) -> _Seen:
    import xarray as xr

    west = float(forcing["lon"][0])
    lon = west + np.mod(steps["lon"].to_numpy() - west, 360)
    at = {
        "time": xr.DataArray(steps["time"].to_numpy().astype(forcing["time"].dtype), dims="fix"),
        "lat": xr.DataArray(steps["lat"].to_numpy(), dims="fix"),
        "lon": xr.DataArray(lon, dims="fix"),
    }

    def vector(east: str, north: str) -> NDArray[np.complex128]:
        if east not in forcing or north not in forcing:
            return np.zeros(len(steps), dtype=complex)
        picked = forcing[[east, north]].interp(at)
        return np.asarray(picked[east].to_numpy() + 1j * picked[north].to_numpy())

    loose = ~steps["drogued"].to_numpy()
    wind, stokes = (
        vector(names.EASTWARD_WIND, names.NORTHWARD_WIND),
        vector(names.EASTWARD_STOKES, names.NORTHWARD_STOKES),
    )
    current = vector(names.EASTWARD_CURRENT, names.NORTHWARD_CURRENT)
    return _Seen(current, loose * np.nan_to_num(wind), loose * np.nan_to_num(stokes))


def _residual(steps: pd.DataFrame, seen: _Seen, windage: float) -> NDArray[np.complex128]:
    """Drifter velocity less that of the physics (east + i north), m/s; NaN where the forcing is unknown."""
    return np.asarray(steps["velocity"].to_numpy() - seen.current - windage * seen.wind - seen.stokes)


def _memory_h(drifter: NDArray[np.object_], residual: NDArray[np.complex128]) -> float:
    """e-folding time of the residual from its lag-one correlation along each drifter, h."""
    same = drifter[1:] == drifter[:-1]
    first, second = residual[:-1][same], residual[1:][same]
    power = float(np.mean(np.abs(residual) ** 2))
    if not len(first) or power == 0:
        return TAU_RANGE_H[0]
    correlation = float(np.mean((first * second.conj()).real)) / power
    if correlation >= np.exp(-1 / TAU_RANGE_H[1]):
        return TAU_RANGE_H[1]
    return float(np.clip(-1 / np.log(max(correlation, 1e-3)), *TAU_RANGE_H))
