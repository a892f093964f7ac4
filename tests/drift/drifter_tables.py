"""Tables of simulated drifters in the layout that the drift skill reads."""

from __future__ import annotations

import numpy as np
import pandas as pd


def smooth(rng, hours, count, scale, tau_h):
    """(drifter, hour) complex velocity with memory."""
    keep = np.exp(-1 / tau_h)
    values = np.zeros((count, hours), dtype=complex)
    values[:, 0] = scale * (rng.standard_normal(count) + 1j * rng.standard_normal(count))
    for k in range(1, hours):
        kick = rng.standard_normal(count) + 1j * rng.standard_normal(count)
        values[:, k] = keep * values[:, k - 1] + scale * np.sqrt(1 - keep**2) * kick
    return values


def drifter_table(*, drifters=12, hours=140, windage=0.025, extra=None, noise=0.0, seed=0, products=("alpha",)):
    """One table: truth is current + windage x wind + extra(current, wind, hour) + noise with memory."""
    rng = np.random.default_rng(seed)
    current = smooth(rng, hours, drifters, 0.3, 6)
    wind = smooth(rng, hours, drifters, 6.0, 24)
    truth = current + windage * wind + (0 if extra is None else extra(current, wind, np.arange(hours)))
    truth = truth + (smooth(rng, hours, drifters, noise, 18) if noise else 0)
    path = np.cumsum(truth, axis=1) * 3600
    number = np.repeat(np.arange(drifters), hours)
    stamps = pd.date_range("2025-03-01", periods=hours, freq="h").strftime("%Y-%m-%d %H:%M:%S")
    table = pd.DataFrame(
        {
            "seg": [f"s{k}" for k in number], "buoy": [f"b{k}" for k in number], "type": "puck",
            "time": np.tile(stamps, drifters),
            "lon": (path.real / 85000 - 40).ravel(), "lat": (path.imag / 111000 + 40).ravel(),
            "ueast_drifter": truth.real.ravel(), "vnorth_drifter": truth.imag.ravel(),
            "ueast_atmos": wind.real.ravel(), "vnorth_atmos": wind.imag.ravel(),
        }
    )  # fmt: skip
    for name in products:
        table[f"u_{name}"], table[f"v_{name}"] = current.real.ravel(), current.imag.ravel()
    return table


def written(folder, table, name="tracks.csv"):
    """Folder with the table in it."""
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / name, index=False)
    return folder
