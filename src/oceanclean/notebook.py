"""For notebooks: open a finished day and draw on its sea, with pictures that need no further care.

>>> from oceanclean import notebook
>>> day = notebook.open_day()          # the demo region; plans it where that has not been done
>>> day                                # a card
>>> figure, axes = notebook.sea(day.region)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from oceanclean.chain import DailyRun, issue_time_of, plan_day
from oceanclean.chain.report import kilograms
from oceanclean.errors import MissingDataError
from oceanclean.products.files import load_grid, load_table
from oceanclean.products.plan import Plan
from oceanclean.products.scene import SceneRef
from oceanclean.region import Region
from oceanclean.settings import config_root, load_fleet_settings, load_region_settings
from oceanclean.store import StageRecord, read_json

if TYPE_CHECKING:
    import folium
    import geopandas as gpd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from oceanclean.allocation.sea import Sea

#: Colours that the colour-blind tell apart and that differ in grey (Okabe & Ito 2008, darkened).
COLOURS = ("#00647d", "#b34a00", "#6b5b00", "#8a3d70", "#4a3fa0", "#00755a", "#5b7480", "#8c2f39")
INK, QUIET, SEA, LAND = "#14323f", "#5b7480", "#eaf1f4", "#d9d4c7"


@dataclass(frozen=True)
class OpenDay:
    """A finished day: its products, opened when they are first asked for.

    Attributes:
        run: which day of which region.
        records: record of each stage by its name.
    """

    run: DailyRun
    records: dict[str, StageRecord]

    @property
    def region(self) -> Region:
        """The region."""
        return self.run.region

    @cached_property
    def plan(self) -> Plan:
        """The plan as the allocator left it."""
        return Plan.load(self.records["allocate"].folder)

    @cached_property
    def sea(self) -> Sea:
        """Patches, weather and ways that the plan was made on, to plan again with another fleet."""
        from oceanclean.allocation.sea import Sea
        from oceanclean.chain.decided import sea_file

        return Sea.load(Path(sea_file(self.records["allocate"].folder)))

    @cached_property
    def density(self) -> xr.Dataset:
        """``DensityMap``."""
        return load_grid("DensityMap", self.records["map"].path("density.nc"))

    @cached_property
    def forecast(self) -> xr.Dataset:
        """``DensityForecast``."""
        return load_grid("DensityForecast", self.records["forecast"].path("forecast.nc"))

    @cached_property
    def tracks(self) -> xr.Dataset:
        """``DebrisTracks``."""
        return load_grid("DebrisTracks", self.records["forecast"].path("tracks.nc"))

    @cached_property
    def forcing(self) -> xr.Dataset:
        """``Forcing``."""
        return load_grid("Forcing", self.records["ingest"].path("forcing.nc"))

    @cached_property
    def drifters(self) -> gpd.GeoDataFrame:
        """``Drifters``."""
        return load_table("Drifters", self.records["ingest"].path("drifters.parquet"))

    @cached_property
    def sightings(self) -> gpd.GeoDataFrame:
        """``Detections`` of people."""
        return load_table("Detections", self.records["ingest"].path("sightings.parquet"))

    @cached_property
    def fleet(self) -> gpd.GeoDataFrame:
        """``FleetState``."""
        return load_table("FleetState", self.records["ingest"].path("fleet.parquet"))

    @cached_property
    def scenes(self) -> list[SceneRef]:
        """Satellite scenes of the day."""
        return [SceneRef.from_json(s) for s in read_json(self.records["ingest"].path("scenes.json"))["scenes"]]

    @cached_property
    def detections(self) -> gpd.GeoDataFrame:
        """``Detections`` of all scenes."""
        import geopandas as gpd
        import pandas as pd

        files = [r.path("detections.parquet") for n, r in self.records.items() if n.startswith("detect-")]
        parts = [load_table("Detections", f) for f in files if f.is_file()]
        return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), crs="EPSG:4326") if parts else self.sightings[:0]

    @property
    def truth(self) -> Path:
        """Folder of the twin's truth, which the chain never reads.

        Raises:
            MissingDataError: the day is not simulated, or the truth was removed.
        """
        folder = self.run.work / "twin" / self.run.region_name / "truth"
        if not folder.is_dir():
            raise MissingDataError(folder, "truth", "no such folder", "the truth of a simulated sea",
                                   "Run `oceanclean twin observe` for this region and day.")  # fmt: skip
        return folder

    def _repr_html_(self) -> str:
        """A card: what is expected, which vessels go, what is degraded."""
        plan = self.plan
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(v.vessel_id)}</th><td>{escape(v.status)}</td>"
            f"<td>{escape(kilograms(v.expected_kg))}</td><td>{v.distance_m / 1852:.0f} nm</td>"
            f"<td style='text-align:left'>{escape(v.reason or ', '.join(v.binding))}</td></tr>"
            for v in plan.vessels
        )
        worse = "".join(f"<li>{escape(s)}</li>" for s in plan.degraded)
        proven = plan.gap is not None and plan.gap < 1
        more = f"; at most {plan.gap / (1 - plan.gap):.0%} more is possible" if plan.gap and proven else ""
        return (
            f"<div style='border-left:5px solid {COLOURS[0]};padding:.3em 1em'><b>"
            f"{escape(self.region.settings.title)}, {escape(self.run.issue_time)}</b><br>"
            f"{escape(kilograms(plan.expected_kg))} expected, 80 % interval {escape(kilograms(plan.p10_kg))} to "
            f"{escape(kilograms(plan.p90_kg))}{escape(more)}"
            "<table><tr><th>vessel</th><th></th><th>expected</th><th>way</th><th>limits or reason</th></tr>"
            f"{rows}</table>{'<ul>' + worse + '</ul>' if worse else ''}</div>"
        )


def open_day(
    region: str | None = None, date: str | None = None, work: Path | None = None, config: Path | None = None
) -> OpenDay:
    """Open a finished day; where there is none, plan it, on a simulated sea if the region says so.

    A finished day is opened as it was planned, also when the code has changed since.

    Args:
        region: a file of ``config/regions``; by default ``OCEANCLEAN_REGION``, else ``demo``.
        date: local day; by default ``OCEANCLEAN_DATE``, else 2026-06-15, the demo's.
        work: folder of runs; by default ``OCEANCLEAN_WORK``, else ``var`` of the project.
        config: configuration; by default ``OCEANCLEAN_CONFIG``, else that of the project.
    """
    name = region or os.environ.get("OCEANCLEAN_REGION", "demo")
    root = Path.cwd().parent if (Path.cwd().parent / "pyproject.toml").is_file() else Path.cwd()
    place = work or Path(os.environ.get("OCEANCLEAN_WORK", root / "var"))
    os.environ["OCEANCLEAN_WORK"] = str(place)  # the paths of sources begin with it
    own = config or (Path(os.environ["OCEANCLEAN_CONFIG"]) if "OCEANCLEAN_CONFIG" in os.environ else None)
    settings = load_region_settings(name, config_root(own))
    issue = issue_time_of(date or os.environ.get("OCEANCLEAN_DATE", "2026-06-15"), settings)
    run = DailyRun(name, issue, place, config_root(own))
    return OpenDay(run, _finished(run) or _planned(run))


def _finished(run: DailyRun) -> dict[str, StageRecord]:
    """Records of the stages of a finished day; empty where one is missing."""
    path = run.folder.root / "run.json"
    names = [s["stage"] for s in read_json(path).get("stages", [])] if path.is_file() else []
    records = {name: run.folder.finished(name) for name in names}
    return {name: r for name, r in records.items() if r} if all(records.values()) else {}


def _planned(run: DailyRun) -> dict[str, StageRecord]:
    from oceanclean.twin.observe import observe
    from oceanclean.twin.settings import load_twin_settings

    settings = run.region.settings
    if settings.simulated:
        fleet = load_fleet_settings(settings.fleet, run.config)
        observe(run.region, run.issue_time, run.work / "twin" / run.region_name, load_twin_settings(run.config),
                run.seed, fleet=fleet)  # fmt: skip
    result = plan_day(run)
    records = result if isinstance(result, tuple) else result.records
    return {r.stage: r for r in records}


def style() -> None:
    """Defaults of matplotlib for these pictures: quiet axes, colours for the colour-blind, sharp on a screen."""
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update({
        "figure.dpi": 110, "figure.constrained_layout.use": True, "figure.figsize": (8, 3.6), "font.size": 9,
        "axes.prop_cycle": cycler(color=COLOURS), "axes.spines.top": False, "axes.spines.right": False,
        "axes.edgecolor": "#93abb6", "axes.labelcolor": INK, "axes.titlelocation": "left", "axes.titlesize": 10,
        "axes.grid": True, "axes.axisbelow": True, "grid.color": "#d3dde2", "grid.linewidth": 0.7,
        "xtick.color": INK, "ytick.color": INK, "text.color": INK, "legend.frameon": False, "image.cmap": "cividis",
    })  # fmt: skip


def sea(region: Region, width: float = 9.0, **figure: Any) -> tuple[Figure, Axes]:
    """Axes with the region's coast, ports and closed areas, in degrees.

    Args:
        region: the region.
        width: of the figure in inches; the height follows from the box.
        figure: further arguments of ``matplotlib.pyplot.subplots``.
    """
    import matplotlib.pyplot as plt
    import numpy as np
    from matplotlib.patches import PathPatch, Polygon
    from matplotlib.path import Path as Outline

    west, south, east, north = region.grid.bounds
    stretch = 1 / np.cos(np.radians((south + north) / 2))
    height = 0.9 * width * (north - south) * stretch / (east - west)
    made, axes = plt.subplots(figsize=(width, min(height, 1.1 * width)), **figure)
    axes.set(xlim=(west, east), ylim=(south, north), facecolor=SEA)
    axes.set_aspect(stretch)
    for piece in region.land.geoms:
        rings = [np.asarray(ring.coords) for ring in (piece.exterior, *piece.interiors)]
        outline = Outline.make_compound_path(*[Outline(ring, closed=True) for ring in rings])
        axes.add_patch(PathPatch(outline, facecolor=LAND, edgecolor="#8d8674", linewidth=0.6, zorder=2))
    for zone in region.settings.exclusion_zones:
        axes.add_patch(Polygon(zone.polygon, facecolor="none", edgecolor="#a1260d", hatch="////", zorder=3))
    for port in region.settings.ports:
        axes.plot(port.lon, port.lat, marker="s", markersize=4, color=INK, zorder=6, clip_on=True)
        axes.annotate(port.name, (port.lon, port.lat), xytext=(4, -9), textcoords="offset points", fontsize=8,
                      zorder=6, annotation_clip=True)  # fmt: skip
    axes.xaxis.set_major_formatter(lambda v, _: f"{abs(v):g}°{'E' if v >= 0 else 'W'}")
    axes.yaxis.set_major_formatter(lambda v, _: f"{abs(v):g}°{'N' if v >= 0 else 'S'}")
    return made, axes


def explore(day: OpenDay, tiles: str | None = None) -> folium.Map:
    """The plan on a map to zoom and switch layers in, where folium is installed: density, routes, patches, coast.

    The data stand inside; the map's script is folium's and comes from the network. ``OpenDay.plan`` and its page need
    none.

    Args:
        day: a finished day.
        tiles: name of a background that folium knows; None draws the project's own coast.

    Raises:
        MissingDataError: folium is not installed.
    """
    try:
        import folium
    except ImportError as error:
        raise MissingDataError("folium", "package", "not installed", "the package that draws the map",
                               "Install it: pip install folium.") from error  # fmt: skip
    region, plan = day.region, day.plan
    west, south, east, north = region.grid.bounds
    made = folium.Map(tiles=tiles, control_scale=True)
    made.fit_bounds([[south, west], [north, east]])
    folium.GeoJson(
        region.land.intersection(_box(west, south, east, north)), name="coast", control=False,
        style_function=lambda _: {"color": "#8d8674", "weight": 1, "fillColor": LAND, "fillOpacity": 1.0},
    ).add_to(made)  # fmt: skip
    folium.raster_layers.ImageOverlay(
        _coloured(day.density), bounds=[[south, west], [north, east]], origin="lower", mercator_project=True,
        name="debris now, kg/km² (logarithmic)",
    ).add_to(made)  # fmt: skip
    patches = folium.FeatureGroup(name="patches").add_to(made)
    for task in plan.tasks.itertuples():
        text = f"{task.task_id}: {kilograms(task.mass_kg)}; {task.served_by or task.reason}"
        folium.Circle((task.geometry.y, task.geometry.x), radius=task.radius_m, color=INK if task.served_by else QUIET,
                      weight=2 if task.served_by else 1, tooltip=escape(text)).add_to(patches)  # fmt: skip
    for number, (vessel, legs) in enumerate(plan.routes.groupby("vessel_id")):
        route = folium.FeatureGroup(name=f"route of {escape(str(vessel))}").add_to(made)
        for line in legs.geometry:
            folium.PolyLine([(y, x) for x, y in line.coords], color=COLOURS[number % len(COLOURS)], weight=3,
                            tooltip=escape(str(vessel))).add_to(route)  # fmt: skip
    folium.LayerControl(collapsed=False).add_to(made)
    return made


def _box(west: float, south: float, east: float, north: float) -> Any:
    import shapely

    pad_x, pad_y = 0.5 * (east - west), 0.5 * (north - south)
    return shapely.box(west - pad_x, south - pad_y, east + pad_x, north + pad_y)


def _coloured(density: xr.Dataset) -> Any:
    """(lat, lon, 4) the density as colours, transparent where there is next to nothing."""
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.colors import LogNorm

    from oceanclean.products.names import DENSITY

    values = density[DENSITY].to_numpy()
    top = max(float(np.nanquantile(values, 0.995)), 1e-3)
    colours = colormaps["magma_r"](LogNorm(top / 100, top, clip=True)(np.nan_to_num(values, nan=1e-9)))
    colours[..., 3] = np.where(np.nan_to_num(values) > top / 100, 0.85, 0.0)
    return colours
