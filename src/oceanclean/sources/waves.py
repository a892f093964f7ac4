"""Wave height where a source has none: from surface Stokes drift and peak period."""

from __future__ import annotations

import numpy as np
import xarray as xr

from oceanclean.errors import SettingsError
from oceanclean.products import names

#: Standard gravity, m s-2.
GRAVITY = 9.80665

#: Surface Stokes drift of a sea of variance m0 and peak angular frequency w: Us = K m0 w³ / g.
#: Monochromatic: K = 2. Pierson–Moskowitz with its full f⁻⁵ tail, from Us = 2/g ∫ w³ E(w) dw (Kenyon 1969,
#: 10.1029/JC074i028p06991): K = 10 Γ(1/4) / (4 · 1.25^{1/4}) = 8.57.
DRIFT_FACTORS = {"monochromatic": 2.0, "pierson_moskowitz": 8.572}


def height_from_drift(
    east: xr.DataArray, north: xr.DataArray, peak_period: xr.DataArray, spectrum: str
) -> xr.DataArray:
    """Significant wave height from surface Stokes drift and peak period, in metres.

    ``Hs = 4 √m0`` with ``m0 = g Us / (K w³)`` and ``w = 2π / Tp``. The monochromatic sea puts all the drift into the
    peak and gives twice the height of a wind sea with the same drift; its waves would be steeper than waves get.

    Args:
        east: eastward Stokes drift, m s-1.
        north: northward Stokes drift, m s-1.
        peak_period: seconds.
        spectrum: key of :data:`DRIFT_FACTORS`.

    Raises:
        SettingsError: unknown spectrum.
    """
    if spectrum not in DRIFT_FACTORS:
        raise SettingsError("config/sources", "options.wave_height_from", repr(spectrum),
                            f"one of {list(DRIFT_FACTORS)}", "Correct the option.")  # fmt: skip
    speed = (east**2 + north**2) ** 0.5
    omega = 2 * np.pi / peak_period
    height = 4 * (GRAVITY * speed / (DRIFT_FACTORS[spectrum] * omega**3)) ** 0.5
    height.attrs = {
        "comment": f"derived from surface Stokes drift and peak period under a {spectrum} spectrum; not a model's own"
    }
    return height.astype(np.float32)


def with_height(waves: xr.Dataset, options: dict[str, object], notes: list[str]) -> xr.Dataset:
    """Add the wave height where it can be derived; drop the period, which the contract does not carry."""
    needed = (names.EASTWARD_STOKES, names.NORTHWARD_STOKES, "peak_period")
    if names.WAVE_HEIGHT not in waves and all(n in waves for n in needed):
        spectrum = str(options.get("wave_height_from", "pierson_moskowitz"))
        east, north, period = (waves[n] for n in needed)
        waves[names.WAVE_HEIGHT] = height_from_drift(east, north, period, spectrum)
        shape = spectrum.replace("_", "–").title()
        notes.append(f"The wave source has no wave height: it was derived from Stokes drift and peak period ({shape} "
                     "spectrum), so sea-state limits are checked against an estimate.")  # fmt: skip
    elif names.WAVE_HEIGHT not in waves:
        notes.append("The wave source has no wave height and no peak period: sea-state limits cannot be checked.")
    return waves.drop_vars("peak_period", errors="ignore")
