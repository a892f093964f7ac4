"""What a scene file says of itself: band names, time, radiometry, scale; from tags, a JSON beside it, or options."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import InputError
from oceanclean.products.names import BANDS, RADIOMETRIES
from oceanclean.sources.times import utc

if TYPE_CHECKING:
    import pandas as pd
    import rasterio

#: Options of a scene that a person may give.
OPTIONS = frozenset({
    "radiometry", "acquired", "available_at", "platform", "scene_id", "scale", "offset", "nodata", "bands", "scl_band",
})  # fmt: skip

#: Other words for the same fact, in tags and sidecars.
_SYNONYMS = {
    "datetime": "acquired", "acquisition_time": "acquired", "sensing_time": "acquired",
    "reflectance_scale": "scale", "reflectance_offset": "offset", "spacecraft": "platform",
    "product_id": "scene_id", "atmospheric_correction": "radiometry",
}  # fmt: skip
_RADIOMETRY_WORDS = {"sen2cor": "l2a", "sentinel-2-l2a": "l2a", "s2msi2a": "l2a", "acolite_rhorc": "rhorc",
                     "acolite_rhos": "rhos"}  # fmt: skip
_PRODUCT = re.compile(r"(S2[ABCD])_MSI(L1C|L2A)_(\d{8}T\d{6})(?:_N(\d{4}))?")
_BAND = re.compile(r"^(?:band[ _-]?)?B?0?(\d{1,2})(A?)\b", re.IGNORECASE)


def gather(path: Path, source: rasterio.io.DatasetReader, options: Mapping[str, Any]) -> dict[str, Any]:
    """Facts on a scene by one name each; options win over tags, tags over the sidecar, that over the product's name.

    Raises:
        InputError: a sidecar that is not JSON.
    """
    facts: dict[str, Any] = {}
    for origin in (sidecar(path), source.tags(), options):
        for key, value in origin.items():
            name = _SYNONYMS.get(key.lower(), key.lower())
            if name in OPTIONS or name in {"collection"}:
                facts[name] = value
    named = _PRODUCT.search(str(facts.get("scene_id", ""))) or _PRODUCT.search(path.name)
    if named:
        facts.setdefault("platform", f"Sentinel-2{named.group(1)[2]}")
        facts.setdefault("acquired", utc(named.group(3)).isoformat())
        facts.setdefault("scene_id", named.group(0))
        if named.group(2) == "L2A":
            facts.setdefault("radiometry", "l2a")
        if (named.group(4) or "0000") >= "0400":
            facts.setdefault("offset", -0.1)
            facts.setdefault("scale", 1e-4)
    if "radiometry" not in facts and str(facts.get("collection", "")).lower() in _RADIOMETRY_WORDS:
        facts["radiometry"] = _RADIOMETRY_WORDS[str(facts["collection"]).lower()]
    return facts


def sidecar(path: Path) -> dict[str, Any]:
    """The JSON file of the same name beside a scene, or an empty dictionary.

    Raises:
        InputError: it is there but is no JSON object.
    """
    beside = path.with_suffix(".json")
    if not beside.is_file():
        return {}
    try:
        content = json.loads(beside.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(beside, "file", f"not JSON ({error})", "a JSON object", "Correct or remove it.") from error
    if not isinstance(content, dict):
        raise InputError(beside, "file", type(content).__name__, "a JSON object", "Correct or remove it.")
    return content


def band_name(text: str | None) -> str | None:
    """Contract name of a band description: ``B02``, ``b2``, ``B8A``, ``Band 8A``; ``SCL``; None where unclear."""
    if not text:
        return None
    if text.strip().upper().startswith("SCL"):
        return "SCL"
    match = _BAND.match(text.strip())
    if not match:
        return None
    return f"B{int(match.group(1))}{match.group(2).upper()}"


def bands_of(
    path: Path, source: rasterio.io.DatasetReader, facts: Mapping[str, Any]
) -> tuple[dict[str, int], int | None]:
    """Spectral band to raster band, and the raster band of the scene classification.

    Raises:
        InputError: bands cannot be told apart, or one is named twice.
    """
    given = facts.get("bands")
    if isinstance(given, Mapping):
        numbered = {str(k): _raster_band(path, f"bands.{k}", v) for k, v in given.items()}
    else:
        if given and (isinstance(given, str) or not isinstance(given, Sequence)):
            raise InputError(path, "bands", repr(given), "a list of names, or names with raster bands",
                             "Name the bands: option bands, in file order.")  # fmt: skip
        described = [band_name(str(g)) for g in given] if given else [band_name(d) for d in source.descriptions]
        if given and len(described) != source.count:
            raise InputError(path, "bands", f"{len(described)} names for {source.count} raster bands",
                             "one name a raster band", "Correct the list of bands.")  # fmt: skip
        if not any(described):
            described = list(_unnamed(path, source))
        known = [(name, i) for i, name in enumerate(described, start=1) if name in BANDS or name == "SCL"]
        names = [name for name, _ in known]
        twice = {n for n in names if names.count(n) > 1}
        if twice:
            raise InputError(path, "bands", f"{sorted(map(str, twice))} twice", "each band once",
                             "Name the bands: option bands, in file order.")  # fmt: skip
        numbered = {str(name): i for name, i in known}
    scl = numbered.pop("SCL", None)
    outside = {b: i for b, i in numbered.items() if not 1 <= i <= source.count}
    if outside or not numbered:
        raise InputError(path, "bands", outside or list(source.descriptions), f"raster bands 1 to {source.count} "
                         f"named among {BANDS}", "Name the bands: option bands, in file order.")  # fmt: skip
    if facts.get("scl_band") is not None:
        scl = _raster_band(path, "scl_band", facts["scl_band"])
        if not 1 <= scl <= source.count:
            raise InputError(path, "scl_band", scl, f"a raster band from 1 to {source.count}", "Correct scl_band.")
    return numbered, scl


def _unnamed(path: Path, source: rasterio.io.DatasetReader) -> tuple[str, ...]:
    """The contract's own order, for a file that names no band but has as many."""
    if source.count == len(BANDS):
        return BANDS
    raise InputError(path, "bands", f"{source.count} raster bands without names",
                     f"band descriptions, or exactly the {len(BANDS)} bands {' '.join(BANDS)} in this order",
                     "Name the bands: option bands, in file order, e.g. [B2, B3, B4, B8].")  # fmt: skip


