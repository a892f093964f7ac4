"""What a Sentinel-2 pixel says: spectral indices, radiometry to a common footing, bands that are absent.

The functions work on NumPy arrays and on Keras tensors alike: pass ``keras.ops`` as ``xp`` for the latter, so that
the model and a notebook compute the same figure with the same code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from oceanclean.products.scene import SceneRef

#: Bands without which no scene can be segmented, even when missing bands are allowed.
CORE_BANDS: tuple[str, ...] = ("B2", "B3", "B4", "B6", "B8", "B11")

#: Smallest denominator of a normalised difference (reflectance): dark water would make it explode.
RATIO_FLOOR = 0.005

#: Three indices go by the name FDI. Each is (red-edge band, slope factor) in
#: R8 − [ R_edge + (R11 − R_edge) · factor ].
#: biermann2020: eq. 1 of doi 10.1038/s41598-020-62298-z, 10·(833−665)/(1610−665): extrapolates beyond SWIR.
#: marida: code of Kikaki et al. 2022, 10·(833−740)/(1614−740).
#: tsdataclinic: PMLDataPipeline, red edge B5, factor 1.636.
FDI_VARIANTS: dict[str, tuple[str, float]] = {
    "biermann2020": ("B6", 10 * (833 - 665) / (1610 - 665)),
    "marida": ("B6", 10 * (833 - 740) / (1614 - 740)),
    "tsdataclinic": ("B5", 1.636),
}

#: FAI's baseline between red and SWIR at B8 (Hu 2009, doi 10.1016/j.rse.2009.05.012, Sentinel-2 wavelengths).
FAI_FACTOR = (833 - 665) / (1610 - 665)

#: How an absent band is filled: weights of the bands that stand in for it, first choice that is present.
#: B12 ≈ 0.6 B11: ratio of class medians in MARIDA (0.5–0.8 for everything but cloud).
_STAND_INS: dict[str, tuple[dict[str, float], ...]] = {
    "B1": ({"B2": 1.0},),
    "B5": ({"B4": 0.5, "B6": 0.5},),
    "B7": ({"B6": 0.5, "B8": 0.5},),
    "B8A": ({"B8": 1.0},),
    "B12": ({"B11": 0.6},),
}

_Bands = Mapping[str, Any]


def by_band(reflectance: Any) -> dict[str, Any]:
    """Split (..., band) reflectance in the order of ``BANDS`` into a mapping of band name to array."""
    return {band: reflectance[..., i] for i, band in enumerate(BANDS)}


def normalised_difference(a: Any, b: Any, xp: Any = np) -> Any:
    """(a − b) / max(|a + b|, floor), clipped to ±2; finite on the darkest water."""
    return xp.clip((a - b) / xp.maximum(xp.abs(a + b), RATIO_FLOOR), -2.0, 2.0)


def fdi(r: _Bands, variant: str = "biermann2020") -> Any:
    """Floating Debris Index of the named variant (see :data:`FDI_VARIANTS`).

    Raises:
        KeyError: unknown variant.
    """
    edge, factor = FDI_VARIANTS[variant]
    return r["B8"] - (r[edge] + (r["B11"] - r[edge]) * factor)


def fai(r: _Bands) -> Any:
    """Floating Algae Index: B8 above the line from red to SWIR (Hu 2009)."""
    return r["B8"] - (r["B4"] + (r["B11"] - r["B4"]) * FAI_FACTOR)


def ndvi(r: _Bands, xp: Any = np) -> Any:
    """(B8 − B4) / (B8 + B4): separates sargassum (.4) from debris (0)."""
    return normalised_difference(r["B8"], r["B4"], xp)


def ndwi(r: _Bands, xp: Any = np) -> Any:
    """(B3 − B8) / (B3 + B8): above 0 is water (McFeeters 1996)."""
    return normalised_difference(r["B3"], r["B8"], xp)


#: Normalised differences that the model reads: name to the two bands.
RATIOS: dict[str, tuple[str, str]] = {
    "ndvi": ("B8", "B4"), "ndwi": ("B3", "B8"), "ndmi": ("B8", "B11"),
    "nd_b6_b4": ("B6", "B4"), "nd_b2_b4": ("B2", "B4"), "nd_b3_b2": ("B3", "B2"),
}  # fmt: skip

#: Line heights and differences that it reads: linear in reflectance. ``nir_peak`` is B8 above the mean of B7 and B8A:
#: a target smaller than 20 m stands out in the 10 m band only.
LINES: dict[str, Callable[[_Bands], Any]] = {
    "fdi_biermann2020": fdi,
    "fdi_marida": lambda r: fdi(r, "marida"),
    "fai": fai,
    "mci": lambda r: r["B5"] - (r["B4"] + r["B6"]) / 2,
    "nir_peak": lambda r: r["B8"] - (r["B7"] + r["B8A"]) / 2,
    "nrd": lambda r: r["B8"] - r["B4"],
    "green_red": lambda r: r["B4"] - r["B3"],
    "swir_slope": lambda r: r["B12"] - 0.6 * r["B11"],
}

#: Names of what :func:`indices` returns, in order.
INDEX_NAMES: tuple[str, ...] = (*RATIOS, *LINES)


def _matrices() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Numerators and denominators of the ratios and all lines as matrices (band, index): one product each."""
    unit = by_band(np.eye(len(BANDS), dtype=np.float32))
    difference = np.stack([unit[a] - unit[b] for a, b in RATIOS.values()], axis=-1)
    total = np.stack([unit[a] + unit[b] for a, b in RATIOS.values()], axis=-1)
    lines = np.stack([line(unit) for line in LINES.values()], axis=-1)
    return difference, total, lines.astype(np.float32)


