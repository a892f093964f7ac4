"""The still map as a PNG: for print, for a list of runs, for browsers without JavaScript."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from oceanclean.planning import notation
from oceanclean.planning.layers import Layers
from oceanclean.planning.lettering import Lettering
from oceanclean.planning.model import PlanView, Vessel
from oceanclean.planning.page import VESSEL_COLOURS
from oceanclean.planning.settings import PlanningSettings
from oceanclean.products import names

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from oceanclean.region import Region

SEA, LAND_COLOUR, INK = "#eaf1f4", "#d9d4c7", "#14323f"
#: Unserved patches that are named on a still map, heaviest first.
_NAMED = 12
_DASHES = ("-", (0, (6, 2)), (0, (2, 1.5)), (0, (7, 2, 1.5, 2)))


#: Room around the map for its figures, title and colour bar, inches.
_LEFT, _RIGHT, _BOTTOM, _TOP = 0.62, 1.12, 0.3, 0.36


@dataclass(frozen=True)
class Chart:
    """What every still map of a plan shows: the sea's density, the coast, the region."""

    layers: Layers
    density_map: xr.Dataset
    region: Region
    settings: PlanningSettings

    def overview(self, view: PlanView, vessel: Vessel | None = None) -> bytes:
        """Coast, density, routes, patches and legend in one picture, as PNG bytes without a time stamp.

        With a vessel: its route alone, as near as it fits.
        """
        from matplotlib.figure import Figure

        box = self.region.routing_grid.bounds if vessel is None else _around(vessel, self.region)
        west, south, east, north = box
        view = view if vessel is None else replace(view, vessels=[vessel])
        stretch = 1 / np.cos(np.radians((south + north) / 2))
        width = 9.6 if vessel is None else 6.4
        map_width = width - _LEFT - _RIGHT
        map_height = min(13.0, max(2.8, map_width * (north - south) * stretch / (east - west)))
        height = map_height + _BOTTOM + _TOP
        figure = Figure(figsize=(width, height), dpi=self.settings.overview_dpi, facecolor="white")
        figure.set_layout_engine("none")  # the room is fixed: a layout engine would draw every text twice
        axes = figure.add_axes((_LEFT / width, _BOTTOM / height, map_width / width, map_height / height))
        axes.set(xlim=(west, east), ylim=(south, north), facecolor=SEA)
        axes.set_aspect(stretch)
        bar = figure.add_axes((1 - 0.98 / width, (_BOTTOM + 0.1 * map_height) / height, 0.18 / width,
                               0.8 * map_height / height))  # fmt: skip
        self._density(figure, axes, bar)
        _coast(axes, self.layers)
        words = Lettering(axes)
        _areas(axes, view, self.region)
        _routes(axes, view, self.region, words)
        _ports(axes, view, self.region, words)
        _unserved(axes, view, self.region, words)
        _frame(axes, view, vessel)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()

    def _density(self, figure: Figure, axes: Axes, bar: Axes) -> None:
        from matplotlib.colors import LinearSegmentedColormap, LogNorm

        scale = self.layers.density_scale
        ramp = LinearSegmentedColormap.from_list("density", scale.palette[2:] / 255.0)
        colours = ramp.with_extremes(under=(0, 0, 0, 0))
        values = self.density_map[names.DENSITY].to_numpy()
        mesh = axes.pcolormesh(
            self.density_map["lon"].to_numpy(), self.density_map["lat"].to_numpy(), np.ma.masked_invalid(values),
            cmap=colours,  # as arrays: for a table of xarray's, matplotlib loads all of Dask
            norm=LogNorm(scale.low, scale.high), shading="nearest", rasterized=True, zorder=1,
        )  # fmt: skip
        figure.colorbar(mesh, cax=bar, extend="max")
        bar.set_ylabel(f"{scale.title}, {scale.units}", color=INK)
        bar.set_yticks([float(label) for _place, label in scale.ticks], [label for _place, label in scale.ticks])
        bar.minorticks_off()


def _around(vessel: Vessel, region: Region) -> tuple[float, float, float, float]:
    """Box of a vessel's route with a margin, at least 0.15 degrees high and wide."""
    lon, lat = np.array([p for leg in vessel.legs for p in leg.line] or [(vessel.lon, vessel.lat)]).T
    lon = region.routing_grid.wrap(lon)
    middle = (lon.min() + lon.max()) / 2, (lat.min() + lat.max()) / 2
    half = 0.58 * max(0.15, np.ptp(lon)), 0.62 * max(0.15, np.ptp(lat))
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def _coast(axes: Axes, layers: Layers) -> None:
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    for rings in layers.coast:
        path = Path.make_compound_path(*[Path(np.array(ring)[:, ::-1], closed=True) for ring in rings])
        axes.add_patch(PathPatch(path, facecolor=LAND_COLOUR, edgecolor="#8d8674", linewidth=0.6, zorder=2))


def _areas(axes: Axes, view: PlanView, region: Region) -> None:
    from matplotlib.patches import Polygon

    grid = region.routing_grid
    for area in view.closed_areas:
        corners = np.array(area.polygon)
        corners[:, 0] = grid.wrap(corners[:, 0])
        axes.add_patch(Polygon(corners, facecolor="none", edgecolor="#a1260d", hatch="////", linewidth=1, zorder=3))


