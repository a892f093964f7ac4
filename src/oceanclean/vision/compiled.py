"""The loops of the segmenter that numba compiles: local statistics by running sums, and features from them.

Import this module only when a scene is segmented, since numba takes a second to load. Each function computes what a
layer of :mod:`oceanclean.vision.model` does, which a test holds it to. A box's sum costs two additions and two
subtractions a number whatever the box's size; sums are kept in float64, so that a bright cloud leaves no trace in the
spread of the dark water beside it. Compiled code is cached on disk: only a machine's first run pays for compiling.
"""
# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

from typing import Any

import numba
import numpy as np

from oceanclean.products.names import BANDS
from oceanclean.vision.features import CORE_BANDS, LINE_MATRIX, RATIO_FLOOR, RATIOS, TARGET_NOISE, TARGET_RATIOS
from oceanclean.vision.model import BACKGROUND_BANDS, FEATURES

_N = len(BANDS)
_M = len(CORE_BANDS)
_CORE = np.asarray([BANDS.index(b) for b in CORE_BANDS])
_BRIGHT = np.asarray([BANDS.index(b) for b in BACKGROUND_BANDS])
_RATIOS = np.asarray([[BANDS.index(a), BANDS.index(b)] for a, b in RATIOS.values()])
_TARGET = np.asarray([[BANDS.index(a), BANDS.index(b)] for a, b in TARGET_RATIOS])
_LINES = np.ascontiguousarray(LINE_MATRIX.T)
_RATIO_FLOOR = np.float32(RATIO_FLOOR)
_NOISE = np.float32(TARGET_NOISE)
#: Features without the flags of the bands present, which are the same for a whole scene.
PLAIN_FEATURES = FEATURES - _N
#: Rows of what :func:`spectra_at` writes.
QUANTITIES = 4 * _N + 2 * _M


def _jit(function: Any) -> Any:
    """Compiled and cached on disk, free of the interpreter's lock; sums may be fused, NaN keeps its meaning."""
    options: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": {"contract", "arcp", "nsz", "reassoc"},
    }
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:
        # No folder on this machine may hold the cache: the code is compiled for this process only.
        return numba.njit(**options)(function)


@_jit
def _advance(column, flat, y, reach):
    """Move the sums of columns so that they stand for the rows around ``y``."""
    if y + reach < len(flat):
        for i in range(len(column)):
            column[i] += flat[y + reach, i]
    if y - reach > 0:
        for i in range(len(column)):
            column[i] -= flat[y - reach - 1, i]


@_jit
def _sweep(column, run, reach, out):
    """Write sums of ``column`` (x · channel) over the places within ``reach`` to one row ``out``."""
    channels = len(run)
    width = len(column) // channels
    run[:] = 0.0
    for i in range(min(reach, width) * channels):
        run[i % channels] += column[i]
    for x in range(width):
        if x + reach < width:
            for c in range(channels):
                run[c] += column[(x + reach) * channels + c]
        if x - reach > 0:
            for c in range(channels):
                run[c] -= column[(x - reach - 1) * channels + c]
        for c in range(channels):
            out[x * channels + c] = run[c]


@_jit
def box_sum(values, size):
    """Sums (y, x, channel) over boxes of ``size``² pixels; outside the window counts as zero."""
    height, width, channels = values.shape
    reach = size // 2
    flat = values.reshape(height, width * channels)
    column, run = np.zeros(width * channels), np.empty(channels)
    out = np.empty((height, width * channels), np.float32)
    for y in range(-reach, height):
        _advance(column, flat, y, reach)
        if y >= 0:
            _sweep(column, run, reach, out[y])
    return out.reshape(height, width, channels)


@_jit
def moments(reflectance, level):
    """Weighted reflectance and squared deviation of the core bands, beside the weight itself.

    Returns:
        (y, x, 1 + band + core band) float32, 0 where any band is NaN.
    """
    height, width, _ = reflectance.shape
    out = np.zeros((height, width, 1 + _N + _M), np.float32)
    for y in range(height):
        for x in range(width):
            total = np.float32(0.0)
            for b in range(_N):
                total += reflectance[y, x, b]
            # NaN is never less; isfinite does not survive sums in another order.
            if not abs(total) < np.float32(1e6):
                continue
            out[y, x, 0] = 1.0
            for b in range(_N):
                out[y, x, 1 + b] = reflectance[y, x, b]
            for i in range(_M):
                d = reflectance[y, x, _CORE[i]] - level
                out[y, x, 1 + _N + i] = d * d
    return out


@_jit
def near_moments(values):
    """Weight, core bands and their squared deviations (y, x, 1 + 2 core) out of :func:`moments`."""
    height, width, _ = values.shape
    out = np.empty((height, width, 1 + 2 * _M), np.float32)
    for y in range(height):
        for x in range(width):
            out[y, x, 0] = values[y, x, 0]
            for i in range(_M):
                out[y, x, 1 + i] = values[y, x, 1 + _CORE[i]]
                out[y, x, 1 + _M + i] = values[y, x, 1 + _N + i]
    return out