#: Numerators and denominators of the ratios, and the lines, each (band, index).
RATIO_DIFFERENCE, RATIO_TOTAL, LINE_MATRIX = _matrices()


def indices(reflectance: Any, xp: Any = np) -> Any:
    """Spectral indices (..., index) of reflectance (..., band), in the order of :data:`INDEX_NAMES`."""
    below = xp.maximum(xp.abs(xp.matmul(reflectance, RATIO_TOTAL)), RATIO_FLOOR)
    ratios = xp.clip(xp.matmul(reflectance, RATIO_DIFFERENCE) / below, -2.0, 2.0)
    return xp.concatenate([ratios, xp.matmul(reflectance, LINE_MATRIX)], axis=-1)


#: Normalised differences of what stands above the background: the colours of the target itself.
TARGET_RATIOS: tuple[tuple[str, str], ...] = (
    ("B8", "B4"), ("B3", "B8"), ("B8", "B11"), ("B6", "B4"), ("B2", "B4"), ("B3", "B2"), ("B8", "B8A"), ("B8A", "B7"),
    ("B7", "B6"), ("B6", "B5"), ("B5", "B4"), ("B12", "B11"), ("B1", "B2"), ("B11", "B8A"), ("B8", "B6"),
)  # fmt: skip
#: Reflectance below which a target's colour is noise: its ratios fade to 0.
TARGET_NOISE = 0.004


def _target_matrices() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    unit = by_band(np.eye(len(BANDS), dtype=np.float32))
    difference = np.stack([unit[a] - unit[b] for a, b in TARGET_RATIOS], axis=-1)
    return difference, np.abs(difference)


_TARGET_DIFFERENCE, _TARGET_TOTAL = _target_matrices()


def target_spectrum(above: Any, xp: Any = np) -> tuple[Any, Any, Any]:
    """Colour of a target, whatever share of the pixel it covers.

    A pixel of which a share c is covered is, to first order, water + c · (target − water): what stands above the
    background is the target's spectrum times c, and its direction does not depend on c.

    Args:
        above: (..., band) reflectance above the background.
        xp: NumPy or ``keras.ops``.

    Returns:
        Direction (..., band), logarithm of the length (..., 1), normalised differences (..., ratio).
    """
    length = xp.sqrt(xp.sum(above * above, axis=-1, keepdims=True)) + TARGET_NOISE
    total = xp.matmul(xp.abs(above), _TARGET_TOTAL) + TARGET_NOISE
    return above / length, xp.log(length), xp.matmul(above, _TARGET_DIFFERENCE) / total


