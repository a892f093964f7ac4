"""Sentinel-2 L2A products (``.SAFE`` folders) that somebody puts into a folder."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pandas as pd

from oceanclean.errors import InputError, MissingDataError
from oceanclean.products.names import BAND_RESOLUTION_M
from oceanclean.sources.places import expand
from oceanclean.sources.services import crop
from oceanclean.sources.services.contract import Found, Service, service
from oceanclean.sources.times import iso, utc

_PRODUCT = re.compile(r"^(S2[ABCD])_MSIL2A_(\d{8}T\d{6})_N(\d{4})_\w+\.SAFE$")


@service("safe_folder")
class SafeFolder(Service):
    """Products of a folder whose pass lies in the time window.

    Level 1C is passed over: the models were trained on reflectances after an atmospheric correction.
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
        found = []
        for product in sorted(folder.iterdir()):
            match = _PRODUCT.match(product.name)
            if not match or not (product / "manifest.safe").is_file():
                continue
            acquired = utc(match.group(2))
            if not self.want.start <= acquired <= self.want.until:
                continue
            available = iso(acquired + pd.Timedelta(hours=self.source.latency_h))
            found.append(Found(
                name=f"{product.stem}.tif", version=match.group(3), observed=iso(acquired), available_at=available,
                origin=product.name, facts={"product": str(product), "platform": f"Sentinel-2{match.group(1)[2]}"},
            ))  # fmt: skip
        return found

    def fetch(self, found: Found, scratch: Path) -> None:
        """Cut each band's part of the region out of the product."""
        product = Path(found.facts["product"])
        bands = {}
        for band, metres in {**BAND_RESOLUTION_M, "SCL": 20}.items():
            digits = band if band in {"SCL", "B8A"} else f"B{int(band[1:]):02d}"
            files = sorted(product.glob(f"GRANULE/*/IMG_DATA/R{metres}m/*_{digits}_{metres}m.jp2"))
            if files:
                bands[band] = str(files[0])
        if not crop.collect(crop.local, bands, self.want.bounds, scratch):
            raise MissingDataError(found.origin, "footprint", "a tile beside the region", "one over it", "Remove it.")

    def normalise(self, found: Found, scratch: Path, target: Path) -> None:
        """One GeoTIFF of all bands; scale and offset as the product's metadata say them."""
        scale, offset = _scaling(Path(found.facts["product"]))
        crop.join(scratch, target, {
            "scene_id": Path(found.name).stem, "acquired": found.observed, "available_at": found.available_at,
            "platform": found.facts["platform"], "radiometry": "l2a", "scale": scale, "offset": offset, "nodata": 0,
            "licence": self.source.licence, "origin": found.origin,
        })  # fmt: skip


def _scaling(product: Path) -> tuple[float, float]:
    """Scale and offset of ``MTD_MSIL2A.xml``.

    Raises:
        InputError: no metadata, or offsets that differ between bands.
    """
    path = product / "MTD_MSIL2A.xml"
    try:
        text = path.read_text(encoding="utf-8")
        if "<!DOCTYPE" in text or "<!ENTITY" in text:
            raise InputError(path, "DOCTYPE", "a document type", "plain metadata", "It is no ESA product.")
        # document types, which could blow up, are refused above
        root = ElementTree.fromstring(text)  # noqa: S314  # nosec B314
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(path, "file", error, "the product's metadata", "Fetch the product again.") from error
    quantity = [float(e.text or "nan") for e in root.iter("BOA_QUANTIFICATION_VALUE")]
    offsets = {float(e.text or "nan") for e in root.iter("BOA_ADD_OFFSET")} or {0.0}
    if len(quantity) != 1 or len(offsets) != 1:
        raise InputError(path, "BOA_QUANTIFICATION_VALUE, BOA_ADD_OFFSET", f"{quantity}, {sorted(offsets)}",
                         "one value each", "The product cannot be brought to one scale.")  # fmt: skip
    return 1 / quantity[0], offsets.pop() / quantity[0]
