"""Colour scales: from numbers to codes, from codes to PNG pictures, and the legend that explains them.

Code 0 means "no figure", 1 "below the scale", 2 to 255 the scale itself; both 0 and 1 are transparent. The ramps are
matplotlib's perceptually uniform ones, whose lightness falls steadily: colour-blind eyes and a grey print read them.
"""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

NO_FIGURE, BELOW, FIRST, LAST = 0, 1, 2, 255


@dataclass(frozen=True)
class Scale:
    """A colour scale.

    Attributes:
        title: what it shows.
        units: of ``low`` and ``high``.
        low: value of code 2.
        high: value of code 255; larger values get its colour.
        ramp: name of a matplotlib colour map.
        span: part of the ramp that is used, (start, end) in 0–1.
        logarithmic: equal ratios, or equal differences, get equal steps.
        levels: number of colours drawn (fewer colours make smaller pictures).
    """

    title: str
    units: str
    low: float
    high: float
    ramp: str
    span: tuple[float, float] = (0.0, 1.0)
    logarithmic: bool = True
    levels: int = 40

    def position(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Place of the values on the scale: 0 at ``low``, 1 at ``high``; NaN stays NaN."""
        if self.logarithmic:
            with np.errstate(divide="ignore"):
                place = np.log(np.maximum(values, 0) / self.low) / np.log(self.high / self.low)
            return np.where(np.isnan(values), np.nan, place)
        return (np.asarray(values, dtype=float) - self.low) / (self.high - self.low)

    def codes(self, values: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Codes of the values, any shape."""
        return self.codes_of(self.position(values))

    def codes_of(self, place: NDArray[np.float64]) -> NDArray[np.uint8]:
        """Codes of places on the scale."""
        missing, below = np.isnan(place), place < 0
        step = np.clip(np.nan_to_num(place, nan=0.0, neginf=0.0, posinf=1.0), 0, 1) * (LAST - FIRST)
        found = np.rint(step).astype(np.uint8) + np.uint8(FIRST)
        found[below] = BELOW
        found[missing] = NO_FIGURE
        return found

    @cached_property
    def palette(self) -> NDArray[np.uint8]:
        """(256, 4) red, green, blue, alpha of each code."""
        from matplotlib import colormaps

        share = np.zeros(256)
        share[FIRST:] = np.arange(LAST - FIRST + 1) / (LAST - FIRST)
        share = np.round(share * (self.levels - 1)) / (self.levels - 1)
        start, end = self.span
        colours = colormaps[self.ramp](start + share * (end - start))
        colours[:, 3] = 0.3 + 0.65 * share**0.6
        colours[:FIRST, 3] = 0.0
        made: NDArray[np.uint8] = np.rint(colours * 255).astype(np.uint8)
        return made

    def image(self, codes: NDArray[np.uint8]) -> str:
        """The codes (y, x), first row on top, as a PNG data URI."""
        step = (LAST - FIRST) / (self.levels - 1)
        drawn = codes.astype(float)
        scale = codes >= FIRST
        drawn[scale] = FIRST + np.rint(np.rint((drawn[scale] - FIRST) / step) * step)
        return png_uri(drawn.astype(np.uint8), self.palette)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """(place in 0–1, label) of the legend's marks."""
        if not self.logarithmic:
            values = [self.low + (self.high - self.low) * i / 4 for i in range(5)]
        else:
            start, end = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            values = [m * 10.0**e for e in range(start, end + 1) for m in (1, 2, 5)]
            if sum(self.low <= v <= self.high for v in values) > 7:
                values = [10.0**e for e in range(start, end + 1)] + [self.high]
            values = sorted({v for v in values if self.low * 0.999 <= v <= self.high * 1.001})
        places = self.position(np.array(values))
        return [(round(float(p), 4), f"{v:g}") for p, v in zip(places, values, strict=True)]

    @property
    def strip(self) -> str:
        """The scale as a narrow PNG data URI, low values left, on white as the map draws it."""
        return self.image(np.tile(np.arange(FIRST, LAST + 1, dtype=np.uint8), (4, 1)))


def round_up(value: float) -> float:
    """Next value of 1, 2, 5 × a power of ten that is not less."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= value * (1 - 1e-9))


def png_uri(codes: NDArray[np.uint8], palette: NDArray[np.uint8]) -> str:
    """Indexed PNG of (y, x) codes with a (256, 4) palette, as a data URI."""
    from PIL import Image

    picture = Image.fromarray(codes, mode="P") if codes.ndim == 2 else Image.fromarray(codes)
    picture.putpalette(palette[:, :3].tobytes())
    out = io.BytesIO()
    picture.save(out, "PNG", transparency=palette[:, 3].tobytes(), optimize=True)
    return data_uri(out.getvalue(), "image/png")


def data_uri(content: bytes, kind: str) -> str:
    """Bytes as a data URI of a media type."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