@_jit
def calm_pixels(values, far):
    """Weight and reflectance (y, x, 1 + band) of pixels not brighter than their surroundings, 0 elsewhere."""
    height, width, _ = values.shape
    out = np.zeros((height, width, 1 + _N), np.float32)
    for y in range(height):
        for x in range(width):
            if values[y, x, 0] == 0.0:
                continue
            share = max(far[y, x, 0], np.float32(1e-6))
            above = np.float32(0.0)
            for i in range(len(_BRIGHT)):
                b = _BRIGHT[i]
                above += values[y, x, 1 + b] - far[y, x, 1 + b] / share
            if above <= 0.0:
                for c in range(1 + _N):
                    out[y, x, c] = values[y, x, c]
    return out


@_jit
def choose_pixels(values, calm, rows, trim, block, tolerance, index, chosen):
    """Pixels of some rows that are classified each for itself; those like their surroundings share one a block.

    A pixel whose core bands all lie within ``tolerance`` of the background is given what the first such pixel of its
    ``block``² block is given.

    Args:
        values: (y, x, channel) of :func:`moments`.
        calm: (y, x, 1 + band) box sums of :func:`calm_pixels`.
        rows: first row, and the row after the last.
        trim: pixels at either end of a row that are left out.
        block: edge of a block.
        tolerance: reflectance; 0 classifies every pixel for itself.
        index: (row, x) gets the place in ``chosen`` that stands for each pixel.
        chosen: (place, 2) gets row and column.

    Returns:
        How many were chosen.
    """
    width = values.shape[1]
    leaders = np.full(width // block + 1, -1)
    count = 0
    for y in range(rows[0], rows[1]):
        if (y - rows[0]) % block == 0:
            leaders[:] = -1
        for x in range(trim, width - trim):
            like = values[y, x, 0] > 0.0 and calm[y, x, 0] > 0.0
            if like:
                for i in range(_M):
                    b = 1 + _CORE[i]
                    like = like and abs(values[y, x, b] - calm[y, x, b] / calm[y, x, 0]) < tolerance
            place = leaders[x // block] if like else -1
            if place < 0:
                place = count
                chosen[place, 0], chosen[place, 1] = y, x
                count += 1
                if like:
                    leaders[x // block] = place
            index[y - rows[0], x - trim] = place
    return count


@_jit
def spectra_at(chosen, values, near, mid, far, calm, sizes, level, out):
    """Spectra and variances of the chosen pixels, one column each.

    Returns:
        ``out`` (quantity, pixel): pixel, mean over the near box, over the far box, background (each by band), then
        variances of the core bands in the middle and the far box.
    """
    for k in range(len(chosen)):
        y, x = chosen[k]
        near_share, far_share = max(near[y, x, 0], sizes[0] * 1e-6), max(far[y, x, 0], sizes[2] * 1e-6)
        mid_share, is_calm = max(mid[y, x, 0], sizes[1] * 1e-6), calm[y, x, 0] > sizes[2] * 1e-4
        present = values[y, x, 0] > 0.0
        for b in range(_N):
            surroundings = far[y, x, 1 + b] / far_share
            out[b, k] = values[y, x, 1 + b] if present else surroundings
            out[_N + b, k] = near[y, x, 1 + b] / near_share
            out[2 * _N + b, k] = surroundings
            out[3 * _N + b, k] = calm[y, x, 1 + b] / calm[y, x, 0] if is_calm else surroundings
        for i in range(_M):
            first = mid[y, x, 1 + i] / mid_share - level
            out[4 * _N + i, k] = mid[y, x, 1 + _M + i] / mid_share - first * first
            first = far[y, x, 1 + _CORE[i]] / far_share - level
            out[4 * _N + _M + i, k] = far[y, x, 1 + _N + i] / far_share - first * first


@_jit
def _compress(a, b, knee, out):
    """(a − b) / √(|a − b| + knee), for each pixel."""
    for k in range(len(out)):
        d = a[k] - b[k]
        out[k] = d / np.sqrt(abs(d) + knee)


@_jit
def _index_features(spectrum, knee, work, out):
    """Ratios and compressed lines of spectra (band, pixel) to ``out`` (feature, pixel)."""
    zero = work[1]
    zero[:] = 0.0
    for i in range(len(_RATIOS)):
        first, second = spectrum[_RATIOS[i, 0]], spectrum[_RATIOS[i, 1]]
        for k in range(out.shape[1]):
            ratio = (first[k] - second[k]) / max(abs(first[k] + second[k]), _RATIO_FLOOR)
            out[i, k] = min(max(ratio, np.float32(-2.0)), np.float32(2.0))
    for i in range(len(_LINES)):
        line = work[0]
        line[:] = 0.0
        for b in range(_N):
            if _LINES[i, b] != 0.0:
                for k in range(out.shape[1]):
                    line[k] += _LINES[i, b] * spectrum[b, k]
        _compress(line, zero, knee, out[len(_RATIOS) + i])


@_jit
def _target_features(spectrum, background, work, out):
    """Direction, log length and ratios of what stands above the background (band, pixel), to ``out``."""
    length = work[0]
    length[:] = 0.0
    for b in range(_N):
        for k in range(out.shape[1]):
            above = spectrum[b, k] - background[b, k]
            out[b, k] = above
            length[k] += above * above
    for k in range(out.shape[1]):
        length[k] = np.sqrt(length[k]) + _NOISE
    for i in range(len(_TARGET)):
        first, second, ratio = out[_TARGET[i, 0]], out[_TARGET[i, 1]], out[_N + 1 + i]
        for k in range(out.shape[1]):
            ratio[k] = (first[k] - second[k]) / (abs(first[k]) + abs(second[k]) + _NOISE)
    for b in range(_N):
        for k in range(out.shape[1]):
            out[b, k] /= length[k]
    for k in range(out.shape[1]):
        out[_N, k] = np.log(length[k])


@_jit
def feature_columns(spectra, shift, knee, work, out):
    """Features (feature, pixel) of :func:`spectra_at`, in the order of ``SpectralFeatures.raw``.

    Args:
        spectra: (quantity, pixel); pixel and background are moved to the common level of dark water on the way.
        shift: (band,) what moves them.
        knee: of the compression.
        work: (2, pixel) room.
        out: (feature, pixel).
    """
    pixel, near, far, background = (
        spectra[:_N],
        spectra[_N : 2 * _N],
        spectra[2 * _N : 3 * _N],
        spectra[3 * _N : 4 * _N],
    )
    for b in range(_N):
        _compress(pixel[b], background[b], knee, out[2 * _N + b])
        _compress(pixel[b], near[b], knee, out[3 * _N + b])
        _compress(pixel[b], far[b], knee, out[4 * _N + b])
    at = 5 * _N
    for i in range(2 * _M):
        for k in range(out.shape[1]):
            variance = max(spectra[4 * _N + i, k], np.float32(0.0)) + np.float32(1e-10)
            out[at + i, k] = np.log(np.sqrt(variance) + np.float32(1e-4))
    at += 2 * _M
    size = _N + 1 + len(_TARGET)
    _target_features(pixel, background, work, out[at : at + size])
    _target_features(near, background, work, out[at + size : at + 2 * size])
    at += 2 * size
    for b in range(_N):
        for k in range(out.shape[1]):
            pixel[b, k] += shift[b]
            background[b, k] += shift[b]
    work[1, :] = 0.0
    for b in range(_N):
        _compress(pixel[b], work[1], knee, out[b])
        _compress(background[b], work[1], knee, out[_N + b])
    size = len(_RATIOS) + len(_LINES)
    _index_features(pixel, knee, work, out[at : at + size])
    _index_features(background, knee, work, out[at + size : at + 2 * size])


@_jit
def forest_logits(features, columns, feature, threshold, right, root, share, least, out):
    """Write log class shares, mean over trees, of some columns of raw features to the same columns of ``out``.

    Args:
        features: (feature, pixel).
        columns: (candidate,) which pixels are asked about.
        feature: (node,) as :class:`~oceanclean.vision.forest.ForestTables` has them, like the next four.
        threshold: (node,).
        right: (node,).
        root: (tree,).
        share: (leaf, class) float32.
        least: added to every share.
        out: (class, pixel).
    """
    one = np.empty((len(columns), len(features)), np.float32)
    for i in range(len(features)):
        for k in range(len(columns)):
            one[k, i] = features[i, columns[k]]
    total = np.zeros((len(columns), len(out)), np.float32)
    # Tree by tree, not pixel by pixel: one tree's nodes stay in the cache.
    for tree in range(len(root)):
        for k in range(len(columns)):
            node = root[tree]
            while right[node] >= 0:
                node = node + 1 if one[k, feature[node]] <= threshold[node] else right[node]
            for c in range(len(out)):
                total[k, c] += share[-1 - right[node], c]
    for k in range(len(columns)):
        for c in range(len(out)):
            out[c, columns[k]] = np.log(total[k, c] / len(root) + least)


@_jit
def spread_out(found, index, out):
    """Give every pixel (row, x) the column of ``found`` (class, place) that stands for it: ``out`` (row, x, class)."""
    for y in range(index.shape[0]):
        for x in range(index.shape[1]):
            for c in range(out.shape[2]):
                out[y, x, c] = found[c, index[y, x]]
