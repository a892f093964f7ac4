"""Ensemble forcing: members of a current or wind forecast, each carrying members of the drift ensemble."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from oceanclean.drift.fields import CURRENT
from oceanclean.drift.forcing_axes import MEMBER
from oceanclean.drift.settings import ResidualSettings

#: Least share of the drawn error that stays: forecasts of an ensemble differ less than they are wrong (assumed).
_LEAST_SHARE = 0.5
#: Levels at which the spread of an ensemble is looked at.
_LOOKS = 5


def member_count(forcing: xr.Dataset) -> int:
    """Members of an ensemble of forcing; 1 where there is one run."""
    return int(forcing.sizes.get(MEMBER, 1))


def members_of(forcing: xr.Dataset, most: int) -> list[xr.Dataset]:
    """One (time, lat, lon) Forcing a member; of more than ``most`` those evenly spread over them.

    Variables without ``member`` are shared by all: a wind ensemble may stand beside one current.
    """
    count = member_count(forcing)
    if MEMBER not in forcing.dims:
        return [forcing]
    picked = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))
    return [forcing.isel({MEMBER: int(k)}).drop_vars(MEMBER, errors="ignore") for k in picked]


def blocks(members: int, forcings: int) -> list[tuple[int, int]]:
    """First and last-plus-one member of the drift ensemble for each forcing: neighbours share a forcing."""
    return list(pairwise(np.linspace(0, members, forcings + 1).round().astype(int).tolist()))


def rest_of_error(settings: ResidualSettings, forcing: xr.Dataset) -> ResidualSettings:
    """The velocity error that is drawn beside an ensemble of currents: its spread is not counted twice.

    The variance of the members, the mean of both components over sea and some levels, is taken off that of the
    error, of which half the standard deviation stays at least.
    """
    if not any(MEMBER in forcing[name].dims for name in CURRENT):
        return settings
    levels = np.unique(np.linspace(0, forcing.sizes["time"] - 1, _LOOKS).round().astype(int))
    spread = [_variance(forcing[name].isel(time=levels)) for name in CURRENT]
    left = settings.sigma_m_s**2 - float(np.mean(spread))
    sigma = max(np.sqrt(max(left, 0.0)), _LEAST_SHARE * settings.sigma_m_s)
    return settings.model_copy(update={"sigma_m_s": float(sigma)})


def _variance(values: xr.DataArray) -> float:
    if MEMBER not in values.dims or values.sizes[MEMBER] < 2:
        return 0.0
    found: NDArray[np.float64] = values.var(MEMBER, ddof=1).to_numpy()
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


__all__ = ["blocks", "member_count", "members_of", "rest_of_error"]