def _ports(axes: Axes, view: PlanView, region: Region, words: Lettering) -> None:
    for port in view.ports:
        x = float(region.routing_grid.wrap(np.array([port.lon]))[0])
        axes.plot(x, port.lat, marker="s", markersize=5, color=INK, zorder=6)
        words.write(x, port.lat, notation.ascii_name(port.name, 24, "port"), 8, zorder=6, color=INK)


def _routes(axes: Axes, view: PlanView, region: Region, words: Lettering) -> None:
    from matplotlib import patheffects

    grid = region.routing_grid
    halo = [patheffects.withStroke(linewidth=4, foreground="white")]
    stops = []
    for vessel in view.vessels:
        index = vessel.number - 1
        colour = VESSEL_COLOURS[index % len(VESSEL_COLOURS)]
        for number, leg in enumerate(vessel.legs):
            line = np.array(leg.line)
            kilos = notation.kilograms(vessel.expected_kg).replace("\u202f", " ")
            name = f"{vessel.number} {notation.ascii_name(vessel.name, 20, vessel.vessel_id)}: {kilos}"
            axes.plot(grid.wrap(line[:, 0]), line[:, 1], color=colour, linewidth=1.8, path_effects=halo, zorder=5,
                      linestyle=_DASHES[index % len(_DASHES)], label=name if number == 0 else None)  # fmt: skip
            _arrow(axes, np.column_stack([grid.wrap(line[:, 0]), line[:, 1]]), colour)
        for order in vessel.orders:
            if order.action == "collect":
                x, end = (float(v) for v in grid.wrap(np.array([order.lon, order.end_lon])))
                start = next((t for t in view.tasks if t.task_id == order.task_id), order)
                way = grid.wrap(np.array([start.lon, order.lon])), [start.lat, order.lat]
                axes.plot(*way, color="#333", linestyle=":", linewidth=1.2, zorder=4)
                axes.plot([x, end], [order.lat, order.end_lat], color=colour, linewidth=5, alpha=0.4, zorder=4,
                          solid_capstyle="round")  # fmt: skip
                axes.plot(x, order.lat, marker="o", markersize=6, color="white", markeredgecolor=colour, zorder=7,
                          markeredgewidth=1.8)  # fmt: skip
                words.block(x, order.lat)
                stops.append(
                    (x, order.lat, f"{order.task_id}  {notation.day_clock(order.arrive, view.header.timezone)}")
                )
    for x, lat, text in stops:
        words.write(x, lat, text, 8, must=True, path_effects=halo, zorder=8, color=INK)


def _unserved(axes: Axes, view: PlanView, region: Region, words: Lettering) -> None:
    from matplotlib import patheffects

    halo = [patheffects.withStroke(linewidth=4, foreground="white")]
    for number, task in enumerate(view.unserved):
        x = float(region.routing_grid.wrap(np.array([task.lon]))[0])
        axes.plot(x, task.lat, marker="x", markersize=6 if number < _NAMED else 3.5, color="#555", zorder=6)
        if number < _NAMED:  # the lightest would only hide the rest
            words.write(x, task.lat, task.task_id, 7.5, color="#444", path_effects=halo, zorder=6)


def _arrow(axes: Axes, line: np.ndarray, colour: str) -> None:
    """An arrow head in the middle of a leg."""
    lengths = np.hypot(*np.diff(line, axis=0).T)
    if lengths.sum() < 0.03:
        return
    index = int(np.searchsorted(np.cumsum(lengths), lengths.sum() / 2))
    a, b = line[index], line[index + 1]
    middle = (a + b) / 2
    axes.annotate("", xy=middle + 0.01 * (b - a), xytext=middle, zorder=6,
                  arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 1.5, "mutation_scale": 14})  # fmt: skip


def _frame(axes: Axes, view: PlanView, vessel: Vessel | None) -> None:
    head = view.header
    title = f"{head.title}: plan of {head.issue_time[:10]}, issued {head.issue_time[11:16]} UTC"
    if vessel is not None:
        name = notation.ascii_name(vessel.name, 24, vessel.vessel_id)
        title = f"{vessel.number} {name}, issued {head.issue_time[:16]}Z (times local)"
    axes.set_title(title, loc="left", fontsize=11, color=INK, fontweight="bold", parse_math=False)  # fmt: skip
    axes.tick_params(labelsize=8, colors=INK)
    axes.xaxis.set_major_formatter(lambda x, _: _degrees(notation.signed_lon(x), "E", "W"))
    axes.yaxis.set_major_formatter(lambda y, _: _degrees(y, "N", "S"))
    axes.grid(color="#9fb4bd", linewidth=0.3, alpha=0.7)
    if view.sent and vessel is None:
        axes.legend(loc="upper left", fontsize=8, framealpha=0.92, title="Routes (times local)", title_fontsize=8)


def _degrees(value: float, positive: str, negative: str) -> str:
    return f"{abs(value):g}°{positive if value >= 0 else negative}"