def stand_in_matrix(present: Sequence[str]) -> NDArray[np.float32]:
    """Matrix M (band, band) such that ``reflectance @ M`` fills absent bands from those present.

    Filling is linear, so it commutes with every local mean.

    Raises:
        InputError: a core band is absent.
    """
    absent = [b for b in CORE_BANDS if b not in present]
    if absent:
        raise InputError("scene", "bands", f"without {', '.join(absent)}", f"at least {', '.join(CORE_BANDS)}",
                         "Fetch the missing bands: nothing can stand in for them.")  # fmt: skip
    matrix = np.zeros((len(BANDS), len(BANDS)), dtype=np.float32)
    for j, band in enumerate(BANDS):
        weights = {band: 1.0} if band in present else _STAND_INS[band][0]
        for source, weight in weights.items():
            matrix[BANDS.index(source), j] = weight
    return matrix


def fill_absent_bands(reflectance: NDArray[np.float32], present: Sequence[str]) -> NDArray[np.float32]:
    """Reflectance (..., band) with every absent band filled from its neighbours; unchanged when all are there."""
    if all(b in present for b in BANDS):
        return reflectance
    known = np.where([b in present for b in BANDS], reflectance, 0.0).astype(np.float32)
    return known @ stand_in_matrix(present)


@dataclass(frozen=True)
class WaterReference:
    """Dark water of one scene, the level from which anomalies are counted.

    rhorc, rhos and L2A differ by .01–.02, the size of debris itself; the difference is nearly constant over a scene,
    so that subtracting the scene's own dark water puts all three on one footing.

    Attributes:
        level: reflectance of dark water for each band of ``BANDS``.
        pixels: water pixels it was estimated from.
        water_share: share of the sampled pixels that passed the water test.
    """

    level: tuple[float, ...]
    pixels: int
    water_share: float

    def array(self) -> NDArray[np.float32]:
        """``level`` as (band,) float32."""
        return np.asarray(self.level, dtype=np.float32)


#: Quantile of the water pixels taken as dark water: below foam and debris, above noise and cloud shadow.
WATER_QUANTILE = 0.2
#: Fewest water pixels for an estimate; below it the darkest half of the sample stands in.
MIN_WATER_PIXELS = 200


def water_reference(pixels: NDArray[np.float32]) -> WaterReference:
    """Estimate a scene's dark water from a sample of its pixels (pixel, band); NaN rows are dropped.

    Water is where B8 is not above B3 and SWIR (B11) is dark; when hardly any pixel passes, the darkest half in B11
    stands in (``water_share`` tells).
    """
    sample = pixels[np.isfinite(pixels).all(axis=1)]
    if not len(sample):
        return WaterReference((0.0,) * len(BANDS), 0, 0.0)
    r = by_band(sample)
    # 0.08 leaves sun-glint and L2A's aerosol error inside and bright land and cloud outside.
    water = (r["B8"] <= r["B3"] + 0.005) & (r["B11"] < 0.08)
    share = float(water.mean())
    if water.sum() < min(MIN_WATER_PIXELS, len(sample)):
        water = r["B11"] <= np.median(r["B11"])
    level = np.quantile(sample[water], WATER_QUANTILE, axis=0)
    return WaterReference(tuple(float(v) for v in level), int(water.sum()), share)


def sample_scene(scene: SceneRef, grid: int = 8, size: int = 64) -> NDArray[np.float32]:
    """Sample pixels (pixel, band) of a scene from ``grid``² small windows spread evenly over it.

    Absent bands are filled; pixels without a measurement are dropped. Bounded memory whatever the scene's size.
    """
    from rasterio.windows import Window

    parts = []
    with scene.open() as source:
        height, width = min(size, source.height), min(size, source.width)
        for row in np.linspace(0, source.height - height, grid).astype(int):
            for column in np.linspace(0, source.width - width, grid).astype(int):
                values, valid = scene.read(source, Window(int(column), int(row), width, height))
                parts.append(fill_absent_bands(values[:, valid].T, tuple(scene.bands)))
    return np.concatenate(parts)
