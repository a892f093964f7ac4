"""A self-contained STAC catalogue of a run: one item a stage, its files as assets, and what it was made from."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain.ledger import code_digest, versions
from oceanclean.chain.run import DailyRun
from oceanclean.store import StageRecord, read_json, write_aside

if TYPE_CHECKING:
    import pystac

#: Schemas of the ``file:`` and ``processing:`` fields, as STAC names them.
EXTENSIONS = [
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/processing/v1.2.0/schema.json",
]
MEDIA_TYPES = {
    ".nc": "application/netcdf", ".parquet": "application/vnd.apache.parquet", ".json": "application/json",
    ".tif": "image/tiff; application=geotiff; profile=cloud-optimized", ".png": "image/png", ".html": "text/html",
    ".gpx": "application/gpx+xml", ".geojson": "application/geo+json", ".csv": "text/csv", ".txt": "text/plain",
}  # fmt: skip


def write_catalogue(run: DailyRun, records: Sequence[StageRecord]) -> Path:
    """Write ``catalog/`` of the run: a STAC 1.1 catalogue with relative links.

    Each item carries ``oceanclean:key`` (digest of all that went in), ``oceanclean:derived_from`` (digests of the
    stages before it), the code's digest and the software versions.
    """
    import pystac

    west, south, east, north = run.region.grid.bounds
    catalogue = pystac.Catalog(
        id=f"{run.region_name}-{run.folder.root.name}",
        description=f"Products of the plan for {run.region.settings.title}, issued {run.issue_time}.",
    )
    made: dict[str, str] = {}
    for record in records:
        # one scene is not made from another
        parents = {k: v for k, v in made.items() if not (record.stage.startswith("detect-") and k != "ingest")}
        catalogue.add_item(_item(run, record, (west, south, east, north), parents))
        made[record.stage] = record.digest
    target = run.folder.root / "catalog"
    with write_aside(target) as aside:
        catalogue.normalize_hrefs(str(aside))
        catalogue.make_all_asset_hrefs_relative()
        catalogue.save(catalog_type=pystac.CatalogType.SELF_CONTAINED)
    return target / "catalog.json"


def _item(
    run: DailyRun, record: StageRecord, bounds: tuple[float, float, float, float], made: dict[str, str]
) -> pystac.Item:
    """STAC item of one stage: a scene's has the scene's footprint and time, any other the region's and the plan's."""
    import pystac

    seen = _scene(record)
    west, south, east, north = seen[0] if seen else bounds
    span: dict[str, Any] = {} if seen else {
        "start_datetime": run.moment, "end_datetime": run.moment + timedelta(hours=run.region.settings.horizon_h),
    }  # fmt: skip
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    item = pystac.Item(
        id=record.stage,
        geometry={"type": "Polygon", "coordinates": [ring]},
        bbox=[west, south, east, north],
        datetime=seen[1] if seen else run.moment,
        **span,
        properties={
            "oceanclean:key": record.key,
            "oceanclean:derived_from": made,
            "oceanclean:code": code_digest(),
            "oceanclean:seed": run.seed,
            "processing:software": versions(),
        },
        stac_extensions=EXTENSIONS,
    )
    for name, sha in record.outputs.items():
        path = record.folder / name
        # two levels up from the item's own folder: catalog/<stage>/<stage>.json
        item.add_asset(name, pystac.Asset(
            href=f"../../{record.stage}/{name}",
            media_type=MEDIA_TYPES.get(path.suffix),
            roles=["data"],
            extra_fields={"file:checksum": f"1220{sha}", "file:size": _size(path)},
        ))  # fmt: skip
    return item


def _scene(record: StageRecord) -> tuple[tuple[float, float, float, float], datetime] | None:
    """Box (west, south, east, north) and time of the scene that a stage looked at; None where it looked at none."""
    if not record.stage.startswith("detect-") or "segmentation.json" not in record.outputs:
        return None
    import rasterio
    from rasterio.warp import transform_bounds

    looked = read_json(record.path("segmentation.json"))
    with rasterio.open(record.path(looked["raster"])) as raster:
        box = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    return tuple(round(v, 6) for v in box), datetime.fromisoformat(looked["scene"]["acquired"])


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.rglob("*") if p.is_file())
    return path.stat().st_size
