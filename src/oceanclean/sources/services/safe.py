"""Sentinel-2 products (``.SAFE`` folders, L2A and L1C) that somebody puts into a folder."""

from __future__ import annotations

import cmath
import math
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BAND_RESOLUTION_M
from oceanclean.sources.places import expand
from oceanclean.sources.services import crop, rayleigh
from oceanclean.sources.services.contract import Found, Service, service
from oceanclean.sources.times import iso, utc

_PRODUCT = re.compile(r"^(S2[ABCD])_MSI(L1C|L2A)_(\d{8}T\d{6})_N(\d{4})_R\d{3}_(T\w{5})_\w+\.SAFE$")

#: Names of scale and offset in a product's metadata, by level.
_WORDS = {"L2A": ("BOA_QUANTIFICATION_VALUE", "BOA_ADD_OFFSET"), "L1C": ("QUANTIFICATION_VALUE", "RADIO_ADD_OFFSET")}


@service("safe_folder")
class SafeFolder(Service):
    """Products of a folder whose pass lies in the time window.

    Of a pass that is there as L2A its L1C is passed over; L1C alone is taken less what the air scatters.
    """

    needed = frozenset({"folder"})
    options = needed

    def search(self) -> list[Found]:
        """Whole products by name; one that is still being copied (no ``manifest.safe``) waits."""
        folder = Path(expand(str(self.option("folder"))))
        if not folder.is_dir():
            raise MissingDataError(
                folder, "folder", "no such folder", "a folder of .SAFE products", "Correct the path."
            )
        best: dict[tuple[str, ...], Found] = {}
        for product in sorted(folder.iterdir()):  # of one pass L1C comes before L2A, which takes its place
            match = _PRODUCT.match(product.name)
            if not match or not (product / "manifest.safe").is_file():
                continue
            craft, level, passed, baseline, tile = match.groups()
            acquired = utc(passed)
            if not self.want.start <= acquired <= self.want.until:
                continue
            available = iso(acquired + pd.Timedelta(hours=self.source.latency_h))
            best[craft, passed, tile] = Found(
                name=f"{product.stem}.tif", version=baseline, observed=iso(acquired), available_at=available,
                origin=product.name, facts={"product": str(product), "platform": f"Sentinel-2{craft[2]}",
                                            "level": level},
            )  # fmt: skip
        return list(best.values())

    def fetch(self, found: Found, scratch: Path) -> None:
        """Cut each band's part of the region out of the product."""
        product = Path(found.facts["product"])
        bands = {}
        for band, metres in {**BAND_RESOLUTION_M, "SCL": 20}.items():
            digits = band if band in {"SCL", "B8A"} else f"B{int(band[1:]):02d}"
            inside = f"R{metres}m/*_{digits}_{metres}m.jp2" if found.facts["level"] == "L2A" else f"*_{digits}.jp2"
            files = sorted(product.glob(f"GRANULE/*/IMG_DATA/{inside}"))
            if files:
                bands[band] = str(files[0])
        if not crop.collect(crop.local, bands, self.want.bounds, scratch):
            raise MissingDataError(found.origin, "footprint", "a tile beside the region", "one over it", "Remove it.")

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """One GeoTIFF of all bands; scale and offset as its metadata say; L1C less what the air scatters."""
        product, level = Path(found.facts["product"]), found.facts["level"]
        scale, offset = _scaling(product, level)
        radiometry, correct = "l2a", None
        if level == "L1C":
            correct = rayleigh.corrector(scale, offset, _angles(product))
            radiometry, scale, offset = rayleigh.RADIOMETRY, rayleigh.SCALE, rayleigh.OFFSET
        crop.join(scratch, target, {
            "scene_id": Path(found.name).stem, "acquired": found.observed, "available_at": found.available_at,
            "platform": found.facts["platform"], "radiometry": radiometry, "scale": scale, "offset": offset,
            "nodata": 0, "licence": self.source.licence, "origin": found.origin,
        }, correct)  # fmt: skip


def _metadata(path: Path) -> ElementTree.Element:
    """A metadata file of a product.

    Raises:
        InputError: it is not there, is no XML, or names a document type.
    """
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise InputError(path, "DOCTYPE", "a document type", "plain metadata", "It is no ESA product.")
        # document types, which could blow up, are refused above
        return ElementTree.fromstring(text)  # noqa: S314  # nosec B314
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(path, "file", error, "the product's metadata", "Fetch the product again.") from error


def _scaling(product: Path, level: str) -> tuple[float, float]:
    """Scale and offset of ``MTD_MSIL2A.xml`` or ``MTD_MSIL1C.xml``.

    Raises:
        InputError: no metadata, or offsets that differ between bands.
    """
    path = product / f"MTD_MSI{level}.xml"
    root = _metadata(path)
    first, second = _WORDS[level]
    quantity = [float(e.text or "nan") for e in root.iter(first)]
    offsets = {float(e.text or "nan") for e in root.iter(second)} or {0.0}
    if len(quantity) != 1 or len(offsets) != 1:
        raise InputError(path, f"{first}, {second}", f"{quantity}, {sorted(offsets)}",
                         "one value each", "The product cannot be brought to one scale.")  # fmt: skip
    return 1 / quantity[0], offsets.pop() / quantity[0]


def _angles(product: Path) -> rayleigh.Angles:
    """Means of sun and view over a tile, of ``MTD_TL.xml``; the view is that of all bands together.

    Raises:
        InputError: no metadata or no sun in it.
    """
    path = next(iter(sorted(product.glob("GRANULE/*/MTD_TL.xml"))), product / "MTD_TL.xml")
    root = _metadata(path)

    def means(name: str) -> list[tuple[float, float]]:
        return [(float(e.findtext("ZENITH_ANGLE") or "nan"), float(e.findtext("AZIMUTH_ANGLE") or "nan"))
                for e in root.iter(name)]  # fmt: skip

    suns, views = means("Mean_Sun_Angle"), means("Mean_Viewing_Incidence_Angle")
    if len(suns) != 1:
        raise InputError(path, "Mean_Sun_Angle", f"{len(suns)} of them", "one", "Fetch the product again.")
    if not views:
        return rayleigh.Angles(*suns[0]).checked(product.name)
    zenith = sum(v[0] for v in views) / len(views)
    turned = [cmath.rect(1.0, math.radians(v[1])) for v in views]
    azimuth = math.degrees(cmath.phase(sum(turned))) % 360
    return rayleigh.Angles(*suns[0], zenith, azimuth).checked(product.name)
