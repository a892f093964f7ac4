"""Write everything that people and ships read about a plan, into one folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.errors import ProductError
from oceanclean.planning.settings import PlanningSettings
from oceanclean.store import digest_file

if TYPE_CHECKING:
    from concurrent.futures import Executor

    import geopandas as gpd
    import xarray as xr

    from oceanclean.planning.backdrop import Backdrop
    from oceanclean.planning.model import PlanView, Vessel
    from oceanclean.planning.picture import Chart
    from oceanclean.products import Plan, Segmentation
    from oceanclean.region import Region


def publish(
    plan: Plan,
    *,
    region: Region,
    fleet: gpd.GeoDataFrame,
    density_map: xr.Dataset,
    forecast: xr.Dataset,
    forcing: xr.Dataset | None,
    segmentations: Sequence[Segmentation],
    run: Mapping[str, Any],
    folder: Path,
    settings: PlanningSettings | None = None,
) -> dict[str, Path]:
    """Write the page and every file; the caller renames ``folder`` when this returns.

    The same arguments give the same bytes: no clock is read.

    Args:
        plan: the deployment plan.
        region: the region planned for.
        fleet: ``FleetState``; columns ``callsign`` and ``mmsi`` are shown where present.
        density_map: ``DensityMap`` at the issue time.
        forecast: ``DensityForecast``.
        forcing: ``Forcing``; None draws no waves.
        segmentations: one a scene; may be empty.
        run: facts of the run: ``issue_time``, ``generated_at``, ``run_id``, ``software``, ``status``, ``prepared_by``,
            ``approved_by``, ``sources``, ``models``, ``degraded``, ``lineage``, ``yesterday``; all but the first may
            be missing (``docs/plan-page.md``).
        folder: an existing folder.
        settings: settings of the room, or None for the defaults.

    Returns:
        Name to path: ``page``, ``picture``, ``pdf``, ``geojson``, ``geopackage``, ``gpx``, ``kml``, ``calendar``,
        ``orders``, ``plan``, ``rtz:<vessel_id>`` and ``assignment:<vessel_id>`` of those sent,
        ``message:<vessel_id>`` of all, ``checksums``.

    Raises:
        ProductError: a table of detections is unreadable, or the page stays beyond its limit.
    """
    from oceanclean.planning.backdrop import backdrop

    settings = settings or PlanningSettings()
    behind = backdrop(region, density_map, forecast, forcing, segmentations, plan.issue_time, settings)
    return publish_on(behind, plan, region=region, fleet=fleet, run=run, folder=folder, settings=settings)


def publish_on(
    behind: Backdrop, plan: Plan, *, region: Region, fleet: gpd.GeoDataFrame, run: Mapping[str, Any], folder: Path,
    settings: PlanningSettings, papers: Executor | None = None,
) -> dict[str, Path]:  # fmt: skip
    """As :func:`publish`, before a backdrop that was drawn already.

    Args:
        behind: made by :func:`~oceanclean.planning.backdrop.backdrop` for the plan's issue time.
        plan: the deployment plan.
        region: the region planned for.
        fleet: ``FleetState``.
        run: facts of the run.
        folder: an existing folder.
        settings: settings of the room.
        papers: where PDFs are made beside the rest; None makes all of them here, one after the other.

    Raises:
        ProductError: the page stays beyond its limit.
    """
    from oceanclean.planning.compose import compose
    from oceanclean.planning.picture import Chart

    view = compose(
        plan, region=region, fleet=fleet, density_map=behind.density_map, forcing=behind.forcing,
        segmentations=behind.segmentations, detections=behind.detections, run=run, settings=settings,
    )  # fmt: skip
    chart = Chart(behind.layers, behind.density_map, region, settings)
    made = [_begin(papers, _sheet, view, v, chart) for v in view.sent] if settings.papers else []
    picture = chart.overview(view)
    if settings.papers:
        made.append(_begin(papers, _brief, view, picture))
    paths = _files(view, folder, settings)
    paths["picture"] = _write(folder / "plan.png", picture)
    if settings.papers:
        paths |= {key: folder / name for key, name in _paper_names(view).items()}
    listed = {path.name: _PURPOSE.get(key.split(":")[0], "") for key, path in paths.items()}
    listed[CHECKSUMS] = "Digests of all files: sha256sum --check SHA256SUMS"
    paths["page"] = _write(folder / "plan.html", _page(view, behind, picture, listed, settings))
    for paper in reversed(made):  # from the end, while the other process works from the front
        for key, content in paper().items():
            _write(paths[key], content)
    sums = [f"{digest_file(path)}  {path.name}\n" for path in sorted(paths.values())]
    paths["checksums"] = _write(folder / CHECKSUMS, "".join(sums).encode())
    return paths


def _begin(papers: Executor | None, make: Callable[..., dict[str, bytes]], *arguments: Any) -> Callable[[], Any]:
    """Hand papers to another process; the answer gives them, made here where the other has not begun by then."""
    if papers is None:
        return partial(make, *arguments)
    under_way = papers.submit(make, *arguments)
    return lambda: make(*arguments) if under_way.cancel() else under_way.result()


def _paper_names(view: PlanView) -> dict[str, str]:
    """Key to file name of the brief and of an assignment sheet for each vessel that is sent."""
    sheets = {f"assignment:{v.vessel_id}": f"assignment-{v.file_name}.pdf" for v in view.sent}
    return {"pdf": "plan.pdf", **sheets}


def _brief(view: PlanView, picture: bytes) -> dict[str, bytes]:
    from oceanclean.planning.paper.brief import brief

    return {"pdf": brief(view, picture)}


def _sheet(view: PlanView, vessel: Vessel, chart: Chart) -> dict[str, bytes]:
    from oceanclean.planning.paper.assignment import assignment

    return {f"assignment:{vessel.vessel_id}": assignment(view, vessel, chart.overview(view, vessel))}


def load_libraries() -> None:
    """Load what papers and maps are made with: seconds that nobody need wait for."""
    for name in ("matplotlib.figure", "matplotlib.backends.backend_agg", "fpdf", "fontTools.subset", "xarray",
                 "oceanclean.planning.paper.assignment", "oceanclean.planning.picture"):  # fmt: skip
        import_module(name)


def _page(
    view: PlanView, behind: Backdrop, picture: bytes, listed: dict[str, str], settings: PlanningSettings
) -> bytes:
    """The page, with fewer and coarser pictures of the sea where it would be too large."""
    from oceanclean.planning.page import page

    for factor in _COARSER:
        layers = behind.layers if factor == 1 else behind.redraw(_coarser(settings, factor))
        html = page(view, layers, behind.sightings, picture, listed)
        if len(html) <= settings.max_page_bytes:
            return html
    action = "Lower max_detections, max_thumbnails or max_pictures in config/models/planning.yaml."
    raise ProductError("plan.html", "size", f"{len(html)} bytes", f"at most {settings.max_page_bytes}", action)


#: Digests of all other files, in the form of ``sha256sum``.
CHECKSUMS = "SHA256SUMS"


#: How much coarser the pictures are made before the page counts as too large.
_COARSER = (1, 2, 4, 8)


def _coarser(settings: PlanningSettings, factor: int) -> PlanningSettings:
    """Settings with fewer and smaller pictures of the sea."""
    return settings.model_copy(
        update={
            "frame_step_h": min(48.0, settings.frame_step_h * factor),
            "max_image_px": max(100, settings.max_image_px // factor),
        }
    )


#: What each file is for, as the page says it.
_PURPOSE = {
    "pdf": "Print: the plan on A4",
    "assignment": "Print: one vessel's assignment sheet (content of ICS 204)",
    "geopackage": "GIS: the same as layers of a GeoPackage",
    "geojson": "GIS: orders, routes, patches, closed areas (RFC 7946)",
    "gpx": "Chart plotter: routes and waypoints (GPX 1.1)",
    "kml": "Google Earth: routes, orders with their times, patches (KML 2.2)",
    "calendar": "Calendar: one event an order (iCalendar)",
    "rtz": "ECDIS: one vessel's route and schedule (RTZ 1.2); not checked for depth",
    "orders": "Spreadsheet: one row an order",
    "plan": "Machines: the whole plan (schema in the documentation)",
    "message": "Satellite mail: one vessel's orders",
    "picture": "The still map",
}


def _files(view: PlanView, folder: Path, settings: PlanningSettings) -> dict[str, Path]:
    """The exchange files, all from the model."""
    from oceanclean.planning.exchange.calendar import ics
    from oceanclean.planning.exchange.geojson import geojson
    from oceanclean.planning.exchange.geopackage import geopackage
    from oceanclean.planning.exchange.gpx import gpx
    from oceanclean.planning.exchange.kml import kml
    from oceanclean.planning.exchange.message import message
    from oceanclean.planning.exchange.record import plan_json
    from oceanclean.planning.exchange.rtz import rtz
    from oceanclean.planning.exchange.table import orders_csv

    paths = {
        "geojson": _write(folder / "plan.geojson", geojson(view).encode()),
        "gpx": _write(folder / "plan.gpx", gpx(view).encode()),
        "kml": _write(folder / "plan.kml", kml(view).encode()),
        "calendar": _write(folder / "plan.ics", ics(view).encode()),
        "orders": _write(folder / "orders.csv", orders_csv(view).encode()),
        "plan": _write(folder / "plan.json", plan_json(view).encode()),
        "geopackage": geopackage(view, folder / "plan.gpkg"),
    }
    for vessel in view.sent:
        name = f"route-{vessel.file_name}"
        if route := rtz(view, vessel, name):
            paths[f"rtz:{vessel.vessel_id}"] = _write(folder / f"{name}.rtz", route.encode())
    for vessel in view.vessels:
        text = message(view, vessel, settings.message_characters)
        paths[f"message:{vessel.vessel_id}"] = _write(folder / f"message-{vessel.file_name}.txt", text.encode())
    return paths


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path
