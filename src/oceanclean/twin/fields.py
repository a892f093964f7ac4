"""Gridded fields of the twin: smooth random fields and bilinear sampling at points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.region import Grid


def sample(
    stack: NDArray[np.float32], grid: Grid, lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Bilinear values at points; outside the grid the edge value holds.

    Args:
        stack: (component, lat, lon) on the centres of ``grid``.
        grid: where the values stand.
        lon: (point) degrees east.
        lat: (point) degrees north.

    Returns:
        (component, point).
    """
    x = np.clip((lon - grid.west) / grid.step - 0.5, 0, grid.nx - 1)
    y = np.clip((lat - grid.south) / grid.step - 0.5, 0, grid.ny - 1)
    x0 = np.minimum(x.astype(np.int64), max(grid.nx - 2, 0))
    y0 = np.minimum(y.astype(np.int64), max(grid.ny - 2, 0))
    fx, fy = x - x0, y - y0
    flat = stack.reshape(len(stack), -1)
    corner = y0 * grid.nx + x0
    right, up = min(1, grid.nx - 1), grid.nx if grid.ny > 1 else 0
    low = flat[:, corner] * (1 - fx) + flat[:, corner + right] * fx
    high = flat[:, corner + up] * (1 - fx) + flat[:, corner + up + right] * fx
    return low * (1 - fy) + high * fy


def between(series: NDArray[np.float32], hour: float) -> NDArray[np.float32]:
    """Field (component, lat, lon) at any hour of an hourly series (time, component, lat, lon); ends hold."""
    low = int(np.clip(np.floor(hour), 0, max(len(series) - 2, 0)))
    share = np.float32(np.clip(hour - low, 0, 1))
    return np.asarray((1 - share) * series[low] + share * series[min(low + 1, len(series) - 1)], dtype=np.float32)


def _weights(source: NDArray[np.float64], step: float, target: NDArray[np.float64]) -> NDArray[np.float32]:
    """Matrix (target, source) of linear interpolation along one axis; beyond its ends the end value holds."""
    at = np.clip((target - source[0]) / step, 0, len(source) - 1)
    low = np.minimum(at.astype(np.int64), max(len(source) - 2, 0))
    matrix = np.zeros((len(target), len(source)), dtype=np.float32)
    rows = np.arange(len(target))
    matrix[rows, low] = 1 - (at - low)
    matrix[rows, np.minimum(low + 1, len(source) - 1)] += at - low
    return matrix


def regrid(stack: NDArray[np.float32], grid: Grid, target: Grid) -> NDArray[np.float32]:
    """Bilinear values (component, lat, lon) on the centres of another grid."""
    values = _weights(grid.lat, grid.step, target.lat) @ stack @ _weights(grid.lon, grid.step, target.lon).T
    return np.asarray(values, dtype=np.float32)


def smooth_noise(
    shape: tuple[int, int], length: float, rng: np.random.Generator, *, slope: float | None = None
) -> NDArray[np.float32]:
    """Random field of zero mean and unit variance.

    Args:
        shape: (row, column).
        length: correlation length in cells of a Gaussian spectrum; with ``slope`` the longest wave instead.
        rng: source of randomness.
        slope: if given, a power-law amplitude spectrum ``k ** -slope`` (clouds, patchiness) below that length.
    """
    from scipy import fft

    noise = fft.rfft2(rng.standard_normal(shape, dtype=np.float32))
    ky, kx = np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :]
    k = np.hypot(ky, kx).astype(np.float32)
    if slope is None:
        weight = np.exp(-0.5 * (2 * np.pi * k * length / 2) ** 2)
    else:
        weight = (k**2 + 1 / length**2) ** (-slope / 2)
    weight[0, 0] = 0
    field = fft.irfft2(noise * weight.astype(np.float32), s=shape)
    return np.asarray(field / (field.std() + 1e-12), dtype=np.float32)


def autoregressive_fields(
    steps: int, shape: tuple[int, int], length: float, memory: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """First-order autoregressive sequence (time, row, column) of smooth fields with unit variance.

    Args:
        steps: number of times.
        shape: (row, column).
        length: correlation length in cells.
        memory: e-folding time in steps.
        rng: source of randomness.
    """
    pad = (shape[0] * 2 + 4, shape[1] * 2 + 4)  # the spectral noise is periodic: cut a part that is not
    keep = float(np.exp(-1 / memory))
    out = np.empty((steps, *shape), dtype=np.float32)
    state = smooth_noise(pad, length, rng)
    for step in range(steps):
        out[step] = state[: shape[0], : shape[1]]
        state = keep * state + np.sqrt(1 - keep**2) * smooth_noise(pad, length, rng)
    return out