def scaling_of(
    path: Path, source: rasterio.io.DatasetReader, facts: Mapping[str, Any], indexes: list[int]
) -> tuple[float, float]:
    """Scale and offset that turn the file's numbers into reflectance.

    Raises:
        InputError: nothing says them and the numbers are integers, or they differ between bands.
    """
    scales = {source.scales[i - 1] for i in indexes}
    offsets = {source.offsets[i - 1] for i in indexes}
    if len(scales) > 1 or len(offsets) > 1:
        raise InputError(path, "scale", f"scales {sorted(scales)}, offsets {sorted(offsets)}", "the same in all bands",
                         "Convert the bands to one scale.")  # fmt: skip
    inside_scale, inside_offset = scales.pop(), offsets.pop()
    tagged = inside_scale != 1 or inside_offset != 0
    scale, offset = facts.get("scale"), facts.get("offset")
    if scale is None and tagged:
        scale = inside_scale
    if scale is None and any(source.dtypes[i - 1].startswith(("int", "uint")) for i in indexes):
        raise InputError(path, "scale", "integers, and nothing says how they become reflectance",
                         "a scale and an offset", "Give them (--scale 0.0001 --offset 0, or --offset -0.1 from "
                         "processing baseline 04.00 on).")  # fmt: skip
    return (
        _number(path, "scale", 1.0 if scale is None else scale),
        _number(path, "offset", inside_offset if offset is None else offset),
    )


def _number(path: Path, field: str, value: object) -> float:
    """A tag or option as a finite number.

    Raises:
        InputError: it is none.
    """
    try:
        number = float(str(value))
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InputError(path, field, repr(value), "a number", "Correct the tag, or give the option.")
    return number


def nodata_of(path: Path, source: rasterio.io.DatasetReader, facts: Mapping[str, Any]) -> float | None:
    """The value of pixels without data (NaN among them), or None where none is named.

    Raises:
        InputError: a tag or option that is no number.
    """
    if "nodata" not in facts:
        return source.nodata
    value = facts["nodata"]
    if value is None or str(value).strip().lower() in {"nan", "none", ""}:
        return math.nan if str(value).strip().lower() == "nan" else None
    return _number(path, "nodata", value)


def _raster_band(path: Path, field: str, value: object) -> int:
    """The number of a raster band.

    Raises:
        InputError: it is no whole number.
    """
    number = _number(path, field, value)
    if number != int(number):
        raise InputError(path, field, repr(value), "the whole number of a raster band", "Correct it.")
    return int(number)


def offset_stated(path: Path, options: Mapping[str, Any]) -> bool:
    """Whether a person or the file's sidecar states the offset."""
    beside = sidecar(path)
    return "offset" in options or "offset" in beside or "reflectance_offset" in beside


def acquired_of(path: Path, facts: Mapping[str, Any]) -> pd.Timestamp:
    """When the satellite passed.

    Raises:
        InputError: nothing says it.
    """
    if not facts.get("acquired"):
        raise InputError(path, "acquired", "no time in tags, sidecar or name", "the time of the satellite's pass",
                         "Give it (--acquired 2018-10-31T10:20Z).")  # fmt: skip
    return utc(facts["acquired"], path, "acquired")


def radiometry_of(path: Path, facts: Mapping[str, Any]) -> str:
    """Atmospheric correction of the scene.

    Raises:
        InputError: nothing says it, or it is none of those known.
    """
    given = str(facts.get("radiometry") or "").lower()
    given = _RADIOMETRY_WORDS.get(given, given)
    if given not in RADIOMETRIES:
        raise InputError(path, "radiometry", repr(facts.get("radiometry")) if given else "nothing says it",
                         f"one of {RADIOMETRIES}", "Give the atmospheric correction the scene went through "
                         "(--radiometry l2a for Sen2Cor, rhorc for ACOLITE Rayleigh-corrected).")  # fmt: skip
    return given
